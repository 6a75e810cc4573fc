package location

import (
	"maps"
	"slices"

	"tradewind.dev/tradewind/apis/v1alpha1"
)

// Reads is what FromNode reads of a node besides spec.providerID. Who may change these can say where the node is.
type Reads struct {
	// Labels are keys of labels, Prefixes the beginnings of others ("k8s.scaleway.com/"), Annotations keys of annotations.
	// All are sorted.
	Labels, Prefixes, Annotations []string
	// Narrowing are keys of labels that only take a place away: who adds one gains nothing, and who removes or changes one may.
	Narrowing []string
}

// Reads says what FromNode reads under these options.
func (o Options) Reads() Reads {
	rules := o.rules()
	out := Reads{
		Labels: slices.Sorted(maps.Keys(rules.slots)), Annotations: []string{v1alpha1.AnnotationCoordinates}, Narrowing: []string{labelOutpost},
	}
	out.Labels = slices.DeleteFunc(out.Labels, func(key string) bool { return slices.Contains(out.Narrowing, key) })
	for i := range rules.prefixes {
		out.Prefixes = append(out.Prefixes, rules.prefixes[i].key)
	}
	slices.Sort(out.Prefixes)
	out.Prefixes = slices.Compact(out.Prefixes)
	return out
}
