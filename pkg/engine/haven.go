package engine

import "slices"

// mostFragile is up to how many workloads that must survive losses every step is asked whether what would be lost still has room. Where
// there are more, that is asked of plans that are better than the best so far.
const mostFragile = 32

// atRisk is what a replica that would be lost without having room counts as in the search, beside what a workload of the application
// costs: more than a plan saves that does without that room.
const atRisk = 10

// accepts says whether the steps from a mark on may be taken, by how much the plan becomes dearer, and by how many more replicas would be lost
// without having room.
func (x *annealer) accepts(mark int, limit float64) bool {
	usd := x.since(mark)
	if !x.watched {
		return usd <= limit
	}
	if usd > x.within(limit) {
		return false
	}
	if x.exposed == 0 && x.sheltered(mark) {
		return true
	}
	before := x.refuges()
	exposed := x.expose()
	if usd+x.risk*float64(exposed-x.exposed) > limit {
		for k, i := range x.fragile {
			x.s.works[i].refuges = before[k]
		}
		return false
	}
	x.exposed = exposed
	return true
}

// within is by how much dearer the plan may become at most, where what would be lost may come to have room.
func (x *annealer) within(limit float64) float64 { return limit + x.risk*float64(x.exposed) }

func (x *annealer) refuges() [][]refuge {
	x.before = x.before[:0]
	for _, i := range x.fragile {
		x.before = append(x.before, x.s.works[i].refuges)
	}
	return x.before
}

// expose looks for room for all that would be lost, and counts what has none.
func (x *annealer) expose() int32 {
	n := int32(0)
	for _, u := range x.s.recoverThose(x.fragile, x.sizes) {
		n += u.n
	}
	return n
}

// sheltered says for certain that what would be lost has the room still that was found for it, after the steps from a mark on.
func (x *annealer) sheltered(mark int) bool {
	for k := range x.log[mark:] {
		step := &x.log[mark+k]
		if w := x.s.works[step.work]; step.whole || len(w.row.profile.losses) > 0 {
			return false
		}
		if step.to == nowhere {
			continue
		}
		for _, i := range x.fragile {
			for _, r := range x.s.works[i].refuges {
				for _, a := range r.allocs {
					if a.pool == step.to && !x.holds(r.loss, a.pool, a.node) {
						return false
					}
				}
			}
		}
	}
	return true
}

// holds says whether a node has room for all that goes there after a loss.
func (x *annealer) holds(l loss, pool, node int32) bool {
	dims := x.s.m.dims
	x.free = append(x.free[:0], x.s.room.pools[pool].free[int(node)*dims:(int(node)+1)*dims]...)
	for _, i := range x.fragile {
		w := x.s.works[i]
		for _, r := range w.refuges {
			for _, a := range r.allocs {
				if r.loss != l || a.pool != pool || a.node != node {
					continue
				}
				for d, want := range w.row.request.vector {
					x.free[d] -= want * int64(a.n)
				}
			}
		}
	}
	return !slices.ContainsFunc(x.free, func(v int64) bool { return v < 0 })
}

// roomTries is how often replicas are moved out of the way of those that would be lost.
const roomTries = 8

// makeRoom moves replicas out of the way of those that would be lost and have no room then, where more of these have none than before the
// search. It returns how many have none after that.
func (x *annealer) makeRoom() int32 {
	missing, n := x.lost()
	for range roomTries {
		if n == 0 || n < x.unsafe {
			break
		}
		mark := len(x.log)
		if !x.vacate(missing[x.random.IntN(len(missing))]) {
			x.undo(mark)
			continue
		}
		after, left := x.lost()
		if left > n || left == n && x.since(mark) > 0 {
			x.undo(mark)
			continue
		}
		missing, n = after, left
	}
	return n
}

// lost lists what would be lost and has no room then, and counts it.
func (x *annealer) lost() (missing []unfit, n int32) {
	missing = x.s.recoverAll()
	for _, u := range missing {
		n += u.n
	}
	return missing, n
}

// vacate moves replicas of others from a pool where a lost replica may go to the best other places.
func (x *annealer) vacate(u unfit) bool {
	w, of := x.s.works[u.work], x.s.m.axes[u.loss.axis].of
	allowed := w.row.profile.allowed
	pool := allowed[x.random.IntN(len(allowed))]
	if of[pool] == u.loss.domain || !x.s.m.pools[pool].holds(w.row.request.vector) {
		return false
	}
	for range mostEjected {
		if x.s.room.countOf(pool, w.row.request, 1, 1) > 0 {
			return true
		}
		v := x.victim(u.work, pool)
		if v < 0 || !x.move(v, pool, nowhere, 1) || !x.rehouse(v, 1, nowhere, pool, 0) {
			return false
		}
	}
	return x.s.room.countOf(pool, w.row.request, 1, 1) > 0
}
