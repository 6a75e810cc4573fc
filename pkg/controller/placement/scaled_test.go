package placement

import (
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/workload"
)

// TestOtherKinds: a workload of a kind that is not read, with a scale subresource, had no Placement. It has one of its own name,
// owner and number of replicas, and an event on its object.
func TestOtherKinds(t *testing.T) {
	b := newBench(t)
	b.nodes(aws("a1", "eu-west-1"), gcp("g1"))
	b.policy("db", onlyAWS)
	for i := range 2 {
		name := fmt.Sprintf("db-%d", i)
		b.objects.Pods.Set(&corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, UID: types.UID(name), Labels: map[string]string{"app": "db", "pod": name}, OwnerReferences: []metav1.OwnerReference{
				{APIVersion: "apps.kruise.io/v1beta1", Kind: workload.StatefulSet, Name: "db", UID: "uid-db", Controller: ptr.To(true)},
			}},
			Spec: corev1.PodSpec{NodeName: []string{"a1", ""}[i], Containers: templateOf("db", "200m").Spec.Containers},
		})
	}
	b.mustPlan()
	read := func() *v1alpha1.Placement {
		t.Helper()
		var found v1alpha1.PlacementList
		if err := b.api.List(t.Context(), &found, client.InNamespace("shop")); err != nil {
			t.Fatal(err)
		}
		switch len(found.Items) {
		case 0:
			return nil
		case 1:
			return &found.Items[0]
		}
		t.Fatalf("there are %d Placements", len(found.Items))
		return nil
	}
	if p := read(); p != nil {
		t.Fatalf("one without a scale has the Placement %s", p.Name)
	}
	of := workload.Key{Kind: "StatefulSet.apps.kruise.io", Namespace: "shop", Name: "db"}
	if !b.asks(func() { b.objects.Scales.Set(of, workload.Scale{Replicas: 3}) }) {
		t.Error("a scale that is read asks for no plan")
	}
	b.mustPlan()
	p := read()
	if p == nil || p.Name != "statefulset.apps.kruise.io-db" || p.Status.Replicas != 3 || decided(p)["aws"] != 3 || p.Status.InPlace != 1 {
		t.Fatalf("got %+v", p)
	}
	owner := metav1.GetControllerOf(p)
	if owner == nil || owner.Kind != workload.StatefulSet || owner.APIVersion != "apps.kruise.io/v1beta1" || owner.UID != "uid-db" || p.Spec.Workload.Kind != workload.StatefulSet {
		t.Errorf("it is of %+v, owned by %+v", p.Spec.Workload, owner)
	}
	if text := conditionText(p, v1alpha1.ConditionPlanned); strings.Contains(text, "counted") {
		t.Errorf("it says %s", text)
	}
	b.objects.Scales.Set(of, workload.Scale{Counted: "it may not be read"})
	b.mustPlan()
	if p = read(); p.Status.Replicas != 2 || !strings.HasSuffix(conditionText(p, v1alpha1.ConditionPlanned), "; its live pods are counted, since it may not be read") {
		t.Errorf("counted: %d replicas, %s", p.Status.Replicas, conditionText(p, v1alpha1.ConditionPlanned))
	}
	b.objects.Scales.Remove(of)
	b.mustPlan()
	if p = read(); p != nil {
		t.Errorf("one that is gone has the Placement %s", p.Name)
	}
}
