package app

import (
	"slices"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/planning"
	"tradewind.dev/tradewind/pkg/state"
)

// defaultSchedulers are the names of tradewind-scheduler's profiles.
var defaultSchedulers = []string{"tradewind", "tradewind-cost", "tradewind-latency"}

// asItRunsNow is why a workload keeps its places in the plan that others are compared with.
const asItRunsNow = "as it runs now"

// livePlan is a plan of a live cluster, as the controller makes it.
type livePlan struct {
	input  *planning.Input
	result *planning.Result
	plan   *engine.Plan
}

// planLive plans a cluster as the controller does: for the workloads that a policy selects. All other pods take room.
func planLive(snapshot *state.Snapshot, world *state.World, options location.Options, objective engine.Objective) (*livePlan, error) {
	input := planning.From(&snapshot.Lists, world, options, nil)
	input.Select(snapshot.Workloads(), nil)
	result, err := planning.Build(input)
	if err != nil {
		return nil, err
	}
	solver, _, err := result.Solver(engine.Options{Objective: objective}, false)
	if err != nil {
		return nil, err
	}
	return &livePlan{input, result, solver.Plan()}, nil
}

// staying is what all replicas cost where they run.
func staying(input *planning.Input) (engine.Bill, error) {
	held := *input
	held.Workloads = slices.Clone(held.Workloads)
	hold(held.Workloads)
	result, err := planning.Build(&held)
	if err != nil {
		return engine.Bill{}, err
	}
	plan, err := engine.Solve(result.Snapshot, engine.Options{})
	if err != nil {
		return engine.Bill{}, err
	}
	return plan.Bill.WithoutMoves(), nil
}

// hold keeps all replicas where they run.
func hold(workloads []planning.Workload) {
	for i := range workloads {
		workloads[i].Hold = asItRunsNow
	}
}

// withPolicy is the world with a policy more.
func withPolicy(snapshot *state.Snapshot, policy *v1alpha1.ClusterPlacementPolicy) (*state.World, error) {
	objects := snapshot.Objects
	objects.ClusterPlacementPolicies = append(slices.Clone(objects.ClusterPlacementPolicies), policy)
	return state.NewWorld(objects, snapshot.Time)
}
