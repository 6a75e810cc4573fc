package placement

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	testingclock "k8s.io/utils/clock/testing"

	"tradewind.dev/tradewind/pkg/planning/rounds"
	"tradewind.dev/tradewind/pkg/state/cluster"
)

// TestWork is about when work follows: how long it rests is the loop's, and tested there.
func TestWork(t *testing.T) {
	b := newBench(t)
	clock := b.clock.(*testingclock.FakeClock)
	b.nodes(aws("a1", "eu-west-1"))
	if b.asks(func() { b.Observe(t.Context(), &cluster.State{World: b.Planner.world.Load()}) }) {
		t.Error("a state with the same policies asks for a plan")
	}
	if !b.asks(b.Replan) || !b.urgent.Load() {
		t.Error("writers are not told of a pressing change")
	}
	if next := b.work(t.Context()); !next.At.IsZero() {
		t.Errorf("after a plan of everything: %+v", next)
	}

	// What pods ask for waits. A new workload does not, since its pods do not wait for its plan; nor do policies.
	made := len(b.rounds)
	b.pods("none", "a1", "500m", 1)
	if next := b.work(t.Context()); !next.At.Equal(clock.Now().Add(pace)) || len(b.rounds) != made {
		t.Errorf("a pod right after a plan: %d plans more, then %+v", len(b.rounds)-made, next)
	}
	b.deployment("new", 1, "500m")
	if next := b.work(t.Context()); !next.At.IsZero() || len(b.rounds) != made+1 {
		t.Errorf("a new workload right after a plan: %d plans more, then %+v", len(b.rounds)-made, next)
	}
	b.pods("none", "a1", "500m", 2)
	clock.Step(pace)
	if next := b.work(t.Context()); !next.At.IsZero() || len(b.rounds) != made+2 {
		t.Errorf("a pod, %v later: %d plans more, then %+v", pace, len(b.rounds)-made, next)
	}
	clock.Step(pace)

	// What was planned in part is planned as a whole in the end, though nothing else changes.
	b.policy("web", onlyAWS)
	b.deployment("web", 1, "500m")
	b.mustPlan()
	b.kept.updates, b.kept.since = 1, clock.Now()
	due := clock.Now().Add(wholeInterval)
	if next := b.work(t.Context()); !next.At.Equal(due) {
		t.Errorf("everything is planned at %v, not at %v", next.At, due)
	}
	made = len(b.rounds)
	clock.Step(wholeInterval)
	if next := b.work(t.Context()); !next.At.IsZero() || len(b.rounds) != made+1 {
		t.Errorf("after %v: %d plans more, then %+v", wholeInterval, len(b.rounds)-made, next)
	}
}

// TestSlowWrites: the rest after a round was four times what its writes waited for the API server, too, so that where that was slow a new
// workload had no Placement for most of a minute.
func TestSlowWrites(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(b *bench)
		writes time.Duration
	}{
		{"a new workload, which shares the machine of the other", func(b *bench) { b.deployment("new", 1, "500m") }, 3},
		{"one that has no place", func(b *bench) { b.deployment("new", 1, "500") }, 2},
		{"a change of one", func(b *bench) { b.deployment("web", 2, "500m") }, 1},
	} {
		b := newBench(t)
		b.nodes(aws("a1", "eu-west-1"))
		b.policy("web", onlyAWS)
		b.policy("new", onlyAWS)
		b.deployment("web", 1, "500m")
		b.mustPlan()
		c.change(b)
		b.slow = time.Second
		next := b.work(t.Context())
		if rested := next.NotBefore.Sub(b.clock.Now()); rested != c.writes*time.Second {
			t.Errorf("%s: the rest after %d writes of a second each is %v", c.name, c.writes, rested)
		}
	}
}

// TestStart checks that nothing is planned before policies are known, and then at once.
func TestStart(t *testing.T) {
	b := newBench(t)
	world := b.Planner.world.Swap(nil)
	b.nodes(aws("a1", "eu-west-1"))
	told := make(chan struct{}, 10)
	b.options.Listeners = []rounds.Listener{listener(func() { told <- struct{}{} })}
	b.Planner.clock = testingclock.NewFakeClock(time.Unix(0, 0))
	b.quiet()
	clock := b.clock.(*testingclock.FakeClock)
	ctx, cancel := context.WithCancel(t.Context())
	stopped := make(chan error, 1)
	go func() { stopped <- b.Start(ctx) }()
	for range 3 {
		for !clock.HasWaiters() {
			time.Sleep(time.Millisecond)
		}
		clock.Step(readInterval)
	}
	if len(told) > 0 {
		t.Error("planned without policies")
	}
	b.Observe(ctx, &cluster.State{World: world})
	for len(told) == 0 {
		clock.Step(readInterval)
		time.Sleep(time.Millisecond)
	}
	cancel()
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

type listener func()

func (l listener) Planned(context.Context, *rounds.Round) { l() }

// TestMetrics is about what Prometheus hears of a plan.
func TestMetrics(t *testing.T) {
	b := newBench(t)
	registry := prometheus.NewRegistry()
	for range 2 { // a second planner of the same process takes the place of the first
		if err := newPlanMetrics().register(registry); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.metrics.register(registry); err != nil {
		t.Fatal(err)
	}
	b.nodes(aws("a1", "eu-west-1"))
	b.policy("web", onlyAWS)
	b.deployment("web", 5, "900m")
	b.pods("web", "a1", "900m", 2)
	b.mustPlan()
	want := `
# HELP tradewind_placement_unplaced_replicas Number of replicas for which the plan has no place.
# TYPE tradewind_placement_unplaced_replicas gauge
tradewind_placement_unplaced_replicas 3
# HELP tradewind_placement_workloads Number of workloads that a Placement is kept for.
# TYPE tradewind_placement_workloads gauge
tradewind_placement_workloads 1
# HELP tradewind_placement_rounds_total Plans made, by result: planned (everything), updated (the workloads that a change concerns) or failed.
# TYPE tradewind_placement_rounds_total counter
tradewind_placement_rounds_total{result="planned"} 1
`
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want),
		"tradewind_placement_unplaced_replicas", "tradewind_placement_workloads", "tradewind_placement_rounds_total"); err != nil {
		t.Error(err)
	}
	if problems, err := testutil.GatherAndLint(registry); err != nil || len(problems) > 0 {
		t.Errorf("%v %v", problems, err)
	}
	if usd := testutil.ToFloat64(b.metrics.hourlyUSD.WithLabelValues("compute")); usd <= 0 {
		t.Errorf("the bill is %g", usd)
	}
}
