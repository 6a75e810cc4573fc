package e2e

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"

	"tradewind.dev/tradewind/apis/v1alpha1"
)

// bothSides is a node in Europe and one in the United States.
const bothSides = `
pools:
- {name: ireland, cloud: aws, region: eu-west-1, instanceType: m7i.xlarge}
- {name: virginia, cloud: aws, region: us-east-1, instanceType: m7i.xlarge}
`

// editor is a client of somebody who may edit a namespace, and bind pods in it besides, which edit does not include.
func (e *env) editor(namespace string) kubernetes.Interface {
	e.Helper()
	roles := e.client.RbacV1()
	binder := &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Name: "binder"}, Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{""}, Resources: []string{"pods/binding", "bindings"}, Verbs: []string{"create"}},
	}}
	if _, err := roles.Roles(namespace).Create(e.Context(), binder, metav1.CreateOptions{}); err != nil {
		e.Fatal(err)
	}
	for name, ref := range map[string]rbacv1.RoleRef{
		"editor": {APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "edit"},
		"binder": {APIGroup: rbacv1.GroupName, Kind: "Role", Name: "binder"},
	} {
		binding := &rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Name: name}, RoleRef: ref,
			Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: "User", Name: "eve"}}}
		if _, err := roles.RoleBindings(namespace).Create(e.Context(), binding, metav1.CreateOptions{}); err != nil {
			e.Fatal(err)
		}
	}
	return e.as("eve")
}

// lone is a pod of its own.
func lone(name string, options ...option) *corev1.Pod {
	from := template(name, options)
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: from.Labels}, Spec: from.Spec}
}

