package policy

import (
	"encoding/binary"
	"slices"
	"strconv"
	"strings"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"tradewind.dev/tradewind/apis/v1alpha1"
)

// Set is an immutable index of policies. It is safe for concurrent use.
type Set struct {
	policies   []*compiled
	problems   map[Source][]Problem
	namespaces map[string]*index
	cluster    *index
	// effective interns the merged rules by the combination of policies, so that a combination is merged once.
	effective sync.Map // string of policy ids → *Effective
}

// index finds the policies whose selector matches a pod without looking at all of them: a selector that demands a
// label's exact value is filed under it.
type index struct {
	byLabel map[string]map[string][]*compiled
	rest    []*compiled
}

func (x *index) add(p *compiled) {
	if x.byLabel == nil {
		x.byLabel = map[string]map[string][]*compiled{}
	}
	requirements, _ := p.selector.Requirements()
	for _, requirement := range requirements {
		values := requirement.ValuesUnsorted()
		if len(values) == 1 && (requirement.Operator() == "=" || requirement.Operator() == "in" || requirement.Operator() == "==") {
			byValue := x.byLabel[requirement.Key()]
			if byValue == nil {
				byValue = map[string][]*compiled{}
				x.byLabel[requirement.Key()] = byValue
			}
			byValue[values[0]] = append(byValue[values[0]], p)
			return
		}
	}
	x.rest = append(x.rest, p)
}

func (x *index) match(found []*compiled, namespaceLabels, podLabels labels.Set) []*compiled {
	if x == nil {
		return found
	}
	test := func(p *compiled) {
		if (p.namespaceSelector == nil || p.namespaceSelector.Matches(namespaceLabels)) && p.selector.Matches(podLabels) {
			found = append(found, p)
		}
	}
	for key, byValue := range x.byLabel {
		if value, ok := podLabels[key]; ok {
			for _, p := range byValue[value] {
				test(p)
			}
		}
	}
	for _, p := range x.rest {
		test(p)
	}
	return found
}

// NewSet reads policies. What is wrong with them is in Problems; the rest is in force.
func NewSet(namespaced []*v1alpha1.PlacementPolicy, cluster []*v1alpha1.ClusterPlacementPolicy) *Set {
	set := &Set{problems: map[Source][]Problem{}, namespaces: map[string]*index{}, cluster: &index{}}
	for _, object := range cluster {
		c := newCompiler(&object.ObjectMeta, "")
		c.compile(&object.Spec.PolicySpec)
		c.out.rules.Drained = object.Labels[v1alpha1.LabelDrain] == "true"
		if object.Spec.NamespaceSelector != nil {
			c.out.namespaceSelector = c.selector("spec.namespaceSelector", object.Spec.NamespaceSelector)
		}
		set.cluster.add(set.keep(c))
	}
	for _, object := range namespaced {
		c := newCompiler(&object.ObjectMeta, object.Namespace)
		c.compile(&object.Spec)
		byNamespace := set.namespaces[object.Namespace]
		if byNamespace == nil {
			byNamespace = &index{}
			set.namespaces[object.Namespace] = byNamespace
		}
		byNamespace.add(set.keep(c))
	}
	return set
}

func newCompiler(meta *metav1.ObjectMeta, namespace string) *compiler {
	return &compiler{out: compiled{
		source:  Source{Namespace: namespace, Name: meta.Name},
		created: meta.CreationTimestamp, version: string(meta.UID) + "/" + strconv.FormatInt(meta.Generation, 10),
	}}
}

func (s *Set) keep(c *compiler) *compiled {
	c.out.id = len(s.policies)
	s.policies = append(s.policies, &c.out)
	if len(c.problems) > 0 {
		s.problems[c.out.source] = c.problems
	}
	return &c.out
}

// Problems of one policy; nil when it is sound.
func (s *Set) Problems(source Source) []Problem { return s.problems[source] }

// Len is the number of policies.
func (s *Set) Len() int { return len(s.policies) }

// SelectsNamespaces says whether any policy looks at the labels of namespaces.
func (s *Set) SelectsNamespaces() bool {
	return slices.ContainsFunc(s.policies, func(p *compiled) bool { return p.namespaceSelector != nil })
}

// For returns the rules for a pod, or nil when no policy selects it. Equal combinations of policies share one result.
func (s *Set) For(namespace string, namespaceLabels, podLabels labels.Set) *Effective {
	var buffer [8]*compiled
	found := s.cluster.match(buffer[:0], namespaceLabels, podLabels)
	found = s.namespaces[namespace].match(found, namespaceLabels, podLabels)
	if len(found) == 0 {
		return nil
	}
	slices.SortFunc(found, func(a, b *compiled) int { return a.id - b.id })
	var key [64]byte
	ids := key[:0]
	for _, p := range found {
		ids = binary.AppendUvarint(ids, uint64(p.id))
	}
	if known, ok := s.effective.Load(string(ids)); ok {
		return known.(*Effective)
	}
	merged, _ := s.effective.LoadOrStore(string(ids), merge(found))
	return merged.(*Effective)
}

