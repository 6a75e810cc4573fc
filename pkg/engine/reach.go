package engine

// secure makes a plan keep the rules that bind workloads to each other: limits of calls, and room after a loss. First
// workloads move; what is too far from what it calls then is left out.
func (s *Solver) secure() {
	const rounds = 4
	for range rounds {
		s.survive()
		if !s.reconcile() {
			return
		}
		if s.expired() {
			break
		}
	}
	for dropped := true; dropped; {
		dropped = false
		for _, i := range s.order {
			if w := s.works[i]; !s.reaches(w) {
				s.dropFar(w)
				dropped = true
			}
		}
	}
	s.recoverAll()
}

// reconcile moves callers that are too far from what they call, or what they call. It returns whether anything changed or
// should have.
func (s *Solver) reconcile() bool {
	if !s.calls {
		return false
	}
	changed := false
	for _, i := range s.order {
		w := s.works[i]
		if !w.limited() || w.placed() == w.n && s.reaches(w) {
			continue
		}
		if s.expired() {
			return true
		}
		moved := s.again(w)
		if !s.reaches(w) || w.placed() < w.n {
			moved = s.pull(w) || moved
		}
		if moved || !s.reaches(w) {
			changed = true
		}
	}
	return changed
}

// limited says whether a workload's calls have limits.
func (w *work) limited() bool {
	for k := range w.out {
		if w.out[k].limited() {
			return true
		}
	}
	return false
}

// reaches says that no replica of a workload is too far from what it calls.
func (s *Solver) reaches(w *work) bool {
	for k := range w.out {
		e := &w.out[k]
		if !e.limited() {
			continue
		}
		for place, n := range w.support {
			if n == 0 {
				continue
			}
			if to := s.m.nearest(e, s.works[e.to].support, int32(place)); to >= 0 && s.m.beyond(e, int32(place), to) {
				return false
			}
		}
	}
	return true
}

// pull places a workload without regard to what it calls, and then what it calls near it. It keeps that when all limits are
// met and nothing that was placed is not any more.
func (s *Solver) pull(w *work) bool {
	placed := w.placed()
	type before struct {
		work   *work
		allocs []alloc
	}
	undo := []before{{w, s.lift(w)}}
	a := ask{}
	s.put(w, &a)
	s.settle(w)
	ok := w.placed() >= placed && w.placed() > 0
	for k := range w.out {
		callee := s.works[w.out[k].to]
		if !ok || s.reaches(w) {
			break
		}
		if !w.out[k].limited() || callee.held != "" {
			continue
		}
		count := callee.placed()
		undo = append(undo, before{callee, s.lift(callee)})
		s.put(callee, s.attracted(callee))
		s.settle(callee)
		ok = callee.placed() >= count && s.reaches(callee)
	}
	if ok = ok && s.reaches(w) && s.callersReach(w); ok {
		for _, b := range undo {
			ok = ok && s.callersReach(b.work)
		}
	}
	if ok {
		return true
	}
	for k := len(undo) - 1; k >= 0; k-- {
		s.restore(undo[k].work, undo[k].allocs)
	}
	return false
}

// attracted asks for places near a workload's callers.
func (s *Solver) attracted(w *work) *ask {
	a := &ask{}
	s.outgoing(w, a)
	s.attraction(w, a)
	return a
}

// near places a workload nearer to its callers when one of them is too far.
func (s *Solver) near(w *work) {
	if s.callersReach(w) {
		return
	}
	s.lift(w)
	s.put(w, s.attracted(w))
	s.settle(w)
}

// dropFar leaves out the replicas that are too far from what the workload calls.
func (s *Solver) dropFar(w *work) {
	var a ask
	s.outgoing(w, &a)
	var kept []alloc
	for _, alloc := range w.allocs {
		if a.far != nil && a.far[s.m.pools[alloc.pool].place] {
			s.room.release(alloc, w.row.request.vector)
		} else {
			kept = append(kept, alloc)
		}
	}
	w.allocs = kept
	s.even(w)
	s.settle(w)
}
