package engine

import "slices"

// score is how good a plan is: first how many replicas have no place, or one where rules of pods do not let them be; then how many
// would have none after a loss; then what it costs.
type score struct {
	unplaced, unsafe int32
	usd              float64
}

// better says that a plan with this score is to be preferred.
func (a score) better(b score) bool {
	switch {
	case a.unplaced != b.unplaced:
		return a.unplaced < b.unplaced
	case a.unsafe != b.unsafe:
		return a.unsafe < b.unsafe
	}
	return cheaper(a.usd, b.usd)
}

// score of the present plan, whose refuges are known.
func (s *Solver) score() score {
	var out score
	for _, w := range s.works {
		if w.held == "" {
			out.unplaced += w.n - w.placed()
		}
		for _, bad := range s.misplaced(w) {
			out.unplaced += bad.n
		}
		out.unsafe += missing(w.refuges)
		out.usd += s.paid(w)
	}
	if s.m.invoices() {
		out.usd += s.unguidedUSD()
	}
	return out
}

// unguidedUSD is what machines cost as a whole, less what the replicas pay of them at the prices of their resources.
func (s *Solver) unguidedUSD() float64 {
	t := newTally(s.m, s.room)
	usd := t.committedUSD
	for i, used := range t.used {
		if !t.committed[i] {
			usd += s.m.pools[i].machine * float64(used)
		}
	}
	for i := range s.room.pools {
		for node, n := range s.room.pools[i].used {
			if n > 0 && node >= s.m.pools[i].nodes && s.m.pools[i].machine > 0 {
				usd += s.m.snapshot.GrowthUSD
			}
		}
	}
	for _, w := range s.works {
		for _, a := range w.allocs {
			usd -= (w.row.unit(s.m, a.pool) - w.row.apart(s.m, a.pool)) * float64(a.n)
		}
	}
	return usd
}

// paid is what a workload pays, its calls included.
func (s *Solver) paid(w *work) float64 {
	usd := w.usd
	for k := range w.out {
		e := &w.out[k]
		support := s.works[e.to].support
		for from, n := range w.support {
			if n == 0 {
				continue
			}
			if to := s.m.nearest(e, support, int32(from)); to >= 0 {
				usd += float64(n) * s.m.callUSD(e, int32(from), to)
			}
		}
	}
	return usd
}

// save remembers where everything is in the present plan.
func (s *Solver) save() [][]alloc {
	out := make([][]alloc, len(s.works))
	for i, w := range s.works {
		out[i] = slices.Clone(w.allocs)
	}
	return out
}

// load makes a plan that was saved the present one.
func (s *Solver) load(plan [][]alloc) {
	for _, i := range s.order {
		s.lift(s.works[i])
	}
	for _, i := range s.order {
		s.restore(s.works[i], plan[i])
	}
}

// attempt changes the plan and keeps that when nobody has fewer replicas placed than before and the plan is better, all rules
// that bind workloads to each other kept. The present plan must keep them.
func (s *Solver) attempt(change func()) {
	was, before := s.save(), s.score()
	placed := make([]int32, len(s.works))
	for _, i := range s.order {
		placed[i] = s.works[i].placed()
	}
	change()
	s.secure()
	ok := s.score().better(before)
	for _, i := range s.order {
		ok = ok && s.works[i].placed() >= placed[i]
	}
	if !ok {
		s.load(was)
		s.secure()
	}
}

// runs says whether a workload that may move runs anywhere.
func (s *Solver) runs() bool {
	for _, w := range s.works {
		if w.held == "" && w.moving > 0 {
			return true
		}
	}
	return false
}

// current is where replicas of a workload run.
type current struct {
	stays  []stay
	moving int32
}

// forget makes it as if nothing ran yet, but for what is held.
func (s *Solver) forget() []current {
	out := make([]current, len(s.works))
	for i, w := range s.works {
		if out[i] = (current{w.stays, w.moving}); w.held == "" {
			w.stays, w.moving = nil, 0
		}
	}
	return out
}

// remember undoes forget.
func (s *Solver) remember(runs []current) {
	for i, w := range s.works {
		w.stays, w.moving = runs[i].stays, runs[i].moving
		if w.held == "" {
			s.settle(w)
		}
	}
}

// asItRuns places everything where it runs, as far as rules and room allow it; then what does not run there, or not yet.
func (s *Solver) asItRuns() {
	for _, i := range s.order {
		s.lift(s.works[i])
	}
	for _, running := range []bool{true, false} {
		for _, i := range s.order {
			if w := s.works[i]; w.moving > 0 == running {
				s.putWhere(w, w.stays, !running)
			}
		}
	}
}

// putWhere places a lifted workload where so many replicas of it are, as far as rules and room allow it, and the others at what their calls
// cost, where these are to count.
func (s *Solver) putWhere(w *work, there []stay, calls bool) {
	stays := w.stays
	w.stays = nil
	for _, stay := range there {
		stay.credit = heavy
		w.stays = append(w.stays, stay)
	}
	var a ask
	if calls {
		s.outgoing(w, &a)
	}
	s.put(w, &a)
	w.stays = stays
	s.settle(w)
}
