package engine_test

import (
	"slices"
	"testing"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/internal/verify"
	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/location"
)

// TestTheCheckerSees tampers with sound plans: the checker must name what was broken.
func TestTheCheckerSees(t *testing.T) {
	first := func(p *engine.Plan) *engine.Decision { return &p.Placements[0].Decisions[0] }
	for _, tt := range []struct {
		name   string
		change func(*engine.Snapshot, *engine.Plan)
		want   string
	}{
		{"another pool", func(_ *engine.Snapshot, p *engine.Plan) { first(p).Pool = 0 }, "residency"},
		{"a cheaper bill", func(_ *engine.Snapshot, p *engine.Plan) { first(p).Bill.Compute /= 2 }, "bill"},
		{"a cheaper total", func(_ *engine.Snapshot, p *engine.Plan) { p.Bill.Compute -= 0.01 }, "bill"},
		{"cheaper machines", func(_ *engine.Snapshot, p *engine.Plan) { p.Bill.Machines /= 2 }, "bill"},
		{"machines of a pool that is not used", func(_ *engine.Snapshot, p *engine.Plan) { p.Pools[0].MachinesUSD++ }, "bill"},
		{"a machine that is sunk", func(s *engine.Snapshot, p *engine.Plan) { s.Pools[first(p).Pool].Sunk = true }, "bill"},
		{"a forgotten replica", func(_ *engine.Snapshot, p *engine.Plan) { p.Placements[1].Decisions = nil }, "shape"},
		{"a smaller node", func(s *engine.Snapshot, p *engine.Plan) { s.Pools[first(p).Pool].Nodes[0].Free.MilliCPU = 100 }, "capacity"},
		{"a bound above the bill", func(_ *engine.Snapshot, p *engine.Plan) { p.LowerBoundUSD = p.Bill.Total() * 2 }, "bound"},
		{"no recovery", func(_ *engine.Snapshot, p *engine.Plan) { p.Placements[2].Recoveries = nil }, "availability"},
		{"no room to recover", func(_ *engine.Snapshot, p *engine.Plan) {
			for i := range p.Placements[2].Recoveries {
				p.Placements[2].Recoveries[i].Moves[0].Replicas = 40
			}
		}, "availability"},
		{"less survives", func(s *engine.Snapshot, _ *engine.Plan) { s.Workloads[2].Availability[0].MinReplicasPercent = 90 }, "availability"},
		{"calls over an estimate", func(s *engine.Snapshot, p *engine.Plan) {
			paris := newBuild(t).pool("scaleway", "fr-par", "fr-par-1", 0.3).Class
			p.Placements[1].Decisions[0].Pool = 0
			s.Pools[first(p).Pool].Class, s.Workloads[0].Calls[0].Measured = paris, true
		}, "call"},
		{"another node selector", func(s *engine.Snapshot, _ *engine.Plan) {
			s.Workloads[0].NodeSelector = map[string]string{"disk": "fast"}
		}, "nodeSelector"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBuild(t)
			b.workload("web", 2, 500, b.policy(eu), calls("any", 0, 300)).workload("any", 1, 500).workload("safe", 4, 250, survive(location.DomainCloud, 50))
			plan := solve(t, b.Snapshot, engine.Options{OptimizeFor: v1alpha1.OptimizeForBalanced})
			tt.change(b.Snapshot, plan)
			violations := verify.Check(b.Snapshot, plan, engine.Options{})
			if !slices.ContainsFunc(violations, func(v verify.Violation) bool { return v.Rule == tt.want }) {
				t.Errorf("no violation of %s in %v", tt.want, violations)
			}
		})
	}
}
