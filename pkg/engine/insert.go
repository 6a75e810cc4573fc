package engine

import (
	"math"
	"slices"
)

// blink is the share of places that an attempt overlooks, so that attempts differ (Christiaens and Vanden Berghe, "Slack Induction by
// String Removals for Vehicle Routing Problems", Transportation Science 54(2), 2020).
const blink = 0.05

// skipped is one of how many nodes an attempt overlooks that looks for room.
const skipped = 3

// tight is what a machine counts that a replica fills, as a part of its price, so that of machines that cost the same the one is
// taken on which the least is left over.
const tight = 1e-5

// place is a node for a replica, what one costs there, and how many may be there; node is -1 for none.
type place struct {
	machine
	usd float64
	n   int32
}

// insert places the replicas of the first of the lots where each costs least; the others look for a place after it. It is false when
// some have none.
func (c *consolidator) insert(lots []lot) bool {
	l := &lots[0]
	w, chooser := c.s.works[l.work], c.s.chooser
	a := ask{row: w.row, limits: w.limits, n: w.n}
	chooser.restore(&a, byPool(w.allocs, nil))
	for l.n > 0 {
		best := c.find(w, lots)
		if best.node < 0 {
			return false
		}
		if c.filling || len(w.limits.even) > 0 {
			best.n = 1
		}
		c.open(best.machine)
		c.putOn(l.work, best.machine, best.n)
		chooser.add(best.pool, best.n, 0)
		l.n -= best.n
	}
	return len(w.limits.skews) == 0 || len(c.s.m.surplus(w.limits, slices.Clone(chooser.picks), nil)) == 0
}

// open adds nodes until there is this one.
func (c *consolidator) open(at machine) {
	c.s.room.open([]alloc{{pool: at.pool, node: at.node}})
	for c.on != nil && len(c.on[at.pool]) < len(c.s.room.pools[at.pool].used) {
		c.on[at.pool] = append(c.on[at.pool], nil)
	}
}

// find looks for the cheapest place for replicas of the first of the lots.
func (c *consolidator) find(w *work, lots []lot) place {
	l := &lots[0]
	best := place{machine: machine{-1, -1}, usd: math.Inf(1)}
	m, chooser := c.s.m, c.s.chooser
	enough := math.Inf(-1)
	if c.near {
		enough = (w.row.apart(m, l.from)+chooser.unevenMore(l.from, 1))*(1+1e-9) + tight*m.pools[l.from].machine
	}
	for _, i := range w.row.pools {
		c.checks++
		if !c.allows(w, l.from, i) || c.s.room.pools[i].hopeless(w.row.request.vector) || c.overlooks() {
			continue
		}
		usd := w.row.apart(m, i) - c.staying(w, i) + chooser.unevenMore(i, 1)
		if usd >= best.usd {
			continue
		}
		most := l.n
		if !w.limits.free {
			if most = min(most, chooser.allowance(i)); most <= 0 {
				continue
			}
		}
		if here := c.onPool(w, i, usd, most, lots); here.node >= 0 && here.usd < best.usd {
			if best = here; best.usd <= enough {
				return best
			}
		}
	}
	return best
}

// share is the most replicas of a workload on a node.
func (c *consolidator) share(w *work) int32 {
	if c.loose {
		return w.limits.perNode
	}
	return w.limits.nodeShare()
}

// overlooks is chance.
func (c *consolidator) overlooks() bool { return !c.near && c.random.Float64() < blink }

// allows says whether a replica may move between two pools as far as volumes and calls go: these stay where they are.
func (c *consolidator) allows(w *work, from, to int32) bool {
	x, y := &c.s.m.pools[from], &c.s.m.pools[to]
	if slices.ContainsFunc(w.pins, func(p pin) bool { return p.only[from] != p.only[to] }) {
		return false
	}
	return x.place == y.place || w.alone() && (c.filling || len(w.own)+len(w.heard) == 0)
}

// staying is what a replica earns by staying on a pool where another one still may.
func (c *consolidator) staying(w *work, pool int32) float64 {
	for k := range w.stays {
		if w.stays[k].pool == pool && c.s.chooser.on(pool) < w.stays[k].n {
			return w.stays[k].credit
		}
	}
	return 0
}

