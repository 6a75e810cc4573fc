package app

import (
	"context"
	"errors"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	kubetesting "k8s.io/client-go/testing"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	clocktesting "k8s.io/utils/clock/testing"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/kube/loop"
	"tradewind.dev/tradewind/pkg/kube/loop/looptest"
	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/state"
)

// Nothing is said before all was read; then what is in force, again after a failure, and not twice.
func TestReport(t *testing.T) {
	now := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	live, err := state.NewLive(location.DefaultOptions(), now)
	if err != nil {
		t.Fatal(err)
	}
	client := fake.NewClientset()
	var refusal error
	writes := 0
	client.PrependReactor("patch", "leases", func(kubetesting.Action) (bool, runtime.Object, error) {
		writes++
		return refusal != nil, nil, refusal
	})
	r := newReporter(client, clocktesting.NewFakeClock(now), live, "tradewind-system", "scheduler-a")
	policy := func(generation int64) state.Objects {
		return state.Objects{PlacementPolicies: []*v1alpha1.PlacementPolicy{{ObjectMeta: metav1.ObjectMeta{UID: "a", Generation: generation}}}}
	}
	report := func(wantWrites int, generation int64, again bool) {
		t.Helper()
		next := r.report(t.Context())
		if writes != wantWrites || next.At.IsZero() == again {
			t.Errorf("%d writes, again at %v; want %d writes, again %t", writes, next.At, wantWrites, again)
		}
		lease, err := client.CoordinationV1().Leases("tradewind-system").Get(t.Context(), state.HeldLease, metav1.GetOptions{})
		if generation == 0 {
			if err == nil {
				t.Errorf("a Lease %v before anything was said", lease.Annotations)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		held, err := state.ParseHeld(lease.Annotations[state.HeldAnnotation])
		if err != nil || !held.Has("a", generation) || *lease.Spec.HolderIdentity != "scheduler-a" {
			t.Errorf("the Lease does not say that %s holds generation %d: error %v", *lease.Spec.HolderIdentity, generation, err)
		}
	}
	report(0, 0, false)
	if err := live.PutInForce(policy(1), now); err != nil {
		t.Fatal(err)
	}
	report(0, 0, false)
	live.SetReady()
	refusal = errors.New("not now")
	report(1, 0, true)
	refusal = nil
	report(2, 1, false)
	report(2, 1, false)
	if !looptest.Asks(t, func(l *loop.Loop) { r.changes = l }, func() {
		if err := live.PutInForce(policy(2), now); err != nil {
			t.Error(err)
		}
	}) {
		t.Error("a changed policy asks for no report")
	}
	report(3, 2, false)
}

// lock is a leader election's that takes what it is given.
type lock struct {
	resourcelock.Interface
	failure error
}

func (l *lock) Identity() string { return "scheduler-a" }

func (l *lock) Create(context.Context, resourcelock.LeaderElectionRecord) error { return l.failure }

func (l *lock) Update(context.Context, resourcelock.LeaderElectionRecord) error { return l.failure }

func TestLeads(t *testing.T) {
	under := &lock{failure: errors.New("another one was faster")}
	a := &announced{Interface: under, held: make(chan struct{})}
	leading := func() bool {
		select {
		case <-a.held:
			return true
		default:
			return false
		}
	}
	mine := resourcelock.LeaderElectionRecord{HolderIdentity: "scheduler-a"}
	if err := a.Create(t.Context(), mine); !errors.Is(err, under.failure) || leading() {
		t.Errorf("not taken: error %v, leads %t", err, leading())
	}
	under.failure = nil
	if err := a.Update(t.Context(), resourcelock.LeaderElectionRecord{HolderIdentity: ""}); err != nil || leading() {
		t.Errorf("released: error %v, leads %t", err, leading())
	}
	for range 2 {
		if err := a.Update(t.Context(), mine); err != nil || !leading() {
			t.Errorf("taken: error %v, leads %t", err, leading())
		}
	}
}
