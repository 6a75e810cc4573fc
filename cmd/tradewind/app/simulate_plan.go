package app

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"tradewind.dev/tradewind/internal/verify"
	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/planning"
	"tradewind.dev/tradewind/pkg/printable"
	"tradewind.dev/tradewind/pkg/replay"
	"tradewind.dev/tradewind/pkg/report"
	"tradewind.dev/tradewind/pkg/state/files"
)

// planRun is one call of simulate.
type planRun struct {
	*simulation
	progress *progress
	location location.Options
	begun    time.Time

	problems, warnings []string
	// bad is how much of the input cannot be used.
	bad int
}

// all makes the plan, and what it is compared with.
func (r *planRun) all(asked changes) (*report.Plan, error) {
	scenario, set, err := r.read(r.paths)
	if err != nil {
		return nil, err
	}
	r.note(scenario, set)
	replicas := make([]int, len(scenario.Workloads))
	for i := range scenario.Workloads {
		replicas[i] = scenario.Workloads[i].Replicas
	}
	shown, result, plan, err := r.plan(scenario, asked, asAsked)
	if err != nil {
		return nil, err
	}
	if err := r.losses(shown, result, plan); err != nil {
		return nil, err
	}
	if r.compare == "" {
		return shown, nil
	}
	base, name, err := r.base(scenario, replicas)
	if err != nil {
		return nil, fmt.Errorf("--compare %s: %w", r.compare, err)
	}
	shown.Compare(base, name)
	return shown, nil
}

// note keeps what is to be said of the files once the progress line is gone.
func (r *planRun) note(scenario *files.Scenario, set *files.Set) {
	for _, problem := range scenario.Problems {
		r.problems = append(r.problems, problem.String())
	}
	r.bad += len(scenario.Problems)
	for _, kind := range slices.Sorted(maps.Keys(set.Unplanned)) {
		names := set.Unplanned[kind]
		r.warnings = append(r.warnings, fmt.Sprintf("%s that are not planned, and take room only where the files hold the pods: %s",
			printable.Number(len(names), "object of kind "+kind+" runs pods", "objects of kind "+kind+" run pods"), listOf(names)))
	}
	for _, warning := range scenario.Warnings {
		r.warnings = append(r.warnings, warning.String())
	}
	r.warnings = append(r.warnings, scenario.Notes...)
	if len(set.Ignored) > 0 {
		r.warnings = append(r.warnings, "a plan does not look at "+counted(set.Ignored))
	}
}

// counted lists kinds with how many there are of each, those of which there are most first.
func counted(kinds map[string]int) string {
	names := slices.SortedFunc(maps.Keys(kinds), func(a, b string) int { return cmp.Or(kinds[b]-kinds[a], strings.Compare(a, b)) })
	parts := make([]string, 0, len(names))
	for _, kind := range names[:min(len(names), mostKinds)] {
		parts = append(parts, fmt.Sprintf("%d %s", kinds[kind], kind))
	}
	text := strings.Join(parts, ", ")
	if len(names) > mostKinds {
		text += fmt.Sprintf(" and objects of %d more kinds", len(names)-mostKinds)
	}
	return text
}

// mostKinds is how many kinds without pods are named.
const mostKinds = 12

// maxShown is how many problems of one kind are written.
const maxShown = 50

// report writes what is wrong to standard error.
func (r *planRun) report() {
	r.write("", r.problems)
	r.write("Warning: ", r.warnings)
}

func (r *planRun) write(prefix string, lines []string) {
	for i, line := range lines {
		if i == maxShown {
			fmt.Fprintf(r.env.err, "%sand %d more\n", prefix, len(lines)-maxShown)
			return
		}
		fmt.Fprintf(r.env.err, "%s%s\n", prefix, printable.Line(line))
	}
}

// role is what a plan is made for.
type role int

const (
	asAsked role = iota // what simulate was asked for
	asBase              // what that is compared with, of whose input nothing is said again
	asLoss              // what would break if a cloud were lost
)

