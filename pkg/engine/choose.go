package engine

import (
	"math"

	"tradewind.dev/tradewind/pkg/rules"
	"tradewind.dev/tradewind/pkg/rules/policy"
)

// pick is replicas of one workload on a pool.
type pick struct{ pool, n int32 }

// piece is replicas that could be put on a pool at one price each.
type piece struct {
	price float64
	pool  int32
	max   int32
	place int32 // the first replica at this place earns the price's credit; -1 for none
}

// ask is a workload that wants places.
type ask struct {
	row    *row
	limits *limits
	n      int32  // replicas to choose places for, at most limits.n
	stays  []stay // where replicas are now
	only   []bool // pools that are allowed beyond the profile's; nil for all
	// lambda is the price of each resource of each pool (pools × dimensions), nil for none.
	lambda []float64
	// atPlace is added to the price by place: what its calls cost there. credit is earned once for a replica at a place.
	atPlace, credit []float64
	// far are places that are too far from a called workload, or from a caller.
	far []bool
	// bias is added to the price of a pool; nil for none.
	bias func(pool int32) float64
	// crowd is how many replicas of the row are on each pool already: at one price those with fewer come first, so that the
	// row is shared out as in relaxer.soften. nil for none; warmth is temperature × price level.
	crowd  []float64
	warmth float64
	// beside is what pods elsewhere say; nil for nothing.
	beside *beside
	// room is what is free; nil when only the size of nodes counts.
	room *room
	// lenient leaves the clients' limits and the skews to be checked at the end.
	lenient bool
	// level of the limits' skews, counted from 1; 0 leaves replicas where they keep the skews as things are.
	level int
}

// stay is replicas that run on a pool now; each earns credit US dollars an hour when it stays.
type stay struct {
	pool, n int32
	credit  float64
}

// chooser finds the cheapest places of one workload at a time. It is scratch space that is used again.
type chooser struct {
	m      *model
	heap   pieces
	picks  []pick
	counts [][]int32 // by axis, by domain
	// shares are, by axis and domain, what the picks cost by what they take of machines; kept where replicas prefer to be apart.
	shares [][]float64
	open   []piece // scratch space of drainEvenly
	// of the picks: replicas, those on spot, their compute, how many are beyond the first of their domain by min
	placed, spot int32
	usd          float64
	crossed      bool // a limit beyond those under which the cheapest first is best has kept a replica off a pool
	extras       []int32
	masks        [policy.MaxLatencyLimits]uint64
	credited     []bool
	banned       []int32
	sum          float64 // of the prices
	last         float64 // the highest price
	ask          *ask
	axes         []int
	caps         []domainCap
	mins         []domainMin
	cheapestOf   []cell
	stop         func() bool // the search is over; nil for never
}

func newChooser(m *model) *chooser { return &chooser{m: m} }

// begin forgets the picks.
func (c *chooser) begin(a *ask) {
	for len(c.counts) < len(c.m.axes) {
		c.counts = append(c.counts, make([]int32, len(c.m.axes[len(c.counts)].names)))
	}
	for _, axis := range c.axes {
		c.zero(axis)
	}
	c.crossed = false
	c.ask, c.picks, c.placed, c.spot, c.usd, c.sum, c.last = a, c.picks[:0], 0, 0, 0, 0, math.Inf(-1)
	c.axes, c.caps, c.mins, c.masks = a.beside.axes(a.limits.axes), a.limits.caps, a.limits.mins, [policy.MaxLatencyLimits]uint64{}
	if a.level > 0 {
		at := &a.limits.levels[a.level-1]
		c.caps, c.mins = at.caps, at.mins
	}
	c.makeShares(a.limits.even)
	c.extras = append(c.extras[:0], make([]int32, len(c.mins))...)
	if a.credit != nil {
		if len(c.credited) < len(a.credit) {
			c.credited = make([]bool, len(a.credit))
		}
		clear(c.credited)
	}
}

func (c *chooser) zero(axis int) {
	of := c.m.axes[axis].of
	for _, p := range c.picks {
		if domain := of[p.pool]; domain >= 0 {
			c.counts[axis][domain] = 0
			if axis < len(c.shares) && c.shares[axis] != nil {
				c.shares[axis][domain] = 0
			}
		}
	}
}

// allowance is how many replicas more the limits allow on a pool.
func (c *chooser) allowance(i int32) int32 {
	t := c.nested(i)
	if t <= 0 {
		return t
	}
	out := c.across(i, t)
	c.crossed = c.crossed || out < t
	return out
}

