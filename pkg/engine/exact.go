package engine

import (
	"cmp"
	"math"
	"slices"
)

// Small plans are searched through: as many workloads, ways to place one, and steps at most.
const (
	exactWorkloads = 16
	exactWays      = 4000
	exactSteps     = 100000
	exactTries     = 16 * exactWays // to list the ways of one workload
)

// way is one way to share a workload's replicas out. least is what it costs with the calls to and from workloads that come before in
// the search, wherever these are; support counts its replicas by place.
type way struct {
	picks      []pick
	usd, least float64
	support    []int32
}

// packPerStep is how many nodes tried count as a step of the search.
const packPerStep = 256

// packSteps is how many nodes are tried at most to pack one pool.
const packSteps = 20000

// exact is a branch-and-bound search over all ways to place the workloads of a small plan.
type exact struct {
	s      *Solver
	order  []int32
	ways   [][]way
	least  []float64 // of the workloads from here on
	links  [][]link  // by workload: calls between it and those before it
	taken  []*way    // by workload
	steps  int
	usd    float64
	on     [][]replica // by pool
	best   [][]alloc
	loses  bool // some workload must survive a loss
	even   bool // no node holds more than its part where a number of nodes must hold a replica
	missed bool // what some plans need was looked for in some ways only, so that one may have been missed
	packer packer
}

// replica is one replica on a pool: of the workload with this number in the search.
type replica struct{ work, node int32 }

// searchAll tries every plan, where there are few enough, that places everything. It returns whether all were tried, so that none is
// better than the present one, or none places everything.
func (s *Solver) searchAll() bool {
	e := &exact{s: s}
	for _, i := range s.order {
		w := s.works[i]
		if len(w.pins) > 0 || w.pods != nil || len(e.order) == exactWorkloads {
			return false
		}
		e.order = append(e.order, i)
		e.loses = e.loses || len(w.row.profile.losses) > 0
		e.missed = e.missed || e.loses || w.limits.hosts > 1
	}
	if len(e.order) < 2 && !e.loses {
		return false
	}
	sizes := s.m.sizes()
	slices.SortStableFunc(e.order, func(a, b int32) int {
		return cmp.Compare(sizes[s.works[b].row.request], sizes[s.works[a].row.request])
	})
	missing, usd := int32(0), 0.0
	short := e.loses && len(s.recoverAll()) > 0
	was := make([][]alloc, len(e.order))
	for _, i := range e.order {
		missing += s.works[i].n - s.works[i].placed()
		usd += s.works[i].usd
	}
	e.link()
	usd += e.calls()
	far := slices.ContainsFunc(e.order, func(i int32) bool { return !s.reaches(s.works[i]) })
	for k, i := range e.order {
		was[k] = s.lift(s.works[i])
	}
	if e.usd = usd; missing > 0 || short || far {
		e.usd = math.Inf(1)
	}
	listed := e.list()
	if listed {
		e.on = make([][]replica, len(s.m.pools))
		e.step(0, 0)
	}
	for k, i := range e.order {
		if e.best != nil {
			was[k] = e.best[k]
			s.room.open(was[k])
		}
		s.restore(s.works[i], was[k])
	}
	return listed && e.steps <= exactSteps && !e.missed
}

// list finds the ways of every workload; false when there are too many, or none.
func (e *exact) list() bool {
	e.ways = make([][]way, len(e.order))
	e.least = make([]float64, len(e.order)+1)
	for k, i := range e.order {
		if e.s.expired() {
			return false
		}
		e.ways[k] = e.s.waysOf(e.s.works[i])
		if len(e.ways[k]) == 0 {
			return false
		}
		if e.addCalls(k); len(e.ways[k]) == 0 {
			return false
		}
	}
	for k := len(e.order) - 1; k >= 0; k-- {
		e.least[k] = e.least[k+1] + e.ways[k][0].least
	}
	e.taken = make([]*way, len(e.order))
	return true
}

// step places the workload number k in every way that may still lead to a cheaper plan.
func (e *exact) step(k int, usd float64) {
	if k == len(e.order) {
		if was := e.best; !e.keep() {
			e.best = was
			return
		}
		e.usd = usd
		return
	}
	for j := range e.ways[k] {
		way := &e.ways[k][j]
		if e.steps++; e.s.expired() {
			e.steps = exactSteps + 1
		}
		if e.steps > exactSteps || !cheaper(usd+way.least+e.least[k+1], e.usd) {
			return
		}
		e.taken[k] = way
		now := usd + way.usd + e.callsOf(k)
		if !cheaper(now+e.least[k+1], e.usd) {
			continue
		}
		fits := true
		for _, p := range way.picks {
			for range p.n {
				e.on[p.pool] = append(e.on[p.pool], replica{work: int32(k)})
			}
			fits = fits && e.pack(p.pool)
		}
		if fits {
			e.step(k+1, now)
		}
		for _, p := range way.picks {
			e.on[p.pool] = e.on[p.pool][:len(e.on[p.pool])-int(p.n)]
		}
	}
}

// keep remembers where everything is; false when too few nodes hold replicas of a workload, or when what would be lost with a
// domain has no room elsewhere.
func (e *exact) keep() bool {
	ok := e.spread()
	if !ok {
		e.even = true
		ok = e.spread()
		e.even = false
	}
	return ok && (!e.loses || e.recovers())
}

