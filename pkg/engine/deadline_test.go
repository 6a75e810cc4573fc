package engine_test

import (
	"fmt"
	"math"
	"reflect"
	"runtime"
	"slices"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"tradewind.dev/tradewind/internal/verify"
	"tradewind.dev/tradewind/pkg/engine"
)

// stopping says that the time is up from the question number k on, and counts the questions.
func stopping(k int, asked *int) func() bool {
	*asked = 0
	return func() bool { *asked++; return *asked > k }
}

// inForce is a snapshot in which everything runs on the nodes that a plan says, and those that it adds are there.
func inForce(snapshot *engine.Snapshot, plan *engine.Plan) *engine.Snapshot {
	out := running(snapshot, plan)
	out.Pools = slices.Clone(out.Pools)
	for i := range out.Workloads {
		w := &out.Workloads[i]
		w.RunsOn = nil
		for _, d := range plan.Placements[i].Decisions {
			for _, on := range d.Nodes {
				w.RunsOn = append(w.RunsOn, engine.PodsAt{Pool: d.Pool, Node: on.Node, Pods: on.Replicas})
				pool := &out.Pools[d.Pool]
				for pool.Nodes = slices.Clone(pool.Nodes); len(pool.Nodes) <= on.Node; {
					pool.Nodes = append(pool.Nodes, engine.Node{Name: fmt.Sprintf("added%d", len(pool.Nodes)), Free: without(pool.Allocatable, pool.Daemons)})
				}
			}
		}
	}
	return out
}

// without is what daemons leave of a node.
func without(all, daemons engine.Resources) engine.Resources {
	all.MilliCPU -= daemons.MilliCPU
	all.MemoryBytes -= daemons.MemoryBytes
	all.GPUs -= daemons.GPUs
	left := map[string]int64{}
	for name, v := range all.Extended {
		left[name] = v - daemons.Extended[name]
	}
	all.Extended = left
	return all
}

// TestStoppedAtAnyQuestion stops the search at every question up to some: each plan keeps every rule, and says that it stopped, and so do
// those whose time is known to run out.
func TestStoppedAtAnyQuestion(t *testing.T) {
	defer engine.PlaceAtLeast(0)()
	rapid.Check(t, func(t *rapid.T) {
		snapshot := randomSnapshot(t, everything)
		objective, step := anyObjective(t), rapid.IntRange(2, 5).Draw(t, "step")
		whole, err := engine.Solve(snapshot, engine.Options{Objective: objective})
		if err != nil {
			t.Fatal(err)
		}
		bound := func(plan *engine.Plan) {
			if plan.Unplaced+whole.Unplaced == 0 && plan.LowerBoundUSD > whole.Total()*(1+1e-9)+1e-9 {
				t.Errorf("a plan that stopped is said to cost $%g at least, and one that did not costs $%g", plan.LowerBoundUSD, whole.Total())
			}
		}
		asked := 0
		for k := rapid.IntRange(0, step).Draw(t, "first"); k <= 30; k += step {
			plan, err := engine.Solve(snapshot, engine.Options{Objective: objective, Expired: stopping(k, &asked)})
			if err != nil {
				t.Fatal(err)
			}
			if check(t, snapshot, plan); asked <= k {
				break
			}
			bound(plan)
			for i, placement := range plan.Placements {
				if placement.Unplaced > 0 && placement.Conflict.Message == "" {
					t.Errorf("stopped at question %d: workload %d is not placed, and it is not said why", k, i)
				}
			}
			used := 0
			plan, err = engine.Solve(snapshot, engine.Options{Objective: objective, Used: func() float64 { used++; return float64(used) / float64(k+1) }})
			if err != nil {
				t.Fatal(err)
			}
			bound(plan)
			if check(t, snapshot, plan); used > k && !plan.Stopped {
				t.Errorf("the time was up at question %d of %d, and the plan does not say that it stopped", k, used)
			}
		}
	})
}

