// Package kubelet plays the kubelets of simulated machines, each with its node's own identity: leases renewed at phases of
// their own, statuses, and pods that run, end and are ready again after a loss. A machine can die, be cut off from the API
// server, be resized and have a clock that is off.
package kubelet

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// Options are the kubelets' times.
type Options struct {
	// LeaseDuration is what leases say, Renewal how often they are renewed and statuses are looked at.
	LeaseDuration, Renewal time.Duration
}

// Machine is one simulated machine with its kubelet.
type Machine struct {
	Name    string
	client  kubernetes.Interface
	options Options
	pods    func(node string) []*corev1.Pod
	changed func(pod *corev1.Pod, runs bool)
	subnet  int

	mu      sync.Mutex
	dead    bool
	cutOff  bool
	skew    time.Duration
	percent int
	lease   *coordinationv1.Lease
	full    corev1.ResourceList
	running map[string]*corev1.Pod // by UID
	address int
}

// New returns a machine that is alive. client must be that of its node. pods lists the pods of a node as they are in a cache;
// changed is told when a pod's containers begin and end.
func New(node *corev1.Node, subnet int, client kubernetes.Interface, options Options, pods func(string) []*corev1.Pod,
	changed func(*corev1.Pod, bool)) *Machine {
	return &Machine{
		Name: node.Name, client: client, options: options, pods: pods, changed: changed, subnet: subnet,
		percent: 100, full: node.Status.Allocatable.DeepCopy(), running: map[string]*corev1.Pod{},
	}
}

// Set says whether the machine is dead, and whether it is cut off. The pods of a machine that dies end with it.
func (m *Machine) Set(dead, cutOff bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if dead && !m.dead {
		for uid, pod := range m.running {
			delete(m.running, uid)
			m.changed(pod, false)
		}
	}
	m.dead, m.cutOff = dead, cutOff
}

// SetClock sets how far the machine's clock is ahead.
func (m *Machine) SetClock(ahead time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.skew = ahead
}

// Resize sets what the machine has to give, in percent of what it began with.
func (m *Machine) Resize(percent int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.percent = percent
}

// Run plays the machine until the context ends.
func (m *Machine) Run(ctx context.Context) {
	// Kubelets start at times of their own, so their renewals spread over the interval; each drifts by up to 4 %.
	phase := time.Duration(rand.Int64N(int64(m.options.Renewal)))
	go m.every(ctx, phase, func() time.Duration {
		return m.options.Renewal + time.Duration(rand.Float64()*0.04*float64(m.options.Renewal))
	}, m.renew)
	go m.every(ctx, phase, func() time.Duration { return m.options.Renewal }, m.report)
	m.every(ctx, 0, func() time.Duration { return 200 * time.Millisecond }, m.syncPods)
}

// every calls f until the context ends; not while the machine is dead, and without the API server while it is cut off.
func (m *Machine) every(ctx context.Context, first time.Duration, interval func() time.Duration, f func(context.Context)) {
	timer := time.NewTimer(first)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		m.mu.Lock()
		reachable := !m.dead && !m.cutOff
		m.mu.Unlock()
		if reachable {
			call, cancel := context.WithTimeout(ctx, 5*time.Second)
			f(call)
			cancel()
		}
		timer.Reset(interval())
	}
}

