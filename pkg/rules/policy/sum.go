package policy

import (
	"fmt"
	"slices"
	"strings"
)

// What may count for one workload. Each is far beyond what any set of policies needs that people still understand, and bounds
// what the editor of one namespace can make everybody else wait for: rules are evaluated for every class of nodes and every
// plan, latency limits for every client as well.
const (
	// MaxPolicies may select one workload.
	MaxPolicies = 64
	// maxRules of one workload may differ, over residency, required locations, latency limits and limits of calls.
	maxRules = 256
	// MaxLatencyLimits of one workload may have different clients.
	MaxLatencyLimits = 8
)

// atMost are the policies in order of precedence; where they are more than may count for one workload, the cluster's first of
// all and then the others in this order, and in words that they are.
func atMost(policies []*compiled) (kept []*compiled, excess string) {
	kept = slices.Clone(policies)
	slices.SortStableFunc(kept, (*compiled).precedes)
	if len(kept) <= MaxPolicies {
		return kept, ""
	}
	slices.SortStableFunc(kept, func(a, b *compiled) int {
		return boolToInt(a.source.Namespace != "") - boolToInt(b.source.Namespace != "")
	})
	kept = kept[:MaxPolicies]
	slices.SortStableFunc(kept, (*compiled).precedes)
	return kept, fmt.Sprintf("%d policies select the pod and at most %d may: join some of them, or narrow their workloadSelector",
		len(policies), MaxPolicies)
}

// sum adds up the hard rules of policies, so that those that say the same are there once.
type sum struct {
	out *Effective
	// Where a rule is that an equal one is added to.
	residency map[residencyKey]int
	required  map[string]int
	latency   map[string]int
	traffic   map[trafficKey]int
}

type residencyKey struct {
	jurisdictions, operators string
	broken                   bool
}

// trafficKey tells limits apart that may move the called workload, since an administrator gives them, from those that may not, and
// those that demand measured figures from those that do not.
type trafficKey struct {
	namespace, name  string
	agreed, measured bool
}

func newSum(out *Effective) *sum {
	return &sum{out: out, residency: map[residencyKey]int{}, required: map[string]int{}, latency: map[string]int{}, traffic: map[trafficKey]int{}}
}

// rules adds those of one policy.
func (s *sum) rules(rules *Effective) {
	for i := range rules.Residency {
		rule := rules.Residency[i]
		key := residencyKey{rule.Jurisdictions, rule.Operators, rule.Broken}
		if at, ok := s.residency[key]; ok {
			addSource(&s.out.Residency[at].Also, s.out.Residency[at].Source, rule.Source)
			continue
		}
		s.residency[key] = len(s.out.Residency)
		s.out.Residency = append(s.out.Residency, rule)
	}
	for i := range rules.Required {
		rule := rules.Required[i]
		if at, ok := s.required[rule.id]; ok {
			addSource(&s.out.Required[at].Also, s.out.Required[at].Source, rule.Source)
			continue
		}
		s.required[rule.id] = len(s.out.Required)
		s.out.Required = append(s.out.Required, rule)
	}
	for i := range rules.Latency {
		s.addLatency(rules.Latency[i])
	}
	for _, rule := range rules.TrafficLimits {
		key := trafficKey{rule.Namespace, rule.Name, rule.Source.Namespace == "", rule.Measured}
		if at, ok := s.traffic[key]; ok {
			known := &s.out.TrafficLimits[at]
			known.MaxMilliseconds = min(known.MaxMilliseconds, rule.MaxMilliseconds)
			continue
		}
		s.traffic[key] = len(s.out.TrafficLimits)
		s.out.TrafficLimits = append(s.out.TrafficLimits, rule)
	}
}

// addLatency keeps the lowest of several limits for the same clients.
func (s *sum) addLatency(rule Latency) {
	key := rule.key()
	at, ok := s.latency[key]
	if !ok {
		s.latency[key] = len(s.out.Latency)
		s.out.Latency = append(s.out.Latency, rule)
		return
	}
	known := &s.out.Latency[at]
	switch {
	case rule.MaxMilliseconds < known.MaxMilliseconds:
		*known = rule
	case rule.MaxMilliseconds == known.MaxMilliseconds:
		addSource(&known.Also, known.Source, rule.Source)
	}
}

// addSource adds a policy to those that have the same rule as the first.
func addSource(also *[]Source, first, more Source) {
	if more != first && !slices.Contains(*also, more) {
		*also = append(slices.Clone(*also), more)
	}
}

// key is equal for limits that are for the same clients.
func (l *Latency) key() string {
	var key strings.Builder
	fmt.Fprintf(&key, "%t %t", l.Broken, l.Measured)
	for _, population := range l.Populations {
		fmt.Fprintf(&key, " %s=%d", population.Client, population.SharePercent)
	}
	return key.String()
}

// limit says when more rules differ than may count for one workload. Then the rest of them is not looked at: nothing is allowed
// whatever they say.
func (s *sum) limit() {
	out := s.out
	count := len(out.Residency) + len(out.Required) + len(out.Latency) + len(out.TrafficLimits)
	switch {
	case out.Excess != "":
	case len(out.Latency) > MaxLatencyLimits:
		out.Excess = fmt.Sprintf("%s limit latency for %d different lists of clients, and at most %d may for one workload: give them the same spec.latency.clients, or remove maxMilliseconds from some",
			names(out.Sources), len(out.Latency), MaxLatencyLimits)
	case count > maxRules:
		out.Excess = fmt.Sprintf("%s have %d different hard rules together, and at most %d may count for one workload: join requirements on one label into one with several values, or remove some",
			names(out.Sources), count, maxRules)
	}
	if out.Excess == "" {
		return
	}
	out.Residency = clip(out.Residency, MaxPolicies)
	out.Required = clip(out.Required, maxRules)
	out.Latency = clip(out.Latency, MaxLatencyLimits)
	out.TrafficLimits = clip(out.TrafficLimits, maxRules)
}

func clip[T any](rules []T, most int) []T { return rules[:min(len(rules), most):min(len(rules), most)] }

// names lists policies, the first three by name.
func names(sources []Source) string {
	const named = 3
	texts := make([]string, 0, named)
	for _, source := range sources[:min(len(sources), named)] {
		texts = append(texts, source.String())
	}
	text := strings.Join(texts, ", ")
	if len(sources) > named {
		text += fmt.Sprintf(" and %d more", len(sources)-named)
	}
	return text
}

// From lists all policies that have the rule.
func (r *Residency) From() []Source { return from(r.Source, r.Also) }

// From lists all policies that have the requirement.
func (r *LocationRequirement) From() []Source { return from(r.Source, r.Also) }

// From lists all policies that have the limit.
func (l *Latency) From() []Source { return from(l.Source, l.Also) }

func from(first Source, also []Source) []Source { return append([]Source{first}, also...) }
