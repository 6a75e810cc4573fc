package engine

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"slices"
)

// The search by chance. Each workload is tried this often, less where there are many; steps that cost more are taken the less the
// colder it is, from hottest, mild or cold to frozen: US dollars as a share of what a workload of the application costs. It begins
// anew from the best so far, and with the application in one place.
const (
	triesOfOne   = 12000
	triesByOther = 300 // for each workload of its application
	triesOfAll   = 600_000
	fewestTries  = 10
	many         = 4200 // workloads; where there are more single ones are not looked at as closely
	crowd        = 2000 // workloads; where there are more prices have done most of the work
	hottest      = 1.0
	mild         = 0.15
	hotRounds    = 2
	cold         = 0.003 // where each is tried a few times only
	frozen       = 0.001
	thorough     = 1000 // tries of each workload from which on it begins anew
	mostStarts   = 8
	safeCells    = 20_000 // workloads × pools; in larger plans room for losses is made afterwards
	mostEjected  = 3      // workloads that make room for one
	deepest      = 2      // of those that make room for one that makes room
	mostGrouped  = 16
	mostMoved    = 128    // workloads that move together, those too that the limits of calls tie to each other
	wholeTries   = 16     // that placing a workload as a whole counts as
	triesPerLook = 256    // at the clock
	triesAlone   = 30_000 // of all, where nobody calls anybody
)

// annealer improves a plan by simulated annealing (Kirkpatrick, Gelatt, Vecchi, "Optimization by simulated annealing", Science
// 220, 1983), one application after the other: the workloads that calls connect. A step moves replicas of one workload to
// another pool, makes others give way there, or moves workloads that call each other from one place to another. Its random
// numbers are the same each time.
type annealer struct {
	*shifts
	random  *rand.Rand
	app     []int32
	member  []bool  // of the application, by workload
	level   float64 // US dollars an hour: what a workload of the application costs
	group   []int32
	options []option
	// losses says that what would be lost must have room, as in small plans it is seen to at once; unsafe replicas had none before.
	losses bool
	unsafe int32
	// watched says that every step is asked about that, fragile are the workloads that must survive losses, exposed are their replicas that
	// would be lost without having room now, and risk is what each of these counts as.
	watched bool
	fragile []int32
	exposed int32
	risk    float64
	sizes   map[*request]float64
	before  [][]refuge // scratch space
	free    []int64
}

// option is a pool to go to, and what that changes.
type option struct {
	pool int32
	usd  float64
}

// anneal searches on from the present plan.
func (s *Solver) anneal(relax *relaxer) {
	apps := s.applications()
	calling := 0
	for _, app := range apps {
		calling += len(app)
	}
	if calling == 0 {
		return
	}
	tries := triesOfAll / calling
	if !s.calls {
		tries = triesAlone / calling
	}
	if calling > crowd {
		tries = tries * crowd / calling
	}
	tries = min(max(tries, fewestTries), triesOfOne)
	x := &annealer{shifts: newShifts(s, relax), member: make([]bool, len(s.works))}
	if len(s.works)*len(s.m.pools) <= safeCells {
		for _, w := range s.works {
			x.unsafe += missing(w.refuges)
		}
		x.fragile, x.sizes = s.fragile(), s.m.sizes()
		x.losses = len(x.fragile) > 0
		x.watched = x.losses && len(x.fragile) <= mostFragile
	}
	for _, app := range apps {
		if s.expired() {
			break
		}
		x.improve(app, min(tries, max(triesByOther*len(app), thorough))*len(app))
	}
	for _, w := range s.works {
		if w.held == "" {
			s.settle(w)
		}
	}
}

