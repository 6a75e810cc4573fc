package failover

import (
	"context"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/moves/ledger"
	"tradewind.dev/tradewind/pkg/planning"
	"tradewind.dev/tradewind/pkg/planning/rounds"
	"tradewind.dev/tradewind/pkg/workload"
)

// returned ends the condition FailedOver of workloads that have as many replicas in the places that they were driven from
// as the plan wants there.
func (c *Controller) returned(ctx context.Context, round *rounds.Round) error {
	if err := c.Ledger.Load(ctx); err != nil {
		return err
	}
	var away map[workload.Key]int
	for i := range round.Result.Workloads {
		w := &round.Result.Workloads[i]
		key := w.Key
		if said := c.Ledger.Condition(key, v1alpha1.ConditionFailedOver); said != nil && said.Status == metav1.ConditionTrue {
			if away == nil {
				away = map[workload.Key]int{}
			}
			away[key] = i
		}
	}
	if len(away) == 0 {
		return nil
	}
	running := map[workload.Key]map[string]int{}
	for i := range round.Input.Pods {
		pod := &round.Input.Pods[i]
		if _, ok := away[pod.Workload]; !ok {
			continue
		}
		if at, ok := round.Result.PoolOf[pod.Node]; ok {
			if running[pod.Workload] == nil {
				running[pod.Workload] = map[string]int{}
			}
			running[pod.Workload][round.Result.Pools[at].ID()]++
		}
	}
	for key, i := range away {
		origin, lost := map[string]bool{}, false
		for _, away := range c.Ledger.Away(key) {
			pools := round.Origin(away.Pool)
			maps.Copy(origin, pools)
			lost = lost || away.Replicas > 0 && (c.out(away.Pool) || len(pools) == 0 && exists(round, away.Pool))
		}
		if lost {
			continue
		}
		lacks, wanted := 0, 0
		for _, d := range round.Plan.Placements[i].Decisions {
			if name := round.Result.Pools[d.Pool].ID(); origin[name] {
				lacks += max(0, d.Replicas-running[key][name])
				wanted += d.Replicas
			}
		}
		if lacks > 0 {
			continue
		}
		reason, text := "Returned", "the replicas are where the plan wants them again"
		if wanted == 0 {
			reason, text = "Settled", "the plan leaves the replicas where they are now"
		}
		c.Ledger.Say(key, v1alpha1.ConditionFailedOver, false, reason, text)
		ledger.Event(c.Recorder, round, key, nil, corev1.EventTypeNormal, reason, text)
	}
	return nil
}

// out says whether a pool is lost, or was and does not count again yet, by what is known now: a plan may be older, or be made
// before that is known.
func (c *Controller) out(pool string) bool { return c.absentPools().outages[pool] != nil }

// exists says whether a pool is in a round.
func exists(round *rounds.Round, id string) bool {
	return slices.ContainsFunc(round.Result.Pools, func(pool planning.PoolInfo) bool { return pool.ID() == id })
}
