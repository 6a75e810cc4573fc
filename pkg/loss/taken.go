package loss

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// interruptions are taints by which node agents and provisioners announce that the cloud takes a node back, as each of
// them documents it: the AWS node termination handler, GKE's graceful node shutdown, Karpenter.
var interruptions = []string{
	"aws-node-termination-handler/spot-itn",
	"aws-node-termination-handler/rebalance-recommendation",
	"cloud.google.com/impending-node-termination",
	"karpenter.sh/disrupted",
}

// removals are taints of nodes that an autoscaler removes because they are not needed: Cluster Autoscaler's, and that of
// Karpenter before version 1.
var removals = []string{"ToBeDeletedByClusterAutoscaler", "DeletionCandidateOfClusterAutoscaler", "karpenter.sh/disruption"}

// Interrupted names the taint that says that the cloud takes a node back; empty when none does.
func Interrupted(node *corev1.Node) string { return taintAmong(node, interruptions) }

// Removed names the taint that says that a node is removed on purpose; empty when none does. A node that is only a
// candidate for removal still counts here, since it may vanish without being taken back.
func Removed(node *corev1.Node) string { return taintAmong(node, removals) }

func taintAmong(node *corev1.Node, keys []string) string {
	for i := range node.Spec.Taints {
		if key := node.Spec.Taints[i].Key; slices.Contains(keys, key) {
			return key
		}
	}
	return ""
}
