package engine

import (
	"cmp"
	"slices"

	"tradewind.dev/tradewind/pkg/location"
)

// loss is a domain that may vanish.
type loss struct {
	axis, domain int32
}

// refuge is where replicas of a workload go after a loss.
type refuge struct {
	loss   loss
	allocs []alloc
	// missing replicas have no room anywhere.
	missing int32
}

// unfit is replicas that no node has room for after a loss.
type unfit struct {
	work int32
	loss loss
	n    int32
}

// recoveryRounds is how often the plan is changed to make room for what would be lost.
const recoveryRounds = 4

// survive looks for a plan in which after any one loss the lost replicas of the workloads that must survive it fit on what
// remains: workloads move away from the domain, then others make room. What finds no room all the same is said in the plan, and
// no reason to leave replicas out: then fewer would be there after the loss, and not more.
func (s *Solver) survive() {
	for range recoveryRounds {
		missing := s.recoverAll()
		if len(missing) == 0 || s.expired() {
			return
		}
		for _, u := range missing {
			if s.expired() {
				break
			}
			if w := s.works[u.work]; !s.leave(w, u.loss) {
				s.makeRoom(w, u)
			}
		}
	}
	s.recoverAll()
}

// fragile are the workloads that must survive losses.
func (s *Solver) fragile() []int32 {
	var out []int32
	for i, w := range s.works {
		if w.held == "" && len(w.row.profile.losses) > 0 {
			out = append(out, int32(i))
		}
	}
	return out
}

// losses lists the domains that hold replicas of workloads that must survive losing them, with these workloads.
func (s *Solver) losses(fragile []int32) (order []loss, victims map[loss][]int32) {
	victims = map[loss][]int32{}
	for _, i := range fragile {
		for _, l := range s.lossesOf(s.works[i]) {
			if len(victims[l]) == 0 {
				order = append(order, l)
			}
			victims[l] = append(victims[l], i)
		}
	}
	slices.SortFunc(order, func(a, b loss) int { return cmp.Or(cmp.Compare(a.axis, b.axis), cmp.Compare(a.domain, b.domain)) })
	return order, victims
}

// lossesOf lists the domains that hold replicas of a workload and that it must survive losing.
func (s *Solver) lossesOf(w *work) []loss {
	var out []loss
	for _, axis := range w.row.profile.losses {
		of := s.m.axes[axis].of
		for _, a := range w.allocs {
			if l := (loss{int32(axis), of[a.pool]}); !slices.Contains(out, l) {
				out = append(out, l)
			}
		}
	}
	return out
}

// recoverAll tries every loss and remembers where replicas would go. It returns those without room.
func (s *Solver) recoverAll() []unfit {
	for _, w := range s.works {
		w.refuges = nil
	}
	return s.recoverThose(s.fragile(), s.m.sizes())
}

// recoverThose is recoverAll of those workloads that must survive losses.
func (s *Solver) recoverThose(fragile []int32, sizes map[*request]float64) []unfit {
	for _, i := range fragile {
		s.works[i].refuges = nil
	}
	s.lacking = false
	order, victims := s.losses(fragile)
	var missing []unfit
	for _, l := range order {
		list := victims[l]
		slices.SortStableFunc(list, func(a, b int32) int {
			return cmp.Compare(sizes[s.works[b].row.request], sizes[s.works[a].row.request])
		})
		for _, i := range list {
			w := s.works[i]
			allocs, left := s.refuge(w, l, s.lost(w, l)-s.stuck(i, l))
			w.refuges = append(w.refuges, refuge{l, allocs, left})
			if left > 0 {
				s.lacking = true
				missing = append(missing, unfit{i, l, left})
			}
		}
		for _, i := range list {
			w := s.works[i]
			for _, a := range w.refuges[len(w.refuges)-1].allocs {
				s.room.release(a, w.row.request.vector)
			}
		}
	}
	return missing
}

// lost is how many replicas of a workload vanish with a domain.
func (s *Solver) lost(w *work, l loss) int32 {
	n, of := int32(0), s.m.axes[l.axis].of
	for _, a := range w.allocs {
		if of[a.pool] == l.domain {
			n += a.n
		}
	}
	return n
}

// refuge places n replicas outside a lost domain and returns where, and how many have no room.
func (s *Solver) refuge(w *work, l loss, n int32) (allocs []alloc, left int32) {
	of := s.m.axes[l.axis].of
	only := s.movable(w, l)
	away := s.awayFrom(w, l)
	perNode := int32(maxReplicas)
	if w.limits.apart {
		perNode = 1
	}
	left = n
	try := func(i int32) {
		if left > 0 && of[i] != l.domain && (only == nil || only[i]) && !away.bars(i) {
			var placed int32
			allocs, placed = s.room.placeWithin(i, w.row.request.vector, min(left, s.openTo(w, l, i, allocs)), perNode, away.nodes(), allocs)
			left -= placed
		}
	}
	// Pools that the workload uses come last: room there is what others need.
	for _, i := range w.row.order {
		try(i)
	}
	if left > 0 {
		for _, i := range w.row.profile.allowed {
			try(i)
		}
	}
	return allocs, left
}

// awayFrom is where anti-affinity lets no replica of a workload be after a loss; nil for nowhere.
func (s *Solver) awayFrom(w *work, l loss) *beside {
	if w.pods == nil && !w.limits.apart {
		return nil
	}
	out, of := &beside{}, s.m.axes[l.axis].of
	if w.pods != nil {
		for _, rule := range w.pods.rules {
			switch rule.(type) {
			case *apartRule, *apartOthers:
				rule.limit(s, w, out)
			}
		}
	}
	for _, a := range w.allocs {
		if w.limits.apart && of[a.pool] != l.domain {
			out.cap(a.pool, a.node, 0)
		}
	}
	return out
}

