package engine

import (
	"fmt"
	"slices"
)

// Update replaces one workload and plans it anew, around all others: where it has room those do not move, except that their
// bills change where they call it or it calls them. Where it has too little, room that is kept for losses is kept elsewhere, or a
// few others give way that then are placed as whole as before. The plan's bound is made anew for what changed. Errors: there is no
// workload with this index, or it requests a resource that the snapshot did not know.
//
// To add a workload, keep one with no replicas in the snapshot; to remove one, update it to none. After many updates a new
// Solver finds a better plan.
func (s *Solver) Update(i int, workload Workload) (*Plan, error) {
	if i < 0 || i >= len(s.works) {
		return nil, fmt.Errorf("there is no workload %d; the snapshot has %d", i, len(s.works))
	}
	for name := range workload.Request.Extended {
		if !slices.Contains(s.m.extended, name) {
			return nil, fmt.Errorf("%s %s/%s requests %s, which nothing in the snapshot has; make a new solver", workload.Kind,
				workload.Namespace, workload.Name, name)
		}
	}
	for _, port := range workload.HostPorts {
		if !s.m.ports.knows(port) {
			return nil, fmt.Errorf("%s %s/%s has %s, which nothing in the snapshot has; make a new solver", workload.Kind,
				workload.Namespace, workload.Name, port)
		}
	}
	if before := &s.m.snapshot.Workloads[i]; before.Name != workload.Name || before.Namespace != workload.Namespace {
		return nil, fmt.Errorf("%s/%s cannot become %s/%s; make a new solver", before.Namespace, before.Name, workload.Namespace, workload.Name)
	}
	s.update(i, &workload)
	s.yieldAim(i)
	return s.plan, nil
}

// update is Update for a workload that the snapshot's words suffice for.
func (s *Solver) update(i int, workload *Workload) {
	s.reserveAll()
	s.all, s.tried = false, 0
	old := s.works[i]
	s.unreserve(int32(i))
	s.lift(old)
	s.own()
	s.m.snapshot.Workloads[i] = *workload
	s.m.geo.need(workload)
	w, problems := s.m.newWork(i, workload)
	s.lowerLeast(w.row.request.vector)
	s.relink(int32(i), old, w)
	if old.pods != nil || workload.PodRules != nil {
		s.relate()
	}
	s.m.dense(w.row)
	s.dual.relax.priceOf(w.row.request)
	changed := []int32{int32(i)}
	if w.held != "" {
		s.hold(w)
	} else if w.n > 0 {
		a := ask{}
		s.outgoing(w, &a)
		s.put(w, &a)
		s.settle(w)
		s.near(w)
		s.tidy(int32(i))
		s.shelter(int32(i))
		if w.placed() < w.n && w.movable() {
			if changed = s.moveRefuges(int32(i)); len(changed) == 0 {
				changed = s.giveWay(int32(i))
			}
		}
	}
	for _, out := range slices.Concat(s.leaveOut(w), s.leaveOutMisplaced(), s.recoverMore()) {
		if !slices.Contains(changed, out) {
			changed = append(changed, out)
		}
	}
	for _, k := range changed {
		s.scatter(s.works[k])
	}
	s.replan(changed, workload, problems)
}

// moveRefuges places a workload that lacks room where room is kept for losses, when it is whole then and everybody who must survive a
// loss still can. It returns the workload and those whose refuges are others, and none when all is as before.
func (s *Solver) moveRefuges(i int32) []int32 {
	w := s.works[i]
	before := make([][]refuge, len(s.works))
	kept := false
	for k, other := range s.works {
		s.unreserve(int32(k))
		before[k] = other.refuges
		kept = kept || len(other.refuges) > 0
	}
	s.reserve = nil
	was, lacking := s.lift(w), s.lacking
	undo := func() []int32 {
		s.restore(w, was)
		s.lacking = lacking
		for k, other := range s.works {
			other.refuges = before[k]
		}
		s.reserveAll()
		return nil
	}
	if !kept {
		return undo()
	}
	a := ask{}
	s.outgoing(w, &a)
	s.put(w, &a)
	s.settle(w)
	if w.placed() < w.n || !s.reaches(w) || !s.callersReach(w) {
		return undo()
	}
	s.recoverAll()
	for k, other := range s.works {
		if other != w && missing(other.refuges) > missing(before[k]) {
			return undo()
		}
	}
	s.reserveAll()
	changed := []int32{i}
	for k, other := range s.works {
		if int32(k) != i && !sameRefuges(before[k], other.refuges) {
			changed = append(changed, int32(k))
		}
	}
	return changed
}