// applications are the workloads that calls connect, the planned ones, each list in the order of the workloads. One that calls nobody
// is its own where replicas have no place.
func (s *Solver) applications() [][]int32 {
	var out [][]int32
	seen := make([]bool, len(s.works))
	for i, w := range s.works {
		if seen[i] || !w.movable() || len(w.out)+len(w.in) == 0 && w.placed() == w.n {
			continue
		}
		seen[i] = true
		app := []int32{int32(i)}
		for k := 0; k < len(app); k++ {
			s.neighbours(s.works[app[k]], func(other int32, _ *edge) {
				if !seen[other] && s.works[other].movable() {
					seen[other] = true
					app = append(app, other)
				}
			})
		}
		slices.Sort(app)
		out = append(out, app)
	}
	return out
}

// neighbours are the workloads that one calls or is called by, with the call.
func (s *Solver) neighbours(w *work, visit func(other int32, e *edge)) {
	for k := range w.out {
		visit(w.out[k].to, &w.out[k])
	}
	for _, in := range w.in {
		visit(in.work, &s.works[in.work].out[in.edge])
	}
}

// improve searches for better places of one application.
func (x *annealer) improve(app []int32, tries int) {
	x.app, x.random = app, x.s.chance(app)
	level := 0.0
	for _, i := range app {
		x.member[i] = true
		level += math.Abs(x.s.paid(x.s.works[i]))
	}
	defer func() {
		for _, i := range app {
			x.member[i] = false
		}
	}()
	x.level = max(level/float64(len(app)), 1e-9)
	x.risk = atRisk * x.level
	if tries < thorough*len(app) {
		x.cool(tries, cold)
		return
	}
	// Where calls weigh most, whole applications are best off in one place, or another: no path of small steps leads from one to
	// the other.
	starts := x.starts()
	rounds := len(starts) + hotRounds + 2
	for range hotRounds {
		x.log = x.log[:0]
		x.cool(tries/rounds, hottest)
	}
	for _, place := range starts {
		x.log = x.log[:0]
		x.gather(place)
		x.cool(tries/rounds, mild)
	}
	x.log = x.log[:0]
	x.cool(2*tries/rounds, mild)
}

// chance are the random numbers of an application: by its name, so that they do not depend on what else there is.
func (s *Solver) chance(app []int32) *rand.Rand {
	first := &s.m.snapshot.Workloads[app[0]]
	name := fnv.New64a()
	fmt.Fprintf(name, "%s/%s", first.Namespace, first.Name)
	return rand.New(rand.NewPCG(name.Sum64(), uint64(len(app))+uint64(s.pass)<<32)) //nolint:gosec // chance, not a secret
}

// cool anneals once, from the steps in the log on, and leaves the best plan seen; that before these steps if none is better.
func (x *annealer) cool(steps int, hot float64) {
	now := x.since(0)
	refused := 0.0
	if x.watched {
		x.exposed = x.expose()
	}
	for step, asked := 0, 0; step < steps; {
		looked := step >= asked
		if looked {
			if x.s.expired() {
				break
			}
			asked = step + triesPerLook
		}
		x.s.tried++
		mark := len(x.log)
		step += x.step(x.level * hot * math.Pow(frozen/hot, float64(step)/float64(steps)))
		now += x.since(mark)
		if x.best(&refused, now, looked) {
			x.log, now, refused = x.log[:0], 0, 0
		}
	}
	x.undo(0)
}

// best says whether the present plan is the best so far: what would be lost has more room, or as much at a lower price. To find that out
// takes time: a plan is asked about that is better than the best refused one, and from time to time.
func (x *annealer) best(refused *float64, now float64, looked bool) bool {
	if !x.losses {
		return now < -1e-9
	}
	if x.watched {
		if now > leftOut/2 || x.exposed > x.unsafe || x.exposed == x.unsafe && now > -1e-9 {
			return false
		}
		x.unsafe = x.exposed
		return true
	}
	if now > leftOut/2 || now > -1e-9 && x.unsafe == 0 || !looked && now > *refused-1e-9 {
		return false
	}
	mark := len(x.log)
	unsafe := x.makeRoom()
	if after := x.since(0); after < leftOut/2 && (unsafe < x.unsafe || unsafe == x.unsafe && after < -1e-9) {
		x.unsafe = unsafe
		return true
	}
	x.undo(mark)
	*refused = min(*refused, now)
	return false
}

