package engine_test

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/internal/verify"
	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/workload"
)

// measured makes the limits of a workload's calls demand measured figures.
func measured(w *engine.Workload) {
	for k := range w.Calls {
		w.Calls[k].Measured = true
	}
}

// TestMeasuredCalls says where a caller goes whose limit demands measured figures. Pool 0 is aws/us-east-1, 1 gcp/europe-west1, 2
// azure/westeurope, 3 scaleway/fr-par, of which all round trips are estimates.
func TestMeasuredCalls(t *testing.T) {
	const unmeasured = "at most 40 ms to shop/db by measured figures, and nobody measured the "
	for _, tt := range []struct {
		name     string
		measured bool
		web      v1alpha1.PolicySpec
		db       []v1alpha1.PolicySpec // of one workload each
		want     []int                 // pools of the caller
		conflict string                // begins the message and names the pair
		pair     string
	}{
		{name: "an estimate meets the limit", web: onlyCloud("gcp"), db: []v1alpha1.PolicySpec{onlyCloud("scaleway")}, want: []int{1}},
		{name: "and not where measured figures are demanded", measured: true, web: onlyCloud("gcp"), db: []v1alpha1.PolicySpec{onlyCloud("scaleway")},
			conflict: unmeasured, pair: "from gcp/europe-west1 to shop/db in scaleway/fr-par; a LatencyMap can give what is true"},
		{name: "measured figures meet it", measured: true, web: onlyCloud("gcp"), db: []v1alpha1.PolicySpec{onlyCloud("azure")}, want: []int{1}},
		{name: "what is documented of one region does", measured: true, db: []v1alpha1.PolicySpec{onlyCloud("scaleway")}, want: []int{3}},
		{name: "no figure at all", measured: true, web: onlyCloud("gcp"), db: []v1alpha1.PolicySpec{onlyCloud("acme")},
			conflict: "at most 40 ms to shop/db by measured figures, and nobody measured a round trip ", pair: "from gcp/europe-west1 to shop/db in acme/lux"},
	} {
		for _, objective := range []engine.Objective{engine.ObjectiveShares, engine.ObjectiveInvoice} {
			t.Run(tt.name+" by "+string(objective), func(t *testing.T) {
				b := newBuild(t)
				b.pool("scaleway", "fr-par", "fr-par-1", 0.25)
				b.pool("acme", "lux", "", 0.5)
				b.workload("web", 2, 500, b.policy(tt.web), calls("db", 10, 40))
				if tt.measured {
					measured(&b.Workloads[0])
				}
				for _, spec := range tt.db {
					b.workload("db", 1, 500, b.policy(spec))
				}
				solver, err := engine.NewSolver(b.Snapshot, engine.Options{Objective: objective})
				if err != nil {
					t.Fatal(err)
				}
				placement := solve(t, b.Snapshot, engine.Options{Objective: objective}).Placements[0]
				var got []int
				for _, d := range placement.Decisions {
					got = append(got, d.Pool)
				}
				if !slices.Equal(got, tt.want) {
					t.Errorf("on pools %v, want %v; %+v", got, tt.want, placement.Conflict)
				}
				if tt.conflict == "" {
					return
				}
				if c := placement.Conflict; c == nil || !strings.Contains(c.Message, tt.conflict) || !strings.Contains(c.Message, tt.pair) {
					t.Errorf("left out for %+v, want %q and %q", c, tt.conflict, tt.pair)
				}
				for _, r := range solver.Explain(0).Rejected {
					if r.Pool == 1 && (r.Rule != engine.RuleCall || !strings.Contains(r.Message, tt.pair)) {
						t.Errorf("pool 1 is rejected for %s: %s", r.Rule, r.Message)
					}
				}
			})
		}
	}
}