// onPool is the best node of a pool: one in use on which the least is left over, or one that is not in use for what it costs, which
// those share that look for a place and have room there.
func (c *consolidator) onPool(w *work, pool int32, usd float64, most int32, lots []lot) place {
	p, m := &c.s.room.pools[pool], &c.s.m.pools[pool]
	dims, request, share := c.s.m.dims, w.row.request.vector, c.share(w)
	best, unused := place{machine: machine{pool, -1}, usd: math.Inf(1)}, []int64(nil)
	opens, inUse := !c.near || m.machine == 0 || c.tally.committed[pool], false
	open := func(node int32, free []int64) {
		if fit := min(fits(free, request, most), share); fit > 0 && !inUse {
			if here := usd + c.tally.next(pool, node)*c.part(w, pool, free, lots); here < best.usd {
				best = place{machine{pool, node}, here, fit}
			}
		}
	}
	all := c.count(pool)
	for block := int(p.first) / blockNodes; block < len(all.unused); block++ {
		c.checks++
		roomy, found := all.roomy(block, request), false
		tried := all.alike[block] && slices.Equal(m.whole(block*blockNodes), unused)
		if !roomy && (!opens || inUse || all.unused[block] == 0 || tried) {
			continue
		}
		for node := max(p.first, int32(block*blockNodes)); int(node) < min((block+1)*blockNodes, len(p.used)); node++ {
			c.checks++
			free := p.free[int(node)*dims : (int(node)+1)*dims]
			if !c.inUse(pool, int(node)) {
				if opens && !inUse && !slices.Equal(free, unused) {
					unused = free
					open(node, free)
				}
				continue
			}
			if !roomy {
				continue
			}
			fit := fits(free, request, most)
			found = found || fit > 0
			if fit == 0 || c.filling && c.random.IntN(skipped) == 0 {
				continue
			}
			if share < w.n {
				if fit = min(fit, share-nodeReplicas(w, pool, node)); fit <= 0 {
					continue
				}
			}
			if here := usd + tight*m.machine*leftOver(free, request, m.largest); !inUse || here < best.usd {
				best, inUse = place{machine{pool, node}, here, fit}, true
				if c.near {
					return best
				}
			}
		}
		if roomy && !found {
			c.raise(pool, block)
		}
	}
	if opens && !inUse && p.spare > 0 && !slices.Equal(m.template, unused) {
		open(int32(len(p.used)), m.template)
	}
	return best
}

// mostRiders is how many lots are tried on a machine to say who shares it.
const mostRiders = 16

// part is which part of the price of a machine one replica of the first of the lots pays that opens it: its part, by size, of all
// that look for a place and have room there, one lot after the other.
func (c *consolidator) part(w *work, pool int32, free []int64, lots []lot) float64 {
	c.left = append(c.left[:0], free...)
	one, all := max(c.sizes[w.row.request], 1e-3), 0.0
	for k := range lots[:min(len(lots), mostRiders)] {
		l := &lots[k]
		rider := c.s.works[l.work]
		if k > 0 && !c.s.m.allows(rider.row.profile, pool) {
			continue
		}
		n := fits(c.left, rider.row.request.vector, min(l.n, c.share(rider)))
		for d, want := range rider.row.request.vector {
			c.left[d] -= want * int64(n)
		}
		all += max(c.sizes[rider.row.request], 1e-3) * float64(n)
	}
	return one / max(all, one)
}

// leftOver is the share of the priced resources that is free beside a replica.
func leftOver(free, request []int64, largest []float64) float64 {
	sum := 0.0
	for d := range dimExtended {
		if largest[d] > 0 {
			sum += float64(free[d]-request[d]) / largest[d]
		}
	}
	return sum
}

// nodeReplicas is how many replicas of a workload are on a node.
func nodeReplicas(w *work, pool, node int32) int32 {
	for _, a := range w.allocs {
		if a.pool == pool && a.node == node {
			return a.n
		}
	}
	return 0
}
