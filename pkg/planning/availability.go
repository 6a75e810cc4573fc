package planning

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"tradewind.dev/tradewind/apis/v1alpha1"
)

// lifecyclePrefixes begin the keys of taints that say in what state a node is, and not which pods it is for: those of
// Kubernetes' node controller and of cloud controllers.
var lifecyclePrefixes = []string{"node.kubernetes.io/", "node.cloudprovider.kubernetes.io/", "aws-node-termination-handler/"}

// lifecycleTaints are further such keys: of the cluster autoscaler, Karpenter, GKE, and agents that take them off when
// they are up.
var lifecycleTaints = []string{
	"ToBeDeletedByClusterAutoscaler", "DeletionCandidateOfClusterAutoscaler", "karpenter.sh/disrupted", "karpenter.sh/disruption",
	"karpenter.sh/unregistered", "cloud.google.com/impending-node-termination", "node.cilium.io/agent-not-ready",
	"ebs.csi.aws.com/agent-not-ready", "efs.csi.aws.com/agent-not-ready", v1alpha1.TaintDrill,
}

func isLifecycle(taint *corev1.Taint) bool {
	return slices.Contains(lifecycleTaints, taint.Key) ||
		slices.ContainsFunc(lifecyclePrefixes, func(prefix string) bool { return strings.HasPrefix(taint.Key, prefix) })
}

// NodeUnavailable says why no pod may be placed on a node now, as far as the node itself tells, or "": it is being
// deleted, cordoned, not ready, or tainted for a state that keeps pods off. A node without conditions counts as ready.
func NodeUnavailable(node *corev1.Node) string {
	if node.DeletionTimestamp != nil {
		return "is being deleted"
	}
	if node.Spec.Unschedulable {
		return "is cordoned"
	}
	for i := range node.Status.Conditions {
		if condition := &node.Status.Conditions[i]; condition.Type == corev1.NodeReady && condition.Status != corev1.ConditionTrue {
			return "is not ready"
		}
	}
	for i := range node.Spec.Taints {
		taint := &node.Spec.Taints[i]
		if isLifecycle(taint) && taint.Effect != corev1.TaintEffectPreferNoSchedule {
			return "has the taint " + taint.ToString()
		}
	}
	return ""
}

// poolTaints are the taints that say which pods the nodes of a pool are for, sorted. Those that pods only prefer to
// avoid limit nothing.
func poolTaints(taints []corev1.Taint) []corev1.Taint {
	var out []corev1.Taint
	for i := range taints {
		if !isLifecycle(&taints[i]) && taints[i].Effect != corev1.TaintEffectPreferNoSchedule {
			out = append(out, corev1.Taint{Key: taints[i].Key, Value: taints[i].Value, Effect: taints[i].Effect})
		}
	}
	slices.SortFunc(out, func(a, b corev1.Taint) int { return strings.Compare(a.ToString(), b.ToString()) })
	return slices.Compact(out)
}
