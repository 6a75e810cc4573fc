package rebalance

import (
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"tradewind.dev/tradewind/pkg/placement"
	"tradewind.dev/tradewind/pkg/placement/engine"
	"tradewind.dev/tradewind/pkg/placement/policy"
)

// Group is replicas of one workload on one pool.
type Group struct {
	Pool     *engine.Pool
	Replicas int
}

// BrokenTogether says which rule over all replicas together (spread, spot share, availability) the places of n wanted
// replicas break; empty when none. Replicas that are not placed cannot break one: while some are missing the answer is
// empty, since they may yet mend it.
func BrokenTogether(rules *policy.Effective, groups []Group, n int) string {
	placed, spot := 0, 0
	for _, g := range groups {
		placed += g.Replicas
		if g.Pool.Class.Spot() {
			spot += g.Replicas
		}
	}
	if rules == nil || placed < n || n == 0 {
		return ""
	}
	if limit := n * rules.SpotMaxPercent / 100; spot > limit {
		return fmt.Sprintf("%d replicas on spot capacity, at most %d", spot, limit)
	}
	for i := range rules.Spread {
		if reason := brokenSpread(&rules.Spread[i], groups, n); reason != "" {
			return reason
		}
	}
	for _, rule := range rules.Availability {
		least := (n*rule.MinReplicasPercent + 99) / 100
		domains := byDomain(groups, func(p *engine.Pool) string { return engine.Domain(rule.Survive).Of(p) })
		for _, domain := range slices.Sorted(maps.Keys(domains)) {
			if left := placed - domains[domain]; left < least {
				return fmt.Sprintf("without %s %s %d of %d replicas are left, at least %d must be", rule.Survive, domain, left, n, least)
			}
		}
	}
	return ""
}

func brokenSpread(rule *policy.Spread, groups []Group, n int) string {
	if rule.TopologyKey == corev1.LabelHostname {
		return "" // nodes are not told apart here
	}
	word := policy.LocationKeys[rule.TopologyKey]
	domains := byDomain(groups, func(p *engine.Pool) string { return p.Class.Labels[rule.TopologyKey] })
	limit := max(1, n*rule.MaxSharePercent/100)
	for _, domain := range slices.Sorted(maps.Keys(domains)) {
		if rule.MaxSharePercent < 100 && domains[domain] > limit {
			return fmt.Sprintf("%d replicas in %s %s, at most %d", domains[domain], word, domain, limit)
		}
	}
	if needed := min(rule.MinDomains, n); len(domains) < needed {
		return fmt.Sprintf("replicas in %d of at least %d places by %s", len(domains), needed, word)
	}
	return ""
}

// byDomain counts replicas by domain; those in none are left out.
func byDomain(groups []Group, of func(*engine.Pool) string) map[string]int {
	out := map[string]int{}
	for _, g := range groups {
		if name := of(g.Pool); name != "" && g.Replicas > 0 {
			out[name] += g.Replicas
		}
	}
	return out
}

// Broken says which rule about a place alone forbids a class; draining whether it is that of a "tradewind drain".
// Nothing is broken where no policy selects the workload.
func Broken(rules *placement.Rules, class *placement.Class, drains map[policy.Source]bool) (reason string, draining bool) {
	if rules == nil {
		return "", false
	}
	reason = rules.Static(class).Reason()
	if reason == "" {
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
