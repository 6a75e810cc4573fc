package app

import (
	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/planning"
	"tradewind.dev/tradewind/pkg/report"
)

// planLoss plans what remains when a cloud is lost while the plan is in force.
func planLoss(result *planning.Result, plan *engine.Plan, cloud string, options engine.Options) (report.PlanLoss, error) {
	out := report.PlanLoss{Cloud: cloud, Down: []string{}, Broken: []string{}, Exposed: []string{}}
	snapshot, lost := result.Snapshot, func(pool int) bool { return result.Pools[pool].At.Cloud == cloud }
	before := make([]int, len(snapshot.Workloads))
	for i := range snapshot.Workloads {
		w, left := &snapshot.Workloads[i], 0
		for k := range plan.Placements[i].Decisions {
			if d := &plan.Placements[i].Decisions[k]; lost(d.Pool) {
				out.Replicas += d.Replicas
			} else {
				left += d.Replicas
			}
		}
		before[i] = plan.Placements[i].Unplaced
		if left == 0 && len(plan.Placements[i].Decisions) > 0 {
			out.Down = append(out.Down, w.Namespace+"/"+w.Name)
		}
	}
	solver, err := engine.NewLossSolver(snapshot, plan, lost, options)
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
	out.Stopped = after.Stopped
	for i := range after.Pools {
		out.AddedNodes += after.Pools[i].Added
	}
	bill := after.Bill
	bill.Disruption = 0
	out.InvoiceUSD, out.ValuedUSD, out.HourlyUSD = bill.Invoice(), bill.Valued(), after.Objective.Total(&bill)
	return out, nil
}
