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

// exactCalls compares the plans of random applications of microservices, every tenth of them the Online Boutique, with the optimum
// that an exact solver proves, and plans each again from its own plan.
func exactCalls() error {
	const instances, limit = 60, 2 * time.Minute
	world, err := enginetest.NewWorld()
	if err != nil {
		return err
	}
	var gaps []float64
	moves, leftOut, impossible, undecided, optimal := 0, 0, 0, 0, 0
	var longest time.Duration
	for seed := uint64(0); len(gaps)+leftOut < instances; seed++ {
		snapshot, random := (*engine.Snapshot)(nil), rand.New(rand.NewPCG(seed, 2))
		if seed%10 == 0 {
			snapshot = world.OnlineBoutique(random)
		} else {
			snapshot = world.Application(random)
		}
		begin := time.Now()
		plan, err := engine.Solve(snapshot, engine.Options{})
		if err != nil {
			return err
		}
		longest = max(longest, time.Since(begin))
		if err := sound(snapshot, plan); err != nil {
			return fmt.Errorf("application %d: %w", seed, err)
		}
		again, err := replan(snapshot, plan)
		if err != nil {
			return err
		}
		moves += again.Moves
		known := 0.0
		if plan.Unplaced == 0 {
			known = plan.Bill.Total()
		}
		best, possible, err := enginetest.Optimum(context.Background(), snapshot, engine.Options{}, known, limit)
		switch {
		case errors.Is(err, enginetest.ErrUndecided):
			undecided++
			continue
		case err != nil:
			return fmt.Errorf("application %d: %w", seed, err)
		case !possible:
			impossible++
			if plan.Unplaced == 0 {
				return fmt.Errorf("application %d: everything is placed, which the exact solver says is impossible", seed)
			}
			continue
		case plan.Unplaced > 0:
			fmt.Fprintf(os.Stderr, "application %d: %d replicas are left out, the exact solver places all\n", seed, plan.Unplaced)
			leftOut++
			continue
		case plan.LowerBoundUSD > best*(1+1e-7):
			return fmt.Errorf("application %d: the bound $%g is above the optimum $%g", seed, plan.LowerBoundUSD, best)
		}
		gap := max(plan.Bill.Total()/best-1, 0) * 100
		if gap < 1e-4 {
			optimal++
		}
		fmt.Fprintf(os.Stderr, "application %d: %d workloads, %d pools: $%.4f, the optimum is $%.4f, %.3f %% above\n", seed, len(snapshot.Workloads),
			len(snapshot.Pools), plan.Bill.Total(), best, gap)
		gaps = append(gaps, gap)
	}
	slices.Sort(gaps)
	fmt.Fprintf(os.Stderr, "%d applications, %d of them planned at the optimum, the longest in %.2f s; %d more cannot be placed, %d more are undecided after %s\n",
		len(gaps), optimal, longest.Seconds(), impossible, undecided, limit)
	report("engine_calls_exact_gap_median_percent", gaps[len(gaps)/2], "%")
	report("engine_calls_exact_gap_worst_percent", gaps[len(gaps)-1], "%")
	report("engine_calls_left_out", float64(leftOut), "applications")
	report("engine_replan_moves", float64(moves), "replicas")
	return nil
}

// replan plans anew what runs as a plan says.
func replan(snapshot *engine.Snapshot, plan *engine.Plan) (*engine.Plan, error) {
	running := *snapshot
	running.Workloads = slices.Clone(snapshot.Workloads)
	for i, placement := range plan.Placements {
		running.Workloads[i].Current = nil
		for _, d := range placement.Decisions {
			running.Workloads[i].Current = append(running.Workloads[i].Current, engine.PoolReplicas{Pool: d.Pool, Replicas: d.Replicas})
		}
	}
	return engine.Solve(&running, engine.Options{})
}
