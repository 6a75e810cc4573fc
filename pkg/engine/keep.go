package engine

import (
	"math"
	"slices"

	"tradewind.dev/tradewind/pkg/printable"
)

// keep leaves replicas where they run that rules of pods would not let come there: kube-scheduler asks about pods that come only, and no
// one evicts those whose affinity or anti-affinity has stopped to hold. So a node that is cordoned, which makes its zone one without
// pods, takes nobody the place in the others.
func (s *Solver) keep(w *work, a *ask) {
	r := s.m.snapshot.Workloads[w.index].PodRules
	if len(s.m.snapshot.Workloads[w.index].RunsOn) == 0 || r == nil && w.pods == nil ||
		len(w.limits.mins)+len(w.limits.covered) > 0 || !math.IsInf(w.limits.ceiling, 1) ||
		slices.ContainsFunc(w.limits.skews, func(k domainSkew) bool { return k.rule != RuleTopologySpread }) {
		return
	}
	b := s.besideOf(w, w.spreads())
	switch {
	case b == nil:
		b = &beside{}
	case len(b.one) > 0 && slices.ContainsFunc(w.allocs, func(a alloc) bool { return w.comes(s.m, nodeKey{a.pool, a.node}) > 0 }):
		return // these come in vain where others are elsewhere
	}
	if len(b.one) == 0 {
		s.settleWhereTheyRun(w, b, w.limits.share(w.limits.levelled))
	}
	meet := &beside{}
	if s.meetOn != nil {
		meet.onlyOn(map[nodeKey]bool{*s.meetOn: true})
	}
	share, coming := w.limits.share(w.limits.ruled), w.comingTo(s.m)
	for _, at := range s.m.snapshot.Workloads[w.index].RunsOn {
		here := nodeKey{int32(at.Pool), int32(at.Node)}
		if at.Pool < 0 || at.Pool >= len(s.room.pools) || at.Node < 0 || at.Node >= s.m.pools[at.Pool].nodes {
			continue
		}
		there := w.onNode(here)
		n := min(w.ran(s.m, here)-there, w.n-w.placed(), s.keepable(w, here.pool), meet.nodes().most(here.pool, here.node, share)-there)
		far := a.far != nil && a.far[s.m.pools[here.pool].place]
		barred := far || a.only != nil && !a.only[here.pool] || !s.m.allows(w.row.profile, here.pool)
		if n <= 0 || barred || s.comesBeside(w, r, here.pool, coming) || s.outranked(w, here) {
			continue
		}
		free := s.room.pools[here.pool].free[at.Node*s.room.dims : (at.Node+1)*s.room.dims]
		if n = fits(free, w.row.request.vector, n); n > 0 {
			s.room.retake(alloc{here.pool, here.node, n}, w.row.request.vector)
			w.allocs = gather(w.allocs, 0, alloc{here.pool, here.node, n})
			w.kept = true
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

// stayNearOwn leaves replicas on the nodes where they run, of workloads whose replicas find each other: others come to the domain of one that
// runs, and would find none were it to come to the next node at the same time. It returns whose are on other nodes than before.
func (s *Solver) stayNearOwn() []int32 {
	var out []int32
	for _, i := range s.bound {
		w := s.works[i]
		if w.held != "" || w.pods.together == nil || !w.pods.together.own || len(w.allocs) == 0 {
			continue
		}
		if b := s.besideOf(w, w.spreads()); len(b.one) == 0 {
			s.reserveAll() // what is kept for losses stays free
			before := slices.Clone(w.allocs)
			if s.settleWhereTheyRun(w, b, w.limits.share(w.limits.levelled)); !slices.Equal(before, w.allocs) {
				out = append(out, i)
			}
		}
	}
	return out
}

// runsBroken finds the replicas whose affinity or anti-affinity to others does not hold where all run now.
func (s *Solver) runsBroken() {
	planned := make([][]alloc, len(s.works))
	for i, w := range s.works {
		planned[i], w.allocs, w.broken = w.allocs, nil, nil
		if len(w.stays) > 0 {
			s.see(w)
		}
		for _, at := range s.m.snapshot.Workloads[i].RunsOn {
			if at.Pool >= 0 && at.Pool < len(s.m.pools) && at.Node >= 0 && at.Node < s.m.pools[at.Pool].nodes && at.Pods > 0 {
				w.allocs = gather(w.allocs, 0, alloc{int32(at.Pool), int32(at.Node), int32(min(at.Pods, maxReplicas))})
				s.see(w)
			}
		}
	}
	for _, i := range s.bound {
		w := s.works[i]
		if len(w.allocs) == 0 || w.held != "" {
			continue
		}
		b := s.besideOf(w, w.spreads())
		for _, a := range w.allocs {
			if b.bars(a.pool) || b.nodes().most(a.pool, a.node, a.n) < a.n {
				w.broken = append(w.broken, a)
			}
		}
	}
	for i, w := range s.works {
		w.allocs = planned[i]
	}
}

// stay puts replicas back to where they run and the rules of pods do not hold, from where they would come to, unless that pays for the
// move: nobody evicts them for that.
func (s *Solver) stay(w *work, a *ask) {
	away := int32(0)
	for _, at := range w.broken {
		away += max(at.n-w.onNode(nodeKey{at.pool, at.node}), 0)
	}
	if away == 0 {
		return
	}
	s.settle(w)
	before, placed, usd := slices.Clone(w.allocs), w.placed(), w.usd
	for k := len(before) - 1; k >= 0 && away > 0; k-- {
		if n := min(w.comes(s.m, nodeKey{before[k].pool, before[k].node}), before[k].n, away); n > 0 {
			s.take(w, alloc{before[k].pool, before[k].node, n})
			away -= n
		}
	}
	s.keep(w, a)
	if s.settle(w); w.placed() > placed || w.placed() == placed && !cheaper(usd, w.usd) {
		return
	}
	s.lift(w)
	s.occupy(w, before)
	w.kept = false
}

// keptFrom are the rules about others that do not hold where replicas of a workload run, and stay.
func (s *Solver) keptFrom(w *work) []ConflictRule {
	if !w.kept || w.pods == nil {
		return nil
	}
	var out []ConflictRule
	for _, rule := range w.pods.rules {
		if _, spread := rule.(*spreadRule); spread {
			continue
		}
		b := &beside{}
		rule.limit(s, w, b)
		n := int32(0)
		for _, a := range w.allocs {
			if b.bars(a.pool) {
				n += a.n
			} else {
				n += max(a.n-b.nodes().most(a.pool, a.node, a.n), 0)
			}
		}
		if n > 0 {
			text := rule.conflict()
			text.Message += " does not hold where some of its replicas run, and stay: " + printable.Number(n, "replica", "replicas")
			out = append(out, text)
		}
	}
	return out
}

// comesBeside says whether replicas come to a domain of a pool, by a rule of pods that counts them: these come in vain where those stay
// that are too many.
func (s *Solver) comesBeside(w *work, r *PodRules, pool int32, coming []nodeKey) bool {
	if r == nil {
		return false
	}
	comes := func(key string, set *PodSet) bool {
		axis, known := s.m.axisOfPods(key)
		if !known || axis == onNodes || !set.selects(int(w.index)) {
			return false
		}
		of := s.m.axes[axis].of
		return of[pool] >= 0 && slices.ContainsFunc(coming, func(at nodeKey) bool { return of[at.pool] == of[pool] })
	}
	return slices.ContainsFunc(r.Spread, func(spread PodSpread) bool { return comes(spread.TopologyKey, &spread.PodSet) }) ||
		slices.ContainsFunc(r.Apart, func(term PodTerm) bool { return comes(term.TopologyKey, &term.PodSet) })
}

// outranked says whether replicas come to a node, or beside it, from which anti-affinity keeps those apart that run there, and that have
// a higher priority: they preempt these.
func (s *Solver) outranked(w *work, here nodeKey) bool {
	if w.pods == nil {
		return false
	}
	above := func(set *apartSet, works []int32) bool {
		return slices.ContainsFunc(works, func(i int32) bool {
			other := s.works[i]
			if i == w.index || other.priority <= w.priority || s.m.snapshot.Workloads[i].PreemptsNobody {
				return false
			}
			return slices.ContainsFunc(other.allocs, func(a alloc) bool {
				at := nodeKey{a.pool, a.node}
				near := at == here
				if set.axis != onNodes {
					of := s.m.axes[set.axis].of
					near = of[a.pool] >= 0 && of[a.pool] == of[here.pool]
				}
				return near && other.comes(s.m, at) > 0
			})
		})
	}
	return slices.ContainsFunc(w.pods.rules, func(rule podRule) bool {
		r, ok := rule.(*apartRule)
		return ok && (r.owner && above(r.set, r.set.selected.holding(s)) || (r.selected || !r.owner) && above(r.set, r.set.owners.holding(s)))
	})
}

// coming are those of misplaced replicas that do not run where they are: what runs stays.
func (s *Solver) coming(w *work, bad []alloc) []alloc {
	if len(s.m.snapshot.Workloads[w.index].RunsOn) == 0 {
		return bad
	}
	var out []alloc
	for _, a := range bad {
		at := nodeKey{a.pool, a.node}
		if a.n = min(a.n, w.comes(s.m, at)); a.n > 0 {
			out = append(out, a)
		}
	}
	return out
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

// comes is how many replicas come to a node, beyond those that run there.
func (w *work) comes(m *model, to nodeKey) int32 { return max(w.onNode(to)-w.ran(m, to), 0) }

// comingTo are the nodes that replicas come to.
func (w *work) comingTo(m *model) []nodeKey {
	more := make(map[nodeKey]int32, len(w.allocs))
	for _, a := range w.allocs {
		more[nodeKey{a.pool, a.node}] += a.n
	}
	for _, at := range m.snapshot.Workloads[w.index].RunsOn {
		if key := (nodeKey{int32(at.Pool), int32(at.Node)}); more[key] > 0 {
			more[key] -= int32(min(max(at.Pods, 0), maxReplicas))
		}
	}
	var out []nodeKey
	for at, n := range more {
		if n > 0 {
			out = append(out, at)
		}
	}
	return out
}

// staysIn says whether no replica comes to any node of a domain.
func (w *work) staysIn(m *model, of []int32, domain int32) bool {
	return !slices.ContainsFunc(w.allocs, func(a alloc) bool {
		at := nodeKey{a.pool, a.node}
		return of[a.pool] == domain && w.comes(m, at) > 0
	})
}

// keepable is how many replicas more the limits of a workload let be on a pool, those of rules of pods apart.
func (s *Solver) keepable(w *work, pool int32) int32 {
	most := int32(maxReplicas)
	for k := range w.limits.caps {
		limit := &w.limits.caps[k]
		of := s.m.axes[limit.axis].of
		switch {
		case limit.rule == RuleTopologySpread || limit.rule == RulePodAntiAffinity:
			continue
		case of[pool] < 0 && !limit.open:
			return 0
		case of[pool] < 0:
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
