package engine

import (
	"cmp"
	"math/rand/v2"
	"slices"
)

// consolidator moves replicas between machines so that what machines in use cost together, and what replicas cost beside them,
// becomes less: it takes all replicas off some machines and places them again one after the other where that costs least, into
// room of machines in use before another one is opened, on a machine of a cheaper type where that holds what is left (ruin and
// recreate, after Schrimpf et al., Journal of Computational Physics 159(2), 2000). What does not make the plan cheaper is undone.
type consolidator struct {
	s      *Solver
	on     [][][]int32 // by pool and node: workloads with replicas there; nil where nothing is ruined
	tally  *tally
	random *rand.Rand
	sizes  map[*request]float64
	blocks []blocks // by pool
	// of one attempt: what was done, by how much the plan is dearer, and the workloads concerned with their moves before
	steps   []placing
	usd     float64
	touched []touched
	// near makes the first machine in use do that costs a replica no more than where it was.
	near bool
	// loose lets a node hold as many replicas of a workload as its rules allow, where a number of nodes must hold one; else no node
	// holds more than its part.
	loose bool
	// strict accepts only what makes the plan cheaper, and not what costs the same.
	strict bool
	// filling accepts what places more, whatever it costs.
	filling bool
	// guard says whether a cheaper plan keeps what binds workloads to each other; nil where that is seen to afterwards.
	guard func() bool
	// left is scratch space: what is left of a machine.
	left []int64
	// checks are nodes and pools that were looked at.
	checks int
	// most are the checks at most.
	most int
}

// placing is replicas of a workload that were put on a node; a negative number were taken off.
type placing struct {
	work int32
	alloc
}

// touched is a workload of which replicas were moved, how many were on other pools than now before, and what they paid that prefer to
// be apart.
type touched struct {
	work, moves int32
	uneven      float64
}

// lot is replicas of one workload that look for a place, and the pool that they were on.
type lot struct {
	work, from, n int32
}

// machine is a node of a pool.
type machine struct{ pool, node int32 }

// Limits of the search: nodes and pools that are looked at in all, attempts in a row that change nothing, at least and for each
// machine, and machines that are ruined together; after changes of one machine in so many they are listed anew.
const (
	mostChecks    = 6_000_000
	briefChecks   = 12 // of a brief search only one in so many
	leastAttempts = 1000
	machineTries  = 24
	mostTogether  = 3
	listedAnew    = 8
	whole         = 4 // in one of so many attempts all replicas of a workload are taken off
	shuffled      = 3 // of so many attempts one places replicas in any order, the others the largest first
)

// consolidate makes the machines in use cost less, where whole machines are minimised.
func (s *Solver) consolidate() {
	if !s.m.invoices() {
		return
	}
	c := s.newConsolidator()
	c.settleIn()
	c.sweep()
	c.shake()
}

// consolidateSecured does it again where a small plan was changed so that it survives losses: what would be lost has room in every
// step.
func (s *Solver) consolidateSecured() {
	losses := slices.ContainsFunc(s.works, func(w *work) bool { return w.held == "" && len(w.row.profile.losses) > 0 })
	if !s.m.invoices() || !losses || len(s.works)*len(s.m.pools) > securedCells || len(s.recoverAll()) > 0 {
		return
	}
	c := s.newConsolidator()
	c.guard = func() bool { return len(s.recoverAll()) == 0 }
	c.settleIn()
	c.shake()
	s.recoverAll() // what was tried last may have been undone
}

// securedCells is up to how many workloads × pools that is done.
const securedCells = 2_000

// stands says that the replicas of a workload are not moved to other machines: it is held, or rules of pods bind it to where others are.
func (w *work) stands() bool { return w.held != "" || w.pods != nil }

// settleIn notes who is where.
func (c *consolidator) settleIn() {
	s := c.s
	c.on = make([][][]int32, len(s.m.pools))
	for i := range c.on {
		c.on[i] = make([][]int32, len(s.room.pools[i].used), len(s.room.pools[i].used)+int(s.room.pools[i].spare))
	}
	for i, w := range s.works {
		for _, a := range w.allocs {
			c.on[a.pool][a.node] = append(c.on[a.pool][a.node], int32(i))
		}
	}
}

// tidy places one workload again where its replicas make the machines in use cost least, around all others.
func (s *Solver) tidy(i int32) {
	w := s.works[i]
	if !s.m.invoices() || w.stands() || len(w.allocs) == 0 {
		return
	}
	c := s.newConsolidator()
	for range tidyTries {
		c.begin()
		c.recreate(c.ruinWhole(i, nil))
	}
}

