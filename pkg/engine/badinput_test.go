package engine_test

import (
	"fmt"
	"math"
	"testing"

	"pgregory.net/rapid"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/internal/verify"
	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/rules/policy"
	"tradewind.dev/tradewind/pkg/workload"
)

var (
	absurdWhole  = []int64{math.MinInt64, -1, 0, 1, 1 << 40, 1 << 62, math.MaxInt64}
	absurdNumber = []float64{math.NaN(), math.Inf(1), math.Inf(-1), -1, 0, 1e-300, 1e300}
)

// spoil makes something in a snapshot absurd and returns the object that a problem may be about.
func spoil(t *rapid.T, s *engine.Snapshot) {
	whole := rapid.SampledFrom(absurdWhole).Draw(t, "whole")
	number := rapid.SampledFrom(absurdNumber).Draw(t, "number")
	p := &s.Pools[rapid.IntRange(0, len(s.Pools)-1).Draw(t, "spoiled pool")]
	w := &s.Workloads[rapid.IntRange(0, len(s.Workloads)-1).Draw(t, "spoiled workload")]
	changes := []func(){
		func() { p.Price.USD, p.Price.Known = number, true },
		func() { p.Allocatable.MilliCPU = whole },
		func() { p.Allocatable.MemoryBytes = whole },
		func() { p.MinNodes = int(whole) },
		func() { p.MaxNodes = int(min(whole, 1<<12)) },
		func() { p.Nodes = nil },
		func() { p.Interruption.MonthlyPercent, p.Interruption.Known = number, true },
		func() {
			if len(p.Nodes) > 0 {
				p.Nodes[0].Free.MilliCPU = whole
			}
		},
		func() { w.Replicas = int(whole) },
		func() { w.Request.MilliCPU = whole },
		func() { w.Request.MemoryBytes = whole },
		func() { w.Request.Extended = map[string]int64{"pods": whole} },
		func() { w.RestartUSD = number },
		func() { w.ClientBytesPerRequest = number },
		func() { w.Current = append(w.Current, engine.PoolReplicas{Pool: int(whole), Replicas: 1}) },
		func() { w.Current = append(w.Current, engine.PoolReplicas{Pool: 0, Replicas: int(whole)}) },
		func() {
			w.Availability = append(w.Availability, policy.Availability{Survive: "planet", MinReplicasPercent: int(whole)})
		},
		func() { w.Pins = append(w.Pins, engine.Pin{Replicas: int(whole)}) },
		func() {
			w.Calls = append(w.Calls, engine.Call{To: workload.Key{Name: w.Name}, RequestsPerSecond: number})
		},
		func() {
			w.Calls = append(w.Calls, engine.Call{To: workload.Key{Name: "w0"}, BytesPerRequest: number, MaxMilliseconds: number})
		},
	}
	changes[rapid.IntRange(0, len(changes)-1).Draw(t, "spoiled field")]()
}

// TestAbsurdNumbers plans snapshots with absurd numbers: the plan stays sound, its dollars are numbers, and every problem names an
// object and a field.
func TestAbsurdNumbers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		snapshot := randomSnapshot(t, everything)
		for range rapid.IntRange(1, 3).Draw(t, "spoiled") {
			spoil(t, snapshot)
		}
		plan, err := engine.Solve(snapshot, engine.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if total := plan.Bill.Total(); math.IsNaN(total) || math.IsInf(total, 0) || total < 0 {
			t.Errorf("the bill is %+v", plan.Bill)
		}
		for _, p := range plan.Problems {
			if p.Object == "" || p.Field == "" || p.Message == "" {
				t.Errorf("problem %+v", p)
			}
		}
		for _, v := range verify.Check(snapshot, plan, engine.Options{}) {
			t.Error(v)
		}
	})
}

