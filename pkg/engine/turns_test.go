package engine_test

import (
	"fmt"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/engine/enginetest"
	"tradewind.dev/tradewind/pkg/pricing"
)

func in(namespace string) func(*engine.Workload) {
	return func(w *engine.Workload) { w.Namespace = namespace }
}

func runs(pool, replicas int) func(*engine.Workload) {
	return func(w *engine.Workload) {
		w.Current = append(w.Current, engine.PoolReplicas{Pool: pool, Replicas: replicas})
	}
}

func priority(value int32) func(*engine.Workload) {
	return func(w *engine.Workload) { w.Priority = value }
}

// TestTurns says how many replicas of each workload are placed where there is too little room. The pools have six nodes of 4
// CPUs, the cheapest two on pool 0.
func TestTurns(t *testing.T) {
	const greedy = 100_000
	for _, tt := range []struct {
		name  string
		build func(b *build)
		want  []int
		first int // pool of the first workload, -1 for any
	}{
		{"a greedy namespace pushes nobody out of the cheap room", func(b *build) {
			b.workload("web", 4, 2000).workload("batch", greedy, 2000, in("greedy"))
		}, []int{4, 8}, 0},
		{"in many pieces", func(b *build) {
			b.workload("web", 4, 2000)
			for i := range 10 {
				b.workload(fmt.Sprintf("batch%d", i), greedy/10, 2000, in("greedy"))
			}
		}, []int{4, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0}, 0},
		{"two of them share what others leave", func(b *build) {
			b.workload("web", 2, 2000).workload("batch", greedy, 2000, in("greedy")).workload("batch", greedy/10, 2000, in("too"))
		}, []int{2, 5, 5}, 0},
		{"the excess takes what others leave", func(b *build) {
			b.workload("web", 1, 2000).workload("batch", greedy, 2000, in("greedy"))
		}, []int{1, 11}, 0},
		{"running replicas keep their room", func(b *build) {
			b.workload("web", 12, 2000).workload("batch", greedy, 2000, in("greedy"), runs(0, 4), runs(1, 4))
		}, []int{4, 8}, 2},
		{"a higher priority comes first", func(b *build) {
			b.workload("web", 12, 2000).workload("batch", greedy, 2000, in("urgent"), priority(1000))
		}, []int{0, 12}, -1},
		{"and its equals are not harmed by the lower", func(b *build) {
			b.workload("web", 6, 2000, priority(1000)).workload("batch", greedy, 2000, in("greedy"))
		}, []int{6, 6}, 0},
		{"and takes the room of those that run", func(b *build) {
			b.workload("web", 12, 2000, runs(0, 4), runs(1, 4), runs(2, 4)).workload("pay", 3, 2000, in("urgent"), priority(1000))
		}, []int{9, 3}, -1},
		{"unless it preempts nobody", func(b *build) {
			b.workload("web", 11, 2000, runs(0, 4), runs(1, 4), runs(2, 3)).workload("pay", 3, 2000, in("urgent"), priority(1000), func(w *engine.Workload) { w.PreemptsNobody = true })
		}, []int{11, 1}, -1},
		{"a higher priority finds the lower one that it has affinity to", func(b *build) {
			b.workload("web", 2, 2000, priority(1000), together(zoneKey, of(1))).workload("cache", 1, 2000).workload("batch", greedy, 2000, in("greedy"))
		}, []int{2, 1, 9}, -1},
		{"also in a namespace that asks for too much", func(b *build) {
			b.workload("web", 2, 2000, priority(1000), together(zoneKey, of(1))).workload("cache", 30, 2000, in("greedy")).workload("batch", greedy, 2000, in("greedy"))
		}, []int{2, 5, 5}, -1},
		{"replicas that cannot run take no room", func(b *build) {
			b.workload("web", 12, 2000).workload("batch", greedy, 2000, in("greedy"), func(w *engine.Workload) {
				w.Refused, w.RefusedBy = greedy-2, "ResourceQuota greedy/small leaves room for 2 more"
			})
		}, []int{10, 2}, -1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBuild(t)
			tt.build(b)
			plan := solve(t, b.Snapshot, engine.Options{})
			var got []int
			for i, p := range plan.Placements {
				got = append(got, b.Workloads[i].Replicas-p.Unplaced)
			}
			if !reflect.DeepEqual(got, tt.want) {
				t.Fatalf("got %v placed, want %v", got, tt.want)
			}
			if first := plan.Placements[0]; tt.first >= 0 && first.Decisions[0].Pool != tt.first {
				t.Errorf("the first workload is on %v", replicasOf(first))
			}
		})
	}
}

