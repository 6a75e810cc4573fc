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
	lift()
	for _, at := range append(s.meetingNodes(w, party), s.meetingPlaces(w)...) {
		lift()
		s.meetOn = at.node
		for _, member := range party {
			a := ask{only: at.pools}
			s.outgoing(member, &a)
			s.put(member, &a)
			s.settle(member)
		}
		s.meetOn = nil
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

// meetingPlace is pools where workloads are tried together, or one node.
type meetingPlace struct {
	pools []bool
	node  *nodeKey
}

// meetingPlaces are the domains of a workload's affinity as sets of pools: of nodes the pools themselves. The cheapest come first.
func (s *Solver) meetingPlaces(w *work) []meetingPlace {
	axis := w.pods.together.axes[0]
	var out []meetingPlace
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
		if out = append(out, meetingPlace{pools: only}); len(out) == assembledIn {
			break
		}
	}
	return out
}

// meetingNodes are the nodes that have room for all of some workloads that must be on the same one, which are lifted: of each pool the
// first that do, and one that could be added.
func (s *Solver) meetingNodes(w *work, party []*work) []meetingPlace {
	if !slices.Contains(w.pods.together.axes, onNodes) {
		return nil
	}
	all := make([]int64, s.m.dims)
	for _, member := range party {
		for d, v := range member.row.request.vector {
			all[d] += v * int64(member.n)
		}
	}
	var out []meetingPlace
	for _, i := range w.row.order {
		if len(out) >= assembledIn {
			break
		}
		room, in := &s.room.pools[i], 0
		add := func(node int32) {
			only := make([]bool, len(s.m.pools))
			only[i] = true
			out = append(out, meetingPlace{only, &nodeKey{i, node}})
			in++
		}
		for node := 0; node < len(room.used) && in < meetingsIn; node++ {
			if fits(room.free[node*s.m.dims:(node+1)*s.m.dims], all, 1) == 1 {
				add(int32(node))
			}
		}
		if in == 0 && room.spare > 0 && fits(room.template, all, 1) == 1 {
			node := int32(len(room.used))
			s.room.open([]alloc{{i, node, 1}})
			add(node)
		}
	}
	return out
}

// meetingsIn is how many nodes of a pool are tried.
const meetingsIn = 3