// openTo is how many replicas more anti-affinity among a workload's own lets a pool have after a loss, beside those that are left and
// those that found a place.
func (s *Solver) openTo(w *work, l loss, pool int32, found []alloc) int32 {
	most, lost := int32(maxReplicas), s.m.axes[l.axis].of
	for k := range w.limits.caps {
		limit := &w.limits.caps[k]
		of := s.m.axes[limit.axis].of
		if limit.rule != RulePodAntiAffinity || of[pool] < 0 {
			continue
		}
		n := int32(0)
		for _, a := range w.allocs {
			if lost[a.pool] != l.domain && of[a.pool] == of[pool] {
				n += a.n
			}
		}
		for _, a := range found {
			if of[a.pool] == of[pool] {
				n += a.n
			}
		}
		most = min(most, max(limit.max-n, 0))
	}
	return most
}

// movable are the pools that every volume can be attached to of those that may be in the domain; nil for all.
func (s *Solver) movable(w *work, l loss) []bool {
	if len(w.pins) == 0 {
		return nil
	}
	of := s.m.axes[l.axis].of
	out := make([]bool, len(s.m.pools))
	for i := range out {
		out[i] = true
	}
	for _, p := range w.pins {
		inside := false
		for i, ok := range p.only {
			inside = inside || ok && of[i] == l.domain
		}
		if !inside || domainOf(of, p.Pools) >= 0 { // what cannot leave the domain at all is not replaced
			continue
		}
		for i, ok := range p.only {
			out[i] = out[i] && ok
		}
	}
	return out
}

// leave places a workload anew with as little as possible in a domain; it keeps that when less is there than before and
// nothing more is unplaced.
func (s *Solver) leave(w *work, l loss) bool {
	before, placed := s.lost(w, l), w.placed()
	was := s.lift(w)
	of := s.m.axes[l.axis].of
	a := ask{bias: func(i int32) float64 {
		if of[i] == l.domain {
			return heavy
		}
		return 0
	}}
	s.outgoing(w, &a)
	s.put(w, &a)
	s.settle(w)
	if s.lost(w, l) < before && w.placed() >= placed && s.callersReach(w) && !s.disturbs(w) {
		return true
	}
	s.restore(w, was)
	return false
}

// makeRoom moves a workload that need not survive the loss into other pools, where one that must finds room in its stead.
func (s *Solver) makeRoom(w *work, u unfit) bool {
	of := s.m.axes[u.loss.axis].of
	request := w.row.request.vector
	left := u.n
	for _, i := range s.order {
		other := s.works[i]
		if left <= 0 || s.expired() {
			break
		}
		if len(other.row.profile.losses) > 0 || len(other.pins) > 0 || !other.yields(s.m, w, of, u.loss.domain) {
			continue
		}
		placed := other.placed()
		was := s.lift(other)
		var ghosts []alloc
		ghosts, short := s.refuge(w, u.loss, left)
		gained := left - short
		if gained > 0 {
			a := ask{}
			s.outgoing(other, &a)
			s.put(other, &a)
			s.settle(other)
		}
		for _, a := range ghosts {
			s.room.release(a, request)
		}
		if gained > 0 && other.placed() >= placed && s.callersReach(other) && !s.disturbs(other) {
			left -= gained
			continue
		}
		s.restore(other, was)
	}
	return left < u.n
}

// yields says whether a workload has replicas outside a domain where another could go.
func (w *work) yields(m *model, wanted *work, of []int32, domain int32) bool {
	for _, a := range w.allocs {
		if of[a.pool] != domain && m.allows(wanted.row.profile, a.pool) {
			return true
		}
	}
	return false
}

// missing is how many replicas would have no room after losses.
func missing(refuges []refuge) int32 {
	n := int32(0)
	for k := range refuges {
		n += refuges[k].missing
	}
	return n
}

// recoverMore looks again for room for what had none after a loss, since others have left places. It returns whose refuges are others.
func (s *Solver) recoverMore() []int32 {
	if !s.lacking || !slices.ContainsFunc(s.works, func(w *work) bool { return missing(w.refuges) > 0 }) {
		return nil
	}
	before := make([][]refuge, len(s.works))
	for i, w := range s.works {
		if before[i] = w.refuges; s.reserve != nil {
			s.unreserve(int32(i))
		}
	}
	s.reserve = nil
	s.recoverAll()
	var out []int32
	for i, w := range s.works {
		if !sameRefuges(before[i], w.refuges) {
			out = append(out, int32(i))
		}
	}
	return out
}

func sameRefuges(a, b []refuge) bool {
	return slices.EqualFunc(a, b, func(x, y refuge) bool {
		return x.loss == y.loss && x.missing == y.missing && slices.Equal(x.allocs, y.allocs)
	})
}

// recoveries are a workload's refuges in words.
func (s *Solver) recoveries(w *work) []Recovery {
	if len(w.refuges) == 0 {
		return nil
	}
	out := make([]Recovery, 0, len(w.refuges))
	for _, r := range w.refuges {
		axis := &s.m.axes[r.loss.axis]
		recovery := Recovery{
			Domain: location.Domain{Kind: axis.domain, Name: axis.names[r.loss.domain]}, Moves: make([]RecoveryMove, 0, len(r.allocs)), Missing: int(r.missing),
		}
		for _, a := range r.allocs {
			recovery.Moves = append(recovery.Moves, RecoveryMove{int(a.pool), int(a.node), int(a.n)})
		}
		out = append(out, recovery)
	}
	return out
}
