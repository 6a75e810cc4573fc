package app

import (
	"slices"

	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/planning"
	"tradewind.dev/tradewind/pkg/report"
)

// planLoss plans what remains when a cloud is lost while the plan is in force.
func planLoss(result *planning.Result, plan *engine.Plan, cloud string, options engine.Options) (report.PlanLoss, error) {
	out := report.PlanLoss{Cloud: cloud, Down: []string{}, Broken: []string{}, Exposed: []string{}}
	snapshot := *result.Snapshot
	snapshot.Pools = slices.Clone(snapshot.Pools)
	snapshot.Workloads = slices.Clone(snapshot.Workloads)
	for i := range snapshot.Pools {
		if result.Pools[i].At.Cloud == cloud {
			pool := &snapshot.Pools[i]
			pool.Nodes, pool.MinNodes, pool.MaxNodes = nil, 0, 0
		}
	}
	before := make([]int, len(snapshot.Workloads))
	for i := range snapshot.Workloads {
		w := &snapshot.Workloads[i]
		w.Current, w.RunsOn = nil, nil
		left := 0
		for k := range plan.Placements[i].Decisions {
			d := &plan.Placements[i].Decisions[k]
			w.Current = append(w.Current, engine.PoolReplicas{Pool: d.Pool, Replicas: d.Replicas})
			for _, n := range d.Nodes {
				w.RunsOn = append(w.RunsOn, engine.PodsAt{Pool: d.Pool, Node: n.Node, Pods: n.Replicas})
			}
			if result.Pools[d.Pool].At.Cloud == cloud {
				out.Replicas += d.Replicas
			} else {
				left += d.Replicas
			}
		}
		before[i] = plan.Placements[i].Unplaced
		if left == 0 && len(w.Current) > 0 {
			out.Down = append(out.Down, w.Namespace+"/"+w.Name)
		}
	}
	solver, err := engine.NewDegradedSolver(&snapshot, options)
	if err != nil {
		return out, err
	}
	for _, i := range solver.Workloads {
		out.Exposed = append(out.Exposed, snapshot.Workloads[i].Namespace+"/"+snapshot.Workloads[i].Name)
	}
	after := solver.Plan()
	for i, placement := range after.Placements {
		if missing := placement.Unplaced - before[i]; missing > 0 {
			out.Unplaced += missing
			out.Broken = append(out.Broken, snapshot.Workloads[i].Namespace+"/"+snapshot.Workloads[i].Name)
		}
	}
	for i := range after.Pools {
		out.AddedNodes += after.Pools[i].Added
	}
	bill := after.Bill
	bill.Disruption = 0
	out.InvoiceUSD, out.ValuedUSD, out.HourlyUSD = bill.Invoice(), bill.Valued(), after.Objective.Total(&bill)
	return out, nil
}