// starts are the places where the application costs least if all that may be there is there, calls apart, at most so many. What may not be
// there costs what it costs at its dearest place.
func (x *annealer) starts() []int32 {
	usd := make([]float64, len(x.s.m.geo.ids))
	may := make([]bool, len(usd))
	there := make([]float64, len(usd))
	for _, i := range x.app {
		w := x.s.works[i]
		p, dearest := x.prospectOf(w), 0.0
		for _, place := range p.places {
			there[place] = math.Inf(1)
			for _, pool := range p.byPlace[place] {
				there[place] = min(there[place], p.usd[pool])
			}
			may[place], dearest = true, max(dearest, there[place])
		}
		for place := range usd {
			if len(p.byPlace[place]) > 0 {
				usd[place] += there[place] * float64(w.n)
			} else {
				usd[place] += dearest * float64(w.n)
			}
		}
	}
	var places []int32
	for place, ok := range may {
		if ok {
			places = append(places, int32(place))
		}
	}
	slices.SortStableFunc(places, func(a, b int32) int { return cmp.Compare(usd[a], usd[b]) })
	return places[:min(len(places), mostStarts)]
}

// gather moves the whole application to one place, as far as rules and room allow it.
func (x *annealer) gather(place int32) {
	for _, i := range x.app {
		for here, n := range x.s.works[i].support {
			if n > 0 && int32(here) != place {
				x.relocate(i, int32(here), place)
			}
		}
	}
}

// step tries one change and returns how many tries it counts as.
func (x *annealer) step(temperature float64) int {
	i := x.app[x.random.IntN(len(x.app))]
	w := x.s.works[i]
	from, k := x.origin(w)
	if k == 0 {
		return 1
	}
	to := x.target(w)
	if to == nowhere || to == from && w.pods == nil {
		return 1
	}
	mark := len(x.log)
	// By how much dearer the plan may become: exp(−limit ÷ temperature) is evenly distributed.
	limit := -temperature * math.Log(1-x.random.Float64())
	linked := from != nowhere && len(w.out)+len(w.in) > 0
	if linked && x.random.IntN(8) == 0 {
		most := 2 + x.random.IntN(mostGrouped)
		if x.random.IntN(4) == 0 {
			most = min(len(x.app), mostMoved)
		}
		return x.jointly(i, from, to, most, limit)
	}
	if w.pods != nil {
		if x.rehome(i, x.s.m.pools[to].place) && !x.accepts(mark, limit) {
			x.undo(mark)
		}
		return wholeTries
	}
	usd := x.delta(w, from, to, k)
	switch {
	case usd > leftOut/2 && linked: // too far from a call's other side, which comes along
		return x.jointly(i, from, to, 1, limit)
	case usd > x.within(limit) && x.tally == nil:
		return 1
	}
	moved := x.mayMove(i, from, to, k) && x.take(i, from, to, k, usd)
	if !moved && !x.eject(i, from, to, k, deepest) || !x.accepts(mark, limit) {
		x.undo(mark)
	}
	return 1
}

// jointly moves a workload from one pool's place to another's with others, if the plan does not become dearer than the limit. It
// returns how many tries that counts as.
func (x *annealer) jointly(i, from, to int32, most int, limit float64) int {
	mark := len(x.log)
	here, there := x.s.m.pools[from].place, x.s.m.pools[to].place
	if here == there {
		return 1
	}
	moved, tries := x.together(i, here, there, most)
	if !moved || !x.accepts(mark, limit) {
		x.undo(mark)
	}
	return tries
}

// origin chooses replicas that go elsewhere: those without a place, all on one pool, or one of them.
func (x *annealer) origin(w *work) (pool, n int32) {
	if missing := w.n - w.placed(); missing > 0 {
		return nowhere, 1
	}
	if len(w.allocs) == 0 {
		return nowhere, 0
	}
	pool = w.allocs[x.random.IntN(len(w.allocs))].pool
	n = w.replicasOn(pool)
	if n > 1 && x.random.IntN(2) == 0 {
		n = 1
	}
	return pool, n
}

