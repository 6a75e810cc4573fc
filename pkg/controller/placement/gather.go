package placement

import (
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/clock"

	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/moves"
	"tradewind.dev/tradewind/pkg/planning"
	"tradewind.dev/tradewind/pkg/planning/rounds"
	"tradewind.dev/tradewind/pkg/printable"
	"tradewind.dev/tradewind/pkg/state"
	"tradewind.dev/tradewind/pkg/workload"
)

// draft is what one round plans.
type draft struct {
	now   time.Time
	input *planning.Input
	// planned are the workloads that a policy selects, by key.
	planned map[workload.Key]*planning.Selected
	// away are those of which a loss drove replicas from where they were, which have not returned.
	away map[workload.Key]bool
	// uncertain says why no plan can be made now; empty when one can. doubtful says that something is not known of some nodes.
	uncertain string
	doubtful  bool
}

// gather makes the input of a plan from what the informers have seen.
func (p *Planner) gather(world *state.World) *draft {
	input := planning.From(p.objects.Lists(), world, p.options.Location, &p.shapes)
	input.Unavailable, input.PoolUnavailable = p.unavailable, nil
	if p.options.Availability != nil {
		input.PoolUnavailable = p.options.Availability.PoolUnavailable
	}
	return p.draft(*input)
}

// draft adds the workloads as they are now to an input.
func (p *Planner) draft(input planning.Input) *draft {
	var doubts rounds.Doubts
	if p.options.Availability != nil {
		doubts = p.options.Availability.Doubts()
	}
	d := &draft{now: p.clock.Now(), input: &input, planned: input.Select(p.objects.Workloads(), doubts.Nodes), away: map[workload.Key]bool{}}
	for key := range d.planned {
		if placement, ok := p.objects.Placements.Get(key.Namespace, state.PlacementName(key.Kind, key.Name)); ok && len(placement.Status.Away) > 0 {
			d.away[key] = true
		}
	}
	d.uncertain, d.doubtful = doubts.All, doubts.All != "" || len(doubts.Nodes) > 0
	if d.uncertain == "" && !slices.ContainsFunc(d.input.Nodes, func(node *corev1.Node) bool { return p.unavailable(node) == "" }) {
		d.uncertain = printable.Ratio(0, len(d.input.Nodes), "node", "nodes") + " can be used now"
	}
	return d
}

// unavailable is why a node must not be planned on, or empty.
func (p *Planner) unavailable(node *corev1.Node) string {
	if reason := planning.NodeUnavailable(node); reason != "" || p.options.Availability == nil {
		return reason
	}
	return p.options.Availability.Unavailable(node)
}

// solution is a plan, and what the replicas cost where they are now.
type solution struct {
	result *planning.Result
	solver *engine.Solver
	// exposed are the workloads that run on what remains though they could not survive another loss.
	exposed []int
	plan    *engine.Plan
	// present is what the running replicas cost where they are, parallel to the result's workloads.
	present []engine.Bill
	// worths are what moving the running replicas to the plan brings, by the index of the workload; of those alone of which that can
	// be said.
	worths map[int]moves.Worth
	// mayMove are the workloads whose replicas may be moved for that.
	mayMove []bool
	// world has the prices in force and those of the public catalog; list is nil until it is asked for.
	world *state.World
	list  *listed
	// problems are what is wrong with a workload, by "KIND NAMESPACE/NAME".
	problems map[string]string
}

// solve makes the plan of a draft. It makes none where no pool counts, and says so in uncertain.
func solve(d *draft, objective engine.Objective, clock clock.PassiveClock) (*solution, error) {
	result, err := planning.Build(d.input)
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(result.Pools, func(pool planning.PoolInfo) bool { return pool.Unavailable == "" }) {
		d.uncertain = fmt.Sprintf("%s can be planned on now: pool %s: %s", printable.Ratio(0, len(result.Pools), "pool", "pools"),
			result.Pools[0].Name, result.Pools[0].Unavailable)
		return nil, nil
	}
	s := &solution{result: result, world: d.input.World}
	options, now := engine.Options{Objective: objective, LateConflicts: true}, clock.Now()
	options.Within(clock.Now, now, now.Add(maxSearch))
	if s.solver, s.exposed, err = result.Solver(options, false); err != nil {
		return nil, err
	}
	s.take(d)
	return s, nil
}

// take takes the plan from the solver, and what the replicas cost where they run.
func (s *solution) take(d *draft) {
	s.plan = s.solver.Plan()
	s.problems = map[string]string{}
	for _, problem := range s.result.Problems {
		s.problems[problem.Object] = problem.Field + ": " + problem.Message
	}
	for _, problem := range s.plan.Problems {
		s.problems[problem.Object] = problem.Field + ": " + problem.Message
	}
	appraiser := s.solver.Appraiser()
	s.present = make([]engine.Bill, len(s.plan.Placements))
	for i := range s.present {
		s.present[i] = appraiser.Bill(i, s.runs)
	}
	s.mayMove = make([]bool, len(s.plan.Placements))
	for i := range s.mayMove {
		key := s.result.Workloads[i].Key
		of := d.planned[key]
		s.mayMove[i] = of != nil && moves.MayMove(of.Rules, d.away[key])
	}
	s.worths = moves.Worths(appraiser, s.plan, func(i int) bool { return s.mayMove[i] })
}
