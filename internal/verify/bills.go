package verify

import "tradewind.dev/tradewind/pkg/engine"

// Bills is Bill workload by workload.
func Bills(snapshot *engine.Snapshot, decisions [][]engine.Decision, options engine.Options) []engine.Bill {
	plan := &engine.Plan{}
	for _, d := range decisions {
		plan.Placements = append(plan.Placements, &engine.Placement{Decisions: d})
	}
	c := newChecker(snapshot, plan, options)
	out := make([]engine.Bill, len(decisions))
	for i := range decisions {
		out[i] = c.workload(i)
	}
	return out
}