// giveWay moves a few others from where a workload that lacks room would rather be, when it is whole then and they are as
// whole as before. It returns the workload and those that moved.
func (s *Solver) giveWay(i int32) []int32 {
	d := &displacer{s: s, relax: s.dual.relax, on: make([][]int32, len(s.m.pools))}
	for k := range s.works {
		d.note(int32(k))
	}
	out := []int32{i}
	for _, u := range d.exchange(i, func(all []moved) bool {
		far := func(u moved) bool { return !s.reaches(u.work) || !s.callersReach(u.work) || s.disturbs(u.work) }
		return s.works[i].placed() == s.works[i].n && !slices.ContainsFunc(all, far)
	}) {
		if u.index != i {
			out = append(out, u.index)
		}
	}
	return out
}

// lowerLeast makes nodes that were full for every request so far open to a smaller one.
func (s *Solver) lowerLeast(request []int64) {
	lower := false
	for d, v := range request {
		if v < s.m.least[d] {
			s.m.least[d], lower = v, true
		}
	}
	if !lower {
		return
	}
	for _, r := range []*room{s.room, s.empty} {
		if r == nil {
			continue
		}
		for i := range r.pools {
			r.pools[i].first = 0
			r.pools[i].refresh(r.dims)
		}
	}
}

// leaveOut leaves out replicas of callers that have become too far from a workload, and of their callers. It returns whose.
func (s *Solver) leaveOut(w *work) []int32 {
	var out []int32
	for open := []*work{w}; len(open) > 0; open = open[1:] {
		for _, in := range slices.Concat(open[0].in, open[0].heard) {
			from := s.works[in.work]
			if from.held != "" || s.reaches(from) {
				continue
			}
			s.unreserve(in.work)
			s.dropFar(from)
			s.shelter(in.work)
			out = append(out, in.work)
			open = append(open, from)
		}
	}
	return out
}

// leaveOutMisplaced leaves out the replicas that rules of pods do not let be where they are, and those of callers that are too far
// then. It returns whose.
func (s *Solver) leaveOutMisplaced() []int32 {
	before := &attempts{replaced: map[int32]int{}, vacated: map[int32]int{}}
	out := s.stayNearOwn()
	for again := true; again; {
		again = false
		for _, i := range s.keepPodRules(before) {
			out = append(out, i)
			out = append(out, s.leaveOut(s.works[i])...)
			again = true
		}
	}
	return out
}

// own makes the snapshot the solver's own before it is changed for the first time.
func (s *Solver) own() {
	if s.owned {
		return
	}
	snapshot := *s.m.snapshot
	snapshot.Workloads = slices.Clone(snapshot.Workloads)
	s.m.snapshot, s.owned = &snapshot, true
}

// Snapshot is the snapshot with all updates. The caller must not change it.
func (s *Solver) Snapshot() *Snapshot { return s.m.snapshot }

// relink puts a new workload in the place of an old one in the calls.
func (s *Solver) relink(i int32, old, w *work) {
	own := func(c caller) bool { return c.work == i }
	for k := range old.out {
		callee := s.works[old.out[k].to]
		callee.in = slices.DeleteFunc(slices.Clone(callee.in), own)
		callee.heard = slices.DeleteFunc(slices.Clone(callee.heard), own)
	}
	w.in, w.heard, w.seen = old.in, old.heard, old.seen
	w.out, w.own = append(w.out, w.own...), nil
	s.works[i] = w
	if len(w.out) > 0 && !s.calls {
		s.countPlaces()
	}
	if s.calls {
		w.support = make([]int32, len(s.m.geo.ids))
	}
	for k := range w.out {
		s.works[w.out[k].to].hear(caller{i, int32(k)}, w.out[k].alone)
	}
}

