package e2e

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/test/testbed"
)

// policyKinds are Tradewind's kinds with their resources.
var policyKinds = map[string]string{
	"PlacementPolicy": "placementpolicies", "ClusterPlacementPolicy": "clusterplacementpolicies",
	"PriceList": "pricelists", "LatencyMap": "latencymaps",
}

// env is what a test has to itself.
type env struct {
	*testing.T
	cluster *testbed.Cluster
	client  kubernetes.Interface
	objects dynamic.Interface
	ns      string
	sched   *scheduler
}

// newEnv gives the test the cluster with the shared scheduler running, and empties it when the test ends.
func newEnv(t *testing.T) *env {
	t.Helper()
	e := newEnvWithoutScheduler(t)
	if shared.scheduler == nil {
		shared.scheduler = startScheduler(t, e.cluster, "tradewind-scheduler")
	}
	e.sched = shared.scheduler
	e.inForce("PlacementPolicy", "ClusterPlacementPolicy", "PriceList", "LatencyMap")
	return e
}

// newEnvWithoutScheduler is newEnv for tests that start schedulers of their own. The shared one is stopped.
func newEnvWithoutScheduler(t *testing.T) *env {
	t.Helper()
	shared.start(t)
	objects, err := dynamic.NewForConfig(shared.cluster.Config())
	if err != nil {
		t.Fatal(err)
	}
	e := &env{T: t, cluster: shared.cluster, client: shared.cluster.Client(), objects: objects}
	e.ns = e.namespace("e2e-", nil)
	t.Cleanup(func() {
		if t.Failed() {
			e.report()
		}
		e.empty()
	})
	return e
}

// stopShared ends the shared scheduler; the next test that needs it starts it anew.
func (e *env) stopShared() {
	e.Helper()
	if shared.scheduler != nil {
		shared.scheduler.program.Stop(e.T)
		shared.scheduler = nil
	}
}

// namespace creates a namespace with its service account, which pods need.
func (e *env) namespace(prefix string, labels map[string]string) string {
	e.Helper()
	ns, err := e.client.CoreV1().Namespaces().Create(e.Context(),
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: prefix, Labels: labels}}, metav1.CreateOptions{})
	if err != nil {
		e.Fatal(err)
	}
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "default"}}
	_, err = e.client.CoreV1().ServiceAccounts(ns.Name).Create(e.Context(), account, metav1.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		e.Fatal(err)
	}
	return ns.Name
}

// deleteNow deletes without waiting for pods to end by themselves, and what an object owns with it.
var deleteNow = metav1.DeleteOptions{GracePeriodSeconds: ptr(int64(0)), PropagationPolicy: ptr(metav1.DeletePropagationBackground)}

func ptr[T any](value T) *T { return &value }

