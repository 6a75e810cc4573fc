package e2e

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"tradewind.dev/tradewind/test/testbed/nodes"
)

// The scheduler's profiles.
const (
	balanced = "tradewind"
	cheapest = "tradewind-cost"
	fastest  = "tradewind-latency"
)

// option changes a pod, or the pods of a Deployment, before it is created.
type option func(*corev1.PodTemplateSpec)

func profile(name string) option {
	return func(p *corev1.PodTemplateSpec) { p.Spec.SchedulerName = name }
}

func cpu(quantity string) option {
	return func(p *corev1.PodTemplateSpec) {
		p.Spec.Containers[0].Resources.Requests[corev1.ResourceCPU] = resource.MustParse(quantity)
	}
}

// onNode starts a pod on a node without asking a scheduler.
func onNode(name string) option {
	return func(p *corev1.PodTemplateSpec) { p.Spec.NodeName = name }
}

func priority(class string) option {
	return func(p *corev1.PodTemplateSpec) { p.Spec.PriorityClassName = class }
}

func label(key, value string) option {
	return func(p *corev1.PodTemplateSpec) { p.Labels[key] = value }
}

func claim(name string) option {
	return func(p *corev1.PodTemplateSpec) {
		source := corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: name}}
		p.Spec.Volumes = append(p.Spec.Volumes, corev1.Volume{Name: name, VolumeSource: source})
	}
}

// template is a pod with the label app=NAME that asks for 100 millicores and is placed by the balanced profile.
func template(name string, options []option) corev1.PodTemplateSpec {
	out := corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": name}},
		Spec: corev1.PodSpec{
			SchedulerName: balanced,
			Containers: []corev1.Container{{Name: "main", Image: "main", Resources: corev1.ResourceRequirements{
				Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("100m"), corev1.ResourceMemory: resource.MustParse("64Mi")},
			}}},
		},
	}
	for _, change := range options {
		change(&out)
	}
	return out
}

// pod creates a pod of its own.
func (e *env) pod(name string, options ...option) {
	e.Helper()
	e.podIn(e.ns, name, options...)
}

func (e *env) podIn(namespace, name string, options ...option) {
	e.Helper()
	made := template(name, options)
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: made.Labels}, Spec: made.Spec}
	if _, err := e.client.CoreV1().Pods(namespace).Create(e.Context(), pod, metav1.CreateOptions{}); err != nil {
		e.Fatal(err)
	}
}

// deployment creates a Deployment.
func (e *env) deployment(name string, replicas int32, options ...option) {
	e.Helper()
	e.createDeployment(name, appsv1.DeploymentSpec{Replicas: &replicas, Template: template(name, options)})
}

func (e *env) createDeployment(name string, spec appsv1.DeploymentSpec) {
	e.Helper()
	spec.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"app": name}}
	_, err := e.client.AppsV1().Deployments(e.ns).Create(e.Context(),
		&appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: spec}, metav1.CreateOptions{})
	if err != nil {
		e.Fatal(err)
	}
}

// patchDeployment merges a JSON patch into a Deployment.
func (e *env) patchDeployment(name, patch string) {
	e.Helper()
	_, err := e.client.AppsV1().Deployments(e.ns).Patch(e.Context(), name, types.MergePatchType, []byte(patch), metav1.PatchOptions{})
	if err != nil {
		e.Fatal(err)
	}
}

func (e *env) scale(name string, replicas int) {
	e.Helper()
	e.patchDeployment(name, fmt.Sprintf(`{"spec":{"replicas":%d}}`, replicas))
}

func scheduledCondition(pod *corev1.Pod) corev1.PodCondition {
	for _, condition := range pod.Status.Conditions {
		if condition.Type == corev1.PodScheduled {
			return condition
		}
	}
	return corev1.PodCondition{}
}

// pods are the live pods with the label app=NAME.
func (e *env) pods(ctx context.Context, name string) ([]corev1.Pod, error) {
	list, err := e.client.CoreV1().Pods(e.ns).List(ctx, metav1.ListOptions{LabelSelector: "app=" + name})
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(list.Items, func(p corev1.Pod) bool { return p.DeletionTimestamp != nil }), nil
}

// placed waits until a pod has a node and returns the pool that the node belongs to.
func (e *env) placed(name string) string {
	e.Helper()
	return e.poolOf(e.nodeOf(name))
}

// nodeOf waits until a pod has a node and returns the node's name.
func (e *env) nodeOf(name string) string {
	e.Helper()
	node := ""
	e.wait("pod "+name+" to be placed", func(ctx context.Context) error {
		pod, err := e.client.CoreV1().Pods(e.ns).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		if node = pod.Spec.NodeName; node == "" {
			return fmt.Errorf("it waits: %q", scheduledCondition(pod).Message)
		}
		return nil
	})
	return node
}

