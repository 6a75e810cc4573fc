package engine

import "slices"

// mostInCircle is how many workloads are looked at that need pods of each other.
const mostInCircle = 64

// stranded are the replicas of a workload with affinity that kube-scheduler could bind in no order: beside them are only pods that need them
// in turn, none of which runs there, or may be the first. Nil where that was not found out, since too many workloads need each other.
func (s *Solver) stranded(w *work) []alloc {
	if w.held != "" || w.pods == nil || w.pods.together == nil || len(w.allocs) == 0 {
		return nil
	}
	circle := s.circle(w)
	if circle == nil {
		return nil
	}
	there := make(map[int32][]bool, len(circle))
	for _, x := range circle {
		there[x.index] = make([]bool, len(x.allocs))
		for k, a := range x.allocs {
			there[x.index][k] = x.comes(s.m, nodeKey{a.pool, a.node}) == 0 // what runs is not asked
		}
	}
	for again := true; again; {
		again = false
		for _, x := range circle {
			for k := range x.allocs {
				if !there[x.index][k] && (s.joins(x, k, there) || !again && s.mayBeFirst(x, x.allocs[k].pool, there)) {
					there[x.index][k], again = true, true
				}
			}
		}
	}
	var out []alloc
	for k, a := range w.allocs {
		if !there[w.index][k] {
			a.n = w.comes(s.m, nodeKey{a.pool, a.node})
			out = append(out, a)
		}
	}
	return out
}

// circle is a workload with those that it needs pods of and that need pods in turn, and so on, where one of these needs pods of it; nil where
// none does.
func (s *Solver) circle(w *work) []*work {
	out, closed := []*work{w}, w.pods.together.own
	for k := 0; k < len(out); k++ {
		for _, i := range out[k].pods.together.works {
			other := s.works[i]
			closed = closed || other == w
			if other.held == "" && other.pods != nil && other.pods.together != nil && !slices.Contains(out, other) {
				out = append(out, other)
			}
		}
		if len(out) > mostInCircle {
			return nil
		}
	}
	if !closed {
		return nil
	}
	return out
}

// joins says whether in each domain of some replicas are pods that their affinity selects, among those that are there.
func (s *Solver) joins(w *work, k int, there map[int32][]bool) bool {
	t, here := w.pods.together, w.allocs[k]
	for _, axis := range t.axes {
		same := func(pool, node int32) bool {
			if axis == onNodes {
				return pool == here.pool && node == here.node
			}
			of := s.m.axes[axis].of
			return of[pool] >= 0 && of[pool] == of[here.pool]
		}
		found := slices.ContainsFunc(t.affinity.Others, func(at PodsAt) bool {
			return at.Pool >= 0 && at.Pool < len(s.m.pools) && same(int32(at.Pool), int32(at.Node))
		})
		of := t.works
		if t.own {
			of = append(slices.Clone(of), w.index)
		}
		for _, i := range of {
			other := s.works[i]
			come, asked := there[i]
			for j, a := range other.allocs {
				if !found && same(a.pool, a.node) {
					runs := slices.ContainsFunc(other.stays, func(at stay) bool { return same(at.pool, a.node) })
					found = runs || (!asked || come[j]) && (other != w || j != k)
				}
			}
		}
		if !found {
			return false
		}
	}
	return true
}

// mayBeFirst says whether a replica may be the first in its cluster of those that its affinity selects.
func (s *Solver) mayBeFirst(w *work, pool int32, there map[int32][]bool) bool {
	t, cluster := w.pods.together, s.m.snapshot.Pools[pool].Cluster
	if !t.own || t.missing != "" {
		return false
	}
	in := func(pool int) bool {
		return pool >= 0 && pool < len(s.m.pools) && s.m.snapshot.Pools[pool].Cluster == cluster
	}
	if slices.ContainsFunc(t.affinity.Others, func(at PodsAt) bool { return in(at.Pool) }) {
		return false
	}
	for _, i := range append(slices.Clone(t.works), w.index) {
		come, asked := there[i]
		for j, a := range s.works[i].allocs {
			if (!asked || come[j]) && in(int(a.pool)) {
				return false
			}
		}
	}
	return true
}
