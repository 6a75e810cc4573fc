package verify

import (
	"fmt"

	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/location"
)

// recoveries checks that after the loss of any one domain the replicas of the workloads that must survive it fit on what
// remains, on nodes that their rules allow, those apart that have no room there.
func (c *checker) recoveries() {
	type loss struct {
		domain location.DomainKind
		name   string
	}
	lost := map[loss]map[int]int{} // workload → replicas
	for i, p := range c.plan.Placements {
		w := &c.snapshot.Workloads[i]
		if p.Held != "" {
			continue
		}
		kinds := map[location.DomainKind]bool{}
		for _, a := range w.Availability {
			kinds[a.Survive] = true
		}
		for kind := range kinds {
			for _, d := range p.Decisions {
				at := loss{kind, domainOf(kind, &c.snapshot.Pools[d.Pool])}
				if lost[at] == nil {
					lost[at] = map[int]int{}
				}
				lost[at][i] += d.Replicas
			}
		}
	}
	moves, missing := map[loss]map[int][]engine.RecoveryMove{}, map[loss]map[int]int{}
	for i, p := range c.plan.Placements {
		for k := range p.Recoveries {
			at := loss{p.Recoveries[k].Domain.Kind, p.Recoveries[k].Domain.Name}
			if at.domain == location.DomainCluster {
				at.name = "cluster " + at.name // see domainOf
			}
			if moves[at] == nil {
				moves[at], missing[at] = map[int][]engine.RecoveryMove{}, map[int]int{}
			}
			missing[at][i] += max(p.Recoveries[k].Missing, 0)
			moves[at][i] = append(moves[at][i], p.Recoveries[k].Moves...)
		}
	}
	for at, workloads := range lost {
		c.recovery(at.domain, at.name, moves[at], missing[at], workloads)
	}
}

// recovery checks one loss.
func (c *checker) recovery(domain location.DomainKind, name string, moves map[int][]engine.RecoveryMove, missing, lost map[int]int) {
	where := fmt.Sprintf("loss of %s %s", domain, name)
	type node struct{ pool, node int }
	load := map[node]map[string]int64{}
	put := func(workload, pool, at, replicas int) {
		key := node{pool, at}
		if load[key] == nil {
			load[key] = map[string]int64{}
		}
		for name, v := range amounts(&c.snapshot.Workloads[workload].Request) {
			load[key][name] += v * int64(replicas)
		}
	}
	for i, p := range c.plan.Placements {
		for _, d := range p.Decisions {
			if domainOf(domain, &c.snapshot.Pools[d.Pool]) != name {
				for _, n := range d.Nodes {
					put(i, d.Pool, n.Node, n.Replicas)
				}
			}
		}
	}
	moved := map[int]int{}
	for i, list := range moves {
		for _, m := range list {
			pool := &c.snapshot.Pools[m.Pool]
			if domainOf(domain, pool) == name || m.Replicas <= 0 || m.Node < 0 || m.Node >= max(len(pool.Nodes), pool.MaxNodes) {
				c.report(where, "availability", "%d replicas to node %d of pool %s", m.Replicas, m.Node, pool.Name)
				continue
			}
			moved[i] += m.Replicas
			put(i, m.Pool, m.Node, m.Replicas)
			c.place(i, pool)
		}
	}
	for i, n := range lost {
		stuck := c.stuck(i, func(pool *engine.Pool) string { return domainOf(domain, pool) })[name]
		n -= min(stuck, n)
		if moved[i]+missing[i] != n {
			c.report(c.where(i), "availability", "%d replicas lost with %s %s, %d without room, %d recovered", n, domain, name, missing[i], moved[i])
		}
	}
	free := func(pool *engine.Pool, node int) map[string]int64 {
		if node < len(pool.Nodes) {
			return amounts(&pool.Nodes[node].Free)
		}
		return fresh(pool)
	}
	for i, n := range missing {
		w := &c.snapshot.Workloads[i]
		for k := range c.snapshot.Pools {
			pool := &c.snapshot.Pools[k]
			if n == 0 || len(w.Pins)+len(w.HostPorts) > 0 || c.keptApart(i) || w.Attachable != nil || domainOf(domain, pool) == name || !c.eligible(i, pool) {
				continue
			}
			for at := range max(len(pool.Nodes), pool.MaxNodes) {
				if have := free(pool, at); holds(have, load[node{k, at}], amounts(&w.Request)) {
					c.report(c.where(i), "availability", "%d replicas without room after the loss of %s %s, and node %d of pool %s has some", n, domain, name, at, pool.Name)
				}
			}
		}
	}
	for at, amount := range load {
		pool := &c.snapshot.Pools[at.pool]
		have := free(pool, at.node)
		for name, v := range amount {
			if v > have[name] {
				c.report(where, "capacity", "node %d of pool %s: %d of %s placed, %d free", at.node, pool.Name, v, name, have[name])
			}
		}
	}
}

// holds says whether so much fits beside a load.
func holds(have, load, request map[string]int64) bool {
	for name, v := range request {
		if v > 0 && load[name]+v > have[name] {
			return false
		}
	}
	return true
}

// keptApart says whether anti-affinity says where a workload may be: its own, or that of others to it.
func (c *checker) keptApart(i int) bool {
	for k := range c.snapshot.Workloads {
		rules := c.snapshot.Workloads[k].PodRules
		if rules == nil {
			continue
		}
		for t := range rules.Apart {
			if k == i || c.selects(&rules.Apart[t].PodSet, i) {
				return true
			}
		}
	}
	return false
}