// TestMeasuredCallsGoToWhatWasMeasured: beside a nearer replica of which there is only an estimate, a call goes to the nearest one with a
// measured round trip, in the plan and in its bill.
func TestMeasuredCallsGoToWhatWasMeasured(t *testing.T) {
	b := newBuild(t)
	b.pool("scaleway", "fr-par", "fr-par-1", 0.25)
	b.workload("web", 1, 500, b.policy(onlyCloud("gcp")), calls("db", 10, 80))
	b.workload("db", 2, 500, func(w *engine.Workload) {
		w.Pins = []engine.Pin{{Replicas: 1, Pools: []int{0}}, {Replicas: 1, Pools: []int{3}}}
	})
	milliseconds := func() float64 {
		plan := solve(t, b.Snapshot, engine.Options{}) // which verify.Check recomputes
		d := plan.Placements[0].Decisions
		if len(d) != 1 || d[0].Pool != 1 {
			t.Fatalf("web is on %+v; %+v", d, plan.Placements[0].Conflict)
		}
		return d[0].LatencyMilliseconds
	}
	between := func(to int) float64 {
		return b.Snapshot.RoundTrips.Between(b.Snapshot.Pools[1].Class, b.Snapshot.Pools[to].Class).Milliseconds
	}
	if got := milliseconds(); got != between(3) {
		t.Errorf("%g ms, want those to Paris, %g", got, between(3))
	}
	b.Workloads[0].Calls[0].MaxMilliseconds = between(0) + 1
	measured(&b.Workloads[0])
	if got := milliseconds(); got != between(0) {
		t.Errorf("with measured figures %g ms, want those to Virginia, %g", got, between(0))
	}
}

// TestWhatRunsOverAnEstimateMoves: a demand that is new moves replicas that call over a pair of places that nobody measured, and leaves them
// where they are as long as it is not made.
func TestWhatRunsOverAnEstimateMoves(t *testing.T) {
	for _, demanded := range []bool{false, true} {
		b := newBuild(t)
		b.pool("scaleway", "fr-par", "fr-par-1", 0.25)
		b.workload("web", 2, 500, calls("db", 0, 40), func(w *engine.Workload) { w.Current = []engine.PoolReplicas{{Pool: 1, Replicas: 2}} })
		b.workload("db", 1, 500, b.policy(onlyCloud("scaleway")), func(w *engine.Workload) { w.Current = []engine.PoolReplicas{{Pool: 3, Replicas: 1}} })
		want := 1
		if demanded {
			measured(&b.Workloads[0])
			want = 3
		}
		plan := solve(t, b.Snapshot, byShares)
		if d := plan.Placements[0].Decisions; len(d) != 1 || d[0].Pool != want || d[0].Replicas != 2 {
			t.Errorf("demanded %t: web is on %+v, want pool %d; %+v", demanded, d, want, plan.Placements[0].Conflict)
		}
	}
}

// TestNoCallOverAnEstimate draws plans with limits that demand measured figures: no replica that may be elsewhere calls over a pair of
// places that nobody measured.
func TestNoCallOverAnEstimate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		snapshot := drawMeasured(t, bounds{pools: 6, nodes: 3, workloads: 6, replicas: 4, calls: true, survive: true, pins: true, current: true})
		plan, err := engine.Solve(snapshot, engine.Options{Objective: anyObjective(t)})
		if err != nil {
			t.Fatal(err)
		}
		check(t, snapshot, plan)
		at := map[workload.Key]*engine.Placement{}
		for i := len(snapshot.Workloads) - 1; i >= 0; i-- {
			at[workload.Key{Namespace: snapshot.Workloads[i].Namespace, Name: snapshot.Workloads[i].Name}] = plan.Placements[i]
		}
		for i := range snapshot.Workloads {
			w, placement := &snapshot.Workloads[i], plan.Placements[i]
			for k := range w.Calls {
				to := w.Calls[k].To
				if to.Namespace == "" {
					to.Namespace = w.Namespace
				}
				callee := at[to]
				if w.Calls[k].MaxMilliseconds == 0 || placement.Held != "" || callee == nil || callee == placement || len(callee.Decisions) == 0 {
					continue
				}
				for _, from := range placement.Decisions {
					if !slices.ContainsFunc(callee.Decisions, func(d engine.Decision) bool {
						a, b := snapshot.Pools[from.Pool].Class, snapshot.Pools[d.Pool].Class
						return snapshot.RoundTrips.Measured(a, b) && snapshot.RoundTrips.Between(a, b).Milliseconds <= w.Calls[k].MaxMilliseconds
					}) {
						t.Fatalf("%s calls %s from %s, where no measured round trip is within %g ms", w.Name, to, snapshot.Pools[from.Pool].Name, w.Calls[k].MaxMilliseconds)
					}
				}
			}
		}
	})
}

