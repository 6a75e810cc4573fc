package engine

import (
	"cmp"
	"slices"
)

// A plan that is made when everything runs where another plan had it moves nothing. So what runs is compared with the plan that was
// found, where all of it may stay.

// incumbentCells is up to how many workloads × pools what runs is compared.
const incumbentCells = 2_000_000

func (s *Solver) cells() int { return len(s.works) * len(s.m.pools) }

// standing is what a solver holds of a plan.
type standing struct {
	allocs  [][]alloc
	refuges [][]refuge
	lacking bool
	plan    *Plan
	bounds  []float64
	lambda  []float64
	dual    *dual
	sums    sums
	usd     float64
}

func (s *Solver) standing() *standing {
	out := &standing{lacking: s.lacking, plan: s.plan, bounds: s.bounds, lambda: s.lambda, dual: s.dual, sums: s.sums, usd: s.minimised()}
	for _, w := range s.works {
		out.allocs = append(out.allocs, slices.Clone(w.allocs))
		out.refuges = append(out.refuges, w.refuges)
	}
	return out
}

// stand makes everything as it was.
func (s *Solver) stand(at *standing) {
	s.liftAll()
	for i, w := range s.works {
		s.room.open(at.allocs[i])
		s.restore(w, at.allocs[i])
		w.refuges = at.refuges[i]
	}
	s.lacking, s.plan, s.bounds, s.lambda, s.dual, s.sums = at.lacking, at.plan, at.bounds, at.lambda, at.dual, at.sums
}

// liftAll takes everything off the nodes, and gives up the room that is kept for losses.
func (s *Solver) liftAll() {
	for i, w := range s.works {
		if s.reserve != nil {
			s.unreserve(int32(i))
		}
		w.refuges = nil
		s.lift(w)
	}
	s.reserve = nil
}

// minimised is what the search minimises: the plan's total, but for machines that others keep in use, and more for those that are added.
func (s *Solver) minimised() float64 {
	if !s.m.invoices() {
		return s.plan.Total()
	}
	t := newTally(s.m, s.room)
	usd := s.plan.Total() - s.plan.Bill.Machines + t.committedUSD
	for i := range s.m.pools {
		pool := &s.m.pools[i]
		if !t.committed[i] {
			usd += pool.machine * float64(t.used[i])
		}
		if pool.machine > 0 {
			usd += s.m.snapshot.GrowthUSD * float64(s.plan.Pools[i].Added)
		}
	}
	return usd
}

// adopt makes the plan anew with everything where it runs, and keeps that where it is better: more replicas have a place, or more of what
// would be lost has room, or all cost no more.
func (s *Solver) adopt(allocs [][]alloc) bool {
	before := s.standing()
	s.liftAll()
	for i, w := range s.works {
		s.room.open(allocs[i])
		s.restore(w, allocs[i])
	}
	good := !slices.ContainsFunc(s.works, func(w *work) bool { return !s.keepsRules(w) })
	if good {
		s.recoverAll()
		s.finish()
		now, was := s.plan, before.plan
		order := cmp.Or(cmp.Compare(now.Unplaced, was.Unplaced), cmp.Compare(now.Unrecovered(), was.Unrecovered()))
		good = order < 0 || order == 0 && !cheaper(before.usd, s.minimised())
	}
	if !good {
		s.stand(before)
	}
	return good
}

// keepsRules says whether the replicas of a workload may be where they are.
func (s *Solver) keepsRules(w *work) bool {
	if w.held != "" || len(w.allocs) == 0 {
		return true
	}
	for _, a := range w.allocs {
		room := &s.room.pools[a.pool]
		if int(a.node) >= len(room.used) || !s.m.allows(w.row.profile, a.pool) || w.onNode(nodeKey{a.pool, a.node}) > w.limits.levelled {
			return false
		}
		for _, v := range room.free[int(a.node)*s.m.dims : (int(a.node)+1)*s.m.dims] {
			if v < 0 {
				return false
			}
		}
	}
	if int32(len(w.allocs)) < min(w.limits.hosts, w.placed()) || !s.keepsPins(w) {
		return false
	}
	c, picks := s.chooser, byPool(w.allocs, nil)
	a := ask{row: w.row, limits: w.limits, n: w.placed(), lenient: true}
	c.begin(&a)
	for _, p := range picks {
		if c.allowance(p.pool) < p.n {
			return false
		}
		c.add(p.pool, p.n, 0)
	}
	for k, limit := range w.limits.covered { // those without a place may reach the others
		if k < len(c.masks) && uncovered(limit, c.masks[k]) > w.limits.n-w.placed() {
			return false
		}
	}
	return len(s.m.surplus(w.limits, picks, nil)) == 0 && s.reaches(w) && s.callersReach(w) && len(s.misplaced(w))+len(s.stranded(w)) == 0
}