// TestWhatRunsKeepsItsPlace adds workloads to those that run where a plan has them: whenever the search is stopped, all that run have a
// place. A limit of a call that is the caller's alone binds it as soon as what it calls is there, wherever that is: such calls to what is added
// are left out.
func TestWhatRunsKeepsItsPlace(t *testing.T) {
	defer engine.PlaceAtLeast(0)()
	bounds := everything
	bounds.workloads, bounds.current = 4, false
	rapid.Check(t, func(t *rapid.T) {
		snapshot := randomSnapshot(t, bounds)
		for i := range snapshot.Workloads {
			snapshot.Workloads[i].Priority = 1000
			snapshot.Workloads[i].Calls = slices.DeleteFunc(snapshot.Workloads[i].Calls, func(call engine.Call) bool {
				there := slices.ContainsFunc(snapshot.Workloads, func(w engine.Workload) bool { return w.Name == call.To.Name })
				return call.CallerOnly && call.MaxMilliseconds > 0 && !there
			})
		}
		before := sound(t, snapshot)
		snapshot = inForce(snapshot, before)
		old, w := len(snapshot.Workloads), newWorld(t)
		w.RoundTrips = snapshot.RoundTrips
		for range rapid.IntRange(1, 4).Draw(t, "new") {
			next := randomWorkload(t, w, snapshot, len(snapshot.Workloads), bounds)
			next.PodRules, next.Priority = nil, 0
			snapshot.Workloads = append(snapshot.Workloads, next)
		}
		asked, step := 0, rapid.IntRange(2, 5).Draw(t, "step")
		for k := rapid.IntRange(0, step).Draw(t, "first"); k <= 24; k += step {
			plan, err := engine.Solve(snapshot, engine.Options{Expired: stopping(k, &asked)})
			if err != nil {
				t.Fatal(err)
			}
			if check(t, snapshot, plan); asked <= k {
				break
			}
			for i := range old {
				if more := plan.Placements[i].Unplaced - before.Placements[i].Unplaced; more > 0 {
					t.Fatalf("stopped at question %d: %d replicas of workload %d run and have no place: %s", k, more, i, plan.Placements[i].Conflict.Message)
				}
			}
		}
	})
}

// TestWhatWasNotLookedAt says of workloads that the deadline ended the search, and not that there is no place.
func TestWhatWasNotLookedAt(t *testing.T) {
	defer engine.PlaceAtLeast(0)()
	b := newBuild(t).workload("runs", 3, 1000, func(w *engine.Workload) { w.Current = []engine.PoolReplicas{{Pool: 1, Replicas: 3}} }).workload("new", 2, 1000)
	plan := solve(t, b.Snapshot, engine.Options{Expired: func() bool { return true }})
	runs, added := plan.Placements[0], plan.Placements[1]
	if !plan.Stopped || runs.Unplaced != 0 || runs.Moves != 0 {
		t.Errorf("stopped %t, what runs is %+v", plan.Stopped, runs)
	}
	if added.Unplaced != 2 || added.Conflict.Message != engine.NotLookedAt {
		t.Errorf("what was added is %+v, %+v", added, added.Conflict)
	}
}

// TestStoppedPlansHaveABound holds that the bound says something of a plan for which no time was left to compute it well.
func TestStoppedPlansHaveABound(t *testing.T) {
	b := newBuild(t).workload("a", 2, 1000).workload("b", 2, 1000)
	for _, objective := range []engine.Objective{engine.ObjectiveShares, engine.ObjectiveInvoice} {
		plan := solve(t, b.Snapshot, engine.Options{Objective: objective, Expired: func() bool { return true }})
		if plan.Unplaced > 0 || plan.LowerBoundUSD <= 0 {
			t.Errorf("by %s: the plan of $%g, %d replicas without a place, is said to cost $%g at least", objective, plan.Total(), plan.Unplaced, plan.LowerBoundUSD)
		}
	}
}

