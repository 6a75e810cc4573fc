package planning

import (
	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/state"
	"tradewind.dev/tradewind/pkg/workload"
)

// decided are the last decisions: Placements by workload, and pools by ID.
type decided struct {
	placements map[workload.Key]*v1alpha1.Placement
	pools      map[string]int
}

// planned is where the last decisions have a workload, in pools that are still there.
func (b *builder) planned(key workload.Key) []engine.PoolReplicas {
	if len(b.input.Placements) == 0 {
		return nil
	}
	if b.decided == nil {
		b.decided = &decided{make(map[workload.Key]*v1alpha1.Placement, len(b.input.Placements)), make(map[string]int, len(b.out.Pools))}
		for _, placement := range b.input.Placements {
			if key := state.PlacementOf(placement); placement.Name == state.PlacementName(key.Kind, key.Name) {
				b.decided.placements[key] = placement
			}
		}
		for i := range b.out.Pools {
			b.decided.pools[b.out.Pools[i].ID()] = i
		}
	}
	placement := b.decided.placements[key]
	if placement == nil {
		return nil
	}
	var out []engine.PoolReplicas
	for k := range placement.Status.Decisions {
		d := &placement.Status.Decisions[k]
		if pool, known := b.decided.pools[PoolID(d.ClusterName, d.Pool)]; known && d.Replicas > 0 {
			out = append(out, engine.PoolReplicas{Pool: pool, Replicas: int(d.Replicas)})
		}
	}
	return out
}
