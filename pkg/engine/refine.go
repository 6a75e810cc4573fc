package engine

import (
	"cmp"
	"encoding/binary"
	"math"
	"slices"
	"strconv"
)

// best finds good places under all limits: the cheapest first, and where limits cross, other orders and exchanges. It
// returns how many replicas it placed; the picks are in the chooser.
func (c *chooser) best(a *ask) int32 {
	c.levelled(a, true, func() {
		c.cheapest(a)
		if a.limits.free && !a.beside.levels() && len(a.limits.even) == 0 {
			return
		}
		binds := c.crossed
		if c.placed < a.n {
			c.unblock(a)
		}
		if (a.limits.crossing || a.limits.across && binds || a.beside.levels()) && c.placed > 0 {
			c.exchange()
		} else if len(a.limits.even) > 0 && c.placed > 0 {
			c.exchangeOne()
		}
	})
	return c.placed
}

// total of the picks at the ask's own prices, with what staying earns.
func (c *chooser) total() float64 {
	sum := 0.0
	for _, p := range c.picks {
		sum += c.marginals(p.pool, p.n)
	}
	return sum + c.uneven()
}

func (c *chooser) marginals(i, n int32) float64 {
	a := c.ask
	sum := float64(n) * c.price(i, a.row.unit(c.m, i))
	for k := range a.stays {
		if a.stays[k].pool == i {
			sum -= float64(min(n, a.stays[k].n)) * a.stays[k].credit
		}
	}
	return sum
}

// heavy outweighs every price.
const heavy = 1e9

// unblock tries other orders when the cheapest first leaves replicas without a place, and keeps the one that places most,
// at the lowest price among equals.
func (c *chooser) unblock(a *ask) {
	rules := a.row.profile.rules
	own := a.bias
	biases := []func(int32) float64{
		func(i int32) float64 { return sign(c.m.pools[i].spot) * heavy },
		func(i int32) float64 { return -sign(c.m.pools[i].spot) * heavy },
	}
	if !math.IsInf(a.limits.ceiling, 1) {
		biases = append(biases, func(i int32) float64 { return heavy * c.m.pools[i].rates.Hourly(a.row.request.priced) })
	}
	if len(a.limits.covered) > 0 {
		biases = append(biases, func(i int32) float64 {
			covered := 0.0
			for k, mask := range rules.Static(c.m.pools[i].class).Covered {
				for j := range rules.Latency[k].Populations {
					if j < 64 && mask&(1<<j) != 0 {
						covered += float64(rules.Latency[k].Populations[j].SharePercent)
					}
				}
			}
			return -heavy * covered
		})
	}
	bestPlaced, bestTotal, bestPicks := c.placed, c.total(), slices.Clone(c.picks)
	keep := func() {
		if total := c.total(); c.placed > bestPlaced || c.placed == bestPlaced && total < bestTotal {
			bestPlaced, bestTotal, bestPicks = c.placed, total, slices.Clone(c.picks)
		}
	}
	for _, bias := range biases {
		if bestPlaced == a.n || c.stopped() {
			break
		}
		a.bias = bias
		c.cheapest(a)
		a.bias = own
		keep()
	}
	// Without one of the pools that the best so far uses, others may fit together.
	for _, without := range bestPicks {
		if bestPlaced == a.n || c.stopped() {
			break
		}
		c.banned = append(c.banned[:0], without.pool)
		c.cheapest(a)
		c.banned = c.banned[:0]
		keep()
	}
	c.restore(a, bestPicks)
}

func sign(b bool) float64 {
	if b {
		return -1
	}
	return 0
}

// restore makes these the picks.
func (c *chooser) restore(a *ask, picks []pick) {
	c.begin(a)
	for _, p := range picks {
		c.add(p.pool, p.n, 0)
	}
}

// cell is the cheapest pool with room among those that the limits cannot tell apart.
type cell struct {
	pool  int32
	price float64
}

// kinds partition the pools that a profile allows into those that no limit tells apart.
type kinds struct {
	of    []uint16
	count int
}

