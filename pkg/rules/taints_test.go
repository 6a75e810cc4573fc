package rules

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// TestMeaningOf: what the planner takes for the state of a node and what the watch for losses does were two lists.
func TestMeaningOf(t *testing.T) {
	for key, want := range map[string]TaintMeaning{
		"dedicated": TaintForPods, "kubernetes.azure.com/scalesetpriority": TaintForPods, "karpenter.sh/capacity": TaintForPods,
		"node.kubernetes.io/unreachable": TaintPasses, "node.cloudprovider.kubernetes.io/uninitialized": TaintPasses,
		"node.cilium.io/agent-not-ready": TaintPasses, "tradewind.dev/drill": TaintPasses,
		"aws-node-termination-handler/asg-lifecycle-termination": TaintPasses, "aws-node-termination-handler/spot-itn": TaintInterrupted,
		"cloud.google.com/impending-node-termination": TaintInterrupted, "karpenter.sh/disrupted": TaintInterrupted,
		"karpenter.sh/disruption": TaintRemoved, "ToBeDeletedByClusterAutoscaler": TaintRemoved,
	} {
		if got := MeaningOf(&corev1.Taint{Key: key}); got != want {
			t.Errorf("%s: %d, want %d", key, got, want)
		}
	}
}
