package engine_test

import (
	"testing"

	corev1 "k8s.io/api/core/v1"

	"tradewind.dev/tradewind/pkg/engine"
)

// runsOn lets replicas run on a node.
func runsOn(pool, node, replicas int) func(*engine.Workload) {
	return func(w *engine.Workload) {
		w.RestartUSD = 100
		w.Current = append(w.Current, engine.PoolReplicas{Pool: pool, Replicas: replicas})
		w.RunsOn = append(w.RunsOn, engine.PodsAt{Pool: pool, Node: node, Pods: replicas})
	}
}

// TestWhatRunsStays says where replicas are whose affinity or anti-affinity does not hold any more where they run: Kubernetes asks about
// pods that come only.
func TestWhatRunsStays(t *testing.T) {
	host := corev1.LabelHostname
	for _, tt := range []struct {
		name  string
		build func(*build)
		want  string
	}{
		{"near one that is gone", func(b *build) {
			b.workload("cache", 0, 250).workload("web", 2, 250, together(zoneKey, of(0)), runsOn(1, 0, 2))
		}, "0,0,0 0,2,0"},
		{"near over what no node has any more", func(b *build) {
			b.workload("cache", 1, 250).workload("web", 1, 250, together("rack", of(0)), runsOn(1, 0, 1))
		}, "1,0,0 0,1,0"},
		{"and one more does not come", func(b *build) {
			b.workload("cache", 0, 250).workload("web", 3, 250, together(zoneKey, of(0)), runsOn(1, 0, 2))
		}, "0,0,0 0,2,0-1"},
		{"near one that keeps away", func(b *build) {
			b.workload("web", 1, 250, together(zoneKey, of(1)), runsOn(0, 0, 1)).workload("cache", 1, 250, apart(zoneKey, of(0)), runsOn(0, 1, 1))
		}, "1,0,0 1,0,0"},
		{"beside one that keeps away, where there is no other room", func(b *build) {
			b.Pools = b.Pools[:1]
			b.workload("db", 1, 250, runsOn(0, 0, 1)).workload("web", 1, 250, apart(zoneKey, of(0)), runsOn(0, 1, 1))
		}, "1 1"},
		{"beside one that keeps away, where there is", func(b *build) {
			b.workload("db", 1, 250, runsOn(0, 0, 1)).workload("web", 1, 250, apart(zoneKey, of(0)), runsOn(0, 1, 1))
		}, "1,0,0 1,0,0"},
		{"where others run, none of which it needs", func(b *build) {
			b.workload("cache", 1, 250, runsOn(0, 0, 1)).workload("web", 2, 250, together(zoneKey, of(0)), runsOn(1, 1, 2))
		}, "1,0,0 0,2,0"},
		{"with one that comes to where it belongs", func(b *build) {
			b.workload("cache", 1, 250, runsOn(0, 0, 1)).workload("web", 3, 250, together(zoneKey, of(0)), runsOn(1, 1, 2))
		}, "1,0,0 1,2,0"},
		{"a newcomer keeps away from both", func(b *build) {
			b.Pools = b.Pools[:1]
			b.workload("new", 1, 250, apart(host, of(0, 1))).workload("a", 2, 250, apart(host, of(2)), runsOn(0, 0, 2)).
				workload("b", 2, 250, apart(host, of(1)), runsOn(0, 0, 1), runsOn(0, 1, 1))
			b.Workloads[0].PodRules.Apart[0].Workloads = []int{1, 2}
		}, "0-1 2 2"},
		{"a newcomer does not take the place of one that it may not be beside", func(b *build) {
			b.Pools = b.Pools[:1]
			b.Pools[0].Nodes = b.Pools[0].Nodes[:1]
			b.workload("new", 1, 250, apart(host, of(1))).workload("web", 1, 250, together("rack", of(0)), runsOn(0, 0, 1))
		}, "0-1 1"},
		{"unless it has a higher priority", func(b *build) {
			b.Pools = b.Pools[:1]
			b.Pools[0].Nodes = b.Pools[0].Nodes[:1]
			b.workload("new", 1, 250, apart(host, of(1)), priority(1000)).workload("web", 1, 250, together("rack", of(0)), runsOn(0, 0, 1))
		}, "1 0-1"},
		{"two of one replica a node", func(b *build) {
			b.Pools = b.Pools[:1]
			b.workload("db", 4, 250, apart(host, of(0)), runsOn(0, 0, 3))
		}, "4"},
		{"two of one replica a zone", func(b *build) {
			b.workload("db", 6, 250, apart(zoneKey, of(0)), runsOn(0, 0, 2), runsOn(1, 1, 2))
		}, "2,2,1-1"},
		{"where a policy lets them be no more they do not stay", func(b *build) {
			b.workload("cache", 0, 250).workload("web", 2, 250, together(zoneKey, of(0)), runsOn(0, 0, 2), b.policy(eu))
		}, "0,0,0 0,0,0-2"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBuild(t)
			tt.build(b)
			plan := solve(t, b.Snapshot, engine.Options{})
			if got := shape(b.Snapshot, plan); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

// TestStaysNearOwn has a replica that comes to the rack of one that runs: that one stays on its node, since both would find nobody otherwise.
func TestStaysNearOwn(t *testing.T) {
	b := newBuild(t)
	b.Pools[0].Labels, b.Pools[1].Labels = withLabel(b.Pools[0].Labels, "rack", "r1"), withLabel(b.Pools[1].Labels, "rack", "r1")
	b.Pools[2].Labels = withLabel(b.Pools[2].Labels, "rack", "r2")
	b.workload("web", 3, 250, together("rack", of(0)), apart(zoneKey, of(0)), runsOn(0, 1, 1), runsOn(2, 1, 1))
	plan := solve(t, b.Snapshot, engine.Options{})
	if got := shape(b.Snapshot, plan); got != "1,1,1" {
		t.Fatalf("placed %s", got)
	}
	for _, d := range plan.Placements[0].Decisions {
		if d.Pool != 1 && (len(d.Nodes) != 1 || d.Nodes[0].Node != 1) {
			t.Errorf("pool %d: %+v; want it to stay on node 1", d.Pool, d.Nodes)
		}
	}
}
