package kubefilters

import (
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/interpodaffinity"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/podtopologyspread"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/volumebinding"
)

// Reasons by which what one plugin says can be told apart: Kubernetes' own words, which are all that it says.
const (
	// NoTopologyLabel is of nodes without the label that a topology spread constraint counts by.
	NoTopologyLabel = podtopologyspread.ErrReasonNodeLabelNotMatch
	// AvoidedByPods is of nodes with pods near them whose anti-affinity is against the pod.
	AvoidedByPods = interpodaffinity.ErrReasonExistingAntiAffinityRulesNotMatch
	// AvoidsPods is of nodes with pods near them that the pod's own anti-affinity is against.
	AvoidsPods = interpodaffinity.ErrReasonAntiAffinityRulesNotMatch
	// NoVolumeToBind is of nodes on which no volume is left for a claim.
	NoVolumeToBind = string(volumebinding.ErrReasonBindConflict)
)
