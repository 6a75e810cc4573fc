package report

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"pgregory.net/rapid"

	"tradewind.dev/tradewind/pkg/state"
	"tradewind.dev/tradewind/pkg/workload"
)

func revisionOf(pod *corev1.Pod) workload.Key {
	revision := workload.Revision(pod)
	return revision
}

// randomCluster draws nodes, workloads and policies.
func randomCluster(t testing.TB, rt *rapid.T) *cluster {
	c := newCluster(t)
	pools := []pool{irelandOnDemand, irelandSpot, virginia, belgium, netherlands, luxembourg, nowhere}
	names := []string{""}
	for i, p := range pools {
		n := rapid.IntRange(0, 3).Draw(rt, fmt.Sprintf("nodes of pool %d", i))
		c.nodes(fmt.Sprintf("pool%d", i), p, n)
		for k := range n {
			names = append(names, fmt.Sprintf("pool%d-%d", i, k+1))
		}
	}
	apps := []string{"web", "cart", "db"}
	for _, namespace := range []string{"shop", "ops"} {
		for _, app := range apps {
			on := rapid.SliceOfN(rapid.SampledFrom(names), 0, 4).Draw(rt, namespace+"/"+app)
			cpu := rapid.SampledFrom([]string{"", "100m", "1", "3"}).Draw(rt, "cpu")
			memory := rapid.SampledFrom([]string{"", "64Mi", "3Gi"}).Draw(rt, "memory")
			c.deployment(namespace, app, cpu, memory, on...)
		}
	}
	if rapid.Bool().Draw(rt, "prices") {
		c.prices("date: \"2026-01-31\"\nresources: [{cloud: acme-dc, cpuHourlyUSD: \"0.01\"}]")
	}
	for i := range rapid.IntRange(0, 3).Draw(rt, "policies") {
		spec := "workloadSelector: {matchLabels: {app: " + rapid.SampledFrom(apps).Draw(rt, "app") + "}}\n"
		for _, part := range []string{
			"residency: {jurisdictions: [EU]}", "latency: {clients: [{location: DE, sharePercent: 60}, {location: US, sharePercent: 40}], maxMilliseconds: 60}",
			"traffic: [{to: {name: cart}, requestsPerSecond: 5, maxMilliseconds: 30}]", `cost: {maxHourlyUSD: "0.2", spot: {maxPercent: 50}}`,
			"spread: [{topologyKey: tradewind.dev/cloud, maxSharePercent: 50}]",
			"locations: {preferred: [{key: tradewind.dev/cloud, operator: In, values: [gcp], weight: 20}]}",
		} {
			if rapid.Bool().Draw(rt, part) {
				spec += part + "\n"
			}
		}
		c.policy(rapid.SampledFrom([]string{"shop", "ops"}).Draw(rt, "namespace"), fmt.Sprintf("p%d", i), spec)
	}
	return c
}

