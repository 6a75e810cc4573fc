package engine_test

import (
	"testing"

	corev1 "k8s.io/api/core/v1"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/internal/verify"
	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/location"
)

// TestUpdateToASmallerRequest fills nodes with replicas that are smaller than any that the solver was made with: nodes that
// were too full for all of those have room for these.
func TestUpdateToASmallerRequest(t *testing.T) {
	b := newBuild(t).workload("web", 20, 3000)
	solver, err := engine.NewSolver(b.Snapshot, engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if plan := solver.Plan(); plan.Replicas != 6 {
		t.Fatalf("%d of 20 replicas of 3 cores are placed on six nodes of 4, want 6", plan.Replicas)
	}
	smaller := b.Workloads[0]
	smaller.Replicas, smaller.Request.MilliCPU = 24, 1000
	plan, err := solver.Update(0, smaller)
	if err != nil {
		t.Fatal(err)
	}
	if plan.Replicas != 24 {
		t.Errorf("%d of 24 replicas of 1 core are placed, want all", plan.Replicas)
	}
	for _, v := range verify.Check(solver.Snapshot(), plan, engine.Options{}) {
		t.Error(v)
	}
}

// TestUpdateMakesRoom: an updated workload that may go to one full pool alone was left without a place, though what fills the
// pool had room elsewhere. Where that has none, or must survive a loss that it could not survive elsewhere, it stays.
func TestUpdateMakesRoom(t *testing.T) {
	for _, tt := range []struct {
		name    string
		web     func(b *build) func(*engine.Workload)
		db, aws int // replicas that have a place, and those of web on the pool
	}{
		{"room elsewhere", func(b *build) func(*engine.Workload) { return b.policy(v1alpha1.PolicySpec{}) }, 4, 4},
		{"nowhere else to go", func(b *build) func(*engine.Workload) { return b.policy(onlyCloud("aws")) }, 0, 8},
		{"no room after a loss", func(b *build) func(*engine.Workload) {
			b.Pools = b.Pools[:2]
			b.Pools[1].Nodes = append(b.Pools[1].Nodes, b.Pools[1].Nodes[0], b.Pools[1].Nodes[0])
			return survive(location.DomainCloud, 0)
		}, 0, 8},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBuild(t)
			b.workload("web", 8, 1000, tt.web(b)).workload("db", 0, 1000, b.policy(onlyCloud("aws")))
			solver, err := engine.NewSolver(b.Snapshot, engine.Options{})
			if err != nil {
				t.Fatal(err)
			}
			onAWS := func(plan *engine.Plan) (n int) {
				for _, d := range plan.Placements[0].Decisions {
					if d.Pool == 0 {
						n += d.Replicas
					}
				}
				return n
			}
			if got := onAWS(solver.Plan()); got != 8 {
				t.Fatalf("%d of 8 replicas fill the pool", got)
			}
			db := b.Workloads[1]
			db.Replicas = 4
			plan, err := solver.Update(1, db)
			if err != nil {
				t.Fatal(err)
			}
			if placed := 4 - plan.Placements[1].Unplaced; placed != tt.db || onAWS(plan) != tt.aws || plan.Placements[0].Unplaced != 0 {
				t.Errorf("%d replicas of db have a place, want %d; %d of web are on the pool, want %d, and %d nowhere",
					placed, tt.db, onAWS(plan), tt.aws, plan.Placements[0].Unplaced)
			}
			for _, v := range verify.Check(solver.Snapshot(), plan, engine.Options{}) {
				t.Error(v)
			}
		})
	}
}

