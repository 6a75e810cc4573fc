package engine

import "slices"

// A workload's aim for spot pools is kept like a rule while a plan is made. Where replicas have no place then it is given up, workload by
// workload, and they are placed anew.

// spotAim is the most replicas that a workload is to have in one spot pool: its aim, or what runs in one already. 0 where it has no aim,
// a rule limits it, or it is allowed no spot pool.
func (m *model) spotAim(w *Workload, p *profile) int {
	if w.SpotPoolSharePercent <= 0 || p.rules.SpotPoolMaxPercent > 0 {
		return 0
	}
	spot := false
	for _, i := range p.allowed {
		spot = spot || m.pools[i].spot
	}
	if !spot {
		return 0
	}
	most, of := max(1, w.Replicas*w.SpotPoolSharePercent/100), m.axes[m.spotAxis()].of
	running := map[int32]int{}
	for _, c := range w.Current {
		if in := of[c.Pool]; in >= 0 {
			running[in] += c.Replicas
			most = max(most, running[in])
		}
	}
	return most
}

// yieldAims gives up the aims of workloads that have replicas without a place for them.
func (s *Solver) yieldAims() {
	for i := range s.works {
		if s.over() {
			return
		}
		if s.yieldAim(i) {
			s.yielded = append(s.yielded, i)
		}
	}
}

// yieldAim gives up a workload's aim where it leaves replicas out that have a place without it, and says whether it did.
func (s *Solver) yieldAim(i int) bool {
	w := s.works[i]
	if w.held != "" || w.placed() >= w.n || !s.m.full(w) {
		return false
	}
	before := s.m.snapshot.Workloads[i]
	without := before
	without.SpotPoolSharePercent = 0
	s.update(i, &without)
	if s.works[i].placed() <= w.placed() {
		s.update(i, &before)
		return false
	}
	return true
}

// yieldedInVain says whether a workload that gave up its aim still has replicas without a place, and the plan is small enough to be made
// once more.
func (s *Solver) yieldedInVain() bool {
	const most = 100_000 // workloads times pools
	return len(s.works)*len(s.m.pools) <= most && !s.over() &&
		slices.ContainsFunc(s.yielded, func(i int) bool { return s.works[i].placed() < s.works[i].n })
}

// orWithoutAims plans once more without the aims that were given up, and returns the plan that places more: others would have to give way,
// who were placed when these aims were still kept.
func (s *Solver) orWithoutAims(options Options) *Solver {
	other, err := newSolver(s.m.snapshot, options)
	if err != nil || other.everyone() <= s.everyone() {
		return s
	}
	return other
}

// everyone is how many replicas have a place.
func (s *Solver) everyone() int {
	n := 0
	for _, w := range s.works {
		n += int(w.placed())
	}
	return n
}

// full says that a workload has as many replicas in a spot pool as it aims at.
func (m *model) full(w *work) bool {
	if w.limits.aim == 0 {
		return false
	}
	of, counts := m.axes[m.spotAxis()].of, map[int32]int32{}
	for _, a := range w.allocs {
		if in := of[a.pool]; in >= 0 {
			if counts[in] += a.n; counts[in] >= w.limits.aim {
				return true
			}
		}
	}
	return false
}
