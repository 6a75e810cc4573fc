package app

import (
	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/planning"
	"tradewind.dev/tradewind/pkg/report"
)

// planLosses plans what remains when one cloud or another is lost while the plan is in force. options are those of a plan that may take a
// share of the time that is left; done is called after each loss.
func planLosses(result *planning.Result, plan *engine.Plan, clouds []string, options func(share float64) engine.Options, done func()) ([]report.PlanLoss, error) {
	lost := make([]func(pool int) bool, len(clouds))
	for k, cloud := range clouds {
		lost[k] = func(pool int) bool { return result.Pools[pool].At.Cloud == cloud }
	}
	out := make([]report.PlanLoss, len(clouds))
	err := engine.EachLoss(result.Snapshot, plan, lost, options, func(k int, left engine.Degraded) {
		out[k] = reportLoss(result.Snapshot, plan, clouds[k], lost[k], left)
		done()
	})
	return out, err
}

// reportLoss says what the loss of a cloud leaves.
func reportLoss(snapshot *engine.Snapshot, plan *engine.Plan, cloud string, lost func(pool int) bool, solver engine.Degraded) report.PlanLoss {
	out := report.PlanLoss{Cloud: cloud, Down: []string{}, Broken: []string{}, Exposed: []string{}}
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
	bill := after.Bill.WithoutMoves()
	out.InvoiceUSD, out.ValuedUSD, out.HourlyUSD = bill.Invoice(), bill.Valued(), after.Objective.Total(&bill)
	return out
}
