package rules

import (
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/printable"
	"tradewind.dev/tradewind/pkg/rules/policy"
)

// Kind is a kind of hard rule.
type Kind string

// The kinds of rules that policies have, and then those of pods' own specs.
const (
	KindResidency    Kind = "residency"
	KindLocation     Kind = "location"
	KindSpread       Kind = "spread"
	KindSpot         Kind = "spot"
	KindAvailability Kind = "availability"
	KindLatency      Kind = "latency"
	KindCall         Kind = "call"
	KindCost         Kind = "cost"

	KindTaint        Kind = "taint"
	KindNodeSelector Kind = "nodeSelector"
	KindNodeAffinity Kind = "nodeAffinity"
)

// Layout is where all replicas of a workload are.
type Layout struct {
	// Replicas that should run. Those that are in no group have no place yet.
	Replicas int
	Groups   []Group
	// Survive are the losses that must be survived, each alone.
	Survive []policy.Availability
	// Open are the domains that skews are counted over, parallel to the rules' Spread (see SkewDomains). Without them skews
	// over locations are left out.
	Open [][]string
	// Callees are where the workloads run that the rules' TrafficLimits name, in their order; nil where one is not known.
	Callees []*View
}

// Group is replicas that are in one place.
type Group struct {
	Class *Class
	// Cluster is empty where there is only one.
	Cluster  string
	Replicas int
	// Hosts are the replicas node by node. Where they are nil nodes are not told apart, and spread over nodes is left out.
	Hosts []int
	// HourlyUSD of one replica, as far as that is known.
	HourlyUSD float64
}

// Breach is a rule over all replicas of a workload together that they break where they are.
type Breach struct {
	Kind Kind
	// Key tells rules of one kind apart: the topology key with the part of the rule, the kind of domain that may be lost, the
	// number of a latency limit, the workload that is called.
	Key string
	// Replicas that are too many where they are, or missing elsewhere, or both. What mends a breach lowers it.
	Replicas int
	// Message says it in words.
	Message string
}

// The parts of a spread rule that are broken apart from each other, as Breach.Key has them behind the topology key, and of a
// limit on spot capacity.
const (
	keyShare   = " maxSharePercent"
	keyDomains = " minDomains"
	keySkew    = " maxSkew"
	keyWait    = "fallback"
	keyPool    = "maxPoolSharePercent"
)

// Breaches are the rules over all replicas together that a layout breaks: spread, spot share, availability, coverage of clients,
// limits of calls, ceiling. Replicas that have no place yet may come to where they mend a rule, and count so. Rules about a
// place alone are Excluded's.
func (r *Rules) Breaches(l *Layout) []Breach {
	b := breaches{rules: r, layout: l}
	for i := range l.Groups {
		b.placed += l.Groups[i].Replicas
	}
	if b.placed == 0 {
		return nil
	}
	b.missing = max(l.Replicas-b.placed, 0)
	for i := range r.Spread {
		b.spread(i)
	}
	b.spot()
	for i := range l.Survive {
		b.availability(&l.Survive[i])
	}
	b.latency()
	b.calls()
	b.ceiling()
	return b.found
}

type breaches struct {
	rules           *Rules
	layout          *Layout
	placed, missing int
	found           []Breach
}

func (b *breaches) add(kind Kind, key string, replicas int, format string, args ...any) {
	if replicas > 0 {
		b.found = append(b.found, Breach{Kind: kind, Key: key, Replicas: replicas, Message: fmt.Sprintf(format, args...)})
	}
}

// over counts the replicas beyond a limit in every domain; first is the first such domain by name.
func over(domains map[string]int, limit int) (replicas int, first string) {
	for _, name := range slices.Sorted(maps.Keys(domains)) {
		if domains[name] > limit {
			if replicas == 0 {
				first = name
			}
			replicas += domains[name] - limit
		}
	}
	return replicas, first
}

func (b *breaches) spread(i int) {
	rule := &b.rules.Spread[i]
	word, domains, known := policy.LocationKeys[rule.TopologyKey], map[string]int{}, true
	if rule.TopologyKey == corev1.LabelHostname {
		word = "node"
		domains, known = b.hosts()
	} else {
		for k := range b.layout.Groups {
			if name := b.layout.Groups[k].Class.Labels[rule.TopologyKey]; name != "" {
				domains[name] += b.layout.Groups[k].Replicas
			}
		}
	}
	if !known {
		return
	}
	limit := MostInDomain(rule, b.layout.Replicas)
	beyond, where := over(domains, limit)
	b.add(KindSpread, rule.TopologyKey+keyShare, beyond, "%s in %s %s, at most %d", replicas(domains[where]), word, where, limit)
	needed := LeastDomains(rule, b.layout.Replicas)
	b.add(KindSpread, rule.TopologyKey+keyDomains, needed-len(domains)-b.missing, "replicas in %d of at least %d places by %s",
		len(domains), needed, word)
	b.skew(rule, i, word, domains)
}

func replicas(n int) string { return printable.Number(n, "replica", "replicas") }

// hosts are the replicas node by node; ok is false where nodes are not told apart.
func (b *breaches) hosts() (domains map[string]int, ok bool) {
	domains = map[string]int{}
	for k := range b.layout.Groups {
		group := &b.layout.Groups[k]
		if group.Hosts == nil {
			return nil, false
		}
		for host, n := range group.Hosts {
			if n > 0 {
				domains[fmt.Sprintf("%d of pool %d", host, k)] = n
			}
		}
	}
	return domains, true
}

