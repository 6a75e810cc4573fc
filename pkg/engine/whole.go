package engine

import (
	"math"
	"slices"
)

// wholeCells is up to how many workloads × pools the bound of whole machines is computed: in a larger plan a machine more or less is
// little, and the relaxation is near.
const wholeCells = 200_000

// wholeUnits is how many units the demand of a resource is counted in. What a machine holds is rounded up to them.
const wholeUnits = 512

// wholeBound is a bound that knows that nobody buys a part of a machine: what replicas cost beside machines where that is least, and
// the least that whole machines cost which hold together what is asked for of any one resource, or which one workload needs for the
// domains and hosts that it must be in. Only workloads count that must be on machines that cost something.
func (s *Solver) wholeBound() float64 {
	if !s.m.invoices() || len(s.works)*len(s.m.pools) > wholeCells {
		return 0
	}
	committed := newTally(s.m, s.room).committed
	price := func(i int32) float64 {
		if p := &s.m.pools[i]; p.priced && !committed[i] {
			return p.machine
		}
		return 0
	}
	apart, alone := 0.0, 0.0
	demand, may := make([]float64, s.m.dims), make([]bool, len(s.m.pools))
	for _, w := range s.works {
		placed := w.placed()
		if placed == 0 || w.held != "" {
			continue
		}
		s.m.dense(w.row)
		least, paid := math.Inf(1), true
		for _, i := range w.row.pools {
			least, paid = min(least, w.row.apart(s.m, i)-w.row.ties), paid && price(i) > 0
		}
		apart += max(least, 0) * float64(placed)
		alone = max(alone, s.aloneBound(w, price))
		if !paid {
			continue
		}
		for _, i := range w.row.pools {
			may[i] = true
		}
		for d, size := range w.row.request.size {
			demand[d] += size * float64(placed)
		}
	}
	machines := alone
	for d := range demand {
		machines = max(machines, s.covering(d, demand[d], may))
	}
	return apart + machines
}

// covering is the least that machines cost which together have so much of a resource.
func (s *Solver) covering(d int, demand float64, may []bool) float64 {
	if demand <= 0 {
		return 0
	}
	cheapest := map[int]float64{} // of one machine that holds so many units
	for i, ok := range may {
		if p := &s.m.pools[i]; ok && p.largest[d] > 0 {
			units := int(min(math.Ceil(p.largest[d]/demand*wholeUnits), wholeUnits))
			if usd, known := cheapest[units]; !known || p.machine < usd {
				cheapest[units] = p.machine
			}
		}
	}
	least := [wholeUnits + 1]float64{}
	for need := 1; need <= wholeUnits; need++ {
		least[need] = math.Inf(1)
		for units, usd := range cheapest {
			least[need] = min(least[need], usd+least[max(need-units, 0)])
		}
	}
	if math.IsInf(least[wholeUnits], 1) {
		return 0
	}
	return least[wholeUnits]
}

// aloneBound is the least that the machines cost which a workload needs for its domains and hosts.
func (s *Solver) aloneBound(w *work, price func(pool int32) float64) float64 {
	l, placed := w.limits, w.placed()
	least := math.Inf(1)
	for _, i := range w.row.pools {
		least = min(least, price(i))
	}
	if math.IsInf(least, 1) {
		return 0
	}
	usd := least * float64((placed+l.perNode-1)/l.perNode)
	for _, c := range l.caps {
		if of := s.m.axes[c.axis].of; c.open && slices.ContainsFunc(w.row.pools, func(i int32) bool { return of[i] < 0 }) {
			continue // it may be outside all domains
		}
		usd = max(usd, s.domainBound(w, c.axis, int((placed+c.max-1)/max(c.max, 1)), price))
	}
	if placed == l.n {
		for _, need := range l.mins {
			usd = max(usd, s.domainBound(w, need.axis, int(need.need), price))
		}
	}
	return usd
}

// domainBound is what one machine in each of the cheapest domains costs.
func (s *Solver) domainBound(w *work, axis, domains int, price func(pool int32) float64) float64 {
	of := s.m.axes[axis].of
	cheapest := map[int32]float64{}
	for _, i := range w.row.pools {
		if known, ok := cheapest[of[i]]; of[i] >= 0 && (!ok || price(i) < known) {
			cheapest[of[i]] = price(i)
		}
	}
	list := make([]float64, 0, len(cheapest))
	for _, usd := range cheapest {
		list = append(list, usd)
	}
	slices.Sort(list)
	sum := 0.0
	for _, usd := range list[:min(domains, len(list))] {
		sum += usd
	}
	return sum
}
