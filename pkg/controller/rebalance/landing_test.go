package rebalance

import (
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// other is a pod of another workload.
func (b *bench) other(name, node string, change func(*corev1.Pod)) *corev1.Pod {
	b.Helper()
	pod := b.pod(name, node)
	pod.Labels = map[string]string{"app": "other"}
	pod.OwnerReferences[0].Name, pod.OwnerReferences[0].UID = "other-1", "other-1"
	if change != nil {
		change(pod)
	}
	b.create(pod)
	return pod
}

// avoids is a required anti-affinity to pods of an application on one node.
func avoids(app string) *corev1.Affinity {
	return &corev1.Affinity{PodAntiAffinity: &corev1.PodAntiAffinity{RequiredDuringSchedulingIgnoredDuringExecution: []corev1.PodAffinityTerm{{
		TopologyKey: corev1.LabelHostname, LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": app}},
	}}}}
}

// TestFiltersRefuse checks that no replica is evicted while kube-scheduler would place its replacement on no node of the pool that
// the plan wants: each of these moves was made, and the replacement came back to the dear node or waited.
func TestFiltersRefuse(t *testing.T) {
	hostPort := []corev1.ContainerPort{{ContainerPort: 80, HostPort: 8080}}
	for _, c := range []struct {
		name    string
		each    func(*corev1.Pod) // of the replicas
		prepare func(*bench)
		message string
	}{
		{name: "anti-affinity to another workload", prepare: func(b *bench) {
			b.template = func(spec *corev1.PodSpec) { spec.Affinity = avoids("other") }
			b.meanwhile = func() {
				for i := range 2 {
					b.other(fmt.Sprintf("other-%d", i), fmt.Sprintf("cheap-%d", i), nil)
				}
			}
		}, message: "2 node(s) didn't match pod anti-affinity rules"},
		{name: "anti-affinity of another workload", prepare: func(b *bench) {
			b.meanwhile = func() {
				for i := range 2 {
					b.other(fmt.Sprintf("other-%d", i), fmt.Sprintf("cheap-%d", i), func(pod *corev1.Pod) { pod.Spec.Affinity = avoids("web") })
				}
			}
		}, message: "2 node(s) didn't satisfy existing pods anti-affinity rules"},
		{name: "a port of the node", each: func(pod *corev1.Pod) { pod.Spec.Containers[0].Ports = hostPort }, prepare: func(b *bench) {
			b.meanwhile = func() {
				for i := range 2 {
					b.other(fmt.Sprintf("other-%d", i), fmt.Sprintf("cheap-%d", i), func(pod *corev1.Pod) { pod.Spec.Containers[0].Ports = hostPort })
				}
			}
		}, message: "2 node(s) didn't have free ports for the requested pod ports"},
		{name: "a taint since the plan was made", prepare: func(b *bench) {
			b.meanwhile = func() {
				for i := range 2 {
					b.changeNode(fmt.Sprintf("cheap-%d", i), func(node *corev1.Node) {
						node.Spec.Taints = []corev1.Taint{{Key: "team", Value: "db", Effect: corev1.TaintEffectNoSchedule}}
					})
				}
			}
		}, message: "2 node(s) had untolerated taint(s)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, "rebalance: {}", c.each)
			c.prepare(b)
			b.round()
			b.want("False", "RuleRefuses", c.message)
		})
	}
}

func (b *bench) changeNode(name string, change func(*corev1.Node)) {
	b.Helper()
	var node corev1.Node
	if err := b.api.Get(b.Context(), client.ObjectKey{Name: name}, &node); err != nil {
		b.Fatal(err)
	}
	change(&node)
	if err := b.api.Update(b.Context(), &node); err != nil {
		b.Fatal(err)
	}
}

// TestRoomOfWaiting keeps the places of replicas that wait for a node, and says of a full pool what it lacks. Others fill the nodes
// after each plan but for half a core.
func TestRoomOfWaiting(t *testing.T) {
	b := newBench(t, `{rebalance: {maxUnavailable: "2"}, locations: {required: [{key: node.kubernetes.io/instance-type, operator: NotIn, values: [m7i.16xlarge]}]}}`, nil)
	fill := func() (pods []*corev1.Pod) {
		for i := range 2 {
			pods = append(pods, b.other(fmt.Sprintf("other-%d", i), fmt.Sprintf("cheap-%d", i), func(pod *corev1.Pod) {
				pod.Spec.Containers[0].Resources.Requests[corev1.ResourceCPU] = *resource.NewMilliQuantity(int64(3500+500*i), resource.DecimalSI)
			}))
		}
		return pods
	}
	var pods []*corev1.Pod
	b.meanwhile = func() { pods = fill() }
	b.round()
	b.want("True", "Moving", "1 from pool dear", "web-0")
	for _, pod := range pods {
		if err := b.api.Delete(t.Context(), pod); err != nil {
			t.Fatal(err)
		}
	}
	b.clock.Step(10 * time.Second)
	waiting := b.pod("new-0", "")
	waiting.Status = corev1.PodStatus{}
	b.create(waiting)
	b.round()
	b.want("False", "NoRoom", "2 Insufficient cpu", "web-0")
}

// TestCameBack lets the replacement come up on the node that the replica was moved from, as under a quota or a webhook that nobody
// here knows of. The same healthy replica was evicted again after one minute, and after three, and whenever another pod came.
func TestCameBack(t *testing.T) {
	b := newBench(t, "rebalance: {}", nil)
	b.round()
	b.want("True", "Moving", "1 from pool dear", "web-0")
	b.clock.Step(10 * time.Second)
	b.create(b.pod("new-0", "dear-0"))
	for i := range 5 {
		b.clock.Step(time.Hour)
		b.other(fmt.Sprintf("other-%d", i), "cheap-0", func(pod *corev1.Pod) { pod.Spec.Containers[0].Resources.Requests = nil })
		b.round()
		b.want("False", "CameBack", "came up in pool dear", "web-0")
	}
	b.changeNode("cheap-1", func(node *corev1.Node) { node.Labels["disk"] = "fast" })
	b.round()
	b.want("True", "Moving", "1 from pool dear", "web-0", "new-0")
}
