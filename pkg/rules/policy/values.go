package policy

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/selection"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/printable"
)

// InstanceTypes says which instance types known clouds have. *pricing.Catalog is one.
type InstanceTypes interface {
	// Named says whether some cloud has an instance type that is spelled so, and which ones are nearest where none has.
	Named(instanceType string) (known bool, nearest []string)
}

// Doubt is a value that a policy demands of a location label and that no known cloud has. It may be a slip, or the name of a
// private data centre, its region or zone.
type Doubt struct {
	// Field is that of the value ("spec.locations.required[0].values[1]").
	Field string
	// Key is the label, with the Operator and the Value.
	Key, Value string
	Operator   metav1.LabelSelectorOperator

	near []string
}

// maxDoubts of one policy are looked for: each costs a comparison with all names that are known.
const maxDoubts = 8

// Doubts are the values of a policy's locations that no known cloud has, at most eight. Values that no place can have are none
// of them: they are problems.
func Doubts(spec *v1alpha1.PolicySpec, types InstanceTypes) []Doubt {
	if spec.Locations == nil {
		return nil
	}
	var out []Doubt
	look := func(field string, requirement *metav1.LabelSelectorRequirement) {
		for i, value := range requirement.Values {
			if len(out) == maxDoubts {
				return
			}
			if location.CheckValue(requirement.Key, value) != nil {
				continue
			}
			known, near := location.IsKnownValue(requirement.Key, value), []string(nil)
			switch {
			case requirement.Key == corev1.LabelInstanceTypeStable:
				known, near = types.Named(value)
			case !known:
				near = location.NearestValues(requirement.Key, value)
			}
			if !known {
				out = append(out, Doubt{fmt.Sprintf("%s.values[%d]", field, i), requirement.Key, value, requirement.Operator, near})
			}
		}
	}
	for i := range spec.Locations.Required {
		look(fmt.Sprintf("spec.locations.required[%d]", i), &spec.Locations.Required[i])
	}
	for i := range spec.Locations.Preferred {
		look(fmt.Sprintf("spec.locations.preferred[%d]", i), &spec.Locations.Preferred[i].LabelSelectorRequirement)
	}
	return out
}

// maxListed is how many values a doubt lists.
const maxListed = 8

// Among says what is doubtful beside the values that nodes, pools and other objects have, and what may have been meant; empty
// where one has the value.
func (d *Doubt) Among(have location.Values) string {
	if have[d.Key][d.Value] {
		return ""
	}
	text := fmt.Sprintf("no cloud that Tradewind knows has the %s %s", LocationKeys[d.Key], printable.Quote(d.Value))
	if d.Key == v1alpha1.LabelCloud {
		text = "Tradewind knows no cloud " + printable.Quote(d.Value)
	}
	if d.Operator == metav1.LabelSelectorOpNotIn {
		text = "excludes nothing that is known: " + text
	} else {
		text = "is met by nothing that is known: " + text
	}
	all, near := have.Of(d.Key, d.Value)
	if len(near) == 0 {
		near = d.near
	}
	switch {
	case d.Key == corev1.LabelInstanceTypeStable && len(near)+len(all) == 0:
		return "" // a cloud whose types the catalog does not have
	case len(near) > 0:
		return text + location.DidYouMean(near)
	case len(all) > maxListed:
		return fmt.Sprintf("%s; there are %s and %d more", text, strings.Join(all[:maxListed], ", "), len(all)-maxListed)
	case len(all) > 0:
		return text + "; there are " + strings.Join(all, ", ")
	}
	return text + "; it is right only where nodes of a private data centre are labelled so"
}

// Hint says that a required location names nothing that is known, with what may have been meant: for messages about workloads
// that find no place. Empty where some value of it is known, and for instance types, which only the catalog of prices knows.
func (r *LocationRequirement) Hint() string {
	if r.Broken || r.Requirement.Operator() != selection.In {
		return ""
	}
	values := r.Requirement.ValuesUnsorted()
	if len(values) == 0 || slices.ContainsFunc(values, func(value string) bool { return location.IsKnownValue(r.Requirement.Key(), value) }) {
		return ""
	}
	return location.DidYouMean(location.NearestValues(r.Requirement.Key(), values[0]))
}
