package engine_test

import (
	"testing"

	"pgregory.net/rapid"

	"tradewind.dev/tradewind/internal/verify"
	"tradewind.dev/tradewind/pkg/engine"
)

// everything draws every kind of rule.
var everything = bounds{pools: 6, nodes: 3, workloads: 8, replicas: 6, calls: true, survive: true, pins: true, current: true, pods: true, wishes: true}

func check(t *rapid.T, snapshot *engine.Snapshot, plan *engine.Plan) {
	for _, v := range verify.Check(snapshot, plan, engine.Options{Objective: plan.Objective}) {
		t.Error(v)
	}
}

func anyObjective(t *rapid.T) engine.Objective {
	return rapid.SampledFrom([]engine.Objective{engine.ObjectiveInvoice, engine.ObjectiveShares}).Draw(t, "objective")
}

// TestEveryPlanIsSound plans random snapshots and lets the independent checker recompute every rule and every dollar.
func TestEveryPlanIsSound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		snapshot := randomSnapshot(t, everything)
		plan, err := engine.Solve(snapshot, engine.Options{Objective: anyObjective(t)})
		if err != nil {
			t.Fatal(err)
		}
		check(t, snapshot, plan)
	})
}

// TestStoppedPlansAreSound stops the search at a random step.
func TestStoppedPlansAreSound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		snapshot := randomSnapshot(t, everything)
		steps := rapid.IntRange(0, 40).Draw(t, "steps")
		plan, err := engine.Solve(snapshot, engine.Options{Objective: anyObjective(t), Expired: func() bool { steps--; return steps < 0 }})
		if err != nil {
			t.Fatal(err)
		}
		check(t, snapshot, plan)
	})
}

// TestUpdatesAreSound changes one workload after the other.
func TestUpdatesAreSound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		snapshot := randomSnapshot(t, everything)
		solver, err := engine.NewSolver(snapshot, engine.Options{Objective: anyObjective(t)})
		if err != nil {
			t.Fatal(err)
		}
		w := newWorld(t)
		w.RoundTrips = snapshot.RoundTrips
		for range rapid.IntRange(1, 4).Draw(t, "updates") {
			i := rapid.IntRange(0, len(snapshot.Workloads)-1).Draw(t, "workload")
			next := randomWorkload(t, w, snapshot, i, everything)
			next.Namespace = snapshot.Workloads[i].Namespace // an update renames nothing
			next.HostPorts = snapshot.Workloads[i].HostPorts // nor may it ask for a port that nobody had
			plan, err := solver.Update(i, next)
			if err != nil {
				t.Fatal(err)
			}
			check(t, solver.Snapshot(), plan)
		}
	})
}

// TestBoundsOfUpdates compares the bound after updates with plans of everything.
func TestBoundsOfUpdates(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		snapshot := randomSnapshot(t, everything)
		solver, err := engine.NewSolver(snapshot, engine.Options{Objective: anyObjective(t)})
		if err != nil {
			t.Fatal(err)
		}
		w := newWorld(t)
		w.RoundTrips = snapshot.RoundTrips
		i := rapid.IntRange(0, len(snapshot.Workloads)-1).Draw(t, "workload")
		next := randomWorkload(t, w, snapshot, i, everything)
		next.Namespace = snapshot.Workloads[i].Namespace
		next.HostPorts = snapshot.Workloads[i].HostPorts
		plan, err := solver.Update(i, next)
		if err != nil {
			t.Fatal(err)
		}
		boundHolds(t, solver.Snapshot(), plan)
	})
}

// boundHolds checks that a plan is no further above one that plans everything than it says: its lower bound is one for that plan
// too, where as many replicas of each workload have a place in both.
func boundHolds(t *rapid.T, snapshot *engine.Snapshot, plan *engine.Plan) {
	whole, err := engine.Solve(snapshot, engine.Options{Objective: plan.Objective})
	if err != nil {
		t.Fatal(err)
	}
	for i, placement := range plan.Placements {
		if placement.Unplaced != whole.Placements[i].Unplaced {
			return
		}
	}
	if total := whole.Total(); plan.LowerBoundUSD > total*(1+1e-9)+1e-9 {
		t.Errorf("no plan costs less than $%g, it says; one that plans everything costs $%g", plan.LowerBoundUSD, total)
	}
}
