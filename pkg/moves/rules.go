package moves

import (
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/rules"
	"tradewind.dev/tradewind/pkg/rules/policy"
)

// Group is replicas of one workload on one pool.
type Group struct {
	Pool     *engine.Pool
	Replicas int
}

// Breach is a rule over all replicas of a workload together that their places break.
type Breach struct {
	Rule engine.Rule
	// Key tells rules of one kind apart: the topology key, or the kind of domain.
	Key string
	// Replicas that are too many where they are, or missing elsewhere. What mends a breach lowers it.
	Replicas int
	// Message says it in words.
	Message string
}

// Breaches are the rules over all replicas together (spot share, spread, availability) that the places of n wanted replicas
// break. Replicas that are not placed cannot break one: while some are missing there is none, since they may yet mend it.
// availability are the losses that a plan was asked to survive: after a loss those are left out that what remains cannot
// meet, and breaking them is no reason to move anything. A cost ceiling is none of these rules: what a move saves is weighed
// as money, and no move goes over the ceiling (Judge.Refuses).
func Breaches(rules *policy.Effective, availability []engine.Availability, groups []Group, n int) []Breach {
	placed, spot := 0, 0
	for _, g := range groups {
		placed += g.Replicas
		if g.Pool.Class.Spot() {
			spot += g.Replicas
		}
	}
	if rules == nil || placed < n || n == 0 {
		return nil
	}
	var out []Breach
	if limit := n * rules.SpotMaxPercent / 100; spot > limit {
		out = append(out, Breach{
			Rule: engine.RuleSpot, Replicas: spot - limit, Message: fmt.Sprintf("%d replicas on spot capacity, at most %d", spot, limit),
		})
	}
	for i := range rules.Spread {
		out = append(out, spreadBreaches(&rules.Spread[i], groups, n)...)
	}
	for _, rule := range availability {
		least := (n*rule.MinReplicasPercent + 99) / 100
		breach := Breach{Rule: engine.RuleAvailability, Key: string(rule.Survive)}
		domains := byDomain(groups, rule.Survive.Of)
		for _, domain := range slices.Sorted(maps.Keys(domains)) {
			left := placed - domains[domain]
			if left >= least {
				continue
			}
			if breach.Message == "" {
				breach.Message = fmt.Sprintf("without %s %s %d of %d replicas are left, at least %d must be", rule.Survive, domain, left, n, least)
			}
			breach.Replicas += least - left
		}
		if breach.Replicas > 0 {
			out = append(out, breach)
		}
	}
	return out
}

// The parts of a spread rule that are broken apart from each other, as Breach.Key has them behind the topology key.
const (
	keyShare   = " maxSharePercent"
	keyDomains = " minDomains"
)

func spreadBreaches(rule *policy.Spread, groups []Group, n int) []Breach {
	if rule.TopologyKey == corev1.LabelHostname {
		return nil // nodes are not told apart here
	}
	var out []Breach
	word := policy.LocationKeys[rule.TopologyKey]
	domains := byDomain(groups, func(p *engine.Pool) string { return p.Class.Labels[rule.TopologyKey] })
	limit := max(1, n*rule.MaxSharePercent/100)
	share := Breach{Rule: engine.RuleSpread, Key: rule.TopologyKey + keyShare}
	for _, domain := range slices.Sorted(maps.Keys(domains)) {
		if rule.MaxSharePercent >= 100 || domains[domain] <= limit {
			continue
		}
		if share.Message == "" {
			share.Message = fmt.Sprintf("%d replicas in %s %s, at most %d", domains[domain], word, domain, limit)
		}
		share.Replicas += domains[domain] - limit
	}
	if share.Replicas > 0 {
		out = append(out, share)
	}
	if needed := min(rule.MinDomains, n); len(domains) < needed {
		out = append(out, Breach{
			Rule: engine.RuleSpread, Key: rule.TopologyKey + keyDomains, Replicas: needed - len(domains),
			Message: fmt.Sprintf("replicas in %d of at least %d places by %s", len(domains), needed, word),
		})
	}
	return out
}

// Mended is the first of the rules broken before that is broken less afterwards; nil when there is none, or when any rule
// is broken more than before.
func Mended(before, after []Breach) *Breach {
	left := func(breaches []Breach, of *Breach) int {
		for i := range breaches {
			if breaches[i].Rule == of.Rule && breaches[i].Key == of.Key {
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
func Broken(rules *rules.Rules, class *rules.Class, drains map[policy.Source]bool) (reason string, draining bool) {
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
