package placement

import (
	"math"
	"slices"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/moves"
)

// basis is what amounts of some workloads together may rest on. Whoever may read a Placement need not be allowed to read PriceLists: no
// amount in it rests on a price that one of them gives.
func (s *solution) basis(workloads ...int) v1alpha1.PriceBasis {
	var pools []int
	secret := false
	for _, of := range workloads {
		secret = secret || s.secretTraffic(of)
		for k := range s.plan.Placements[of].Decisions {
			pools = append(pools, s.plan.Placements[of].Decisions[k].Pool)
		}
		for _, current := range s.result.Snapshot.Workloads[of].Current {
			pools = append(pools, current.Pool)
		}
	}
	switch {
	case slices.ContainsFunc(pools, func(pool int) bool { return !s.result.Snapshot.Pools[pool].Price.Known }):
		return v1alpha1.PriceBasisUnknown
	case !slices.ContainsFunc(pools, s.result.Hidden) && !secret:
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

// planned and runs are where the replicas of a workload are by the plan, and where they run.
func (s *solution) planned(i int) []engine.Decision { return s.plan.Placements[i].Decisions }
func (s *solution) runs(i int) []engine.Decision {
	return moves.Current(&s.result.Snapshot.Workloads[i])
}

// listed is what workloads cost, and what moving them brings, at the prices of the public catalog.
type listed struct {
	*engine.Appraiser
	worths map[int]moves.Worth
}

// atListPrices appraises at the prices of the public catalog, once; nil where that is not possible.
func (s *solution) atListPrices() *listed {
	if s.list != nil {
		return s.list
	}
	snapshot := *s.result.Snapshot
	snapshot.Pools, snapshot.Egress = slices.Clone(snapshot.Pools), s.world.ListPrices
	for i := range snapshot.Pools {
		snapshot.Pools[i].Price = s.result.Pools[i].ListPrice
	}
	appraiser, err := engine.NewAppraiser(&snapshot, engine.Options{Objective: s.plan.Objective})
	if err != nil {
		return nil // nor could it be planned
	}
	s.list = &listed{appraiser, moves.Worths(appraiser, s.plan, func(i int) bool { return s.mayMove[i] })}
	return s.list
}

// sameWorth says whether moving a workload brings the same in two solutions, or nearly so: what empties machines together is valued together,
// and a change of one of very many is no reason to write all of them anew before everything is planned.
func sameWorth(a, b *solution, i int) bool {
	x, y := a.worths[i], b.worths[i]
	alike := func(x, y float64) bool { return math.Abs(x-y) <= alikeShare*math.Abs(y) }
	return alike(x.SavingsUSD, y.SavingsUSD) && alike(x.MoneyUSD, y.MoneyUSD) && alike(x.TotalUSD, y.TotalUSD)
}

// alikeShare is by which share amounts differ at most that are nearly the same.
const alikeShare = 0.01

// money fills in amounts of workload i of the result, of which so many replicas run and are placed.
func (w *wanted) money(s *solution, i, running, placed int) {
	out, planned, present, worth := &w.status, s.plan.Placements[i].Bill, s.present[i], s.worths[i]
	if len(worth.Group) > 0 && worth.Group[0] == i { // a group is counted once
		w.savings = worth.MoneyUSD
	}
	saves := true // what it saves together with others can be said
	switch out.PriceBasis = s.basis(append([]int{i}, worth.Around...)...); out.PriceBasis {
	case v1alpha1.PriceBasisHidden, v1alpha1.PriceBasisUnknown:
		out.PriceBasis, saves = s.basis(i), false
	}
	switch out.PriceBasis {
	case v1alpha1.PriceBasisHidden, v1alpha1.PriceBasisUnknown:
		return
	case v1alpha1.PriceBasisList:
		list := s.atListPrices()
		if list == nil {
			out.PriceBasis = v1alpha1.PriceBasisHidden
			return
		}
		planned, present, worth = list.Bill(i, s.planned), list.Bill(i, s.runs), list.worths[i]
	default:
		for k := range out.Decisions {
			out.Decisions[k].HourlyUSD = dollars(s.plan.Placements[i].Decisions[k].Bill.Share())
		}
	}
	out.HourlyUSD = bill(&planned)
	if running > 0 {
		out.CurrentHourlyUSD = dollars(present.Share())
	}
	if saves && running == placed && running > 0 {
		out.SavingsHourlyUSD = dollars(worth.MoneyUSD)
		out.SavingsPercent = int32(math.Round(worth.Percent()))
		if valued := dollars(worth.SavingsUSD - worth.MoneyUSD); valued != "0" {
			out.SavingsValuedHourlyUSD = valued
		}
	}
}
