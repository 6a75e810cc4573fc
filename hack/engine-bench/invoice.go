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

var byInvoice = engine.Options{Objective: engine.ObjectiveInvoice}

// invoice compares what plans are invoiced, in whole machines, with the optimum that an exact solver proves on random snapshots, and at
// each size with two simple methods: first-fit-decreasing by price, and one workload after the other.
func invoice() error {
	if err := invoiceBaselines(); err != nil {
		return err
	}
	const instances, limit = 60, time.Minute
	world, err := enginetest.NewWorld()
	if err != nil {
		return err
	}
	var gaps []float64
	for seed := uint64(0); len(gaps) < instances; seed++ {
		snapshot := world.Random(rand.New(rand.NewPCG(seed, 1)))
		plan, err := engine.Solve(snapshot, byInvoice)
		if err != nil {
			return err
		}
		if err := sound(snapshot, plan, byInvoice); err != nil {
			return fmt.Errorf("instance %d: %w", seed, err)
		}
		best, possible, err := enginetest.Optimum(context.Background(), snapshot, byInvoice, 0, limit)
		switch {
		case errors.Is(err, enginetest.ErrUndecided):
			fmt.Fprintf(os.Stderr, "instance %d is left out: %v\n", seed, err)
			continue
		case err != nil:
			return fmt.Errorf("instance %d: %w", seed, err)
		case !possible:
			continue
		case plan.Unplaced > 0:
			return fmt.Errorf("instance %d: %d replicas are left out, the exact solver places all", seed, plan.Unplaced)
		case plan.LowerBoundUSD > best*(1+1e-7):
			return fmt.Errorf("instance %d: the bound $%g is above the optimum $%g", seed, plan.LowerBoundUSD, best)
		}
		gaps = append(gaps, max(plan.Total()/best-1, 0)*100)
	}
	slices.Sort(gaps)
	report("engine_invoice_gap_percent", gaps[len(gaps)/2], "%")
	report("engine_invoice_gap_worst_percent", gaps[len(gaps)-1], "%")
	return nil
}

// invoiceBaselines reports by how much dearer the machines of the simple methods are, at the size where that is least.
func invoiceBaselines() error {
	least := map[string]float64{}
	for _, size := range []enginetest.Size{
		{Pools: 20, Workloads: 100}, {Pools: 50, Workloads: 1_000}, {Pools: 200, Workloads: 5_000}, {Pools: 500, Workloads: 10_000},
	} {
		size.Share = share
		whole, err := enginetest.Production(size)
		if err != nil {
			return err
		}
		snapshot := enginetest.Plain(whole)
		began := time.Now()
		plan, err := engine.Solve(snapshot, byInvoice)
		if err != nil {
			return err
		}
		took := time.Since(began)
		if err := sound(snapshot, plan, byInvoice); err != nil {
			return err
		}
		for name, method := range map[string]func(*engine.Snapshot) (float64, int){
			"engine_invoice_below_first_fit_percent": enginetest.FirstFitDecreasing, "engine_invoice_below_one_by_one_percent": enginetest.OneByOne,
		} {
			usd, unplaced := method(snapshot)
			below := (1 - plan.Bill.Machines/usd) * 100
			fmt.Fprintf(os.Stderr, "%d workloads x %d pools, %.3f s: machines $%.2f (%d unplaced, gap %.2f %%), %s: $%.2f (%d unplaced)\n", size.Workloads,
				size.Pools, took.Seconds(), plan.Bill.Machines, plan.Unplaced, plan.GapPercent, name, usd, unplaced)
			if known, ok := least[name]; !ok || below < known {
				least[name] = below
			}
		}
	}
	for _, name := range []string{"engine_invoice_below_first_fit_percent", "engine_invoice_below_one_by_one_percent"} {
		report(name, least[name], "%")
	}
	return nil
}
