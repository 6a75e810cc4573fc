package placement

import (
	"math"
	"slices"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/moves"
)

// basis is what the amounts of a workload's Placement may rest on. Whoever may read a Placement need not be allowed to read
// PriceLists: no amount in it rests on a price that one of them gives.
func (s *solution) basis(i int) v1alpha1.PriceBasis {
	var pools []int
	for k := range s.plan.Placements[i].Decisions {
		pools = append(pools, s.plan.Placements[i].Decisions[k].Pool)
	}
	for _, current := range s.result.Snapshot.Workloads[i].Current {
		pools = append(pools, current.Pool)
	}
	switch {
	case !slices.ContainsFunc(pools, s.result.Hidden) && !s.secretTraffic(i):
		return v1alpha1.PriceBasisInForce
	case slices.ContainsFunc(pools, func(pool int) bool { return !s.result.Pools[pool].ListPrice.Known }):
		return v1alpha1.PriceBasisHidden
	default:
		return v1alpha1.PriceBasisList
	}
}

// secretTraffic says whether a workload may pay for traffic at a price that a PriceList gives.
func (s *solution) secretTraffic(i int) bool {
	w := &s.result.Snapshot.Workloads[i]
	return s.world.NegotiatedEgress && (w.ClientBytesPerRequest > 0 ||
		slices.ContainsFunc(w.Calls, func(call engine.Call) bool { return call.BytesPerRequest > 0 }))
}

// hidden are the pools of which no price may be named in a workload's Placement.
func (s *solution) hidden(i int) func(pool int) bool {
	if s.secretTraffic(i) {
		return func(int) bool { return true }
	}
	return s.result.Hidden
}

// listed are bills at the prices of the public catalog.
type listed struct{ planned, present []engine.Bill }

// atListPrices computes the bills of the plan and of the replicas where they run, once; nil where that is not possible.
func (s *solution) atListPrices() *listed {
	if s.list != nil {
		return s.list
	}
	snapshot := *s.result.Snapshot
	snapshot.Pools, snapshot.Egress = slices.Clone(snapshot.Pools), s.world.ListPrices
	for i := range snapshot.Pools {
		snapshot.Pools[i].Price = s.result.Pools[i].ListPrice
	}
	appraiser, err := engine.NewAppraiser(&snapshot, engine.Options{})
	if err != nil {
		return nil // nor could it be planned
	}
	planned := func(i int) []engine.Decision { return s.plan.Placements[i].Decisions }
	present := func(i int) []engine.Decision { return moves.Current(&snapshot.Workloads[i]) }
	s.list = &listed{}
	for i := range snapshot.Workloads {
		s.list.planned = append(s.list.planned, appraiser.Bill(i, planned))
		s.list.present = append(s.list.present, appraiser.Bill(i, present))
	}
	return s.list
}

// money fills in amounts of workload i of the result, of which so many replicas run and are placed.
func (w *wanted) money(s *solution, i, running, placed int) {
	out, planned, present := &w.status, s.plan.Placements[i].Bill, s.present[i]
	switch out.PriceBasis = s.basis(i); out.PriceBasis {
	case v1alpha1.PriceBasisHidden:
		return
	case v1alpha1.PriceBasisList:
		list := s.atListPrices()
		if list == nil {
			out.PriceBasis = v1alpha1.PriceBasisHidden
			return
		}
		planned, present = list.planned[i], list.present[i]
	default:
		for k := range out.Decisions {
			out.Decisions[k].HourlyUSD = dollars(charged(&s.plan.Placements[i].Decisions[k].Bill))
		}
	}
	out.HourlyUSD = bill(&planned)
	was := charged(&present) - present.Disruption
	if running > 0 {
		out.CurrentHourlyUSD = dollars(was)
	}
	if running == placed && running > 0 {
		savings := was - charged(&planned) + planned.Disruption
		out.SavingsHourlyUSD = dollars(savings)
		if was > 0 {
			out.SavingsPercent = int32(math.Round(savings / was * 100))
		}
	}
}