// empty removes the test's pods, nodes and policies, so that the next test begins with an empty cluster.
func (e *env) empty() {
	e.Helper()
	options := deleteNow
	remove := func(ctx context.Context) error {
		spaces, err := e.client.CoreV1().Namespaces().List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		var problems []error
		for i := range spaces.Items {
			ns := spaces.Items[i].Name
			if !strings.HasPrefix(ns, "e2e-") || spaces.Items[i].DeletionTimestamp != nil {
				continue
			}
			problems = append(problems,
				e.client.AppsV1().Deployments(ns).DeleteCollection(ctx, options, metav1.ListOptions{}),
				e.client.AppsV1().ReplicaSets(ns).DeleteCollection(ctx, options, metav1.ListOptions{}),
				e.client.CoreV1().Pods(ns).DeleteCollection(ctx, options, metav1.ListOptions{}))
		}
		return errors.Join(problems...)
	}
	waitFor(detached{e.T}, "the pods to be gone", func(ctx context.Context) error {
		if err := remove(ctx); err != nil {
			return err
		}
		pods, err := e.client.CoreV1().Pods("").List(ctx, metav1.ListOptions{})
		if err == nil && len(pods.Items) > 0 {
			err = fmt.Errorf("%d are there", len(pods.Items))
		}
		return err
	})
	ctx := context.WithoutCancel(e.Context())
	problems := []error{
		e.client.CoreV1().Nodes().DeleteCollection(ctx, options, metav1.ListOptions{}),
		e.client.CoreV1().PersistentVolumes().DeleteCollection(ctx, options, metav1.ListOptions{}),
		e.client.StorageV1().StorageClasses().DeleteCollection(ctx, options, metav1.ListOptions{}),
	}
	for _, resource := range policyKinds {
		err := e.objects.Resource(v1alpha1.GroupVersion.WithResource(resource)).DeleteCollection(ctx, options, metav1.ListOptions{})
		problems = append(problems, err)
	}
	spaces, err := e.client.CoreV1().Namespaces().List(ctx, metav1.ListOptions{})
	problems = append(problems, err)
	for i := range spaces.Items {
		if strings.HasPrefix(spaces.Items[i].Name, "e2e-") {
			problems = append(problems, e.client.CoreV1().Namespaces().Delete(ctx, spaces.Items[i].Name, metav1.DeleteOptions{}))
		}
	}
	for _, err := range problems {
		if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
			e.Errorf("emptying the cluster: %v", err)
		}
	}
}

// wait waits until a condition returns no error; what completes the sentence "waiting for …".
func (e *env) wait(what string, condition func(context.Context) error) {
	e.Helper()
	waitFor(e.T, what, condition)
}

func waitFor(t testing.TB, what string, condition func(context.Context) error) {
	t.Helper()
	testbed.WaitFor(t, patience, what, func(ctx context.Context) (bool, error) {
		err := condition(ctx)
		return err == nil, err
	})
}

// detached is a test with a context that outlives it, for what runs in its clean-up.
type detached struct{ testing.TB }

func (d detached) Context() context.Context { return context.WithoutCancel(d.TB.Context()) }

// report prints what is to be known of a failed test.
func (e *env) report() {
	ctx := context.WithoutCancel(e.Context())
	pods, err := e.client.CoreV1().Pods("").List(ctx, metav1.ListOptions{})
	if err != nil {
		e.Log(err)
		return
	}
	for i := range pods.Items {
		if i < 40 {
			pod := &pods.Items[i]
			e.Logf("pod %s/%s on %q: %s", pod.Namespace, pod.Name, pod.Spec.NodeName, scheduledCondition(pod).Message)
		}
	}
	if e.sched != nil && e.sched.program.Running(detached{e.T}) {
		text := e.sched.program.Log(detached{e.T})
		e.Logf("end of the scheduler's log:\n%s", text[max(0, len(text)-8000):])
	}
}

// apply applies objects and, where Tradewind's own are among them, waits until the scheduler has read them. NAMESPACE
// stands for the test's.
func (e *env) apply(text string) {
	e.Helper()
	e.cluster.ApplyYAML(e.T, strings.ReplaceAll(text, "NAMESPACE", e.ns))
	var kinds []string
	for kind := range policyKinds {
		if strings.Contains(text, "kind: "+kind+"\n") {
			kinds = append(kinds, kind)
		}
	}
	e.inForce(kinds...)
}

// refusedToApply applies objects that the API server is to refuse and returns its words.
func (e *env) refusedToApply(text string) string {
	e.Helper()
	err := e.cluster.TryApplyYAML(e.Context(), strings.ReplaceAll(text, "NAMESPACE", e.ns))
	if err == nil {
		e.Errorf("accepted:\n%s", text)
		return ""
	}
	return err.Error()
}

// policy applies a PlacementPolicy that selects the pods with the label app=NAME. spec is YAML without workloadSelector.
func (e *env) policy(name, spec string) {
	e.Helper()
	e.apply(policyText("PlacementPolicy", name, spec))
}

