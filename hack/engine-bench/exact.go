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

// exact compares the plans of 200 random snapshots with the optimum that an exact solver proves, by shares.
func exact() error {
	options := engine.Options{Objective: engine.ObjectiveShares}
	const instances, limit = 200, time.Minute
	world, err := enginetest.NewWorld()
	if err != nil {
		return err
	}
	var gaps []float64
	impossible := 0
	for seed := uint64(0); len(gaps) < instances; seed++ {
		snapshot := world.Random(rand.New(rand.NewPCG(seed, 1)))
		plan, err := engine.Solve(snapshot, options)
		if err != nil {
			return err
		}
		if err := sound(snapshot, plan, options); err != nil {
			return fmt.Errorf("instance %d: %w", seed, err)
		}
		best, possible, err := enginetest.Optimum(context.Background(), snapshot, options, limit)
		switch {
		case errors.Is(err, enginetest.ErrUndecided):
			fmt.Fprintf(os.Stderr, "instance %d is left out: %v\n", seed, err)
			continue
		case err != nil:
			return fmt.Errorf("instance %d: %w", seed, err)
		case !possible:
			impossible++
			if plan.Unplaced == 0 && plan.Unrecovered() == 0 {
				return fmt.Errorf("instance %d: everything is placed, and fits after each loss, which the exact solver says is impossible", seed)
			}
			continue
		case plan.Unplaced > 0:
			return fmt.Errorf("instance %d: %d replicas are left out, the exact solver places all", seed, plan.Unplaced)
		case plan.LowerBoundUSD > best*(1+1e-7):
			return fmt.Errorf("instance %d: the bound $%g is above the optimum $%g", seed, plan.LowerBoundUSD, best)
		}
		gaps = append(gaps, max(plan.Bill.Total()/best-1, 0)*100)
	}
	slices.Sort(gaps)
	fmt.Fprintf(os.Stderr, "%d random snapshots, %d more cannot be placed\n", len(gaps), impossible)
	report("engine_exact_gap_median_percent", gaps[len(gaps)/2], "%")
	report("engine_exact_gap_worst_percent", gaps[len(gaps)-1], "%")
	return nil
}
