package engine

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// podAxis is the axis of a label of nodes by which rules of pods tell domains apart: of each cluster its own.
func (m *model) podAxis(key string) int {
	axis := m.axis("pods "+key, func(p int) (string, bool) {
		pool := &m.snapshot.Pools[p]
		value, known := pool.Labels[key]
		if pool.Cluster != "" {
			value = pool.Cluster + "/" + value
		}
		return value, known
	})
	m.axes[axis].key = key
	return axis
}

// selects says whether a set has the pods of a workload.
func (p *PodSet) selects(i int) bool {
	_, found := slices.BinarySearch(p.Workloads, i)
	return found
}

// alone says whether a set has the pods of one workload and no others.
func (p *PodSet) alone(i int) bool {
	return len(p.Workloads) == 1 && p.Workloads[0] == i && len(p.Others) == 0
}

// ownRules tells apart the limits that the rules of pods set for replicas of one workload beside each other.
func ownRules(i int, r *PodRules) string {
	if r == nil {
		return ""
	}
	var out strings.Builder
	for k := range r.Apart {
		if r.Apart[k].selects(i) {
			fmt.Fprintf(&out, "apart %q;", r.Apart[k].TopologyKey)
		}
	}
	for k := range r.Spread {
		s := &r.Spread[k]
		fmt.Fprintf(&out, "spread %q %d %d %t %t %t %t;", s.TopologyKey, s.MaxSkew, s.MinDomains, s.IgnoreNodeAffinity, s.HonorTaints,
			s.selects(i), s.alone(i))
	}
	return out.String()
}

// addPodLimits adds what the rules of pods say of replicas of the workload with index i beside each other.
func (m *model) addPodLimits(l *limits, i int, r *PodRules, p *profile, request []int64) {
	if r == nil {
		return
	}
	for k := range r.Apart {
		term := &r.Apart[k]
		if !term.selects(i) {
			continue
		}
		if term.TopologyKey == corev1.LabelHostname {
			l.perNode, l.levelled, l.apart = min(l.perNode, 1), min(l.levelled, 1), true
		} else if axis := m.podAxis(term.TopologyKey); len(m.axes[axis].names) > 0 {
			l.addCap(domainCap{axis: axis, max: 1, rule: RulePodAntiAffinity, key: term.TopologyKey, open: true})
		}
	}
	hosts := r.hosts(i)
	for k := range r.Spread {
		m.addPodSpread(l, i, r, k, p, request)
		if s := &r.Spread[k]; k != hosts && s.TopologyKey == corev1.LabelHostname && s.selects(i) {
			l.levelled = min(l.levelled, max(int32(min(s.MaxSkew, maxReplicas)), 1))
		}
	}
}

// hosts is the index of the topology spread constraint over nodes that Solver.level sees to: the first that counts the pods of the
// workload with index i; -1 for none.
func (r *PodRules) hosts(i int) int {
	return slices.IndexFunc(r.Spread, func(s PodSpread) bool { return s.TopologyKey == corev1.LabelHostname && s.selects(i) })
}

// addPodSpread adds one topology spread constraint. What depends on where other pods are is left to beside.
func (m *model) addPodSpread(l *limits, i int, r *PodRules, k int, p *profile, request []int64) {
	s := &r.Spread[k]
	most := int32(min(s.MaxSkew, maxReplicas))
	if s.TopologyKey == corev1.LabelHostname {
		if s.selects(i) { // any node without such a pod is the emptiest domain; see Solver.level for nodes that all hold some
			l.perNode = min(l.perNode, max(most, 1))
		}
		return
	}
	axis := m.podAxis(s.TopologyKey)
	if slices.ContainsFunc(p.allowed, func(i int32) bool { return m.axes[axis].of[i] < 0 }) {
		l.addCap(domainCap{axis: axis, max: l.n, rule: RuleTopologySpread, key: s.TopologyKey})
	}
	d := m.spreadDomains(r, k, p, request)
	if !s.alone(i) || len(d.clusters) > 1 || len(d.others) > 0 || most >= l.n {
		return
	}
	if d.open() < len(d.all) || len(d.all) < s.MinDomains {
		l.addCap(domainCap{axis: axis, max: most, rule: RuleTopologySpread, key: s.TopologyKey, skew: most})
	} else if len(d.all) > 1 {
		l.skews = append(l.skews, domainSkew{axis: axis, max: most, domains: d.all, rule: RuleTopologySpread})
	}
}

// spreadDomains are the domains among which a topology spread constraint looks for the one with the fewest pods.
type spreadDomains struct {
	counts []bool // by pool: its nodes count
	all    []int32
	usable []bool // parallel to all: a node of it may hold a replica, and is large enough
	closed bool   // nodes that take no replica count
	// others are pools without a node yet where no replica can be: they count once a node is added for somebody else.
	others   []int32
	clusters []string // in which they are, each once
	of       []int    // parallel to all, in clusters
}

