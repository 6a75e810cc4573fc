package engine

import (
	"fmt"
	"slices"
)

// Solver holds a plan and what it was made from, so that a change of one workload does not plan all others anew. It is
// not safe for concurrent use; the plans that it returns are.
type Solver struct {
	m       *model
	works   []*work
	room    *room
	chooser *chooser
	lambda  []float64 // prices of the relaxation
	bounds  []float64 // of each workload at these prices
	found   float64   // the bound that the search for prices found, of all replicas; 0 for none
	stopped bool
	order   []int32
	plan    *Plan
	scratch []pick
	calls   bool
	total   []float64 // of each resource, over all pools
	empty   *room     // of nodes without replicas
	dual    *dual     // at the prices of the plan
	relax   *relaxer  // that the search began with
	reserve *reserve
	sums    sums
	owned   bool // the snapshot is a copy
	checks  int  // sets of rules that were tried for conflicts
	late    int  // conflicts that were looked for after the search was stopped
	// constructing says that workloads without a place have not been placed yet.
	constructing bool
	// lacking says that some lost replicas may have no room; bound are the workloads that rules of pods bind to others.
	lacking bool
	bound   []int32
	// seen are the workloads that held replicas so far, or of which some run, each once.
	seen []int32
	// meetOn is the node that workloads are tried together on; nil where they are not.
	meetOn *nodeKey
	budget budget
	tried  int  // changes of the plan that were tried by chance
	pass   int  // how often that was begun anew with other random numbers
	all    bool // every plan was tried
	vain   *vain
	// yielded are the workloads that gave up their aim for spot pools when the plan was made.
	yielded []int
}

// NewSolver plans a snapshot and keeps what Update needs. Errors are those of Solve.
func NewSolver(snapshot *Snapshot, options Options) (*Solver, error) {
	s, err := newSolver(snapshot, options)
	if err != nil || !s.yieldedInVain() {
		return s, err
	}
	return s.orWithoutAims(options), nil
}

func newSolver(snapshot *Snapshot, options Options) (*Solver, error) {
	m, err := newModel(snapshot, options)
	if err != nil {
		return nil, err
	}
	s := &Solver{m: m}
	begun := s.used()
	problems := make([][]Problem, len(snapshot.Workloads))
	for i := range snapshot.Workloads {
		w, found := m.newWork(i, &snapshot.Workloads[i])
		problems[i] = found
		s.works = append(s.works, w)
	}
	m.least = leastRequests(m)
	m.problems = append(m.problems, duplicates(snapshot)...)
	for _, found := range problems {
		m.problems = append(m.problems, found...)
	}
	s.link()
	s.relate()
	s.room = newRoom(m)
	s.room.remembers = true
	s.chooser = newChooser(m)
	s.chooser.stop = s.hurry
	s.estimate(begun)
	s.solve()
	s.settleAll()
	if !s.expired() {
		s.preferPlanned()
	}
	if !s.expired() {
		s.preferRunning()
	}
	return s, nil
}

// settleAll makes a plan of where the search has put everything.
func (s *Solver) settleAll() {
	s.keepRunning()
	s.follow()
	s.leaveOutMisplaced()
	s.recoverMore()
	s.chooser.stop = nil // what is asked later is answered as well as can be
	s.scatter(s.works...)
	s.finish()
	s.yieldAims()
}

// leastRequests is the smallest request for each resource.
func leastRequests(m *model) []int64 {
	var least []int64
	for _, r := range m.requests {
		if least == nil {
			least = slices.Clone(r.vector)
		}
		for d, v := range r.vector {
			least[d] = min(least[d], v)
		}
	}
	if least == nil {
		least = make([]int64, m.dims)
	}
	return least
}

// fieldName is the field of a name that two workloads share.
const fieldName = "Name"

// duplicates names workloads that share a name: a call cannot tell them apart.
func duplicates(snapshot *Snapshot) []Problem {
	type key struct{ kind, namespace, name string }
	seen := make(map[key]bool, len(snapshot.Workloads))
	var problems []Problem
	for i := range snapshot.Workloads {
		w := &snapshot.Workloads[i]
		k := key{w.Kind, w.Namespace, w.Name}
		if seen[k] {
			problems = append(problems, Problem{
				Object: w.Kind + " " + w.Namespace + "/" + w.Name, Field: fieldName,
				Message: fmt.Sprintf("Workloads[%d] has a name that another has; both are planned, calls go to the first", i),
			})
		}
		seen[k] = true
	}
	return problems
}

// link tells each workload who calls it.
func (s *Solver) link() {
	for i, w := range s.works {
		s.calls = s.calls || len(w.out) > 0
		for k := range w.out {
			callee := s.works[w.out[k].to]
			callee.in = append(callee.in, caller{int32(i), int32(k)})
		}
	}
	if s.calls {
		s.countPlaces()
	}
}

