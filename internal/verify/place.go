package verify

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"

	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/latency"
	"tradewind.dev/tradewind/pkg/rules/policy"
)

// place checks what depends on a pool alone.
func (c *checker) place(i int, pool *engine.Pool) {
	c.static(i, pool, func(rule, format string, args ...any) { c.report(c.where(i), rule, format, args...) })
}

// Eligible says whether a replica of a workload may be on a pool as far as that depends on the pool alone, and whether a node of it
// is large enough.
func Eligible(snapshot *engine.Snapshot, workload, pool int) bool {
	return newChecker(snapshot, &engine.Plan{}, engine.Options{}).eligible(workload, &snapshot.Pools[pool])
}

// eligible says that nothing that depends on a pool alone keeps a replica off it, and that a node of it is large enough.
func (c *checker) eligible(i int, pool *engine.Pool) bool {
	ok := true
	c.static(i, pool, func(string, string, ...any) { ok = false })
	return ok && roomy(pool, &c.snapshot.Workloads[i])
}

// eligiblePools lists the pools that are eligible for a workload. Workloads that are alike in all that this depends on share the
// answer.
func (c *checker) eligiblePools(i int) []int {
	w := &c.snapshot.Workloads[i]
	key := fmt.Sprintf("%v %p %+v %+v %+v %+v %+v %+v", w.Attachable, w.Rules, w.Request, w.HostPorts, w.Availability, w.NodeSelector,
		w.NodeAffinity, w.Tolerations)
	if known, ok := c.pools[key]; ok {
		return known
	}
	var out []int
	for k := range c.snapshot.Pools {
		if c.eligible(i, &c.snapshot.Pools[k]) {
			out = append(out, k)
		}
	}
	c.pools[key] = out
	return out
}

// roomy says whether a node that exists, or that can be added, is large enough for a replica.
func roomy(pool *engine.Pool, w *engine.Workload) bool {
	clashes := func(taken []engine.HostPort) bool {
		for _, port := range w.HostPorts {
			for _, other := range taken {
				if clash(port, other) {
					return true
				}
			}
		}
		return false
	}
	holds := func(size *engine.Resources, taken []engine.HostPort) bool {
		have := amounts(size)
		for name, v := range amounts(&w.Request) {
			if v > have[name] {
				return false
			}
		}
		return !clashes(taken)
	}
	for k := range pool.Nodes {
		if holds(&pool.Nodes[k].Free, pool.Nodes[k].HostPorts) {
			return true
		}
	}
	if pool.MaxNodes <= len(pool.Nodes) || clashes(pool.HostPorts) {
		return false
	}
	for name, v := range amounts(&w.Request) {
		if v > fresh(pool)[name] {
			return false
		}
	}
	return true
}

// static reports the rules that a pool breaks whatever else is on it.
func (c *checker) static(i int, pool *engine.Pool, report func(rule, format string, args ...any)) {
	w, rules := &c.snapshot.Workloads[i], c.effective(i)
	c.location(rules, pool, report)
	if w.Attachable != nil && !slices.ContainsFunc(w.Attachable, func(k int) bool { return &c.snapshot.Pools[k] == pool }) {
		report("volume", "its volumes cannot be attached in pool %s", pool.Name)
	}
	for _, taint := range pool.Taints {
		if taint.Effect != corev1.TaintEffectPreferNoSchedule && !tolerated(&taint, w.Tolerations) {
			report("taint", "pool %s has the taint %s", pool.Name, taint.ToString())
		}
	}
	if !labels.SelectorFromSet(w.NodeSelector).Matches(pool.Labels) {
		report("nodeSelector", "pool %s has not the labels %v", pool.Name, w.NodeSelector)
	}
	if w.NodeAffinity != nil {
		node := &corev1.Node{}
		node.Labels = pool.Labels
		selector, err := nodeaffinity.NewNodeSelector(w.NodeAffinity)
		if err != nil || !selector.Match(node) {
			report("nodeAffinity", "pool %s is outside the affinity", pool.Name)
		}
	}
	for _, rule := range rules.Spread {
		if rule.TopologyKey != corev1.LabelHostname && pool.Class.Labels[rule.TopologyKey] == "" {
			report("spread", "pool %s has no %s", pool.Name, rule.TopologyKey)
		}
	}
	for _, rule := range w.Availability {
		if domainOf(rule.Survive, pool) == "" {
			report("availability", "pool %s is where the %s is not known", pool.Name, rule.Survive)
		}
	}
	if rules.SpotMaxPercent == 0 && !firm(pool) {
		report("spot", "pool %s is spot capacity, which is forbidden", pool.Name)
	}
	if rules.SpotMaxPercent == 100 && rules.SpotFallback == "Wait" && firm(pool) {
		report("spot", "pool %s is not spot capacity, which all replicas wait for", pool.Name)
	}
	if rules.HasMaxHourlyUSD && !usable(pool.Price) {
		report("cost", "pool %s has no known price", pool.Name)
	}
	for _, limit := range rules.Latency {
		near := false
		for _, population := range limit.Populations {
			trip := c.snapshot.RoundTrips.FromClient(population.Client, pool.Class.Place)
			near = near || trip.OrInfinite() <= limit.MaxMilliseconds && !(limit.Measured && trip.Basis == latency.BasisEstimate)
		}
		if !near || limit.Broken {
			report("latency", "pool %s reaches no client within %g ms", pool.Name, limit.MaxMilliseconds)
		}
	}
}

// location reports the rules of residency and location.
func (c *checker) location(rules *policy.Effective, pool *engine.Pool, report func(rule, format string, args ...any)) {
	at := pool.Class.Location
	if rules.Excess != "" {
		report("location", "it is under more than may count: %s", rules.Excess)
	}
	for _, rule := range rules.Residency {
		if rule.Broken || rule.LimitsCountries && !rule.Countries.Contains(at.Country) ||
			rule.LimitsOperatorCountries && !rule.OperatorCountries.Contains(at.OperatorCountry) {
			report("residency", "%s (country %q, operator %q) is outside %s %s", at, at.Country, at.OperatorCountry, rule.Jurisdictions, rule.Operators)
		}
	}
	for _, rule := range rules.Required {
		value, known := pool.Class.Labels[rule.Requirement.Key()]
		ok := !rule.Broken
		switch values := rule.Requirement.Values(); rule.Requirement.Operator() {
		case "in", "=", "==":
			ok = ok && known && values.Has(value)
		case "notin", "!=":
			ok = ok && known && !values.Has(value)
		case "exists":
			ok = ok && known
		case "!":
			ok = ok && !known
		default:
			ok = false
		}
		if !ok {
			report("location", "%s is not %s", at, rule.Text)
		}
	}
}

// firm says that the cloud does not take a pool's nodes back.
func firm(pool *engine.Pool) bool {
	return pool.Class.CapacityType == "on-demand" || pool.Class.CapacityType == "reserved"
}

func tolerated(taint *corev1.Taint, tolerations []corev1.Toleration) bool {
	for _, t := range tolerations {
		effect := t.Effect == "" || t.Effect == taint.Effect
		key := t.Key == taint.Key || t.Key == "" && t.Operator == corev1.TolerationOpExists
		value := t.Operator == corev1.TolerationOpExists || t.Value == taint.Value
		if effect && key && value {
			return true
		}
	}
	return false
}
