package placement

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/utils/clock"

	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/moves"
	"tradewind.dev/tradewind/pkg/planning"
	"tradewind.dev/tradewind/pkg/planning/rounds"
	"tradewind.dev/tradewind/pkg/rules"
	"tradewind.dev/tradewind/pkg/state"
	"tradewind.dev/tradewind/pkg/workload"
)

// draft is what one round plans.
type draft struct {
	now   time.Time
	input *planning.Input
	// planned are the workloads that a policy selects, by key.
	planned map[workload.Key]*planned
	// uncertain says why no plan can be made now; empty when one can. doubtful says that something is not known of some nodes.
	uncertain string
	doubtful  bool
}

// planned is a workload that a Placement is kept for.
type planned struct {
	planning.Workload
	// rules are nil while the labels of the namespace are not known.
	rules *rules.Rules
	// doubt is why it is not known whether its replicas are lost; empty when it is.
	doubt string
	// running replicas by the name of their node; away says that a loss drove some of them from where they were.
	running map[string]int
	away    bool
}

// notSelected is why a workload that only others call stays where it is.
const notSelected = "no policy selects it"

// gather makes the input of a plan from what the informers have seen.
func (p *Planner) gather(world *state.World) *draft {
	o := p.objects
	input := planning.Input{
		World: world, Location: p.options.Location, Nodes: o.nodes.all(), Pools: o.pools.all(), Pods: o.runningPods(),
		Namespaces: map[string]labels.Set{}, Claims: o.claims.all(), Volumes: o.volumes.all(), Classes: o.classes.all(),
		PriorityClasses: o.priorities.all(), Quotas: o.quotas.all(),
		Unavailable: p.unavailable,
	}
	if p.options.Availability != nil {
		input.PoolUnavailable = p.options.Availability.PoolUnavailable
	}
	for _, namespace := range o.namespaces.all() {
		input.Namespaces[namespace.Name] = labels.Set(namespace.Labels)
	}
	return p.draft(input)
}

// draft adds the workloads as they are now to an input. Those that no policy selects take room; those that a planned one calls
// are known to the plan too, and stay where they are.
func (p *Planner) draft(input planning.Input) *draft {
	d := &draft{now: p.clock.Now(), input: &input, planned: map[workload.Key]*planned{}}
	var doubts rounds.Doubts
	if p.options.Availability != nil {
		doubts = p.options.Availability.Doubts()
	}
	o, world := p.objects, input.World
	var all, others []planning.Workload
	for _, w := range o.workloads() {
		all = append(all, planning.Workload{Workload: w})
	}
	for i := range all {
		if next := d.judge(world, &all[i]); next == nil {
			others = append(others, all[i])
		} else {
			if placement, ok := o.placements.get(next.Namespace, state.PlacementName(next.Kind, next.Name)); ok {
				next.away = len(placement.Status.Away) > 0
			}
			d.planned[all[i].Key] = next
		}
	}
	d.locate(doubts.Nodes)
	called := map[workload.Key]bool{}
	for i := range all {
		w := d.planned[all[i].Key]
		if w == nil {
			continue
		}
		next := w.Workload
		next.Hold = cmp.Or(next.Hold, w.doubt)
		d.input.Workloads = append(d.input.Workloads, next)
		if w.rules == nil {
			continue
		}
		for k := range w.rules.Traffic {
			called[state.CalleeKey(w.Namespace, &w.rules.Traffic[k])] = true
		}
		for k := range w.rules.TrafficLimits {
			called[state.CalleeKey(w.Namespace, &w.rules.TrafficLimits[k])] = true
		}
	}
	for i := range others {
		if w := &others[i]; called[w.AnyKind()] {
			w.Hold = notSelected
			d.input.Workloads = append(d.input.Workloads, *w)
		}
	}
	d.uncertain, d.doubtful = doubts.All, doubts.All != "" || len(doubts.Nodes) > 0
	if d.uncertain == "" && !slices.ContainsFunc(d.input.Nodes, func(node *corev1.Node) bool { return p.unavailable(node) == "" }) {
		d.uncertain = fmt.Sprintf("none of %d nodes can be used now", len(d.input.Nodes))
	}
	return d
}

// locate counts the replicas that run, and notes which workloads have some on nodes of which it is not known whether they are
// lost.
func (d *draft) locate(doubts map[string]string) {
	for i := range d.input.Pods {
		pod := &d.input.Pods[i]
		of, ok := d.planned[pod.Workload]
		if !ok {
			continue
		}
		of.running[pod.Node]++
		if why := doubts[pod.Node]; why != "" && (of.doubt == "" || why < of.doubt) { // the same one each time
			of.doubt = why
		}
	}
}

// judge is the workload with the rules that are in force for it; nil when no policy selects it.
func (d *draft) judge(world *state.World, w *planning.Workload) *planned {
	out := &planned{Workload: *w, running: map[string]int{}}
	set, known := d.input.Namespaces[w.Namespace]
	if !known && world.Policies.SelectsNamespaces() {
		out.Hold = fmt.Sprintf("the labels of namespace %s are not read yet", w.Namespace)
		return out
	}
	if out.rules = world.Rules(w.Namespace, set, w.Template.Labels); len(out.rules.Sources) == 0 {
		return nil
	}
	out.Hold = invalid(world, out.rules)
	return out
}

// invalid says what is wrong with the policies of a workload such that no place satisfies them; empty when nothing is.
func invalid(world *state.World, rules *rules.Rules) string {
	held := rules.Held()
	if held == "" || rules.Excess != "" {
		return held
	}
	for _, source := range rules.Sources {
		for _, problem := range world.Policies.Problems(source) {
			return fmt.Sprintf("%s: %s: %s", source, problem.Field, problem.Message)
		}
	}
	return held + "; see its conditions"
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
	plan   *engine.Plan
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
func solve(d *draft, clock clock.PassiveClock) (*solution, error) {
	result, err := planning.Build(d.input)
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(result.Pools, func(pool planning.PoolInfo) bool { return pool.Unavailable == "" }) {
		d.uncertain = fmt.Sprintf("none of %d pools can be planned on now: pool %s: %s",
			len(result.Pools), result.Pools[0].Name, result.Pools[0].Unavailable)
		return nil, nil
	}
	s := &solution{result: result, world: d.input.World}
	deadline := clock.Now().Add(maxSearch)
	options := engine.Options{LateConflicts: true, Expired: func() bool { return clock.Now().After(deadline) }}
	if slices.ContainsFunc(result.Pools, func(pool planning.PoolInfo) bool { return pool.Unavailable != "" }) {
		// What is left after a loss need not survive a further one.
		degraded, err := engine.NewDegradedSolver(result.Snapshot, options)
		if err != nil {
			return nil, err
		}
		s.solver, result.Snapshot = degraded.Solver, degraded.Snapshot
	} else if s.solver, err = engine.NewSolver(result.Snapshot, options); err != nil {
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
		of := d.planned[s.result.Workloads[i].Key]
		s.mayMove[i] = of != nil && moves.MayMove(of.rules, of.away)
	}
	s.worths = moves.Worths(appraiser, s.plan, func(i int) bool { return s.mayMove[i] })
}