// nested is how many replicas more the limits on domains allow on a pool.
func (c *chooser) nested(i int32) int32 {
	a, l := c.ask, c.ask.limits
	t := a.n - c.placed
	for k := range c.caps {
		limit := &c.caps[k]
		domain := c.m.axes[limit.axis].of[i]
		if domain < 0 && limit.open {
			continue
		}
		if domain < 0 {
			return 0
		}
		t = min(t, limit.max-c.counts[limit.axis][domain])
	}
	for k := range c.mins {
		need := &c.mins[k]
		domain := c.m.axes[need.axis].of[i]
		if domain < 0 {
			return 0
		}
		t = min(t, need.extras-c.extras[k]+max(need.base-c.counts[need.axis][domain], 0))
	}
	if len(l.skews) > 0 && a.level == 0 && !a.lenient {
		t = min(t, c.evenly(i, l.skews))
	}
	if a.beside != nil && len(a.beside.skews) > 0 && !a.lenient {
		t = min(t, c.evenly(i, a.beside.skews))
	}
	return t
}

// across is how many of t replicas the limits allow that look across domains.
func (c *chooser) across(i, t int32) int32 {
	a, l := c.ask, c.ask.limits
	if c.m.pools[i].spot {
		t = min(t, l.spot-c.spot)
	} else {
		t = min(t, l.onDemand-(c.placed-c.spot))
	}
	if t <= 0 {
		return t
	}
	if !math.IsInf(l.ceiling, 1) {
		if each := c.m.pools[i].rates.Hourly(a.row.request.priced); each > 0 {
			t = int32(min(float64(t), math.Floor((l.ceiling+rules.CeilingTolerance-c.usd)/each)))
		}
	}
	for k, limit := range l.covered {
		if k < len(c.masks) && !a.lenient {
			mask := c.masks[k] | a.row.profile.rules.Static(c.m.pools[i].class).Covered[k]
			t = min(t, l.n-c.placed-uncovered(limit, mask))
		}
	}
	return t
}

// add puts replicas on a pool.
func (c *chooser) add(i, t int32, price float64) {
	c.count(i, t)
	c.sum += price * float64(t)
	c.last = max(c.last, price)
	for k := range c.picks {
		if c.picks[k].pool == i {
			c.picks[k].n += t
			return
		}
	}
	c.picks = append(c.picks, pick{i, t})
}

func (c *chooser) count(i, t int32) {
	for k := range c.mins {
		need := &c.mins[k]
		domain := c.m.axes[need.axis].of[i]
		if domain < 0 {
			continue
		}
		before := c.counts[need.axis][domain]
		c.extras[k] += need.beyond(before+t) - need.beyond(before)
	}
	for _, axis := range c.axes {
		if domain := c.m.axes[axis].of[i]; domain >= 0 {
			c.counts[axis][domain] += t
		}
	}
	if len(c.ask.limits.even) > 0 {
		c.countShares(i, t)
	}
	c.placed += t
	if c.m.pools[i].spot {
		c.spot += t
	}
	l := c.ask.limits
	if !math.IsInf(l.ceiling, 1) {
		c.usd += float64(t) * c.m.pools[i].rates.Hourly(c.ask.row.request.priced)
	}
	if t > 0 {
		for k := range min(len(l.covered), len(c.masks)) {
			c.masks[k] |= c.ask.row.profile.rules.Static(c.m.pools[i].class).Covered[k]
		}
	}
}

// remove takes replicas off a pool; the sum of the prices keeps theirs.
func (c *chooser) remove(i, t int32) {
	c.count(i, -t)
	for k := range c.picks {
		if c.picks[k].pool == i {
			if c.picks[k].n -= t; c.picks[k].n == 0 {
				c.picks = append(c.picks[:k], c.picks[k+1:]...)
			}
			break
		}
	}
	covered := c.ask.limits.covered
	for k := range min(len(covered), len(c.masks)) {
		c.masks[k] = 0
		for _, p := range c.picks {
			c.masks[k] |= c.ask.row.profile.rules.Static(c.m.pools[p.pool].class).Covered[k]
		}
	}
}

func (c *chooser) on(i int32) int32 {
	for _, p := range c.picks {
		if p.pool == i {
			return p.n
		}
	}
	return 0
}

// price of one replica on a pool, without what it earns by staying.
func (c *chooser) price(i int32, cost float64) float64 {
	a := c.ask
	if a.lambda != nil {
		for d, size := range a.row.request.size {
			cost += a.lambda[int(i)*c.m.dims+d] * size
		}
	}
	if a.atPlace != nil {
		cost += a.atPlace[c.m.pools[i].place]
	}
	if a.bias != nil {
		cost += a.bias(i)
	}
	if a.crowd != nil {
		cost += a.warmth * math.Log1p(a.crowd[i])
	}
	return cost
}

func (a *ask) barred(m *model, i int32) bool {
	return a.only != nil && !a.only[i] || a.far != nil && a.far[m.pools[i].place] || a.beside.bars(i)
}

