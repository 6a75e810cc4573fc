package engine

import "slices"

// hear notes a call to a workload.
func (w *work) hear(c caller, alone bool) {
	if alone {
		w.heard = append(slices.Clone(w.heard), c)
	} else {
		w.in = append(slices.Clone(w.in), c)
	}
}

// follow takes account of the calls that are their callers' alone. All workloads have been placed as if there were no such
// calls; now each caller is placed anew, around all others, with what it calls where that is. Nobody else moves for it.
func (s *Solver) follow() {
	var order []int32
	for i := range s.works {
		order = s.followers(int32(i), order)
	}
	if len(order) == 0 {
		return
	}
	if !s.calls {
		s.countPlaces()
	}
	s.reserveAll()
	for _, i := range order {
		w := s.works[i]
		for _, e := range w.own {
			s.works[e.to].hear(caller{i, int32(len(w.out))}, true)
			w.out = append(w.out, e)
		}
		w.own = nil
		if w.held == "" && w.n > 0 && (!s.expired() || !s.reaches(w)) {
			s.nearer(i)
		}
	}
	// What calls in a circle, or has no place near enough: its replicas are left out, and nobody else's.
	for again := true; again; {
		again = false
		for _, i := range order {
			if w := s.works[i]; w.held == "" && !s.reaches(w) {
				s.withdraw(i)
				again = true
			}
		}
	}
}

// followers appends a workload with calls of its own to an order in which those come first that others call.
func (s *Solver) followers(i int32, order []int32) []int32 {
	type step struct {
		work int32
		next int
	}
	for open := []step{{i, 0}}; len(open) > 0; {
		top := &open[len(open)-1]
		w := s.works[top.work]
		switch {
		case top.next == 0 && (len(w.own) == 0 || w.following):
			open = open[:len(open)-1]
		case top.next < len(w.own):
			w.following = true
			top.next++
			open = append(open, step{w.own[top.next-1].to, 0})
		default:
			order = append(order, top.work)
			open = open[:len(open)-1]
		}
	}
	return order
}

// nearer places a workload anew with all its calls, and keeps that when it comes near enough, or pays less.
func (s *Solver) nearer(i int32) {
	w := s.works[i]
	reached, placed, usd, lacking := s.reaches(w), w.placed(), s.cost(w), missing(w.refuges)
	for _, prepare := range []func() *ask{
		func() *ask { a := &ask{}; s.outgoing(w, a); return a },
		func() *ask { return s.attracted(w) }, // its own callers must reach it still
	} {
		undo := s.rework(i, prepare)
		now := w.placed()
		better := !reached || now > placed || now == placed && missing(w.refuges) <= lacking && s.cost(w) < usd-1e-9
		if better && s.reaches(w) && s.callersReach(w) {
			return
		}
		undo()
		if len(w.in) == 0 {
			return
		}
	}
}

// rework places one workload anew around all others, with room for what would be lost. undo puts it back.
func (s *Solver) rework(i int32, prepare func() *ask) (undo func()) {
	w := s.works[i]
	s.unreserve(i)
	refuges, was := w.refuges, s.lift(w)
	w.refuges = nil
	s.put(w, prepare())
	s.settle(w)
	s.shelter(i)
	return func() {
		s.unreserve(i)
		s.restore(w, was)
		w.refuges = refuges
		s.claim(w)
	}
}

// withdraw leaves out the replicas of a workload that are too far from what it calls, and all of them where the others would
// then be too far for its callers.
func (s *Solver) withdraw(i int32) {
	w := s.works[i]
	s.unreserve(i)
	s.dropFar(w)
	s.shelter(i)
	if !s.callersReach(w) {
		s.unreserve(i)
		s.lift(w)
		w.refuges = nil
		s.settle(w)
	}
}
