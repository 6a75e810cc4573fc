package verify

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"

	"tradewind.dev/tradewind/pkg/engine"
)

// podsOn is a number of pods of a workload on a node; workload -1 is pods that the plan does not decide on.
type podsOn struct{ workload, pool, node, n int }

// pods checks the rules of pods about the pods beside them, as kube-scheduler's filters would with all others where they are.
func (c *checker) pods() {
	var all [][]podsOn
	for i, p := range c.plan.Placements {
		var on []podsOn
		for _, d := range p.Decisions {
			for _, n := range d.Nodes {
				on = append(on, podsOn{i, d.Pool, n.Node, n.Replicas})
			}
		}
		all = append(all, on)
	}
	c.hostPorts(all)
	for i := range c.snapshot.Workloads {
		rules := c.snapshot.Workloads[i].PodRules
		if rules == nil {
			continue
		}
		for k := range rules.Apart {
			c.apart(i, &rules.Apart[k], all)
		}
		for k := range rules.Spread {
			if c.plan.Placements[i].Held == "" {
				c.podSpread(i, rules, k, all)
			}
		}
	}
	c.together(all)
}

// selected are the pods of a set, where they are.
func (c *checker) selected(set *engine.PodSet, all [][]podsOn) []podsOn {
	var out []podsOn
	for _, w := range set.Workloads {
		if w >= 0 && w < len(all) {
			out = append(out, all[w]...)
		}
	}
	for _, at := range set.Others {
		out = append(out, podsOn{-1, at.Pool, at.Node, at.Pods})
	}
	return out
}

func (c *checker) selects(set *engine.PodSet, i int) bool {
	for _, w := range set.Workloads {
		if w == i {
			return true
		}
	}
	return false
}

// domainOfPods is the domain of a topology key that a node is in; empty where it has none.
func (c *checker) domainOfPods(key string, pool, node int) string {
	if key == corev1.LabelHostname {
		if node < 0 {
			return ""
		}
		return fmt.Sprintf("node %d of pool %d", node, pool)
	}
	p := &c.snapshot.Pools[pool]
	if value, ok := p.Labels[key]; ok {
		return fmt.Sprintf("%s %q of cluster %q", key, value, p.Cluster)
	}
	return ""
}

// hostPorts checks that no two pods of a node have a port of the same address.
func (c *checker) hostPorts(all [][]podsOn) {
	type node struct{ pool, node int }
	taken := map[node][]engine.HostPort{}
	for i := range all {
		for _, on := range all[i] {
			at, pool := node{on.pool, on.node}, &c.snapshot.Pools[on.pool]
			if _, ok := taken[at]; !ok {
				taken[at] = pool.HostPorts
				if on.node < len(pool.Nodes) {
					taken[at] = pool.Nodes[on.node].HostPorts
				}
			}
			for range on.n {
				own := c.snapshot.Workloads[i].HostPorts
				for _, port := range own {
					for _, other := range taken[at] {
						if clash(port, other) && c.plan.Placements[i].Held == "" {
							c.report(c.where(i), "hostPort", "%s on node %d of pool %s is another's", port, on.node, pool.Name)
						}
					}
				}
				taken[at] = append(taken[at][:len(taken[at]):len(taken[at])], own...)
			}
		}
	}
}

func clash(a, b engine.HostPort) bool {
	protocol := func(p engine.HostPort) string {
		if p.Protocol == "" {
			return "TCP"
		}
		return p.Protocol
	}
	every := func(address string) bool { return address == "" || address == "0.0.0.0" }
	return a.Number == b.Number && protocol(a) == protocol(b) && (every(a.Address) || every(b.Address) || a.Address == b.Address)
}

// apart checks a term of anti-affinity. Where its owner is held, those that are not have to keep away from it. Where all of them run
// they may stay.
func (c *checker) apart(i int, term *engine.PodTerm, all [][]podsOn) {
	own := map[string]int{}
	for _, on := range all[i] {
		if domain := c.domainOfPods(term.TopologyKey, on.pool, on.node); domain != "" {
			own[domain] += on.n
		}
	}
	held := c.plan.Placements[i].Held != ""
	if held && len(own) == 0 {
		return
	}
	for _, on := range c.selected(&term.PodSet, all) {
		domain := c.domainOfPods(term.TopologyKey, on.pool, on.node)
		switch {
		case own[domain] == 0 || on.workload == i && own[domain] == 1:
		case !c.comes(i, term.TopologyKey, domain, all[i]) &&
			(on.workload < 0 || !c.comes(on.workload, term.TopologyKey, domain, all[on.workload])):
		case !held:
			c.report(c.where(i), "podAntiAffinity", "in %s, where %d pods are that it keeps away from (workload %d)", domain, on.n, on.workload)
		case on.workload >= 0 && c.plan.Placements[on.workload].Held == "":
			c.report(c.where(on.workload), "podAntiAffinity", "in %s with %s, which keeps away from it", domain, c.where(i))
		}
	}
}