// TestUpdateMovesRefuges: an updated workload was left without a place where room was kept for a loss, though that could be kept
// elsewhere. Where it could not, it stays.
func TestUpdateMovesRefuges(t *testing.T) {
	for _, tt := range []struct{ azure, placed int }{{2, 8}, {0, 4}} {
		b := newBuild(t)
		b.Pools[2].Nodes = b.Pools[2].Nodes[:tt.azure]
		b.workload("web", 4, 1000, survive(location.DomainCloud, 0)).workload("db", 0, 1000, b.policy(onlyCloud("gcp")))
		solver, err := engine.NewSolver(b.Snapshot, engine.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if at := solver.Plan().Placements[0]; at.Decisions[0].Pool != 0 || len(at.Recoveries) != 1 || at.Recoveries[0].Moves[0].Pool != 1 {
			t.Fatalf("web is %+v: nothing is in the way", at)
		}
		db := b.Workloads[1]
		db.Replicas = 8
		plan, err := solver.Update(1, db)
		if err != nil {
			t.Fatal(err)
		}
		if placed := 8 - plan.Placements[1].Unplaced; placed != tt.placed || plan.Placements[0].Unplaced != 0 {
			t.Errorf("%d nodes of azure: %d replicas of db have a place, want %d; %d of web have none", tt.azure, placed, tt.placed, plan.Placements[0].Unplaced)
		}
		for _, v := range verify.Check(solver.Snapshot(), plan, engine.Options{}) {
			t.Error(v)
		}
	}
}

// TestUpdateForgetsProblems: what was wrong with a workload stayed among the problems of the plan after it had been corrected, and
// came once more with every update.
func TestUpdateForgetsProblems(t *testing.T) {
	b := newBuild(t).workload("web", 1, 100, calls("ghost", 1, 0)).workload("db", -1, 100)
	solver, err := engine.NewSolver(b.Snapshot, engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if problems := solver.Plan().Problems; len(problems) != 2 {
		t.Fatalf("problems are %v", problems)
	}
	for range 2 {
		plan, err := solver.Update(0, b.Workloads[0])
		if err != nil || len(plan.Problems) != 2 {
			t.Errorf("problems are %v: %v", plan.Problems, err)
		}
	}
	corrected := b.Workloads[0]
	corrected.Calls = nil
	plan, err := solver.Update(0, corrected)
	if err != nil || len(plan.Problems) != 1 || plan.Problems[0].Object != "Deployment shop/db" {
		t.Errorf("problems are %v: %v", plan.Problems, err)
	}
}

// TestBoundWithoutAPinnedReplica: where volumes leave one replica no place and another runs on where it is, the bound took the one
// that runs for the pinned one, which would have had to move.
func TestBoundWithoutAPinnedReplica(t *testing.T) {
	bound := func(b *build) float64 {
		plan := solve(t, b.Snapshot, engine.Options{})
		if plan.GapPercent <= 0 {
			t.Fatalf("the gap is %g %%: a bound that is too high would not show", plan.GapPercent)
		}
		return plan.LowerBoundUSD
	}
	without := bound(newBuild(t).workload("big", 3, 2500))
	with := bound(newBuild(t).workload("big", 3, 2500).workload("web", 2, 0, func(w *engine.Workload) {
		w.Request = engine.Resources{}
		w.Current = []engine.PoolReplicas{{Pool: 0, Replicas: 1}}
		w.Pins = []engine.Pin{{Replicas: 1}}
	}))
	if with > without+1e-9 {
		t.Errorf("no plan costs less than $%g, it says, though the replica that runs is free: without it $%g", with, without)
	}
}

// TestUpdateTellsOfReplicasBackOnTheirNode: a replica that finds its own went back to the node that it runs on when another workload had
// left that, and the plan had it on the other node still.
func TestUpdateTellsOfReplicasBackOnTheirNode(t *testing.T) {
	b := newBuild(t)
	b.Pools = b.Pools[:1]
	ports := []engine.HostPort{{Protocol: "TCP", Number: 80}, {Protocol: "TCP", Number: 81}}
	b.Pools[0].Nodes[1].HostPorts = ports
	b.workload("web", 1, 3000, func(w *engine.Workload) { w.HostPorts = ports[:1] })
	b.workload("db", 1, 1500, func(w *engine.Workload) {
		w.Current, w.RunsOn = []engine.PoolReplicas{{Pool: 0, Replicas: 1}}, []engine.PodsAt{{Pool: 0, Node: 0, Pods: 1}}
		own := &engine.PodAffinity{TopologyKeys: []string{corev1.LabelTopologyZone}, PodSet: engine.PodSet{Workloads: []int{1}}}
		w.PodRules = &engine.PodRules{Together: own}
	})
	b.workload("mail", 1, 500, func(w *engine.Workload) { w.HostPorts = ports[1:] })
	solver, err := engine.NewSolver(b.Snapshot, engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	on := func(plan *engine.Plan) int { return plan.Placements[1].Decisions[0].Nodes[0].Node }
	if plan := solver.Plan(); plan.Unplaced > 0 || on(plan) != 1 {
		t.Fatalf("%d unplaced, db is on node %d; want it on the other one than web", plan.Unplaced, on(plan))
	}
	gone := b.Workloads[0]
	gone.Replicas = 0
	plan, err := solver.Update(0, gone)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range verify.Check(solver.Snapshot(), plan, engine.Options{}) {
		t.Error(v)
	}
	if on(plan) != 0 {
		t.Errorf("db is on node %d, want it where it runs", on(plan))
	}
}
