package engine

import (
	"cmp"
	"slices"
	"time"
)

// Within lets the search last from begun to end, by a clock.
func (o *Options) Within(now func() time.Time, begun, end time.Time) {
	o.Expired = func() bool { return !now().Before(end) }
	o.Used = func() float64 { return float64(now().Sub(begun)) / float64(max(end.Sub(begun), 1)) }
}

// What is expected of the steps to come: to place everything takes longer than a sample says, since there is less and less room; to
// finish the plan takes a part of what it took to read the snapshot, and of what it takes to place everything, until a rehearsal says more.
const (
	placingBySample     = 3.0
	placingCalls        = 4.0 // times as much
	finishingByReading  = 0.5
	finishingByPlacing  = 0.25
	finishingByRehearse = 1.5
	turnsByPlacing      = 1.0
	mostKept            = 0.3 // of the time allowed
	mostForTurns        = 0.5
	boundingTolls       = 2.0  // times as much
	forTolls            = 0.08 // of the time allowed, where workloads call each other
	forPrices           = 0.7  // of what reading, placing and finishing leave
	leastForPrices      = 0.2  // of what reading and finishing leave: what is placed by no prices is placed badly
	mostRead            = 0.4  // once so much of what was left has passed no prices are looked for
	leastKept           = 0.02
)

// What steps take by what it took to read the snapshot: sharing out turns, getting ready to look for prices, and to place everything.
const (
	turnsByReading  = 1.2
	pricesByReading = 0.4
	readyByReading  = 1.3
)

// sampled is for how many workloads a place is looked for to learn how long that takes.
const sampled = 64

// budget is how the time allowed is shared out, in shares of it. All are zero where nobody knows how much has passed.
type budget struct {
	opened  float64 // when reading the snapshot began
	reading float64 // what reading the snapshot took
	placing float64 // what placing everything takes
	begun   float64 // when the search for prices began
	ends    float64 // and when it ends
	// hopeless says that there is no time for prices.
	hopeless bool
	hasty    bool // what is placed now is placed quickly
	// bounding is what computing the bound takes once the plan is there.
	bounding float64
	kept     float64 // what is kept for finishing the plan
	turns    float64 // what is kept for the turns after the first
	cut      bool    // the search was cut short for what comes after it
}

// used is the share of the time allowed that has passed; 0 where nobody knows.
func (s *Solver) used() float64 {
	if s.m.options.Used == nil {
		return 0
	}
	return s.m.options.Used()
}

// over says that no time is left.
func (s *Solver) over() bool { return s.m.options.Expired != nil && s.m.options.Expired() }

// expired says whether to stop, so that what is left of the time is enough to finish the plan, and remembers that it said so.
func (s *Solver) expired() bool {
	if b := &s.budget; !s.stopped && (s.over() || s.used()+b.kept+b.turns >= 1) {
		s.stopped = true
	}
	return s.stopped
}

// tolled says whether to stop looking for tolls, so that what is left of the time is enough for the bound.
func (s *Solver) tolled() bool { return s.over() || s.used()+s.budget.bounding >= 1 }

// share shares out what reading leaves of the time allowed, before prices are looked for.
func (s *Solver) share() {
	b := &s.budget
	b.begun = s.used()
	left := 1 - b.begun - b.kept - b.turns
	b.ends = b.begun + max(forPrices*(left-b.placing), leastForPrices*left)
	if b.hopeless {
		b.ends = b.begun
	}
}

// affords says whether there is time for a step that takes this many times as much as reading did; else the search is over.
func (s *Solver) affords(readings float64) bool {
	b := &s.budget
	if !s.stopped && s.m.options.Used != nil && s.used()+b.kept+readings*b.reading >= 1 {
		s.stopped = true
	}
	return !s.expired()
}

// affordsAnother says whether there is time for a plan of about as many workloads, if not for a good one; else the search is over.
func (s *Solver) affordsAnother() bool {
	b := &s.budget
	return s.affords(1 + turnsByReading + b.placing/max(b.reading, 1e-9))
}

