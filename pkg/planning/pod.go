package planning

import (
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/state"
)

// FromPod is what a plan looks at of a pod; ok is false for a pod that takes no room: without a node, ended, or being
// deleted.
func FromPod(pod *corev1.Pod) (out Pod, ok bool) {
	if pod.Spec.NodeName == "" || pod.DeletionTimestamp != nil || pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed {
		return Pod{}, false
	}
	out = Pod{
		Namespace: pod.Namespace, Name: pod.Name, Node: pod.Spec.NodeName, Cluster: pod.Labels[v1alpha1.LabelCluster],
		Workload: WorkloadOf(pod), Request: Request(&pod.Spec),
	}
	for i := range pod.Spec.Volumes {
		if name := state.ClaimName(pod, &pod.Spec.Volumes[i]); name != "" {
			out.Claims = append(out.Claims, name)
		}
	}
	return out, true
}

// rolloutsHash is the label by which Argo Rollouts tells its ReplicaSets apart, as Deployments do with
// pod-template-hash.
const rolloutsHash = "rollouts-pod-template-hash"

// WorkloadOf names the workload that a pod is a replica of, from the pod alone: the Deployment or Rollout behind its
// ReplicaSet, else the controller itself. It is zero for a pod without a controller.
func WorkloadOf(pod *corev1.Pod) WorkloadKey {
	owner := metav1.GetControllerOfNoCopy(pod)
	if owner == nil {
		return WorkloadKey{}
	}
	if owner.Kind == "ReplicaSet" {
		for label, kind := range map[string]string{appsv1.DefaultDeploymentUniqueLabelKey: "Deployment", rolloutsHash: "Rollout"} {
			if hash := pod.Labels[label]; hash != "" && strings.HasSuffix(owner.Name, "-"+hash) {
				return WorkloadKey{kind, pod.Namespace, strings.TrimSuffix(owner.Name, "-"+hash)}
			}
		}
	}
	return WorkloadKey{owner.Kind, pod.Namespace, owner.Name}
}
