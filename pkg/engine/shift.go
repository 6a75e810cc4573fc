package engine

import (
	"math"
	"slices"
)

// leftOut is what a replica without a place counts as in the search, and tooFar one that is too far from what it calls, which would be
// left out of the plan: more than any bill. Placing comes before price.
const (
	leftOut = 1e6
	tooFar  = 2 * leftOut
)

// nowhere is the pool of replicas without a place.
const nowhere = int32(-1)

// shifts moves replicas from pool to pool, one step after the other, and says by how much each step changes the total. The last
// steps can be taken back.
type shifts struct {
	s     *Solver
	relax *relaxer
	on    [][]int32 // workloads by pool, some of which may have left
	rows  map[*row]*prospect
	of    []*prospect // by workload
	log   []shift
	ask   ask
	picks []pick
	// tally counts machines in use where whole ones are minimised, nil elsewhere; machines is by how much they have become dearer.
	tally    *tally
	machines float64
}

// prospect is what a row's replicas cost on every pool, positive infinity where they may not be, and for each place the pools that
// are cheapest there.
type prospect struct {
	usd     []float64
	byPlace [][]int32
	places  []int32 // with any pool
}

// shift is a step: of which workload, and where it was before. whole says that all of its replicas were placed anew, and not a number
// moved from pool to pool.
type shift struct {
	work     int32
	from, to int32 // pools
	n        int32 // replicas
	before   []alloc
	usd      float64
	whole    bool
}

// perPlace is how many of the cheapest pools of a place are looked at, of more than fewPools in all.
const perPlace, fewPools = 4, 64

func newShifts(s *Solver, relax *relaxer) *shifts {
	x := &shifts{s: s, relax: relax, on: make([][]int32, len(s.m.pools)), rows: map[*row]*prospect{}, of: make([]*prospect, len(s.works))}
	if s.m.invoices() {
		x.tally = newTally(s.m, s.room)
	}
	for i := range s.works {
		x.note(int32(i))
	}
	return x
}

// note remembers where a workload is.
func (x *shifts) note(i int32) {
	for _, a := range x.s.works[i].allocs {
		x.noteOn(i, a.pool)
	}
}

func (x *shifts) noteOn(i, pool int32) {
	if !contains(x.on[pool], i) {
		x.on[pool] = append(x.on[pool], i)
	}
}

// unit is what one replica costs on a pool, calls, moves and machines of which the whole counts apart.
func (x *shifts) unit(r *row, pool int32, dense float64) float64 {
	if x.tally == nil {
		return dense
	}
	return r.apart(x.s.m, pool)
}

// release takes replicas off a node, retake puts them back, and taken notes those that were put there: a machine may have come into
// use, or gone.
func (x *shifts) release(a alloc, request []int64) {
	x.s.room.release(a, request)
	if x.tally != nil && x.s.room.pools[a.pool].used[a.node] == 0 {
		x.machines += x.tally.change(a.pool, a.node, -1)
	}
}

func (x *shifts) retake(a alloc, request []int64) {
	x.s.room.retake(a, request)
	x.taken(a)
}

func (x *shifts) taken(a alloc) {
	if x.tally != nil && x.s.room.pools[a.pool].used[a.node] == a.n {
		x.machines += x.tally.change(a.pool, a.node, 1)
	}
}

// prospectOf is what a workload's replicas pay where, computed once for all of its row.
func (x *shifts) prospectOf(w *work) *prospect {
	if known := x.of[w.index]; known != nil {
		return known
	}
	known, ok := x.rows[w.row]
	if !ok {
		known = x.newProspect(w.row)
		x.rows[w.row] = known
	}
	x.of[w.index] = known
	return known
}

func (x *shifts) newProspect(r *row) *prospect {
	m := x.s.m
	m.dense(r)
	p := &prospect{usd: make([]float64, len(m.pools)), byPlace: make([][]int32, len(m.geo.ids))}
	for i := range p.usd {
		p.usd[i] = math.Inf(1)
	}
	if x.relax.prices[r.request] == nil {
		x.relax.priceOf(r.request)
	}
	prices := x.relax.prices[r.request]
	dense := make([]float64, len(m.pools))
	guided := func(i int32) float64 { return dense[i] + prices[i] }
	for j, i := range r.pools {
		p.usd[i], dense[i] = x.unit(r, i, r.dense[j]), r.dense[j]
		list := p.byPlace[m.pools[i].place]
		at, most := len(list), perPlace
		if len(m.pools) <= fewPools {
			most = fewPools
		}
		for at > 0 && guided(i) < guided(list[at-1]) {
			at--
		}
		if at == most {
			continue
		}
		if len(list) == most {
			list = list[:most-1]
		}
		p.byPlace[m.pools[i].place] = slices.Insert(list, at, i)
	}
	for place, list := range p.byPlace {
		if len(list) > 0 {
			p.places = append(p.places, int32(place))
		}
	}
	return p
}

