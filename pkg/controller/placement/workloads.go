package placement

import (
	"sync"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/planning"
	"tradewind.dev/tradewind/pkg/workload"
)

// workloads are those that Placements may be kept for.
func (o *objects) workloads() []workload.Workload {
	from := workload.Objects{
		Deployments: o.deployments.all(), ReplicaSets: o.replicaSets.all(), StatefulSets: o.statefulSets.all(), Jobs: o.jobs.all(),
	}
	return from.All()
}

// owner is a workload.Owners.
func (o *objects) owner(namespace, replicaSet string) (workload.Key, bool) {
	set, known := o.replicaSets.get(namespace, replicaSet)
	if !known {
		return workload.Key{}, false
	}
	return workload.OfReplicaSet(set), true
}

// runningPods are the pods that have a node and have not ended. Those that are ending take room, and are no replicas any more.
func (o *objects) runningPods() []planning.Pod {
	all := o.pods.all()
	out := make([]planning.Pod, 0, len(all))
	for _, pod := range all {
		if next := o.running(pod); next != nil {
			out = append(out, *next)
		}
	}
	return out
}

// runningPod is one of them; nil when it is none.
func (o *objects) runningPod(key client.ObjectKey) *planning.Pod {
	pod, ok := o.pods.get(key.Namespace, key.Name)
	if !ok {
		return nil
	}
	return o.running(pod)
}

func (o *objects) running(pod *corev1.Pod) *planning.Pod {
	if pod.Spec.NodeName == "" || workload.Ended(pod) {
		return nil
	}
	shape := o.shapes.of(pod)
	out := &planning.Pod{
		Namespace: pod.Namespace, Name: pod.Name, Node: pod.Spec.NodeName, Request: shape.request, Claims: shape.claims,
	}
	if workload.Live(pod) {
		out.Workload = workload.Of(pod, o.owner)
	}
	return out
}

// shapes remember what pods request, since reading it takes longer than planning with it.
type shapes struct{ byUID sync.Map }

type shape struct {
	generation int64 // of the pod: resizing it raises it
	request    engine.Resources
	claims     []string
}

func (s *shapes) of(pod *corev1.Pod) *shape {
	if known, ok := s.byUID.Load(pod.UID); ok && known.(*shape).generation == pod.Generation {
		return known.(*shape)
	}
	out := &shape{generation: pod.Generation, request: planning.Request(&pod.Spec), claims: workload.Claims(pod)}
	s.byUID.Store(pod.UID, out)
	return out
}

func (s *shapes) forget(pod *corev1.Pod) { s.byUID.Delete(pod.UID) }
