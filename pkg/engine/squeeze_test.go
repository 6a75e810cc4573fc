package engine_test

import (
	"testing"

	"tradewind.dev/tradewind/pkg/engine"
)

// TestSqueeze finds packings that leave nothing free: each machine takes one replica of each of three workloads.
func TestSqueeze(t *testing.T) {
	for name, options := range map[string]engine.Options{"shares": byShares, "invoice": byInvoice} {
		t.Run(name, func(t *testing.T) {
			b := newBuild(t)
			b.Pools = b.Pools[:1]
			b.Pools[0].Allocatable = engine.Resources{MilliCPU: 16000, MemoryBytes: 64 * gib}
			b.Pools[0].Nodes, b.Pools[0].MaxNodes = nil, 10
			for _, cores := range []int64{5, 4, 7} {
				b.workload(map[int64]string{5: "five", 4: "four", 7: "seven"}[cores], 10, 1000*cores)
			}
			if plan := solve(t, b.Snapshot, options); plan.Unplaced != 0 {
				t.Errorf("%d are left out, and there is room for all", plan.Unplaced)
			}
		})
	}
}

// TestSqueezeInVain has a replica that no packing makes room for: all others stay where they are.
func TestSqueezeInVain(t *testing.T) {
	b := newBuild(t)
	b.workload("db", 4, 3900)
	for _, name := range []string{"web", "api", "shop"} {
		b.workload(name, 3, 900)
	}
	solver, err := engine.NewSolver(b.Snapshot, byShares)
	if err != nil {
		t.Fatal(err)
	}
	if solver.Plan().Unplaced != 1 {
		t.Fatalf("%d have no place, want one", solver.Plan().Unplaced)
	}
	if before, after := solver.SqueezeAgain(); before != after {
		t.Errorf("all were at %s, and are at %s", before, after)
	}
}