// TestGroupsAddUp checks that the groups of a cost report add up to its total, whatever it is grouped by, and that the
// total is what an independent sum gives.
func TestGroupsAddUp(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		snapshot := randomCluster(t, rt).snapshot()
		usd, replicasWant, pending := 0.0, 0, 0
		for _, pod := range snapshot.Pods {
			node, ok := snapshot.NodeNamed(pod.Spec.NodeName)
			if !ok {
				pending++
				continue
			}
			replicasWant++
			if node.Price.Known {
				usd += node.Price.USD * dominantShare(pod, nodeObject(snapshot, node.Name))
			}
		}
		for _, by := range Groupings() {
			report, err := Cost(snapshot, Grouping(by), "")
			if err != nil {
				rt.Fatal(err)
			}
			sum := CostGroup{}
			for i := range report.Groups {
				g := &report.Groups[i]
				sum.Replicas += g.Replicas
				sum.OnDemandReplicas += g.OnDemandReplicas
				sum.SpotReplicas += g.SpotReplicas
				sum.ReservedReplicas += g.ReservedReplicas
				sum.UnpricedReplicas += g.UnpricedReplicas
				sum.CPUMillicores += g.CPUMillicores
				sum.MemoryBytes += g.MemoryBytes
				sum.SpotHourlyUSD += g.SpotHourlyUSD
				sum.usd += orZero(g.HourlyUSD)
				if g.HourlyUSD == nil && (g.UnpricedReplicas != g.Replicas || g.Replicas == 0) {
					rt.Errorf("by %s: group %s has no dollars but %d of %d replicas are priced", by, g.Name, g.Replicas-g.UnpricedReplicas, g.Replicas)
				}
			}
			total := report.Total
			if sum.Replicas != total.Replicas || sum.OnDemandReplicas != total.OnDemandReplicas || sum.SpotReplicas != total.SpotReplicas ||
				sum.ReservedReplicas != total.ReservedReplicas || sum.UnpricedReplicas != total.UnpricedReplicas ||
				sum.CPUMillicores != total.CPUMillicores || sum.MemoryBytes != total.MemoryBytes {
				rt.Errorf("by %s: groups add up to %+v, the total is %+v", by, sum, total)
			}
			near(rt, by+": dollars of the groups", sum.usd, orZero(total.HourlyUSD))
			near(rt, by+": spot dollars", sum.SpotHourlyUSD, total.SpotHourlyUSD)
			near(rt, by+": dollars", orZero(total.HourlyUSD), usd)
			if report.Nodes.HourlyUSD != nil {
				near(rt, by+": bill and idle remainder", usd+*report.Nodes.IdleHourlyUSD, *report.Nodes.HourlyUSD)
			}
			if Grouping(by).ofNodes() {
				nodes, unpriced := 0.0, 0
				for i := range report.Groups {
					nodes += orZero(report.Groups[i].NodeHourlyUSD)
					unpriced += report.Groups[i].UnpricedNodes
				}
				near(rt, by+": dollars of nodes", nodes, orZero(report.Nodes.HourlyUSD))
				if unpriced != report.Nodes.UnpricedNodes {
					rt.Errorf("by %s: %d unpriced nodes in groups, %d in all", by, unpriced, report.Nodes.UnpricedNodes)
				}
			}
			if total.Replicas != replicasWant || report.PendingPods != pending {
				rt.Errorf("by %s: %d replicas and %d pending, want %d and %d", by, total.Replicas, report.PendingPods, replicasWant, pending)
			}
			latencies, err := Latency(snapshot, Grouping(by), "")
			if err != nil {
				rt.Fatal(err)
			}
			replicas, mean, weight := 0, 0.0, 0.0
			for i := range latencies.Groups {
				g := &latencies.Groups[i]
				replicas += g.Replicas
				mean += g.clients.sum
				weight += g.clients.weight
			}
			if replicas != latencies.Total.Replicas || replicas+latencies.OtherReplicas != replicasWant {
				rt.Errorf("by %s: latency groups hold %d replicas, the total %d, others %d of %d", by, replicas, latencies.Total.Replicas, latencies.OtherReplicas, replicasWant)
			}
			if latencies.Total.Clients.Milliseconds != nil {
				near(rt, by+": mean of the clients", mean/weight, *latencies.Total.Clients.Milliseconds)
			}
		}
	})
}

// dominantShare is the largest of a pod's shares of its node's allocatable CPU, memory and GPUs, computed afresh from the
// objects.
func dominantShare(pod *corev1.Pod, node *corev1.Node) float64 {
	share := 0.0
	for name, wanted := range pod.Spec.Containers[0].Resources.Requests {
		allocatable := node.Status.Allocatable[name]
		share = math.Max(share, wanted.AsApproximateFloat64()/allocatable.AsApproximateFloat64())
	}
	return share
}

func nodeObject(snapshot *state.Snapshot, name string) *corev1.Node {
	return snapshot.Nodes[slices.IndexFunc(snapshot.Nodes, func(n *corev1.Node) bool { return n.Name == name })]
}

func orZero(value *float64) float64 {
	if value == nil {
		return 0
	}
	return *value
}

func near(rt *rapid.T, what string, got, want float64) {
	if math.Abs(got-want) > 1e-9*math.Max(1, math.Abs(want)) {
		rt.Errorf("%s: %v, want %v", what, got, want)
	}
}