// TestHalfOfTheTime plans with half and a fifth of the time that the search needs, a look at the clock taken as a unit of it: as many have a
// place, and the plan is little dearer, and known to be.
func TestHalfOfTheTime(t *testing.T) {
	for _, objective := range []engine.Objective{engine.ObjectiveShares, engine.ObjectiveInvoice} {
		snapshot, looks := production(t, 50, 1000, 0.6, 0), 0
		whole := solve(t, snapshot, engine.Options{Objective: objective, Used: func() float64 { looks++; return 0 }})
		for _, part := range []int{2, 5} {
			looked := 0
			plan := solve(t, snapshot, engine.Options{Objective: objective, Used: func() float64 { looked++; return float64(looked) / float64(looks/part) }})
			t.Logf("by %s, 1/%d of %d looks at the clock: %d, $%.2f instead of $%.2f, gap %.2f %% instead of %.2f %%", objective, part, looks, looked,
				plan.Total(), whole.Total(), plan.GapPercent, whole.GapPercent)
			if !plan.Stopped || plan.Unplaced > whole.Unplaced || plan.Total() > 1.1*whole.Total() || plan.GapPercent > whole.GapPercent+15 {
				t.Errorf("by %s with 1/%d of the time: stopped %t, %d replicas without a place instead of %d, $%.2f instead of $%.2f, gap %.2f %% instead of %.2f %%",
					objective, part, plan.Stopped, plan.Unplaced, whole.Unplaced, plan.Total(), whole.Total(), plan.GapPercent, whole.GapPercent)
			}
		}
	}
}

// TestSharesOfLosses holds that losses planned at the same time may take the time of all that come after them together, and no more.
func TestSharesOfLosses(t *testing.T) {
	b := newBuild(t).workload("a", 2, 1000)
	plan := solve(t, b.Snapshot, engine.Options{})
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
	for _, tt := range []struct {
		losses int
		want   []float64
	}{{1, []float64{1}}, {2, []float64{1, 1}}, {3, []float64{0.67, 0.67, 1}}, {4, []float64{0.5, 0.5, 1, 1}}} {
		lost, got, guard := make([]func(int) bool, tt.losses), []float64{}, sync.Mutex{}
		for k := range lost {
			lost[k] = func(int) bool { return false }
		}
		err := engine.EachLoss(b.Snapshot, plan, lost, func(share float64) engine.Options {
			guard.Lock()
			defer guard.Unlock()
			got = append(got, math.Round(100*share)/100)
			return engine.Options{}
		}, func(int, engine.Degraded) {})
		if slices.Sort(got); err != nil || !slices.Equal(got, tt.want) {
			t.Errorf("%d losses on two processors may take %v of the time that is left, want %v (%v)", tt.losses, got, tt.want, err)
		}
	}
}

// TestFewWorkloadsAreAlwaysPlaced places what is few whatever the deadline.
func TestFewWorkloadsAreAlwaysPlaced(t *testing.T) {
	plan := solve(t, newBuild(t).workload("a", 2, 1000).workload("b", 2, 1000).Snapshot, engine.Options{Expired: func() bool { return true }})
	if !plan.Stopped || plan.Unplaced != 0 {
		t.Errorf("stopped %t, %d replicas without a place", plan.Stopped, plan.Unplaced)
	}
}

// TestLossesAtOnce plans losses at the same time: each is what it is by itself.
func TestLossesAtOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		snapshot := randomSnapshot(t, everything)
		plan := sound(t, snapshot)
		var lost []func(pool int) bool
		for _, cloud := range []string{"aws", "gcp", "azure", "acme"} {
			lost = append(lost, func(pool int) bool { return snapshot.Pools[pool].Class.Location.Cloud == cloud })
		}
		got := make([]engine.Degraded, len(lost))
		err := engine.EachLoss(snapshot, plan, lost, func(float64) engine.Options { return engine.Options{} }, func(k int, left engine.Degraded) { got[k] = left })
		if err != nil {
			t.Fatal(err)
		}
		for k := range lost {
			want, err := engine.NewLossSolver(snapshot, plan, lost[k], engine.Options{})
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range verify.Check(got[k].Snapshot, got[k].Plan(), engine.Options{}) {
				t.Error(v)
			}
			if !reflect.DeepEqual(got[k].Plan(), want.Plan()) || !slices.Equal(got[k].Workloads, want.Workloads) {
				t.Errorf("loss %d is another one beside others", k)
			}
		}
	})
}
