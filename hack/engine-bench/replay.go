package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"time"

	"tradewind.dev/tradewind/internal/verify"
	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/planning"
	"tradewind.dev/tradewind/pkg/replay"
	"tradewind.dev/tradewind/pkg/replay/replaytest"
	"tradewind.dev/tradewind/pkg/state"
)

// replayed plans 2,000 workloads with every kind of rule that plans keep on 5,000 nodes, some of which may become more, and counts the
// replicas that kube-scheduler's own filters refuse where the plan has them.
func replayed() error {
	random := rand.New(rand.NewPCG(7, 5000))
	lists := replaytest.Cluster(random.IntN, replaytest.Size{Groups: 250, Nodes: 5000, Workloads: 2000, Replicas: 5, Exact: true}, replaytest.Planned())
	world, err := state.NewWorld(lists.Objects, time.Unix(0, 0))
	if err != nil {
		return err
	}
	in := planning.From(lists, world, location.DefaultOptions(), nil)
	for _, w := range lists.Workloads() {
		in.Workloads = append(in.Workloads, planning.Workload{Workload: w})
	}
	result, err := planning.Build(in)
	if err != nil {
		return err
	}
	plan, err := engine.Solve(result.Snapshot, engine.Options{})
	if err != nil {
		return err
	}
	if found := verify.Check(result.Snapshot, plan, engine.Options{}); len(found) > 0 {
		return errors.New(found[0].String())
	}
	begin := time.Now()
	outcome, err := replay.Run(&replay.Input{Lists: lists, Result: result, Plan: plan})
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "%d workloads on %d nodes, replayed in %.3f s: %d replicas bound, %d refused, %d without a place\n", len(result.Workloads),
		len(lists.Nodes), time.Since(begin).Seconds(), outcome.Bound, outcome.RefusedReplicas(), plan.Unplaced)
	for i := range outcome.Refused {
		r := &outcome.Refused[i]
		fmt.Fprintf(os.Stderr, "refused: %d of %s on %s: %s\n", r.Replicas, result.Workloads[r.Workload].Key, r.Node, r.Filters[0].String())
	}
	if outcome.Bound+outcome.RefusedReplicas() != plan.Replicas || plan.Replicas == 0 {
		return fmt.Errorf("%d replicas are planned, and %d were replayed", plan.Replicas, outcome.Bound+outcome.RefusedReplicas())
	}
	for k, open := range outcome.Open {
		if w := &result.Workloads[open.Workload]; k < 20 {
			conflict := plan.Placements[open.Workload].Conflict
			fmt.Fprintf(os.Stderr, "open: %s (%d of %d without a place: %s) on %s\n", w.Key, plan.Placements[open.Workload].Unplaced, w.Replicas, conflict.Message, open.Node)
		}
	}
	report("engine_replay_left_out", float64(len(outcome.Open)), "workloads")
	report("engine_replay_refused", float64(outcome.RefusedReplicas()), "replicas")
	return nil
}
