package rules

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"pgregory.net/rapid"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/rules/policy"
)

// TestMostInDomains: as many replicas as are said find a place one after the other, by what filters ask, and no more.
func TestMostInDomains(t *testing.T) {
	w := newWorld(t)
	var classes []*Class
	for _, region := range []string{"eu-west-1", "eu-central-1", "us-east-1", "us-west-2", "eu-north-1"} {
		classes = append(classes, w.class("aws", region, region+"a", v1alpha1.CapacityOnDemand))
	}
	rapid.Check(t, func(t *rapid.T) {
		rule := policy.Spread{
			TopologyKey: corev1.LabelTopologyRegion, MinDomains: rapid.IntRange(1, 6).Draw(t, "least"),
			MaxSharePercent: rapid.IntRange(1, 100).Draw(t, "share"),
		}
		replicas, domains := rapid.IntRange(0, 30).Draw(t, "replicas"), rapid.IntRange(0, len(classes)).Draw(t, "domains")
		view, placed := &View{Desired: replicas}, 0
		for placed < replicas {
			spread := newSpread(rule, view)
			var best *Class // the emptiest that may have one more
			fewest := 0
			for _, class := range classes[:domains] {
				there := 0
				for i := range view.Classes {
					if view.Classes[i].Class == class {
						there = view.Classes[i].Replicas
					}
				}
				if spread.ClassReason(class) == "" && (best == nil || there < fewest) {
					best, fewest = class, there
				}
			}
			if best == nil {
				break
			}
			view, placed = view.With(best, 1, 0, 0), placed+1
		}
		if got := MostInDomains(&rule, replicas, domains); got != placed {
			t.Fatalf("%d of %d replicas find a place in %d domains under %+v, said are %d", placed, replicas, domains, rule, got)
		}
	})
}
