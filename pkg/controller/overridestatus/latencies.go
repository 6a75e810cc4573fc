package overridestatus

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/latency"
	"tradewind.dev/tradewind/pkg/state/cluster"
)

// samplesUsed says whether a node stands at an end of any sample.
func samplesUsed(spec *v1alpha1.LatencyMapSpec, state *cluster.State) metav1.Condition {
	ends := map[string]bool{}
	var names []string // in the order of the samples
	for i := range spec.Samples {
		for _, end := range [...]string{spec.Samples[i].From, spec.Samples[i].To} {
			if _, seen := ends[end]; seen {
				continue
			}
			ends[end] = true
			// A country is where clients are; nodes stand in regions.
			if read, err := latency.ParseClient(end); err == nil && read.Country() == "" {
				names = append(names, end)
			}
		}
	}
	concerned := 0
	for i := range state.Nodes {
		if key := state.Nodes[i].Class.RegionKey(); key != "" && ends[key] {
			concerned += state.Nodes[i].Count
		}
	}
	return used(state, concerned, func() string {
		if len(names) == 0 {
			return "no sample names a region that nodes could be in"
		}
		text := "no node is in " + names[0]
		if len(names) > 1 {
			text = "no node is in any of " + distinct(names, ", ")
		}
		return text + "; the cluster's nodes are in " + places(state)
	})
}
