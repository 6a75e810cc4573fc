package engine

import (
	"cmp"
	"slices"
)

// lacksRoom says that some workload is not placed whole.
func (s *Solver) lacksRoom() bool {
	return slices.ContainsFunc(s.works, func(w *work) bool { return w.held == "" && w.placed() < w.n })
}

// overfull says for certain, and before anything is placed, that not everything has room: more is asked for than all pools hold.
func (s *Solver) overfull() bool {
	asked, total := make([]float64, s.m.dims), make([]float64, s.m.dims)
	for i := range s.m.pools {
		for d, v := range s.m.pools[i].total {
			total[d] += v
		}
	}
	most := map[*row]float64{}
	for _, w := range s.works {
		if w.held != "" || w.n == 0 {
			continue
		}
		s.m.dense(w.row)
		if len(w.row.pools) == 0 {
			continue // it has no place anywhere, and takes no room
		}
		if _, known := most[w.row]; !known {
			most[w.row] = s.most(w.row)
		}
		if float64(w.n) > most[w.row] {
			return true
		}
		for d, size := range w.row.request.size {
			if asked[d] += size * float64(w.n); asked[d] > total[d] {
				return true
			}
		}
	}
	return false
}

// group is the workloads of one namespace with one priority. It is whole when all that it asks for is within its share.
type group struct {
	namespace string
	priority  int32
	works     []int32
	whole     bool
}

// running is how many replicas of a workload keep the room that they have: those that run, and those that volumes hold, or would hold
// beside some that run, and that are none of these, since they are held elsewhere.
func (w *work) running() int32 {
	n, stays := w.moving, slices.Clone(w.stays)
	for _, p := range w.pins {
		if !p.Made && w.moving == 0 {
			continue
		}
		held := p.n
		for k := range stays {
			if at := &stays[k]; p.only[at.pool] {
				of := min(at.n, held)
				at.n -= of
				held -= of
			}
		}
		n += held
	}
	return min(n, w.n)
}

// takeTurns plans anew where there is too little room for everything. First come the replicas that run, unless others with a higher
// priority take their room, and the groups that ask for no more than their share, planned together as if nobody asked for more; then,
// around them, what others ask for within their shares; then the excess. So the excess of a namespace is paid for by nobody else,
// whatever its size. It returns false, and plans nothing, where nobody has a turn to wait for, or nobody would be harmed without;
// always keeps the first turn of a group that is alone to its share even then, since to plan for more than there is room for takes
// time without end.
func (s *Solver) takeTurns(always bool) bool {
	groups := s.groups()
	asked := make([]int32, len(s.works))
	for i, w := range s.works {
		asked[i] = w.n
	}
	granted := newFilling(s).fill(groups)
	later := s.later(groups)
	harms := s.harms(groups, later)
	if len(later) == 0 || !harms && !always {
		return false
	}
	s.clear()
	s.keepTurns(len(later))
	for _, i := range later {
		if s.works[i].n = granted[i]; harms {
			s.works[i].n = min(s.works[i].running(), granted[i])
		}
	}
	s.solveAll()
	s.giveTurns()
	s.found = 0
	s.all = false // but for what has its turn later
	if s.expired() {
		for _, i := range later {
			s.skip(s.works[i], asked[i])
		}
		return true
	}
	s.reserveAll()
	s.summon(later, asked)
	for _, limit := range [][]int32{granted, asked} {
		for _, i := range later {
			w := s.works[i]
			if s.expired() {
				s.skip(w, asked[i])
				continue
			}
			if w.n = min(max(limit[i], w.n), asked[i]); w.placed() >= w.n {
				continue
			}
			placed := w.placed()
			undo := s.rework(i, func() *ask { a := &ask{}; s.outgoing(w, a); return a })
			if w.placed() < placed || !s.reaches(w) || !s.callersReach(w) || s.disturbs(w) {
				undo()
			}
		}
	}
	s.consolidateLater()
	return true
}

