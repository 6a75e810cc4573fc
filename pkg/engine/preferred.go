package engine

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
)

// preferredNodes is what a workload's preferred node affinity says of nodes.
type preferredNodes struct {
	terms  *nodeaffinity.PreferredSchedulingTerms
	weight float64 // of all terms that some node may match
}

// newPreferredNodes reads terms. One that cannot be read, or demands nothing, has no weight.
func newPreferredNodes(terms []corev1.PreferredSchedulingTerm) *preferredNodes {
	out := &preferredNodes{}
	var sound []corev1.PreferredSchedulingTerm
	for _, term := range terms {
		one := []corev1.PreferredSchedulingTerm{term}
		if _, err := nodeaffinity.NewPreferredSchedulingTerms(one); err == nil && len(term.Preference.MatchExpressions)+len(term.Preference.MatchFields) > 0 {
			sound = append(sound, term)
			out.weight += float64(term.Weight)
		}
	}
	if len(sound) > 0 {
		out.terms, _ = nodeaffinity.NewPreferredSchedulingTerms(sound)
	}
	return out
}

// unmet is the weight of the terms that a node does not match, divided by 100.
func (p *preferredNodes) unmet(node *corev1.Node) float64 {
	if p.terms == nil {
		return 0
	}
	return (p.weight - float64(p.terms.Score(node))) / 100
}
