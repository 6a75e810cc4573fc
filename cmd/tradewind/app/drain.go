package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/printable"
	"tradewind.dev/tradewind/pkg/state"
	"tradewind.dev/tradewind/pkg/workload"
)

// annotationPlace is the place that a drain empties, as the command was given it.
const annotationPlace = "tradewind.dev/place"

// drain is the flags of drain.
type drain struct {
	env        *environment
	flags      *clusterFlags
	output     string
	undo       bool
	dryRun     bool
	force      bool
	noWait     bool
	timeout    time.Duration
	schedulers []string
	objective  string
	place      selector
}

func newDrain(env *environment) *cobra.Command {
	d := &drain{env: env}
	cmd := &cobra.Command{
		Use: "drain PLACE", Short: "Move all replicas out of a cloud, region, zone or pool, reversibly",
		Long: `Moves the replicas that Tradewind's scheduler places out of a place, and keeps new ones from it: it makes a
ClusterPlacementPolicy "drain-PLACE" that forbids the place, and tradewind-controller evicts the replicas there, a few of
each workload at a time, heeding PodDisruptionBudgets. The command waits until none is left. It may be ended and called
again; the drain goes on without it. --undo lets replicas return; by themselves they do where their policies set rebalance.

PLACE is cloud=NAME, region=CLOUD/REGION, zone=NAME or pool=NAME; with commas between, what is in all of these:
region=aws/eu-west-1,pool=web. Places that are to be emptied one beside the other are drains of their own.

Pods of other schedulers, of Jobs and of DaemonSets are not moved, nor those of namespaces that are being deleted, which go
by themselves. It refuses when the rest of the cluster cannot hold the replicas, or not by their policies, and says which;
--force drains what can be moved.

Exit status 0: the place is empty, or would be; 1: anything else.`,
		Args: cobra.ExactArgs(1),
	}
	named(cmd, `  # What would move out of AWS, where to, and what would it cost?
  tradewind drain cloud=aws --dry-run

  # The same where tradewind-controller has --objective=shares.
  tradewind drain cloud=aws --dry-run --objective shares

  # Empty a region, and take that back.
  tradewind drain region=aws/eu-west-1
  tradewind drain region=aws/eu-west-1 --undo`)
	d.flags = newClusterFlags()
	d.flags.workloads, d.flags.config.Namespace = true, nil
	d.flags.add(cmd)
	outputFlag(cmd, &d.output, formatsOfData)
	flags := cmd.Flags()
	flags.BoolVar(&d.undo, "undo", false, "end the drain: replicas may be in the place again")
	flags.BoolVar(&d.dryRun, "dry-run", false, "only say what would move, where to, and what it would cost")
	flags.BoolVar(&d.force, "force", false, "drain although some replicas have no other place")
	flags.BoolVar(&d.noWait, "no-wait", false, "do not wait until the place is empty")
	flags.DurationVar(&d.timeout, "timeout", 0, "how long to wait; 0 for no limit")
	flags.StringSliceVar(&d.schedulers, "scheduler-names", defaultSchedulers, "names of tradewind-scheduler's profiles")
	addObjective(cmd, &d.objective)
	cmd.RunE = func(cmd *cobra.Command, arguments []string) error { return d.run(cmd.Context(), arguments[0]) }
	return cmd
}

func (d *drain) run(ctx context.Context, text string) (err error) {
	if d.place, err = parsePlace("drain", text); err != nil {
		return err
	}
	if err := checkFormat(d.output, formatsOfData); err != nil {
		return err
	}
	if err := oneOf("--objective", d.objective, objectives); err != nil {
		return err
	}
	if d.undo && (d.dryRun || d.force) {
		return errors.New("--undo goes with neither --dry-run nor --force")
	}
	if d.timeout < 0 {
		return fmt.Errorf("--timeout %s is negative; give a time such as 10m, or 0 for no limit", d.timeout)
	}
	cluster, err := d.flags.client()
	if err != nil {
		return err
	}
	return d.on(ctx, cluster)
}

// on drains the place in a cluster, or ends that.
func (d *drain) on(ctx context.Context, cluster client.Client) error {
	if d.undo {
		return d.end(ctx, cluster)
	}
	snapshot, err := d.flags.collect(ctx, d.env, cluster)
	if err != nil {
		return err
	}
	d.env.warnOf(snapshot)
	preview, err := d.preview(snapshot)
	if err != nil {
		return err
	}
	if d.dryRun {
		return errors.Join(d.env.print(d.output, formatsOfData, preview), preview.refusal())
	}
	if err := preview.refusal(); err != nil && !d.force {
		return err
	}
	created, err := d.begin(ctx, cluster, preview.policy)
	if err != nil {
		return err
	}
	if created {
		fmt.Fprintf(d.env.err, "ClusterPlacementPolicy %s forbids %s; undo with: tradewind drain %s --undo\n", preview.policy.Name, d.place.text, d.place.text)
	} else {
		fmt.Fprintf(d.env.err, "%s is being drained already; undo with: tradewind drain %s --undo\n", d.place.text, d.place.text)
	}
	if !d.noWait {
		if err := d.wait(ctx, cluster, preview); err != nil {
			return err
		}
	}
	if err := d.env.print(d.output, formatsOfData, preview); err != nil {
		return err
	}
	if left := preview.left(); left > 0 && !d.noWait {
		return fmt.Errorf("%s left in %s: there is no other place", printable.Number(left, "replica is", "replicas are"), d.place.text)
	}
	return nil
}

