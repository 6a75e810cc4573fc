package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"tradewind.dev/tradewind/apis/v1alpha1"
)

// TestPodsAwaitPolicies makes guard-rails while the scheduler does not hear of them: pods that they select are refused until it
// does, and no others. Without that a pod made right after its policy could be bound by a scheduler that did not know of it.
func TestPodsAwaitPolicies(t *testing.T) {
	e := newMovingEnv(t, bothSides)
	ctx := t.Context()
	label := []byte(`{"metadata":{"labels":{"tradewind.dev/enforce":"true","rail":"eu"}}}`)
	if _, err := e.client.CoreV1().Namespaces().Patch(ctx, e.ns, types.MergePatchType, label, metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	e.cluster.Apply(t, "../../deploy/install/components/await-policies/admission.yaml")
	app := func(value string) option {
		return func(p *corev1.PodTemplateSpec) { p.Labels = map[string]string{"app": value} }
	}
	create := func(ctx context.Context, name string, options ...option) error {
		_, err := e.client.CoreV1().Pods(e.ns).Create(ctx, lone(name, options...), metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		return err
	}
	refused := func(what string, options ...option) {
		t.Helper()
		e.wait(what+" to be refused", func(ctx context.Context) error {
			if err := create(ctx, "probe", options...); err == nil || !strings.Contains(err.Error(), "is not in force as it is now") {
				return fmt.Errorf("the API server answers: %w", err)
			}
			return nil
		})
	}
	admitted := func(what string, options ...option) {
		t.Helper()
		if err := create(ctx, "probe", options...); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	says := func(status metav1.ConditionStatus, text string) {
		t.Helper()
		e.conditionSays("ClusterPlacementPolicy", "guard-rail", v1alpha1.ConditionInForce, status, text)
	}
	const selectors = "workloadSelector: {matchExpressions: [{key: app, operator: In, values: [web]}]}\n" +
		"namespaceSelector: {matchLabels: {rail: eu}, matchExpressions: [{key: absent, operator: DoesNotExist}]}\n"
	admitted("a pod without any policy", app("web"))

	// Once one policy is in force, a scheduler has said what it has read.
	e.cluster.ApplyYAML(t, clusterPolicyOf("first", "workloadSelector: {matchLabels: {app: none}}\nresidency: {jurisdictions: [EU]}"))
	e.conditionSays("ClusterPlacementPolicy", "first", v1alpha1.ConditionInForce, metav1.ConditionTrue, "the scheduler enforces it")
	e.sched.program.Stop(t)
	e.cluster.ApplyYAML(t, clusterPolicyOf("guard-rail", selectors+"residency: {jurisdictions: [EU]}"))
	says(metav1.ConditionUnknown, "has not read this version of the policy yet")
	refused("a pod that it selects", app("web"))
	admitted("a pod that it does not select", app("db"))
	e.sched = startScheduler(t, e.cluster, "scheduler-2")
	says(metav1.ConditionTrue, "the scheduler enforces it")
	e.wait("the pod to be admitted", func(ctx context.Context) error { return create(ctx, "probe", app("web")) })

	// The same of a policy that is changed, and of none that says nothing about residency.
	e.sched.program.Stop(t)
	e.cluster.ApplyYAML(t, clusterPolicyOf("guard-rail", selectors+"residency: {jurisdictions: [IE]}"))
	refused("a pod whose policy was changed", app("web"))
	e.cluster.ApplyYAML(t, clusterPolicyOf("guard-rail",
		selectors+"locations: {required: [{key: tradewind.dev/cloud, operator: In, values: [aws]}]}"))
	e.wait("a pod without rules on residency to be admitted", func(ctx context.Context) error { return create(ctx, "probe", app("web")) })
	e.sched = startScheduler(t, e.cluster, "scheduler-3")
}

// clusterPolicyOf is a ClusterPlacementPolicy.
func clusterPolicyOf(name, spec string) string {
	return "apiVersion: tradewind.dev/v1alpha1\nkind: ClusterPlacementPolicy\nmetadata: {name: " + name + "}\nspec:\n  " +
		strings.ReplaceAll(strings.TrimRight(spec, "\n"), "\n", "\n  ") + "\n"
}
