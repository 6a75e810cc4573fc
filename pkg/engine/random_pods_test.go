package engine_test

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	"pgregory.net/rapid"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/engine"
)

// randomPort is the host port of random workloads.
var randomPort = engine.HostPort{Protocol: "TCP", Number: 8080}

// podKeys are the topology keys of random rules of pods; no node has the last one.
var podKeys = []string{corev1.LabelHostname, corev1.LabelHostname, corev1.LabelTopologyZone, corev1.LabelTopologyZone, v1alpha1.LabelCloud, "rack"}

// randomPods draws host ports and rules of pods for the workload with index i.
func randomPods(t *rapid.T, out *engine.Workload, s *engine.Snapshot, i int, b bounds) {
	one := func(name string, in int) bool { return rapid.IntRange(1, in).Draw(t, name) == 1 }
	if one("port", 6) {
		port := randomPort
		if one("address", 3) {
			port.Address = rapid.SampledFrom([]string{"0.0.0.0", "10.0.0.1", "10.0.0.2"}).Draw(t, "ip")
		}
		out.HostPorts = []engine.HostPort{port}
	}
	for _, current := range out.Current {
		if nodes := len(s.Pools[current.Pool].Nodes); nodes > 0 && current.Replicas > 0 && one("where", 2) {
			out.RunsOn = append(out.RunsOn, engine.PodsAt{Pool: current.Pool, Node: rapid.IntRange(0, nodes-1).Draw(t, "on"), Pods: current.Replicas})
		}
	}
	rules := &engine.PodRules{}
	for range rapid.IntRange(0, 2).Draw(t, "apart") {
		if one("keeps away", 3) {
			rules.Apart = append(rules.Apart, engine.PodTerm{
				TopologyKey: rapid.SampledFrom(podKeys).Draw(t, "key"), Selector: "app=x", PodSet: randomPodSet(t, s, i, b),
			})
		}
	}
	if !b.spreadless && one("spreads", 4) {
		rules.Spread = append(rules.Spread, engine.PodSpread{
			TopologyKey: rapid.SampledFrom(podKeys).Draw(t, "key"), MaxSkew: rapid.IntRange(1, 2).Draw(t, "skew"), MinDomains: rapid.IntRange(0, 3).Draw(t, "domains"),
			IgnoreNodeAffinity: rapid.Bool().Draw(t, "ignores"), HonorTaints: rapid.Bool().Draw(t, "honors"), Selector: "app=x", PodSet: randomPodSet(t, s, i, b),
		})
	}
	if one("joins", 6) {
		rules.Together = &engine.PodAffinity{TopologyKeys: []string{rapid.SampledFrom(podKeys).Draw(t, "key")}, Selector: "app=x", PodSet: randomPodSet(t, s, i, b)}
		if one("twice", 4) {
			rules.Together.TopologyKeys = append(rules.Together.TopologyKeys, corev1.LabelTopologyZone)
		}
	}
	if len(rules.Apart)+len(rules.Spread) > 0 || rules.Together != nil {
		out.PodRules = rules
	}
}

// randomPodSet draws what a selector of the workload with index i selects: mostly its own pods, others, and pods that stay.
func randomPodSet(t *rapid.T, s *engine.Snapshot, i int, b bounds) engine.PodSet {
	var out engine.PodSet
	if rapid.IntRange(0, 3).Draw(t, "own") > 0 {
		out.Workloads = append(out.Workloads, i)
	}
	for range rapid.IntRange(0, 2).Draw(t, "others") {
		out.Workloads = append(out.Workloads, rapid.IntRange(0, b.workloads-1).Draw(t, "other"))
	}
	slices.Sort(out.Workloads)
	out.Workloads = slices.Compact(out.Workloads)
	if rapid.IntRange(0, 5).Draw(t, "stay") == 0 {
		pool := rapid.IntRange(0, len(s.Pools)-1).Draw(t, "pool")
		first := 0
		if s.Pools[pool].Closed > 0 {
			first = -1 // on a node that takes no more
		}
		if nodes := len(s.Pools[pool].Nodes); nodes > first {
			out.Others = []engine.PodsAt{{Pool: pool, Node: rapid.IntRange(first, nodes-1).Draw(t, "node"), Pods: rapid.IntRange(1, 2).Draw(t, "pods")}}
		}
	}
	return out
}
