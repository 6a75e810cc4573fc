package ledger

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	testingclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/workload"
)

var (
	noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	web  = workload.Key{Kind: "Deployment", Namespace: "shop", Name: "web"}
)

type bench struct {
	*testing.T
	client.Client
	clock  *testingclock.FakeClock
	writes int
	refuse error
}

func newBench(t *testing.T) *bench {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	b := &bench{T: t, clock: testingclock.NewFakeClock(noon)}
	b.Client = fake.NewClientBuilder().WithScheme(scheme).WithStatusSubresource(&v1alpha1.Placement{}).WithInterceptorFuncs(interceptor.Funcs{
		SubResourceApply: func(ctx context.Context, to client.Client, name string, object runtime.ApplyConfiguration, options ...client.SubResourceApplyOption) error {
			b.writes++
			if b.refuse != nil {
				return b.refuse
			}
			return to.SubResource(name).Apply(ctx, object, options...)
		},
	}).Build()
	return b
}

func (b *bench) place(key workload.Key) {
	b.Helper()
	if err := b.Create(b.Context(), &v1alpha1.Placement{
		ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name, Generation: 4},
		Spec:       v1alpha1.PlacementSpec{Workload: v1alpha1.PlacementWorkload{APIVersion: "apps/v1", Kind: key.Kind, Name: key.Name}},
	}); err != nil {
		b.Fatal(err)
	}
}

func (b *bench) status() v1alpha1.PlacementStatus {
	b.Helper()
	var p v1alpha1.Placement
	if err := b.Get(b.Context(), client.ObjectKey{Namespace: "shop", Name: "web"}, &p); err != nil {
		b.Fatal(err)
	}
	return p.Status
}

// TestLedger writes what changed, once, beside what others write, and hands it on to the next process.
func TestLedger(t *testing.T) {
	b := newBench(t)
	b.place(web)
	l := New(b, b.clock)
	if err := l.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	l.Say(web, v1alpha1.ConditionRebalancing, true, "Moving", "moves one")
	for i := range 10 {
		l.Moved(web, Move(noon.Add(time.Duration(i)*time.Second), fmt.Sprintf("web-%d", i), "a", "Rebalance"))
	}
	for range 3 {
		if err := l.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if b.writes != 1 {
		t.Errorf("%d writes", b.writes)
	}
	status := b.status()
	condition := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionRebalancing)
	if len(status.Moved) != 8 || status.Moved[0].Pod != "web-9" || condition == nil || condition.Message != "moves one" || condition.ObservedGeneration != 4 {
		t.Fatalf("%+v", status)
	}

	b.clock.Step(time.Minute)
	l = New(b, b.clock)
	if err := l.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	if moved := l.Moves(web); len(moved) != 8 || moved[0].Pod != "web-9" {
		t.Errorf("after a restart: %+v", moved)
	}
	l.Say(web, v1alpha1.ConditionRebalancing, true, "Moving", "moves one")
	if err := l.Flush(t.Context()); err != nil || b.writes != 1 {
		t.Errorf("%d writes of what is there already, %v", b.writes, err)
	}
	l.Say(web, v1alpha1.ConditionRebalancing, true, "Waiting", "waits")
	l.Say(web, v1alpha1.ConditionFailedOver, false, "Returned", "back")
	if err := l.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	status = b.status()
	condition = meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionRebalancing)
	if len(status.Conditions) != 2 || condition.Reason != "Waiting" || !condition.LastTransitionTime.Time.Equal(noon) || len(status.Moved) != 8 {
		t.Errorf("%+v", status)
	}
}

// TestLater checks that what could not be written is written later, also when the Placement is made only then.
func TestLater(t *testing.T) {
	b := newBench(t)
	l := New(b, b.clock)
	l.Say(web, v1alpha1.ConditionRebalancing, false, "NotEnabled", "no")
	if err := l.Flush(t.Context()); err != nil || b.writes != 0 {
		t.Errorf("%d writes, %v", b.writes, err)
	}
	b.place(web)
	b.refuse = errors.New("refused")
	if err := l.Flush(t.Context()); !errors.Is(err, b.refuse) {
		t.Errorf("got %v", err)
	}
	b.refuse = nil
	if err := l.Flush(t.Context()); err != nil || len(b.status().Conditions) != 1 {
		t.Errorf("%v: %+v", err, b.status())
	}
	l.Forget(func(workload.Key) bool { return false })
	if l.Condition(web, v1alpha1.ConditionRebalancing) != nil {
		t.Error("it is not forgotten")
	}
}

// TestAway counts what failovers move away from pools until it is back, or FailedOver ends, over restarts.
func TestAway(t *testing.T) {
	b := newBench(t)
	b.place(web)
	l := New(b, b.clock)
	for i, from := range []string{"b", "a", "b", "b"} {
		l.Moved(web, Move(noon, fmt.Sprintf("web-%d", i), from, ReasonFailover))
	}
	l.Moved(web, Move(noon, "web-4", "c", "Rebalance"))
	l.Say(web, v1alpha1.ConditionFailedOver, true, "DomainLost", "4 replicas are replaced")
	l.Returned(web, "b")
	flush := func() {
		t.Helper()
		if err := l.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		l = New(b, b.clock)
		if err := l.Load(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	flush()
	if got, want := fmt.Sprint(l.Away(web)), "[{a 1} {b 2}]"; got != want {
		t.Errorf("away are %s, not %s", got, want)
	}
	l.Returned(web, "a")
	l.Returned(web, "a") // more than left it
	flush()
	if got, want := fmt.Sprint(l.Away(web)), "[{a 0} {b 2}]"; got != want {
		t.Errorf("away are %s, not %s", got, want)
	}
	l.Say(web, v1alpha1.ConditionFailedOver, true, "DomainLost", "the same")
	if len(l.Away(web)) != 2 {
		t.Errorf("away are %v", l.Away(web))
	}
	l.Say(web, v1alpha1.ConditionFailedOver, false, "Settled", "they stay")
	flush()
	if len(l.Away(web)) != 0 || len(b.status().Away) != 0 {
		t.Errorf("away are %v; the Placement says %v", l.Away(web), b.status().Away)
	}
}
