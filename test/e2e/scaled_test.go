package e2e

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"tradewind.dev/tradewind/apis/v1alpha1"
)

// flocks are a kind of workload that nobody has heard of, with a scale subresource. Nothing makes their pods but the test.
const flocks = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: flocks.birds.example.com}
spec:
  group: birds.example.com
  scope: Namespaced
  names: {kind: Flock, plural: flocks, singular: flock}
  versions:
  - name: v1
    served: true
    storage: true
    subresources: {scale: {specReplicasPath: .spec.replicas, statusReplicasPath: .status.replicas}}
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec: {type: object, properties: {replicas: {type: integer}}}
          status: {type: object, properties: {replicas: {type: integer}}}
`

// readFlocks lets the controller read their scale, as docs/placements.md says.
const readFlocks = `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: tradewind-scales-flocks
  labels: {tradewind.dev/aggregate-to-controller: "true"}
rules:
- {apiGroups: [birds.example.com], resources: [flocks/scale], verbs: [get]}
`

// TestScaleSubresource: workloads of a kind of somebody else's had no plan. They have one, for as many replicas as the scale subresource
// says, or as there are pods where the controller may not read it, and says so; the scheduler follows it.
func TestScaleSubresource(t *testing.T) {
	// By shares, since a plan by invoice for two geese that run is another one than for six, and nothing moves them.
	e := newPlacementEnv(t, placementNodes, "--objective=shares")
	resource := schema.GroupVersionResource{Group: "birds.example.com", Version: "v1", Resource: "flocks"}
	e.cluster.ApplyYAML(t, flocks)
	waitFor(t, "the kind Flock", func(ctx context.Context) error {
		_, err := e.objects.Resource(resource).Namespace("shop").List(ctx, metav1.ListOptions{})
		return err
	})
	e.policy("geese", "residency: {jurisdictions: [EU]}\nspread: [{topologyKey: tradewind.dev/cloud, minDomains: 2, maxSharePercent: 50}]")
	e.cluster.ApplyYAML(t, "{apiVersion: birds.example.com/v1, kind: Flock, metadata: {name: geese, namespace: shop}, spec: {replicas: 6}}")
	owner, err := e.objects.Resource(resource).Namespace("shop").Get(t.Context(), "geese", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 2 {
		e.goose(i, owner.GetUID())
	}
	const name = "flock.birds.example.com-geese"
	counted := e.awaitPlacement(name, "to count pods", func(p *v1alpha1.Placement) error {
		if planned := conditionOf(p, v1alpha1.ConditionPlanned); p.Status.Replicas != 2 || planned.Status != metav1.ConditionTrue ||
			!strings.Contains(planned.Message, "its live pods are counted, since flocks/scale.birds.example.com may not be read") {
			return errors.New("it does not")
		}
		return nil
	})
	if of := counted.Spec.Workload; of.Kind != "Flock" || of.APIVersion != "birds.example.com/v1" {
		t.Errorf("it is of %+v", of)
	}

	e.cluster.ApplyYAML(t, readFlocks)
	waitFor(t, "the right to read scales", func(ctx context.Context) error {
		role, err := e.cluster.Client().RbacV1().ClusterRoles().Get(ctx, "tradewind-controller-scales", metav1.GetOptions{})
		if err == nil && len(role.Rules) != 1 {
			err = fmt.Errorf("the role has %v", role.Rules)
		}
		return err
	})
	for i := 2; i < 6; i++ {
		e.goose(i, owner.GetUID())
	}
	e.awaitPlacement(name, "to be of 6 replicas, in place", func(p *v1alpha1.Placement) error {
		planned := conditionOf(p, v1alpha1.ConditionPlanned)
		if p.Status.Replicas != 6 || strings.Contains(planned.Message, "counted") || !meta.IsStatusConditionTrue(p.Status.Conditions, v1alpha1.ConditionInPlace) {
			return errors.New("it is not")
		}
		return nil
	})
	if at := e.places("geese"); len(at) < 2 {
		t.Errorf("all run in %v", at)
	}

	if _, err := e.objects.Resource(resource).Namespace("shop").Patch(t.Context(), "geese", types.MergePatchType,
		[]byte(`{"spec":{"replicas":8}}`), metav1.PatchOptions{}, "scale"); err != nil {
		t.Fatal(err)
	}
	e.goose(6, owner.GetUID()) // the eighth cannot be made
	e.awaitPlacement(name, "to be of 8 replicas of which 7 run", func(p *v1alpha1.Placement) error {
		if p.Status.Replicas != 8 || p.Status.Unplaced != 0 {
			return errors.New("it is not")
		}
		return nil
	})

	if err := e.objects.Resource(resource).Namespace("shop").Delete(t.Context(), "geese", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the Placement to go with its workload", func(ctx context.Context) error {
		_, err := e.placement(ctx, name)
		if apierrors.IsNotFound(err) {
			return nil
		}
		return cmp.Or(err, errors.New("it is there still"))
	})
}

// goose applies the i-th pod of the Flock geese.
func (e *placementEnv) goose(i int, owner types.UID) {
	e.Helper()
	e.cluster.ApplyYAML(e.T, fmt.Sprintf(`
apiVersion: v1
kind: Pod
metadata:
  name: geese-%[1]d
  namespace: shop
  labels: {app: geese, goose: "%[1]d"}
  ownerReferences: [{apiVersion: birds.example.com/v1, kind: Flock, name: geese, uid: %[2]s, controller: true}]
spec:
  schedulerName: tradewind
  containers: [{name: c, image: none, resources: {requests: {cpu: 500m, memory: 256Mi}}}]
`, i, owner))
}
