package planning

import (
	"slices"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
)

// podIndex finds things with labels in namespaces by selectors, without looking at each of them where the selector names a value.
type podIndex struct {
	sets        []labels.Set
	byNamespace map[string][]int
	byLabel     map[labelOf][]int
}

// labelOf is a label in a namespace.
type labelOf struct{ namespace, key, value string }

func newPodIndex() *podIndex {
	return &podIndex{byNamespace: map[string][]int{}, byLabel: map[labelOf][]int{}}
}

// add adds the next one.
func (l *podIndex) add(namespace string, set labels.Set) {
	i := len(l.sets)
	l.sets = append(l.sets, set)
	l.byNamespace[namespace] = append(l.byNamespace[namespace], i)
	for key, value := range set {
		at := labelOf{namespace, key, value}
		l.byLabel[at] = append(l.byLabel[at], i)
	}
}

// matching are the numbers of those that a selector selects in some namespaces, in order.
func (l *podIndex) matching(namespaces []string, selector labels.Selector) []int {
	requirements, selectable := selector.Requirements()
	if !selectable {
		return nil
	}
	var out []int
	for _, namespace := range namespaces {
		candidates := l.byNamespace[namespace]
		for k := range requirements {
			switch requirements[k].Operator() {
			case selection.In, selection.Equals, selection.DoubleEquals:
			default:
				continue
			}
			var having []int
			for value := range requirements[k].Values() {
				having = append(having, l.byLabel[labelOf{namespace, requirements[k].Key(), value}]...)
			}
			if len(having) < len(candidates) {
				candidates = having
			}
		}
		for _, i := range candidates {
			if selector.Matches(l.sets[i]) {
				out = append(out, i)
			}
		}
	}
	slices.Sort(out)
	return out
}