// countPlaces begins to count replicas by place, which calls are priced with.
func (s *Solver) countPlaces() {
	s.calls = true
	for _, w := range s.works {
		w.support = make([]int32, len(s.m.geo.ids))
		s.settle(w)
	}
}

// rounds of steps of the prices, and of improvements at most. More of them narrow the gap: a small plan has time for many, one
// of 10,000 workloads over 500 pools is to take less than a second, and in a larger one a percent is worth a few seconds.
func (s *Solver) rounds() int {
	switch cells := len(s.works) * len(s.m.pools); {
	case s.m.options.Rounds > 0:
		return s.m.options.Rounds
	case s.m.options.brief:
		return briefRounds
	case cells <= 1_000_000:
		return 600
	case cells <= 10_000_000:
		return 180
	default:
		return 300
	}
}

// briefRounds are those of a brief search.
const briefRounds = 30

// items groups workloads that choose alike.
func (s *Solver) items() []item {
	type key struct {
		row    *row
		limits *limits
	}
	index := map[key]int{}
	var items []item
	defer func() { byRow(items) }()
	for _, w := range s.works {
		if w.n == 0 || w.held != "" {
			continue
		}
		// What calls cost at least is left to the bound of the plan: most can be had for next to nothing.
		if len(w.stays) > 0 || len(w.pins) > 0 {
			items = append(items, item{row: w.row, limits: w.limits, n: w.n, weight: 1, work: w})
			continue
		}
		k, weight, n := key{w.row, w.limits}, 1.0, w.n
		if w.limits.free {
			k.limits, weight, n = nil, float64(w.n), 1
		}
		i, ok := index[k]
		if !ok {
			i = len(items)
			index[k] = i
			items = append(items, item{row: w.row, limits: w.limits, n: n})
		}
		items[i].weight += weight
	}
	return items
}

// byRow sorts items so that those that share a row are together.
func byRow(items []item) {
	rank := map[*row]int{}
	for i := range items {
		if _, ok := rank[items[i].row]; !ok {
			rank[items[i].row] = len(rank)
		}
	}
	slices.SortStableFunc(items, func(a, b item) int { return rank[a.row] - rank[b.row] })
}

// solve makes a plan. Where not everything has room, it is made in turns.
func (s *Solver) solve() {
	overfull := s.overfull()
	if overfull && s.affords(turnsByReading) && s.takeTurns(true) {
		return
	}
	if s.solveAll(); !overfull && s.lacksRoom() && !s.expired() {
		s.takeTurns(false)
	}
}

// solveAll places all workloads. Where some call each other two plans are made: one as if nothing ran yet, and one from where
// everything runs. The better counts, moves included, so that a plan made from a plan is that plan.
func (s *Solver) solveAll() {
	for _, w := range s.works {
		if w.held != "" {
			s.hold(w)
		}
		w.certain = w.n > 0
	}
	if !s.calls || !s.runs() {
		s.fromPrices()
		return
	}
	runs := s.forget()
	s.fromPrices()
	s.remember(runs)
	if s.expired() {
		return
	}
	plan, score := s.save(), s.score()
	s.asItRuns()
	s.polish()
	if score.better(s.score()) {
		s.load(plan)
		s.polish()
	}
}

// fromPrices places all workloads: prices first, then places by these prices, then improvements at the true prices.
func (s *Solver) fromPrices() {
	s.vain = nil
	d := s.newSearch()
	s.share()
	s.found = d.search(s.rounds(), s.priced, s.pace)
	s.guided(d)
	s.lambda = d.lambda
	if d.guide != nil {
		s.lambda = d.guide
	}
	s.place()
	s.rehearse()
	s.mendPodRules()
	s.assemble()
	s.lambda = d.lambda
	s.improve()
	if s.calls || len(s.order) <= displacedBelow && !s.m.options.brief {
		s.displace(d.relax)
		s.improve()
	}
	s.all = !s.expired() && s.searchAll()
	s.mendPodRules()
	if !s.expired() {
		s.squeeze()
		s.consolidate()
	}
	s.secure()
	if !s.all && (s.calls || s.lacksRoom()) && !s.expired() {
		s.annealOften(d.relax)
		s.attempt(func() { // which may take the room that is kept for losses
			s.improve()
			s.mendPodRules()
			s.consolidate()
		})
	}
	if !s.expired() {
		s.consolidateSecured()
	}
	s.relax = d.relax
	s.tradeMachines()
}

// polish improves the present plan where that is sure to lead to the same plan again.
func (s *Solver) polish() {
	s.vain = nil
	s.improve()
	if !s.expired() {
		s.searchAll()
	}
	s.mendPodRules()
	if !s.expired() {
		s.squeeze()
		s.consolidate()
	}
	s.secure()
	if !s.expired() {
		s.consolidateSecured()
	}
	s.tradeMachines()
}

