package schedulerwatch

import (
	"context"
	"errors"
	"strings"
	"testing"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/state"
)

// TestLook follows a Lease: none, one, another, one that nobody can read, an API server that does not answer or forbids.
func TestLook(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := coordinationv1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	var refusal error
	cluster := fake.NewClientBuilder().WithScheme(scheme).WithInterceptorFuncs(interceptor.Funcs{
		Get: func(ctx context.Context, to client.WithWatch, key client.ObjectKey, into client.Object, options ...client.GetOption) error {
			if refusal != nil {
				return refusal
			}
			return to.Get(ctx, key, into, options...)
		},
	}).Build()
	var held state.Held
	var problem string
	reports := 0
	watch := New(Options{Reader: cluster, Clock: clock.RealClock{}, Namespace: "tradewind-system", Report: func(_ context.Context, set state.Held, why string) {
		held, problem = set, why
		reports++
	}})
	look := func(want int, says string) {
		t.Helper()
		watch.Look(t.Context())
		if reports != want || !strings.Contains(problem, says) || (says == "") != (problem == "") {
			t.Errorf("%d reports, the last %q; want %d, %q", reports, problem, want, says)
		}
	}
	look(1, "no tradewind-scheduler has said which policies it has read (Lease tradewind-system/tradewind-scheduler-policies)")
	look(1, "no tradewind-scheduler")

	one := state.HeldIn(&state.Objects{PlacementPolicies: []*v1alpha1.PlacementPolicy{{ObjectMeta: metav1.ObjectMeta{UID: "a", Generation: 3}}}})
	lease := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{
		Namespace: "tradewind-system", Name: state.HeldLease, Annotations: map[string]string{state.HeldAnnotation: one.String()},
	}}
	if err := cluster.Create(t.Context(), lease); err != nil {
		t.Fatal(err)
	}
	look(2, "")
	look(2, "")
	if !held.Has("a", 3) || held.Has("a", 4) {
		t.Error("what the Lease says is not told")
	}
	refusal = errors.New("no connection")
	look(2, "")
	refusal = apierrors.NewForbidden(schema.GroupResource{Resource: "leases"}, state.HeldLease, nil)
	look(3, "the controller may not read which policies the scheduler has read")
	refusal = nil
	look(4, "")
	lease.Annotations[state.HeldAnnotation] = "?"
	if err := cluster.Update(t.Context(), lease); err != nil {
		t.Fatal(err)
	}
	look(5, "delete the Lease, and the scheduler writes it anew")
}
