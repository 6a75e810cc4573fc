package engine

import (
	"math"
	"slices"
)

// keep leaves replicas where they run that a topology spread constraint would not let come there: kube-scheduler asks about pods that come
// only. So a node that is cordoned, which makes its zone one without pods, takes nobody the place in the others.
func (s *Solver) keep(w *work, a *ask) {
	r := s.m.snapshot.Workloads[w.index].PodRules
	if len(s.m.snapshot.Workloads[w.index].RunsOn) == 0 || r == nil || len(r.Spread) == 0 || len(w.limits.mins)+len(w.limits.covered) > 0 || !math.IsInf(w.limits.ceiling, 1) ||
		slices.ContainsFunc(w.limits.skews, func(k domainSkew) bool { return k.rule != RuleTopologySpread }) {
		return
	}
	b := s.besideOf(w, w.spreads())
	if b == nil {
		b = &beside{}
	}
	if len(b.one) > 0 {
		return
	}
	share := w.limits.share(w.limits.levelled)
	s.settleWhereTheyRun(w, b, share)
	for _, at := range s.m.snapshot.Workloads[w.index].RunsOn {
		here := nodeKey{int32(at.Pool), int32(at.Node)}
		if at.Pool < 0 || at.Pool >= len(s.room.pools) || at.Node < 0 || at.Node >= s.m.pools[at.Pool].nodes {
			continue
		}
		there := w.onNode(here)
		n := min(w.ran(s.m, here)-there, w.n-w.placed(), s.keepable(w, here.pool), b.nodes().most(here.pool, here.node, share)-there)
		far := a.far != nil && a.far[s.m.pools[here.pool].place]
		if n <= 0 || s.comesBeside(w, r, here.pool) || b.bars(here.pool) || a.only != nil && !a.only[here.pool] || far || !s.m.allows(w.row.profile, here.pool) {
			continue
		}
		free := s.room.pools[here.pool].free[at.Node*s.room.dims : (at.Node+1)*s.room.dims]
		if n = fits(free, w.row.request.vector, n); n > 0 {
			s.room.retake(alloc{here.pool, here.node, n}, w.row.request.vector)
			w.allocs = gather(w.allocs, 0, alloc{here.pool, here.node, n})
		}
	}
}

// stayOnNodes puts up to n replicas on the nodes of a pool that they run on, as far as these have room, and returns how many.
func (s *Solver) stayOnNodes(w *work, pool, n int32) int32 {
	placed, room := int32(0), &s.room.pools[pool]
	for _, at := range s.m.snapshot.Workloads[w.index].RunsOn {
		if at.Pool != int(pool) || at.Node < 0 || at.Node >= s.m.pools[pool].nodes {
			continue
		}
		free := room.free[at.Node*s.room.dims : (at.Node+1)*s.room.dims]
		if k := fits(free, w.row.request.vector, int32(min(max(at.Pods, 0), int(n-placed)))); k > 0 {
			here := alloc{pool, int32(at.Node), k}
			s.room.retake(here, w.row.request.vector)
			w.allocs = gather(w.allocs, 0, here)
			placed += k
		}
	}
	return placed
}

// settleWhereTheyRun moves replicas that the plan has on other nodes of their pool to those that they run on, as far as these have room:
// it is all the same to the plan, and they stay then.
func (s *Solver) settleWhereTheyRun(w *work, b *beside, share int32) {
	request := w.row.request.vector
	for _, at := range s.m.snapshot.Workloads[w.index].RunsOn {
		here := nodeKey{int32(at.Pool), int32(at.Node)}
		if at.Pool < 0 || at.Pool >= len(s.room.pools) || at.Node < 0 || at.Node >= s.m.pools[at.Pool].nodes {
			continue
		}
		for _, from := range slices.Clone(w.allocs) {
			there := w.onNode(here)
			away := from.n - w.ran(s.m, nodeKey{from.pool, from.node})
			n := min(away, w.ran(s.m, here)-there, b.nodes().most(here.pool, here.node, share)-there)
			if from.pool != here.pool || from.node == here.node || n <= 0 {
				continue
			}
			free := s.room.pools[here.pool].free[at.Node*s.room.dims : (at.Node+1)*s.room.dims]
			if n = fits(free, request, n); n > 0 {
				s.take(w, alloc{from.pool, from.node, n})
				s.room.retake(alloc{here.pool, here.node, n}, request)
				w.allocs = gather(w.allocs, 0, alloc{here.pool, here.node, n})
			}
		}
	}
}

