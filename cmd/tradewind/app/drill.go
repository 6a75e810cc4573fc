package app

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/kube/taints"
	"tradewind.dev/tradewind/pkg/loss"
	"tradewind.dev/tradewind/pkg/printable"
	"tradewind.dev/tradewind/pkg/state"
)

// drill is the flags of drill.
type drill struct {
	env        *environment
	flags      *clusterFlags
	output     string
	lose       string
	yes, undo  bool
	timeout    time.Duration
	schedulers []string
	objective  string
	place      selector
}

// simulators are annotations of nodes that are only simulated: KWOK's own, and the testbed's.
var simulators = []string{"kwok.x-k8s.io/node", "testbed.tradewind.dev/pool"}

const (
	// drillMargin is how long after the policy's failover.after a workload may need to be back.
	drillMargin = 5 * time.Second
	// drillPatience is how long a drill waits for replicas beyond that.
	drillPatience = 2 * time.Minute
	// restoreTime limits how long putting everything back may take.
	restoreTime = 30 * time.Second
	// parallelWrites is how many nodes are written at a time.
	parallelWrites = 16
)

func newDrill(env *environment) *cobra.Command {
	d := &drill{env: env}
	cmd := &cobra.Command{
		Use: "drill --lose PLACE", Short: "Lose a cloud, region, zone or pool on purpose, and measure the recovery",
		Long: `Makes a loss happen on purpose, by agreement: it taints the nodes of a place with tradewind.dev/drill, tradewind-controller
takes them for lost, and replaces the replicas there that a policy with failover selects. The command measures for each
workload how long it takes until all its replicas are ready elsewhere, compares that with the policy's failover.after plus
5 s, and takes the taints off again: at the end, when it fails, and when it is interrupted. Should it be killed, --undo puts
everything back, and the controller does so by itself when the drill's --timeout has passed.

The nodes go on running, so their pods end in the ordinary way and volumes are detached before they are attached elsewhere.
As in a real loss PodDisruptionBudgets are not asked. Replicas of policies without failover, and pods of other schedulers,
stay where they are. What was moved returns as the policies' failover.failback and stabilization say.

PLACE is cloud=NAME, region=CLOUD/REGION, zone=NAME or pool=NAME; with commas between, what is in all of these. Nodes that are only
simulated need no confirmation.

Exit status 0: every workload was back in time; 1: anything else.`,
		Args: cobra.NoArgs,
	}
	named(cmd, `  # How long would the loss of AWS be felt?
  tradewind drill --lose cloud=aws

  # From a script, and as JSON.
  tradewind drill --lose region=aws/eu-west-1 --yes -o json

  # After a drill that was killed.
  tradewind drill --undo`)
	d.flags = newClusterFlags()
	d.flags.workloads, d.flags.config.Namespace = true, nil
	d.flags.add(cmd)
	outputFlag(cmd, &d.output, formatsOfData)
	flags := cmd.Flags()
	flags.StringVar(&d.lose, "lose", "", "the `PLACE` to lose")
	flags.BoolVar(&d.yes, "yes", false, "do not ask for confirmation")
	flags.BoolVar(&d.undo, "undo", false, "put back what a drill left behind")
	flags.DurationVar(&d.timeout, "timeout", 0, "how long to wait for the replicas; 0 for the longest failover.after plus two minutes")
	flags.StringSliceVar(&d.schedulers, "scheduler-names", defaultSchedulers, "names of tradewind-scheduler's profiles")
	addObjective(cmd, &d.objective)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return d.run(cmd.Context()) }
	return cmd
}

func (d *drill) run(ctx context.Context) (err error) {
	if err := checkFormat(d.output, formatsOfData); err != nil {
		return err
	}
	if err := oneOf("--objective", d.objective, objectives); err != nil {
		return err
	}
	switch {
	case d.undo && d.lose != "":
		return errors.New("--undo ends every drill: leave --lose out")
	case !d.undo && d.lose == "":
		return errors.New("nothing to lose: give --lose PLACE, such as --lose cloud=aws")
	case d.timeout < 0 || d.timeout > 24*time.Hour:
		return fmt.Errorf("--timeout %s: give a time up to 24h, or 0 for the default", d.timeout)
	}
	if d.lose != "" {
		if d.place, err = parsePlace("--lose", d.lose); err != nil {
			return err
		}
	}
	cluster, err := d.flags.client()
	if err != nil {
		return err
	}
	if d.undo {
		return d.end(ctx, cluster)
	}
	snapshot, err := d.flags.collect(ctx, d.env, cluster)
	if err != nil {
		return err
	}
	d.env.warnOf(snapshot)
	drilled, names, err := d.prepare(snapshot)
	if err != nil {
		return err
	}
	if err := d.confirm(ctx, snapshot, drilled, names); err != nil {
		return err
	}
	lost := d.measure(ctx, cluster, drilled, names)
	if lost == nil {
		if err := d.explain(ctx, cluster, drilled); err != nil {
			d.env.warn("why replicas are not back is not known: " + err.Error())
		}
	}
	if err := errors.Join(lost, d.restore(ctx, cluster, names)); err != nil {
		return err
	}
	if err := d.env.print(d.output, formatsOfData, drilled); err != nil {
		return err
	}
	if late := drilled.late(); late > 0 {
		return fmt.Errorf("not back within failover.after plus %s: %s", drillMargin, printable.Ratio(late, drilled.replaced(), "workload", "workloads"))
	}
	return nil
}