// hold keeps the replicas of a workload where they are.
func (s *Solver) hold(w *work) {
	left := w.n
	if w.bad {
		left = maxReplicas
	}
	for _, stay := range w.stays {
		n := min(stay.n, left)
		there := s.stayOnNodes(w, stay.pool, n)
		others, placed := s.room.place(stay.pool, w.row.request.vector, n-there, maxReplicas, nil)
		for _, a := range others {
			w.allocs = gather(w.allocs, 0, a)
		}
		left -= there + placed
	}
	s.settle(w)
}

// settle brings what is derived from allocs up to date.
func (s *Solver) settle(w *work) {
	if len(w.allocs) > 0 {
		s.see(w)
	}
	if w.support != nil {
		clear(w.support)
		for _, a := range w.allocs {
			w.support[s.m.pools[a.pool].place] += a.n
		}
	}
	w.usd = 0
	s.scratch = byPool(w.allocs, s.scratch)
	for _, p := range s.scratch {
		w.usd += w.row.unit(s.m, p.pool) * float64(p.n)
	}
	if len(w.stays) > 0 {
		w.usd += float64(w.moves(s.scratch)) * w.stays[0].credit
	}
	if len(w.limits.even) > 0 {
		w.usd += s.m.uneven(w.limits, w.row, s.scratch)
	}
}

// lift takes a workload's replicas off their nodes and returns where they were.
func (s *Solver) lift(w *work) []alloc {
	was := w.allocs
	for _, a := range was {
		s.room.release(a, w.row.request.vector)
	}
	w.allocs = nil
	if w.support != nil {
		clear(w.support)
	}
	return was
}

// restore puts a workload back to where it was.
func (s *Solver) restore(w *work, was []alloc) {
	for _, a := range w.allocs {
		s.room.release(a, w.row.request.vector)
	}
	for _, a := range was {
		s.room.retake(a, w.row.request.vector)
	}
	w.allocs = was
	s.settle(w)
}

// commit places what the chooser picked.
func (s *Solver) commit(w *work) {
	share, caps := w.limits.nodeShare(), s.chooser.ask.beside.nodes()
	for _, p := range s.chooser.picks {
		w.allocs, _ = s.room.placeWithin(p.pool, w.row.request.vector, p.n, share, caps, w.allocs)
	}
}

// put places a lifted workload at the prices of an ask: pinned replicas first.
func (s *Solver) put(w *work, a *ask) {
	a.row, a.limits, a.room = w.row, w.limits, s.room
	a.n, a.stays, w.kept = w.n, w.stays, false
	if w.pods != nil {
		s.putBeside(w, a)
	} else {
		s.putAlone(w, a)
	}
	if w.placed() < w.n {
		s.keep(w, a)
	}
	if len(w.broken) > 0 {
		s.stay(w, a)
	}
}

// putAlone is put for workloads that no rule of pods binds to others.
func (s *Solver) putAlone(w *work, a *ask) {
	if len(w.pins) > 0 {
		s.putPinned(w, a)
		return
	}
	s.chooser.best(a)
	s.commit(w)
}

// putPinned places replicas that volumes hold first. Limits count all of them together.
func (s *Solver) putPinned(w *work, a *ask) {
	s.chooser.pinned(a, w.n, w.pins)
	s.commit(w)
}

// pinned picks places for pinned replicas first, then for the others.
func (c *chooser) pinned(a *ask, n int32, pins []pin) int32 {
	c.levelled(a, false, func() { c.pinnedFirst(a, n, pins) })
	return c.placed
}

// placeAll says whether all n replicas of an ask have a place, with some of them held where volumes are.
func (c *chooser) placeAll(a *ask, n int32, pins []pin) bool {
	if len(pins) > 0 {
		return c.pinned(a, n, pins) == n
	}
	return c.best(a) == n
}

// both are the pools that are in two sets; nil is the set of all.
func both(a, b []bool) []bool {
	if a == nil {
		return b
	}
	out := make([]bool, len(b))
	for i := range b {
		out[i] = a[i] && b[i]
	}
	return out
}

// pinnedFirst goes round where domains limit each other by how many pods they hold, since one that has its share waits for the others.
func (c *chooser) pinnedFirst(a *ask, n int32, pins []pin) {
	a.n = 0
	c.begin(a)
	only, free := a.only, n
	left := make([]int32, len(pins))
	for k := range pins {
		left[k] = pins[k].n
		free -= pins[k].n // a pinned replica without a place must not be placed elsewhere
	}
	take := func(only []bool, most int32) int32 {
		before := c.placed
		a.n, a.only = before+most, only
		c.gather(true)
		c.drain()
		return c.placed - before
	}
	for before := int32(-1); before < c.placed; {
		before = c.placed
		for k := range pins {
			if left[k] > 0 {
				left[k] -= take(both(only, pins[k].only), left[k])
			}
		}
		free -= take(only, max(free, 0))
		if !a.beside.levels() {
			break
		}
	}
	a.n, a.only = c.placed+max(free, 0), only
}