// kindsOf returns the partition by axes and by the clients of the profile's limits, and by whether capacity is spot.
func (m *model) kindsOf(p *profile, axes []int) *kinds {
	key := binary.AppendVarint(nil, int64(p.id))
	for _, axis := range axes {
		key = binary.AppendUvarint(key, uint64(axis))
	}
	if known, ok := m.kindSets[string(key)]; ok && p.id >= 0 {
		return known
	}
	out := &kinds{of: make([]uint16, len(m.pools))}
	ids := map[string]uint16{}
	for _, i := range p.allowed {
		name := strconv.AppendBool(nil, m.pools[i].spot)
		for _, axis := range axes {
			name = binary.AppendVarint(name, int64(m.axes[axis].of[i]))
		}
		for _, mask := range p.rules.Static(m.pools[i].class).Covered {
			name = binary.AppendUvarint(name, mask)
		}
		id, ok := ids[string(name)]
		if !ok && len(ids) < math.MaxUint16 {
			id = uint16(len(ids))
			ids[string(name)] = id
		}
		out.of[i] = id
	}
	out.count = len(ids)
	if p.id >= 0 {
		m.kindSets[string(key)] = out
	}
	return out
}

// cells lists a pool of each kind and those where replicas run now, cheapest first, at most count; and after them some more of
// the same kinds, where it has a price how many replicas are in one pool.
func (c *chooser) cells(count int) []cell {
	c.m.dense(c.ask.row)
	coarse := c.m.coarse(c.axes)
	out := c.cellsBy(coarse, count, nil)
	if len(coarse) < len(c.axes) {
		out = append(out, c.cellsBy(c.axes, moreCells, out)...)
	}
	return out
}

// cellsBy lists pools of kinds by axes, but for those that are listed already.
func (c *chooser) cellsBy(axes []int, count int, but []cell) []cell {
	a := c.ask
	set := c.m.kindsOf(a.row.profile, axes)
	c.cheapestOf = append(c.cheapestOf[:0], make([]cell, set.count)...)
	for k := range c.cheapestOf {
		c.cheapestOf[k].pool = -1
	}
	var out []cell
	for j, i := range a.row.pools {
		if a.barred(c.m, i) || but != nil && slices.ContainsFunc(but, func(known cell) bool { return known.pool == i }) {
			continue
		}
		price := c.price(i, a.row.dense[j])
		if a.stayCredit(i) > 0 {
			out = append(out, cell{i, price})
			continue
		}
		if best := &c.cheapestOf[set.of[i]]; (best.pool < 0 || price < best.price) && c.roomFor(i) {
			*best = cell{i, price}
		}
	}
	for _, best := range c.cheapestOf {
		if best.pool >= 0 {
			out = append(out, best)
		}
	}
	slices.SortFunc(out, func(x, y cell) int { return cmp.Or(cmp.Compare(x.price, y.price), cmp.Compare(x.pool, y.pool)) })
	return out[:min(len(out), count)]
}

// roomFor says whether a pool has room for one replica more.
func (c *chooser) roomFor(i int32) bool { return c.roomForMore(i, 1) }

// roomForMore says whether a pool has room for n replicas more.
func (c *chooser) roomForMore(i, n int32) bool {
	on := c.on(i)
	return c.ask.room == nil || c.fits(i, on+n) >= on+n
}

// moreCells is at how many pools an exchange looks besides that are of the same kinds.
const moreCells = 8

// maxCells is how many kinds of pools an exchange looks at.
const maxCells = 24

// exchange moves one replica, or two at once, as long as that lowers the price.
func (c *chooser) exchange() {
	cells := c.cells(maxCells)
	for !c.stopped() && (c.moveOne(cells) || len(c.picks) <= 6 && c.moveTwo(cells)) {
		continue
	}
}

// exchangeOne is exchange of one replica alone: where replicas prefer to be apart the cheapest first is mostly best, but for what stays
// and for steps of several.
func (c *chooser) exchangeOne() {
	for cells := c.cells(maxCells); !c.stopped() && c.moveOne(cells); {
		continue
	}
}

// stopped says that the search is over: what is found is good enough.
func (c *chooser) stopped() bool { return c.stop != nil && c.stop() }

