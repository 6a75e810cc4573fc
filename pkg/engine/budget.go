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
// finish the plan takes a part of what it took to read the snapshot, and of what it takes to place everything.
const (
	placingBySample    = 6.0
	finishingByReading = 0.5
	finishingByPlacing = 0.25
	turnsByPlacing     = 1.0
	mostKept           = 0.15 // of the time allowed
	mostForTurns       = 0.5
)

// sampled is for how many workloads a place is looked for to learn how long that takes.
const sampled = 64

// budget is how the time allowed is shared out, in shares of it. All are zero where nobody knows how much has passed.
type budget struct {
	reading float64 // what reading the snapshot took
	placing float64 // what placing everything takes
	kept    float64 // what is kept for finishing the plan
	turns   float64 // what is kept for the turns after the first
	cut     bool    // the search was cut short for what comes after it
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

// priced says whether to stop looking for prices, so that what is left of the time is enough to place everything.
func (s *Solver) priced() bool {
	b := &s.budget
	if s.expired() {
		return true
	}
	late := s.used()+b.placing+b.kept+b.turns >= 1
	b.cut = b.cut || late
	return late
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
	b.reading = s.used() - begun
	b.keep()
}

// keep keeps what finishing the plan is expected to take, and no more than a part of the time: where that is short, little is placed, and
// little is to be finished.
func (b *budget) keep() {
	b.kept = min(finishingByReading*b.reading+finishingByPlacing*b.placing, mostKept)
}

// sample looks for places for some workloads, with nothing in the way, to learn how long that takes: for the largest, and for some of the
// others.
func (s *Solver) sample() {
	if s.m.options.Used == nil || s.budget.placing > 0 {
		return
	}
	var list []*work
	for _, w := range s.works {
		if w.held == "" && w.n > 0 {
			list = append(list, w)
		}
	}
	if len(list) == 0 {
		return
	}
	timed := func(w *work) float64 {
		begun := s.used()
		s.chooser.best(&ask{row: w.row, limits: w.limits, n: w.n, stays: w.stays, room: s.room})
		return s.used() - begun
	}
	largest := slices.MaxFunc(list, func(a, b *work) int { return cmp.Compare(a.n, b.n) })
	sum, n := 0.0, 0
	for k := 0; k < len(list) && !s.expired(); k += max(len(list)/sampled, 1) {
		if list[k] != largest {
			sum += timed(list[k])
			n++
		}
	}
	s.budget.placing = placingBySample * (sum*float64(len(list))/float64(max(n, 1)) + timed(largest))
	s.budget.keep()
}

// place places all workloads and notes how long that took.
func (s *Solver) place() {
	begun := s.used()
	s.constructing = true
	s.construct()
	s.constructing = false
	b := &s.budget
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