// TestMeasuredPlansAreBest compares plans of few workloads, whose calls' limits demand measured figures, with all plans that there are.
func TestMeasuredPlansAreBest(t *testing.T) {
	options := engine.Options{Objective: engine.ObjectiveShares}
	compared := 0
	rapid.Check(t, func(t *rapid.T) {
		snapshot := drawMeasured(t, bounds{pools: 4, nodes: 1, workloads: 3, replicas: 2, calls: true})
		for i := range snapshot.Pools { // room for all
			snapshot.Pools[i].MaxNodes = 0
			snapshot.Pools[i].Nodes = []engine.Node{{Free: engine.Resources{
				MilliCPU: 1 << 30, MemoryBytes: 1 << 50, GPUs: 1 << 20, Extended: map[string]int64{"pods": 1 << 20},
			}}}
		}
		for i := range snapshot.Workloads {
			w := &snapshot.Workloads[i]
			if w.Refused = 0; w.Rules != nil {
				w.Rules.Effective.Spread = slices.DeleteFunc(w.Rules.Effective.Spread, byHost)
			}
			for k := range w.Calls {
				w.Calls[k].CallerOnly = false
			}
		}
		best, possible := leastOfAll(snapshot, options)
		solver, err := engine.NewSolver(snapshot, options)
		if err != nil {
			t.Fatal(err)
		}
		plan := solver.Plan()
		check(t, snapshot, plan)
		if !possible {
			if plan.Unplaced == 0 {
				t.Fatal("everything is placed, which is impossible")
			}
			return
		}
		compared++
		again, err := solver.Update(0, snapshot.Workloads[0]) // whose bound is that of the relaxation, and no search's
		if err != nil {
			t.Fatal(err)
		}
		if again.Unplaced == 0 && again.LowerBoundUSD > best+1e-9 {
			t.Fatalf("after an update at least $%g; the least of all plans is $%g", again.LowerBoundUSD, best)
		}
		if plan.Unplaced > 0 || plan.LowerBoundUSD > best+1e-9 || plan.Total() > best*1.01+1e-9 || plan.Total() < best-1e-9 {
			t.Fatalf("%d unplaced, $%g, at least $%g; the least of all plans is $%g", plan.Unplaced, plan.Total(), plan.LowerBoundUSD, best)
		}
	})
	if compared == 0 {
		t.Error("no plan was compared")
	}
}

// leastOfAll is what the best of all plans costs that place everything and keep every rule.
func leastOfAll(snapshot *engine.Snapshot, options engine.Options) (least float64, possible bool) {
	plan := &engine.Plan{Pools: make([]engine.PoolUse, len(snapshot.Pools))}
	where := make([][]engine.Decision, len(snapshot.Workloads))
	for range snapshot.Workloads {
		plan.Placements = append(plan.Placements, &engine.Placement{})
	}
	var try func(i, pool, left int)
	try = func(i, pool, left int) {
		switch {
		case i == len(where):
			for k := range where {
				plan.Placements[k].Decisions = where[k]
			}
			for _, v := range verify.Check(snapshot, plan, options) {
				if v.Rule != "bill" && v.Rule != "shape" && v.Rule != "bound" { // figures are not filled in
					return
				}
			}
			bill := verify.Bill(snapshot, where, options)
			if usd := options.Objective.Total(&bill); !possible || usd < least {
				least, possible = usd, true
			}
		case left == 0:
			next := 0
			if i+1 < len(where) {
				next = snapshot.Workloads[i+1].Replicas
			}
			try(i+1, 0, next)
		case pool < len(snapshot.Pools):
			before := where[i]
			for n := range left + 1 {
				if n > 0 {
					where[i] = append(slices.Clip(before), engine.Decision{Pool: pool, Replicas: n, Nodes: []engine.NodeReplicas{{Replicas: n}}})
				}
				try(i, pool+1, left-n)
			}
			where[i] = before
		}
	}
	try(0, 0, snapshot.Workloads[0].Replicas)
	return least, possible
}

// drawMeasured draws a snapshot in which all calls have limits that demand measured figures, over places of which half have none.
func drawMeasured(t *rapid.T, b bounds) *engine.Snapshot {
	b.places = []randomPlace{
		{"aws", "eu-west-1", "eu-west-1a"}, {"gcp", "europe-west1", "europe-west1-b"}, {"scaleway", "fr-par", "fr-par-1"}, {"hetzner", "fsn1", ""},
	}
	snapshot := randomSnapshot(t, b)
	for i := range snapshot.Workloads {
		measured(&snapshot.Workloads[i])
		for k := range snapshot.Workloads[i].Calls {
			snapshot.Workloads[i].Calls[k].MaxMilliseconds = float64(rapid.SampledFrom([]int{5, 30, 60}).Draw(t, "most"))
		}
	}
	return snapshot
}
