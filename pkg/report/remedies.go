package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"tradewind.dev/tradewind/pkg/rules"
	"tradewind.dev/tradewind/pkg/rules/policy"
)

// remedies say what would help a pending pod: for each set of reasons that keeps nodes away, what to change and how many
// nodes that opens, only the smallest sets: where one change opens a node, no two are proposed.
func (j *judge) remedies(excluded []*verdict, feasible []FeasibleGroup) []string {
	if waits := j.kubernetes.waits(); len(waits) > 0 {
		return []string{"no scheduler looks at the pod before this has changed: " + strings.Join(waits, "; ")}
	}
	if len(feasible) > 0 {
		nodes := 0
		for i := range feasible {
			nodes += feasible[i].Nodes
		}
		return []string{count(nodes, "node") + " could take the pod now: wait for the scheduler's next try, or see whether it runs " +
			"(kubectl get pods -A -l app.kubernetes.io/name=tradewind-scheduler)"}
	}
	if len(excluded) == 0 {
		return []string{"the cluster has no nodes: add some"}
	}
	least := len(slices.MinFunc(excluded, func(a, b *verdict) int { return len(a.changes()) - len(b.changes()) }).changes())
	sets := map[string][]*verdict{}
	for _, v := range excluded {
		if obstacles := v.changes(); len(obstacles) == least {
			key := ""
			for _, obstacle := range obstacles {
				key += fmt.Sprintln(obstacle.String(), obstacle.final, obstacle.sources)
			}
			sets[key] = append(sets[key], v)
		}
	}
	keys := make([]string, 0, len(sets))
	for key := range sets {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b string) int { return cmp.Or(len(sets[b])-len(sets[a]), strings.Compare(a, b)) })
	var texts []string
	opens := map[string]int{}
	for _, key := range keys {
		nodes := sets[key]
		var changes []string
		for _, obstacle := range nodes[0].changes() {
			changes = append(changes, j.remedy(obstacle, nodes))
		}
		text := strings.Join(changes, "; and ")
		if opens[text] == 0 {
			texts = append(texts, text)
		}
		opens[text] += len(nodes)
	}
	out := make([]string, 0, len(texts))
	for _, text := range texts {
		out = append(out, fmt.Sprintf("%s (opens %s)", text, count(opens[text], "node")))
	}
	return out
}

// changes are the obstacles that take a change each: all that is not known and that one rule asks for is said at once.
func (v *verdict) changes() []Obstacle {
	out := make([]Obstacle, 0, len(v.obstacles))
	for _, obstacle := range v.obstacles {
		if !obstacle.unknown || !slices.ContainsFunc(out, func(o Obstacle) bool { return o.unknown && o.Rule == obstacle.Rule }) {
			out = append(out, obstacle)
		}
	}
	return out
}

// remedy says what to do about one reason against some nodes.
func (j *judge) remedy(obstacle Obstacle, nodes []*verdict) string {
	switch obstacle.Rule {
	case RuleVolumeResidency:
		return "move the pod's volume to an allowed place, or widen spec.residency of " + policyNames(obstacle.sources)
	case RuleResidency:
		if obstacle.unknown {
			return "say where " + are(nodes) + " (labels tradewind.dev/cloud, tradewind.dev/country and tradewind.dev/operator-country)"
		}
		return "add nodes in the allowed places, or widen spec.residency of " + policyNames(obstacle.sources) + j.lawsOf(nodes)
	case RuleLocation:
		if obstacle.unknown {
			return "say where " + are(nodes) + " (label tradewind.dev/cloud and the topology labels)"
		}
		if j.rules.Excess != "" {
			return j.rules.Excess
		}
		return "add nodes in the required locations, or widen spec.locations.required of " + policyNames(obstacle.sources) + j.locationHint(nodes)
	case RuleSpread:
		return "add nodes in other domains, or raise spec.spread maxSharePercent or lower minDomains of " +
			j.sourcesOf(j.spreads)
	case RuleSpot:
		if strings.HasPrefix(obstacle.Message, "in the spot pool ") {
			return "add spot nodes of another type or in another zone, or raise spec.cost.spot.maxPoolSharePercent of " +
				j.sourcesOf(func(own *policy.Effective) bool { return own.SpotPoolMaxPercent == j.rules.SpotPoolMaxPercent })
		}
		limited := j.sourcesOf(func(own *policy.Effective) bool { return own.SpotMaxPercent == j.rules.SpotMaxPercent })
		return "change spec.cost.spot (maxPercent, fallback) of " + limited + ", or add nodes of the other capacity type"
	case RuleLatency:
		if obstacle.unknown {
			return "give the missing round trips in a LatencyMap"
		}
		return "add nodes nearer, or raise maxMilliseconds in spec.latency or spec.traffic of " + policyNames(obstacle.sources)
	case RuleCeiling:
		if obstacle.unknown {
			return "give the nodes' prices in a PriceList"
		}
		limited := j.sourcesOf(func(own *policy.Effective) bool {
			return own.HasMaxHourlyUSD && own.MaxHourlyUSD == j.rules.MaxHourlyUSD
		})
		return fmt.Sprintf("raise spec.cost.maxHourlyUSD of %s (the other replicas cost $%s/h)", limited, Dollars(j.view.HourlyUSD()))
	case RulePlan:
		return j.planRemedy()
	case RuleUnschedulable:
		return "kubectl uncordon " + some(nodeNames(nodes))
	}
	return obstacle.remedy()
}