// replicasOn is how many replicas of a workload are on a pool; those without a place are nowhere.
func (w *work) replicasOn(pool int32) int32 {
	if pool == nowhere {
		return w.n - w.placed()
	}
	n := int32(0)
	for _, a := range w.allocs {
		if a.pool == pool {
			n += a.n
		}
	}
	return n
}

// delta is by how much the total changes when k replicas of a workload go from one pool to another.
func (x *shifts) delta(w *work, from, to, k int32) float64 {
	p, n := x.prospectOf(w), float64(k)
	here, there := int32(-1), int32(-1)
	usd := 0.0
	if from == nowhere {
		usd -= n * leftOut
	} else {
		usd -= n * p.usd[from]
		here = x.s.m.pools[from].place
	}
	if to == nowhere {
		usd += n * leftOut
	} else {
		usd += n * p.usd[to]
		there = x.s.m.pools[to].place
	}
	if len(w.stays) > 0 {
		usd += x.moving(w, from, to, k)
	}
	if len(w.limits.even) > 0 {
		usd += x.unevenly(w, from, to, k)
	}
	if here != there && w.support != nil {
		usd += x.calling(w, here, there, k)
	}
	return usd
}

// moving is by how much the price of moves changes.
func (x *shifts) moving(w *work, from, to, k int32) float64 {
	x.picks = byPool(w.allocs, x.picks)
	before := w.moves(x.picks)
	x.picks = shifted(x.picks, from, to, k)
	return float64(w.moves(x.picks)-before) * w.stays[0].credit
}

// unevenly is by how much the price of replicas that prefer to be apart changes.
func (x *shifts) unevenly(w *work, from, to, k int32) float64 {
	x.picks = byPool(w.allocs, x.picks)
	before := x.s.m.uneven(w.limits, w.row, x.picks)
	x.picks = shifted(x.picks, from, to, k)
	return x.s.m.uneven(w.limits, w.row, x.picks) - before
}

// shifted moves replicas from one pool to another in picks.
func shifted(picks []pick, from, to, k int32) []pick {
	found := to == nowhere
	for j := range picks {
		switch picks[j].pool {
		case from:
			picks[j].n -= k
		case to:
			picks[j].n += k
			found = true
		}
	}
	if !found {
		picks = append(picks, pick{to, k})
	}
	return slices.DeleteFunc(picks, func(p pick) bool { return p.n == 0 })
}

// callCost is what a call costs one replica at a place; much where the called workload is too far. Nothing where it is nowhere.
func (m *model) callCost(e *edge, support []int32, from int32) float64 {
	to := m.nearest(e, support, from)
	if to < 0 {
		return 0
	}
	if m.beyond(e, from, to) {
		return tooFar
	}
	return m.callUSD(e, from, to)
}

// calling is by how much the price of calls changes, made and received, when k replicas go from one place to another.
func (x *shifts) calling(w *work, here, there, k int32) float64 {
	s, usd := x.s, 0.0
	for j := range w.out {
		e := &w.out[j]
		support := s.works[e.to].support
		if here >= 0 {
			usd -= float64(k) * s.m.callCost(e, support, here)
		}
		if there >= 0 {
			usd += float64(k) * s.m.callCost(e, support, there)
		}
	}
	vanishes, opens := here >= 0 && w.support[here] == k, there >= 0 && w.support[there] == 0
	if len(w.in) == 0 || !vanishes && !opens {
		return usd
	}
	usd -= x.received(w)
	x.support(w, here, there, k)
	usd += x.received(w)
	x.support(w, there, here, k)
	return usd
}

// support moves replicas in the count by place.
func (x *shifts) support(w *work, here, there, k int32) {
	if here >= 0 {
		w.support[here] -= k
	}
	if there >= 0 {
		w.support[there] += k
	}
}

// received is what the calls of others to a workload cost; much for each replica that is too far.
func (x *shifts) received(w *work) float64 {
	sum := 0.0
	for _, in := range w.in {
		from := x.s.works[in.work]
		for place, n := range from.support {
			if n > 0 {
				sum += float64(n) * x.s.m.callCost(&from.out[in.edge], w.support, int32(place))
			}
		}
	}
	return sum
}

// move takes a step when rules and room allow it, whatever it costs.
func (x *shifts) move(i, from, to, k int32) bool {
	return x.mayMove(i, from, to, k) && x.take(i, from, to, k, x.delta(x.s.works[i], from, to, k))
}