// clusterPolicy applies a ClusterPlacementPolicy that selects every pod. spec is YAML without workloadSelector.
func (e *env) clusterPolicy(name, spec string) {
	e.Helper()
	e.apply(fmt.Sprintf("apiVersion: tradewind.dev/v1alpha1\nkind: ClusterPlacementPolicy\nmetadata: {name: %s}\nspec:\n  workloadSelector: {}\n%s",
		name, indent(spec)))
}

func policyText(kind, name, spec string) string {
	return fmt.Sprintf("apiVersion: tradewind.dev/v1alpha1\nkind: %s\nmetadata: {name: %s, namespace: NAMESPACE}\nspec:\n"+
		"  workloadSelector: {matchLabels: {app: %s}}\n%s", kind, name, name, indent(spec))
}

func indent(text string) string {
	var out strings.Builder
	for line := range strings.Lines(strings.TrimLeft(text, "\n")) {
		out.WriteString("  " + line)
	}
	return out.String() + "\n"
}

// deletePolicy deletes a PlacementPolicy.
func (e *env) deletePolicy(name string) {
	e.Helper()
	resource := v1alpha1.GroupVersion.WithResource("placementpolicies")
	if err := e.objects.Resource(resource).Namespace(e.ns).Delete(e.Context(), name, metav1.DeleteOptions{}); err != nil {
		e.Fatal(err)
	}
	e.inForce("PlacementPolicy")
}

// inForce waits until the scheduler has read every object of Tradewind's kinds as it is now. The metrics say how
// many of a kind are in force; a watch reports changes in their order, so once one more object has come or gone, all
// that was changed before has been read.
func (e *env) inForce(kinds ...string) {
	e.Helper()
	if e.sched == nil {
		return
	}
	for _, kind := range kinds {
		resource := policyKinds[kind]
		e.toggleMarker(kind, v1alpha1.GroupVersion.WithResource(resource))
		e.wait("the scheduler to read every "+kind, func(ctx context.Context) error {
			list, err := e.objects.Resource(v1alpha1.GroupVersion.WithResource(resource)).List(ctx, metav1.ListOptions{})
			if err != nil {
				return err
			}
			read, err := e.sched.metric(ctx, "tradewind_objects_in_force", fmt.Sprintf("kind=%q", kind))
			if err == nil && int(read) != len(list.Items) {
				err = fmt.Errorf("%v read, %d there", read, len(list.Items))
			}
			return err
		})
	}
}

// markers are objects that concern nobody, by kind.
var markers = map[string]string{
	"PlacementPolicy":        `{workloadSelector: {matchLabels: {e2e-marker: none}}, optimizeFor: Balanced}`,
	"ClusterPlacementPolicy": `{workloadSelector: {matchLabels: {e2e-marker: none}}, optimizeFor: Balanced}`,
	"PriceList":              `{instances: [{cloud: e2e-marker, instanceType: none, hourlyUSD: "1"}]}`,
	"LatencyMap":             `{samples: [{from: e2e-marker/a, to: e2e-marker/b, milliseconds: 1}]}`,
}

// toggleMarker creates the kind's marker, or deletes it when it is there.
func (e *env) toggleMarker(kind string, resource schema.GroupVersionResource) {
	e.Helper()
	var client dynamic.ResourceInterface = e.objects.Resource(resource)
	namespace := ""
	if kind == "PlacementPolicy" {
		client = e.objects.Resource(resource).Namespace(e.ns)
		namespace = "namespace: " + e.ns + ", "
	}
	err := client.Delete(e.Context(), "e2e-marker", metav1.DeleteOptions{})
	if err == nil {
		return
	}
	if !apierrors.IsNotFound(err) {
		e.Fatal(err)
	}
	e.cluster.ApplyYAML(e.T, fmt.Sprintf("{apiVersion: tradewind.dev/v1alpha1, kind: %s, metadata: {%sname: e2e-marker}, spec: %s}",
		kind, namespace, markers[kind]))
}