// spread finds nodes for everything; false when too few nodes hold replicas of a workload.
func (e *exact) spread() bool {
	e.best = make([][]alloc, len(e.order))
	for pool := range e.on {
		if len(e.on[pool]) == 0 {
			continue
		}
		if !e.pack(int32(pool)) {
			return false
		}
		for _, r := range e.on[pool] {
			e.best[r.work] = gather(e.best[r.work], 0, alloc{int32(pool), r.node, 1})
		}
	}
	for k, i := range e.order {
		if len(e.best[k]) < int(e.s.works[i].limits.hosts) {
			return false
		}
	}
	return true
}

// recovers says whether the best plan so far has room for what any one loss would take.
func (e *exact) recovers() bool {
	e.steps += recoverySteps
	for k, i := range e.order {
		e.s.room.open(e.best[k])
		e.s.restore(e.s.works[i], e.best[k])
	}
	missing := e.s.recoverAll()
	for _, i := range e.order {
		e.s.lift(e.s.works[i])
		e.s.works[i].refuges = nil
	}
	return len(missing) == 0
}

// recoverySteps are how many steps of the search it counts as to try every loss.
const recoverySteps = 20

// packer is scratch space to pack one pool.
type packer struct {
	free  []int64
	steps int
}

// pack finds nodes for all replicas on a pool.
func (e *exact) pack(pool int32) bool {
	room := &e.s.room.pools[pool]
	p := &e.packer
	p.free, p.steps = append(p.free[:0], room.free...), 0
	for range min(room.spare, int32(len(e.on[pool]))) {
		p.free = append(p.free, room.template...)
	}
	ok := e.fit(e.on[pool], 0)
	e.missed = e.missed || p.steps > packSteps
	e.steps += p.steps / packPerStep
	return ok
}

// fit finds nodes for the replicas from k on, trying every node that is not like one tried before.
func (e *exact) fit(list []replica, k int) bool {
	if k == len(list) {
		return true
	}
	p, dims := &e.packer, e.s.m.dims
	w := e.s.works[e.order[list[k].work]]
	request, share := w.row.request.vector, w.limits.perNode
	if e.even {
		share = w.limits.nodeShare()
	}
	first := 0 // replicas of one workload are alike: they go on nodes in order
	if k > 0 && list[k-1].work == list[k].work {
		first = int(list[k-1].node)
	}
nodes:
	for i := first; i < len(p.free)/dims; i++ {
		if p.steps++; p.steps > packSteps {
			return false
		}
		free := p.free[i*dims : (i+1)*dims]
		if fits(free, request, 1) == 0 {
			continue
		}
		same := int32(0)
		for j := range list[:k] {
			if list[j].work == list[k].work && list[j].node == int32(i) {
				same++
			}
		}
		if same >= share {
			continue
		}
		if share >= w.n {
			for j := first; j < i; j++ {
				if slices.Equal(free, p.free[j*dims:(j+1)*dims]) {
					continue nodes
				}
			}
		}
		for d, want := range request {
			free[d] -= want
		}
		list[k].node = int32(i)
		if e.fit(list, k+1) {
			return true
		}
		for d, want := range request {
			free[d] += want
		}
	}
	return false
}

// waysOf lists all ways to place every replica of a workload that its limits allow, the cheapest first; none where there are
// more than exactWays, or finding them takes too long.
func (s *Solver) waysOf(w *work) []way {
	var out []way
	c := s.chooser
	a := ask{row: w.row, limits: w.limits, n: w.n, stays: w.stays, lenient: true}
	c.begin(&a)
	s.m.dense(w.row)
	pools := w.row.pools
	tries := 0
	var share func(k int)
	share = func(k int) {
		if tries++; tries > exactTries || len(out) > exactWays {
			return
		}
		if c.placed == w.n {
			if c.reached() && len(s.m.surplus(w.limits, slices.Clone(c.picks), nil)) == 0 {
				usd := c.total() + float64(w.moving)*w.stayPrice()
				out = append(out, way{picks: slices.Clone(c.picks), usd: usd, least: usd})
			}
			return
		}
		if k == len(pools) {
			return
		}
		share(k + 1)
		added := int32(0)
		for tries <= exactTries && len(out) <= exactWays && c.allowance(pools[k]) > 0 {
			c.add(pools[k], 1, 0)
			added++
			share(k + 1)
		}
		if added > 0 {
			c.remove(pools[k], added)
		}
	}
	share(0)
	if tries > exactTries || len(out) > exactWays {
		return nil
	}
	slices.SortStableFunc(out, func(a, b way) int { return cmp.Compare(a.usd, b.usd) })
	return out
}

// stayPrice is what a move costs an hour; 0 where nothing runs.
func (w *work) stayPrice() float64 {
	if len(w.stays) == 0 {
		return 0
	}
	return w.stays[0].credit
}

// reached says whether the picks reach 95 % of the clients of every limit in time.
func (c *chooser) reached() bool {
	for k, limit := range c.ask.limits.covered {
		if k < len(c.masks) && uncovered(limit, c.masks[k]) > 0 {
			return false
		}
	}
	return true
}