// tidyTries is how often a workload is placed again.
const tidyTries = 2

func (s *Solver) newConsolidator() *consolidator {
	c := &consolidator{
		s: s, tally: newTally(s.m, s.room), sizes: s.m.sizes(), random: rand.New(rand.NewPCG(1, 1)), blocks: make([]blocks, len(s.m.pools)),
	}
	if c.most = mostChecks; s.m.options.brief {
		c.most /= briefChecks
	}
	for i := range s.m.pools {
		c.count(int32(i))
	}
	return c
}

// machines in use that hold no replica that must stay, the emptiest of the dearest first; those that are sunk last, if at all.
func (c *consolidator) machines(sunk bool) []machine {
	type entry struct {
		machine
		idle float64
	}
	var list []entry
	for i := range c.on {
		pool := &c.s.m.pools[i]
		if pool.machine == 0 && !sunk {
			continue
		}
		for node, works := range c.on[i] {
			if len(works) > 0 && !slices.ContainsFunc(works, func(w int32) bool { return c.s.works[w].stands() }) {
				list = append(list, entry{machine{int32(i), int32(node)}, pool.machine * c.idle(i, node)})
			}
		}
	}
	slices.SortStableFunc(list, func(a, b entry) int { return cmp.Compare(b.idle, a.idle) })
	out := make([]machine, len(list))
	for k := range list {
		out[k] = list[k].machine
	}
	return out
}

// idle is the least share of a priced resource of a machine that is free.
func (c *consolidator) idle(pool, node int) float64 {
	least, dims := 1.0, c.s.m.dims
	free := c.s.room.pools[pool].free[node*dims : (node+1)*dims]
	for d, have := range c.s.m.pools[pool].largest[:dimExtended] {
		if have > 0 {
			least = min(least, float64(free[d])/have)
		}
	}
	return least
}

// sweep tries to do without each machine.
func (c *consolidator) sweep() {
	c.near = true
	for _, at := range c.machines(false) {
		if c.s.expired() || c.checks > c.most/2 {
			break
		}
		c.recreate(c.ordered(c.ruin([]machine{at})))
	}
	c.near = false
}

// shake ruins machines at random, up to some together and sometimes with all replicas of one workload there, as long as that helps now
// and then.
func (c *consolidator) shake() {
	list := c.machines(true)
	failures, changes := 0, 0
	for len(list) > 0 && failures < leastAttempts+machineTries*len(list) && c.checks < c.most && !c.s.expired() {
		var chosen []machine
		for range 1 + c.random.IntN(mostTogether) {
			if at := list[c.random.IntN(len(list))]; !slices.Contains(chosen, at) {
				chosen = append(chosen, at)
			}
		}
		failures++
		c.loose = c.random.IntN(2) == 0
		lots := c.ruin(chosen)
		if len(lots) > 0 && c.random.IntN(whole) == 0 {
			lots = c.ruinWhole(lots[c.random.IntN(len(lots))].work, lots)
		}
		better, changed := c.recreate(c.ordered(lots))
		if better {
			failures = 0
		}
		if changed {
			changes++
		}
		if changes*listedAnew > len(list) {
			list, changes = c.machines(true), 0
		}
	}
}

// ruin takes everything off some machines.
func (c *consolidator) ruin(ruined []machine) []lot {
	c.begin()
	var lots []lot
	for _, at := range ruined {
		for len(c.on[at.pool][at.node]) > 0 {
			i := c.on[at.pool][at.node][0]
			lots = append(lots, lot{i, at.pool, c.takeOff(i, at)})
		}
	}
	return lots
}

// ruinWhole takes the other replicas of a workload off their machines too.
func (c *consolidator) ruinWhole(i int32, lots []lot) []lot {
	for w := c.s.works[i]; len(w.allocs) > 0; {
		a := w.allocs[0]
		lots = append(lots, lot{i, a.pool, c.takeOff(i, machine{a.pool, a.node})})
	}
	return lots
}

// ordered is the order in which lots are placed.
func (c *consolidator) ordered(lots []lot) []lot {
	slices.SortStableFunc(lots, func(a, b lot) int {
		x, y := c.s.works[a.work].row.request, c.s.works[b.work].row.request
		return cmp.Or(cmp.Compare(c.sizes[y], c.sizes[x]), cmp.Compare(a.work, b.work))
	})
	if !c.near && c.random.IntN(shuffled) == 0 {
		c.random.Shuffle(len(lots), func(a, b int) { lots[a], lots[b] = lots[b], lots[a] })
	}
	return lots
}