// skew adds up the replicas beyond what domains may hold beside the emptiest, and those that domains lack beside the fullest:
// from any layout to one that keeps the rule there is a series of moves that each lower the sum.
func (b *breaches) skew(rule *policy.Spread, i int, word string, domains map[string]int) {
	if rule.MaxSkew == 0 {
		return
	}
	emptiest, fullest := 0, 0
	for _, n := range domains {
		fullest = max(fullest, n)
	}
	var open []string
	if rule.TopologyKey != corev1.LabelHostname { // of nodes, some has no replica
		if i >= len(b.layout.Open) || len(b.layout.Open[i]) == 0 {
			return
		}
		open = b.layout.Open[i]
		emptiest = fullest
		for _, name := range open {
			emptiest = min(emptiest, domains[name])
		}
	}
	if fullest <= MostBeside(rule, emptiest) {
		return
	}
	beyond, where := over(domains, MostBeside(rule, emptiest))
	for _, name := range open {
		beyond += max(fullest-rule.MaxSkew-domains[name], 0)
	}
	b.add(KindSpread, rule.TopologyKey+keySkew, beyond, "%s in %s %s, at most %d more than in the emptiest, which has %d",
		replicas(domains[where]), word, where, rule.MaxSkew, emptiest)
}

func (b *breaches) spot() {
	spot, pools := 0, map[string]int{}
	for i := range b.layout.Groups {
		if pool, ok := b.layout.Groups[i].Class.SpotPool(); ok {
			spot += b.layout.Groups[i].Replicas
			pools[pool.String()] += b.layout.Groups[i].Replicas
		}
	}
	on, off := MostOnSpot(b.rules.Effective, b.layout.Replicas), MostOffSpot(b.rules.Effective, b.layout.Replicas)
	b.add(KindSpot, "", spot-on, "%s on spot capacity, at most %d", replicas(spot), on)
	most := MostInSpotPool(b.rules.Effective, b.layout.Replicas)
	beyond, where := over(pools, most)
	b.add(KindSpot, keyPool, beyond, "%s in the spot pool %s, at most %d", replicas(pools[where]), where, most)
	b.add(KindSpot, keyWait, b.placed-spot-off, "%s not on spot capacity, at most %d: the policy waits for it",
		replicas(b.placed-spot), off)
}

func (b *breaches) availability(rule *policy.Availability) {
	most := MostLost(rule.MinReplicasPercent, b.layout.Replicas)
	domains, unknown := map[string]int{}, 0
	for i := range b.layout.Groups {
		group := &b.layout.Groups[i]
		if domain, known := group.Class.Location.Domain(rule.Survive, group.Cluster); known {
			domains[domain.Name] += group.Replicas
		} else {
			unknown += group.Replicas
		}
	}
	beyond, where := over(domains, most)
	if beyond > 0 {
		b.add(KindAvailability, string(rule.Survive), beyond+unknown, "without %s %s would be left, at least %d must be",
			location.Domain{Kind: rule.Survive, Name: where}, printable.Ratio(b.layout.Replicas-domains[where], b.layout.Replicas, "replica", "replicas"),
			b.layout.Replicas-most)
		return
	}
	b.add(KindAvailability, string(rule.Survive), unknown, "%s where the %s is not known, of which one may be lost", replicas(unknown), rule.Survive)
}

func (b *breaches) latency() {
	for i := range b.rules.Latency {
		limit, covered := &b.rules.Latency[i], uint64(0)
		for k := range b.layout.Groups {
			covered |= b.rules.Static(b.layout.Groups[k].Class).Covered[i]
		}
		b.add(KindLatency, fmt.Sprint(i), Uncovered(limit, covered)-b.missing, "over %g ms from %s", limit.MaxMilliseconds,
			clientNames(limit.Populations, ^covered))
	}
}

func (b *breaches) calls() {
	for i := range b.rules.TrafficLimits {
		limit, far := &b.rules.TrafficLimits[i], 0
		why := fmt.Sprintf("over %g ms from %s", limit.MaxMilliseconds, limit.Name)
		for k := range b.layout.Groups {
			reason, unknown := b.rules.callReason(i, b.layout.Groups[k].Class, b.layout.Callees)
			if reason == "" {
				continue
			}
			if far += b.layout.Groups[k].Replicas; limit.Measured && unknown {
				why = reason
			}
		}
		key := limit.Namespace + "/" + limit.Name
		if limit.Measured {
			key += " measured"
		}
		b.add(KindCall, key, far, "%s %s", replicas(far), why)
	}
}

// ceiling counts how many of the dearest replicas are too many.
func (b *breaches) ceiling() {
	usd := 0.0
	for i := range b.layout.Groups {
		usd += b.layout.Groups[i].HourlyUSD * float64(b.layout.Groups[i].Replicas)
	}
	all, left, dear := usd, usd, 0
	groups := slices.Clone(b.layout.Groups)
	slices.SortStableFunc(groups, func(x, y Group) int {
		switch {
		case x.HourlyUSD > y.HourlyUSD:
			return -1
		case x.HourlyUSD < y.HourlyUSD:
			return 1
		}
		return 0
	})
	for i := range groups {
		for n := 0; n < groups[i].Replicas && overCeiling(b.rules.Effective, left); n++ {
			left -= groups[i].HourlyUSD
			dear++
		}
	}
	b.add(KindCost, "", dear, "$%.4g an hour, over the ceiling of $%g", all, b.rules.MaxHourlyUSD)
}