// TestManyWorkloadsOfOnePolicy plans 10,000 workloads that one policy selects.
func TestManyWorkloadsOfOnePolicy(t *testing.T) {
	b := newBuild(t)
	rule := b.policy(v1alpha1.PolicySpec{
		Residency: &v1alpha1.Residency{Jurisdictions: []string{"EU"}},
		Spread:    []v1alpha1.Spread{{TopologyKey: v1alpha1.LabelCloud, MaxSkew: ptr(int32(1))}},
	})
	for i := range b.Pools {
		b.Pools[i].MaxNodes = 2000
	}
	for i := range 10_000 {
		b.workload(fmt.Sprintf("w%d", i), 2, 250, rule)
	}
	plan := solve(t, b.Snapshot, engine.Options{})
	if plan.Unplaced > 0 || plan.GapPercent > 1 {
		t.Errorf("%d unplaced, gap %g%%", plan.Unplaced, plan.GapPercent)
	}
	for i, p := range plan.Placements {
		if len(p.Decisions) != 2 {
			t.Fatalf("workload %d is on %d clouds, want 2", i, len(p.Decisions))
		}
	}
}

// TestPoolsVanish makes a new solver when a pool is gone: what runs there is placed elsewhere, what runs on others stays.
func TestPoolsVanish(t *testing.T) {
	b := newBuild(t)
	b.workload("web", 2, 500, func(w *engine.Workload) {
		w.Current = []engine.PoolReplicas{{Pool: 0, Replicas: 1}, {Pool: 1, Replicas: 1}}
	})
	solver, err := engine.NewSolver(b.Snapshot, engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	w := solver.Snapshot().Workloads[0]
	w.Current = []engine.PoolReplicas{{Pool: 7, Replicas: 1}, {Pool: 1, Replicas: 1}}
	plan, err := solver.Update(0, w)
	if err != nil {
		t.Fatal(err)
	}
	if len(plan.Problems) != 1 || plan.Problems[0].Field != "Current[0]" || plan.Unplaced != 0 {
		t.Errorf("problems %v, %d unplaced", plan.Problems, plan.Unplaced)
	}
	gone := *solver.Snapshot()
	gone.Pools = gone.Pools[1:]
	gone.Workloads[0].Current = []engine.PoolReplicas{{Pool: 0, Replicas: 1}}
	if plan := solve(t, &gone, engine.Options{}); plan.Unplaced != 0 || plan.Placements[0].Decisions[0].Pool != 0 {
		t.Errorf("placed at %+v", plan.Placements[0].Decisions)
	}
}

// TestFoundFailures keeps what the random tests have found.
func TestFoundFailures(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*build)
	}{
		{"fewest nodes there are", func(b *build) { b.Pools[0].MaxNodes = math.MinInt }},
		{"a price beyond all", func(b *build) { b.Pools[0].Price.USD = 1e300 }},
		{"fewest replicas run", func(b *build) {
			b.Workloads[0].Current = []engine.PoolReplicas{{Pool: 0, Replicas: math.MinInt}, {Pool: 0, Replicas: 1}}
		}},
		{"most replicas run", func(b *build) { b.Workloads[0].Current = []engine.PoolReplicas{{Pool: 0, Replicas: math.MaxInt}} }},
		{"answers beyond all", func(b *build) { b.Workloads[0].ClientBytesPerRequest = 1e300 }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBuild(t)
			b.workload("web", 2, 500, b.policy(v1alpha1.PolicySpec{Latency: &v1alpha1.Latency{
				Clients: []v1alpha1.Client{{Location: "DE", SharePercent: 100}},
			}})).workload("other", 1, 500)
			tt.change(b)
			if plan := solve(t, b.Snapshot, engine.Options{}); len(plan.Problems) == 0 || plan.Placements[1].Unplaced > 0 {
				t.Errorf("problems %v, %d of the other workload unplaced", plan.Problems, plan.Placements[1].Unplaced)
			}
		})
	}
}

// TestNothingIsLeftOfABill removes everything again: neither bill nor bound keeps what rounding left.
func TestNothingIsLeftOfABill(t *testing.T) {
	b := newBuild(t)
	b.workload("a", 3, 700).workload("b", 2, 300, calls("a", 7, 0))
	solver, err := engine.NewSolver(b.Snapshot, engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var plan *engine.Plan
	for i := range b.Workloads {
		for _, replicas := range []int{5, 1, 0} {
			w := solver.Snapshot().Workloads[i]
			w.Replicas = replicas
			if plan, err = solver.Update(i, w); err != nil {
				t.Fatal(err)
			}
		}
	}
	if plan.Bill != (engine.Bill{}) || plan.LowerBoundUSD != 0 || plan.GapPercent != 0 {
		t.Errorf("bill %+v, bound $%g, gap %g%%", plan.Bill, plan.LowerBoundUSD, plan.GapPercent)
	}
}
