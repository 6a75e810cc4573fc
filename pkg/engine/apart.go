package engine

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
)

// apartRule is a rule of anti-affinity as one workload has it: as an owner, as one that it selects, or both.
type apartRule struct {
	set             *apartSet
	owner, selected bool
	first           string // the first owner, where the workload is none
}

func (r *apartRule) conflict() ConflictRule {
	if r.owner {
		return ConflictRule{RulePodAntiAffinity, apartText(r.set.key, r.set.selector)}
	}
	text := fmt.Sprintf("pod anti-affinity of %s over %s selects it", r.first, r.set.key)
	if more := len(r.set.owners.all) - 1; more > 0 {
		text = fmt.Sprintf("pod anti-affinity of %s and %d more over %s selects it", r.first, more, r.set.key)
	}
	return ConflictRule{RulePodAntiAffinity, text}
}

func apartText(key, selector string) string {
	if selector == "" {
		return "pod anti-affinity over " + key
	}
	return fmt.Sprintf("pod anti-affinity over %s to %s", key, selector)
}

func (r *apartRule) limit(s *Solver, w *work, out *beside) {
	away := domains{m: s.m, axis: r.set.axis}
	if r.owner {
		away.addAll(s, w, r.set.selected.holding(s))
	}
	if r.selected || !r.owner {
		away.addAll(s, w, r.set.owners.holding(s))
	}
	away.bar(out, r)
}

// apartOthers is a term of anti-affinity against pods that the plan does not decide on, in either direction.
type apartOthers struct {
	axis int
	term *PodTerm
}

func (r *apartOthers) conflict() ConflictRule {
	if r.term.Owner != "" {
		return ConflictRule{RulePodAntiAffinity, fmt.Sprintf("pod anti-affinity of %s over %s selects it", r.term.Owner, r.term.TopologyKey)}
	}
	return ConflictRule{RulePodAntiAffinity, apartText(r.term.TopologyKey, r.term.Selector) + " and pods that stay where they are"}
}

func (r *apartOthers) limit(s *Solver, _ *work, out *beside) {
	away := domains{m: s.m, axis: r.axis}
	for _, at := range r.term.Others {
		away.add(int32(at.Pool), int32(at.Node))
	}
	away.bar(out, r)
}

// domains are domains of an axis, or nodes.
type domains struct {
	m     *model
	axis  int
	in    map[int32]bool
	nodes map[nodeKey]bool
}

func (d *domains) add(pool, node int32) {
	if pool < 0 || int(pool) >= len(d.m.pools) {
		return
	}
	if d.axis == onNodes {
		if d.nodes == nil {
			d.nodes = map[nodeKey]bool{}
		}
		if node >= 0 {
			d.nodes[nodeKey{pool, node}] = true
		}
		return
	}
	if domain := d.m.axes[d.axis].of[pool]; domain >= 0 {
		if d.in == nil {
			d.in = map[int32]bool{}
		}
		d.in[domain] = true
	}
}

// addAll adds where workloads other than w are.
func (d *domains) addAll(s *Solver, w *work, works []int32) {
	for _, i := range works {
		if i == w.index {
			continue
		}
		for _, a := range s.works[i].allocs {
			d.add(a.pool, a.node)
		}
	}
}

// holds says whether a domain or node is among them.
func (d *domains) holds(pool, node int32) bool {
	if d.axis == onNodes {
		return d.nodes[nodeKey{pool, node}]
	}
	domain := d.m.axes[d.axis].of[pool]
	return domain >= 0 && d.in[domain]
}

// bar keeps replicas out of these domains.
func (d *domains) bar(out *beside, rule podRule) {
	for at := range d.nodes {
		out.cap(at.pool, at.node, 0)
	}
	if len(d.in) == 0 {
		return
	}
	for i := range d.m.pools {
		if d.holds(int32(i), 0) {
			out.bar(d.m, int32(i), rule)
		}
	}
}

// ownApart is anti-affinity of a workload to its own pods, which limits have.
func ownApart(key, selector string) ConflictRule {
	if key == corev1.LabelHostname {
		return ConflictRule{RulePodAntiAffinity, apartText(key, selector) + ": one replica a node"}
	}
	return ConflictRule{RulePodAntiAffinity, apartText(key, selector) + ": one replica a domain"}
}
