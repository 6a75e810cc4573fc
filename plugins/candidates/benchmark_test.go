package candidates_test

import (
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/kubernetes/pkg/scheduler/framework"
)

// BenchmarkPreFilter is what choosing the nodes for one pod takes at 5,000 nodes of 24 places, with all PreFilter
// plugins that are run twice: where all machines of a type have the same memory, and where it differs by KiB as it does
// in clouds; for a pod that costs its share of cores, and one that costs its share of memory. Beside it the plain
// forms: nodes that differ in memory are not grouped, and what was known of the nodes is forgotten after every pod.
func BenchmarkPreFilter(b *testing.B) {
	for _, tt := range []struct {
		name   string
		jitter int64 // KiB
	}{{"equal", 0}, {"jittered", 4}} {
		for _, variant := range []struct {
			form, cpu string
		}{{"as-is", "2"}, {"as-is", "100m"}, {"ungrouped", "2"}, {"ungrouped", "100m"}, {"forgotten", "2"}} {
			b.Run(tt.name+"/"+variant.cpu+"/"+variant.form, func(b *testing.B) {
				c := newCluster(b)
				for i := range 5000 {
					node := awsNode(fmt.Sprintf("node-%d", i), zones[i%4], instanceTypes[i/4%6])
					memory := node.Status.Allocatable.Memory().Value() + int64(i)*tt.jitter<<10
					node.Status.Allocatable[corev1.ResourceMemory] = *resource.NewQuantity(memory, resource.BinarySI)
					c.node(node)
				}
				c.policy("optimizeFor: Cost\nresidency: {jurisdictions: [EU]}\ncost: {maxHourlyUSD: \"100\"}")
				if _, _, err := c.schedule(c.pod(variant.cpu), shipped); err != nil { // takes the snapshot
					b.Fatal(err)
				}
				if variant.form == "ungrouped" {
					c.chooser.Ungroup()
				}
				pod := c.pod(variant.cpu)
				b.ReportAllocs()
				for b.Loop() {
					if variant.form == "forgotten" {
						c.chooser.Forget()
					}
					result, status, _ := c.scheduler.Profiles[shipped].RunPreFilterPlugins(b.Context(), framework.NewCycleState(), pod)
					if !status.IsSuccess() || result.AllNodes() {
						b.Fatal(status.AsError())
					}
				}
			})
		}
	}
}
