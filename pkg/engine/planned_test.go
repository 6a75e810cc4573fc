package engine_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"tradewind.dev/tradewind/internal/verify"
	"tradewind.dev/tradewind/pkg/engine"
)

// underway is a snapshot in which some of the workloads run where a plan has them, and all know that plan.
func underway(snapshot *engine.Snapshot, plan *engine.Plan, arrived func(workload int) bool) *engine.Snapshot {
	out := *snapshot
	out.Workloads = slices.Clone(out.Workloads)
	for i, placement := range plan.Placements {
		w := &out.Workloads[i]
		w.Planned = nil
		for k := range placement.Decisions {
			d := &placement.Decisions[k]
			w.Planned = append(w.Planned, engine.PoolReplicas{Pool: d.Pool, Replicas: d.Replicas})
		}
		if arrived(i) {
			w.Current, w.RunsOn = slices.Clone(w.Planned), nil
		}
	}
	return &out
}

// withoutPlan is a snapshot that knows of no plan before.
func withoutPlan(snapshot *engine.Snapshot) *engine.Snapshot {
	out := *snapshot
	out.Workloads = slices.Clone(out.Workloads)
	for i := range out.Workloads {
		out.Workloads[i].Planned = nil
	}
	return &out
}

// differs is how many workloads two plans have in other pools.
func differs(a, b *engine.Plan) int {
	n := 0
	for i := range a.Placements {
		at := map[int]int{}
		for _, d := range a.Placements[i].Decisions {
			at[d.Pool] += d.Replicas
		}
		for _, d := range b.Placements[i].Decisions {
			at[d.Pool] -= d.Replicas
		}
		for _, left := range at {
			if left != 0 {
				n++
				break
			}
		}
	}
	return n
}

// TestAPlanIsFollowed lets applications run, makes the machines of one cloud dearer, and plans again while some of the services have gone to
// where the plan has them since, and others have not.
func TestAPlanIsFollowed(t *testing.T) {
	for _, objective := range []engine.Objective{engine.ObjectiveInvoice, engine.ObjectiveShares} {
		with, without, all := 0, 0, 0
		for seed := range uint64(12) {
			random := rand.New(rand.NewPCG(seed, 7)) //nolint:gosec // a test's own numbers
			snapshot := newWorld(t).Application(random)
			for i := range snapshot.Workloads {
				snapshot.Workloads[i].Calls = nil
			}
			options := engine.Options{Objective: objective}
			runs := withoutPlan(underway(snapshot, solved(t, snapshot, options), func(int) bool { return true }))
			runs.Pools = slices.Clone(runs.Pools)
			for i := range runs.Pools {
				if pool := &runs.Pools[i]; pool.Class.Cloud == runs.Pools[0].Class.Cloud {
					pool.Price.USD *= 3
				}
			}
			plan := solved(t, runs, options)
			going := underway(runs, plan, func(int) bool { return random.IntN(2) == 0 })
			all += len(snapshot.Workloads)
			with += differs(plan, solved(t, going, options))
			without += differs(plan, solved(t, withoutPlan(going), options))
		}
		if with > 0 || without < all/20 {
			t.Errorf("%s: of %d workloads %d are planned elsewhere, %d where no plan was known", objective, all, with, without)
		}
	}
}

// solved plans a snapshot and checks the plan.
func solved(t fataler, snapshot *engine.Snapshot, options engine.Options) *engine.Plan {
	plan, err := engine.Solve(snapshot, options)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range verify.Check(snapshot, plan, options) {
		t.Fatal(v)
	}
	return plan
}

// TestAFollowedPlanIsNearTheBest follows plans of any kind: no fewer replicas have a place than where no plan is known, and the plan costs no
// more than a hundredth more.
func TestAFollowedPlanIsNearTheBest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		bounds := lawful
		bounds.calls = rapid.Bool().Draw(t, "calling")
		snapshot := randomSnapshot(t, bounds)
		options := engine.Options{Objective: rapid.SampledFrom([]engine.Objective{engine.ObjectiveInvoice, engine.ObjectiveShares}).Draw(t, "objective")}
		plan := solved(t, snapshot, options)
		going := underway(snapshot, plan, func(int) bool { return false })
		for i := range going.Workloads { // the plan before was of other prices, numbers or rules
			if rapid.IntRange(0, 3).Draw(t, "moved") == 0 {
				going.Workloads[i].Planned = []engine.PoolReplicas{{Pool: rapid.IntRange(-1, len(going.Pools)).Draw(t, "pool"), Replicas: rapid.IntRange(-1, 6).Draw(t, "replicas")}}
			}
		}
		with, without := solved(t, going, options), solved(t, withoutPlan(going), options)
		if with.Unplaced > without.Unplaced {
			t.Fatalf("%d replicas have no place, and %d where no plan is known", with.Unplaced, without.Unplaced)
		}
		if with.Unplaced == without.Unplaced && with.Unrecovered() == without.Unrecovered() && with.Total() > without.Total()/0.99+0.01 {
			t.Fatalf("$%g/h, and $%g/h where no plan is known", with.Total(), without.Total())
		}
	})
}
