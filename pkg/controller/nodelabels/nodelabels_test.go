package nodelabels

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"pgregory.net/rapid"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/state/informers"
)

const providerAWS = "aws:///eu-west-1a/i-0123456789abcdef0"

// node makes a node of which the labels in owned were written by the controller.
func node(providerID string, labels map[string]string, owned ...string) *corev1.Node {
	out := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: "a", UID: "u", Labels: labels},
		Spec:       corev1.NodeSpec{ProviderID: providerID},
	}
	own(out, owned)
	return out
}

func own(n *corev1.Node, owned []string) {
	n.ManagedFields = nil
	if len(owned) == 0 {
		return
	}
	fields := map[string]any{}
	for _, key := range owned {
		fields["f:"+key] = map[string]any{}
	}
	raw, err := json.Marshal(map[string]any{"f:metadata": map[string]any{"f:labels": fields}})
	if err != nil {
		panic(err)
	}
	n.ManagedFields = []metav1.ManagedFieldsEntry{{
		Manager: informers.FieldOwner, Operation: metav1.ManagedFieldsOperationApply, FieldsV1: &metav1.FieldsV1{Raw: raw},
	}}
}

func TestJudge(t *testing.T) {
	const cloud, country = v1alpha1.LabelCloud, v1alpha1.LabelCountry
	region := map[string]string{corev1.LabelTopologyRegion: "eu-west-1", corev1.LabelTopologyZone: "eu-west-1a"}
	with := func(more map[string]string) map[string]string {
		out := maps.Clone(region)
		maps.Copy(out, more)
		return out
	}
	both := map[string]string{cloud: "aws", country: "IE"}
	for _, c := range []struct {
		name  string
		node  *corev1.Node
		apply map[string]string
		write bool
	}{
		{"new node of a known cloud", node(providerAWS, region), both, true},
		{"labelled already", node(providerAWS, with(both), cloud, country), both, false},
		{"one label taken away", node(providerAWS, with(map[string]string{cloud: "aws"}), cloud), both, true},
		{"declared by somebody else", node(providerAWS, with(both)), map[string]string{}, false},
		{"country declared wrongly by somebody else", node(providerAWS, with(map[string]string{cloud: "aws", country: "DE"}), cloud), map[string]string{cloud: "aws"}, false},
		{"moved", node("aws:///us-east-1a/i-0123456789abcdef0", map[string]string{corev1.LabelTopologyRegion: "us-east-1", cloud: "aws", country: "IE"}, cloud, country),
			map[string]string{cloud: "aws", country: "US"}, true},
		{"region unknown", node("", map[string]string{"k8s.scaleway.com/node": "x"}), map[string]string{cloud: "scaleway"}, true},
		{"evidence gone", node("", both, cloud, country), map[string]string{}, true},
		{"evidence contradicts", node(providerAWS, with(map[string]string{"cloud.provider": "gcp", cloud: "aws", country: "IE"}), cloud, country), map[string]string{}, true},
		{"private data centre", node("", map[string]string{cloud: "lux-dc", country: "LU"}), map[string]string{}, false},
		{"nothing known", node("", nil), map[string]string{}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := c.node.DeepCopy()
			got := judge(c.node, location.DefaultOptions())
			if !maps.Equal(got.apply, c.apply) || got.write != c.write {
				t.Errorf("applies %v (write: %v), want %v (%v)", got.apply, got.write, c.apply, c.write)
			}
			if !maps.Equal(before.Labels, c.node.Labels) {
				t.Error("the node, which the cache shares, was changed")
			}
		})
	}
}

// TestJudgeSettles checks over random nodes that one write is enough, that labels of others are never touched, and that
// the labels say nothing that the rest of the node does not.
func TestJudgeSettles(t *testing.T) {
	options := location.DefaultOptions()
	rapid.Check(t, func(t *rapid.T) {
		labels := map[string]string{}
		maybe := func(key string, values ...string) bool {
			if !rapid.Bool().Draw(t, key) {
				return false
			}
			labels[key] = rapid.SampledFrom(values).Draw(t, key+" value")
			return true
		}
		maybe(corev1.LabelTopologyRegion, "eu-west-1", "us-east-1", "europe-west1", "luxembourg")
		maybe("cloud.provider", "aws", "gcp", "nobody")
		var owned []string
		theirs := map[string]string{}
		for key, values := range map[string][]string{v1alpha1.LabelCloud: {"aws", "gcp", "lux-dc"}, v1alpha1.LabelCountry: {"IE", "US", "LU", "xx"}} {
			if maybe(key, values...) {
				if rapid.Bool().Draw(t, key+" is ours") {
					owned = append(owned, key)
				} else {
					theirs[key] = labels[key]
				}
			}
		}
		n := node(rapid.SampledFrom([]string{"", providerAWS, "gce://p/europe-west1-b/i"}).Draw(t, "provider"), labels, owned...)
		first := judge(n, options)
		for key := range theirs {
			if _, ok := first.apply[key]; ok {
				t.Fatalf("writes %s, which somebody else wrote", key)
			}
		}
		// What the API server makes of it.
		for _, key := range owned {
			delete(n.Labels, key)
		}
		evidence := location.FromNode(n, options)
		maps.Copy(n.Labels, first.apply)
		own(n, keys(first.apply))
		second := judge(n, options)
		if second.write || !maps.Equal(first.apply, second.apply) {
			t.Fatalf("after writing %v it wants %v (write: %v)", first.apply, second.apply, second.write)
		}
		if now := location.FromNode(n, options); now.Location != evidence.Location {
			t.Fatalf("the labels %v change the location from %+v to %+v", first.apply, evidence.Location, now.Location)
		}
	})
}