func TestRefusedReplicasSayWhy(t *testing.T) {
	b := newBuild(t)
	b.workload("web", 3, 1000, func(w *engine.Workload) { w.Refused, w.RefusedBy = 2, "the quota is used up" })
	p := solve(t, b.Snapshot, engine.Options{}).Placements[0]
	if p.Unplaced != 2 || p.Conflict.Rules[0].Rule != engine.RuleQuota || p.Conflict.Message != "the quota is used up" {
		t.Errorf("got %d unplaced: %+v", p.Unplaced, p.Conflict)
	}
}

// Whatever one namespace asks for: every other one whose demand fits its part of the room that it may use is placed whole, and
// where that is so of all others, all of them are placed as if the one asked for nothing, at the same bill; where whole machines are
// minimised they may share other machines then.
func TestExcessHarmsNobodyElse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		snapshot := &engine.Snapshot{RoundTrips: w.RoundTrips, Egress: w.Prices}
		for i := range rapid.IntRange(2, 5).Draw(t, "pools") {
			snapshot.Pools = append(snapshot.Pools, alikePool(t, w, i))
		}
		parts := rapid.IntRange(1, 4).Draw(t, "namespaces")
		for i := range parts {
			for k := range rapid.IntRange(1, 3).Draw(t, "workloads") {
				name := fmt.Sprintf("w%d", k)
				snapshot.Workloads = append(snapshot.Workloads, alikeWorkload(t, w, fmt.Sprintf("n%d", i), name, rapid.IntRange(0, 12).Draw(t, "replicas")))
			}
		}
		all := *snapshot
		all.Workloads = slices.Clone(snapshot.Workloads)
		greedy := rapid.SampledFrom([]int{1_000, 100_000, 1 << 24}).Draw(t, "greedy")
		for k := range rapid.IntRange(1, 3).Draw(t, "pieces") {
			all.Workloads = append(all.Workloads, alikeWorkload(t, w, "greedy", fmt.Sprintf("w%d", k), greedy))
		}
		options := quick
		options.Objective = anyObjective(t)
		without, err := engine.Solve(snapshot, options)
		if err != nil {
			t.Fatal(err)
		}
		with, err := engine.Solve(&all, options)
		if err != nil {
			t.Fatal(err)
		}
		check(t, &all, with)
		alike := options.Objective == engine.ObjectiveShares
		everybody := without.Unplaced == 0
		for i := range parts {
			everybody = everybody && withinShare(snapshot, fmt.Sprintf("n%d", i), parts+1)
		}
		for i := range snapshot.Workloads {
			of, a, b := &snapshot.Workloads[i], with.Placements[i], without.Placements[i]
			if withinShare(snapshot, of.Namespace, parts+1) && a.Unplaced > b.Unplaced {
				t.Fatalf("%s/%s: %d unplaced beside %d replicas of another namespace, %d without", of.Namespace, of.Name, a.Unplaced, greedy, b.Unplaced)
			}
			if everybody && alike && (!reflect.DeepEqual(replicasOf(a), replicasOf(b)) || a.Bill != b.Bill) {
				t.Fatalf("%s/%s: %v for $%g beside %d replicas of another namespace, %v for $%g without", of.Namespace, of.Name,
					replicasOf(a), a.Bill.Total(), greedy, replicasOf(b), b.Bill.Total())
			}
		}
	})
}