// closedFrom is the number of the first node of a pool that takes no replicas, beyond all others.
const closedFrom = 1 << 30

// podSpread checks a topology spread constraint.
func (c *checker) podSpread(i int, rules *engine.PodRules, k int, all [][]podsOn) {
	rule := &rules.Spread[k]
	counts := map[int]bool{}
	for pool := range c.snapshot.Pools {
		counts[pool] = c.countsFor(i, rules, rule, pool)
	}
	pods := map[string]map[string]int{} // by cluster and domain, of all domains
	see := func(pool, node, n int) {
		cluster, domain := c.snapshot.Pools[pool].Cluster, c.domainOfPods(rule.TopologyKey, pool, node)
		if domain == "" || !counts[pool] {
			return
		}
		if pods[cluster] == nil {
			pods[cluster] = map[string]int{}
		}
		pods[cluster][domain] += n
	}
	for pool := range c.snapshot.Pools {
		for node := range c.snapshot.Pools[pool].Nodes {
			see(pool, node, 0)
		}
		for node := range c.snapshot.Pools[pool].Closed { // taints keep pods off these
			if !rule.HonorTaints {
				see(pool, closedFrom+node, 0)
			}
		}
	}
	for w := range all { // nodes that are added for any of them
		for _, on := range all[w] {
			see(on.pool, on.node, 0)
		}
	}
	for _, on := range c.selected(&rule.PodSet, all) {
		see(on.pool, on.node, on.n)
	}
	for _, on := range all[i] {
		pool := &c.snapshot.Pools[on.pool]
		domain := c.domainOfPods(rule.TopologyKey, on.pool, on.node)
		if domain == "" {
			if on.n <= c.runsOn(i, on.pool, on.node) {
				continue // what runs is not asked
			}
			c.report(c.where(i), "topologySpread", "on pool %s, which has no label %s", pool.Name, rule.TopologyKey)
			continue
		}
		fewest, first := 0, true
		for _, n := range pods[pool.Cluster] {
			if first || n < fewest {
				fewest, first = n, false
			}
		}
		if len(pods[pool.Cluster]) < rule.MinDomains {
			fewest = 0
		}
		if n := pods[pool.Cluster][domain]; n-fewest > rule.MaxSkew && len(rule.Workloads)+len(rule.Others) > 0 && c.comes(i, rule.TopologyKey, domain, all[i]) {
			c.report(c.where(i), "topologySpread", "%d pods in %s, %d in another, at most %d more", n, domain, fewest, rule.MaxSkew)
		}
	}
}

// comes says whether replicas come to a domain: of those that run there the constraint asks nothing.
func (c *checker) comes(i int, key, domain string, on []podsOn) bool {
	type node struct{ pool, node int }
	more := map[node]int{}
	for _, at := range on {
		if c.domainOfPods(key, at.pool, at.node) == domain {
			more[node{at.pool, at.node}] += at.n
		}
	}
	for _, at := range c.snapshot.Workloads[i].RunsOn {
		more[node{at.Pool, at.Node}] -= at.Pods
	}
	for _, n := range more {
		if n > 0 {
			return true
		}
	}
	return false
}

// countsFor says whether a topology spread constraint looks at the nodes of a pool.
func (c *checker) countsFor(i int, rules *engine.PodRules, rule *engine.PodSpread, pool int) bool {
	w, p := &c.snapshot.Workloads[i], &c.snapshot.Pools[pool]
	for _, other := range rules.Spread {
		if _, ok := p.Labels[other.TopologyKey]; !ok && other.TopologyKey != corev1.LabelHostname {
			return false
		}
	}
	if !rule.IgnoreNodeAffinity {
		if !labels.SelectorFromSet(w.NodeSelector).Matches(p.Labels) {
			return false
		}
		if w.NodeAffinity != nil {
			node := &corev1.Node{}
			node.Labels = p.Labels
			if selector, err := nodeaffinity.NewNodeSelector(w.NodeAffinity); err != nil || !selector.Match(node) {
				return false
			}
		}
	}
	for k := range p.Taints {
		if rule.HonorTaints && p.Taints[k].Effect != corev1.TaintEffectPreferNoSchedule && !tolerated(&p.Taints[k], w.Tolerations) {
			return false
		}
	}
	return true
}

