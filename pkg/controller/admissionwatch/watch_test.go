package admissionwatch

import (
	"context"
	"errors"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"tradewind.dev/tradewind/pkg/admission"
	"tradewind.dev/tradewind/pkg/location"
)

const nodeLocations = "tradewind-node-locations"

// TestLook follows a cluster: what is not there, what is, an API server that does not answer, one that forbids.
func TestLook(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := admissionv1.AddToScheme(scheme); err != nil {
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
	var reports []admission.State
	watch, err := New(Options{
		Reader: cluster, Clock: clock.RealClock{}, Location: location.DefaultOptions(), SchedulerNames: []string{"tradewind", "tradewind-cost", "tradewind-latency"},
		Report: func(state admission.State) { reports = append(reports, state) },
	})
	if err != nil {
		t.Fatal(err)
	}
	look := func(reported int) admission.State {
		t.Helper()
		watch.Look(t.Context())
		if len(reports) != reported {
			t.Fatalf("%d reports, want %d", len(reports), reported)
		}
		return reports[len(reports)-1]
	}
	if state := look(1); state.Locations.InForce() || len(state.Locations.Problems) != 2 || len(state.Enforcement.Problems) != 4 {
		t.Errorf("in an empty cluster: %+v", state)
	}
	shipped, err := admission.Shipped()
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range shipped {
		for _, object := range []client.Object{one.Policy, one.Binding} {
			if err := cluster.Create(t.Context(), object); err != nil {
				t.Fatal(err)
			}
		}
	}
	if state := look(2); !state.Locations.InForce() || !state.Enforcement.InForce() {
		t.Errorf("installed: %+v", state)
	}
	look(2) // nothing new

	refusal = errors.New("connection refused")
	if state := look(2); !state.Locations.InForce() {
		t.Errorf("while the API server does not answer: %+v", state)
	}
	refusal = apierrors.NewForbidden(schema.GroupResource{Resource: "validatingadmissionpolicies"}, nodeLocations, errors.New("no role"))
	if state := look(3); state.Locations.Known || state.Enforcement.Known || !strings.Contains(state.Locations.Problems[0], "may not read") {
		t.Errorf("forbidden: %+v", state)
	}
	refusal = nil
	var binding admissionv1.ValidatingAdmissionPolicyBinding
	binding.Name = nodeLocations
	if err := cluster.Delete(t.Context(), &binding); err != nil {
		t.Fatal(err)
	}
	if state := look(4); state.Locations.InForce() || !state.Locations.Known || !state.Enforcement.InForce() {
		t.Errorf("after the binding was deleted: %+v", state)
	}
}