// leastThere is by how much a replica is dearer at least, at any place, than its pool is, by what its calls cost and what it earns there.
func (a *ask) leastThere() float64 {
	least := math.Inf(1)
	for place := range max(len(a.atPlace), len(a.credit)) {
		usd := 0.0
		if a.atPlace != nil {
			usd = a.atPlace[place]
		}
		if a.credit != nil {
			usd -= a.credit[place]
		}
		if a.far == nil || !a.far[place] {
			least = min(least, usd)
		}
	}
	if math.IsInf(least, 1) {
		return 0
	}
	return least
}

// push offers a pool.
func (c *chooser) push(i int32, cost float64) {
	a := c.ask
	if a.barred(c.m, i) || a.room != nil && a.room.none(i, a.row.request) {
		return
	}
	price := c.price(i, cost)
	if a.credit != nil {
		if place := c.m.pools[i].place; a.credit[place] > 0 {
			c.heap = append(c.heap, piece{price - a.credit[place] - a.stayCredit(i), i, 1, place})
		}
	}
	for k := range a.stays {
		if a.stays[k].pool == i {
			c.heap = append(c.heap, piece{price - a.stays[k].credit, i, a.stays[k].n, -1})
		}
	}
	c.heap = append(c.heap, piece{price, i, maxReplicas, -1})
}

// stayCredit is what a replica earns that stays on a pool.
func (a *ask) stayCredit(i int32) float64 {
	for k := range a.stays {
		if a.stays[k].pool == i {
			return a.stays[k].credit
		}
	}
	return 0
}

// gather offers pools: only the cheapest ones of the row, or all.
func (c *chooser) gather(all bool) {
	a := c.ask
	c.heap = c.heap[:0]
	row := a.row
	if all && row.pools != nil {
		for j, i := range row.pools {
			c.push(i, row.dense[j])
		}
	} else if all {
		for _, i := range row.profile.allowed {
			if c.m.pools[i].holds(row.request.vector) {
				c.push(i, row.unit(c.m, i))
			}
		}
	} else {
		for k, i := range row.order {
			c.push(i, row.cost[k])
		}
		for k := range a.stays {
			i := a.stays[k].pool
			if !contains(row.order, i) && c.m.allows(row.profile, i) && c.m.pools[i].holds(row.request.vector) {
				c.push(i, row.unit(c.m, i))
			}
		}
	}
	c.heap.heapify()
}

func contains(list []int32, i int32) bool {
	for _, v := range list {
		if v == i {
			return true
		}
	}
	return false
}

// allows says whether the profile allows a pool.
func (m *model) allows(p *profile, i int32) bool {
	low, high := 0, len(p.allowed)
	for low < high {
		middle := (low + high) / 2
		if p.allowed[middle] < i {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low < len(p.allowed) && p.allowed[low] == i
}

// cheapest puts replicas where they are cheapest, one after the other, as far as limits and room allow. The
// picks and their sum are in the chooser.
func (c *chooser) cheapest(a *ask) {
	row, least := a.row, a.leastThere()
	for _, all := range []bool{false, true} {
		c.begin(a)
		c.gather(all)
		c.drain()
		for before := int32(-1); a.beside.levels() && before < c.placed && c.placed < a.n; {
			before = c.placed
			c.gather(all)
			c.drain()
		}
		if all || math.IsInf(row.rest, 1) || c.placed == a.n && c.last <= row.rest+least {
			break
		}
	}
}

// drain takes pieces until everything is placed.
func (c *chooser) drain() {
	a := c.ask
	if len(a.limits.even) > 0 {
		c.drainEvenly()
		return
	}
	for c.placed < a.n && len(c.heap) > 0 {
		top := c.heap.pop()
		if contains(c.banned, top.pool) || top.place >= 0 && c.credited[top.place] {
			continue
		}
		t := min(top.max, c.allowance(top.pool))
		if t > 0 && a.room != nil {
			already := c.on(top.pool)
			t = c.fits(top.pool, already+t) - already
		}
		if t <= 0 {
			continue
		}
		if top.place >= 0 {
			c.credited[top.place] = true
		}
		c.add(top.pool, t, top.price)
	}
}

// fits is how many replicas the room of a pool has space for, at most so many.
func (c *chooser) fits(i, most int32) int32 {
	a := c.ask
	if caps := a.beside.nodes(); caps != nil {
		return a.room.countWithin(i, a.row.request.vector, most, c.perNode(), caps)
	}
	return a.room.countOf(i, a.row.request, most, c.perNode())
}

// perNode is the most replicas on a node. Where a number of nodes must hold one, no node holds more than its part.
func (c *chooser) perNode() int32 { return c.ask.limits.nodeShare() }

func (l *limits) nodeShare() int32 { return l.share(l.perNode) }

// share is the most replicas on a node of which the limits on single nodes allow so many.
func (l *limits) share(perNode int32) int32 {
	if l.hosts > 1 {
		return min(perNode, max(l.n/l.hosts, 1))
	}
	return perNode
}