// merge adds up hard rules and lets the first policy in order of precedence win each soft field.
func merge(policies []*compiled) *Effective {
	policies, excess := atMost(policies)
	out := &Effective{SpotMaxPercent: 100, Excess: excess, merged: policies}
	adds := newSum(out)
	winners := map[string]Source{}
	wins := func(p *compiled, field string, set bool) bool {
		if !set {
			return false
		}
		if winner, taken := winners[field]; taken {
			out.Overrides = append(out.Overrides, Override{Loser: p.source, Winner: winner, Field: field})
			return false
		}
		winners[field] = p.source
		return true
	}
	var signature strings.Builder
	for _, p := range policies {
		rules := &p.rules
		out.Sources = append(out.Sources, p.source)
		signature.WriteString(p.source.String() + "@" + p.version + ";")

		adds.rules(rules)
		out.TrafficFrom = append(out.TrafficFrom, rules.TrafficFrom...)
		for _, spread := range rules.Spread {
			out.Spread = addSpread(out.Spread, spread)
		}
		if rules.HasMaxHourlyUSD && (!out.HasMaxHourlyUSD || rules.MaxHourlyUSD < out.MaxHourlyUSD) {
			out.MaxHourlyUSD, out.HasMaxHourlyUSD = rules.MaxHourlyUSD, true
		}
		for _, rule := range rules.Availability {
			out.Availability = addAvailability(out.Availability, rule)
		}
		out.Drained = out.Drained || rules.Drained
		out.SpotMaxPercent = min(out.SpotMaxPercent, rules.SpotMaxPercent)
		if out.SpotPoolMaxPercent == 0 || rules.SpotPoolMaxPercent > 0 && rules.SpotPoolMaxPercent < out.SpotPoolMaxPercent {
			out.SpotPoolMaxPercent = rules.SpotPoolMaxPercent
		}

		if wins(p, "spec.locations.preferred", len(rules.Preferred) > 0) {
			out.Preferred = rules.Preferred
		}
		if wins(p, "spec.latency.clients", len(rules.Clients) > 0) {
			out.Clients, out.RequestsPerSecond, out.BytesPerRequest = rules.Clients, rules.RequestsPerSecond, rules.BytesPerRequest
		}
		if wins(p, "spec.traffic", len(rules.Traffic) > 0) {
			out.Traffic = rules.Traffic
		}
		if wins(p, "spec.cost.spot.fallback", rules.SpotFallback != "") {
			out.SpotFallback = rules.SpotFallback
		}
		if wins(p, "spec.optimizeFor", rules.OptimizeFor != "") {
			out.OptimizeFor = rules.OptimizeFor
		}
		if wins(p, "spec.failover", rules.Failover != nil) {
			out.Failover = rules.Failover
		}
		if wins(p, "spec.rebalance", rules.Rebalance != nil) {
			out.Rebalance = rules.Rebalance
		}
		if rules.Enforcement == v1alpha1.EnforcementStrict { // the stricter adds up, as hard rules do
			out.Enforcement = rules.Enforcement
		} else if out.Enforcement == "" {
			out.Enforcement = rules.Enforcement
		}
	}
	adds.limit()
	out.Signature = signature.String() + out.Excess
	return out
}

// addSpread keeps the strictest rule of each topology key.
func addSpread(rules []Spread, more Spread) []Spread {
	for i := range rules {
		if rules[i].TopologyKey == more.TopologyKey {
			rules[i].MinDomains = max(rules[i].MinDomains, more.MinDomains)
			rules[i].MaxSharePercent = min(rules[i].MaxSharePercent, more.MaxSharePercent)
			if rules[i].MaxSkew == 0 || more.MaxSkew > 0 && more.MaxSkew < rules[i].MaxSkew {
				rules[i].MaxSkew = more.MaxSkew
			}
			return rules
		}
	}
	return append(rules, more)
}

// addAvailability keeps the strictest rule of each kind of loss.
func addAvailability(rules []Availability, more Availability) []Availability {
	for i := range rules {
		if rules[i].Survive == more.Survive {
			rules[i].MinReplicasPercent = max(rules[i].MinReplicasPercent, more.MinReplicasPercent)
			return rules
		}
	}
	return append(rules, more)
}
