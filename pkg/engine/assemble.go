package engine

import "slices"

// mostAssembled is how many workloads are placed together in one domain, and how many domains are tried.
const mostAssembled, assembledIn = 6, 12

// assemble tries, for every workload with affinity, to place it and those that it has affinity to together in one domain after the
// other, and keeps what places most, at the lowest price among equals.
func (s *Solver) assemble() {
	for _, i := range s.order {
		if w := s.works[i]; w.pods != nil && w.pods.together != nil {
			if s.expired() {
				return
			}
			s.assembleOne(w)
		}
	}
}

// party is a workload with affinity and those that it has affinity to, these first.
func (s *Solver) party(w *work) []*work {
	party := []*work{w}
	for k := 0; k < len(party); k++ {
		if party[k].pods == nil || party[k].pods.together == nil {
			continue
		}
		for _, i := range party[k].pods.together.works {
			if other := s.works[i]; other.movable() && !slices.Contains(party, other) {
				party = append(party, other)
			}
		}
		if len(party) > mostAssembled {
			return nil
		}
	}
	slices.SortStableFunc(party, podOrder)
	return party
}

// arrangement is where some workloads are, how many replicas each has, and what they cost.
type arrangement struct {
	allocs [][]alloc
	placed []int32
	all    int32
	usd    float64
}

func (s *Solver) arrangement(party []*work) arrangement {
	var out arrangement
	for _, w := range party {
		out.allocs = append(out.allocs, slices.Clone(w.allocs))
		out.placed = append(out.placed, w.placed())
		out.all += w.placed()
		out.usd += s.cost(w)
	}
	return out
}

// better says that nobody has fewer replicas than before, and that there are more, or as many for less.
func (a *arrangement) better(before *arrangement) bool {
	for k := range a.placed {
		if a.placed[k] < before.placed[k] {
			return false
		}
	}
	return a.all > before.all || cheaper(a.usd, before.usd)
}

func (s *Solver) assembleOne(w *work) {
	party := s.party(w)
	if len(party) < 2 || !w.movable() {
		return
	}
	best := s.arrangement(party)
	lift := func() {
		for _, member := range party {
			s.lift(member)
		}
	}
	for _, only := range s.meetingPlaces(w) {
		lift()
		for _, member := range party {
			a := ask{only: only}
			s.outgoing(member, &a)
			s.put(member, &a)
			s.settle(member)
		}
		kept := !slices.ContainsFunc(party, func(member *work) bool { return len(s.misplaced(member)) > 0 || s.disturbs(member) })
		if now := s.arrangement(party); kept && now.better(&best) {
			best = now
		}
	}
	lift()
	for k, member := range party {
		s.restore(member, best.allocs[k])
	}
}

// meetingPlaces are the domains of a workload's affinity as sets of pools: of nodes the pools themselves. The cheapest come first.
func (s *Solver) meetingPlaces(w *work) [][]bool {
	axis := w.pods.together.axes[0]
	var out [][]bool
	known := map[int32]bool{}
	for _, i := range w.row.order {
		domain := i
		if axis != onNodes {
			domain = s.m.axes[axis].of[i]
		}
		if domain < 0 || known[domain] {
			continue
		}
		known[domain] = true
		only := make([]bool, len(s.m.pools))
		for j := range only {
			only[j] = axis == onNodes && int32(j) == i || axis != onNodes && s.m.axes[axis].of[j] == domain
		}
		if out = append(out, only); len(out) == assembledIn {
			break
		}
	}
	return out
}
