package app

import (
	"context"
	"os"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	coordinationv1 "k8s.io/client-go/applyconfigurations/coordination/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/klog/v2"
	schedulerconfig "k8s.io/kubernetes/cmd/kube-scheduler/app/config"
	"k8s.io/utils/clock"

	"tradewind.dev/tradewind/pkg/kube/loop"
	"tradewind.dev/tradewind/pkg/state"
)

const (
	// reporter is the owner of the fields of the Lease.
	reportOwner = "tradewind-scheduler"
	// reportRetry is when a report that could not be written is written again.
	reportRetry = 5 * time.Second
)

// reporter says in a Lease which policies this scheduler decides by, so that the controller knows from when on a policy holds
// for pods that are made. Only the scheduler that places pods says so: a standby may be ahead of it, or behind.
type reporter struct {
	client              kubernetes.Interface
	clock               clock.Clock
	live                *state.Live
	namespace, identity string
	changes             *loop.Loop
	written             *state.Held // nil before the first
	failure             string      // of the last attempt
}

// newReporter returns what reports of a scheduler's state.
func newReporter(client kubernetes.Interface, clock clock.Clock, live *state.Live, namespace, identity string) *reporter {
	r := &reporter{client: client, clock: clock, live: live, namespace: namespace, identity: identity, changes: loop.New(clock, 0, 0)}
	live.OnChange(func(state.WorldChange) { r.changes.Changed() })
	live.OnReady(r.changes.Changed)
	return r
}

// run reports from the time when this scheduler leads until the context ends.
func (r *reporter) run(ctx context.Context, leads <-chan struct{}) {
	select {
	case <-ctx.Done():
	case <-leads:
		r.changes.Run(ctx, r.report)
	}
}

// report writes what is held now, unless it is written.
func (r *reporter) report(ctx context.Context) loop.Next {
	held := r.live.World().Held
	if !r.live.Ready() || r.written != nil && r.written.Equal(held) {
		return loop.Next{}
	}
	now := r.clock.Now()
	lease := coordinationv1.Lease(state.HeldLease, r.namespace).
		WithAnnotations(map[string]string{state.HeldAnnotation: held.String()}).
		WithSpec(coordinationv1.LeaseSpec().WithHolderIdentity(r.identity).WithRenewTime(metav1.NewMicroTime(now)))
	_, err := r.client.CoordinationV1().Leases(r.namespace).Apply(ctx, lease, metav1.ApplyOptions{FieldManager: reportOwner, Force: true})
	if err == nil {
		r.written, r.failure = &held, ""
		return loop.Next{}
	}
	if ctx.Err() == nil && err.Error() != r.failure {
		r.failure = err.Error()
		klog.FromContext(ctx).Error(err, "Policies are enforced, but that could not be said, so that their condition InForce stays Unknown: apply the roles of deploy/install",
			"lease", klog.KRef(r.namespace, state.HeldLease))
	}
	return loop.Next{At: now.Add(reportRetry)}
}

// announced is a leader election's lock that says when it is held.
type announced struct {
	resourcelock.Interface
	once sync.Once
	held chan struct{}
}

// Create implements resourcelock.Interface.
func (a *announced) Create(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	return a.announce(record, a.Interface.Create(ctx, record))
}

// Update implements resourcelock.Interface.
func (a *announced) Update(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	return a.announce(record, a.Interface.Update(ctx, record))
}

func (a *announced) announce(record resourcelock.LeaderElectionRecord, err error) error {
	if err == nil && record.HolderIdentity == a.Identity() {
		a.once.Do(func() { close(a.held) })
	}
	return err
}

// leads is closed when this scheduler is the one that places pods, at once where none is elected.
func leads(config *schedulerconfig.CompletedConfig) (leads <-chan struct{}, identity string) {
	held := make(chan struct{})
	if config.LeaderElection == nil {
		close(held)
		identity, _ = os.Hostname() // for people only
		return held, identity
	}
	config.LeaderElection.Lock = &announced{Interface: config.LeaderElection.Lock, held: held}
	return held, config.LeaderElection.Lock.Identity()
}