// skip leaves a workload with the replicas that it has, of as many as it asks for.
func (s *Solver) skip(w *work, asked int32) {
	w.n = asked
	w.skipped = w.placed() < w.n
}

// consolidateLater makes the machines in use cost less once all have had their turn.
func (s *Solver) consolidateLater() {
	if s.calls {
		return
	}
	for i := range s.works {
		s.unreserve(int32(i))
	}
	s.reserve = nil
	if s.expired() {
		return
	}
	if slices.ContainsFunc(s.works, func(w *work) bool { return w.held == "" && len(w.row.profile.losses) > 0 }) {
		s.consolidateSecured()
	} else {
		s.consolidate()
	}
}

// summon places one replica of what workloads of the first turn have affinity to, where that has its turn later and nothing of it has a place:
// they would wait for it. It takes nobody's room.
func (s *Solver) summon(later, asked []int32) {
	late := make([]bool, len(s.works))
	for _, i := range later {
		late[i] = true
	}
	for i, w := range s.works {
		if late[i] || w.placed() >= w.n || !w.movable() || w.pods == nil || w.pods.together == nil {
			continue
		}
		t := w.pods.together
		placed := func(j int32) bool { return len(s.works[j].allocs) > 0 }
		if t.own || len(t.affinity.Others) > 0 || slices.ContainsFunc(t.works, placed) {
			continue
		}
		for _, j := range t.works {
			partner := s.works[j]
			if !late[j] || asked[j] == 0 || partner.n > 0 || partner.held != "" {
				continue
			}
			partner.n = 1
			s.assembleOne(w)
			if w.placed() > 0 && s.reaches(w) && s.reaches(partner) {
				s.shelter(int32(i))
				s.shelter(j)
				break
			}
			for _, lifted := range []*work{w, partner} {
				s.lift(lifted)
				s.settle(lifted)
			}
			partner.n = 0
		}
	}
}

// groups are the workloads that are planned, by namespace and priority, the highest priority first.
func (s *Solver) groups() []*group {
	type key struct {
		namespace string
		priority  int32
	}
	index := map[key]*group{}
	var out []*group
	for i, w := range s.works {
		if w.held != "" || w.n == 0 {
			continue
		}
		k := key{w.namespace, w.priority}
		g := index[k]
		if g == nil {
			g = &group{namespace: w.namespace, priority: w.priority, whole: true}
			index[k] = g
			out = append(out, g)
		}
		g.works = append(g.works, int32(i))
	}
	slices.SortStableFunc(out, func(a, b *group) int { return cmp.Compare(b.priority, a.priority) })
	return out
}

// later are the workloads whose turn is not the first, in their order: of the highest priority at which a group asks for more
// than its share those groups, and all with a lower priority, of each priority those first that are within their shares.
func (s *Solver) later(groups []*group) []int32 {
	first := slices.IndexFunc(groups, func(g *group) bool { return !g.whole })
	if first < 0 {
		return nil
	}
	highest := groups[first].priority
	late := slices.DeleteFunc(slices.Clone(groups), func(g *group) bool {
		return g.priority > highest || g.priority == highest && g.whole
	})
	slices.SortStableFunc(late, func(a, b *group) int {
		return cmp.Or(cmp.Compare(b.priority, a.priority), compareBool(!a.whole, !b.whole))
	})
	var out []int32
	for _, g := range late {
		out = append(out, g.works...)
	}
	return out
}

// harms says whether anybody has something to lose by the demand of later ones: replicas that run, or another group.
func (s *Solver) harms(groups []*group, later []int32) bool {
	return len(groups) > 1 || slices.ContainsFunc(later, func(i int32) bool { return s.works[i].running() > 0 })
}

// clear takes everything off the nodes.
func (s *Solver) clear() {
	for _, w := range s.works {
		w.allocs, w.refuges = nil, nil
		s.settle(w)
	}
	for _, r := range s.m.requests {
		clear(r.full)
	}
	s.room = newRoom(s.m)
	s.room.remembers = true
}
