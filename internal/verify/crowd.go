package verify

import (
	corev1 "k8s.io/api/core/v1"

	"tradewind.dev/tradewind/pkg/engine"
)

// crowded is what a replica of the workload with index i on a pool pays for others of it in its domains, as a share of what it costs
// there: of so many replicas in a domain the ones after the first that are free pay 1, 2, 3 … parts of the weight, of as many parts as
// there are replicas beyond those that are free, and all in the domain share that. Of nodes it is the least that those on the pool can pay.
func (c *checker) crowded(i, pool int) float64 {
	w, sum := &c.snapshot.Workloads[i], 0.0
	if w.Replicas > mostReplicas {
		return 0
	}
	for _, wish := range w.PreferredSpread {
		free := wish.MaxSkew
		if free < 1 {
			free = 1
		}
		if wish.Weight < 1 || wish.Weight > 100 || wish.TopologyKey == "" || free >= w.Replicas {
			continue
		}
		there, domains := 0, 1
		for _, d := range c.plan.Placements[i].Decisions {
			if wish.TopologyKey == corev1.LabelHostname && d.Pool == pool ||
				wish.TopologyKey != corev1.LabelHostname && together(&c.snapshot.Pools[d.Pool], &c.snapshot.Pools[pool], wish.TopologyKey) {
				there += d.Replicas
			}
		}
		if wish.TopologyKey == corev1.LabelHostname {
			domains = max(hosts(&c.snapshot.Pools[pool], &w.Request), 1)
		}
		parts := 0
		for in := range domains {
			if in >= there {
				break
			}
			for k := free + 1; k <= (there+domains-1-in)/domains; k++ {
				parts += k - free
			}
		}
		sum += float64(wish.Weight) / 100 * float64(parts) / float64(w.Replicas-free) / float64(max(there, 1))
	}
	return sum
}

// hosts counts the nodes of a pool that have room for a replica, and those that can be added and will have.
func hosts(pool *engine.Pool, request *engine.Resources) int {
	has := func(cpu, memory, gpus int64) bool {
		return max(cpu, 0) >= request.MilliCPU && max(memory, 0) >= request.MemoryBytes && max(gpus, 0) >= request.GPUs
	}
	n := 0
	for k := range pool.Nodes {
		if free := &pool.Nodes[k].Free; has(free.MilliCPU, free.MemoryBytes, free.GPUs) {
			n++
		}
	}
	if all, daemons := &pool.Allocatable, &pool.Daemons; has(all.MilliCPU-daemons.MilliCPU, all.MemoryBytes-daemons.MemoryBytes, all.GPUs-daemons.GPUs) {
		n += min(max(pool.MaxNodes-len(pool.Nodes), 0), mostReplicas)
	}
	return n
}

// together says whether nodes of two pools are in one domain of a label, or both without the label in one cluster.
func together(a, b *engine.Pool, key string) bool {
	x, labelled := a.Labels[key]
	y, too := b.Labels[key]
	return a.Cluster == b.Cluster && labelled == too && x == y
}
