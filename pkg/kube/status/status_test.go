package status

import (
	"context"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/events"
	"pgregory.net/rapid"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"tradewind.dev/tradewind/apis/v1alpha1"

	"tradewind.dev/tradewind/pkg/printable"
)

type policies = Controller[v1alpha1.PlacementPolicy, *v1alpha1.PlacementPolicy]

// bench is a controller over one policy in a simulated API server that counts writes.
type bench struct {
	*policies
	client   client.Client
	recorder *events.FakeRecorder
	writes   int
	refuse   error
}

var key = client.ObjectKey{Namespace: "shop", Name: "web"}

func newBench(t *testing.T) *bench {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	policy := &v1alpha1.PlacementPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", UID: "u", Generation: 1}}
	b := &bench{recorder: events.NewFakeRecorder(10)}
	b.client = fake.NewClientBuilder().WithScheme(scheme).WithObjects(policy).WithStatusSubresource(policy).
		WithInterceptorFuncs(interceptor.Funcs{SubResourcePatch: func(ctx context.Context, c client.Client, sub string, o client.Object, p client.Patch, opts ...client.SubResourcePatchOption) error {
			b.writes++
			if b.refuse != nil {
				return b.refuse
			}
			return c.SubResource(sub).Patch(ctx, o, p, opts...)
		}}).Build()
	b.policies = newController[v1alpha1.PlacementPolicy, *v1alpha1.PlacementPolicy](b.client, b.recorder,
		func(p *v1alpha1.PlacementPolicy) Fields { return FieldsOfPolicy(&p.Status) })
	return b
}

// want sets the status that the policy should have, and returns whether that was queued and how urgently.
func (b *bench) want(t *testing.T, status *Status) (queued, urgent bool) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan event.TypedGenericEvent[change], 1)
	go func() {
		select {
		case e := <-b.changes:
			done <- e
		case <-ctx.Done():
		}
		close(done)
	}()
	b.Set(t.Context(), map[client.ObjectKey]*Status{key: status})
	cancel()
	e, ok := <-done
	return ok, ok && e.Object.urgent
}

