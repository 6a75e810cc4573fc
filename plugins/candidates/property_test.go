package candidates_test

import (
	"fmt"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"pgregory.net/rapid"
)

// Every pod lands on a node whose points no other node that it may go to beats: kube-scheduler's own framework, asked about all
// nodes, is the judge.
func TestNoNodeBeatsTheChosenOne(t *testing.T) {
	rapid.Check(t, func(draw *rapid.T) {
		most := rapid.SampledFrom([]int{5, 5, 5, 40, 150}).Draw(draw, "most nodes")
		onRandomCluster(t, draw, rapid.IntRange(1, most).Draw(draw, "nodes"), 6)
	})
}

// So it is in clusters of thousands of nodes.
func TestNoNodeBeatsTheChosenOneOfThousands(t *testing.T) {
	if testing.Short() {
		t.Skip("makes thousands of nodes")
	}
	checked := false
	rapid.Check(t, func(draw *rapid.T) {
		if checked { // one of rapid's hundred is enough at this size
			return
		}
		onRandomCluster(t, draw, 5000, 4)
		checked = true
	})
}

var (
	zones         = []string{"eu-west-1a", "eu-west-1b", "eu-central-1a", "us-east-1a"}
	instanceTypes = []string{"m5.large", "m5.xlarge", "c5.xlarge", "r5.xlarge", "m5.4xlarge", "unheard.of"}
	policies      = []string{
		"optimizeFor: Cost",
		"optimizeFor: Latency\nlatency: {clients: [{location: DE, sharePercent: 60}, {location: US, sharePercent: 40}]}",
		"residency: {jurisdictions: [EU]}",
		"locations: {preferred: [{weight: 80, key: topology.kubernetes.io/region, operator: In, values: [us-east-1]}]}",
		"latency: {clients: [{location: DE, sharePercent: 100}], maxMilliseconds: 40}",
		"cost: {maxHourlyUSD: \"0.2\", spot: {maxPercent: 50}}",
		"spread: [{topologyKey: topology.kubernetes.io/region, maxSharePercent: 60}]",
	}
)

func onRandomCluster(t *testing.T, draw *rapid.T, nodes, pods int) {
	c := newCluster(t)
	for i := range nodes {
		node := awsNode(fmt.Sprintf("node-%d", i), rapid.SampledFrom(zones).Draw(draw, "zone"), rapid.SampledFrom(instanceTypes).Draw(draw, "type"))
		switch rapid.IntRange(0, 12).Draw(draw, "what is special") {
		case 0:
			node.Spec.Unschedulable = true
		case 1:
			node.Spec.Taints = []corev1.Taint{{Key: "team", Value: "other", Effect: corev1.TaintEffectNoSchedule}}
		case 2:
			node.Labels["disk"] = "fast"
		case 3, 4:
			node.Labels["eks.amazonaws.com/capacityType"] = "SPOT"
		}
		// Machines of one type differ by some KiB; where they differ by gibibytes so do their points.
		more := rapid.SampledFrom([]int64{0, 0, 4 << 10, 52 << 10, 1 << 30, 8 << 30}).Draw(draw, "more memory")
		memory := node.Status.Allocatable.Memory().DeepCopy()
		memory.Add(*resource.NewQuantity(more, resource.BinarySI))
		node.Status.Allocatable[corev1.ResourceMemory] = memory
		c.node(node)
		if rapid.Bool().Draw(draw, "busy") {
			other := c.pod(rapid.SampledFrom([]string{"1", "3500m", "4"}).Draw(draw, "what runs there asks for"))
			other.OwnerReferences = nil
			c.running(other, node.Name)
		}
	}
	c.policy(rapid.SampledFrom(policies).Draw(draw, "policy"))
	for range pods {
		pod := c.pod(rapid.SampledFrom([]string{"100m", "1", "3"}).Draw(draw, "cpu"))
		if rapid.IntRange(0, 3).Draw(draw, "selects") == 0 {
			pod.Spec.NodeSelector = map[string]string{"disk": "fast"}
		}
		if rapid.IntRange(0, 3).Draw(draw, "tolerates") == 0 {
			pod.Spec.Tolerations = []corev1.Toleration{{Key: "team", Operator: corev1.TolerationOpExists}}
		}
		scores := c.scores(pod)
		node, _, err := c.schedule(pod, shipped)
		if err != nil {
			if len(scores) > 0 {
				draw.Fatalf("not placed, though %d nodes may take it: %v", len(scores), err)
			}
			continue
		}
		if !slices.Contains(best(scores), node) {
			draw.Fatalf("placed on %s with %d points (in %v), though %v have %d", node, scores[node], scores, best(scores), scores[best(scores)[0]])
		}
	}
}
