package main

import (
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"sync"
	"time"

	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/engine/enginetest"
)

// deadlinePath is a way that the search takes through the engine: what is planned, by what, and whether the losses of its plan are what
// is timed.
type deadlinePath struct {
	name     string
	snapshot func() (*engine.Snapshot, error)
	options  engine.Options
	losses   bool
}

func deadlinePaths() []deadlinePath {
	production := func(size enginetest.Size) func() (*engine.Snapshot, error) {
		return func() (*engine.Snapshot, error) { return enginetest.Production(size) }
	}
	large := production(enginetest.Size{Pools: 500, Workloads: 10_000, Share: share})
	byShares := engine.Options{Objective: engine.ObjectiveShares}
	return []deadlinePath{
		{"10,000 workloads by invoice", large, byInvoice, false},
		{"10,000 workloads by shares", large, byShares, false},
		{"a tenth of that by invoice", production(enginetest.Size{Pools: 100, Workloads: 1000, Share: share}), byInvoice, false},
		{"with calls", production(enginetest.Size{Pools: 200, Workloads: 4000, Calls: 1, Share: share}), byInvoice, false},
		{"few with calls", production(enginetest.Size{Pools: 50, Workloads: 200, Calls: 1, Share: share}), byInvoice, false},
		{"losses of 4,000 workloads", production(enginetest.Size{Pools: 500, Workloads: 4000, Share: share}), byInvoice, true},
		{"too little room", production(enginetest.Size{Pools: 200, Workloads: 4000, Share: 1.4}), byInvoice, false},
		{"10,000 replicas of one", func() (*engine.Snapshot, error) { return many(10_000) }, byInvoice, false},
		{"a small one", production(enginetest.Size{Pools: 20, Workloads: 14, Share: share}), byInvoice, false},
	}
}

// deadlineParts are the shares of the time that a whole search takes which are allowed.
var deadlineParts = []float64{1, 0.5, 0.1}

// deadlines plans several snapshots with deadlines that end the search on each of its paths, and says by how much of its deadline the
// slowest was late: of those that a plan can be made in at all, and of those before which not even that is done which is always done. It
// also says how good plans are for which half of the time was allowed, and for how much of a deadline nobody looked at the clock.
func deadlines() error {
	worst, below, gap, longest := 0.0, 0.0, 0.0, 0.0
	for _, path := range deadlinePaths() {
		snapshot, err := path.snapshot()
		if err != nil {
			return err
		}
		whole, err := path.middle(snapshot, 0)
		if err != nil {
			return err
		}
		floor, err := path.middle(snapshot, 1)
		if err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "%s: %.3f s, and %.3f s at least, gap %.2f %%\n", path.name, whole.took.Seconds(), floor.took.Seconds(), whole.gap)
		for _, part := range deadlineParts {
			deadline := time.Duration(float64(whole.took) * part)
			got, err := path.middle(snapshot, deadline)
			if err != nil {
				return err
			}
			late := (got.took.Seconds()/deadline.Seconds() - 1) * 100
			fmt.Fprintf(os.Stderr, "  %.3f s for a deadline of %.3f s (%.1f %% late), stopped %t, %d unplaced of %d, gap %.2f %%, total $%.2f of $%.2f; unlooked at: %s\n",
				got.took.Seconds(), deadline.Seconds(), late, got.stopped, got.unplaced, whole.unplaced, got.gap, got.usd, whole.usd, got.clock)
			if deadline < floor.took {
				below = max(below, late)
				continue
			}
			worst, longest = max(worst, late), max(longest, got.clock.longest[0].took.Seconds()/deadline.Seconds()*100)
			if part == 0.5 && whole.gap < 100 {
				gap = max(gap, got.gap)
			}
		}
	}
	report("engine_deadline_overrun_percent", worst, "%")
	report("engine_deadline_below_floor_overrun_percent", below, "%")
	report("engine_deadline_unlooked_percent", longest, "%")
	report("engine_deadline_half_gap_percent", gap, "%")
	return nil
}

// deadlineRun is what came of a plan with a deadline.
type deadlineRun struct {
	took     time.Duration
	stopped  bool
	unplaced int
	gap, usd float64
	clock    *stretches
}

// middle is the middle of three runs: a deadline may be shorter than the time for which something else has the processor.
func (p *deadlinePath) middle(snapshot *engine.Snapshot, deadline time.Duration) (*deadlineRun, error) {
	var runs []*deadlineRun
	for range 3 {
		got, err := p.run(snapshot, deadline)
		if err != nil {
			return nil, err
		}
		runs = append(runs, got)
	}
	slices.SortFunc(runs, func(a, b *deadlineRun) int { return int(a.took - b.took) })
	return runs[1], nil
}

// run plans with a deadline, 0 for none, and checks the plan; or plans the losses of a plan, whose deadline is shared out as simulate
// does.
func (p *deadlinePath) run(snapshot *engine.Snapshot, deadline time.Duration) (*deadlineRun, error) {
	out := &deadlineRun{clock: newStretches()}
	options := func(watch *stretches, begun, end time.Time) engine.Options {
		o := p.options
		if deadline > 0 {
			o.Within(watch.clock(begun), begun, end)
		}
		return o
	}
	if p.losses {
		return out, p.runLosses(snapshot, deadline, out, options)
	}
	runtime.GC()
	begun := time.Now()
	out.clock.last = begun
	plan, err := engine.Solve(snapshot, options(out.clock, begun, begun.Add(deadline)))
	if err != nil {
		return nil, err
	}
	out.took = time.Since(begun)
	out.clock.end(begun)
	out.stopped, out.unplaced, out.gap, out.usd = plan.Stopped, plan.Unplaced, plan.GapPercent, plan.Total()
	return out, sound(snapshot, plan, p.options)
}

func (p *deadlinePath) runLosses(
	snapshot *engine.Snapshot, deadline time.Duration, out *deadlineRun, options func(watch *stretches, begun, end time.Time) engine.Options,
) error {
	plan, err := engine.Solve(snapshot, p.options)
	if err != nil {
		return err
	}
	clouds := map[string]bool{}
	for i := range snapshot.Pools {
		clouds[snapshot.Pools[i].Class.Location.Cloud] = true
	}
	var lost []func(pool int) bool
	for _, cloud := range slices.Sorted(maps.Keys(clouds)) {
		lost = append(lost, func(pool int) bool { return snapshot.Pools[pool].Class.Location.Cloud == cloud })
	}
	var guard sync.Mutex
	var failed error
	runtime.GC()
	begun := time.Now()
	err = engine.EachLoss(snapshot, plan, lost, func(part float64) engine.Options {
		now := time.Now()
		watch := newStretches()
		guard.Lock()
		defer guard.Unlock()
		if out.clock.longest == nil {
			out.clock = watch
		}
		return options(watch, now, now.Add(time.Duration(part*float64(begun.Add(deadline).Sub(now)))))
	}, func(_ int, left engine.Degraded) {
		guard.Lock()
		defer guard.Unlock()
		if out.clock.longest == nil {
			out.clock.end(begun)
		}
		out.stopped = out.stopped || left.Plan().Stopped
		out.unplaced += left.Plan().Unplaced
		out.usd += left.Plan().Total()
		if deadline == 0 {
			if err := sound(left.Snapshot, left.Plan(), p.options); err != nil {
				failed = err
			}
		}
	})
	if out.took = time.Since(begun); err == nil {
		err = failed
	}
	return err
}