// TestEnforcedNamespaces has an editor of a namespace try to run pods in the United States past a European guard-rail, in
// every way that leads past the scheduler.
func TestEnforcedNamespaces(t *testing.T) {
	e := newMovingEnv(t, bothSides)
	ctx := t.Context()
	e.clusterPolicy("guard-rail", "residency: {jurisdictions: [EU]}\nnamespaceSelector: {matchLabels: {rail: eu}}")
	label := func(text string) {
		t.Helper()
		if _, err := e.client.CoreV1().Namespaces().
			Patch(ctx, e.ns, types.MergePatchType, []byte(`{"metadata":{"labels":{`+text+`}}}`), metav1.PatchOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	label(`"rail":"eu"`)
	says := func(status metav1.ConditionStatus, text string) {
		t.Helper()
		e.conditionSays("ClusterPlacementPolicy", "guard-rail", v1alpha1.ConditionAdmissionEnforced, status, text)
	}
	says(metav1.ConditionFalse, "goes past the policy in namespace "+e.ns)
	virginia := e.onlyNode("virginia").Name
	pods := e.editor(e.ns).CoreV1().Pods(e.ns)

	// Before anything is enforced the bypass is there; the policy says so.
	if _, err := pods.Create(ctx, lone("early", onNode(virginia)), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	label(`"tradewind.dev/enforce":"true"`)
	says(metav1.ConditionFalse, "asks for enforcement and there is none")
	e.cluster.Apply(t, "../../deploy/install/components/enforce/admission.yaml")
	says(metav1.ConditionTrue, "are refused")
	dryRun := metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}}
	for policy, attempt := range map[string]func(context.Context) error{
		"tradewind-enforced-pods": func(ctx context.Context) error {
			_, err := pods.Create(ctx, lone("probe", onNode(virginia)), dryRun)
			return err
		},
		"tradewind-enforced-bindings": func(ctx context.Context) error {
			return pods.Bind(ctx, &corev1.Binding{ObjectMeta: metav1.ObjectMeta{Name: "early"},
				Target: corev1.ObjectReference{Kind: "Node", Name: virginia}}, dryRun)
		},
	} {
		e.wait("the API server to know "+policy, func(ctx context.Context) error {
			if err := attempt(ctx); err == nil || !strings.Contains(err.Error(), policy) {
				return fmt.Errorf("it answers %w", err)
			}
			return nil
		})
	}

	for who, client := range map[string]kubernetes.Interface{"editor": e.as("eve"), "administrator": e.client} {
		for what, pod := range map[string]*corev1.Pod{
			"a pod on a node":            lone("x", onNode(virginia)),
			"a pod of another scheduler": lone("x", profile("default-scheduler")),
			"a pod of nobody's":          lone("x", profile("")),
			"both":                       lone("x", profile("default-scheduler"), onNode(virginia)),
			"the name of a profile":      lone("x", profile("Tradewind")),
			"a false mirror pod": lone("x", onNode(virginia),
				func(p *corev1.PodTemplateSpec) { p.Annotations = map[string]string{"kubernetes.io/config.mirror": "x"} }),
		} {
			if what == "a false mirror pod" { // options change the template, of which lone takes labels and spec
				pod.Annotations = map[string]string{corev1.MirrorPodAnnotationKey: "x"}
			}
			_, err := client.CoreV1().Pods(e.ns).Create(ctx, pod, metav1.CreateOptions{})
			e.refusedBy("tradewind-enforced-pods", who+": "+what, err)
		}
	}
	waiting := lone("waiting", func(p *corev1.PodTemplateSpec) {
		p.Spec.NodeSelector = map[string]string{"topology.kubernetes.io/region": "us-east-1"}
	})
	if _, err := pods.Create(ctx, waiting, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	binding := &corev1.Binding{ObjectMeta: metav1.ObjectMeta{Name: "waiting", Namespace: e.ns},
		Target: corev1.ObjectReference{Kind: "Node", Name: virginia}}
	e.refusedBy("tradewind-enforced-bindings", "editor: a binding", pods.Bind(ctx, binding, metav1.CreateOptions{}))
	e.refusedBy("tradewind-enforced-bindings", "editor: a binding of the old kind",
		e.as("eve").CoreV1().RESTClient().Post().Namespace(e.ns).Resource("bindings").Body(binding).Do(ctx).Error())
	e.refusedBy("tradewind-enforced-bindings", "Kubernetes' scheduler: a binding",
		e.as("kube-scheduler").CoreV1().Pods(e.ns).Bind(ctx, binding, metav1.CreateOptions{}))

	// The way through the scheduler is open, for DaemonSets too: their pods run where the rules let them.
	e.deployment("web", 2)
	if got := e.spreadOf("web", 2); got["ireland"] != 2 {
		t.Errorf("replicas are on %v", got)
	}
	e.daemonSet("agent", balanced)
	e.wait("the DaemonSet's pods", func(ctx context.Context) error {
		found, err := e.pods(ctx, "agent")
		if err != nil {
			return err
		}
		if by := e.byPool(found); by["ireland"] != 1 || by[""] != 1 || len(found) != 2 {
			return fmt.Errorf("they are on %v", by)
		}
		return nil
	})
	e.daemonSet("stray", "default-scheduler")
	e.wait("the DaemonSet's pods to be refused", func(ctx context.Context) error {
		events, err := e.client.CoreV1().Events(e.ns).
			List(ctx, metav1.ListOptions{FieldSelector: "involvedObject.name=stray,reason=FailedCreate"})
		if err != nil {
			return err
		}
		for i := range events.Items {
			if strings.Contains(events.Items[i].Message, "set it to tradewind") {
				return nil
			}
		}
		return errors.New("there is no event that says so")
	})
	if found, err := e.pods(ctx, "stray"); err != nil || len(found) != 0 {
		t.Errorf("%d pods of it are there: %v", len(found), err)
	}
	e.mirrorPod(virginia)

	// A namespace that does not ask for it is as it was.
	free := e.namespace("e2e-free-", nil)
	if _, err := e.client.CoreV1().Pods(free).Create(ctx, lone("free", onNode(virginia)), metav1.CreateOptions{}); err != nil {
		t.Errorf("in a namespace without the label: %v", err)
	}
}

func (e *env) daemonSet(name, scheduler string) {
	e.Helper()
	set := &appsv1.DaemonSet{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: appsv1.DaemonSetSpec{
		Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": name}}, Template: template(name, []option{profile(scheduler)}),
	}}
	if _, err := e.client.AppsV1().DaemonSets(e.ns).Create(e.Context(), set, metav1.CreateOptions{}); err != nil {
		e.Fatal(err)
	}
}

// mirrorPod has a kubelet show a pod that it runs from its own disk.
func (e *env) mirrorPod(name string) {
	e.Helper()
	node, err := e.client.CoreV1().Nodes().Get(e.Context(), name, metav1.GetOptions{})
	if err != nil {
		e.Fatal(err)
	}
	pod := lone("static-"+name, profile(""), onNode(name))
	pod.Annotations = map[string]string{corev1.MirrorPodAnnotationKey: "a1b2"}
	pod.OwnerReferences = []metav1.OwnerReference{{APIVersion: "v1", Kind: "Node", Name: node.Name, UID: node.UID, Controller: ptr(true)}}
	if _, err := e.asNode(name).CoreV1().Pods(e.ns).Create(e.Context(), pod, metav1.CreateOptions{}); err != nil {
		e.Errorf("the mirror pod of a node: %v", err)
	}
}
