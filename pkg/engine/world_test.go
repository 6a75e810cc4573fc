package engine_test

import (
	"testing"

	"tradewind.dev/tradewind/internal/verify"
	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/engine/enginetest"
)

type fataler interface{ Fatal(...any) }

func newWorld(t fataler) *enginetest.World {
	w, err := enginetest.NewWorld()
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func ptr[T any](value T) *T { return &value }

// solve plans and checks the plan.
func solve(t testing.TB, snapshot *engine.Snapshot, options engine.Options) *engine.Plan {
	t.Helper()
	plan, err := engine.Solve(snapshot, options)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range verify.Check(snapshot, plan, options) {
		t.Error(v)
	}
	return plan
}

// production is a snapshot of real instance types and requests; see enginetest.Production.
func production(t testing.TB, pools, workloads int, share float64, calls int) *engine.Snapshot {
	t.Helper()
	snapshot, err := enginetest.Production(enginetest.Size{Pools: pools, Workloads: workloads, Calls: calls, Share: share})
	if err != nil {
		t.Fatal(err)
	}
	return snapshot
}
