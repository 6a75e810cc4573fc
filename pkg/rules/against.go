package rules

import (
	"slices"

	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/rules/policy"
)

// Against is one reason why a replica may not go to a class, with what a remedy has to know of it.
type Against struct {
	// Reason reads behind a number of nodes: "outside residency EU".
	Reason string
	// Unknown says that something is not known of the class, or of a round trip to it, which could meet the rule if it were.
	Unknown bool
	// Sources are the policies whose rules give the reason; none where the rules of several are merged into one.
	Sources []policy.Source
}

// collect adds a reason to others, each once.
func collect(to []Against, reason string, unknown bool, source policy.Source, also []policy.Source) []Against {
	if reason == "" {
		return to
	}
	i := slices.IndexFunc(to, func(a Against) bool { return a.Reason == reason })
	if i < 0 {
		i = len(to)
		to = append(to, Against{Reason: reason})
	}
	to[i].Unknown = to[i].Unknown || unknown
	for _, from := range append([]policy.Source{source}, also...) {
		if from != (policy.Source{}) && !slices.Contains(to[i].Sources, from) {
			to[i].Sources = append(to[i].Sources, from)
		}
	}
	return to
}

// ResidencyAgainst is every residency rule that a location does not satisfy, the first as ResidencyReason. An unknown country
// or operator satisfies no rule that limits it.
func ResidencyAgainst(rules *policy.Effective, at location.Location) []Against {
	var out []Against
	for i := range rules.Residency {
		rule := &rules.Residency[i]
		out = collect(out, placeReason(rule, at), !rule.Broken && at.Country == "", rule.Source, rule.Also)
		out = collect(out, operatorReason(rule, at), !rule.Broken && at.OperatorCountry == "", rule.Source, rule.Also)
	}
	return out
}

// Against is every reason why one more replica may not go to a class, the first of all as Reason: the required locations that it
// does not meet, the spread rules, and the rule on spot capacity.
func (l *LocationLimits) Against(class *Class) (locations, spread, spot []Against) {
	if l.rules.Excess != "" {
		locations = []Against{{Reason: l.rules.Static(class).Location}}
	} else {
		for i := range l.rules.Required {
			if required := &l.rules.Required[i]; !MeetsLocation(required, class) {
				reason, unknown := unmetReason(required, class)
				locations = collect(locations, reason, unknown, required.Source, required.Also)
			}
		}
	}
	for i := range l.spread {
		spread = collect(spread, l.spread[i].ClassReason(class), false, policy.Source{}, nil)
	}
	return locations, spread, collect(nil, spotReason(l.rules.Effective, l.view, class), false, policy.Source{}, nil)
}

// Against is every limit that keeps one more replica from a class, the first as Reason.
func (l *LatencyLimits) Against(class *Class) []Against {
	static := l.rules.Static(class)
	var out []Against
	for i := range l.rules.Latency {
		if limit := &l.rules.Latency[i]; static.Covered[i] == 0 {
			reason, unknown := l.rules.latency.overReason(limit, class.Place)
			out = collect(out, reason, unknown, limit.Source, limit.Also)
		}
	}
	for i := range l.coverage {
		if limit := &l.rules.Latency[i]; static.Covered[i] != 0 {
			out = collect(out, l.coverage[i].Reason(static), false, limit.Source, limit.Also)
		}
	}
	for i := range l.rules.TrafficLimits {
		reason, unknown := l.rules.callReason(i, class, l.callees)
		out = collect(out, reason, unknown, l.rules.TrafficLimits[i].Source, nil)
	}
	return out
}