// together checks affinity between pods: that there is an order in which each replica finds the pods that it needs when it comes,
// among those that came before and those that run now in a domain where the plan still has some.
func (c *checker) together(all [][]podsOn) {
	there := make([]map[int]bool, len(all)) // the replicas that have come, by workload and index in all
	for i := range all {
		there[i] = map[int]bool{}
		for k, on := range all[i] {
			if c.affinity(i) == nil || on.n <= c.runsOn(i, on.pool, on.node) { // what runs is not asked
				there[i][k] = true
			}
		}
	}
	for again := true; again; {
		again = false
		for i := range all {
			for k := range all[i] {
				if !there[i][k] && c.joins(i, k, all, there) {
					there[i][k], again = true, true
				}
			}
		}
		for i := 0; i < len(all) && !again; i++ {
			for k := range all[i] {
				if !again && !there[i][k] && c.first(i, c.snapshot.Pools[all[i][k].pool].Cluster, all, there) {
					there[i][k], again = true, true
				}
			}
		}
	}
	for i := range all {
		for k, on := range all[i] {
			if !there[i][k] {
				c.report(c.where(i), "podAffinity", "on node %d of pool %s, where no pod is that it needs", on.node, c.snapshot.Pools[on.pool].Name)
			}
		}
	}
}

// affinity of a workload that is planned; nil for none.
func (c *checker) affinity(i int) *engine.PodAffinity {
	if rules := c.snapshot.Workloads[i].PodRules; rules != nil && c.plan.Placements[i].Held == "" {
		return rules.Together
	}
	return nil
}

// runsOn is how many replicas run on a node.
func (c *checker) runsOn(i, pool, node int) int {
	n := 0
	for _, at := range c.snapshot.Workloads[i].RunsOn {
		if at.Pool == pool && at.Node == node {
			n += at.Pods
		}
	}
	return n
}

// joins says whether in each domain of some replicas are pods that their affinity selects.
func (c *checker) joins(i, k int, all [][]podsOn, there []map[int]bool) bool {
	affinity, on := c.affinity(i), all[i][k]
	for _, key := range affinity.TopologyKeys {
		domain, found := c.domainOfPods(key, on.pool, on.node), false
		for _, at := range affinity.Others {
			found = found || c.domainOfPods(key, at.Pool, at.Node) == domain
		}
		for _, w := range affinity.Workloads {
			if w < 0 || w >= len(all) {
				continue
			}
			for j, other := range all[w] {
				if c.domainOfPods(key, other.pool, other.node) == domain {
					found = found || there[w][j] && (w != i || j != k) || c.runsIn(w, key, domain, other.node)
				}
			}
		}
		if domain == "" || !found {
			return false
		}
	}
	return true
}

// runsIn says whether replicas of a workload run in a domain now. On which nodes they do is not known.
func (c *checker) runsIn(w int, key, domain string, node int) bool {
	current, _ := c.current(w)
	for pool, n := range current {
		if n > 0 && c.domainOfPods(key, pool, node) == domain {
			return true
		}
	}
	return false
}

// first says whether a replica may be the first in its cluster of those that its affinity selects.
func (c *checker) first(i int, cluster string, all [][]podsOn, there []map[int]bool) bool {
	affinity := c.affinity(i)
	if affinity == nil || !c.selects(&affinity.PodSet, i) {
		return false
	}
	for _, at := range affinity.Others {
		if c.snapshot.Pools[at.Pool].Cluster == cluster {
			return false
		}
	}
	for _, key := range affinity.TopologyKeys {
		for _, on := range all[i] {
			if c.domainOfPods(key, on.pool, on.node) == "" {
				return false
			}
		}
	}
	for _, w := range affinity.Workloads {
		if w < 0 || w >= len(there) {
			continue
		}
		for j := range there[w] {
			if c.snapshot.Pools[all[w][j].pool].Cluster == cluster {
				return false
			}
		}
	}
	return true
}
