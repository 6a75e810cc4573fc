package admission

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// State is which of the installation's admission policies are in force.
type State struct {
	// Locations is about the policy that keeps nodes from changing what says where they are.
	Locations Verdict
	// Enforcement is about the policies that close the ways round the scheduler in namespaces.
	Enforcement Verdict
	// Awaiting is about the policy that keeps pods out until the scheduler has read the policies that select them. It is not known where
	// it is not installed, which nobody needs to do.
	Awaiting Verdict
	// Namespaces are the selectors of the namespaces in which enforcement is in force; a namespace must match all of them.
	Namespaces []metav1.LabelSelector
}

// Verdict says whether a policy is in force.
type Verdict struct {
	// Known is false when nobody has looked, or nobody may.
	Known bool
	// Problems name what keeps it from being in force, or from being known; none when it is in force.
	Problems []string
}

// InForce says whether the policy is known to be in force.
func (v Verdict) InForce() bool { return v.Known && len(v.Problems) == 0 }

// Equal says whether two states say the same.
func (s State) Equal(other State) bool {
	return s.Locations.equal(other.Locations) && s.Enforcement.equal(other.Enforcement) && s.Awaiting.equal(other.Awaiting) &&
		slices.EqualFunc(s.Namespaces, other.Namespaces, func(a, b metav1.LabelSelector) bool {
			return metav1.FormatLabelSelector(&a) == metav1.FormatLabelSelector(&b)
		})
}

func (v Verdict) equal(other Verdict) bool {
	return v.Known == other.Known && slices.Equal(v.Problems, other.Problems)
}

// Enforces says whether enforcement is in force in a namespace with these labels.
func (s State) Enforces(namespace labels.Set) bool {
	if !s.Enforcement.InForce() {
		return false
	}
	for i := range s.Namespaces {
		selector, err := metav1.LabelSelectorAsSelector(&s.Namespaces[i])
		if err != nil || !selector.Matches(namespace) {
			return false
		}
	}
	return true
}
