package verify

import (
	corev1 "k8s.io/api/core/v1"

	"tradewind.dev/tradewind/pkg/engine"
)

// crowded is what a replica of the workload with index i on a pool pays for others of it in its domains, as a share of what it costs
// there: of so many replicas in a domain the ones after the first that are free pay 1, 2, 3 … parts of the weight, of as many parts as
// there are replicas beyond those that are free, and all in the domain share that.
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
		if wish.Weight < 1 || wish.Weight > 100 || wish.TopologyKey == "" || wish.TopologyKey == corev1.LabelHostname || free >= w.Replicas {
			continue
		}
		there := 0
		for _, d := range c.plan.Placements[i].Decisions {
			if together(&c.snapshot.Pools[d.Pool], &c.snapshot.Pools[pool], wish.TopologyKey) {
				there += d.Replicas
			}
		}
		parts := 0
		for k := free + 1; k <= there; k++ {
			parts += k - free
		}
		sum += float64(wish.Weight) / 100 * float64(parts) / float64(w.Replicas-free) / float64(max(there, 1))
	}
	return sum
}

// together says whether nodes of two pools are in one domain of a label, or both without the label in one cluster.
func together(a, b *engine.Pool, key string) bool {
	x, labelled := a.Labels[key]
	y, too := b.Labels[key]
	return a.Cluster == b.Cluster && labelled == too && x == y
}
