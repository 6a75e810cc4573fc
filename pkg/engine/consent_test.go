package engine_test

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"tradewind.dev/tradewind/pkg/engine"
)

// callerOnly makes all calls of a workload its own.
func callerOnly(w *engine.Workload) {
	for k := range w.Calls {
		w.Calls[k].CallerOnly = true
	}
}

// foreign puts a workload into another namespace, from which it calls those of the shop.
func foreign(w *engine.Workload) {
	w.Namespace = "others"
	for k := range w.Calls {
		w.Calls[k].To.Namespace = "shop"
	}
}

// A call that the callee's side has not agreed to draws the caller alone, however great its rate and small its limit.
func TestCallsThatAreNotAgreed(t *testing.T) {
	azure := onlyCloud("azure")
	for _, tt := range []struct {
		name     string
		caller   []func(b *build) func(*engine.Workload)
		agreed   bool
		callee   int // the last pool with a replica
		callerAt int // pool; -1 for nowhere
	}{
		{name: "agreed, a great rate moves the callee", agreed: true, callee: 2, callerAt: 2, caller: []func(*build) func(*engine.Workload){
			func(*build) func(*engine.Workload) { return calls("data", 1e6, 0) }, func(b *build) func(*engine.Workload) { return b.policy(azure) }}},
		{name: "a great rate moves nobody who must stay", callee: 0, callerAt: 2, caller: []func(*build) func(*engine.Workload){
			func(*build) func(*engine.Workload) { return calls("data", 1e6, 0) }, func(b *build) func(*engine.Workload) { return b.policy(azure) }}},
		{name: "a great rate moves the caller", callee: 0, callerAt: 0, caller: []func(*build) func(*engine.Workload){
			func(*build) func(*engine.Workload) { return calls("data", 1e6, 0) }}},
		{name: "agreed, a limit moves the callee", agreed: true, callee: 2, callerAt: 2, caller: []func(*build) func(*engine.Workload){
			func(*build) func(*engine.Workload) { return calls("data", 0, 1) }, func(b *build) func(*engine.Workload) { return b.policy(azure) }}},
		{name: "a limit leaves the caller out", callee: 0, callerAt: -1, caller: []func(*build) func(*engine.Workload){
			func(*build) func(*engine.Workload) { return calls("data", 0, 1) }, func(b *build) func(*engine.Workload) { return b.policy(azure) }}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBuild(t)
			b.workload("data", 2, 1000)
			var change []func(*engine.Workload)
			for _, c := range tt.caller {
				change = append(change, c(b))
			}
			change = append(change, foreign)
			if !tt.agreed {
				change = append(change, callerOnly)
			}
			b.workload("web", 2, 1000, change...)
			plan := solve(t, b.Snapshot, byShares)
			at := func(i int) int {
				if len(plan.Placements[i].Decisions) == 0 {
					return -1
				}
				d := plan.Placements[i].Decisions
				return d[len(d)-1].Pool
			}
			if at(0) != tt.callee || at(1) != tt.callerAt {
				t.Errorf("callee on %d, caller on %d; want %d and %d", at(0), at(1), tt.callee, tt.callerAt)
			}
		})
	}
}

// Whoever makes no such call is placed exactly as if nobody did, and pays the same, but for what it calls itself.
func TestCallsThatAreNotAgreedMoveNobodyElse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		snapshot := randomSnapshot(t, bounds{pools: 6, nodes: 4, workloads: 6, replicas: 5, calls: true, survive: true, pins: true, current: true})
		without := *snapshot
		without.Workloads = slices.Clone(snapshot.Workloads)
		followers := map[string]bool{}
		for i := range snapshot.Workloads {
			w := &snapshot.Workloads[i]
			var agreed []engine.Call
			for k := range w.Calls {
				if w.Calls[k].CallerOnly = rapid.Bool().Draw(t, "alone"); w.Calls[k].CallerOnly {
					followers[w.Name] = true
				} else {
					agreed = append(agreed, w.Calls[k])
				}
			}
			without.Workloads[i].Calls = agreed
		}
		with, err := engine.Solve(snapshot, engine.Options{})
		if err != nil {
			t.Fatal(err)
		}
		check(t, snapshot, with)
		as, err := engine.Solve(&without, engine.Options{})
		if err != nil {
			t.Fatal(err)
		}
		for i := range snapshot.Workloads {
			w := &snapshot.Workloads[i]
			if followers[w.Name] {
				continue
			}
			a, b := with.Placements[i], as.Placements[i]
			if !reflect.DeepEqual(replicasOf(a), replicasOf(b)) {
				t.Fatalf("%s: %v with others' calls, %v without", w.Name, replicasOf(a), replicasOf(b))
			}
			callsFollower := slices.ContainsFunc(w.Calls, func(c engine.Call) bool { return followers[c.To.Name] })
			if !callsFollower && a.Bill != b.Bill {
				t.Fatalf("%s: $%g with others' calls, $%g without", w.Name, a.Bill.Total(), b.Bill.Total())
			}
		}
	})
}

// replicasOf are the replicas of a placement by pool.
func replicasOf(p *engine.Placement) map[int]int {
	out := map[int]int{}
	for k := range p.Decisions {
		out[p.Decisions[k].Pool] = p.Decisions[k].Replicas
	}
	return out
}

// A chain of such calls is followed from its end, whatever the order of the workloads.
func TestChainsOfCallsThatAreNotAgreed(t *testing.T) {
	for range 10 {
		b := newBuild(t)
		names := []string{"a", "b", "c", "d"}
		build := map[string]func(){
			"a": func() { b.workload("a", 1, 500, calls("b", 1e5, 1), callerOnly) },
			"b": func() { b.workload("b", 1, 500, calls("c", 1e5, 1), callerOnly) },
			"c": func() { b.workload("c", 1, 500, calls("d", 1e5, 1), callerOnly) },
			"d": func() { b.workload("d", 1, 500, b.policy(eu)) },
		}
		rand.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
		for _, name := range names {
			build[name]()
		}
		plan := solve(t, b.Snapshot, engine.Options{})
		for i, p := range plan.Placements {
			if p.Unplaced > 0 || p.Decisions[0].Pool != 1 {
				t.Fatalf("order %v: %s on %v, want all on pool 1", names, b.Workloads[i].Name, replicasOf(p))
			}
		}
	}
}
