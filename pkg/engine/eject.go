package engine

import (
	"cmp"
	"math"
	"slices"
)

// eject moves replicas to a pool where there is too little room, and others from there elsewhere.
func (x *annealer) eject(i, from, to, k int32, depth int) bool {
	if depth == 0 {
		return false
	}
	var gone [mostEjected]int32
	var lifted [mostEjected]int32
	count := 0
	for range 2 * mostEjected {
		v := x.victim(i, to)
		if v < 0 {
			return false
		}
		n := x.s.works[v].replicasOn(to)
		if n > 1 && x.random.IntN(2) == 0 {
			n = 1
		}
		if !x.move(v, to, nowhere, n) {
			continue
		}
		gone[count], lifted[count] = v, n
		count++
		if x.move(i, from, to, k) {
			for j := range count {
				if !x.rehouse(gone[j], lifted[j], from, to, depth-1) {
					return false
				}
			}
			return true
		}
		if count == mostEjected {
			return false
		}
	}
	return false
}

// victim chooses a workload on a pool that may give way; -1 for none.
func (x *annealer) victim(i, pool int32) int32 {
	list := x.on[pool]
	for range 4 {
		if len(list) == 0 {
			break
		}
		at := x.random.IntN(len(list))
		v := list[at]
		w := x.s.works[v]
		if w.replicasOn(pool) == 0 { // it has left
			list[at] = list[len(list)-1]
			list = list[:len(list)-1]
			x.on[pool] = list
			continue
		}
		if v != i && w.shiftable() {
			return v
		}
	}
	return -1
}

// rehouse finds the best place for replicas that had to go: where room has become free, near those that it calls or is called by,
// or at a place chosen by chance.
func (x *annealer) rehouse(i, k, vacated, full int32, depth int) bool {
	w := x.s.works[i]
	p := x.prospectOf(w)
	x.options = x.options[:0]
	add := func(pool int32) {
		if pool == nowhere || math.IsInf(p.usd[pool], 1) || slices.ContainsFunc(x.options, func(o option) bool { return o.pool == pool }) {
			return
		}
		x.options = append(x.options, option{pool, x.delta(w, nowhere, pool, k)})
	}
	add(vacated)
	for range 5 {
		add(x.target(w))
	}
	for _, a := range w.allocs {
		for _, pool := range p.byPlace[x.s.m.pools[a.pool].place] {
			add(pool)
		}
	}
	slices.SortFunc(x.options, func(a, b option) int { return cmp.Or(cmp.Compare(a.usd, b.usd), cmp.Compare(a.pool, b.pool)) })
	for _, o := range x.options {
		if x.mayMove(i, nowhere, o.pool, k) && x.take(i, nowhere, o.pool, k, o.usd) {
			return true
		}
	}
	if depth == 0 || len(x.options) == 0 {
		return false
	}
	to := x.options[x.random.IntN(min(len(x.options), 3))].pool
	return to != full && x.eject(i, nowhere, to, k, depth)
}