// plan builds a snapshot with the changes, plans it, has the plan checked, and makes it ready to be printed.
func (r *planRun) plan(scenario *files.Scenario, asked changes, role role) (*report.Plan, *planning.Result, *engine.Plan, error) {
	what := "planning"
	if role == asBase {
		what = "planning the base:"
	}
	r.progress.say("%s %s on %s", what, workloads(len(scenario.Workloads)), nodes(len(scenario.Nodes)))
	unavailable, poolUnavailable := scenario.Unavailable, scenario.PoolUnavailable
	defer func() { scenario.Unavailable, scenario.PoolUnavailable = unavailable, poolUnavailable }()
	if err := asked.scale(scenario.Input); err != nil {
		return nil, nil, nil, err
	}
	lost := asked.install(scenario.Input)
	begun := r.env.now()
	result, err := planning.Build(scenario.Input)
	if err != nil {
		return nil, nil, nil, err
	}
	if err := lost.unused(result); err != nil {
		return nil, nil, nil, err
	}
	if err := asked.reprice(result); err != nil {
		return nil, nil, nil, err
	}
	if role == asAsked {
		r.noteSnapshot(result)
	}
	// To check the plan takes about as long as to build what it is made from.
	options := r.options(1/float64(1+r.toCome(role, result)), r.env.now().Sub(begun))
	solver, exposed, err := result.Solver(options, len(asked.lose) > 0)
	if err != nil {
		return nil, nil, nil, err
	}
	plan := solver.Plan()
	if role == asAsked {
		r.noteProblems(plan)
		r.noteTraffic(solver.UnknownTraffic())
	}
	r.progress.say("checking the plan")
	if found := verify.Check(result.Snapshot, plan, options); len(found) > 0 {
		return nil, nil, nil, fmt.Errorf("internal error: the plan breaks a rule and is not shown: %s (%d in all); please report it with the files", found[0], len(found))
	}
	shown := report.NewPlan(result, plan, solver.Explain)
	for _, i := range exposed {
		shown.Placements[i].Exposed = true
	}
	if r.replay && role == asAsked {
		r.progress.say("replaying the plan")
		outcome, err := replay.Run(&replay.Input{Lists: scenario.Lists, Result: result, Plan: plan, Gone: lost.gone(result)})
		if err != nil {
			return nil, nil, nil, fmt.Errorf("replay the plan: %w", err)
		}
		shown.Replay = report.NewPlanReplay(result, outcome)
	}
	return shown, result, plan, nil
}

// noteSnapshot keeps what was left out of the snapshot, and what is not known of places.
func (r *planRun) noteSnapshot(result *planning.Result) {
	for _, problem := range result.Problems {
		r.problems = append(r.problems, problem.String())
	}
	r.bad += len(result.Problems)
	for i := range result.Pools {
		pool := &result.Pools[i]
		for _, problem := range pool.At.Problems {
			r.warnings = append(r.warnings, fmt.Sprintf("pool %s%s: %s", pool.Name, nodesOf(pool), problem))
		}
		if !result.Snapshot.Pools[i].Price.Known {
			r.warnings = append(r.warnings, fmt.Sprintf("pool %s: its price is not known, so the highest known price of each resource counts; a PriceList can give it", pool.Name))
		}
	}
}

// noteTraffic keeps of which traffic of the plan nobody knows what it costs or how long it takes: the bill holds a guess then.
func (r *planRun) noteTraffic(unknown []engine.UnknownTraffic) {
	for i := range unknown {
		traffic := &unknown[i]
		to, missing, remedy := "clients", []string{}, []string{}
		if traffic.To != nil {
			to = traffic.To.Place.String()
		}
		if traffic.Price {
			missing = append(missing, fmt.Sprintf("its price is not known, so that the invoice holds the highest known one, $%.4g a GB", traffic.AssumedUSDPerGB))
			remedy = append(remedy, "spec.egress of a PriceList")
		}
		if traffic.RoundTrip {
			missing = append(missing, fmt.Sprintf("its round trip is not known and counts as %g ms", engine.UnknownMilliseconds))
			remedy = append(remedy, "a LatencyMap")
		}
		r.warnings = append(r.warnings, fmt.Sprintf("traffic from %s to %s: %s; %s can give it", traffic.From.Place, to,
			strings.Join(missing, "; "), strings.Join(remedy, " and ")))
	}
}