// keepsPins says whether what volumes hold is where these can be attached, those with the least choice first; replicas without a place may be
// those that are held.
func (s *Solver) keepsPins(w *work) bool {
	if len(w.pins) == 0 {
		return true
	}
	left := byPool(w.allocs, nil)
	order := slices.Clone(w.pins)
	slices.SortStableFunc(order, func(a, b pin) int { return len(a.Pools) - len(b.Pools) })
	missing := w.n - w.placed()
	for _, p := range order {
		n := p.n
		for k := range left {
			if p.only[left[k].pool] {
				take := min(n, left[k].n)
				left[k].n -= take
				n -= take
			}
		}
		if missing -= n; missing < 0 {
			return false
		}
	}
	return true
}

// preferRunning leaves everything where it runs, where it may stay, and the plan that was found is no cheaper and places no more of any
// equals.
func (s *Solver) preferRunning() {
	if s.cells() > incumbentCells {
		return
	}
	moves := s.plan.Moves > 0
	for _, w := range s.works {
		if w.held != "" {
			continue
		}
		runs := int32(0)
		for _, at := range w.stays {
			runs += at.n
		}
		if runs > w.n {
			return
		}
		moves = moves || runs > w.placed()
	}
	if !moves {
		return
	}
	before := s.standing()
	s.liftAll()
	allocs := make([][]alloc, len(s.works))
	for i, w := range s.works {
		if w.held != "" {
			s.restore(w, before.allocs[i])
		} else {
			s.putWhereItRuns(w)
		}
		allocs[i] = slices.Clone(w.allocs)
	}
	s.stand(before)
	if !s.fewerOf(allocs, before.allocs) {
		s.adopt(allocs)
	}
}

// fewerOf says whether fewer replicas of some equals, the workloads of one namespace and priority, have a place than before.
func (s *Solver) fewerOf(now, before [][]alloc) bool {
	type equals struct {
		namespace string
		priority  int32
	}
	more := map[equals]int32{}
	for i, w := range s.works {
		at := equals{w.namespace, w.priority}
		more[at] += count(now[i]) - count(before[i])
	}
	for _, n := range more {
		if n < 0 {
			return true
		}
	}
	return false
}

// putWhereItRuns places the replicas of a lifted workload on the nodes that they run on, as far as these are known and have room, and on
// others of the same pools.
func (s *Solver) putWhereItRuns(w *work) {
	for _, at := range w.stays {
		left := at.n
		for _, on := range s.m.snapshot.Workloads[w.index].RunsOn {
			if on.Pool != int(at.pool) || on.Node < 0 || on.Node >= s.m.pools[at.pool].nodes {
				continue
			}
			free := s.room.pools[at.pool].free[on.Node*s.room.dims : (on.Node+1)*s.room.dims]
			if n := fits(free, w.row.request.vector, min(left, int32(min(max(on.Pods, 0), maxReplicas)))); n > 0 {
				here := alloc{at.pool, int32(on.Node), n}
				s.room.retake(here, w.row.request.vector)
				w.allocs = gather(w.allocs, 0, here)
				left -= n
			}
		}
		begin := len(w.allocs)
		w.allocs, _ = s.room.place(at.pool, w.row.request.vector, left, w.limits.nodeShare(), w.allocs)
		for _, more := range slices.Clone(w.allocs[begin:]) {
			if k := slices.IndexFunc(w.allocs[:begin], func(a alloc) bool { return a.pool == more.pool && a.node == more.node }); k >= 0 {
				w.allocs[k].n += more.n
				w.allocs = slices.DeleteFunc(w.allocs, func(a alloc) bool { return a == more })
			}
		}
	}
}
