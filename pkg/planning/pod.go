package planning

import (
	corev1 "k8s.io/api/core/v1"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/workload"
)

// Pod is what a plan looks at of a pod; ok is false for a pod that takes no room: without a node, or ended. One that is
// being deleted takes its room yet, and is a replica of nothing any more.
func (s *Shapes) Pod(pod *corev1.Pod, owners workload.Owners) (out Pod, ok bool) {
	if pod.Spec.NodeName == "" || workload.Ended(pod) {
		return Pod{}, false
	}
	shape := s.of(pod)
	out = Pod{
		Namespace: pod.Namespace, Name: pod.Name, Node: pod.Spec.NodeName, Cluster: pod.Labels[v1alpha1.LabelCluster],
		Request: shape.request, Claims: shape.claims,
	}
	if of := workload.Of(pod, owners); workload.Live(pod) || of.Kind == workload.DaemonSet { // whose next pod comes in its place
		out.Workload = of
	}
	if workload.Live(pod) {
		out.Stays = workload.RoleOf(pod) != workload.OfNode
		out.Labels, out.AntiAffinity, out.HostPorts = pod.Labels, shape.antiAffinity, shape.hostPorts
	}
	return out, true
}