func (e *env) poolOf(name string) string {
	e.Helper()
	node, err := e.client.CoreV1().Nodes().Get(e.Context(), name, metav1.GetOptions{})
	if err != nil {
		e.Fatal(err)
	}
	return node.Annotations[nodes.PoolAnnotation]
}

// spreadOf waits until a Deployment has this many replicas, all of its newest template, all placed, and returns how many
// of them each pool has.
func (e *env) spreadOf(name string, replicas int) map[string]int {
	e.Helper()
	var found []corev1.Pod
	e.wait(fmt.Sprintf("%d replicas of %s to be placed", replicas, name), func(ctx context.Context) error {
		deployment, err := e.client.AppsV1().Deployments(e.ns).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		if found, err = e.pods(ctx, name); err != nil {
			return err
		}
		status := deployment.Status
		if len(found) != replicas || status.ObservedGeneration < deployment.Generation || int(status.UpdatedReplicas) != replicas {
			return fmt.Errorf("%d pods, %d of the newest template", len(found), status.UpdatedReplicas)
		}
		for i := range found {
			if found[i].Spec.NodeName == "" {
				return fmt.Errorf("pod %s waits: %q", found[i].Name, scheduledCondition(&found[i]).Message)
			}
		}
		return nil
	})
	return e.byPool(found)
}

// byPool counts placed pods by the pool of their node, and the others under "".
func (e *env) byPool(pods []corev1.Pod) map[string]int {
	e.Helper()
	pools := map[string]string{}
	for _, node := range e.cluster.NodesOf(e.T, "") {
		pools[node.Name] = node.Annotations[nodes.PoolAnnotation]
	}
	out := map[string]int{}
	for i := range pods {
		out[pools[pods[i].Spec.NodeName]]++
	}
	return out
}

// waits waits until a pod is refused with exactly this message, in its condition and in an event.
func (e *env) waits(name, message string) {
	e.Helper()
	e.waitsIn(e.ns, name, message)
}

func (e *env) waitsIn(namespace, name, message string) {
	e.Helper()
	e.wait(fmt.Sprintf("pod %s to wait with the message %q", name, message), func(ctx context.Context) error {
		pod, err := e.client.CoreV1().Pods(namespace).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		if pod.Spec.NodeName != "" {
			e.Fatalf("pod %s is on %s; it should wait with the message %q", name, pod.Spec.NodeName, message)
		}
		condition := scheduledCondition(pod)
		if condition.Status != corev1.ConditionFalse || condition.Reason != corev1.PodReasonUnschedulable || condition.Message != message {
			return fmt.Errorf("condition %s: %q", condition.Reason, condition.Message)
		}
		list, err := e.client.EventsV1().Events(namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		var notes []string
		for i := range list.Items {
			if event := &list.Items[i]; event.Regarding.Name == name && event.Reason == "FailedScheduling" {
				notes = append(notes, event.Note)
			}
		}
		if !slices.Contains(notes, message) {
			return fmt.Errorf("events: %q", notes)
		}
		return nil
	})
}

// replicasWait waits until exactly this many pods of a Deployment have nodes and each of the others is refused with
// exactly this message. It returns how many of the placed ones each pool has.
func (e *env) replicasWait(name string, placed, waiting int, message string) map[string]int {
	e.Helper()
	var there []corev1.Pod
	var refused string
	e.wait(fmt.Sprintf("%d pods of %s to be placed and %d to wait with %q", placed, name, waiting, message),
		func(ctx context.Context) error {
			found, err := e.pods(ctx, name)
			if err != nil {
				return err
			}
			there = nil
			var messages []string
			for i := range found {
				if found[i].Spec.NodeName != "" {
					there = append(there, found[i])
				} else {
					messages = append(messages, scheduledCondition(&found[i]).Message)
					refused = found[i].Name
				}
			}
			if len(there) != placed || len(messages) != waiting || slices.ContainsFunc(messages, func(m string) bool { return m != message }) {
				return fmt.Errorf("%d placed, others: %q", len(there), messages)
			}
			return nil
		})
	if waiting > 0 {
		e.waits(refused, message)
	}
	return e.byPool(there)
}

// settled lets the scheduler place a pod that nothing holds back and that every node could take. What has been waiting
// until then was not retried in between.
func (e *env) settled() {
	e.Helper()
	name := "settled-" + strconv.FormatInt(time.Now().UnixNano(), 36)
	e.pod(name, cpu("1m"))
	e.nodeOf(name)
}

// patchNode merges a JSON patch into a node.
func (e *env) patchNode(name, patch string) {
	e.Helper()
	_, err := e.client.CoreV1().Nodes().Patch(e.Context(), name, types.MergePatchType, []byte(patch), metav1.PatchOptions{})
	if err != nil {
		e.Fatal(err)
	}
}
