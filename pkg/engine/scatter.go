package engine

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// mostScattered is how many nodes are looked at, at most, to put replicas on other nodes that prefer that.
const mostScattered = 4_000_000

// hostFree is how many replicas of a workload may be on a node before they prefer to be on others; 0 where they prefer nothing.
func hostFree(w *Workload) int32 {
	least := int32(0)
	for k := range w.PreferredSpread {
		p := &w.PreferredSpread[k]
		if p.TopologyKey != corev1.LabelHostname || p.Weight < 1 || p.Weight > 100 {
			continue
		}
		if free := int32(min(max(p.MaxSkew, 1), maxReplicas)); least == 0 || free < least {
			least = free
		}
	}
	return least
}

// scatter puts replicas that prefer to be on other nodes than each other there, within their pools and where that costs nothing: on nodes
// that are in use anyway, or sunk. Pools have been chosen before, and no price says whether a node holds several. Workloads whose replicas
// rules of pods look at, or that must survive a loss, are left as they are, and room that is kept for losses is.
func (s *Solver) scatter(works ...*work) {
	var list []*work
	for _, w := range works {
		free := w.limits.hostFree
		if free > 0 && w.scatterable() && slices.ContainsFunc(w.allocs, func(a alloc) bool { return a.n > free }) {
			list = append(list, w)
		}
	}
	if len(list) == 0 {
		return
	}
	counted := s.countedUnwatched()
	reserved := s.reserve != nil
	s.reserveAll()
	for looks, k := 0, 0; k < len(list) && looks < mostScattered && !s.over(); k++ {
		if !counted[list[k].index] {
			for looks < mostScattered && s.scatterOne(list[k], &looks) {
				continue
			}
		}
	}
	if reserved {
		return
	}
	for i := range s.works {
		s.unreserve(int32(i))
	}
	s.reserve = nil
}

// scatterable says whether single replicas may go to other nodes of their pools: nothing but the room there says where they may be.
func (w *work) scatterable() bool {
	return w.held == "" && w.pods == nil && !w.kept && len(w.broken)+len(w.refuges) == 0
}

// scatterOne puts one replica from the node of a pool that holds most of its workload on the one that holds fewest, if that has two fewer.
func (s *Solver) scatterOne(w *work, looks *int) bool {
	for k := range w.allocs {
		from := w.allocs[k]
		if from.n <= w.limits.hostFree || slices.ContainsFunc(w.allocs, func(a alloc) bool { return a.pool == from.pool && a.n > from.n }) {
			continue
		}
		to, fewest := int32(-1), from.n-1
		room := &s.room.pools[from.pool]
		for node := room.first; int(node) < len(room.used) && fewest > 0; node++ {
			free := room.free[int(node)*s.room.dims : (int(node)+1)*s.room.dims]
			if *looks++; !s.inUseAnyway(from.pool, node) || fits(free, w.row.request.vector, 1) == 0 {
				continue
			}
			if n := nodeReplicas(w, from.pool, node); n < fewest {
				to, fewest = node, n
			}
		}
		if to < 0 {
			continue
		}
		s.room.release(alloc{from.pool, from.node, 1}, w.row.request.vector)
		s.room.retake(alloc{from.pool, to, 1}, w.row.request.vector)
		w.allocs = slices.Clone(w.allocs)
		w.allocs[k].n--
		w.allocs = gather(w.allocs, 0, alloc{from.pool, to, 1})
		return true
	}
	return false
}

// inUseAnyway says that a replica more on a node of a pool brings no machine into use that somebody could stop paying for.
func (s *Solver) inUseAnyway(pool, node int32) bool {
	p := &s.m.pools[pool]
	return s.room.pools[pool].used[node] > 0 || p.keeps(node) || s.m.snapshot.Pools[pool].Sunk && int(node) < p.nodes
}

// countedUnwatched are the workloads that rules of pods count among so many that nobody is told when they move.
func (s *Solver) countedUnwatched() map[int32]bool {
	out := map[int32]bool{}
	note := func(p *PodSet) {
		if len(p.Workloads) > mostWatched {
			for _, i := range p.Workloads {
				out[int32(i)] = true
			}
		}
	}
	for i := range s.m.snapshot.Workloads {
		r := s.m.snapshot.Workloads[i].PodRules
		if r == nil {
			continue
		}
		for k := range r.Apart {
			note(&r.Apart[k].PodSet)
		}
		for k := range r.Spread {
			note(&r.Spread[k].PodSet)
		}
		if r.Together != nil {
			note(&r.Together.PodSet)
		}
	}
	return out
}
