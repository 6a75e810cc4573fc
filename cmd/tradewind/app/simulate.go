package app

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/state/files"
)

var formatsOfPlan = []string{formatTable, formatJSON, formatCSV}

// simulation is the flags of simulate.
type simulation struct {
	env         *environment
	output      string
	paths       []string
	namespace   string
	lose        []string
	price       []string
	scale       []string
	compare     string
	optimizeFor string
	objective   string
	deadline    time.Duration
	noLosses    bool
	replay      bool
	cloudLabels []string
}

// Names of bases that are no path.
const (
	baseUnchanged = "base"
	baseCurrent   = "current"
)

func newSimulate(env *environment) *cobra.Command {
	s := &simulation{env: env}
	cmd := &cobra.Command{
		Use: "simulate -f PATH...", Short: "Plan where workloads should be, from files, without a cluster",
		Long: `Plans where every replica should be, what that costs and what would break, from ordinary manifests: Nodes, workloads,
Tradewind's policies, CloudPools, PriceLists and LatencyMaps, volumes and claims, running Pods. "tradewind snapshot" writes such
files from a cluster. Nothing is changed anywhere.

PATH is a file, a folder (with the folders in it) or - for standard input. Files are read as "kubectl apply -f" reads them;
what that would refuse or leave out is refused. Objects of other kinds are ignored. What is wrong with an object is said on
standard error, with file, line, object and field, and the rest is planned.

` + files.Limits + `

SELECTOR names pools by cloud=, region=, zone=, cluster=, pool=, instanceType=, capacityType= or node=, several with commas
between.

--compare lays the plan beside another one: that of other files (PATH), "base" for these files without --lose, --price and
--scale, or "current" for the replicas as they run now.

--replay binds the replicas one after the other where the plan has them, by kube-scheduler's own filters over the nodes that exist
and those to be added, and names each filter that refuses a replica on its node.

Exit status 0: every replica has a place; 2: some have none, or with --replay kube-scheduler would refuse some; 1: bad input.`,
		Args: cobra.NoArgs,
	}
	named(cmd, `  # Where should everything be, and what does it cost?
  tradewind simulate -f examples/scenarios/three-clouds

  # What happens when AWS is gone, against today?
  tradewind simulate -f examples/scenarios/three-clouds --lose cloud=aws --compare base

  # Would kube-scheduler bind every replica where the plan has it?
  tradewind simulate -f examples/scenarios/three-clouds --replay

  # Spot capacity in Ireland doubles in price, and the shop is busy.
  tradewind simulate -f snapshot/ --price cloud=aws,region=eu-west-1,capacityType=spot=x2 --scale shop/web=40 -o json`)
	outputFlag(cmd, &s.output, formatsOfPlan)
	flags := cmd.Flags()
	flags.StringArrayVarP(&s.paths, "filename", "f", nil, "file, folder, or - for standard input; repeatable")
	flags.StringVarP(&s.namespace, "namespace", "n", "default", "namespace of objects that name none")
	flags.StringArrayVar(&s.lose, "lose", nil, "plan as if what SELECTOR names were gone; repeatable")
	flags.StringArrayVar(&s.price, "price", nil, "multiply the price of nodes: SELECTOR=xFACTOR; repeatable")
	flags.StringArrayVar(&s.scale, "scale", nil, "another number of replicas: [NAMESPACE/]WORKLOAD=N; repeatable")
	flags.StringVar(&s.compare, "compare", "", `another plan to compare with: PATH, "base" or "current"`)
	flags.StringVar(&s.optimizeFor, "optimize-for", "", "what counts where no policy says: Cost, Latency, Balanced (the default)")
	addObjective(cmd, &s.objective)
	flags.DurationVar(&s.deadline, "deadline", 0, "stop searching this long after the start, reading included, and take the best plan so far; 0 for no limit")
	flags.BoolVar(&s.noLosses, "no-losses", false, "leave out what would break if each cloud were lost, which takes a plan for each")
	flags.BoolVar(&s.replay, "replay", false, "bind the plan's replicas by kube-scheduler's own filters, and say which they refuse")
	addCloudLabels(cmd, &s.cloudLabels)
	complete(cmd, "optimize-for", optimizations)
	cmd.RunE = func(*cobra.Command, []string) error { return s.run() }
	return cmd
}

// objectives are what plans may minimise.
var objectives = []string{string(engine.ObjectiveInvoice), string(engine.ObjectiveShares)}

// addObjective adds the flag that says what plans minimise.
func addObjective(cmd *cobra.Command, objective *string) {
	cmd.Flags().StringVar(objective, "objective", string(engine.ObjectiveInvoice),
		"what plans minimise beside what is only valued: invoice (whole machines in use, and traffic) or shares (what is attributed to replicas; for charge-back)")
	complete(cmd, "objective", objectives)
}

func (s *simulation) run() error {
	if len(s.paths) == 0 {
		return errors.New("nothing to plan: give -f PATH, a file or folder of manifests, or - for standard input")
	}
	if err := checkFormat(s.output, formatsOfPlan); err != nil {
		return err
	}
	if s.optimizeFor != "" {
		if err := oneOf("--optimize-for", s.optimizeFor, optimizations); err != nil {
			return err
		}
	}
	if err := oneOf("--objective", s.objective, objectives); err != nil {
		return err
	}
	if s.deadline < 0 {
		return fmt.Errorf("--deadline %s is negative; give a time such as 5s, or 0 for no limit", s.deadline)
	}
	options, err := locationOptions(s.cloudLabels)
	if err != nil {
		return err
	}
	asked, err := parseChanges(s.lose, s.price, s.scale)
	if err != nil {
		return err
	}
	progress := s.env.startProgress()
	run := &planRun{simulation: s, progress: progress, location: options, begun: s.env.now()}
	shown, err := run.all(asked)
	progress.close()
	if err != nil {
		return err
	}
	run.report()
	if s.output == formatCSV && shown.Replay != nil {
		run.write("", shown.Replay.Lines()) // rows of a plan have no place for it
	}
	if err := s.env.print(s.output, formatsOfPlan, shown); err != nil {
		return err
	}
	switch {
	case run.bad > 0:
		fmt.Fprintf(s.env.err, "Error: bad input: %d of what the files say cannot be used (above); the rest is planned\n", run.bad)
		return errReported
	case shown.Unplaced > 0, shown.Replay != nil && shown.Replay.Refused > 0:
		return errUnplaced
	}
	return nil
}

// options are those of a plan that may take a share of the time that is left, less what comes after it takes.
func (r *planRun) options(share float64, after time.Duration) engine.Options {
	out := engine.Options{OptimizeFor: v1alpha1.OptimizeFor(r.optimizeFor), Objective: engine.Objective(r.objective)}
	if r.deadline > 0 {
		now := r.env.now()
		left := time.Duration(share * float64(r.begun.Add(r.deadline).Sub(now)))
		out.Within(r.env.now, now, now.Add(max(left-min(after, left/2), 0)))
	}
	return out
}

// over says that no time is left for what could be left out.
func (r *planRun) over() bool { return r.deadline > 0 && !r.env.now().Before(r.begun.Add(r.deadline)) }

// read reads files and shows the progress.
func (r *planRun) read(paths []string) (*files.Scenario, *files.Set, error) {
	r.progress.say("reading")
	set, err := files.Read(paths, r.env.in, files.Options{
		Namespace: r.namespace,
		Progress:  func(files, documents int) { r.progress.say("reading: %d files, %d documents", files, documents) },
	})
	if err != nil {
		return nil, nil, err
	}
	scenario, err := set.Scenario(r.location, r.env.now())
	return scenario, set, err
}
