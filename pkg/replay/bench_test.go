package replay

import (
	"math/rand/v2"
	"testing"

	"tradewind.dev/tradewind/pkg/replay/replaytest"
	"tradewind.dev/tradewind/pkg/state"
)

// large is 200 workloads on 500 nodes, as hack/engine-bench has 2,000 on 5,000.
func large() *state.Lists {
	random := rand.New(rand.NewPCG(7, 500))
	size := replaytest.Size{Groups: 25, Nodes: 500, Workloads: 200, Replicas: 5, Exact: true}
	return replaytest.Cluster(random.IntN, size, replaytest.Planned())
}

// TestLarge binds every replica of a plan of a size.
func TestLarge(t *testing.T) {
	lists := large()
	result, plan := planOf(t, lists)
	if holds(t, lists, result, plan); len(lists.Nodes) != 500 || plan.Replicas < 500 {
		t.Errorf("%d replicas on %d nodes", plan.Replicas, len(lists.Nodes))
	}
}

// BenchmarkRun replays the plan, about 1,000 replicas.
func BenchmarkRun(b *testing.B) {
	lists := large()
	result, plan := planOf(b, lists)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Run(&Input{Lists: lists, Result: result, Plan: plan}); err != nil {
			b.Fatal(err)
		}
	}
}