// comesBeside says whether replicas come to a domain of a pool, by a topology spread constraint that counts them: these come in vain where
// those stay that are too many.
func (s *Solver) comesBeside(w *work, r *PodRules, pool int32) bool {
	return slices.ContainsFunc(r.Spread, func(spread PodSpread) bool {
		axis, known := s.m.axisOfPods(spread.TopologyKey)
		if !known || axis == onNodes || !spread.selects(int(w.index)) {
			return false
		}
		of := s.m.axes[axis].of
		return !w.staysIn(s.m, of, of[pool])
	})
}

// spreads are the numbers of the topology spread constraints among the rules that bind a workload to others.
func (w *work) spreads() map[int]bool {
	if w.pods == nil {
		return nil
	}
	out := map[int]bool{}
	for k, rule := range w.pods.rules {
		if _, ok := rule.(*spreadRule); ok {
			out[k] = true
		}
	}
	return out
}

// onNode is how many replicas are on a node.
func (w *work) onNode(at nodeKey) int32 {
	n := int32(0)
	for _, a := range w.allocs {
		if a.pool == at.pool && a.node == at.node {
			n += a.n
		}
	}
	return n
}

// ran is how many replicas run on a node now.
func (w *work) ran(m *model, on nodeKey) int32 {
	n := 0
	for _, at := range m.snapshot.Workloads[w.index].RunsOn {
		if at.Pool == int(on.pool) && at.Node == int(on.node) {
			n += at.Pods
		}
	}
	return int32(min(max(n, 0), maxReplicas))
}

// staysIn says whether no replica comes to any node of a domain.
func (w *work) staysIn(m *model, of []int32, domain int32) bool {
	return !slices.ContainsFunc(w.allocs, func(a alloc) bool {
		at := nodeKey{a.pool, a.node}
		return of[a.pool] == domain && w.onNode(at) > w.ran(m, at)
	})
}

// keepable is how many replicas more the limits of a workload let be on a pool, those of topology spread constraints apart.
func (s *Solver) keepable(w *work, pool int32) int32 {
	most := int32(maxReplicas)
	for k := range w.limits.caps {
		limit := &w.limits.caps[k]
		of := s.m.axes[limit.axis].of
		switch {
		case of[pool] < 0 && !limit.open:
			return 0
		case limit.rule == RuleTopologySpread || of[pool] < 0:
			continue
		}
		n := int32(0)
		for _, a := range w.allocs {
			if of[a.pool] == of[pool] {
				n += a.n
			}
		}
		most = min(most, limit.max-n)
	}
	if s.m.pools[pool].spot {
		most = min(most, w.limits.spot-w.onSpot(s.m, true))
	} else {
		most = min(most, w.limits.onDemand-w.onSpot(s.m, false))
	}
	if len(w.pins) == 0 {
		return most
	}
	held, there := int32(0), int32(0)
	for k := range w.pins {
		if w.pins[k].only[pool] {
			held += w.pins[k].n
		}
	}
	for _, a := range w.allocs {
		if slices.ContainsFunc(w.pins, func(p pin) bool { return p.only[pool] && p.only[a.pool] }) {
			there += a.n
		}
	}
	return min(most, held-there)
}

// onSpot is how many replicas are on spot capacity, or not on it.
func (w *work) onSpot(m *model, spot bool) int32 {
	n := int32(0)
	for _, a := range w.allocs {
		if m.pools[a.pool].spot == spot {
			n += a.n
		}
	}
	return n
}
