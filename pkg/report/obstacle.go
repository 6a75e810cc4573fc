package report

import "tradewind.dev/tradewind/pkg/rules/policy"

// Rule is the kind of rule that excludes a node.
type Rule string

// Tradewind's rules, in the order in which the scheduler asks them, and then Kubernetes' own.
const (
	RuleVolumeResidency Rule = "volume-residency"
	RuleResidency       Rule = "residency"
	RuleLocation        Rule = "location"
	RuleSpread          Rule = "spread"
	RuleSpot            Rule = "spot"
	RuleLatency         Rule = "latency"
	RuleCeiling         Rule = "ceiling"
	RulePlan            Rule = "plan"

	RuleUnschedulable  Rule = "unschedulable"
	RuleNodeName       Rule = "node-name"
	RuleTaint          Rule = "taint"
	RuleAffinity       Rule = "affinity"
	RulePorts          Rule = "ports"
	RuleFull           Rule = "full"
	RuleVolume         Rule = "volume"
	RuleTopologySpread Rule = "topology-spread"
	RulePodAffinity    Rule = "pod-affinity"
	RuleDevices        Rule = "devices"
	// RuleOther is one of Kubernetes' that has no name here; Plugin says which.
	RuleOther Rule = "other"
)

// Obstacle is why a node cannot take the pod, in the scheduler's words, which of Kubernetes' own rules are Kubernetes' own:
// they read well behind a number of nodes.
type Obstacle struct {
	Rule    Rule   `json:"rule"`
	Message string `json:"message"`
	// Plugin of kube-scheduler that says so; empty for Tradewind's rules.
	Plugin string `json:"plugin,omitempty"`
	// Taints are those that the rule of taints is about, which Kubernetes does not name ("team=db:NoSchedule").
	Taints []string `json:"taints,omitempty"`
	// reasons are those that Message is put together from; final when no other pod's leaving would help.
	reasons []string
	final   bool
	// unknown says that something is not known which could meet the rule; sources are the policies whose rule it is, where one
	// policy's can be told from another's.
	unknown bool
	sources []policy.Source
}

// String is the message with what Kubernetes does not name.
func (o *Obstacle) String() string {
	if len(o.Taints) == 0 {
		return o.Message
	}
	return o.Message + ": " + some(o.Taints)
}