// prepare finds out what is to be lost.
func (d *drill) prepare(snapshot *state.Snapshot) (*drilled, []string, error) {
	for _, node := range snapshot.Nodes {
		if slices.ContainsFunc(node.Spec.Taints, isDrill) {
			return nil, nil, fmt.Errorf("node %s is in a drill already; wait for its end, or put everything back with: tradewind drill --undo", node.Name)
		}
	}
	options, err := locationOptions(d.flags.cloudLabels)
	if err != nil {
		return nil, nil, err
	}
	now, err := planLive(snapshot, snapshot.World(), options, engine.Objective(d.objective))
	if err != nil {
		return nil, nil, err
	}
	p, err := find("--lose", d.place, now.input, now.result)
	if err != nil {
		return nil, nil, err
	}
	if len(p.others) == 0 {
		return nil, nil, fmt.Errorf("--lose %s: no node would be left; name a smaller place", d.lose)
	}
	var names []string
	for name := range p.nodes {
		names = append(names, name)
	}
	slices.Sort(names)
	return newDrilled(d, p, snapshot, now), names, nil
}

func isDrill(taint corev1.Taint) bool { return taint.Key == v1alpha1.TaintDrill }

// confirm asks whether it is meant, unless the nodes are only simulated.
func (d *drill) confirm(ctx context.Context, snapshot *state.Snapshot, o *drilled, names []string) error {
	simulated := !slices.ContainsFunc(snapshot.Nodes, func(node *corev1.Node) bool {
		return slices.Contains(names, node.Name) && !slices.ContainsFunc(simulators, func(key string) bool { return node.Annotations[key] != "" })
	})
	if d.yes || simulated {
		return ctx.Err()
	}
	fmt.Fprintf(d.env.err, "This takes %s for lost and replaces %s of %s, without asking PodDisruptionBudgets.\nType %s to go on: ",
		nodes(len(names)), replicas(o.lost()), workloads(o.replaced()), d.lose)
	answer, err := bufio.NewReader(d.env.in).ReadString('\n')
	if strings.TrimSpace(answer) != d.lose {
		if err != nil && answer == "" {
			return errors.New("not confirmed: there is no answer on standard input; type the place, or give --yes")
		}
		return errors.New("not confirmed; nothing was done")
	}
	return ctx.Err()
}

// taint marks the nodes until a time.
func (d *drill) taint(ctx context.Context, cluster client.Client, names []string, until time.Time) error {
	now := metav1.NewTime(d.env.now())
	taint := corev1.Taint{
		Key: v1alpha1.TaintDrill, Value: strconv.FormatInt(until.Unix(), 10), Effect: corev1.TaintEffectNoSchedule, TimeAdded: &now,
	}
	return d.each(ctx, cluster, names, func(taints []corev1.Taint) []corev1.Taint { return append(slices.DeleteFunc(taints, isDrill), taint) })
}

func (d *drill) each(ctx context.Context, cluster client.Client, names []string, edit func([]corev1.Taint) []corev1.Taint) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallelWrites)
	for _, name := range names {
		group.Go(func() error {
			err := taints.Edit(ctx, cluster, name, edit)
			if apierrors.IsForbidden(err) {
				return fmt.Errorf("%w; a drill needs the right to patch nodes", err)
			}
			return err
		})
	}
	return explainConnection(group.Wait())
}

// restore takes the taints off again, also when the context has ended.
func (d *drill) restore(ctx context.Context, cluster client.Client, names []string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), restoreTime)
	defer cancel()
	err := d.each(ctx, cluster, names, func(taints []corev1.Taint) []corev1.Taint { return slices.DeleteFunc(taints, isDrill) })
	if err != nil {
		return fmt.Errorf("not everything was put back: %w; try: tradewind drill --undo", err)
	}
	return nil
}

// end takes the taints of all drills off.
func (d *drill) end(ctx context.Context, cluster client.Client) error {
	var nodes corev1.NodeList
	if err := cluster.List(ctx, &nodes); err != nil {
		return explainConnection(err)
	}
	var names []string
	for i := range nodes.Items {
		if slices.ContainsFunc(nodes.Items[i].Spec.Taints, isDrill) {
			names = append(names, nodes.Items[i].Name)
		}
	}
	if err := d.restore(ctx, cluster, names); err != nil {
		return err
	}
	_, err := fmt.Fprintf(d.env.out, "%s taken out of a drill.\n", printable.Number(len(names), "node was", "nodes were"))
	return err
}

// allowance is how long a workload may be away under a policy's failover.
func allowance(policy *v1alpha1.Failover) time.Duration { return loss.After(policy) + drillMargin }