// replan makes a plan in which some workloads, and the bills of their callers, are new. problems are now wrong with the updated one.
func (s *Solver) replan(changed []int32, updated *Workload, problems []Problem) {
	plan := *s.plan
	plan.Placements = slices.Clone(plan.Placements)
	object := updated.Kind + " " + updated.Namespace + "/" + updated.Name
	corrected := func(p Problem) bool { return p.Object == object && p.Field != fieldName }
	if len(problems) > 0 || slices.ContainsFunc(plan.Problems, corrected) {
		plan.Problems = append(slices.DeleteFunc(slices.Clone(plan.Problems), corrected), problems...)
	}
	if s.calls && s.dual.floors == nil {
		s.dual.floors = s.floors()
	}
	affected := slices.Clone(changed)
	for _, i := range changed {
		w := s.works[i]
		w.certain = len(w.allocs) > 0
		for _, in := range slices.Concat(w.in, w.heard) {
			if !contains(affected, in.work) {
				affected = append(affected, in.work)
			}
		}
	}
	plan.Pools = slices.Clone(plan.Pools)
	var touched []int
	touch := func(placement *Placement, sign int) {
		s.count(&plan, placement, sign)
		for k := range placement.Decisions {
			if pool := placement.Decisions[k].Pool; !slices.Contains(touched, pool) {
				touched = append(touched, pool)
			}
		}
	}
	for _, i := range affected {
		touch(plan.Placements[i], -1)
		plan.Placements[i] = s.placement(i)
		touch(plan.Placements[i], 1)
		if s.dual.floors != nil {
			s.dual.floors.set(s.works[i])
		}
		before := s.bounds[i]
		s.bounds[i] = s.boundOne(s.works[i], s.dual)
		s.sums.bound += s.bounds[i] - before
	}
	for _, pool := range touched {
		s.usePool(pool, &plan.Pools[pool])
	}
	s.plan = &plan
	if s.sums.changes++; s.sums.changes < recount {
		s.conclude(&plan)
	} else {
		s.sumUp(&plan)
	}
}

// recount is after how many changes the sums are made anew, so that what rounding loses does not add up.
const recount = 1 << 12

// reserve is what replicas would take on each node after each loss. The most that any one loss would take is kept free.
type reserve struct {
	loads map[nodeKey][]load
}

type nodeKey struct{ pool, node int32 }

// load is what one loss would bring to a node.
type load struct {
	loss   loss
	amount []int64
}

// reserveAll keeps room free for all refuges, once.
func (s *Solver) reserveAll() {
	if s.reserve != nil {
		return
	}
	s.reserve = &reserve{loads: map[nodeKey][]load{}}
	for _, w := range s.works {
		s.claim(w)
	}
}

// claim keeps room free for a workload's refuges.
func (s *Solver) claim(w *work) {
	for _, r := range w.refuges {
		for _, a := range r.allocs {
			s.bring(a, r.loss, w.row.request.vector, int64(a.n))
		}
	}
}

// unreserve gives up the refuges of a workload.
func (s *Solver) unreserve(i int32) {
	w := s.works[i]
	for _, r := range w.refuges {
		for _, a := range r.allocs {
			s.bring(a, r.loss, w.row.request.vector, -int64(a.n))
		}
	}
}

// bring changes what a loss would bring to a node, and what is kept free there.
func (s *Solver) bring(a alloc, l loss, request []int64, n int64) {
	key := nodeKey{a.pool, a.node}
	list := s.reserve.loads[key]
	s.room.keepFree(a.pool, a.node, most(list, s.m.dims), -1)
	k := slices.IndexFunc(list, func(known load) bool { return known.loss == l })
	if k < 0 {
		k = len(list)
		list = append(list, load{l, make([]int64, s.m.dims)})
		s.reserve.loads[key] = list
	}
	for d, v := range request {
		list[k].amount[d] += v * n
	}
	s.room.keepFree(a.pool, a.node, most(list, s.m.dims), 1)
}

// most is the most of each resource that any one loss would bring.
func most(list []load, dims int) []int64 {
	out := make([]int64, dims)
	for _, l := range list {
		for d, v := range l.amount {
			out[d] = max(out[d], v)
		}
	}
	return out
}

// shelter finds refuges for one workload and keeps room free for them.
func (s *Solver) shelter(i int32) {
	w := s.works[i]
	w.refuges = nil
	for _, l := range s.lossesOf(w) {
		allocs, left := s.refuge(w, l, s.lost(w, l)-s.stuck(i, l))
		for _, a := range allocs {
			s.room.release(a, w.row.request.vector)
		}
		s.lacking = s.lacking || left > 0
		w.refuges = append(w.refuges, refuge{l, allocs, left})
	}
	s.claim(w)
}
