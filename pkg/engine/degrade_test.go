package engine_test

import (
	"slices"
	"testing"

	"tradewind.dev/tradewind/internal/verify"
	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/rules/policy"
)

// TestAfterALoss checks that replicas that were to survive the loss of a cloud run on what remains, also where that could
// not survive a second loss, and that the rule holds for the others.
func TestAfterALoss(t *testing.T) {
	survives := func(w *engine.Workload) {
		w.Availability = []policy.Availability{{Survive: location.DomainCloud, MinReplicasPercent: 50}}
	}
	lose := func(b *build, clouds ...string) *engine.Snapshot {
		for i := range b.Pools {
			if slices.Contains(clouds, b.Pools[i].Name) {
				b.Pools[i].Nodes = nil
			}
		}
		return b.Snapshot
	}
	for name, test := range map[string]struct {
		snapshot *engine.Snapshot
		degraded []int
		unplaced int
	}{
		"nothing lost":            {lose(newBuild(t).workload("web", 4, 1000, survives)), nil, 0},
		"one of three lost":       {lose(newBuild(t).workload("web", 4, 1000, survives), "aws"), nil, 0},
		"one left":                {lose(newBuild(t).workload("web", 4, 1000, survives), "aws", "gcp"), []int{0}, 0},
		"one left, without room":  {lose(newBuild(t).workload("web", 10, 1000, survives), "aws", "gcp"), []int{0}, 2},
		"one left, one of two":    {lose(newBuild(t).workload("a", 1, 1000).workload("b", 2, 1000, survives), "aws", "gcp"), []int{1}, 0},
		"nothing left":            {lose(newBuild(t).workload("web", 1, 1000), "aws", "gcp", "azure"), nil, 1},
		"no longer room for loss": {lose(newBuild(t).workload("web", 12, 1000, survives), "aws"), nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			after, err := engine.NewDegradedSolver(test.snapshot, engine.Options{})
			if err != nil {
				t.Fatal(err)
			}
			plan := after.Plan()
			for _, v := range verify.Check(after.Snapshot, plan, engine.Options{}) {
				t.Error(v)
			}
			if !slices.Equal(after.Workloads, test.degraded) {
				t.Errorf("degraded %v, want %v", after.Workloads, test.degraded)
			}
			if plan.Unplaced != test.unplaced {
				t.Errorf("%d replicas without a place, want %d", plan.Unplaced, test.unplaced)
			}
		})
	}
}