// alikePool has nodes of one size, so that what is a fair part can be said in CPUs.
func alikePool(t *rapid.T, w *enginetest.World, i int) engine.Pool {
	at := rapid.SampledFrom(randomPlaces).Draw(t, "place")
	class := w.Class(at.cloud, at.region, at.zone, "test.large", v1alpha1.CapacityOnDemand)
	size := engine.Resources{MilliCPU: alikeNode, MemoryBytes: alikeNode << 22}
	pool := engine.Pool{
		Name: fmt.Sprintf("p%d", i), Class: class, Labels: class.Labels, Allocatable: size,
		Price: pricing.Price{USD: float64(rapid.IntRange(5, 60).Draw(t, "cents")) / 100, Known: true},
	}
	for j := range rapid.IntRange(2, 10).Draw(t, "nodes") {
		pool.Nodes = append(pool.Nodes, engine.Node{Name: fmt.Sprintf("n%d", j), Free: size})
	}
	pool.MaxNodes = rapid.IntRange(0, 12).Draw(t, "maxNodes")
	return pool
}

const alikeNode = 4000

// quick searches are long enough for small plans.
var quick = engine.Options{Rounds: 60}

func alikeWorkload(t *rapid.T, w *enginetest.World, namespace, name string, replicas int) engine.Workload {
	cpu := int64(rapid.SampledFrom([]int{500, 1000, 2000}).Draw(t, "cpu"))
	out := engine.Workload{
		Namespace: namespace, Name: name, Kind: "Deployment", Replicas: replicas, Request: engine.Resources{MilliCPU: cpu, MemoryBytes: cpu << 22},
	}
	if rapid.IntRange(0, 2).Draw(t, "limited") == 0 {
		out.Rules = w.Rules(rapid.SampledFrom([]v1alpha1.PolicySpec{eu, onlyCloud("aws"), onlyCloud("gcp")}).Draw(t, "policy"))
	}
	return out
}

// withinShare says whether each workload of a namespace could have what the whole namespace asks for in one part of so many of
// the pools that it may use, with a replica on each node to spare for what does not fit.
func withinShare(snapshot *engine.Snapshot, namespace string, parts int) bool {
	asked := int64(0)
	for i := range snapshot.Workloads {
		if w := &snapshot.Workloads[i]; w.Namespace == namespace {
			asked += int64(w.Replicas) * w.Request.MilliCPU
		}
	}
	for i := range snapshot.Workloads {
		w := &snapshot.Workloads[i]
		if w.Namespace != namespace || w.Replicas == 0 {
			continue
		}
		room := int64(0)
		for p := range snapshot.Pools {
			pool := &snapshot.Pools[p]
			if w.Rules == nil || w.Rules.Static(pool.Class).Allowed() {
				room += int64(max(len(pool.Nodes), pool.MaxNodes)) * alikeNode
			}
		}
		if asked > room/int64(parts)-2000 {
			return false
		}
	}
	return true
}

// A million replicas are planned beside 500 workloads, of which some must survive losses, with the work of one row: to try places
// for each of them, again and again, would not end.
func TestExcessIsOneRow(t *testing.T) {
	snapshot := production(t, 50, 500, 0.8, 0)
	alone := solve(t, snapshot, engine.Options{})
	snapshot.Workloads = append(snapshot.Workloads, engine.Workload{
		Namespace: "greedy", Name: "batch", Kind: "Deployment", Replicas: 1_000_000, Request: engine.Resources{MilliCPU: 500, MemoryBytes: gib},
	})
	plan := solve(t, snapshot, engine.Options{})
	for i, p := range plan.Placements[:500] {
		if p.Unplaced > alone.Placements[i].Unplaced {
			t.Errorf("%s: %d unplaced, and %d without the excess", snapshot.Workloads[i].Name, p.Unplaced, alone.Placements[i].Unplaced)
		}
	}
}
