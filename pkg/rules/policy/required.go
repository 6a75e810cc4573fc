package policy

import (
	"math"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
)

// Requirements answers which of a list of required locations is the first that a set of labels does not meet, in time that
// grows with the number of labels and not with that of requirements. It is immutable.
type Requirements struct {
	keys   []labelled
	broken int // the first that cannot be read, which nothing meets; none when there is none
}

// labelled is what all requirements on one label say together, each as the first that is not met.
type labelled struct {
	key string
	// missing is for a set without the label; named for some of its values, other for all others.
	missing, other int
	named          map[string]int
}

// none stands for no requirement.
const none = math.MaxInt

// NewRequirements reads a list in time linear in its values. What is not known is not met, whatever the operator, except by
// DoesNotExist.
func NewRequirements(list []LocationRequirement) *Requirements {
	out := &Requirements{broken: none}
	index := map[string]int{}
	alive := map[string]map[string]bool{} // by label, the named values that meet everything so far
	for i := range list {
		if list[i].Broken {
			out.broken = min(out.broken, i)
			continue
		}
		requirement := &list[i].Requirement
		key := requirement.Key()
		at, ok := index[key]
		if !ok {
			at = len(out.keys)
			index[key] = at
			out.keys = append(out.keys, labelled{key: key, missing: none, other: none, named: map[string]int{}})
			alive[key] = map[string]bool{}
		}
		out.keys[at].add(i, requirement, alive[key])
	}
	return out
}

// add takes in requirement number i.
func (l *labelled) add(i int, requirement *labels.Requirement, alive map[string]bool) {
	if requirement.Operator() != selection.DoesNotExist {
		l.missing = min(l.missing, i)
	}
	drop := func(value string) {
		l.named[value] = i
		delete(alive, value)
	}
	switch requirement.Operator() {
	case selection.In, selection.Equals, selection.DoubleEquals:
		listed := map[string]bool{}
		for _, value := range requirement.ValuesUnsorted() {
			listed[value] = true
			if _, known := l.named[value]; !known {
				l.named[value] = l.other
				if l.other == none {
					alive[value] = true
				}
			}
		}
		l.other = min(l.other, i)
		for value := range alive {
			if !listed[value] {
				drop(value)
			}
		}
	case selection.NotIn, selection.NotEquals:
		for _, value := range requirement.ValuesUnsorted() {
			if _, known := l.named[value]; !known && l.other < i {
				l.named[value] = l.other
			} else if !known || alive[value] {
				drop(value)
			}
		}
	case selection.DoesNotExist:
		l.other = min(l.other, i)
		for value := range alive {
			drop(value)
		}
	}
}

// FirstUnmet is the index of the first requirement that the labels do not meet; ok is false when they meet all.
func (r *Requirements) FirstUnmet(set labels.Set) (index int, ok bool) {
	first := r.broken
	for i := range r.keys {
		l := &r.keys[i]
		value, known := set[l.key]
		if !known {
			first = min(first, l.missing)
		} else if at, named := l.named[value]; named {
			first = min(first, at)
		} else {
			first = min(first, l.other)
		}
	}
	return first, first != none
}
