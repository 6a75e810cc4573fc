package e2e

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"tradewind.dev/tradewind/apis/v1alpha1"
)

// TestAnotherTeam lets the editor of one namespace try to move, to make dearer and to push out the workload of another.
func TestAnotherTeam(t *testing.T) {
	e := newPlacementEnv(t, placementNodes)
	e.policy("web", "residency: {jurisdictions: [EU]}\noptimizeFor: Cost")
	e.deployment("web", 4)
	before := e.inPlace("web", 4).Status

	e.cluster.ApplyYAML(t, "{apiVersion: v1, kind: Namespace, metadata: {name: others}}\n---\n"+
		"{apiVersion: v1, kind: ServiceAccount, metadata: {name: default, namespace: others}}\n---\n"+
		"{apiVersion: v1, kind: ResourceQuota, metadata: {name: small, namespace: others}, spec: {hard: {pods: \"5\"}}}")
	e.others("caller", 2, `
residency: {jurisdictions: [US]}
traffic: [{to: {name: web, namespace: shop}, requestsPerSecond: 1000000, bytesPerRequest: 1000000, maxMilliseconds: 1}]`)
	e.others("greedy", 100000, "optimizeFor: Cost")

	e.awaitAgreement("False CalleeDoesNotAgree", "web does not agree")
	e.awaitOthers("deployment-greedy", "ResourceQuota others/small leaves room for")
	after := e.inPlace("web", 4).Status
	for _, of := range []*v1alpha1.PlacementStatus{&before, &after} {
		for i := range of.Decisions {
			of.Decisions[i].Reason = "" // that others came to its machine may be said
		}
	}
	if !reflect.DeepEqual(after.Decisions, before.Decisions) || !reflect.DeepEqual(after.HourlyUSD, before.HourlyUSD) {
		t.Errorf("others moved it, or made it dearer:\n%+v\nbefore\n%+v", after, before)
	}

	e.policy("web", "residency: {jurisdictions: [EU]}\noptimizeFor: Cost\ntrafficFrom: [{namespace: others, name: caller}]")
	e.awaitAgreement("True Agreed", "")
}

// others applies a Deployment and its policy in the namespace others.
func (e *placementEnv) others(name string, replicas int, spec string) {
	e.Helper()
	e.cluster.ApplyYAML(e.T, strings.ReplaceAll(policyText("PlacementPolicy", name, spec), "NAMESPACE", "others"))
	e.deploymentIn("others", name, replicas)
}

// awaitAgreement waits for what the caller's policy says of its traffic.
func (e *placementEnv) awaitAgreement(verdict, message string) {
	e.Helper()
	waitFor(e.T, "the condition TrafficAgreed to be "+verdict, func(ctx context.Context) error {
		object, err := e.objects.Resource(v1alpha1.GroupVersion.WithResource("placementpolicies")).Namespace("others").
			Get(ctx, "caller", metav1.GetOptions{})
		if err != nil {
			return err
		}
		var policy v1alpha1.PlacementPolicy
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, &policy); err != nil {
			return err
		}
		condition := meta.FindStatusCondition(policy.Status.Conditions, v1alpha1.ConditionTrafficAgreed)
		if condition == nil {
			return errors.New("there is none")
		}
		if got := string(condition.Status) + " " + condition.Reason; got != verdict || !strings.Contains(condition.Message, message) {
			return fmt.Errorf("it is %s: %s", got, condition.Message)
		}
		return nil
	})
}

// awaitOthers waits until a Placement of the namespace others says something of why replicas have no place.
func (e *placementEnv) awaitOthers(name, message string) {
	e.Helper()
	waitFor(e.T, "Placement others/"+name+" to say "+message, func(ctx context.Context) error {
		object, err := e.objects.Resource(v1alpha1.GroupVersion.WithResource("placements")).Namespace("others").
			Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		var placement v1alpha1.Placement
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, &placement); err != nil {
			return err
		}
		if got := conditionOf(&placement, v1alpha1.ConditionPlanned).Message; !strings.Contains(got, message) {
			return fmt.Errorf("it says %q", got)
		}
		return nil
	})
}