func keys(set map[string]string) []string {
	out := make([]string, 0, len(set))
	for key := range set {
		out = append(out, key)
	}
	return out
}

func TestConcerns(t *testing.T) {
	base := node(providerAWS, map[string]string{"a": "b"}, v1alpha1.LabelCloud)
	for name, c := range map[string]struct {
		change func(*corev1.Node)
		want   bool
	}{
		"heartbeat":   {func(n *corev1.Node) { n.ResourceVersion = "2" }, false},
		"label":       {func(n *corev1.Node) { n.Labels["a"] = "c" }, true},
		"provider":    {func(n *corev1.Node) { n.Spec.ProviderID = "" }, true},
		"coordinates": {func(n *corev1.Node) { n.Annotations = map[string]string{v1alpha1.AnnotationCoordinates: "1,2"} }, true},
		"ownership":   {func(n *corev1.Node) { n.ManagedFields = nil }, true},
		"another":     {func(n *corev1.Node) { n.UID = "v" }, true},
	} {
		changed := base.DeepCopy()
		c.change(changed)
		if got := concerns(event.UpdateEvent{ObjectOld: base, ObjectNew: changed}); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// TestReconcile is about writes and events: once a change.
func TestReconcile(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := corev1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	applied := 0
	private := node("", map[string]string{v1alpha1.LabelCloud: "lux-dc"})
	to := fake.NewClientBuilder().WithScheme(scheme).WithObjects(private).WithReturnManagedFields().
		WithInterceptorFuncs(interceptor.Funcs{Apply: func(ctx context.Context, c client.WithWatch, o runtime.ApplyConfiguration, opts ...client.ApplyOption) error {
			applied++
			return c.Apply(ctx, o, opts...)
		}}).Build()
	recorder := events.NewFakeRecorder(10)
	c := newController(to, recorder, location.DefaultOptions())
	key := types.NamespacedName{Name: "a"}
	step := func(name string, change func(*corev1.Node), wantApplied int, wantEvents ...string) {
		t.Helper()
		if change != nil {
			var n corev1.Node
			if err := to.Get(t.Context(), key, &n); err != nil {
				t.Fatal(err)
			}
			change(&n)
			if err := to.Update(t.Context(), &n); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := c.Reconcile(t.Context(), reconcile.Request{NamespacedName: key}); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var events []string
		for len(recorder.Events) > 0 {
			events = append(events, <-recorder.Events)
		}
		if applied != wantApplied || fmt.Sprint(events) != fmt.Sprint(wantEvents) {
			t.Errorf("%s: %d writes and events %q, want %d and %q", name, applied, events, wantApplied, wantEvents)
		}
	}
	undeclared := "the country of data centre lux-dc is not declared; label the node tradewind.dev/country=CODE; " +
		"the law that the operator of lux-dc is under is not declared; label the node tradewind.dev/operator-country=CODE if rules on operators are to pass"
	step("a country missing", nil, 0, "Warning LocationUnknown "+undeclared)
	step("again", nil, 0)
	step("country declared", func(n *corev1.Node) { n.Labels[v1alpha1.LabelCountry] = "LU" }, 0,
		"Normal LocationIncomplete the law that the operator of lux-dc is under is not declared; label the node tradewind.dev/operator-country=CODE if rules on operators are to pass")
	step("operator declared", func(n *corev1.Node) { n.Labels[v1alpha1.LabelOperatorCountry] = "LU" }, 0,
		"Normal LocationKnown the node is in lux-dc, country LU")
	step("moved to a known cloud", func(n *corev1.Node) {
		n.Spec.ProviderID = providerAWS
		n.Labels = map[string]string{corev1.LabelTopologyRegion: "eu-west-1"}
	}, 1)
	var n corev1.Node
	if err := to.Get(t.Context(), key, &n); err != nil {
		t.Fatal(err)
	}
	if n.Labels[v1alpha1.LabelCloud] != "aws" || n.Labels[v1alpha1.LabelCountry] != "IE" || n.Labels[corev1.LabelTopologyRegion] != "eu-west-1" {
		t.Errorf("labels %v", n.Labels)
	}
	step("labelled", nil, 1)
	if err := to.Delete(t.Context(), &n); err != nil {
		t.Fatal(err)
	}
	step("deleted", nil, 1)
	if len(c.told) != 0 {
		t.Errorf("remembers %v of nodes that are gone", c.told)
	}
}