// mayMove says whether rules allow a step, and room may.
func (x *shifts) mayMove(i, from, to, k int32) bool {
	w := x.s.works[i]
	if to != nowhere && (math.IsInf(x.prospectOf(w).usd[to], 1) || x.s.room.countOf(to, w.row.request, 1, 1) == 0) {
		return false
	}
	return x.allowed(w, from, to, k)
}

// take takes a step, whose delta is known, when room allows it.
func (x *shifts) take(i, from, to, k int32, usd float64) bool {
	s, w, machines := x.s, x.s.works[i], x.machines
	before, request := w.allocs, w.row.request.vector
	after := make([]alloc, 0, len(before)+1)
	left, again := k, int32(0)
	share := w.limits.nodeShare()
	for j := len(before) - 1; j >= 0; j-- {
		a := before[j]
		switch {
		case a.pool == from && left > 0:
			n := min(left, a.n)
			x.release(alloc{a.pool, a.node, n}, request)
			left -= n
			if a.n -= n; a.n == 0 {
				continue
			}
		case a.pool == to && share < w.n: // the limit on a node counts all of them
			x.release(a, request)
			again += a.n
			continue
		}
		after = append(after, a)
	}
	slices.Reverse(after)
	if to != nowhere {
		begin := len(after)
		var placed int32
		after, placed = s.room.place(to, request, again+k, share, after)
		if placed < again+k {
			for _, a := range after[begin:] {
				s.room.release(a, request)
			}
			x.putBack(before, from, to, after[:begin], request)
			return false
		}
		for _, a := range after[begin:] {
			x.taken(a)
		}
		after = joined(after, begin)
		x.noteOn(i, to)
	}
	w.allocs = after
	x.settle(w, from, to, k)
	x.log = append(x.log, shift{i, from, to, k, before, usd + x.machines - machines, false})
	return true
}

// joined adds the allocs from begin on to earlier ones of the same nodes.
func joined(allocs []alloc, begin int) []alloc {
	out := allocs[:begin]
	for _, a := range allocs[begin:] {
		out = gather(out, 0, a)
	}
	return out
}

// settle brings the count by place up to date.
func (x *shifts) settle(w *work, from, to, k int32) {
	if w.support == nil {
		return
	}
	here, there := int32(-1), int32(-1)
	if from != nowhere {
		here = x.s.m.pools[from].place
	}
	if to != nowhere {
		there = x.s.m.pools[to].place
	}
	x.support(w, here, there, k)
}

// putBack puts back what was released of two pools: all that was there and is not among the kept.
func (x *shifts) putBack(before []alloc, from, to int32, kept []alloc, request []int64) {
	for _, a := range before {
		if a.pool != from && a.pool != to {
			continue
		}
		for _, b := range kept {
			if b.pool == a.pool && b.node == a.node {
				a.n -= b.n
			}
		}
		if a.n > 0 {
			x.retake(a, request)
		}
	}
}

// allowed says whether the workload's limits allow a step.
func (x *shifts) allowed(w *work, from, to, k int32) bool {
	if w.limits.free {
		return true
	}
	if to == nowhere {
		return len(w.limits.skews) == 0
	}
	c := x.s.chooser
	x.ask = ask{row: w.row, limits: w.limits, n: w.n}
	x.picks = slices.DeleteFunc(byPool(w.allocs, x.picks), func(p pick) bool { return p.n == 0 })
	for j := range x.picks {
		if x.picks[j].pool == from {
			x.picks[j].n -= k
		}
	}
	c.restore(&x.ask, slices.DeleteFunc(x.picks, func(p pick) bool { return p.n == 0 }))
	if len(w.limits.skews) > 0 {
		x.ask.lenient = true // an even share is judged when all are placed
		if c.allowance(to) < k {
			return false
		}
		c.add(to, k, 0)
		return (c.placed < w.n || c.reached()) && len(x.s.m.surplus(w.limits, slices.Clone(c.picks), nil)) == 0
	}
	return c.allowance(to) >= k
}

// since is by how much the steps from a mark on have changed the total.
func (x *shifts) since(mark int) float64 {
	sum := 0.0
	for k := range x.log[mark:] {
		sum += x.log[mark+k].usd
	}
	return sum
}

// undo takes back the steps from a mark on.
func (x *shifts) undo(mark int) {
	for k := len(x.log) - 1; k >= mark; k-- {
		step := &x.log[k]
		w := x.s.works[step.work]
		request := w.row.request.vector
		concerns := func(a alloc) bool { return step.whole || a.pool == step.from || a.pool == step.to }
		for _, a := range w.allocs {
			if concerns(a) {
				x.release(a, request)
			}
		}
		w.allocs = step.before
		for _, a := range w.allocs {
			if concerns(a) {
				x.retake(a, request)
			}
		}
		if step.whole {
			x.s.settle(w)
		} else {
			x.settle(w, step.to, step.from, step.n)
		}
	}
	x.log = x.log[:mark]
}
