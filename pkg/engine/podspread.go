package engine

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// relateSpread binds a workload to others, or to nodes, by the topology spread constraint with index k. What concerns its own pods
// alone limits have.
func (s *Solver) relateSpread(i int32, r *PodRules, k int) {
	constraint, w := &r.Spread[k], s.works[i]
	axis, known := s.m.axisOfPods(constraint.TopologyKey)
	if !known || len(constraint.Workloads)+len(constraint.Others) == 0 {
		return // limits allow no node without the label; pods that are not counted are never too many
	}
	in, alone := s.m.spreadDomains(r, k, w.row.profile, w.row.request.vector), constraint.alone(int(i))
	if axis != onNodes && alone && len(in.clusters) < 2 && len(in.others) == 0 {
		return
	}
	rule := &spreadRule{axis: axis, constraint: constraint, own: constraint.selects(int(i)), counts: in.counts, domains: in}
	for _, other := range constraint.Workloads {
		if other >= 0 && other < len(s.works) && int32(other) != i {
			rule.works.all = append(rule.works.all, int32(other))
		}
	}
	if pods := s.podsOf(i); k == r.hosts(int(i)) {
		pods.hosts = rule
		if !alone {
			pods.levelled = map[int]bool{len(pods.rules): true}
		}
	}
	if axis == onNodes && alone {
		return // limits have it as far as a node without such a pod is the emptiest
	}
	s.bind(i, rule)
	s.watch(i, constraint.Workloads)
}

// spreadRule is a topology spread constraint that counts pods of others, or in several clusters.
type spreadRule struct {
	axis       int
	constraint *PodSpread
	own        bool   // it counts the workload's own pods
	counts     []bool // by pool
	domains    *spreadDomains
	works      members // others that it counts
}

func (r *spreadRule) conflict() ConflictRule {
	return ConflictRule{RuleTopologySpread, podSpreadText(r.constraint)}
}

func podSpreadText(s *PodSpread) string {
	text := fmt.Sprintf("topology spread over %s with a skew of at most %d", s.TopologyKey, s.MaxSkew)
	if s.Selector != "" {
		text += " of " + s.Selector
	}
	if s.MinDomains > 1 {
		text += fmt.Sprintf(" and at least %d domains", s.MinDomains)
	}
	return text
}

// each calls a function for the pods of others that the constraint counts.
func (r *spreadRule) each(s *Solver, found func(pool, node, n int32)) {
	for _, i := range r.works.holding(s) {
		for _, a := range s.works[i].allocs {
			if r.counts[a.pool] {
				found(a.pool, a.node, a.n)
			}
		}
	}
	for _, at := range r.constraint.Others {
		if at.Pool >= 0 && at.Pool < len(r.counts) && r.counts[at.Pool] {
			found(int32(at.Pool), int32(at.Node), int32(min(at.Pods, maxReplicas)))
		}
	}
}

// vacate does without the first nodes of a domain where a workload cannot be and that its topology spread constraints count since they were
// added for others: these go elsewhere, where all of them have a place and the workload's replicas may stay then, or more of them have a
// place. It returns whose replicas are elsewhere.
func (s *Solver) vacate(w *work, before *attempts) []int32 {
	if before.vacated[w.index] == mostVacated {
		return nil
	}
	for _, rule := range w.pods.rules {
		spread, ok := rule.(*spreadRule)
		if !ok {
			continue
		}
		for _, pool := range spread.domains.others {
			if s.room.added(pool) {
				s.reserveAll()
				if moved := s.vacatePool(w, pool); len(moved) > 0 {
					before.vacated[w.index]++
					return moved
				}
			}
		}
	}
	return nil
}

// attempts count how often a workload was placed anew at the end, and others left a pool for it. Two can want that of each other without
// end.
type attempts struct{ replaced, vacated map[int32]int }

// Limits: workloads that leave a pool, and how often others leave one for a workload, and a workload is placed anew.
const (
	mostVacating = 64
	mostVacated  = 8
	mostReplaced = 8
)

func (s *Solver) vacatePool(w *work, pool int32) (moved []int32) {
	only := slices.Repeat([]bool{true}, len(s.m.pools))
	only[pool] = false
	var undo []func()
	good := true
	again := func(i int32, a *ask) {
		other := s.works[i]
		placed, lacking := other.placed(), missing(other.refuges)
		moved = append(moved, i)
		undo = append(undo, s.rework(i, func() *ask { s.outgoing(other, a); return a }))
		good = other.placed() >= placed && missing(other.refuges) <= lacking && s.reaches(other) && s.callersReach(other) && !s.disturbs(other)
	}
	for i, other := range s.works {
		if good && slices.ContainsFunc(other.allocs, func(a alloc) bool { return a.pool == pool }) {
			if good = other.movable() && len(undo) < mostVacating; good {
				again(int32(i), &ask{only: only})
			}
		}
	}
	if bad := len(s.misplaced(w)); good && bad == 0 && w.placed() < w.n {
		placed := w.placed()
		again(w.index, &ask{only: only})
		good = good && w.placed() > placed
	} else {
		good = good && bad == 0
	}
	if good {
		return moved
	}
	for _, back := range slices.Backward(undo) {
		back()
	}
	return nil
}

func (r *spreadRule) limit(s *Solver, _ *work, out *beside) {
	most := int32(min(max(r.constraint.MaxSkew, 0), maxReplicas))
	if r.axis == onNodes {
		r.limitNodes(s, most, out)
		return
	}
	of, others := s.m.axes[r.axis].of, make([]int32, len(s.m.axes[r.axis].names))
	r.each(s, func(pool, _, n int32) {
		if domain := of[pool]; domain >= 0 {
			others[domain] += n
		}
	})
	for cluster := range r.domains.clusters {
		skew := domainSkew{axis: r.axis, max: most, rule: RuleTopologySpread, others: others, domains: r.domains.in(s, r.axis, cluster)}
		skew.floor = len(skew.domains) < r.constraint.MinDomains
		if r.own {
			out.skews = append(out.skews, skew)
			continue
		}
		least := int32(0)
		if !skew.floor {
			least = skew.emptiest(func(domain int32) int32 { return others[domain] })
		}
		for i := range s.m.pools {
			if of[i] >= 0 && others[of[i]]-least > most && contains(skew.domains, of[i]) {
				out.bar(s.m, int32(i), r)
			}
		}
	}
}

// limitNodes takes the node with the fewest pods to have none: of many nodes one mostly has. Solver.level sees to those that all have some.
func (r *spreadRule) limitNodes(s *Solver, most int32, out *beside) {
	others := map[nodeKey]int32{}
	r.each(s, func(pool, node, n int32) { others[nodeKey{pool, node}] += n })
	for at, n := range others {
		switch {
		case at.node < 0:
		case r.own:
			out.cap(at.pool, at.node, most-n)
		case n > most:
			out.cap(at.pool, at.node, 0)
		}
	}
}

// spreadSuspect is the topology spread constraint of a workload with index k as a rule that may be in conflict with others.
func (s *Solver) spreadSuspect(w *work, r *PodRules, k int) ConflictRule {
	constraint := &r.Spread[k]
	text := podSpreadText(constraint)
	if s.m.spreadDomains(r, k, w.row.profile, w.row.request.vector).closed {
		text += ", which counts nodes that are cordoned or not ready"
	}
	if _, known := s.m.axisOfPods(constraint.TopologyKey); !known && constraint.TopologyKey != corev1.LabelHostname {
		text += ", which is a label that no node has"
	}
	return ConflictRule{RuleTopologySpread, text}
}
