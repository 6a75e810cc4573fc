package engine_test

import (
	"math"
	"testing"

	"tradewind.dev/tradewind/internal/verify"
	"tradewind.dev/tradewind/pkg/engine"
)

// What is invoiced is whole machines and traffic; a plan that adds up shares reads like an invoice and is none. Nodes have four
// cores, two of them exist in each pool.
func TestMachines(t *testing.T) {
	for _, tt := range []struct {
		name     string
		replicas int
		milliCPU int64
		change   func(*engine.Snapshot)
		want     float64
	}{
		{"one replica uses a whole machine", 1, 500, nil, 0.10},
		{"two machines", 2, 3000, nil, 0.20},
		{"nothing is used", 0, 500, nil, 0},
		{"a machine more is added", 3, 3000, func(s *engine.Snapshot) { s.Pools[0].MaxNodes = 3 }, 0.30},
		{"the next cloud", 3, 3000, nil, 0.40},
		{"what nobody can stop paying for", 3, 3000, func(s *engine.Snapshot) { s.Pools[0].Sunk = true }, 0.20},
		{"one of two is committed", 2, 3000, func(s *engine.Snapshot) {
			s.Commitments = []engine.Commitment{{Pools: []int{0}, Nodes: 1}}
		}, 0.10},
		{"more is committed than used", 2, 3000, func(s *engine.Snapshot) {
			s.Commitments = []engine.Commitment{{Pools: []int{0}, Nodes: 9}}
		}, 0},
		{"what is committed may be in either pool", 3, 3000, func(s *engine.Snapshot) {
			s.Commitments = []engine.Commitment{{Pools: []int{0, 1}, Nodes: 3}}
		}, 0},
		{"two commitments cover a machine once", 2, 3000, func(s *engine.Snapshot) {
			s.Commitments = []engine.Commitment{{Pools: []int{0}, Nodes: 1}, {Pools: []int{0}, Nodes: 1}}
		}, 0},
		{"the price of one is not known", 3, 3000, func(s *engine.Snapshot) {
			s.Pools[1].Price.Known, s.Pools[2].Price.Known = false, false
		}, 0.20},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBuild(t)
			b.workload("web", tt.replicas, tt.milliCPU)
			if tt.change != nil {
				tt.change(b.Snapshot)
			}
			plan := solve(t, b.Snapshot, engine.Options{})
			if plan.Unplaced > 0 || math.Abs(plan.Bill.Machines-tt.want) > 1e-9 {
				t.Errorf("machines $%g, want $%g; %d unplaced", plan.Bill.Machines, tt.want, plan.Unplaced)
			}
			sum := 0.0
			for i := range plan.Pools {
				sum += plan.Pools[i].MachinesUSD
			}
			if math.Abs(sum-plan.Bill.Machines) > 1e-9 {
				t.Errorf("the pools' machines are $%g, the plan's $%g", sum, plan.Bill.Machines)
			}
		})
	}
}

// A workload that changes uses other machines, also with commitments over several pools.
func TestMachinesAfterUpdates(t *testing.T) {
	b := newBuild(t)
	b.Commitments = []engine.Commitment{{Pools: []int{0, 1}, Nodes: 2}}
	b.workload("web", 1, 3000).workload("db", 1, 3000)
	solver, err := engine.NewSolver(b.Snapshot, engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for replicas, want := range map[int]float64{1: 0, 3: 0.40, 2: 0.20} {
		web := b.Workloads[0]
		web.Replicas = replicas
		plan, err := solver.Update(0, web)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range verify.Check(solver.Snapshot(), plan, engine.Options{}) {
			t.Error(v)
		}
		if math.Abs(plan.Bill.Machines-want) > 1e-9 {
			t.Errorf("%d replicas: machines $%g, want $%g", replicas, plan.Bill.Machines, want)
		}
	}
}

func TestSumsOfABill(t *testing.T) {
	b := engine.Bill{Machines: 1, Compute: 2, Egress: 4, Latency: 8, Interruption: 16, Disruption: 32, Preference: 64}
	for name, got := range map[string][2]float64{
		"invoice": {b.Invoice(), 5}, "share": {b.Share(), 6}, "valued": {b.Valued(), 120}, "total": {b.Total(), 126}, "staying": {b.Staying(), 94},
	} {
		if got[0] != got[1] {
			t.Errorf("%s is $%g, want $%g", name, got[0], got[1])
		}
	}
}
