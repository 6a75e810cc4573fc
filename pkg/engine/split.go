package engine

import (
	"math"
	"slices"
)

// split shares the price of a machine out over its resources, where whole machines are minimised: whoever takes half of what the
// machines of a pool are short of pays half of their price, and what is left over beside it is for nothing. With weights that sum to
// one, what replicas pay is at most what their machines cost, however they are packed:
//
//	price × machines in use ≥ Σ over resources of weight × price ÷ most that a machine has × what is asked for
//
// so that the relaxation with these prices is a lower bound for any weights (they are the multipliers of "what is asked for fits
// on the machines that are paid for"). The weights move to the resources that need the most machines.
type split struct {
	m      *model
	weight []float64 // pools × dimensions; of the resources of a pool they sum to one
	price  []float64 // US dollars an hour a unit, pools × dimensions
	// groups are pools that share commitments, and of is the group of each pool, -1 for none.
	groups []committedPools
	of     []int32
}

// committedPools are pools of which so many machines cost nothing. part of their price is what the bound counts, for all machines
// alike, and it takes the part of the price of the committed ones off again: the fuller the pools, the nearer it is to one.
type committedPools struct {
	nodes, most, part float64
}

// How fast weights and parts move, and the least of them that is kept, so that they can move back.
const (
	weightStep  = 0.25
	partStep    = 0.3
	leastWeight = 1e-4
)

func newSplit(m *model) *split {
	p := &split{m: m, weight: make([]float64, len(m.pools)*m.dims), price: make([]float64, len(m.pools)*m.dims), of: make([]int32, len(m.pools))}
	asked := make([]bool, m.dims)
	for _, r := range m.requests {
		for d, v := range r.vector {
			asked[d] = asked[d] || v > 0
		}
	}
	for i := range m.pools {
		p.of[i] = -1
		weights := p.weights(i)
		for d, have := range m.pools[i].largest {
			switch {
			case have <= 0 || !asked[d]:
			case d < dimExtended:
				weights[d] = 1
			default:
				weights[d] = 0.1 // seldom what machines are short of
			}
		}
		normalise(weights)
	}
	p.group()
	for i := range m.pools {
		p.reprice(i)
	}
	return p
}

// group joins pools that share commitments.
func (p *split) group() {
	for _, c := range p.m.snapshot.Commitments {
		group := int32(len(p.groups))
		p.groups = append(p.groups, committedPools{nodes: float64(max(c.Nodes, 0)), part: 1})
		for _, pool := range c.Pools {
			if other := p.of[pool]; other >= 0 && other != group {
				p.groups[group].nodes += p.groups[other].nodes
				p.groups[other].nodes = 0
				for i := range p.of {
					if p.of[i] == other {
						p.of[i] = group
					}
				}
			}
			p.of[pool] = group
		}
	}
	for i, group := range p.of {
		if group >= 0 {
			p.groups[group].most = max(p.groups[group].most, p.m.pools[i].machine)
		}
	}
}

func (p *split) weights(pool int) []float64 { return p.weight[pool*p.m.dims : (pool+1)*p.m.dims] }

func normalise(weights []float64) {
	sum := 0.0
	for _, w := range weights {
		sum += w
	}
	for d := range weights {
		if sum > 0 {
			weights[d] /= sum
		}
	}
}

// reprice fills in the prices of a pool's resources.
func (p *split) reprice(i int) {
	pool, part := &p.m.pools[i], 1.0
	if group := p.of[i]; group >= 0 {
		part = p.groups[group].part
	}
	for d, weight := range p.weights(i) {
		if weight > 0 {
			p.price[i*p.m.dims+d] = part * pool.machine * weight / pool.largest[d]
		}
	}
}

// move moves weights and parts by what is asked for.
func (p *split) move(usage []float64) {
	dims := p.m.dims
	machines := make([]float64, len(p.groups))
	for i := range p.m.pools {
		pool := &p.m.pools[i]
		if pool.machine == 0 {
			continue
		}
		weights, most := p.weights(i), 0.0
		for d := range weights {
			if weights[d] > 0 {
				most = max(most, usage[i*dims+d]/pool.largest[d])
			}
		}
		if group := p.of[i]; group >= 0 {
			machines[group] += most
		}
		if most <= 1e-9 {
			continue
		}
		for d := range weights {
			if weights[d] > 0 {
				weights[d] = max(weights[d]*math.Exp(weightStep*(usage[i*dims+d]/pool.largest[d]/most-1)), leastWeight)
			}
		}
		normalise(weights)
		p.reprice(i)
	}
	for k := range p.groups {
		if g := &p.groups[k]; g.nodes > 0 {
			g.part = min(max(g.part*math.Exp(partStep*math.Log(max(machines[k], 1e-3)/g.nodes)), leastWeight), 1)
		}
	}
	for i := range p.m.pools {
		if p.of[i] >= 0 {
			p.reprice(i)
		}
	}
}

// refund is what the committed machines would cost at the prices: it is taken off the bound.
func (p *split) refund() float64 {
	sum := 0.0
	for _, g := range p.groups {
		sum += g.part * g.most * g.nodes
	}
	return sum
}

// apply makes these the prices of the pools, by which replicas are placed, and recomputes what they cost everywhere.
func (p *split) apply() {
	for i := range p.m.pools {
		p.m.pools[i].guide = slices.Clone(p.price[i*p.m.dims : (i+1)*p.m.dims])
	}
	p.m.refund = p.refund()
	p.m.forget()
}

// clone keeps the weights as they are.
func (p *split) clone() *split {
	out := *p
	out.weight, out.price, out.groups = slices.Clone(p.weight), slices.Clone(p.price), slices.Clone(p.groups)
	return &out
}

// newSearch is the search for prices, of whole machines too where these are minimised.
func (s *Solver) newSearch() *dual {
	var items []item
	if s.affords(pricesByReading) {
		items = s.items()
	}
	if !s.m.invoices() {
		s.sample()
		return newDual(s.m, items, nil)
	}
	p := newSplit(s.m)
	p.apply()
	s.sample()
	for i := range items { // by how much prices differ, at first
		if l := items[i].limits; l.limitsSpot() && !l.tree.spot {
			s.m.fillRow(items[i].row, nil)
		}
	}
	s.m.unguided()
	d := newDual(s.m, items, nil)
	d.split = p
	return d
}

// guided makes the prices of machines that a search has found those of the pools.
func (s *Solver) guided(d *dual) {
	if d.split == nil {
		return
	}
	d.split.apply()
	d.relax.setPrices(d.lambda)
	for _, w := range s.works {
		s.settle(w)
	}
}

// unguided takes the prices of machines off the pools, for a search of others.
func (m *model) unguided() {
	for i := range m.pools {
		clear(m.pools[i].guide)
	}
	m.refund = 0
	m.forget()
}

// forget recomputes what replicas cost when it is asked for.
func (m *model) forget() {
	for _, r := range m.rows {
		r.pools = nil
	}
}
