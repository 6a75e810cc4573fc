package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"time"

	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/engine/enginetest"
)

// callGaps are what was found of plans of applications.
type callGaps struct {
	percent                                         []float64 // above the best plan that is known, which mostly is the optimum
	optimal, proven, impossible, undecided, leftOut int
	open                                            float64 // by how much the worst other plan may be above the optimum, in per cent
	moves                                           int     // of plans made from plans
	longest                                         time.Duration
}

// exactCalls compares the plans of random applications of microservices, every tenth of them the Online Boutique, by shares, with the
// optimum that an exact solver proves, or where its time is up with the best plan that it has found. It plans each again from its own
// plan.
func exactCalls() error {
	const instances = 60
	world, err := enginetest.NewWorld()
	if err != nil {
		return err
	}
	var all callGaps
	for seed := uint64(0); len(all.percent)+all.leftOut < instances; seed++ {
		random := rand.New(rand.NewPCG(seed, 2))
		snapshot := (*engine.Snapshot)(nil)
		if seed%10 == 0 {
			snapshot = world.OnlineBoutique(random)
		} else {
			snapshot = world.Application(random)
		}
		if err := all.compare(snapshot); err != nil {
			return fmt.Errorf("application %d: %w", seed, err)
		}
	}
	slices.Sort(all.percent)
	fmt.Fprintf(os.Stderr, "%d applications: the optimum of %d is proven, %d are planned at it; of the others no plan is proven to be more than %.1f %% above it; "+
		"the longest plan took %.2f s; %d more cannot be placed, of %d more it is not known\n",
		len(all.percent), all.proven, all.optimal, all.open, all.longest.Seconds(), all.impossible, all.undecided)
	report("engine_calls_exact_gap_median_percent", all.percent[len(all.percent)/2], "%")
	report("engine_calls_exact_gap_worst_percent", all.percent[len(all.percent)-1], "%")
	report("engine_calls_left_out", float64(all.leftOut), "applications")
	report("engine_replan_moves", float64(all.moves), "replicas")
	return nil
}

// compare plans one application, and again from its plan, and asks the exact solver.
func (g *callGaps) compare(snapshot *engine.Snapshot) error {
	const limit = 30 * time.Second
	options := engine.Options{Objective: engine.ObjectiveShares}
	begin := time.Now()
	plan, err := engine.Solve(snapshot, options)
	if err != nil {
		return err
	}
	g.longest = max(g.longest, time.Since(begin))
	if err := sound(snapshot, plan, options); err != nil {
		return err
	}
	again, err := replan(snapshot, plan, options)
	if err != nil {
		return err
	}
	g.moves += again.Moves
	complete := plan.Unplaced == 0 && plan.Unrecovered() == 0
	known := 0.0
	if complete {
		known = plan.Bill.Total()
	}
	proof, err := enginetest.Prove(context.Background(), snapshot, options, known, limit)
	switch {
	case errors.Is(err, enginetest.ErrUndecided):
		g.undecided++
		return nil
	case err != nil:
		return err
	case !proof.Possible:
		g.impossible++
		if complete {
			return errors.New("everything is placed, and fits after each loss, which the exact solver says is impossible")
		}
		return nil
	case !complete:
		fmt.Fprintf(os.Stderr, "%d replicas are left out, and %d would be after a loss; the exact solver places all\n", plan.Unplaced, plan.Unrecovered())
		g.leftOut++
		return nil
	case plan.LowerBoundUSD > proof.Best*(1+1e-7):
		return fmt.Errorf("the bound $%g is above the best plan's $%g", plan.LowerBoundUSD, proof.Best)
	}
	gap, most := max(plan.Bill.Total()/proof.Best-1, 0)*100, max(plan.Bill.Total()/proof.Least-1, 0)*100
	switch {
	case !proof.Optimal:
		g.open = max(g.open, most)
	case gap < 1e-4:
		g.optimal++
		fallthrough
	default:
		g.proven++
	}
	fmt.Fprintf(os.Stderr, "%d workloads, %d pools: $%.4f, the best is $%.4f (proven %t), %.3f %% above it and %.3f %% above the least that is proven\n",
		len(snapshot.Workloads), len(snapshot.Pools), plan.Bill.Total(), proof.Best, proof.Optimal, gap, most)
	g.percent = append(g.percent, gap)
	return nil
}

// replan plans anew what runs as a plan says.
func replan(snapshot *engine.Snapshot, plan *engine.Plan, options engine.Options) (*engine.Plan, error) {
	running := *snapshot
	running.Workloads = slices.Clone(snapshot.Workloads)
	for i, placement := range plan.Placements {
		running.Workloads[i].Current = nil
		for _, d := range placement.Decisions {
			running.Workloads[i].Current = append(running.Workloads[i].Current, engine.PoolReplicas{Pool: d.Pool, Replicas: d.Replicas})
		}
	}
	return engine.Solve(&running, options)
}
