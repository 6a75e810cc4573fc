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
	switch {
	case axis == onNodes && alone:
		s.podsOf(i).hosts = &hostSpread{constraint: constraint, counts: in.counts}
		return
	case alone && len(in.clusters) < 2:
		return
	}
	s.bind(i, &spreadRule{axis: axis, constraint: constraint, own: constraint.selects(int(i)), counts: in.counts, domains: in})
	s.watch(i, constraint.Workloads)
}

// spreadRule is a topology spread constraint that counts pods of others, or in several clusters.
type spreadRule struct {
	axis       int
	constraint *PodSpread
	own        bool   // it counts the workload's own pods
	counts     []bool // by pool
	domains    *spreadDomains
}

func (r *spreadRule) conflict() ConflictRule {
	return ConflictRule{RuleTopologySpread, podSpreadText(r.constraint)}
}

func podSpreadText(s *PodSpread) string {
	text := fmt.Sprintf("topology spread over %s with a skew of at most %d", s.TopologyKey, s.MaxSkew)
	if s.Selector != "" {
		text += " of " + s.Selector
	}
	return text
}

// each calls a function for the pods of others that the constraint counts.
func (r *spreadRule) each(s *Solver, w *work, found func(pool, node, n int32)) {
	for _, i := range r.constraint.Workloads {
		if int32(i) == w.index || i < 0 || i >= len(s.works) {
			continue
		}
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

func (r *spreadRule) limit(s *Solver, w *work, out *beside) {
	most := int32(min(max(r.constraint.MaxSkew, 0), maxReplicas))
	if r.axis == onNodes {
		r.limitNodes(s, w, most, out)
		return
	}
	of, others := s.m.axes[r.axis].of, make([]int32, len(s.m.axes[r.axis].names))
	r.each(s, w, func(pool, _, n int32) {
		if domain := of[pool]; domain >= 0 {
			others[domain] += n
		}
	})
	for cluster := range r.domains.clusters {
		skew := domainSkew{axis: r.axis, max: most, rule: RuleTopologySpread, others: others}
		for k, domain := range r.domains.all {
			if r.domains.of[k] == cluster {
				skew.domains = append(skew.domains, domain)
			}
		}
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

// limitNodes takes the node with the fewest pods to have none: of many nodes one mostly has.
func (r *spreadRule) limitNodes(s *Solver, w *work, most int32, out *beside) {
	others := map[nodeKey]int32{}
	r.each(s, w, func(pool, node, n int32) { others[nodeKey{pool, node}] += n })
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

// hostSpread is a topology spread constraint over nodes that counts the workload's own pods alone.
type hostSpread struct {
	constraint *PodSpread
	counts     []bool // by pool
}

// nodes are those that are domains: those that exist, and those that the plan adds.
func (h *hostSpread) nodes(s *Solver) (nodes []nodeKey) {
	for i := range s.room.pools {
		if !h.counts[i] {
			continue
		}
		for node, used := range s.room.pools[i].used {
			if node < s.m.pools[i].nodes || used > 0 {
				nodes = append(nodes, nodeKey{int32(i), int32(node)})
			}
		}
	}
	return nodes
}

// over are the replicas that nodes hold too many of.
func (h *hostSpread) over(s *Solver, w *work) []alloc {
	most, on := int32(min(h.constraint.MaxSkew, maxReplicas)), map[nodeKey]int32{}
	for _, a := range w.allocs {
		on[nodeKey{a.pool, a.node}] += a.n
	}
	if !slices.ContainsFunc(w.allocs, func(a alloc) bool { return on[nodeKey{a.pool, a.node}] > most }) {
		return nil
	}
	nodes := h.nodes(s)
	if least := int32(maxReplicas); len(nodes) >= h.constraint.MinDomains {
		for _, at := range nodes {
			least = min(least, on[at])
		}
		most += least
	}
	for _, a := range w.allocs {
		if over := on[nodeKey{a.pool, a.node}] - most; over > 0 {
			return []alloc{{a.pool, a.node, min(over, a.n)}}
		}
	}
	return nil
}

// level places replicas of a workload of which a node may hold only so many more than the one that holds fewest, where it has
// more replicas than such nodes would hold if one of them were empty: every node that counts holds some. It keeps what places most.
func (s *Solver) level(w *work, a *ask) {
	h := w.pods.hosts
	skew := int32(min(h.constraint.MaxSkew, maxReplicas))
	best, placed := s.lift(w), int32(0)
	for _, was := range best {
		placed += was.n
	}
	nodes := h.nodes(s)
	count := int32(len(nodes))
	if count == 0 || len(nodes) < h.constraint.MinDomains || len(w.pins) > 0 {
		s.occupy(w, best)
		return
	}
	for base := max((w.n+count-1)/count-skew, 1); base <= w.n/count; base++ {
		if !s.levelAt(w, a, nodes, base, skew) {
			break // as with a higher one
		}
		if now := w.placed(); now > placed {
			best, placed = slices.Clone(w.allocs), now
		}
		s.lift(w)
		if placed == w.n {
			break
		}
	}
	s.occupy(w, best)
}

// levelAt places base replicas on every node, and as many more as each may hold, the cheapest first. It returns whether the former
// have places.
func (s *Solver) levelAt(w *work, a *ask, nodes []nodeKey, base, skew int32) bool {
	c, request := s.chooser, w.row.request.vector
	c.begin(a)
	put := func(at nodeKey, most int32) int32 {
		room := &s.room.pools[at.pool]
		n := fits(room.free[int(at.node)*s.room.dims:(int(at.node)+1)*s.room.dims], request, min(most, c.allowance(at.pool)))
		if a.barred(s.m, at.pool) || !s.m.allows(w.row.profile, at.pool) || n <= 0 {
			return 0
		}
		s.room.retake(alloc{at.pool, at.node, n}, request)
		w.allocs = gather(w.allocs, 0, alloc{at.pool, at.node, n})
		c.add(at.pool, n, 0)
		return n
	}
	for _, at := range nodes {
		if put(at, min(base, a.beside.nodes().most(at.pool, at.node, base))) < base {
			s.lift(w)
			return false
		}
	}
	order := slices.Clone(nodes)
	slices.SortStableFunc(order, func(x, y nodeKey) int {
		return dearer(entry{pool: x.pool, price: c.marginals(x.pool, 1)}, entry{pool: y.pool, price: c.marginals(y.pool, 1)})
	})
	for _, at := range order {
		if c.placed == a.n {
			break
		}
		put(at, a.beside.nodes().most(at.pool, at.node, base+skew)-base)
	}
	return true
}

// spreadSuspect is a topology spread constraint as a rule that may be in conflict with others.
func (s *Solver) spreadSuspect(constraint *PodSpread) ConflictRule {
	text := podSpreadText(constraint)
	if _, known := s.m.axisOfPods(constraint.TopologyKey); !known && constraint.TopologyKey != corev1.LabelHostname {
		text += ", which is a label that no node has"
	}
	return ConflictRule{RuleTopologySpread, text}
}
