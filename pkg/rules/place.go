package rules

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"tradewind.dev/tradewind/pkg/rules/policy"
)

// Excluded is the first rule of the policies that keeps every replica off a class, however many run where, with the reason in
// words that read well behind a number of nodes; empty when none does. priced says whether what a node of the class costs is
// known. The order is that of the scheduler's filters.
func (r *Rules) Excluded(class *Class, priced bool) (Kind, string) {
	static := r.Static(class)
	switch {
	case static.Residency != "":
		return KindResidency, static.Residency
	case static.Location != "":
		return KindLocation, static.Location
	}
	for i := range r.Spread {
		if reason := unknownDomain(&r.Spread[i], class); reason != "" {
			return KindSpread, reason
		}
	}
	switch {
	case forbidsSpot(r.Effective) && class.Spot():
		return KindSpot, reasonSpotForbidden
	case forbidsOther(r.Effective) && !class.Spot():
		return KindSpot, reasonSpotAwaited
	case static.Latency != "":
		return KindLatency, static.Latency
	case r.HasMaxHourlyUSD && !priced:
		return KindCost, reasonUnpriced
	}
	return "", ""
}

// The reasons that filters and Excluded share.
const (
	reasonSpotForbidden = "on spot capacity, which the policy forbids"
	reasonSpotAwaited   = "not on spot capacity, which the policy waits for"
	reasonUnpriced      = "without a known price (policy has a cost ceiling)"
)

// unknownDomain is why a class is in no domain of a spread rule, or empty. For nodes it is empty: each is a domain.
func unknownDomain(rule *policy.Spread, class *Class) string {
	if rule.TopologyKey == corev1.LabelHostname || class.Labels[rule.TopologyKey] != "" {
		return ""
	}
	return "without a known " + policy.LocationKeys[rule.TopologyKey] + " (policy spreads over it)"
}

// SkewDomains are, for each of the rules' Spread, the domains of those classes that the rules allow. The classes are those of
// nodes that exist, that the pod's own constraints allow and that are large enough for it.
func SkewDomains(rules *Rules, classes []*Class) [][]string {
	domains := make([][]string, len(rules.Spread))
	for _, class := range classes {
		if kind, _ := rules.Excluded(class, true); kind != "" { // prices are the caller's to know
			continue
		}
		for i := range rules.Spread {
			if name := class.Labels[rules.Spread[i].TopologyKey]; name != "" && !slices.Contains(domains[i], name) {
				domains[i] = append(domains[i], name)
			}
		}
	}
	return domains
}