// open is how many of them may hold a replica.
func (d *spreadDomains) open() int {
	n := 0
	for _, usable := range d.usable {
		if usable {
			n++
		}
	}
	return n
}

// spreadDomains are those of the constraint with this index, which workloads alike share. As in Kubernetes all nodes count that have the labels of all
// constraints and that its policies include, whether or not they have room; domains without a node yet count where a node for a
// replica can be added.
func (m *model) spreadDomains(r *PodRules, k int, p *profile, request []int64) *spreadDomains {
	s := &r.Spread[k]
	key := fmt.Sprintf("%d %v %q %t %t", p.id, request, s.TopologyKey, s.IgnoreNodeAffinity, s.HonorTaints)
	for i := range r.Spread {
		key += fmt.Sprintf(" %q", r.Spread[i].TopologyKey)
	}
	if known, ok := m.spreads[key]; ok && p.id >= 0 {
		return known
	}
	out := m.newSpreadDomains(r, k, p, request)
	if p.id >= 0 {
		m.spreads[key] = out
	}
	return out
}

// closed says whether a pool has nodes that take no replica now and that a topology spread constraint counts. Such nodes have a taint.
func (m *model) closed(pool int32, s *PodSpread) bool {
	return m.snapshot.Pools[pool].Closed > 0 && !s.HonorTaints
}

func (m *model) newSpreadDomains(r *PodRules, k int, p *profile, request []int64) *spreadDomains {
	counts := m.spreadPools(r, k, p)
	out := &spreadDomains{counts: counts}
	if r.Spread[k].TopologyKey == corev1.LabelHostname { // each node is one
		for i := range m.pools {
			out.closed = out.closed || counts[i] && m.closed(int32(i), &r.Spread[k])
		}
		return out
	}
	of := m.axes[m.podAxis(r.Spread[k].TopologyKey)].of
	for i := range m.pools {
		open := m.pools[i].nodes > 0 || m.pools[i].spare > 0
		usable := open && m.allows(p, int32(i)) && m.pools[i].holds(request)
		closed := m.closed(int32(i), &r.Spread[k])
		out.closed = out.closed || closed && counts[i] && of[i] >= 0
		if of[i] < 0 || !counts[i] {
			continue
		}
		if m.pools[i].nodes == 0 && !closed && !usable {
			if open {
				out.others = append(out.others, int32(i))
			}
			continue
		}
		at := slices.Index(out.all, of[i])
		if at < 0 {
			at = len(out.all)
			cluster := slices.Index(out.clusters, m.snapshot.Pools[i].Cluster)
			if cluster < 0 {
				cluster = len(out.clusters)
				out.clusters = append(out.clusters, m.snapshot.Pools[i].Cluster)
			}
			out.all, out.usable, out.of = append(out.all, of[i]), append(out.usable, false), append(out.of, cluster)
		}
		out.usable[at] = out.usable[at] || usable
	}
	// What domains that count anyhow hold besides changes nothing, and a cluster without a domain is none of the workload's.
	out.others = slices.DeleteFunc(out.others, func(i int32) bool {
		return slices.Contains(out.all, of[i]) || !slices.Contains(out.clusters, m.snapshot.Pools[i].Cluster)
	})
	return out
}

// in are the domains of a cluster, with those where nodes are added.
func (d *spreadDomains) in(s *Solver, axis, cluster int) []int32 {
	var out []int32
	for k, domain := range d.all {
		if d.of[k] == cluster {
			out = append(out, domain)
		}
	}
	for _, i := range d.others {
		domain := s.m.axes[axis].of[i]
		if s.m.snapshot.Pools[i].Cluster == d.clusters[cluster] && !contains(out, domain) && s.room.added(i) {
			out = append(out, domain)
		}
	}
	return out
}

// added says whether a pool without nodes gets one.
func (r *room) added(pool int32) bool {
	return slices.ContainsFunc(r.pools[pool].used, func(replicas int32) bool { return replicas > 0 })
}

// spreadPools says of each pool whether the policies of a topology spread constraint include its nodes, and whether they have the
// labels of all constraints.
func (m *model) spreadPools(r *PodRules, k int, p *profile) []bool {
	s, w := &r.Spread[k], p.workload
	places := demandsOf(&Workload{NodeSelector: w.NodeSelector, NodeAffinity: w.NodeAffinity, Tolerations: tolerateAll})
	tolerations := demandsOf(&Workload{Tolerations: w.Tolerations})
	out := make([]bool, len(m.pools))
	for i := range m.pools {
		out[i] = !slices.ContainsFunc(r.Spread, func(other PodSpread) bool {
			_, known := m.snapshot.Pools[i].Labels[other.TopologyKey]
			return !known && other.TopologyKey != corev1.LabelHostname
		})
		if kind, _ := places.Excluded(m.pools[i].node); kind != "" && !s.IgnoreNodeAffinity {
			out[i] = false
		}
		if _, untolerated := tolerations.Untolerated(m.snapshot.Pools[i].Taints); untolerated && s.HonorTaints {
			out[i] = false
		}
	}
	return out
}