// priced says whether to stop looking for prices, so that what is left of the time is enough to place everything.
func (s *Solver) priced() bool {
	if s.expired() {
		return true
	}
	late := s.m.options.Used != nil && s.used() >= s.budget.ends
	s.budget.cut = s.budget.cut || late
	return late
}

// pace is which part of the time for prices has passed; 0 where nobody knows.
func (s *Solver) pace() float64 {
	b := &s.budget
	if s.m.options.Used == nil {
		return 0
	}
	return (s.used() - b.begun) / max(b.ends-b.begun, 1e-9)
}

// hurry says whether to stop choosing the places of one workload, since the search is over, or what is placed must be placed quickly.
func (s *Solver) hurry() bool { return s.budget.hasty || s.expired() }

// keepUp decides whether the next workloads are placed quickly: more of the time for placing has passed than of the work. done is the part
// of it that is done, begun when it began.
func (s *Solver) keepUp(done, begun float64) {
	if b := &s.budget; s.m.options.Used != nil {
		b.hasty = s.used() > begun+(1-b.kept-b.turns-begun)*(0.9*done+0.05)
	}
}

// keepTurns keeps what placing the workloads that have their turn later is expected to take.
func (s *Solver) keepTurns(later int) {
	s.sample()
	b := &s.budget
	part := b.placing * float64(later) / float64(len(s.works))
	b.placing -= part
	b.turns = min(turnsByPlacing*part, mostForTurns)
}

// giveTurns gives what was kept for them to the turns after the first.
func (s *Solver) giveTurns() {
	b := &s.budget
	b.cut, b.turns = b.cut || s.stopped, 0
	s.stopped = false
}

// estimate notes how long it took to read the snapshot, and what that lets expect.
func (s *Solver) estimate(begun float64) {
	b := &s.budget
	b.opened, b.reading = begun, s.used()-begun
	b.keep()
}

// keep keeps what finishing the plan is expected to take, and no more than a part of the time: where that is short, little is placed, and
// little is to be finished.
func (b *budget) keep() {
	b.keepFor(finishingByReading*b.reading + finishingByPlacing*b.placing)
}

func (b *budget) keepFor(finishing float64) { b.kept = min(max(finishing, leastKept), mostKept) }

// rehearse finishes the plan for some workloads, to learn how long that takes.
func (s *Solver) rehearse() {
	if s.m.options.Used == nil || s.stopped {
		return
	}
	b, begun := &s.budget, s.used()
	d := newDual(s.m, nil, s.floors())
	copy(d.lambda, s.lambda)
	d.relax.setPrices(d.lambda)
	s.recoverAll()
	for _, w := range s.works {
		w.refuges = nil // others may still move
	}
	s.lacking = false
	once := s.used() - begun
	b.bounding = finishingByRehearse * s.sampled(func(_ int32, w *work) { s.boundOne(w, d) })
	writing := finishingByRehearse * (once + s.sampled(func(i int32, w *work) {
		if w.placed() == w.n {
			s.keepsRules(w)
			if w.pods != nil {
				s.unordered(w)
				s.stranded(w)
			}
			s.placement(i)
		}
	}))
	finishing := finishingByReading*b.reading + writing
	if s.calls {
		b.bounding *= boundingTolls
		finishing += forTolls
	}
	b.keepFor(finishing + b.bounding)
}

// sampled is how long something takes for all workloads, by how long it takes for some: for the largest, and for some of the others, for
// which it is done twice, since what the first of several needs is there for the others.
func (s *Solver) sampled(do func(i int32, w *work)) float64 {
	var list []int32
	for i, w := range s.works {
		if w.held == "" && w.n > 0 {
			list = append(list, int32(i))
		}
	}
	if len(list) == 0 {
		return 0
	}
	timed := func(i int32) float64 {
		begun := s.used()
		do(i, s.works[i])
		return s.used() - begun
	}
	largest := slices.MaxFunc(list, func(a, b int32) int { return cmp.Compare(s.works[a].n, s.works[b].n) })
	sum, n := 0.0, 0
	for k := 0; k < len(list) && !s.expired(); k += max(len(list)/sampled, 1) {
		if i := list[k]; i != largest {
			do(i, s.works[i])
			sum += timed(i)
			n++
		}
	}
	return sum*float64(len(list))/float64(max(n, 1)) + timed(largest)
}

