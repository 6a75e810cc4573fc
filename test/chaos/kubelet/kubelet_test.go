package kubelet

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
)

// bench is a machine with an API server that only remembers.
type bench struct {
	*Machine
	client *fake.Clientset
	mu     sync.Mutex
	heard  []string
}

func newBench(t *testing.T) *bench {
	t.Helper()
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "a"}, Status: corev1.NodeStatus{Allocatable: corev1.ResourceList{
		corev1.ResourceCPU: resource.MustParse("4"), corev1.ResourceMemory: resource.MustParse("8Gi"),
	}}}
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "db-0", Namespace: "shop", UID: "u"}, Spec: corev1.PodSpec{
		NodeName: "a", Containers: []corev1.Container{{Name: "main", Image: "main"}},
	}}
	b := &bench{client: fake.NewClientset(node, pod)}
	b.Machine = New(node, 1, b.client, Options{LeaseDuration: 8 * time.Second, Renewal: 2 * time.Second}, func(name string) []*corev1.Pod {
		list, err := b.client.CoreV1().Pods("").List(t.Context(), metav1.ListOptions{})
		if err != nil {
			t.Error(err)
		}
		var out []*corev1.Pod
		for i := range list.Items {
			if list.Items[i].Spec.NodeName == name {
				out = append(out, &list.Items[i])
			}
		}
		return out
	}, func(pod *corev1.Pod, runs bool) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.heard = append(b.heard, fmt.Sprint(pod.Name, " ", runs))
	})
	return b
}

func (b *bench) pod(t *testing.T) *corev1.Pod {
	t.Helper()
	pod, err := b.client.CoreV1().Pods("shop").Get(t.Context(), "db-0", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return pod
}

func TestPods(t *testing.T) {
	b := newBench(t)
	b.syncPods(t.Context())
	if pod := b.pod(t); !Ready(pod) || pod.Status.Phase != corev1.PodRunning || pod.Status.PodIP == "" {
		t.Errorf("the pod is %+v", pod.Status)
	}
	b.Set(true, false)
	b.syncPods(t.Context()) // a turn that began before the machine died does nothing
	b.Set(false, true)
	b.Set(false, false)
	// The node controller takes the pods of a silent node for not ready; the kubelet that is back says otherwise.
	pod := b.pod(t)
	setCondition(&pod.Status, corev1.PodCondition{Type: corev1.PodReady, Status: corev1.ConditionFalse})
	if _, err := b.client.CoreV1().Pods("shop").UpdateStatus(t.Context(), pod, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	b.syncPods(t.Context())
	if !Ready(b.pod(t)) {
		t.Error("the pod is not ready again after a loss")
	}
	if err := b.client.CoreV1().Pods("shop").Delete(t.Context(), "db-0", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	b.syncPods(t.Context())
	if got := fmt.Sprint(b.heard); got != "[db-0 true db-0 false db-0 true db-0 false]" {
		t.Errorf("the containers' life: %s", got)
	}
}

func TestLease(t *testing.T) {
	b := newBench(t)
	b.SetClock(-time.Hour)
	for range 2 { // it is made, then renewed
		b.renew(t.Context())
		lease, err := b.client.CoordinationV1().Leases(corev1.NamespaceNodeLease).Get(t.Context(), "a", metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if behind := time.Since(lease.Spec.RenewTime.Time); behind < 59*time.Minute || behind > 61*time.Minute ||
			*lease.Spec.LeaseDurationSeconds != 8 {
			t.Errorf("the lease was renewed %s ago and holds %d s; want the machine's own clock, an hour behind", behind,
				*lease.Spec.LeaseDurationSeconds)
		}
	}
	if err := b.client.CoordinationV1().Leases(corev1.NamespaceNodeLease).Delete(t.Context(), "a", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	b.renew(t.Context()) // it is not there
	b.renew(t.Context()) // it is made anew
	if _, err := b.client.CoordinationV1().Leases(corev1.NamespaceNodeLease).Get(t.Context(), "a", metav1.GetOptions{}); err != nil {
		t.Errorf("a deleted lease stays away: %v", err)
	}
}

func TestStatus(t *testing.T) {
	b := newBench(t)
	b.Resize(20)
	b.report(t.Context())
	node, err := b.client.CoreV1().Nodes().Get(t.Context(), "a", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if cpu := node.Status.Allocatable.Cpu().MilliValue(); cpu != 800 {
		t.Errorf("a machine of 4 cores at 20 %% has %d m", cpu)
	}
	ready := false
	for _, c := range node.Status.Conditions {
		ready = ready || c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue
	}
	if !ready {
		t.Errorf("conditions %v", node.Status.Conditions)
	}
}

// TestSilence checks that nothing is called on a machine that is dead or cut off.
func TestSilence(t *testing.T) {
	for _, c := range []struct{ dead, cutOff, want bool }{{false, false, true}, {true, false, false}, {false, true, false}} {
		b := newBench(t)
		b.Set(c.dead, c.cutOff)
		ctx, cancel := context.WithCancel(t.Context())
		called := false
		b.every(ctx, 0, func() time.Duration { cancel(); return time.Hour }, func(context.Context) { called = true })
		if called != c.want {
			t.Errorf("dead %v, cut off %v: called %v", c.dead, c.cutOff, called)
		}
	}
}
