package engine

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
