package app

import (
	"context"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"

	"tradewind.dev/tradewind/pkg/kube/loop"
	"tradewind.dev/tradewind/pkg/state"
)

const (
	// plannerInterval is how often is looked whether the controller is alive, and plannerTimeout how long a look may take.
	plannerInterval = time.Second
	plannerTimeout  = 5 * time.Second
	// longestLease is how long a Lease counts at most after it was renewed, whatever it says.
	longestLease = 15 * time.Second
)

// plannerWatch looks whether a tradewind-controller plans by whole machines, by the Lease that it renews, so that the pods of new
// workloads wait for their plans then, and then alone. Without it they are placed by the rules and prices at once.
type plannerWatch struct {
	client    kubernetes.Interface
	clock     clock.Clock
	live      *state.Live
	namespace string
	renewed   string // what the Lease said when it was seen last
	failure   string // of the last look
}

// run looks from the time when this scheduler leads until the context ends: pods that wait elsewhere would tell their events twice.
func (w *plannerWatch) run(ctx context.Context, leads <-chan struct{}) {
	select {
	case <-ctx.Done():
	case <-leads:
		w.look(ctx)
		loop.Every(ctx, w.clock, plannerInterval, w.look)
	}
}

// look looks once. What cannot be read for a while leaves what is known, which ends by itself.
func (w *plannerWatch) look(ctx context.Context) {
	asking, cancel := context.WithTimeout(ctx, plannerTimeout)
	defer cancel()
	lease, err := w.client.CoordinationV1().Leases(w.namespace).Get(asking, state.PlannerLease, metav1.GetOptions{})
	switch {
	case err == nil:
		w.failure = ""
		w.judge(lease)
		return
	case apierrors.IsNotFound(err), apierrors.IsForbidden(err):
		w.renewed = ""
		w.live.ExpectPlans(time.Time{})
	}
	if ctx.Err() == nil && !apierrors.IsNotFound(err) && err.Error() != w.failure {
		w.failure = err.Error()
		klog.FromContext(ctx).Error(err, "Whether tradewind-controller runs could not be read; pods of new workloads do not wait for its plans: apply the roles of deploy/install",
			"lease", klog.KRef(w.namespace, state.PlannerLease))
	}
}

// judge takes a Lease for alive as long as it lasts from when it was seen to be renewed, by this scheduler's clock. Of the first one that it
// sees it believes when that was.
func (w *plannerWatch) judge(lease *coordinationv1.Lease) {
	spec := &lease.Spec
	if spec.HolderIdentity == nil || *spec.HolderIdentity == "" || spec.RenewTime == nil || spec.LeaseDurationSeconds == nil ||
		lease.Labels[state.ObjectiveLabel] != state.ObjectiveInvoice {
		w.renewed = ""
		w.live.ExpectPlans(time.Time{})
		return
	}
	now, lasts := w.clock.Now(), min(time.Duration(*spec.LeaseDurationSeconds)*time.Second, longestLease)
	first, renewed := w.renewed == "", *spec.HolderIdentity+" "+spec.RenewTime.UTC().Format(time.RFC3339Nano)
	if renewed == w.renewed {
		return
	}
	w.renewed = renewed
	if ago := now.Sub(spec.RenewTime.Time).Abs(); first && ago >= lasts {
		return
	}
	w.live.ExpectPlans(now.Add(lasts))
}
