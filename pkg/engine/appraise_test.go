package engine_test

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"tradewind.dev/tradewind/internal/verify"
	"tradewind.dev/tradewind/pkg/engine"
)

// TestAppraiser compares bills of workloads anywhere, also where no rule allows them, and where they may be, with the checker's,
// which has arithmetic of its own. The mover and the statuses once named the checker's bills and not the engine's.
func TestAppraiser(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		snapshot := randomSnapshot(t, everything)
		appraiser, err := engine.NewAppraiser(snapshot, engine.Options{})
		if err != nil {
			t.Fatal(err)
		}
		decisions := make([][]engine.Decision, len(snapshot.Workloads))
		for i := range snapshot.Workloads {
			left := max(snapshot.Workloads[i].Replicas-snapshot.Workloads[i].Refused, 0)
			for pool := range snapshot.Pools {
				if n := rapid.IntRange(0, left).Draw(t, "replicas"); n > 0 {
					decisions[i] = append(decisions[i], engine.Decision{Pool: pool, Replicas: n})
					left -= n
				}
			}
		}
		want := verify.Bills(snapshot, decisions, engine.Options{})
		for i := range snapshot.Workloads {
			got := appraiser.Bill(i, func(workload int) []engine.Decision { return decisions[workload] })
			for part, amounts := range map[string][2]float64{
				"compute": {got.Compute, want[i].Compute}, "egress": {got.Egress, want[i].Egress}, "latency": {got.Latency, want[i].Latency},
				"interruption": {got.Interruption, want[i].Interruption}, "disruption": {got.Disruption, want[i].Disruption},
				"preference": {got.Preference, want[i].Preference},
			} {
				if math.Abs(amounts[0]-amounts[1]) > 1e-9+1e-6*math.Abs(amounts[1]) {
					t.Fatalf("%s on %v: %s $%g, want $%g", snapshot.Workloads[i].Name, decisions[i], part, amounts[0], amounts[1])
				}
			}
			for pool := range snapshot.Pools {
				if got, want := appraiser.Allows(i, pool), verify.Eligible(snapshot, i, pool); got != want {
					t.Fatalf("%s on pool %s: %t, want %t", snapshot.Workloads[i].Name, snapshot.Pools[pool].Name, got, want)
				}
			}
		}
	})
}