// manyReplicas is from how many on replicas of one pool are moved together: all, half of them, and so on.
const manyReplicas = 32

// improvement is the least difference in price that counts, in US dollars an hour. Rounding must not count.
const improvement = 1e-12

// cheaper says whether one price is below another by more than rounding.
func cheaper(now, before float64) bool {
	if math.IsInf(before, 1) {
		return now < before
	}
	return now < before-improvement-1e-12*math.Abs(before)
}

func (c *chooser) moveOne(cells []cell) bool {
	before, changed := c.total(), false
	for _, from := range slices.Clone(c.picks) {
		if c.stopped() {
			break
		}
		n := int32(1)
		if from.n >= manyReplicas {
			n = from.n
		}
		if !c.moveFrom(from.pool, n, cells, &before) {
			continue
		}
		if changed = true; c.ask.n < manyReplicas {
			break
		}
	}
	return changed
}

// moveFrom moves n replicas of a pool, or half as many, and so on down to one, to where that lowers the price.
func (c *chooser) moveFrom(from, n int32, cells []cell, before *float64) bool {
	for ; n > 0; n /= 2 {
		for _, to := range cells {
			if to.pool == from || !cheaper(*before+c.moved(from, to.pool, n), *before) || !c.tryMove(from, to.pool, n) {
				continue
			}
			if now := c.total(); cheaper(now, *before) {
				*before = now
				return true
			}
			c.remove(to.pool, n)
			c.add(from, n, 0)
		}
	}
	return false
}

// moved is by how much the price rises when replicas are moved from a pool to another.
func (c *chooser) moved(from, to, n int32) float64 {
	here, there := c.on(from), c.on(to)
	return c.marginals(to, there+n) - c.marginals(to, there) + c.marginals(from, here-n) - c.marginals(from, here) + c.unevenMoved(from, to, n)
}

// tryMove moves replicas if limits and room allow it.
func (c *chooser) tryMove(from, to, n int32) bool {
	c.remove(from, n)
	if c.allowance(to) >= n && c.roomForMore(to, n) {
		if c.add(to, n, 0); c.keepsSkews() {
			return true
		}
		c.remove(to, n)
	}
	c.add(from, n, 0)
	return false
}

// keepsSkews says whether no domain holds too many pods beside the emptiest one, of which a replica may have been taken.
func (c *chooser) keepsSkews() bool {
	if !c.ask.beside.levels() {
		return true
	}
	for k := range c.ask.beside.skews {
		s := &c.ask.beside.skews[k]
		counts, most := c.counts[s.axis], s.max
		if !s.floor {
			most += s.emptiest(func(domain int32) int32 { return counts[domain] + s.there(domain) })
		}
		for _, domain := range s.domains {
			if counts[domain] > 0 && counts[domain]+s.there(domain) > most {
				return false
			}
		}
	}
	return true
}

func (c *chooser) canAdd(i int32) bool {
	return c.allowance(i) > 0 && c.roomFor(i)
}

// moveTwo moves two replicas at once: it finds the exchanges between domains that no single move can make.
func (c *chooser) moveTwo(cells []cell) bool {
	if len(cells) > 10 {
		cells = cells[:10]
	}
	before := c.total()
	picks := slices.Clone(c.picks)
	for x, first := range picks {
		for y := x; y < len(picks); y++ {
			second := picks[y]
			if x == y && first.n < 2 {
				continue
			}
			c.remove(first.pool, 1)
			c.remove(second.pool, 1)
			for p, one := range cells {
				if !c.canAdd(one.pool) {
					continue
				}
				c.add(one.pool, 1, 0)
				for _, other := range cells[p:] {
					if !c.canAdd(other.pool) {
						continue
					}
					c.add(other.pool, 1, 0)
					if cheaper(c.total(), before) && c.keepsSkews() {
						return true
					}
					c.remove(other.pool, 1)
				}
				c.remove(one.pool, 1)
			}
			c.add(first.pool, 1, 0)
			c.add(second.pool, 1, 0)
		}
	}
	return false
}