// policyName is the name of the policy that drains the place.
func (d *drain) policyName() string { return "drain-" + d.place.slug() }

// policy forbids the place.
func (d *drain) policy(p *place, now time.Time) (*v1alpha1.ClusterPlacementPolicy, error) {
	avoid, err := p.avoid()
	if err != nil {
		return nil, err
	}
	policy := &v1alpha1.ClusterPlacementPolicy{
		TypeMeta: metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "ClusterPlacementPolicy"},
		ObjectMeta: metav1.ObjectMeta{
			Name: d.policyName(), CreationTimestamp: metav1.NewTime(now),
			Labels: map[string]string{v1alpha1.LabelDrain: "true"}, Annotations: map[string]string{annotationPlace: d.place.text},
		},
	}
	policy.Spec.Locations = &v1alpha1.Locations{Required: []metav1.LabelSelectorRequirement{avoid}}
	return policy, nil
}

// begin creates the policy, or leaves the one that is there.
func (d *drain) begin(ctx context.Context, cluster client.Client, policy *v1alpha1.ClusterPlacementPolicy) (created bool, err error) {
	object := policy.DeepCopy()
	object.CreationTimestamp = metav1.Time{}
	err = cluster.Create(ctx, object)
	if err == nil {
		return true, nil
	}
	if !apierrors.IsAlreadyExists(err) {
		if apierrors.IsForbidden(err) {
			return false, fmt.Errorf("%w; ask for the ClusterRole tradewind-admin", err)
		}
		return false, explainConnection(err)
	}
	var there v1alpha1.ClusterPlacementPolicy
	if err := cluster.Get(ctx, client.ObjectKeyFromObject(object), &there); err != nil {
		return false, explainConnection(err)
	}
	if there.Labels[v1alpha1.LabelDrain] != "true" || there.Annotations[annotationPlace] != d.place.text {
		return false, fmt.Errorf("ClusterPlacementPolicy %s is there and is not of this drain: rename or delete it", there.Name)
	}
	if !slices.EqualFunc(there.Spec.Locations.Required, policy.Spec.Locations.Required, func(a, b metav1.LabelSelectorRequirement) bool {
		return a.Key == b.Key && a.Operator == b.Operator && slices.Equal(a.Values, b.Values)
	}) { // the place has other zones than then
		there.Spec.Locations = policy.Spec.Locations
		return false, explainConnection(cluster.Update(ctx, &there))
	}
	return false, nil
}

// end deletes the policy.
func (d *drain) end(ctx context.Context, cluster client.Client) error {
	var there v1alpha1.ClusterPlacementPolicy
	err := cluster.Get(ctx, client.ObjectKey{Name: d.policyName()}, &there)
	switch {
	case apierrors.IsNotFound(err):
		return d.notDrained(ctx, cluster)
	case err != nil:
		return explainConnection(err)
	case there.Labels[v1alpha1.LabelDrain] != "true":
		return fmt.Errorf("ClusterPlacementPolicy %s was not made by drain (it has no label %s=true) and is left", there.Name, v1alpha1.LabelDrain)
	}
	if err := client.IgnoreNotFound(cluster.Delete(ctx, &there)); err != nil {
		return explainConnection(err)
	}
	_, err = fmt.Fprintf(d.env.out, "%s may be used again. Replicas return where their policies set rebalance and returning saves enough.\n", d.place.text)
	return err
}

// notDrained names the drains that there are.
func (d *drain) notDrained(ctx context.Context, cluster client.Client) error {
	var list v1alpha1.ClusterPlacementPolicyList
	if err := cluster.List(ctx, &list, client.MatchingLabels{v1alpha1.LabelDrain: "true"}); err != nil {
		return explainConnection(err)
	}
	var places []string
	for i := range list.Items {
		places = append(places, list.Items[i].Annotations[annotationPlace])
	}
	if len(places) == 0 {
		return fmt.Errorf("%s is not being drained, nor is any other place", d.place.text)
	}
	return fmt.Errorf("%s is not being drained; drained are %s", d.place.text, strings.Join(places, "; "))
}

// preview plans the cluster as it is without the place.
func (d *drain) preview(snapshot *state.Snapshot) (*drained, error) {
	options, err := locationOptions(d.flags.cloudLabels)
	if err != nil {
		return nil, err
	}
	now, err := planLive(snapshot, snapshot.World(), options, engine.Objective(d.objective))
	if err != nil {
		return nil, err
	}
	p, err := find("drain", d.place, now.input, now.result)
	if err != nil {
		return nil, err
	}
	policy, err := d.policy(p, snapshot.Time)
	if err != nil {
		return nil, err
	}
	world, err := withPolicy(snapshot, policy)
	if err != nil {
		return nil, err
	}
	empty := *snapshot
	empty.Pods = withoutEnding(snapshot.Pods, p, now.input.Ending)
	then, err := planLive(&empty, world, options, engine.Objective(d.objective))
	if err != nil {
		return nil, err
	}
	return newDrained(d, p, policy, snapshot, now, then)
}

// withoutEnding are the pods without those in a place that go with their namespaces: where the place is empty they hold no machine there.
func withoutEnding(pods []*corev1.Pod, p *place, ending map[string]bool) []*corev1.Pod {
	return slices.DeleteFunc(slices.Clone(pods), func(pod *corev1.Pod) bool {
		_, in := p.nodes[pod.Spec.NodeName]
		return in && ending[pod.Namespace] && workload.RoleOf(pod) != workload.OfNode
	})
}
