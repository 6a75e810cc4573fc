package engine

import (
	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/rules"
)

// Plan is the engine's answer. It is immutable.
type Plan struct {
	// Bill of all placed replicas, and of the machines.
	Bill Bill
	// Objective says what of the bill was minimised.
	Objective Objective
	// LowerBoundUSD an hour: no plan that places as many replicas of each workload can have a lower total, but for those that
	// add more machines, which must save Snapshot.GrowthUSD for each. Machines that are sunk are in neither, so that the gap
	// is of what a plan can change.
	LowerBoundUSD float64
	// GapPercent is how far the total may be above the optimum at most: (Total − LowerBoundUSD) ÷ LowerBoundUSD × 100.
	GapPercent float64
	// Placements are parallel to Snapshot.Workloads, Pools to Snapshot.Pools.
	Placements []*Placement
	Pools      []PoolUse
	// Replicas placed, Unplaced, and Moves away from where they run now.
	Replicas, Unplaced, Moves int
	// Problems are what is wrong with the snapshot; the rest is planned.
	Problems []Problem
	// Stopped is true when Options.Expired ended the search early.
	Stopped bool
}

// Total is what was minimised.
func (p *Plan) Total() float64 { return p.Objective.Total(&p.Bill) }

// Unrecovered is how many replicas would have no room after the losses that workloads must survive, each loss by itself.
func (p *Plan) Unrecovered() int {
	n := 0
	for _, placement := range p.Placements {
		for k := range placement.Recoveries {
			n += placement.Recoveries[k].Missing
		}
	}
	return n
}

// Placement is one workload's part of a plan. It is immutable.
type Placement struct {
	// Decisions are the pools that hold replicas, the most replicas first, then by pool.
	Decisions []Decision
	Bill      Bill
	// Unplaced replicas.
	Unplaced int
	// Moves away from where replicas run now.
	Moves int
	// Recoveries say, for each domain with replicas whose loss must be survived, where these would go: all workloads' lost
	// replicas fit there at once, those apart that have no room. They are not planned for cost.
	Recoveries []Recovery
	// Conflict says why replicas are unplaced; nil when none is.
	Conflict *Conflict
	// Unkept are rules that volumes make impossible, with the volumes named: what these hold is placed all the same; and affinity and
	// anti-affinity to others that do not hold where replicas run: these stay.
	Unkept []ConflictRule
	// Held says why the last decision is kept whatever the rules say; empty when it was planned.
	Held string
}

// Decision is the replicas of one workload on one pool.
type Decision struct {
	Pool, Replicas int
	// Bill of these replicas; Disruption is that of replicas that come here from other pools.
	Bill Bill
	// PriceKnown is false when Bill.Compute rests on an assumed price.
	PriceKnown bool
	// LatencyMilliseconds is the expected round trip of the policy's clients, or without clients that to the called
	// workloads, weighted by requests. LatencyKnown is false when there is none, or one that counts is not known.
	LatencyMilliseconds float64
	LatencyKnown        bool
	// Nodes that hold them.
	Nodes []NodeReplicas
}

// NodeReplicas is a number of replicas on a node of a pool: an existing one by its index, an added one by numbers from
// len(Pool.Nodes) on.
type NodeReplicas struct{ Node, Replicas int }

// PoolUse is what a plan uses of a pool, and what its nodes cost as a whole.
type PoolUse struct {
	Replicas int
	// Existing nodes, how many of them hold a replica of the plan, and how many nodes are added.
	Existing, Used, Added int
	// NodeUSD is the price of existing and added nodes; of further ones up to MinNodes too. IdleUSD is what of it the
	// dominant shares of the plan's replicas do not cover. In US dollars an hour; 0 where the price is not known.
	NodeUSD, IdleUSD float64
	// MachinesUSD is the pool's part of Bill.Machines.
	MachinesUSD float64
	PriceKnown  bool
}

// Conflict is why replicas of a workload cannot be placed.
type Conflict struct {
	// Rules is a smallest set of rules that cannot all be met: without any one of them there would be a place. In words.
	// None where Options.LateConflicts leaves them to Solver.Conflict.
	Rules []ConflictRule
	// Message joins them in one sentence, and names the first ones of many.
	Message string
	// Among is how many rules there are where the search ended before a smallest set was found: they cannot all be met, but a
	// part of them may be the reason. 0 where the set is a smallest one.
	Among int
}

// ConflictRule is one rule in a conflict.
type ConflictRule struct {
	// Rule is its kind: see the Rule constants.
	Rule Rule
	// Message is the rule in words, with the policy it comes from where that is known.
	Message string
}

// Rule is a kind of hard rule.
type Rule string

// The kinds of hard rules.
const (
	RuleResidency    Rule = Rule(rules.KindResidency)
	RuleLocation     Rule = Rule(rules.KindLocation)
	RuleTaint        Rule = Rule(rules.KindTaint)
	RuleNodeSelector Rule = "nodeSelector"
	RuleNodeAffinity Rule = "nodeAffinity"
	RuleVolume       Rule = "volume"
	RuleHostPort     Rule = "hostPort"
	// Rules of pods about pods beside them; a workload's own, or for anti-affinity another's.
	RulePodAffinity     Rule = "podAffinity"
	RulePodAntiAffinity Rule = "podAntiAffinity"
	RuleTopologySpread  Rule = "topologySpread"
	RuleSpread          Rule = Rule(rules.KindSpread)
	RuleAvailability    Rule = "availability"
	RuleSpot            Rule = Rule(rules.KindSpot)
	RuleLatency         Rule = Rule(rules.KindLatency)
	RuleCall            Rule = Rule(rules.KindCall)
	RuleCost            Rule = Rule(rules.KindCost)
	RuleSize            Rule = "size"        // no node is large enough
	RuleUnavailable     Rule = "unavailable" // nodes must not be used now: cordoned, not ready, or lost
	RuleCapacity        Rule = "capacity"    // the room is taken by other workloads
	RuleDevices         Rule = "devices"     // devices that pods claim
	RuleQuota           Rule = "quota"       // the API server refuses the replicas' pods
	RuleInput           Rule = "input"       // the workload is malformed, see Plan.Problems
	RulePrice           Rule = "price"       // not a rule: allowed, but dearer than what was chosen
)

// Rejection is a pool that holds no replica of a workload, and why.
type Rejection struct {
	Pool int
	// Rule that excludes it; RulePrice when none does.
	Rule    Rule
	Message string
	// DeltaUSD is what one replica more an hour would cost there than the dearest that was placed, in US dollars. It is set
	// where the rule is RulePrice.
	DeltaUSD float64
}

// Problem is something wrong with the snapshot. What it speaks of is left out or held; the rest is planned.
type Problem struct {
	// Object is "Deployment shop/web" or "pool CLUSTER/NAME".
	Object string
	// Field of Snapshot, as "Request.MilliCPU", and what to do about it.
	Field, Message string
	// Dangling says that a call goes to a workload that is not in the snapshot, or to its own caller. Who gives a part of what
	// they have made no mistake.
	Dangling bool
}

// String is object, field and message in one line.
func (p Problem) String() string { return p.Object + ": " + p.Field + ": " + p.Message }

// Recovery is where a workload's replicas go when a domain is lost.
type Recovery struct {
	// Domain is what is lost.
	Domain location.Domain
	Moves  []RecoveryMove
	// Missing replicas of those that are lost have no room on what remains.
	Missing int
}

// RecoveryMove is replicas on a node outside the lost domain.
type RecoveryMove struct{ Pool, Node, Replicas int }
