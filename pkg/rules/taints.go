package rules

import (
	"strings"

	corev1 "k8s.io/api/core/v1"

	"tradewind.dev/tradewind/apis/v1alpha1"
)

// TaintMeaning is what the key of a taint says of its node.
type TaintMeaning int

// The meanings.
const (
	// TaintForPods says which pods the node is for.
	TaintForPods TaintMeaning = iota
	// TaintPasses says in what state the node is: it passes, or is what the node controller makes of a condition.
	TaintPasses
	// TaintInterrupted says that the cloud takes the node back.
	TaintInterrupted
	// TaintRemoved says that an autoscaler removes the node because it is not needed, or may do so soon.
	TaintRemoved
)

// taintKeys are the keys of taints about the state of a node, as those document them who set them: the AWS node termination
// handler, GKE's graceful node shutdown, Karpenter (before its version 1 too), the cluster autoscaler, and agents that take
// theirs off when they are up.
var taintKeys = map[string]TaintMeaning{
	"aws-node-termination-handler/spot-itn":                 TaintInterrupted,
	"aws-node-termination-handler/rebalance-recommendation": TaintInterrupted,
	"cloud.google.com/impending-node-termination":           TaintInterrupted,
	"karpenter.sh/disrupted":                                TaintInterrupted,
	"karpenter.sh/disruption":                               TaintRemoved,
	"ToBeDeletedByClusterAutoscaler":                        TaintRemoved,
	"DeletionCandidateOfClusterAutoscaler":                  TaintRemoved,
	"karpenter.sh/unregistered":                             TaintPasses,
	"node.cilium.io/agent-not-ready":                        TaintPasses,
	"ebs.csi.aws.com/agent-not-ready":                       TaintPasses,
	"efs.csi.aws.com/agent-not-ready":                       TaintPasses,
	v1alpha1.TaintDrill:                                     TaintPasses,
}

// taintPrefixes begin further keys of taints about the state of a node: those of Kubernetes' node controller, of cloud
// controllers and of the AWS node termination handler.
var taintPrefixes = []string{"node.kubernetes.io/", "node.cloudprovider.kubernetes.io/", "aws-node-termination-handler/"}

// MeaningOf is what a taint says of its node.
func MeaningOf(taint *corev1.Taint) TaintMeaning {
	if meaning, known := taintKeys[taint.Key]; known {
		return meaning
	}
	for _, prefix := range taintPrefixes {
		if strings.HasPrefix(taint.Key, prefix) {
			return TaintPasses
		}
	}
	return TaintForPods
}

// KeepsOff says whether a taint keeps pods that do not tolerate it off its node; others only ask them to stay away.
func KeepsOff(taint *corev1.Taint) bool {
	return taint.Effect != corev1.TaintEffectPreferNoSchedule
}