// TestEveryNodeInOneGroup checks that an explanation counts every node exactly once, that nothing excludes a feasible
// node by Kubernetes' own arithmetic, that the groups are in order, and that it leaves the snapshot as it was.
func TestEveryNodeInOneGroup(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		snapshot := randomCluster(t, rt).snapshot()
		if len(snapshot.Pods) == 0 {
			return
		}
		pod := rapid.SampledFrom(snapshot.Pods).Draw(rt, "pod")
		before, err := Cost(snapshot, ByWorkload, "")
		if err != nil {
			rt.Fatal(err)
		}
		view := *snapshot.Revision(revisionOf(pod))
		e, err := Explain(snapshot, pod, ExplainOptions{Profiles: profiles})
		if err != nil {
			rt.Fatal(err)
		}
		nodes := 0
		if e.Node != nil {
			nodes++
		}
		last := math.MaxInt
		for i := range e.Excluded {
			group := &e.Excluded[i]
			nodes += group.Nodes
			if group.Nodes > last || group.Nodes < 1 || group.Only > group.Nodes || group.Message == "" {
				rt.Errorf("group %+v after one of %d nodes", group, last)
			}
			last = group.Nodes
			places := 0
			for _, place := range group.Places {
				places += place.Nodes
			}
			if places != group.Nodes {
				rt.Errorf("group %q: %d nodes, %d in its places", group.Message, group.Nodes, places)
			}
		}
		classes := map[string]bool{}
		for i := range e.Feasible {
			group := &e.Feasible[i]
			nodes += group.Nodes
			key := fmt.Sprint(group.Cloud, group.Region, group.Country, group.InstanceType, group.CapacityType)
			if classes[key] {
				rt.Errorf("two groups of %s", key)
			}
			classes[key] = true
			if i > 0 && (group.HourlyUSD != nil && (e.Feasible[i-1].HourlyUSD == nil || *e.Feasible[i-1].HourlyUSD > *group.HourlyUSD)) {
				rt.Errorf("groups out of order: %v before %v", e.Feasible[i-1].HourlyUSD, group.HourlyUSD)
			}
			free := nodeObject(snapshot, group.Example).Status.Allocatable.DeepCopy()
			for _, other := range snapshot.Pods {
				if other.Spec.NodeName == group.Example && other.UID != pod.UID {
					for name, quantity := range other.Spec.Containers[0].Resources.Requests {
						left := free[name]
						left.Sub(quantity)
						free[name] = left
					}
				}
			}
			for name, wanted := range pod.Spec.Containers[0].Resources.Requests {
				if left := free[name]; wanted.Cmp(left) > 0 {
					rt.Errorf("node %s is called feasible with %s of %s free, %s wanted", group.Example, left.String(), name, wanted.String())
				}
			}
		}
		if nodes != len(snapshot.Nodes) || e.Nodes != nodes {
			rt.Errorf("%d nodes in groups, %d in the explanation, %d in the cluster", nodes, e.Nodes, len(snapshot.Nodes))
		}
		if (e.Node == nil) != (len(e.Remedies) > 0) {
			rt.Errorf("placed %v with remedies %q", e.Node != nil, e.Remedies)
		}
		after, err := Cost(snapshot, ByWorkload, "")
		if err != nil {
			rt.Fatal(err)
		}
		if now := snapshot.Revision(revisionOf(pod)); now.Placed() != view.Placed() || now.Hosts != view.Hosts || now.Desired != view.Desired {
			rt.Errorf("explaining changed the view from %+v to %+v", view, now)
		}
		if fmt.Sprint(names(before)) != fmt.Sprint(names(after)) {
			rt.Errorf("explaining changed the report from %v to %v", names(before), names(after))
		}
	})
}

func names(report *CostReport) []string {
	out := map[string]bool{}
	for i := range report.Groups {
		out[strings.Join([]string{report.Groups[i].Name, dollarsOf(report.Groups[i].HourlyUSD)}, " ")] = true
	}
	return slices.Sorted(maps.Keys(out))
}
