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

// wholeBound is a bound that knows that nobody buys a part of a machine: what replicas cost beside machines where that
// is least, and the least that whole machines cost which hold together what is asked for of any one resource, or which one
// workload needs for the domains and hosts that it must be in; workloads that share no pool need machines of their own.
// Only workloads count that must be on machines that cost something. A machine that is added counts with what it must save
// beside its price (see Snapshot.GrowthUSD), and what those of the plan must save is taken off again.
func (s *Solver) wholeBound(plan *Plan) float64 {
	if !s.m.invoices() || len(s.works)*len(s.m.pools) > wholeCells {
		return 0
	}
	committed, added := newTally(s.m, s.room).committed, 0
	for i := range plan.Pools {
		if s.m.pools[i].machine > 0 {
			added += plan.Pools[i].Added
		}
	}
	price := func(i int32) float64 {
		switch p := &s.m.pools[i]; {
		case !p.priced || committed[i] || p.machine == 0:
			return 0
		case p.nodes == 0:
			return p.machine + s.m.snapshot.GrowthUSD
		default:
			return p.machine
		}
	}
	apart, anywhere := 0.0, 0.0
	found := newIslands(len(s.m.pools), s.m.dims)
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
		apart += max(least, 0)*float64(placed) + s.leastUneven(w)
		if alone := s.aloneBound(w, price); paid && len(w.row.pools) > 0 {
			found.add(w, alone)
		} else {
			anywhere = max(anywhere, alone)
		}
	}
	machines := 0.0
	for root := range found.of {
		if found.root(root) != root {
			continue
		}
		usd, on := found.alone[root], found.on(root)
		for d, demand := range found.demand[root*s.m.dims : (root+1)*s.m.dims] {
			usd = max(usd, s.covering(d, demand, on, price))
		}
		machines += usd
	}
	return apart + max(machines, anywhere) - s.m.snapshot.GrowthUSD*float64(added)
}

// islands are pools joined by workloads that may be on either: what workloads of one need is on other machines than what
// those of another need. Each is known by one of its pools.
type islands struct {
	of     []int     // by pool, the way to the one that it is known by
	demand []float64 // for each resource of the workloads, pools × dimensions
	alone  []float64 // what one of the workloads needs by itself at least
}

func newIslands(pools, dims int) *islands {
	out := &islands{of: make([]int, pools), demand: make([]float64, pools*dims), alone: make([]float64, pools)}
	for i := range out.of {
		out.of[i] = i
	}
	return out
}

func (p *islands) root(pool int) int {
	for p.of[pool] != pool {
		p.of[pool] = p.of[p.of[pool]]
		pool = p.of[pool]
	}
	return pool
}

// add joins the pools of a workload, which needs machines for so much by itself.
func (p *islands) add(w *work, alone float64) {
	root, dims := p.root(int(w.row.pools[0])), len(p.demand)/len(p.of)
	for _, i := range w.row.pools {
		other := p.root(int(i))
		if other == root {
			continue
		}
		p.of[other] = root
		p.alone[root] = max(p.alone[root], p.alone[other])
		p.alone[other] = 0
		for d := range dims {
			p.demand[root*dims+d] += p.demand[other*dims+d]
			p.demand[other*dims+d] = 0
		}
	}
	p.alone[root] = max(p.alone[root], alone)
	for d, size := range w.row.request.size {
		p.demand[root*dims+d] += size * float64(w.placed())
	}
}

// on says which pools are of the island that is known by one.
func (p *islands) on(root int) []bool {
	out := make([]bool, len(p.of))
	for i := range out {
		out[i] = p.root(i) == root
	}
	return out
}

// covering is the least that machines cost which together have so much of a resource.
func (s *Solver) covering(d int, demand float64, may []bool, price func(pool int32) float64) float64 {
	if demand <= 0 {
		return 0
	}
	cheapest := map[int]float64{} // of one machine that holds so many units
	for i, ok := range may {
		if p := &s.m.pools[i]; ok && p.largest[d] > 0 {
			units := int(min(math.Ceil(p.largest[d]/demand*wholeUnits), wholeUnits))
			if usd, known := cheapest[units]; !known || price(int32(i)) < usd {
				cheapest[units] = price(int32(i))
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
