package engine

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"tradewind.dev/tradewind/pkg/pricing"
	"tradewind.dev/tradewind/pkg/rules"
	"tradewind.dev/tradewind/pkg/rules/policy"
)

// profile is what the rules, tolerations and selectors of workloads say of every pool, whatever its nodes hold.
type profile struct {
	id       int // of the profiles that the model keeps; -1 for one that is tried once
	rules    *rules.Rules
	workload *Workload // one of those that share it
	demands  *rules.Demands
	losses   []int   // axes of the losses to survive, each once
	spread   []int   // axes of the spread rules, in their order; -1 for the hostname
	allowed  []int32 // pools
	// By pool: the weight of unmet preferences, the expected round trip of clients (positive infinity where unknown), and
	// the price of traffic to the clients in US dollars a byte. Nil when there is nothing to say.
	unmet, clientMilliseconds, clientUSDPerByte []float64
}

// profileKey tells apart workloads that the pools look different to.
func profileKey(w *Workload, rules *rules.Rules) string {
	var key strings.Builder
	fmt.Fprintf(&key, "%p", rules)
	for _, a := range w.Availability {
		key.WriteString("|" + string(a.Survive))
	}
	if len(w.NodeSelector) > 0 || w.NodeAffinity != nil || len(w.Tolerations) > 0 {
		fmt.Fprintf(&key, "|%v|", w.NodeSelector)
		if w.NodeAffinity != nil {
			// In its wire form: its text takes time with the square of the number of terms.
			wire, err := w.NodeAffinity.Marshal()
			fmt.Fprintf(&key, "%d %s %v|", len(wire), wire, err)
		}
		for i := range w.Tolerations {
			t := &w.Tolerations[i]
			fmt.Fprintf(&key, "%q %q %q %q;", t.Key, t.Operator, t.Value, t.Effect)
		}
	}
	for i := range w.PreferredNodes {
		wire, err := w.PreferredNodes[i].Marshal()
		fmt.Fprintf(&key, "|%d %s %v", len(wire), wire, err)
	}
	if w.ClientBytesPerRequest > 0 {
		key.WriteString("|bytes")
	}
	if w.Attachable != nil { // which planning shares among workloads
		fmt.Fprintf(&key, "|%p %d", w.Attachable, len(w.Attachable))
	}
	return key.String()
}

func (m *model) profile(w *Workload) *profile {
	rules := w.Rules
	if rules == nil {
		rules = m.noRules
	}
	key := profileKey(w, rules)
	if known, ok := m.profiles[key]; ok {
		return known
	}
	p := m.newProfile(w, rules)
	p.id = len(m.profiles)
	m.profiles[key] = p
	return p
}

func (m *model) newProfile(w *Workload, rules *rules.Rules) *profile {
	p := &profile{id: -1, rules: rules, workload: w, demands: demandsOf(w)}
	for _, a := range w.Availability {
		if axis := m.lossAxis(a.Survive); !slices.Contains(p.losses, axis) {
			p.losses = append(p.losses, axis)
		}
	}
	for k := range rules.Spread {
		p.spread = append(p.spread, m.spreadAxis(&rules.Spread[k]))
	}
	for i := range m.pools {
		if rule, _ := m.excluded(p, int32(i)); rule == "" {
			p.allowed = append(p.allowed, int32(i))
		}
	}
	m.priceProfile(p)
	return p
}

// spreadAxis is the axis of a spread rule; -1 for the hostname.
func (m *model) spreadAxis(rule *policy.Spread) int {
	if rule.TopologyKey == corev1.LabelHostname {
		return -1
	}
	return m.labelAxis(rule.TopologyKey)
}

// demandsOf are the demands of a workload's pods.
func demandsOf(w *Workload) *rules.Demands {
	return rules.NewDemands(w.NodeSelector, w.NodeAffinity, w.Tolerations)
}

// excluded is the rule that keeps the profile's workloads off a pool whatever its nodes hold, with the reason in words;
// empty when there is none.
func (m *model) excluded(p *profile, i int32) (Rule, string) {
	in := &m.snapshot.Pools[i]
	if kind, reason := p.rules.Excluded(in.Class, m.pools[i].priced); kind != "" {
		return Rule(kind), reason
	}
	if kind, reason := p.demands.Excluded(m.pools[i].node); kind != "" {
		return Rule(kind), reason
	}
	if p.workload.Attachable != nil {
		if _, found := slices.BinarySearch(p.workload.Attachable, int(i)); !found {
			return RuleVolume, volumesElsewhere(nil)
		}
	}
	for _, axis := range p.losses {
		if m.axes[axis].of[i] < 0 {
			return RuleAvailability, "without a known " + string(m.axes[axis].domain) + " (policy survives the loss of one)"
		}
	}
	return "", ""
}

// priceProfile fills in what a replica costs beside compute.
func (m *model) priceProfile(p *profile) {
	rules := p.rules
	if len(rules.Preferred)+len(p.workload.PreferredNodes) > 0 {
		p.unmet = make([]float64, len(m.pools))
	}
	preferred := newPreferredNodes(p.workload.PreferredNodes)
	if len(rules.Clients) > 0 {
		p.clientMilliseconds = make([]float64, len(m.pools))
		if p.workload.ClientBytesPerRequest > 0 {
			p.clientUSDPerByte = make([]float64, len(m.pools))
		}
	}
	byPlace := map[int32]float64{}
	for i := range m.pools { // also where it may not be: held replicas run there
		static := rules.Static(m.pools[i].class)
		if p.unmet != nil {
			p.unmet[i] = static.UnmetPreference + preferred.unmet(m.pools[i].node)
		}
		if p.clientMilliseconds != nil {
			p.clientMilliseconds[i] = static.Clients.OrInfinite()
		}
		if p.clientUSDPerByte != nil {
			usd, ok := byPlace[m.pools[i].place]
			if !ok {
				usd = m.clientEgress(rules.Effective, m.pools[i].class)
				byPlace[m.pools[i].place] = usd
			}
			p.clientUSDPerByte[i] = usd
		}
	}
}

// clientEgress is the mean price of traffic from a class to the populations, in US dollars a byte.
func (m *model) clientEgress(rules *policy.Effective, from *rules.Class) float64 {
	sum, shares := 0.0, 0.0
	for _, population := range rules.Clients {
		cloud, region := pricing.Internet, ""
		if place, ok := population.Client.Place(); ok {
			cloud, region = place.Cloud, place.Region
		}
		usd := m.geo.egress(from, cloud, region)
		if usd < 0 {
			usd = m.geo.assumedPerByte
		}
		sum += usd * float64(population.SharePercent)
		shares += float64(population.SharePercent)
	}
	if shares <= 0 {
		return 0
	}
	return sum / shares
}
