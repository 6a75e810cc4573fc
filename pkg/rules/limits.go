package rules

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"tradewind.dev/tradewind/pkg/rules/policy"
)

// LocationLimits are the location, spread and spot rules over the replicas of a workload as they are now.
type LocationLimits struct {
	rules  *Rules
	view   *View
	spread []Spread
}

// HasLocationLimits says whether the rules limit locations, spread or spot capacity at all.
func HasLocationLimits(rules *Rules) bool {
	return rules.Excess != "" || len(rules.Required) > 0 || len(rules.Spread) > 0 || limitsSpot(rules.Effective)
}

// NewLocationLimits prepares the limits.
func NewLocationLimits(rules *Rules, view *View) *LocationLimits {
	l := &LocationLimits{rules: rules, view: view}
	for _, rule := range rules.Spread {
		l.spread = append(l.spread, newSpread(rule, view))
	}
	return l
}

// Among names the domains that skews are counted over (see SkewDomains); without them skews are left out.
func (l *LocationLimits) Among(domains [][]string) *LocationLimits {
	for i := range min(len(l.spread), len(domains)) {
		l.spread[i].Among(domains[i])
	}
	return l
}

// LimitsSkew says whether any spread rule over locations has a maximum skew.
func LimitsSkew(rules *Rules) bool {
	return slices.ContainsFunc(rules.Spread, func(s policy.Spread) bool { return s.MaxSkew > 0 && s.TopologyKey != corev1.LabelHostname })
}

// Reason is why one more replica may not go to a class, or empty.
func (l *LocationLimits) Reason(class *Class) string {
	if reason := l.rules.Static(class).Location; reason != "" {
		return reason
	}
	for i := range l.spread {
		if reason := l.spread[i].ClassReason(class); reason != "" {
			return reason
		}
	}
	return spotReason(l.rules.Effective, l.view, class)
}

// ByHost says whether replicas must be counted by node.
func (l *LocationLimits) ByHost() bool {
	for i := range l.spread {
		if l.spread[i].ByHost() {
			return true
		}
	}
	return false
}

// HostReason is why one more replica may not go to a node that holds some already, or empty.
func (l *LocationLimits) HostReason(replicasOnNode int) string {
	for i := range l.spread {
		if l.spread[i].ByHost() {
			if reason := l.spread[i].HostReason(replicasOnNode); reason != "" {
				return reason
			}
		}
	}
	return ""
}

// Opens says whether one more replica may go somewhere that it might not before: to one of the classes, or to a node that holds some
// replicas. Of nodes it does not say which.
func (l *LocationLimits) Opens(before *LocationLimits, classes []*Class) bool {
	for _, class := range classes {
		if before.Reason(class) != "" && l.Reason(class) == "" {
			return true
		}
	}
	if !l.ByHost() {
		return false
	}
	for replicas := 1; replicas <= l.view.Placed(); replicas++ {
		if before.HostReason(replicas) != "" && l.HostReason(replicas) == "" {
			return true
		}
	}
	return false
}

// LatencyLimits are the limits on round trips from clients and to called workloads, over the replicas as they are now.
type LatencyLimits struct {
	rules    *Rules
	callees  []*View
	coverage []Coverage
}

// NewLatencyLimits prepares the limits. callees are the views of the workloads in the rules' TrafficLimits, in order; nil
// where a workload is not known.
func NewLatencyLimits(rules *Rules, view *View, callees []*View) *LatencyLimits {
	l := &LatencyLimits{rules: rules, callees: callees}
	for i := range rules.Latency {
		l.coverage = append(l.coverage, newCoverage(rules, i, view))
	}
	return l
}

// Reason is why one more replica may not go to a class, or empty.
func (l *LatencyLimits) Reason(class *Class) string {
	static := l.rules.Static(class)
	if static.Latency != "" {
		return static.Latency
	}
	for i := range l.coverage {
		if reason := l.coverage[i].Reason(static); reason != "" {
			return reason
		}
	}
	return CallReason(l.rules, class, l.callees)
}
