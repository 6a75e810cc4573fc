package planning

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"tradewind.dev/tradewind/pkg/rules"
)

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
		if rules.MeaningOf(taint) != rules.TaintForPods && rules.KeepsOff(taint) {
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
		if rules.MeaningOf(&taints[i]) == rules.TaintForPods && rules.KeepsOff(&taints[i]) {
			out = append(out, corev1.Taint{Key: taints[i].Key, Value: taints[i].Value, Effect: taints[i].Effect})
		}
	}
	slices.SortFunc(out, func(a, b corev1.Taint) int { return strings.Compare(a.ToString(), b.ToString()) })
	return slices.Compact(out)
}
