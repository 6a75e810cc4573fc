package planning

import (
	"fmt"

	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/rules"
	"tradewind.dev/tradewind/pkg/rules/policy"
	"tradewind.dev/tradewind/pkg/workload"
)

// Estimates say which hard limits on round trips, from clients and of calls, the replicas of the workload with this index meet by
// estimates only where a plan of the snapshot has them.
func (r *Result) Estimates(plan *engine.Plan, i int) []string {
	w := &r.Snapshot.Workloads[i]
	classes := r.classes(plan.Placements[i])
	var out []string
	if w.Rules != nil {
		for k := range w.Rules.Latency {
			if text := w.Rules.Estimated(k, classes); text != "" {
				out = append(out, text)
			}
		}
	}
	for k := range w.Calls {
		call := &w.Calls[k]
		if call.MaxMilliseconds <= 0 || call.Measured {
			continue
		}
		to := workload.Key{Namespace: call.To.Namespace, Name: call.To.Name}
		if to.Namespace == "" {
			to.Namespace = w.Namespace
		}
		if callee, known := r.builder.callees[to]; known {
			if text := r.Snapshot.RoundTrips.EstimatedCall(call.MaxMilliseconds, to.String(), classes, r.classes(plan.Placements[callee])); text != "" {
				out = append(out, text)
			}
		}
	}
	return out
}

func (r *Result) classes(placement *engine.Placement) []*rules.Class {
	out := make([]*rules.Class, 0, len(placement.Decisions))
	for k := range placement.Decisions {
		out = append(out, r.Snapshot.Pools[placement.Decisions[k].Pool].Class)
	}
	return out
}

// Together says that over half of the replicas of the workload with this index would be taken back at once, since a plan has them
// in one spot pool and no policy limits that; empty where that is not so.
func (r *Result) Together(placement *engine.Placement, i int) string {
	w := &r.Snapshot.Workloads[i]
	var effective *policy.Effective
	if w.Rules != nil {
		effective = w.Rules.Effective
	}
	at := make([]rules.ClassReplicas, 0, len(placement.Decisions))
	for k := range placement.Decisions {
		at = append(at, rules.ClassReplicas{Class: r.Snapshot.Pools[placement.Decisions[k].Pool].Class, Replicas: placement.Decisions[k].Replicas})
	}
	pool, replicas := rules.TakenTogether(effective, w.Replicas, at)
	if replicas == 0 {
		return ""
	}
	return fmt.Sprintf("%d of %d replicas are in the spot pool %s, which the cloud takes back together; spot.maxPoolSharePercent in spec.cost limits that",
		replicas, w.Replicas, pool)
}