// sample looks for places for some workloads, with nothing in the way, to learn how long that takes: for the largest, and for some of the
// others.
func (s *Solver) sample() {
	if s.m.options.Used == nil || s.budget.placing > 0 {
		return
	}
	if b := &s.budget; s.used()-b.opened > mostRead*(1-b.opened) {
		b.placing, b.hopeless = 1, true
		return
	}
	b := &s.budget
	b.placing = placingBySample * s.sampled(func(_ int32, w *work) {
		s.chooser.best(&ask{row: w.row, limits: w.limits, n: w.n, stays: w.stays, room: s.room})
	})
	if s.calls {
		b.placing *= placingCalls
	}
	b.placing += readyByReading * b.reading
	b.keep()
}

// place places all workloads and notes how long that took.
func (s *Solver) place() {
	begun := s.used()
	s.constructing = true
	s.construct()
	s.constructing = false
	b := &s.budget
	b.hasty = false
	if took := s.used() - begun; !s.stopped && took > 0 {
		b.placing = took
		b.keep()
	}
}

// NotLookedAt is what a plan says of a workload for which no place was looked for.
const NotLookedAt = "no place was looked for: the deadline ended the search before"

// alwaysPlaced is for how many workloads a place is looked for whatever the deadline.
var alwaysPlaced = 128

// abandon ends the construction with these workloads not placed: what runs stays, the others are left out.
func (s *Solver) abandon(rest []int32) {
	for _, i := range rest {
		if w := s.works[i]; w.moving > 0 {
			s.hold(w)
		} else {
			w.skipped = true
			s.settle(w) // it is not where it was expected to be
		}
	}
	s.moveBroken(rest)
}

// moveBroken places those of some workloads anew that may not be where they run.
func (s *Solver) moveBroken(works []int32) {
	var broken []int32
	for _, i := range works {
		if w := s.works[i]; len(w.allocs) > 0 && !s.keepsRules(w) {
			s.lift(w)
			s.settle(w)
			broken = append(broken, i)
		}
	}
	for _, i := range broken {
		w := s.works[i]
		a := ask{}
		s.outgoing(w, &a)
		s.m.fillRow(w.row, nil)
		s.put(w, &a)
		s.settle(w)
	}
}

// keepRunning sees to it that no replica that runs loses its place because the search was stopped: where one has none, or would not have it for
// the rules that were to be seen to later, everything that runs goes back to where it runs, and of the others those keep their places that still may.
func (s *Solver) keepRunning() {
	lacks := func(w *work) bool {
		return w.held == "" && w.moving > 0 && (w.placed() < min(w.moving, w.n) || !s.keepsRules(w))
	}
	if !s.stopped && !s.budget.cut || !slices.ContainsFunc(s.works, lacks) {
		return
	}
	was := s.save()
	s.liftAll()
	var runs, others []int32
	for i, w := range s.works {
		switch {
		case w.held != "":
			s.restore(w, was[i])
			continue
		case w.moving > 0 && w.n > 0:
			s.hold(w)
			runs = append(runs, int32(i))
			continue
		case len(was[i]) > 0:
			others = append(others, int32(i))
		}
		s.settle(w)
	}
	s.moveBroken(runs)
	for _, i := range others {
		w := s.works[i]
		if s.restore(w, was[i]); !s.keepsRules(w) || s.disturbs(w) {
			w.skipped = true
			s.lift(w)
			s.settle(w)
		}
	}
	s.secure()
}
