package engine_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/engine/enginetest"
)

// TestPlansMatchAnExactSolver compares plans of small snapshots with what a solver of linear programs with whole numbers proves to
// be the least.
func TestPlansMatchAnExactSolver(t *testing.T) {
	t.Run("shares", func(t *testing.T) { matchExactSolver(t, engine.Options{Objective: engine.ObjectiveShares}, 1) })
	t.Run("invoice", func(t *testing.T) { matchExactSolver(t, byInvoice, 3) })
}

// matchExactSolver compares plans; none may be further above the optimum than worst, in per cent.
func matchExactSolver(t *testing.T, options engine.Options, worst float64) {
	const instances = 30
	w := newWorld(t)
	compared, optimal := 0, 0
	for seed := uint64(0); compared < instances; seed++ {
		snapshot := w.Random(rand.New(rand.NewPCG(seed, 1)))
		best, possible, err := enginetest.Optimum(context.Background(), snapshot, options, time.Minute)
		switch {
		case errors.Is(err, enginetest.ErrNoSolver):
			if os.Getenv("CI") != "" {
				t.Fatal(err) // the only proof that plans are near the optimum must not be left out unnoticed
			}
			t.Skip(err) // make installs it where it can
		case errors.Is(err, enginetest.ErrUndecided):
			continue
		case err != nil:
			t.Fatal(err)
		}
		plan := solve(t, snapshot, options)
		if !possible {
			if plan.Unplaced == 0 && plan.Unrecovered() == 0 {
				t.Errorf("seed %d: everything is placed, and fits after each loss, which is impossible", seed)
			}
			continue
		}
		compared++
		if n := plan.Unrecovered(); n > 0 {
			t.Errorf("seed %d: %d replicas would have no room after a loss, and there is a plan in which all have", seed, n)
		}
		gap := (plan.Total()/best - 1) * 100
		if plan.Unplaced > 0 || gap > worst || plan.LowerBoundUSD > best*(1+1e-7) {
			t.Errorf("seed %d: %d unplaced, $%g, at least $%g, the optimum is $%g", seed, plan.Unplaced, plan.Total(), plan.LowerBoundUSD, best)
		}
		if gap < 1e-4 {
			optimal++
		}
	}
	if optimal*2 < compared {
		t.Errorf("%d of %d plans are optimal", optimal, compared)
	}
}
