package engine_test

import (
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

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

// TestOnlyTheLossIsReplaced plans losses while plans are in force: the plan of what is left is sound, what the loss does not concern stays
// where it is.
func TestOnlyTheLossIsReplaced(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		snapshot := randomSnapshot(t, bounds{pools: 5, nodes: 3, workloads: 6, replicas: 4, survive: true, pods: true})
		plan := sound(t, snapshot)
		cloud := rapid.SampledFrom([]string{"aws", "gcp", "azure"}).Draw(t, "lost")
		lost := func(pool int) bool { return snapshot.Pools[pool].Class.Location.Cloud == cloud }
		after, err := engine.NewLossSolver(snapshot, plan, lost, engine.Options{})
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range verify.Check(after.Snapshot, after.Plan(), engine.Options{}) {
			t.Fatal(v)
		}
		for _, placement := range after.Plan().Placements {
			for _, d := range placement.Decisions {
				if lost(d.Pool) {
					t.Fatalf("replicas are on pool %d, which is lost", d.Pool)
				}
			}
		}
		for i, placement := range after.Plan().Placements {
			w := &snapshot.Workloads[i]
			concerned := plan.Placements[i].Unplaced > 0 || w.PodRules != nil || slices.ContainsFunc(plan.Placements[i].Decisions, func(d engine.Decision) bool { return lost(d.Pool) })
			if was := replicasOf(plan.Placements[i]); after.Plan().Unplaced <= plan.Unplaced && !concerned && !maps.Equal(was, replicasOf(placement)) {
				t.Fatalf("workload %d, which the loss does not concern, is on %v and was on %v", i, replicasOf(placement), was)
			}
		}
	})
}
