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
