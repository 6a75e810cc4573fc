package loss

import (
	corev1 "k8s.io/api/core/v1"

	"tradewind.dev/tradewind/pkg/rules"
)

// Interrupted names the taint that says that the cloud takes a node back; empty when none does.
func Interrupted(node *corev1.Node) string { return taintThat(node, rules.TaintInterrupted) }

// Removed names the taint that says that a node is removed on purpose; empty when none does. A node that is only a
// candidate for removal still counts here, since it may vanish without being taken back.
func Removed(node *corev1.Node) string { return taintThat(node, rules.TaintRemoved) }

func taintThat(node *corev1.Node, means rules.TaintMeaning) string {
	for i := range node.Spec.Taints {
		if taint := &node.Spec.Taints[i]; rules.MeaningOf(taint) == means {
			return taint.Key
		}
	}
	return ""
}