func (b *bench) reconcile(t *testing.T) reconcile.Result {
	t.Helper()
	result, err := b.Reconcile(t.Context(), reconcile.Request{NamespacedName: key})
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func (b *bench) events() []string {
	var out []string
	for {
		select {
		case text := <-b.recorder.Events:
			out = append(out, text)
		default:
			return out
		}
	}
}

func statusOf(inForce metav1.ConditionStatus, reason, message string, pods int32) *Status {
	return &Status{
		UID: "u", Generation: 1, Counts: []int32{pods, 0},
		Conditions: []metav1.Condition{{Type: v1alpha1.ConditionInForce, Status: inForce, Reason: reason, Message: message}},
	}
}

func TestController(t *testing.T) {
	b := newBench(t)
	b.reconcile(t) // before anything is wanted
	if b.writes != 0 {
		t.Fatal("wrote before a status was known")
	}
	if queued, urgent := b.want(t, statusOf(metav1.ConditionTrue, "Enforced", "good", 0)); !queued || !urgent {
		t.Errorf("a new status is queued: %v, urgent: %v", queued, urgent)
	}
	b.reconcile(t)
	var policy v1alpha1.PlacementPolicy
	read := func() {
		t.Helper()
		if err := b.client.Get(t.Context(), key, &policy); err != nil {
			t.Fatal(err)
		}
	}
	read()
	if b.writes != 1 || len(policy.Status.Conditions) != 1 || policy.Status.ObservedGeneration != 1 || policy.Status.Conditions[0].ObservedGeneration != 1 {
		t.Fatalf("after %d writes the status is %+v", b.writes, policy.Status)
	}
	if events := b.events(); len(events) != 0 {
		t.Errorf("a good status made events %q", events)
	}
	since := policy.Status.Conditions[0].LastTransitionTime

	b.reconcile(t)
	if queued, _ := b.want(t, statusOf(metav1.ConditionTrue, "Enforced", "good", 0)); queued || b.writes != 1 {
		t.Errorf("an unchanged status was queued (%v) or written (%d writes)", queued, b.writes)
	}
	if queued, urgent := b.want(t, statusOf(metav1.ConditionTrue, "Enforced", "good for 3", 3)); !queued || urgent {
		t.Errorf("a changed count is queued: %v, urgent: %v", queued, urgent)
	}
	b.reconcile(t)
	read()
	if b.writes != 2 || policy.Status.SelectedPods != 3 || policy.Status.Conditions[0].LastTransitionTime != since {
		t.Errorf("after %d writes the status is %+v", b.writes, policy.Status)
	}

	if queued, urgent := b.want(t, statusOf(metav1.ConditionFalse, "Invalid", "spec.x: is wrong", 3)); !queued || !urgent {
		t.Errorf("a bad status is queued: %v, urgent: %v", queued, urgent)
	}
	b.reconcile(t)
	b.reconcile(t)
	if events := b.events(); len(events) != 1 || events[0] != "Warning Invalid spec.x: is wrong" {
		t.Errorf("events %q", events)
	}
	b.want(t, statusOf(metav1.ConditionTrue, "Enforced", "good again", 3))
	b.reconcile(t)
	if events := b.events(); len(events) != 1 || events[0] != "Normal Enforced good again" {
		t.Errorf("events %q", events)
	}
}

// TestControllerLeavesOthersAlone is about conditions of others, other versions of the object, and other objects.
func TestControllerLeavesOthersAlone(t *testing.T) {
	b := newBench(t)
	var policy v1alpha1.PlacementPolicy
	if err := b.client.Get(t.Context(), key, &policy); err != nil {
		t.Fatal(err)
	}
	policy.Status.Conditions = []metav1.Condition{{Type: "Theirs", Status: metav1.ConditionTrue, Reason: "X", LastTransitionTime: metav1.Now()}}
	if err := b.client.Status().Update(t.Context(), &policy); err != nil {
		t.Fatal(err)
	}
	for name, status := range map[string]*Status{
		"another generation": {UID: "u", Generation: 2},
		"another object":     {UID: "v", Generation: 1},
	} {
		b.want(t, status)
		b.reconcile(t)
		if b.writes != 0 {
			t.Errorf("%s: written", name)
		}
	}
	b.want(t, statusOf(metav1.ConditionTrue, "Enforced", "good", 0))
	b.reconcile(t)
	if err := b.client.Get(t.Context(), key, &policy); err != nil {
		t.Fatal(err)
	}
	if len(policy.Status.Conditions) != 2 || policy.Status.Conditions[0].Type != "Theirs" {
		t.Errorf("conditions %+v", policy.Status.Conditions)
	}
	if err := b.client.Delete(t.Context(), &policy); err != nil {
		t.Fatal(err)
	}
	b.reconcile(t)
}

// TestControllerRemoves is about conditions that an object has no more, and about one that is no fault.
func TestControllerRemoves(t *testing.T) {
	b := newBench(t)
	option := func(reason string) *Status {
		out := statusOf(metav1.ConditionTrue, "Enforced", "good", 0)
		out.Conditions = append(out.Conditions, metav1.Condition{
			Type: v1alpha1.ConditionAdmissionEnforced, Status: metav1.ConditionFalse, Reason: reason, Message: "not enforced",
		})
		return out
	}
	b.want(t, option(v1alpha1.ReasonNamespacesNotEnforced))
	b.reconcile(t)
	if events := b.events(); len(events) != 0 || b.writes != 1 {
		t.Errorf("an option that nobody took made events %q, %d writes", events, b.writes)
	}
	b.want(t, option("EnforcementNotInForce"))
	b.reconcile(t)
	if events := b.events(); len(events) != 1 || events[0] != "Warning EnforcementNotInForce not enforced" {
		t.Errorf("events %q", events)
	}
	without := statusOf(metav1.ConditionTrue, "Enforced", "good", 0)
	without.Absent = []string{v1alpha1.ConditionAdmissionEnforced}
	b.want(t, without)
	b.reconcile(t)
	b.reconcile(t)
	var policy v1alpha1.PlacementPolicy
	if err := b.client.Get(t.Context(), key, &policy); err != nil {
		t.Fatal(err)
	}
	if len(policy.Status.Conditions) != 1 || b.writes != 3 {
		t.Errorf("after %d writes the conditions are %+v", b.writes, policy.Status.Conditions)
	}
}

func TestControllerErrors(t *testing.T) {
	b := newBench(t)
	b.want(t, statusOf(metav1.ConditionFalse, "Invalid", "wrong", 0))
	b.refuse = errors.New("no")
	if _, err := b.Reconcile(t.Context(), reconcile.Request{NamespacedName: key}); !errors.Is(err, b.refuse) {
		t.Errorf("got %v, want the error of the write", err)
	}
	if events := b.events(); len(events) != 0 {
		t.Errorf("events %q of a status that was not written", events)
	}
	b.refuse = apierrors.NewConflict(schema.GroupResource{Resource: "placementpolicies"}, "web", errors.New("it changed"))
	if result := b.reconcile(t); result.RequeueAfter == 0 {
		t.Error("a write over an outdated version is not tried again")
	}
	b.refuse = nil
	b.reconcile(t)
	if events := b.events(); len(events) != 1 {
		t.Errorf("events %q after the write", events)
	}
}

func TestCounts(t *testing.T) {
	for _, c := range []struct {
		reasons map[string]int
		want    string
	}{
		{nil, ""},
		{map[string]int{"over 50 ms from DE": 20, "outside residency EU": 40}, "40 outside residency EU, 20 over 50 ms from DE"},
		{map[string]int{"b": 1, "a": 1}, "1 a, 1 b"},
		{map[string]int{"a": 4, "b": 3, "c": 2}, "4 a, 3 b, 2 c"},
		{map[string]int{"a": 5, "b": 4, "c": 2, "d": 1}, "5 a, 4 b, 3 for other reasons"},
	} {
		if got := Counts(c.reasons, 2); got != c.want {
			t.Errorf("Counts(%v) = %q, want %q", c.reasons, got, c.want)
		}
	}
	if got, want := Join([]string{"a", "b", "c", "d"}, "; ", 2), "a; b; and 2 more"; got != want {
		t.Errorf("Join = %q, want %q", got, want)
	}
}

func TestClip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text, limit := rapid.String().Draw(t, "text"), rapid.IntRange(3, 20).Draw(t, "limit")
		got := Clip(text, limit)
		text = printable.Line(text)
		switch {
		case len(text) <= limit && got != text:
			t.Fatalf("%q was changed to %q", text, got)
		case len(got) > limit || utf8.ValidString(text) && !utf8.ValidString(got):
			t.Fatalf("%q clipped to %d is %q", text, limit, got)
		case len(text) > limit && !strings.HasPrefix(text, strings.TrimSuffix(got, "…")):
			t.Fatalf("%q is no beginning of %q", got, text)
		}
	})
}
