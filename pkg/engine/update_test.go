package engine_test

import (
	"testing"

	"tradewind.dev/tradewind/internal/verify"
	"tradewind.dev/tradewind/pkg/engine"
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