// target chooses a pool: near a workload that it calls or is called by, or anywhere.
func (x *annealer) target(w *work) int32 {
	p := x.prospectOf(w)
	if len(p.places) == 0 {
		return nowhere
	}
	place := p.places[x.random.IntN(len(p.places))]
	if links := len(w.out) + len(w.in); links > 0 && x.random.IntN(3) > 0 {
		other := x.random.IntN(links)
		var near *work
		if other < len(w.out) {
			near = x.s.works[w.out[other].to]
		} else {
			near = x.s.works[w.in[other-len(w.out)].work]
		}
		if len(near.allocs) > 0 {
			at := x.s.m.pools[near.allocs[x.random.IntN(len(near.allocs))].pool].place
			if len(p.byPlace[at]) > 0 {
				place = at
			}
		}
	}
	list := p.byPlace[place]
	return list[x.random.IntN(len(list))]
}

// together moves a workload and some that call each other with it from one place to another; those too that the limit of a call ties
// to one that moves. It counts as so many tries.
func (x *annealer) together(i, here, there int32, most int) (moved bool, tries int) {
	x.group = append(x.group[:0], i)
	for k := 0; k < len(x.group) && len(x.group) <= mostMoved; k++ {
		x.s.neighbours(x.s.works[x.group[k]], func(other int32, e *edge) {
			if !x.member[other] || contains(x.group, other) {
				return
			}
			tied := e.limited() && x.tied(x.s.works[other], e, there)
			if tied || len(x.group) < most && x.s.works[other].support[here] > 0 && x.random.IntN(5) > 0 {
				x.group = append(x.group, other)
			}
		})
	}
	if len(x.group) > mostMoved {
		return false, len(x.group)
	}
	for _, j := range x.group {
		if tries++; x.s.works[j].pods != nil {
			tries += wholeTries
		}
		from := here
		if support := x.s.works[j].support; support[from] == 0 { // tied to it from elsewhere
			from = most32(support)
		}
		if from != there {
			moved = x.relocate(j, from, there) || moved
		}
	}
	return moved, tries
}

// tied says that a workload has no replica near enough to a place for a call to or from there.
func (x *annealer) tied(w *work, e *edge, there int32) bool {
	for place, n := range w.support {
		if n > 0 && !x.s.m.beyond(e, there, int32(place)) && !x.s.m.beyond(e, int32(place), there) {
			return false
		}
	}
	return true
}

// most32 is the index of the largest number.
func most32(list []int32) int32 {
	best := 0
	for k, n := range list {
		if n > list[best] {
			best = k
		}
	}
	return int32(best)
}

// relocate moves a workload's replicas from one place to another, as many as have room there.
func (x *annealer) relocate(i, here, there int32) bool {
	w, moved := x.s.works[i], false
	pools := x.prospectOf(w).byPlace[there]
	if len(pools) == 0 {
		return false
	}
	if w.pods != nil {
		return x.rehome(i, there)
	}
	x.picks = byPool(w.allocs, x.picks)
	for _, p := range slices.Clone(x.picks) {
		if x.s.m.pools[p.pool].place != here {
			continue
		}
		left := p.n
		for _, pool := range pools {
			k := min(left, x.s.room.countOf(pool, w.row.request, left, w.limits.nodeShare()))
			for ; k > 0; k /= 2 {
				if x.move(i, p.pool, pool, k) {
					left -= k
					moved = true
					break
				}
			}
			if left == 0 {
				break
			}
		}
		if left > 0 {
			to := pools[x.random.IntN(len(pools))]
			mark := len(x.log)
			if x.eject(i, p.pool, to, left, 1) {
				moved = true
			} else {
				x.undo(mark)
			}
		}
	}
	return moved
}
