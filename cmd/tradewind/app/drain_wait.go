package app

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/moves"
	"tradewind.dev/tradewind/pkg/printable"
	"tradewind.dev/tradewind/pkg/state"
)

// watchInterval is how often a command that waits looks at the cluster.
const watchInterval = time.Second

// wait returns when no replica is left in the place that has another one.
func (d *drain) wait(ctx context.Context, cluster client.Client, o *drained) error {
	if d.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, d.timeout)
		defer cancel()
	}
	progress := d.env.startProgress()
	defer progress.close()
	begun := o.left()
	for {
		if err := d.look(ctx, cluster, o); err != nil && ctx.Err() == nil {
			return explainConnection(err)
		}
		left, homeless := 0, 0
		for i := range o.Workloads {
			left += o.Workloads[i].Left
			homeless += min(o.Workloads[i].Homeless, o.Workloads[i].Left)
		}
		if ctx.Err() == nil && left <= homeless {
			return nil
		}
		progress.say("draining %s: left there: %s", d.place.text, printable.Ratio(left, max(begun, left), "replica", "replicas"))
		select {
		case <-ctx.Done():
			return d.interrupted(ctx, cluster, o, left)
		case <-time.After(watchInterval):
		}
	}
}

// look counts what is left in the place.
func (d *drain) look(ctx context.Context, cluster client.Client, o *drained) error {
	var pods corev1.PodList
	if err := cluster.List(ctx, &pods); err != nil {
		return fmt.Errorf("list pods: %w", err)
	}
	all := make([]*corev1.Pod, len(pods.Items))
	for i := range pods.Items {
		all[i] = &pods.Items[i]
	}
	if err := o.findEnding(ctx, cluster); err != nil {
		return err
	}
	o.Workloads = slices.DeleteFunc(o.Workloads, func(w drainedWorkload) bool { return o.ending[w.Namespace] })
	there := o.count(d, all)
	o.leaveOut(there)
	for i := range o.Workloads {
		w := &o.Workloads[i]
		w.Left = there[w.key()]
		delete(there, w.key())
	}
	for key, n := range there { // came up there after the drain began
		o.Workloads = append(o.Workloads, drainedWorkload{Kind: key.Kind, Namespace: key.Namespace, Name: key.Name, Replicas: n, Left: n})
	}
	return nil
}

// findEnding finds the namespaces that are being deleted. Who may not list namespaces is told so before the drain begins.
func (o *drained) findEnding(ctx context.Context, cluster client.Client) error {
	var namespaces corev1.NamespaceList
	if err := cluster.List(ctx, &namespaces); err != nil && !apierrors.IsForbidden(err) {
		return fmt.Errorf("list namespaces: %w", err)
	}
	for i := range namespaces.Items {
		if namespaces.Items[i].DeletionTimestamp != nil {
			o.ending[namespaces.Items[i].Name] = true
		}
	}
	return nil
}

// interrupted says what is left when the wait ends early, and why.
func (d *drain) interrupted(ctx context.Context, cluster client.Client, o *drained, left int) error {
	what := "interrupted"
	if ctx.Err() == context.DeadlineExceeded {
		what = fmt.Sprintf("not done within --timeout %s", d.timeout)
	}
	var reasons []string
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	for i := range o.Workloads {
		w := &o.Workloads[i]
		if w.Left == 0 {
			continue
		}
		reason := "nothing is said of it: is tradewind-controller running?"
		var placement v1alpha1.Placement
		if err := cluster.Get(ctx, client.ObjectKey{Namespace: w.Namespace, Name: state.PlacementName(w.Kind, w.Name)}, &placement); err == nil {
			if condition := meta.FindStatusCondition(placement.Status.Conditions, v1alpha1.ConditionRebalancing); condition != nil &&
				(condition.Status == metav1.ConditionTrue || condition.Reason != string(moves.CodeInPlace)) {
				reason = condition.Message
			}
		}
		reasons = append(reasons, fmt.Sprintf("%s %s/%s: %d left: %s", w.Kind, w.Namespace, w.Name, w.Left, reason))
	}
	return fmt.Errorf("%s: %s left in %s; the drain goes on (undo with: tradewind drain %s --undo)\n  %s",
		what, printable.Number(left, "replica is", "replicas are"), d.place.text, d.place.text, strings.Join(reasons, "\n  "))
}
