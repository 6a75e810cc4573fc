package moves

import (
	"slices"

	"tradewind.dev/tradewind/pkg/rules"
	"tradewind.dev/tradewind/pkg/rules/policy"
)

// mended is the first of the rules broken before that is broken less afterwards; nil when there is none, or when any rule
// is broken more than before.
func mended(before, after []rules.Breach) *rules.Breach {
	left := func(breaches []rules.Breach, of *rules.Breach) int {
		for i := range breaches {
			if breaches[i].Kind == of.Kind && breaches[i].Key == of.Key {
				return breaches[i].Replicas
			}
		}
		return 0
	}
	for i := range after {
		if after[i].Replicas > left(before, &after[i]) {
			return nil
		}
	}
	for i := range before {
		if left(after, &before[i]) < before[i].Replicas {
			return &before[i]
		}
	}
	return nil
}

// Broken says which rule about a place alone forbids a class; draining whether it is that of a "tradewind drain".
// Nothing is broken where no policy selects the workload.
func Broken(rules *rules.Rules, class *rules.Class, drains map[policy.Source]bool) (reason string, draining bool) {
	if rules == nil {
		return "", false
	}
	if _, reason = rules.Excluded(class, true); reason == "" { // an unknown price is no reason to move anything
		return "", false
	}
	for i := range rules.Required {
		required := &rules.Required[i]
		drained := slices.ContainsFunc(required.From(), func(source policy.Source) bool { return drains[source] })
		if drained && !required.Broken && !required.Requirement.Matches(class.Labels) {
			return reason, true
		}
	}
	return reason, false
}
