package rules

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	schedulinghelper "k8s.io/component-helpers/scheduling/corev1"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
	"k8s.io/klog/v2"
)

// Demands are what a pod's own spec demands of a node whatever runs there: node selector, required node affinity, tolerations of
// taints. They are judged by Kubernetes' own functions. Immutable.
type Demands struct {
	selector    map[string]string
	affinity    nodeaffinity.RequiredNodeAffinity
	selective   bool
	tolerations []corev1.Toleration
}

// NewDemands reads demands; affinity is the required terms, nil where there are none. A term that cannot be read allows no node.
func NewDemands(selector map[string]string, affinity *corev1.NodeSelector, tolerations []corev1.Toleration) *Demands {
	pod := &corev1.Pod{Spec: corev1.PodSpec{NodeSelector: selector}}
	if affinity != nil {
		pod.Spec.Affinity = &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{RequiredDuringSchedulingIgnoredDuringExecution: affinity}}
	}
	return &Demands{
		selector: selector, affinity: nodeaffinity.GetRequiredNodeAffinity(pod), tolerations: tolerations,
		selective: len(selector) > 0 || affinity != nil,
	}
}

// DemandsOf are those of a pod's spec.
func DemandsOf(spec *corev1.PodSpec) *Demands {
	var required *corev1.NodeSelector
	if spec.Affinity != nil && spec.Affinity.NodeAffinity != nil {
		required = spec.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution
	}
	return NewDemands(spec.NodeSelector, required, spec.Tolerations)
}

// Excluded is the first demand that a node does not meet, with the reason in words that read well behind a number of nodes; empty
// when it meets all. Of the node, labels, taints and (for matchFields) the name are looked at.
func (d *Demands) Excluded(node *corev1.Node) (Kind, string) {
	if taint, untolerated := d.Untolerated(node.Spec.Taints); untolerated {
		return KindTaint, "with the taint " + taint.ToString() + ", which the workload does not tolerate"
	}
	if d.Selects(node) {
		return "", ""
	}
	for key, value := range d.selector {
		if have, ok := node.Labels[key]; !ok || have != value {
			return KindNodeSelector, "without the labels of the node selector " + SelectorText(d.selector)
		}
	}
	return KindNodeAffinity, "outside the node affinity of the workload"
}

// Selects says whether a node meets the node selector and the required node affinity.
func (d *Demands) Selects(node *corev1.Node) bool {
	if !d.selective {
		return true
	}
	ok, err := d.affinity.Match(node)
	return err == nil && ok
}

// Untolerated is the first taint that keeps the pod off a node.
func (d *Demands) Untolerated(taints []corev1.Taint) (taint corev1.Taint, untolerated bool) {
	return d.UntoleratedOf(taints, KeepsOff)
}

// UntoleratedOf is the first taint of those that matter which the pod does not tolerate.
func (d *Demands) UntoleratedOf(taints []corev1.Taint, matters func(*corev1.Taint) bool) (corev1.Taint, bool) {
	return schedulinghelper.FindMatchingUntoleratedTaint(klog.Background(), taints, d.tolerations, matters, false)
}

// MayTolerate says whether the pod tolerates all taints that matter where Kubernetes' feature gate
// TaintTolerationComparisonOperators is on, by which tolerations compare numbers: without it the pod tolerates no more.
func (d *Demands) MayTolerate(taints []corev1.Taint, matters func(*corev1.Taint) bool) bool {
	_, untolerated := schedulinghelper.FindMatchingUntoleratedTaint(klog.Background(), taints, d.tolerations, matters, true)
	return !untolerated
}

// SelectorText is a node selector as one writes it: "cloud=aws,zone=a".
func SelectorText(selector map[string]string) string {
	parts := make([]string, 0, len(selector))
	for key, value := range selector {
		parts = append(parts, key+"="+value)
	}
	slices.Sort(parts)
	return strings.Join(parts, ",")
}