// locationHint is what may have been meant by a required location that the nodes do not meet and that names nothing that is known.
func (j *judge) locationHint(nodes []*verdict) string {
	for i := range j.rules.Required {
		required := &j.rules.Required[i]
		if hint := required.Hint(); hint != "" && !rules.MeetsLocation(required, nodes[0].node.Class) {
			return hint
		}
	}
	return ""
}

// lawsOf lists the countries of nodes that residency excludes, and those of their operators where the rules limit them:
// what the policy would have to allow.
func (j *judge) lawsOf(nodes []*verdict) string {
	var parts []string
	list := func(text string, limited func(policy.Residency) bool, allowed func(policy.Residency, string) bool, of func(*verdict) string) {
		var codes []string
		for _, v := range nodes {
			code := of(v)
			barred := slices.ContainsFunc(j.rules.Residency, func(r policy.Residency) bool { return limited(r) && !allowed(r, code) })
			if barred && code != "" && !slices.Contains(codes, code) {
				codes = append(codes, code)
			}
		}
		slices.Sort(codes)
		if len(codes) > 0 {
			parts = append(parts, text+strings.Join(codes, ", "))
		}
	}
	list("the nodes are in ", func(r policy.Residency) bool { return r.LimitsCountries },
		func(r policy.Residency, code string) bool { return r.Countries.Contains(code) },
		func(v *verdict) string { return v.node.Class.Country })
	list("the nodes' operators are under the law of ", func(r policy.Residency) bool { return r.LimitsOperatorCountries },
		func(r policy.Residency, code string) bool { return r.OperatorCountries.Contains(code) },
		func(v *verdict) string { return v.node.Class.OperatorCountry })
	if len(parts) == 0 {
		return ""
	}
	return " (" + strings.Join(parts, ", and ") + ")"
}

// are names nodes, with a verb.
func are(nodes []*verdict) string {
	if len(nodes) == 1 {
		return "node " + nodes[0].node.Name + " is"
	}
	return count(len(nodes), "node") + " are: " + some(nodeNames(nodes))
}

func nodeNames(verdicts []*verdict) []string {
	out := make([]string, len(verdicts))
	for i, v := range verdicts {
		out[i] = v.node.Name
	}
	slices.Sort(out)
	return out
}

// policyNames lists policies, each once.
func policyNames(sources []policy.Source) string {
	var out []string
	for i := range sources {
		if name := sources[i].String(); !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return strings.Join(out, " and ")
}

// spreads says whether a policy has the strictest limit of a rule on spread.
func (j *judge) spreads(own *policy.Effective) bool {
	return slices.ContainsFunc(own.Spread, func(rule policy.Spread) bool {
		return slices.ContainsFunc(j.rules.Spread, func(all policy.Spread) bool {
			return rule.TopologyKey == all.TopologyKey && (rule.MinDomains > 0 && rule.MinDomains == all.MinDomains ||
				rule.MaxSharePercent < 100 && rule.MaxSharePercent == all.MaxSharePercent || rule.MaxSkew > 0 && rule.MaxSkew == all.MaxSkew)
		})
	})
}

// sourcesOf lists the policies whose own rules are as asked; all of the pod's where none says so, since any of them can.
func (j *judge) sourcesOf(asked func(own *policy.Effective) bool) string {
	if sources := j.rules.Of(asked); len(sources) > 0 {
		return policyNames(sources)
	}
	return policyNames(j.rules.Sources)
}