// nodesOf names the nodes of a pool behind its name; empty when it has none.
func nodesOf(pool *planning.PoolInfo) string {
	names := make([]string, 0, len(pool.Nodes))
	for _, node := range pool.Nodes {
		names = append(names, node.Name)
	}
	switch len(names) {
	case 0:
		return ""
	case 1:
		return fmt.Sprintf(" (node %s)", names[0])
	}
	return fmt.Sprintf(" (%s: %s)", nodes(len(names)), listOf(names))
}

// noteProblems keeps what the engine found wrong. Calls to workloads that are not in the files are no mistake.
func (r *planRun) noteProblems(plan *engine.Plan) {
	for _, problem := range plan.Problems {
		if problem.Dangling {
			r.warnings = append(r.warnings, problem.String())
			continue
		}
		r.problems = append(r.problems, problem.String())
		r.bad++
	}
}

// base plans what the plan is compared with.
func (r *planRun) base(scenario *files.Scenario, replicas []int) (*report.Plan, string, error) {
	name := "base"
	switch r.compare {
	case baseUnchanged, baseCurrent:
		for i := range scenario.Workloads {
			scenario.Workloads[i].Replicas = replicas[i]
		}
		if r.compare == baseCurrent {
			name = asItRunsNow
			hold(scenario.Workloads)
		}
	default:
		other, _, err := r.read([]string{r.compare})
		if err != nil {
			return nil, "", err
		}
		for _, problem := range other.Problems {
			r.problems = append(r.problems, problem.String())
		}
		r.bad += len(other.Problems)
		scenario, name = other, r.compare
	}
	base, _, _, err := r.plan(scenario, changes{}, asBase)
	return base, name, err
}

// maxLossCells is how many workloads × pools a plan may have for the losses to be planned too.
const maxLossCells = 2_000_000

// losses plans the loss of each cloud that holds replicas, if there are several clouds.
func (r *planRun) losses(shown *report.Plan, result *planning.Result, plan *engine.Plan) error {
	clouds := map[string]bool{}
	for i := range result.Pools {
		if cloud := result.Pools[i].At.Cloud; plan.Pools[i].Replicas > 0 && cloud != "" {
			clouds[cloud] = true
		}
	}
	if r.noLosses || len(clouds) == 0 {
		return nil
	}
	if r.tooLarge(result) {
		r.warnings = append(r.warnings, "so large a plan leaves out what would break if a cloud were lost; ask with --lose cloud=NAME")
		return nil
	}
	if r.over() {
		r.warnings = append(r.warnings, "the deadline left no time to plan what would break if a cloud were lost; give it more, or ask with --lose cloud=NAME")
		return nil
	}
	names := slices.Sorted(maps.Keys(clouds))
	var planned atomic.Int32
	say := func() {
		r.progress.say("planning the loss of %s: %d of %d done", strings.Join(names, ", "), planned.Load(), len(names))
	}
	say()
	options := func(share float64) engine.Options { return r.options(share/float64(1+r.toCome(asLoss, result)), 0) }
	losses, err := planLosses(result, plan, names, options, func() { planned.Add(1); say() })
	shown.Losses = losses
	return err
}

// toCome is how many steps come after one, each of which may take as much of the time that is left.
func (r *planRun) toCome(role role, result *planning.Result) int {
	steps := 0
	if role == asAsked && !r.noLosses && !r.tooLarge(result) {
		steps++
	}
	if role != asBase && r.compare != "" {
		steps++
	}
	return steps
}

// tooLarge says that the losses of a plan are not planned unless one is asked for.
func (r *planRun) tooLarge(result *planning.Result) bool {
	return len(result.Pools)*len(result.Workloads) > maxLossCells
}
