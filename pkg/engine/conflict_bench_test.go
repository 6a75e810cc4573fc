package engine_test

import (
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"

	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/rules"
	"tradewind.dev/tradewind/pkg/rules/policy"
)

// zoned is a snapshot of pools in a zone each, with a workload under a number of location requirements that leave it no pool:
// each forbids one zone, over and over, and none can be left out that another does not stand for.
func zoned(t testing.TB, pools, ruled int) *engine.Snapshot {
	b := newBuild(t)
	b.Pools = nil
	for i := range pools {
		b.pool("aws", "eu-west-1", fmt.Sprintf("eu-west-1-%d", i), 0.1)
		b.Pools[i].Name = fmt.Sprintf("p%d", i)
	}
	effective := &policy.Effective{SpotMaxPercent: 100}
	for i := range ruled {
		effective.Required = append(effective.Required, forbidZone(t, fmt.Sprintf("p%d", i/32), fmt.Sprintf("eu-west-1-%d", i%pools), fmt.Sprintf("other-%d", i)))
	}
	b.workload("web", 3, 100, func(w *engine.Workload) { w.Rules = rules.NewRules(effective, b.World.RoundTrips) })
	return b.Snapshot
}

// forbidZone is a policy's requirement that forbids zones.
func forbidZone(t fataler, source string, zones ...string) policy.LocationRequirement {
	requirement, err := labels.NewRequirement(corev1.LabelTopologyZone, selection.NotIn, zones)
	if err != nil {
		t.Fatal(err)
	}
	return policy.LocationRequirement{
		Source: policy.Source{Namespace: "shop", Name: source}, Requirement: *requirement, Text: fmt.Sprint("zone not ", zones),
	}
}

func benchmarkConflict(b *testing.B, pools, rules int) {
	snapshot := zoned(b, pools, rules)
	for b.Loop() {
		plan, err := engine.Solve(snapshot, engine.Options{})
		if err != nil {
			b.Fatal(err)
		}
		if plan.Unplaced != 3 {
			b.Fatalf("%d unplaced", plan.Unplaced)
		}
	}
}

// BenchmarkConflict is what it costs to say which of many rules exclude each other.
func BenchmarkConflict(b *testing.B) {
	for _, rules := range []int{100, 200, 400, 800} {
		b.Run(fmt.Sprint(rules), func(b *testing.B) { benchmarkConflict(b, 20, rules) })
	}
}
