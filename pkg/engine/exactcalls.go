package engine

import (
	"cmp"
	"math"
	"slices"
)

// link is a call between two workloads of the exact search, by their numbers in it. One that is held has no number, and is where it
// is.
type link struct {
	edge     *edge
	from, to int // -1 for one that is held
	held     *work
}

// link finds the calls of each workload to and from those before it in the search, and those that are held.
func (e *exact) link() {
	number := map[int32]int{}
	for k, i := range e.order {
		number[i] = k
	}
	e.links = make([][]link, len(e.order))
	of := func(i int32) (int, *work) {
		if k, ok := number[i]; ok {
			return k, nil
		}
		return -1, e.s.works[i]
	}
	for i, w := range e.s.works {
		from, heldFrom := of(int32(i))
		for j := range w.out {
			to, heldTo := of(w.out[j].to)
			l := link{&w.out[j], from, to, cmp.Or(heldFrom, heldTo)}
			if later := max(from, to); later >= 0 {
				e.links[later] = append(e.links[later], l)
			}
		}
	}
}

// calls is what the calls of the present plan cost, those between held workloads apart.
func (e *exact) calls() float64 {
	sum := 0.0
	support := func(k int, l *link) []int32 {
		if k < 0 {
			return l.held.support
		}
		return e.s.works[e.order[k]].support
	}
	for k := range e.links {
		for j := range e.links[k] {
			l := &e.links[k][j]
			for from, n := range support(l.from, l) {
				if to := e.s.m.nearest(l.edge, support(l.to, l), int32(from)); n > 0 && to >= 0 {
					sum += float64(n) * e.s.m.callUSD(l.edge, int32(from), to)
				}
			}
		}
	}
	return sum
}

// callsOf is what the calls between a workload and those before it cost where they are in the search; positive infinity when one is
// too far.
func (e *exact) callsOf(k int) float64 {
	sum := 0.0
	for j := range e.links[k] {
		l := &e.links[k][j]
		sum += e.s.m.between(l.edge, e.supportOf(l.from, l), e.supportOf(l.to, l))
	}
	return sum
}

func (e *exact) supportOf(k int, l *link) []int32 {
	if k < 0 {
		return l.held.support
	}
	return e.taken[k].support
}

// between is what a call costs in all with caller and called workload at these places; positive infinity when one is too far.
func (m *model) between(e *edge, from, to []int32) float64 {
	sum := 0.0
	for place, n := range from {
		if n == 0 {
			continue
		}
		near := m.nearest(e, to, int32(place))
		if near < 0 {
			continue
		}
		if m.beyond(e, int32(place), near) {
			return math.Inf(1)
		}
		sum += float64(n) * m.callUSD(e, int32(place), near)
	}
	return sum
}

// addCalls adds to the ways of a workload what calls between it and those before it cost at least, and sorts them by that. Ways
// that are too far from everywhere go.
func (e *exact) addCalls(k int) {
	ways, m := e.ways[k], e.s.m
	for j := range ways {
		ways[j].least = ways[j].usd
	}
	if !e.s.calls {
		return
	}
	for j := range ways {
		ways[j].support = make([]int32, len(m.geo.ids))
		for _, p := range ways[j].picks {
			ways[j].support[m.pools[p.pool].place] += p.n
		}
	}
	for n := range e.links[k] {
		l := &e.links[k][n]
		other := max(min(l.from, l.to), -1)
		for j := range ways {
			ways[j].least += e.floor(l, other, l.from == k, ways[j].support)
		}
	}
	ways = slices.DeleteFunc(ways, func(w way) bool { return math.IsInf(w.least, 1) })
	slices.SortStableFunc(ways, func(a, b way) int { return cmp.Compare(a.least, b.least) })
	e.ways[k] = ways
}

// floor is what a call costs at least when one side is at these places, and the other anywhere that it may be.
func (e *exact) floor(l *link, other int, calls bool, support []int32) float64 {
	m := e.s.m
	if other < 0 {
		if calls {
			return m.between(l.edge, support, l.held.support)
		}
		return m.between(l.edge, l.held.support, support)
	}
	may := e.placesOf(other)
	if !calls { // all replicas of the other, where that is cheapest
		least, n := math.Inf(1), float64(e.s.works[e.order[other]].n)
		for from, ok := range may {
			if near := m.nearest(l.edge, support, int32(from)); ok && near >= 0 && !m.beyond(l.edge, int32(from), near) {
				least = min(least, m.callUSD(l.edge, int32(from), near))
			}
		}
		return n * least
	}
	sum := 0.0
	for from, n := range support {
		if n == 0 {
			continue
		}
		least := math.Inf(1)
		for to, ok := range may {
			if ok && !m.beyond(l.edge, int32(from), int32(to)) {
				least = min(least, m.callUSD(l.edge, int32(from), int32(to)))
			}
		}
		sum += float64(n) * least
	}
	return sum
}

// placesOf are those in any way of a workload.
func (e *exact) placesOf(k int) []bool {
	out := make([]bool, len(e.s.m.geo.ids))
	for j := range e.ways[k] {
		for place, n := range e.ways[k][j].support {
			out[place] = out[place] || n > 0
		}
	}
	return out
}