// renew renews the lease, and makes it when it is not there.
func (m *Machine) renew(ctx context.Context) {
	m.mu.Lock()
	now := metav1.NewMicroTime(time.Now().Add(m.skew))
	lease := m.lease
	m.mu.Unlock()
	leases := m.client.CoordinationV1().Leases(corev1.NamespaceNodeLease)
	var err error
	if lease != nil {
		lease = lease.DeepCopy()
		lease.Spec.RenewTime = &now
		lease, err = leases.Update(ctx, lease, metav1.UpdateOptions{})
	} else if lease, err = leases.Get(ctx, m.Name, metav1.GetOptions{}); apierrors.IsNotFound(err) {
		seconds := int32(m.options.LeaseDuration.Seconds())
		lease, err = leases.Create(ctx, &coordinationv1.Lease{
			ObjectMeta: metav1.ObjectMeta{Name: m.Name},
			Spec:       coordinationv1.LeaseSpec{HolderIdentity: &m.Name, LeaseDurationSeconds: &seconds, RenewTime: &now},
		}, metav1.CreateOptions{})
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.lease = lease; err != nil {
		m.lease = nil // read anew
	}
}

// report posts that the node is ready and what it has, where the API server has it otherwise.
func (m *Machine) report(ctx context.Context) {
	node, err := m.client.CoreV1().Nodes().Get(ctx, m.Name, metav1.GetOptions{})
	if err != nil {
		return
	}
	m.mu.Lock()
	want := m.full.DeepCopy()
	for name, quantity := range want {
		quantity.SetMilli(quantity.MilliValue() * int64(m.percent) / 100)
		if name != corev1.ResourceCPU { // whole bytes, pods and devices
			quantity.Set(quantity.Value())
		}
		want[name] = quantity
	}
	now := metav1.NewTime(time.Now().Add(m.skew))
	m.mu.Unlock()
	same := len(want) == len(node.Status.Allocatable)
	for name, quantity := range want {
		got := node.Status.Allocatable[name]
		same = same && got.Cmp(quantity) == 0
	}
	for i := range node.Status.Conditions {
		if c := &node.Status.Conditions[i]; same && c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue {
			return
		}
	}
	node.Status.Allocatable = want
	conditions := map[corev1.NodeConditionType]corev1.ConditionStatus{
		corev1.NodeMemoryPressure: corev1.ConditionFalse, corev1.NodeDiskPressure: corev1.ConditionFalse,
		corev1.NodePIDPressure: corev1.ConditionFalse, corev1.NodeReady: corev1.ConditionTrue,
	}
	node.Status.Conditions = nil
	for kind, status := range conditions {
		node.Status.Conditions = append(node.Status.Conditions, corev1.NodeCondition{
			Type: kind, Status: status, Reason: "Kubelet", LastHeartbeatTime: now, LastTransitionTime: now,
		})
	}
	_, _ = m.client.CoreV1().Nodes().UpdateStatus(ctx, node, metav1.UpdateOptions{}) // again at the next turn
}

// syncPods starts, reports and ends pods.
func (m *Machine) syncPods(ctx context.Context) {
	seen := map[string]bool{}
	for _, pod := range m.pods(m.Name) {
		seen[string(pod.UID)] = true
		switch {
		case pod.DeletionTimestamp != nil:
			m.end(ctx, pod)
		case pod.Status.Phase != corev1.PodSucceeded && pod.Status.Phase != corev1.PodFailed:
			m.start(ctx, pod)
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for uid, pod := range m.running { // deleted by force
		if !seen[uid] {
			delete(m.running, uid)
			m.changed(pod, false)
		}
	}
}

// mayWork says that the machine has not died since the turn began.
func (m *Machine) mayWork() bool { return !m.dead && !m.cutOff }

func (m *Machine) end(ctx context.Context, pod *corev1.Pod) {
	m.mu.Lock()
	if !m.mayWork() {
		m.mu.Unlock()
		return
	}
	if _, runs := m.running[string(pod.UID)]; runs {
		delete(m.running, string(pod.UID))
		m.changed(pod, false)
	}
	m.mu.Unlock()
	now := int64(0)
	_ = m.client.CoreV1().Pods(pod.Namespace).Delete(ctx, pod.Name, metav1.DeleteOptions{
		GracePeriodSeconds: &now, Preconditions: &metav1.Preconditions{UID: &pod.UID},
	}) // again at the next turn
}

func (m *Machine) start(ctx context.Context, pod *corev1.Pod) {
	m.mu.Lock()
	if !m.mayWork() {
		m.mu.Unlock()
		return
	}
	if _, runs := m.running[string(pod.UID)]; !runs {
		m.running[string(pod.UID)] = pod
		m.changed(pod, true)
	}
	m.address = m.address%250 + 1
	address := fmt.Sprintf("10.128.%d.%d", m.subnet, m.address)
	m.mu.Unlock()
	if Ready(pod) {
		return
	}
	pod = pod.DeepCopy()
	now := metav1.Now()
	pod.Status.Phase = corev1.PodRunning
	if pod.Status.StartTime == nil {
		pod.Status.StartTime = &now
		pod.Status.PodIP, pod.Status.PodIPs = address, []corev1.PodIP{{IP: address}}
	}
	for _, kind := range []corev1.PodConditionType{corev1.PodReadyToStartContainers, corev1.PodInitialized,
		corev1.ContainersReady, corev1.PodReady} {
		setCondition(&pod.Status, corev1.PodCondition{Type: kind, Status: corev1.ConditionTrue, LastTransitionTime: now})
	}
	started := true
	pod.Status.ContainerStatuses = nil
	for i := range pod.Spec.Containers {
		pod.Status.ContainerStatuses = append(pod.Status.ContainerStatuses, corev1.ContainerStatus{
			Name: pod.Spec.Containers[i].Name, Image: pod.Spec.Containers[i].Image, Ready: true, Started: &started,
			State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: now}},
		})
	}
	_, _ = m.client.CoreV1().Pods(pod.Namespace).UpdateStatus(ctx, pod, metav1.UpdateOptions{}) // again at the next turn
}

func setCondition(status *corev1.PodStatus, condition corev1.PodCondition) {
	for i := range status.Conditions {
		if status.Conditions[i].Type == condition.Type {
			if status.Conditions[i].Status != condition.Status {
				status.Conditions[i] = condition
			}
			return
		}
	}
	status.Conditions = append(status.Conditions, condition)
}

// Ready says whether a pod is.
func Ready(pod *corev1.Pod) bool {
	for i := range pod.Status.Conditions {
		if pod.Status.Conditions[i].Type == corev1.PodReady {
			return pod.Status.Conditions[i].Status == corev1.ConditionTrue
		}
	}
	return false
}
