package planning

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/workload"
)

// anywayWeight is the weight of a topology spread constraint that says ScheduleAnyway, which has none of its own: where nothing else is
// preferred kube-scheduler counts it as much as a preferred term of any weight.
const anywayWeight = 100

// preferredSpread is by which labels of nodes the replicas of a workload prefer to be apart from each other: preferred terms of
// anti-affinity that select its own pods, and topology spread constraints that count them and say ScheduleAnyway. What they say of other
// pods is not looked at.
func (b *builder) preferredSpread(w *Workload) []engine.PreferredSpread {
	var out []engine.PreferredSpread
	for _, term := range workload.PreferredAntiAffinity(&w.Template.Spec) {
		if b.selectsOwn(w, &term.PodAffinityTerm) {
			out = append(out, engine.PreferredSpread{TopologyKey: term.PodAffinityTerm.TopologyKey, Weight: term.Weight, MaxSkew: 1})
		}
	}
	for _, c := range workload.PreferredSpread(&w.Template.Spec) {
		selector, err := metav1.LabelSelectorAsSelector(c.LabelSelector)
		if err == nil && !selector.Empty() && selector.Matches(labels.Set(w.Template.Labels)) {
			out = append(out, engine.PreferredSpread{TopologyKey: c.TopologyKey, Weight: anywayWeight, MaxSkew: int(c.MaxSkew)})
		}
	}
	return out
}

// selectsOwn says whether a term of affinity of a workload selects its own pods, those of the same revision. One that cannot be read
// selects none.
func (b *builder) selectsOwn(w *Workload, term *corev1.PodAffinityTerm) bool {
	if !b.ownNamespace(w.Namespace, term) {
		return false
	}
	selector, err := metav1.LabelSelectorAsSelector(term.LabelSelector)
	if err != nil || !selector.Matches(labels.Set(w.Template.Labels)) {
		return false
	}
	return !slices.ContainsFunc(term.MismatchLabelKeys, func(key string) bool {
		_, labelled := w.Template.Labels[key]
		return labelled || key != "" && key == revisionLabel(w.Kind)
	})
}

// ownNamespace says whether a term of affinity is about pods of the namespace that it is in.
func (b *builder) ownNamespace(namespace string, term *corev1.PodAffinityTerm) bool {
	if slices.Contains(term.Namespaces, namespace) {
		return true
	}
	if term.NamespaceSelector == nil {
		return len(term.Namespaces) == 0
	}
	spaces, err := metav1.LabelSelectorAsSelector(term.NamespaceSelector)
	set := labels.Set{corev1.LabelMetadataName: namespace} // as the API server labels it
	if known, ok := b.input.Namespaces[namespace]; ok {
		set = known
	}
	return err == nil && spaces.Matches(set)
}