// begin forgets the last attempt.
func (c *consolidator) begin() {
	c.steps, c.touched, c.usd = c.steps[:0], c.touched[:0], 0
}

// takeOff takes all replicas of a workload off a node and returns how many.
func (c *consolidator) takeOff(i int32, at machine) int32 {
	w := c.s.works[i]
	c.touch(i)
	k := slices.IndexFunc(w.allocs, func(a alloc) bool { return a.pool == at.pool && a.node == at.node })
	n := w.allocs[k].n
	c.change(i, machine{at.pool, at.node}, -n)
	c.usd -= w.row.apart(c.s.m, at.pool) * float64(n)
	c.steps = append(c.steps, placing{i, alloc{at.pool, at.node, -n}})
	return n
}

// putOn puts replicas of a workload on a node.
func (c *consolidator) putOn(i int32, at machine, n int32) {
	c.change(i, at, n)
	c.usd += c.s.works[i].row.apart(c.s.m, at.pool) * float64(n)
	c.steps = append(c.steps, placing{i, alloc{at.pool, at.node, n}})
}

// touch remembers a workload's moves before an attempt.
func (c *consolidator) touch(i int32) {
	w := c.s.works[i]
	if slices.ContainsFunc(c.touched, func(t touched) bool { return t.work == i }) {
		return
	}
	t := touched{work: i, uneven: c.s.unevenly(w)}
	if len(w.stays) > 0 {
		t.moves = w.moves(byPool(w.allocs, nil))
	}
	c.touched = append(c.touched, t)
}

// change puts replicas on a node or takes them off.
func (c *consolidator) change(i int32, at machine, n int32) {
	w, p := c.s.works[i], &c.s.room.pools[at.pool]
	vector := w.row.request.vector
	k := slices.IndexFunc(w.allocs, func(a alloc) bool { return a.pool == at.pool && a.node == at.node })
	b, before := c.count(at.pool), c.inUse(at.pool, int(at.node))
	if n > 0 {
		p.take(int(at.node), c.s.room.least, vector, n)
	} else {
		c.s.room.release(alloc{at.pool, at.node, -n}, vector)
	}
	now := c.inUse(at.pool, int(at.node))
	switch {
	case now && !before:
		c.usd += c.tally.change(at.pool, at.node, 1)
		b.unused[at.node/blockNodes]--
	case before && !now:
		c.usd += c.tally.change(at.pool, at.node, -1)
		b.unused[at.node/blockNodes]++
	}
	if now {
		c.lift(at.pool, int(at.node))
	}
	switch {
	case k < 0:
		w.allocs = append(w.allocs, alloc{at.pool, at.node, n})
		if c.on != nil {
			c.on[at.pool][at.node] = append(c.on[at.pool][at.node], i)
		}
	case w.allocs[k].n+n == 0:
		w.allocs = slices.Delete(w.allocs, k, k+1)
		if c.on != nil {
			c.on[at.pool][at.node] = slices.DeleteFunc(c.on[at.pool][at.node], func(j int32) bool { return j == i })
		}
	default:
		w.allocs[k].n += n
	}
}

// recreate places lots again, and undoes everything where some have no place or that is dearer. It says whether the plan is cheaper, and
// whether it is another.
func (c *consolidator) recreate(lots []lot) (better, changed bool) {
	if len(lots) == 0 {
		return false, false
	}
	for k := range lots {
		if !c.insert(lots[k:]) {
			c.undo()
			return false, false
		}
	}
	for _, t := range c.touched {
		w := c.s.works[t.work]
		if len(w.stays) > 0 {
			c.usd += float64(w.moves(byPool(w.allocs, nil))-t.moves) * w.stays[0].credit
		}
		c.usd += c.s.unevenly(w) - t.uneven
	}
	for _, t := range c.touched {
		if w := c.s.works[t.work]; int32(len(w.allocs)) < min(w.limits.hosts, w.placed()) {
			c.undo()
			return false, false
		}
	}
	strict := c.strict || c.near || c.guard != nil
	if !c.filling && c.usd > improvement || strict && c.usd > -improvement || c.guard != nil && !c.guard() {
		c.undo()
		return false, false
	}
	for _, t := range c.touched {
		c.s.settle(c.s.works[t.work])
	}
	return c.usd < -improvement, true
}

// undo takes back the steps of an attempt.
func (c *consolidator) undo() {
	for _, p := range slices.Backward(c.steps) {
		c.change(p.work, machine{p.pool, p.node}, -p.n)
	}
}
