package apply

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"tradewind.dev/tradewind/apis/applyv1alpha1"
	"tradewind.dev/tradewind/apis/v1alpha1"
)

func newClient(t *testing.T) client.Client {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	return fake.NewClientBuilder().WithScheme(scheme).WithStatusSubresource(&v1alpha1.CloudPool{}).Build()
}

// TestOwners: what an owner leaves out goes, and what is another's stays.
func TestOwners(t *testing.T) {
	to, key := newClient(t), client.ObjectKey{Name: "aws"}
	read := func() *v1alpha1.CloudPool {
		t.Helper()
		var pool v1alpha1.CloudPool
		if err := to.Get(t.Context(), key, &pool); err != nil {
			t.Fatal(err)
		}
		return &pool
	}
	spec := func() *applyv1alpha1.CloudPoolSpecApplyConfiguration {
		return applyv1alpha1.CloudPoolSpec().WithCloud("aws").WithRegion("eu-west-1")
	}
	for _, write := range []struct {
		owner client.FieldOwner
		spec  *applyv1alpha1.CloudPoolSpecApplyConfiguration
	}{
		{"finder", spec().WithInstanceType("m7i.large")},
		{"people", applyv1alpha1.CloudPoolSpec().WithMaxNodes(3)},
		{"finder", spec()},
	} {
		if _, err := Object(t.Context(), to, applyv1alpha1.CloudPool("aws").WithSpec(write.spec), write.owner); err != nil {
			t.Fatal(err)
		}
	}
	if got := read().Spec; got.Region != "eu-west-1" || got.InstanceType != "" || ptr.Deref(got.MaxNodes, 0) != 3 {
		t.Errorf("the spec is %+v", got)
	}
	if _, err := Status(t.Context(), to, applyv1alpha1.CloudPool("aws").WithStatus(applyv1alpha1.CloudPoolStatus().WithReplicas(7)), "finder"); err != nil {
		t.Fatal(err)
	}
	if pool := read(); pool.Status.Replicas != 7 || pool.Spec.Region != "eu-west-1" {
		t.Errorf("with a status: %+v", pool)
	}
}

// TestAnswer asks the client as programs have it, at a server that keeps nothing. What is kept must come back: a client reads no
// answer into a generated configuration, and a writer that does not know its version takes its own write for somebody else's.
func TestAnswer(t *testing.T) {
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Method+" "+r.URL.Path+"?"+r.URL.RawQuery)
		w.Header().Set("Content-Type", "application/json")
		if strings.Contains(r.URL.Path, "gone") {
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, `{"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404}`)
			return
		}
		_, _ = io.WriteString(w, `{"kind": "Placement", "apiVersion": "tradewind.dev/v1alpha1",
			"metadata": {"name": "web", "namespace": "shop", "uid": "u", "resourceVersion": "7"}}`)
	}))
	defer server.Close()
	mapper := meta.NewDefaultRESTMapper(nil)
	mapper.Add(v1alpha1.GroupVersion.WithKind("Placement"), meta.RESTScopeNamespace)
	to, err := client.New(&rest.Config{Host: server.URL}, client.Options{Mapper: mapper})
	if err != nil {
		t.Fatal(err)
	}
	for name, write := range map[string]func(context.Context, client.Client, Configuration, client.FieldOwner) (metav1.Object, error){
		"": Object, "/status": Status,
	} {
		asked = nil
		kept, err := write(t.Context(), to, applyv1alpha1.Placement("web", "shop"), "finder")
		if err != nil || kept.GetUID() != "u" || kept.GetResourceVersion() != "7" {
			t.Errorf("%s: %v, %v", name, kept, err)
		}
		want := "PATCH /apis/tradewind.dev/v1alpha1/namespaces/shop/placements/web" + name + "?fieldManager=finder&force=true"
		if len(asked) != 1 || asked[0] != want {
			t.Errorf("asked %q, want %q", asked, want)
		}
		if _, err = write(t.Context(), to, applyv1alpha1.Placement("gone", "shop"), "finder"); !apierrors.IsNotFound(err) ||
			!strings.HasPrefix(err.Error(), "write Placement shop/gone: ") {
			t.Errorf("%s of what is not there: %v", name, err)
		}
	}
}

func TestAs(t *testing.T) {
	noon := metav1.NewTime(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	of := &v1alpha1.PlacementStatus{
		Replicas: 3, Decisions: []v1alpha1.PlacementDecision{{Cloud: "aws", Replicas: 3}}, HourlyUSD: &v1alpha1.PlacementBill{Total: "1.5"},
		Conditions: []metav1.Condition{{Type: "Planned", Status: metav1.ConditionTrue, Reason: "Planned", LastTransitionTime: noon}},
		Away:       []v1alpha1.PlacementAway{{Pool: "a"}},
	}
	as, err := As[applyv1alpha1.PlacementStatusApplyConfiguration](of)
	if err != nil {
		t.Fatal(err)
	}
	want, err := runtime.DefaultUnstructuredConverter.ToUnstructured(of)
	if err != nil {
		t.Fatal(err)
	}
	got, err := runtime.DefaultUnstructuredConverter.ToUnstructured(as)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("applies %v\nwant %v", got, want)
	}
	if as.Unplaced == nil || *as.Unplaced != 0 || as.Rejected != nil || as.CurrentHourlyUSD != nil {
		t.Errorf("a count of zero is written, and what has no value left out: %+v", as)
	}
	if _, err := As[applyv1alpha1.PlacementStatusApplyConfiguration](map[string]any{"replicsa": 3}); err == nil || !strings.Contains(err.Error(), "replicsa") {
		t.Errorf("an unknown field: %v", err)
	}
}
