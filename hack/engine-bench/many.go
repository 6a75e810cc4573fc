package main

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/utils/ptr"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/engine/enginetest"
	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/rules/policy"
)

// many is a snapshot in which one workload of so many replicas has every kind of rule, beside 200 others on 500 pools.
func many(replicas int) (*engine.Snapshot, error) {
	snapshot, err := enginetest.Production(enginetest.Size{Pools: 500, Workloads: 200, Share: share})
	if err != nil {
		return nil, err
	}
	for i := range snapshot.Pools {
		snapshot.Pools[i].MaxNodes = len(snapshot.Pools[i].Nodes) + 10
	}
	world, err := enginetest.NewWorld()
	if err != nil {
		return nil, err
	}
	ceiling := resource.MustParse("2000")
	spec := v1alpha1.PolicySpec{
		Residency: &v1alpha1.Residency{Jurisdictions: []string{"EU"}},
		Spread: []v1alpha1.Spread{
			{TopologyKey: v1alpha1.LabelCloud, MinDomains: ptr.To(int32(2)), MaxSharePercent: ptr.To(int32(70))},
			{TopologyKey: corev1.LabelTopologyRegion, MinDomains: ptr.To(int32(3)), MaxSkew: ptr.To(int32(1))},
		},
		Latency: &v1alpha1.Latency{
			Clients:         []v1alpha1.Client{{Location: "DE", SharePercent: 70}, {Location: "FR", SharePercent: 30}},
			MaxMilliseconds: ptr.To(int32(60)), RequestsPerSecond: ptr.To(int64(50000)),
		},
		Cost: &v1alpha1.Cost{Spot: &v1alpha1.Spot{MaxPercent: 50, Fallback: v1alpha1.SpotFallbackOnDemand}, MaxHourlyUSD: &ceiling},
	}
	self, first := len(snapshot.Workloads), engine.PodSet{Workloads: []int{0}}
	w := engine.Workload{
		Namespace: "big", Name: "all-rules", Kind: "Deployment", Replicas: replicas, Request: engine.Resources{MilliCPU: 500, MemoryBytes: 1 << 30},
		Rules: world.Rules(spec), ClientBytesPerRequest: 2000, Availability: []policy.Availability{{Survive: location.DomainRegion, MinReplicasPercent: 30}},
		PodRules: &engine.PodRules{
			Apart: []engine.PodTerm{{TopologyKey: corev1.LabelHostname, Selector: "app=first", PodSet: first}},
			Spread: []engine.PodSpread{
				{TopologyKey: corev1.LabelTopologyZone, MaxSkew: 1000, Selector: "app=big", PodSet: engine.PodSet{Workloads: []int{0, self}}},
				{TopologyKey: corev1.LabelHostname, MaxSkew: 40, Selector: "app=big", PodSet: engine.PodSet{Workloads: []int{self}}},
			},
		},
	}
	for i := 0; i < len(snapshot.Pools) && len(w.Current) < 20; i += 7 {
		if nodes := len(snapshot.Pools[i].Nodes); nodes > 0 && w.Rules.Static(snapshot.Pools[i].Class).Allowed() {
			w.Current = append(w.Current, engine.PoolReplicas{Pool: i, Replicas: 20})
			w.RunsOn = append(w.RunsOn, engine.PodsAt{Pool: i, Pods: 20})
		}
	}
	snapshot.Workloads = append(snapshot.Workloads, w)
	return snapshot, nil
}

// manyReplicas plans such a snapshot, and the loss of each cloud.
func manyReplicas() error {
	snapshot, err := many(5000)
	if err != nil {
		return err
	}
	plan, took, losses, err := withLosses(snapshot, engine.Options{})
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "one workload of 5,000 replicas: %d of all unplaced, gap %.3f %%\n", plan.Unplaced, plan.GapPercent)
	report("simulate_5000_replicas_seconds", took.Seconds(), "s")
	report("simulate_5000_replicas_with_losses_seconds", (took + losses).Seconds(), "s")
	return nil
}

// lossesRatio is how long the losses of a plan of 4,000 workloads take, by the time that the plan takes.
func lossesRatio() error {
	snapshot, err := enginetest.Production(enginetest.Size{Pools: 500, Workloads: 4000, Share: share})
	if err != nil {
		return err
	}
	_, took, losses, err := withLosses(snapshot, engine.Options{})
	if err != nil {
		return err
	}
	report("engine_losses_ratio", losses.Seconds()/took.Seconds(), "")
	return nil
}

// withLosses plans a snapshot and then the loss of each cloud while the plan is in force, and says how long either took.
func withLosses(snapshot *engine.Snapshot, options engine.Options) (plan *engine.Plan, took, losses time.Duration, err error) {
	begin := time.Now()
	if plan, err = engine.Solve(snapshot, options); err != nil {
		return nil, 0, 0, err
	}
	took = time.Since(begin)
	if err := sound(snapshot, plan, options); err != nil {
		return nil, 0, 0, err
	}
	clouds := map[string]bool{}
	for i := range snapshot.Pools {
		if plan.Pools[i].Replicas > 0 {
			clouds[snapshot.Pools[i].Class.Location.Cloud] = true
		}
	}
	names := slices.Sorted(maps.Keys(clouds))
	lost := make([]func(pool int) bool, len(names))
	for k, cloud := range names {
		lost[k] = func(pool int) bool { return snapshot.Pools[pool].Class.Location.Cloud == cloud }
	}
	begin = time.Now()
	err = engine.EachLoss(snapshot, plan, lost, func(float64) engine.Options { return options }, func(k int, left engine.Degraded) {
		fmt.Fprintf(os.Stderr, "the plan took %.3f s; that without %s was there after %.3f s, %d unplaced\n", took.Seconds(), names[k],
			time.Since(begin).Seconds(), left.Plan().Unplaced)
	})
	return plan, took, time.Since(begin), err
}
