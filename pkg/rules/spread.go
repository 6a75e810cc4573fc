package rules

import (
	"fmt"
	"math"

	corev1 "k8s.io/api/core/v1"

	"tradewind.dev/tradewind/pkg/printable"
	"tradewind.dev/tradewind/pkg/rules/policy"
)

// Spread is one spread rule over the replicas of one workload as they are now.
type Spread struct {
	policy.Spread
	domains []domain
	// limit of replicas in one domain; needed domains in all; remaining replicas after the one being placed.
	limit, needed, remaining int
	// occupied domains hold at least one replica.
	occupied int
	// emptiest is the least number of replicas in a domain, which the skew is counted from.
	emptiest int
}

type domain struct {
	name     string
	replicas int
	reason   string
}

// newSpread counts a workload's replicas by domain. A workload of n desired replicas may have n × share / 100 of them,
// rounded down, but at least one, in a domain. The hostname key counts domains only: the replicas of a node are counted
// on the node. The rule's skew is left out until Among names the domains.
func newSpread(rule policy.Spread, view *View) Spread {
	placed := view.Placed()
	desired := max(view.Desired, placed+1)
	s := Spread{
		Spread:    rule,
		limit:     MostInDomain(&rule, desired),
		needed:    LeastDomains(&rule, desired),
		remaining: desired - placed - 1,
		emptiest:  math.MaxInt / 2,
	}
	if rule.TopologyKey == corev1.LabelHostname {
		s.occupied, s.emptiest = view.Hosts, 0 // of nodes some has no replica
		return s
	}
	for i := range view.Classes {
		s.count(view.Classes[i].Class.Labels[rule.TopologyKey], view.Classes[i].Replicas)
	}
	s.judge()
	return s
}

func (s *Spread) judge() {
	for i := range s.domains {
		s.domains[i].reason = s.reason(policy.LocationKeys[s.TopologyKey], s.domains[i].name, s.domains[i].replicas)
	}
}

// Among names all domains that replicas could be in (see SkewDomains): the emptiest of them is what a skew is counted from.
func (s *Spread) Among(domains []string) {
	if s.MaxSkew == 0 || len(domains) == 0 || s.ByHost() {
		return
	}
	s.emptiest = math.MaxInt / 2
	for _, name := range domains {
		s.emptiest = min(s.emptiest, s.replicasIn(name))
	}
	s.judge()
}

func (s *Spread) replicasIn(name string) int {
	for i := range s.domains {
		if s.domains[i].name == name {
			return s.domains[i].replicas
		}
	}
	return 0
}

func (s *Spread) count(name string, replicas int) {
	if name == "" || replicas <= 0 {
		return
	}
	for i := range s.domains {
		if s.domains[i].name == name {
			s.domains[i].replicas += replicas
			return
		}
	}
	s.domains = append(s.domains, domain{name: name, replicas: replicas})
	s.occupied++
}

// ClassReason is why one more replica may not go to a class, or empty. For the hostname key use HostReason.
func (s *Spread) ClassReason(class *Class) string {
	if s.TopologyKey == corev1.LabelHostname {
		return ""
	}
	if reason := unknownDomain(&s.Spread, class); reason != "" {
		return reason
	}
	name := class.Labels[s.TopologyKey]
	for i := range s.domains {
		if s.domains[i].name == name {
			return s.domains[i].reason
		}
	}
	return "" // no replica in this domain yet: one is always allowed
}

// HostReason is why one more replica may not go to a node that holds some already, or empty.
func (s *Spread) HostReason(replicasOnNode int) string {
	return s.reason("node", "", replicasOnNode)
}

// ByHost says whether the rule counts replicas by node.
func (s *Spread) ByHost() bool { return s.TopologyKey == corev1.LabelHostname }

func (s *Spread) reason(word, name string, replicas int) string {
	if replicas+1 > s.limit {
		if name == "" {
			return fmt.Sprintf("with %d of the workload's replicas already (at most %d%% on one %s)", s.limit, s.MaxSharePercent, word)
		}
		return fmt.Sprintf("in %s %s, which has its %d%% of the replicas", word, name, s.MaxSharePercent)
	}
	if replicas > 0 && s.occupied+s.remaining < s.needed {
		return fmt.Sprintf("in a %s that has a replica (policy wants %d)", word, s.needed)
	}
	if replicas+1 > MostBeside(&s.Spread, s.emptiest) {
		if name == "" {
			return fmt.Sprintf("with %d of the workload's replicas already (at most %d more than on another %s)", replicas, s.MaxSkew, word)
		}
		return fmt.Sprintf("in %s %s, which would have over %s more than the emptiest %s", word, name,
			printable.Number(s.MaxSkew, "replica", "replicas"), word)
	}
	return ""
}

// CeilingReason is why a replica that costs hourlyUSD may not be added under the policy's cost ceiling, or empty.
func CeilingReason(rules *policy.Effective, view *View, hourlyUSD float64, known bool) string {
	if !rules.HasMaxHourlyUSD {
		return ""
	}
	if !known {
		return reasonUnpriced
	}
	if overCeiling(rules, view.HourlyUSD()+hourlyUSD) {
		return fmt.Sprintf("over the ceiling of $%g/h", rules.MaxHourlyUSD)
	}
	return ""
}
