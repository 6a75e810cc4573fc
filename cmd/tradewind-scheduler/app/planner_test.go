package app

import (
	"errors"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/fake"
	kubetesting "k8s.io/client-go/testing"
	clocktesting "k8s.io/utils/clock/testing"
	"k8s.io/utils/ptr"

	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/state"
)

// Plans are expected while the Lease of a controller that plans by whole machines is renewed, and no longer: not of one that is gone, has
// let go, plans by shares, is of an older version or may not be read.
func TestPlansAreExpectedWhileTheControllerLives(t *testing.T) {
	now := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	clock := clocktesting.NewFakeClock(now)
	live, err := state.NewLive(location.DefaultOptions(), now)
	if err != nil {
		t.Fatal(err)
	}
	stops := 0
	live.OnNoPlans(func() { stops++ })
	var (
		lease   *coordinationv1.Lease
		refusal error
	)
	client := fake.NewClientset()
	client.PrependReactor("get", "leases", func(action kubetesting.Action) (bool, runtime.Object, error) {
		if name := action.(kubetesting.GetAction).GetName(); name != "tradewind-controller" || action.GetNamespace() != "tradewind-system" {
			t.Errorf("Lease %s/%s is read", action.GetNamespace(), name)
		}
		return true, lease, refusal
	})
	w := &plannerWatch{client: client, clock: clock, live: live, namespace: "tradewind-system"}
	held := func(holder, objective string, renewed time.Time) *coordinationv1.Lease {
		out := &coordinationv1.Lease{Spec: coordinationv1.LeaseSpec{
			HolderIdentity: &holder, LeaseDurationSeconds: ptr.To(int32(15)), RenewTime: ptr.To(metav1.NewMicroTime(renewed)),
		}}
		if objective != "" {
			out.Labels = map[string]string{state.ObjectiveLabel: objective}
		}
		return out
	}
	resource := schema.GroupResource{Group: "coordination.k8s.io", Resource: "leases"}
	notFound, forbidden := apierrors.NewNotFound(resource, "tradewind-controller"), apierrors.NewForbidden(resource, "tradewind-controller", errors.New("no"))
	at := func(seconds int) time.Time { return now.Add(time.Duration(seconds) * time.Second) }
	for _, tt := range []struct {
		what    string
		at      int // seconds from the start
		lease   *coordinationv1.Lease
		refusal error
		want    bool
		stops   int
	}{
		{"none", 0, nil, notFound, false, 0},
		{"one that was left behind long ago", 1, held("a", "invoice", at(-60)), nil, false, 0},
		{"it is not renewed", 2, held("a", "invoice", at(-60)), nil, false, 0},
		{"a new leader", 3, held("b", "invoice", at(3)), nil, true, 0},
		{"by another clock", 5, held("b", "invoice", at(-100)), nil, true, 0},
		{"nothing can be read for a while", 19, nil, errors.New("no connection"), true, 0},
		{"nor for as long as the Lease lasts", 20, nil, errors.New("no connection"), false, 0},
		{"renewed", 21, held("b", "invoice", at(21)), nil, true, 0},
		{"let go", 22, held("", "invoice", at(22)), nil, false, 1},
		{"renewed a moment before it is seen for the first time", 24, held("c", "invoice", at(22)), nil, true, 1},
		{"by shares", 25, held("c", "shares", at(25)), nil, false, 2},
		{"of an older version", 26, held("c", "", at(26)), nil, false, 2},
		{"again", 27, held("c", "invoice", at(27)), nil, true, 2},
		{"it may not be read", 28, nil, forbidden, false, 3},
		{"again", 29, held("c", "invoice", at(29)), nil, true, 3},
		{"it was deleted", 30, nil, notFound, false, 4},
	} {
		clock.SetTime(at(tt.at))
		lease, refusal = tt.lease, tt.refusal
		w.look(t.Context())
		if got := live.PlansExpected(clock.Now()); got != tt.want || stops != tt.stops {
			t.Errorf("%s: plans are expected %t, want %t; ended %d times, want %d", tt.what, got, tt.want, stops, tt.stops)
		}
	}
}
