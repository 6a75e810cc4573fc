package engine

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/pricing"
	"tradewind.dev/tradewind/pkg/rules"
	"tradewind.dev/tradewind/pkg/rules/policy"
	"tradewind.dev/tradewind/pkg/workload"
)

// Snapshot is everything that a plan is made from. The engine never changes it, and neither may the caller while a
// Solver made from it is in use. Pools and workloads are named by their index.
type Snapshot struct {
	Pools     []Pool
	Workloads []Workload
	// RoundTrips are the round trips between classes; the rules of the workloads must be made with the same.
	RoundTrips *rules.RoundTrips
	// Egress prices traffic; nil means that no traffic has a known price. *pricing.Prices is one.
	Egress EgressPrices
	// Commitments are machines of the pools that are paid for whether they are used or not.
	Commitments []Commitment
	// GrowthUSD is what a machine that is added must save beside its own price, in US dollars an hour, where whole machines are
	// minimised. It guides the search and is in no bill.
	GrowthUSD float64
}

// Commitment is a number of machines that are paid for whether they are used or not: whichever of the pools they are in.
type Commitment struct {
	Pools []int
	Nodes int
}

// EgressPrices answers what traffic costs, in US dollars a gigabyte (10^9 bytes). The destination cloud may be
// pricing.Internet.
type EgressPrices interface {
	EgressPerGB(fromCloud, fromRegion, toCloud, toRegion string) pricing.Price
}

// Resources are what a replica requests or a node has. Every one of them limits how many replicas a node holds; the
// first three price a replica.
type Resources struct {
	// MilliCPU in thousandths of a core, MemoryBytes in bytes, GPUs of whatever make.
	MilliCPU, MemoryBytes, GPUs int64
	// GPUSlices are sevenths of GPUs that are devices of their own (MIG): they price a replica, and Extended limits them by name.
	GPUSlices int64
	// Extended are all other resources by name, in their own units: GPUs by make ("nvidia.com/gpu"), "ephemeral-storage",
	// "pods" (where a node limits how many pods it runs, a replica requests one). A resource that a node does not list it
	// does not have.
	Extended map[string]int64
}

// Priced are the resources that price a replica.
func (r *Resources) Priced() pricing.Resources {
	return pricing.Resources{MilliCPU: r.MilliCPU, MemoryBytes: r.MemoryBytes, GPUs: r.GPUs, GPUSlices: r.GPUSlices}
}

// Pool is a number of interchangeable nodes: of one cluster, class, size, labels and taints.
type Pool struct {
	// Cluster is empty in a snapshot of one cluster. Cluster and Name identify the pool.
	Cluster, Name string
	// Class is the location, instance type and capacity type. Classes must be interned (see rules.Class): one class
	// one pointer, with IDs and PlaceIDs that are dense over the snapshot.
	Class *rules.Class
	// Labels are those of its nodes, for node selectors and node affinity. Labels that tell its nodes apart (hostname) are
	// not looked at.
	Labels labels.Set
	Taints []corev1.Taint
	// Price of one node, in US dollars an hour. A pool without a known price counts with the highest known price of each
	// resource in the snapshot, and takes no workload that has a cost ceiling.
	Price pricing.Price
	// Sunk says that nobody can stop paying for its nodes, so that using one costs nothing more: Bill.Machines leaves them
	// out. Their price still says which replicas use how much of them, and decides between plans that cost the same.
	Sunk bool
	// Interruption of spot nodes; ignored for others.
	Interruption Interruption
	// Allocatable resources of one node: they price replicas by dominant share, and are what an added node brings, less what
	// Daemons take of it.
	Allocatable Resources
	// Daemons is what pods that run on every node take of one that is added. Of existing nodes Node.Free leaves it out.
	Daemons Resources
	// Nodes exist.
	Nodes []Node
	// MinNodes and MaxNodes are the limits within which an autoscaler sizes the pool, existing nodes counted. With MaxNodes
	// at or below len(Nodes) no node can be added.
	MinNodes, MaxNodes int
	// Closed is how many nodes it has beside Nodes that take no replica now: cordoned ones, and those that are not ready. They are
	// domains of topology spread constraints all the same, which pods are missing in, unless these honor taints.
	Closed int
	// Unavailable is why the pool must not be used now, for messages; empty where it may be.
	Unavailable string
	// HostPorts are those that pods of every node have, on a node that is added.
	HostPorts []HostPort
}

// Node is an existing node.
type Node struct {
	Name string
	// Free resources are the allocatable ones less those of pods that the plan does not decide on (daemons, pods without
	// a controller). Replicas of the snapshot's workloads count as free, even while they run on the node.
	Free Resources
	// HostPorts are those that pods have that the plan does not decide on.
	HostPorts []HostPort
	// Kept says that such pods, others than those that every node has, keep the node in use whatever the plan does, so that using it
	// costs nothing more: where whole machines are minimised it is filled first.
	Kept bool
}

// Interruption is how often the cloud takes a spot node back.
type Interruption struct {
	// MonthlyPercent is the share of nodes taken back in a month, 0 to 100: the middle of the published band.
	MonthlyPercent float64
	// Known is false when nobody publishes it; then UnknownInterruptionPercent counts.
	Known bool
}

// Workload is replicas that are alike.
type Workload struct {
	Namespace, Name, Kind string
	// Replicas that should run.
	Replicas int
	// Request of one replica.
	Request Resources
	// NodeSelector, NodeAffinity (the required terms) and Tolerations are the pod's.
	NodeSelector map[string]string
	NodeAffinity *corev1.NodeSelector
	Tolerations  []corev1.Toleration
	// PreferredNodes are the pod's preferred node affinity: terms that a node does not match have a price, as locations that a policy prefers.
	PreferredNodes []corev1.PreferredSchedulingTerm
	// PreferredSpread says by which domains its replicas prefer to be apart from each other.
	PreferredSpread []PreferredSpread
	// HostPorts of one replica.
	HostPorts []HostPort
	// PodRules are the rules of its pods about the pods beside them; nil when there are none.
	PodRules *PodRules
	// Rules are the merged rules of the policies that select the workload; nil when there are none.
	Rules *rules.Rules
	// Availability are the losses that it must survive, each of them alone: with any one domain gone, so many of the replicas
	// are still there, and the rest fits on what remains where there is a plan in which it does. Of several for one kind of
	// domain the strictest counts.
	Availability []policy.Availability
	// SpotPoolSharePercent of the replicas, rounded down, but at least one, are to be in one spot pool at most, where no rule limits that:
	// an aim, given up for replicas that would have no place, and for those that run. 0 for none.
	SpotPoolSharePercent int
	// ClientBytesPerRequest is the size of an answer to a client in bytes; it prices egress to the clients of the rules.
	ClientBytesPerRequest float64
	// Calls to other workloads: those of the policy's traffic, and the limits of other policies with no requests.
	Calls []Call
	// Current are the replicas that run now; pools may repeat. Replicas on nodes that are gone are left out.
	Current []PoolReplicas
	// RunsOn are the nodes that they run on, as far as these are known. What runs on a node may stay there whatever rules of pods say,
	// held workloads stay on their nodes, and which machines are in use now goes by them.
	RunsOn []PodsAt
	// Planned are the replicas where the plan before had them; pools may repeat. That plan is followed on unless another is clearly cheaper, so
	// that a plan does not change while replicas are on their way to it. Empty where there was none.
	Planned []PoolReplicas
	// Attachable are the pools whose nodes the volumes of every replica can be attached to, by index and in order; nil for all.
	// Workloads that may be on the same pools best share one slice. Volumes names what limits them, in words, each once: "claim data".
	Attachable []int
	Volumes    []string
	// Pins are replicas that volumes of their own hold in place. Together they may not be more than Replicas.
	Pins []Pin
	// Priority is the value of the pods' PriorityClass: where there is too little room, replicas with a higher one come first.
	Priority int32
	// PreemptsNobody says that its replicas wait for room that replicas with a lower priority have which run already.
	PreemptsNobody bool
	// Refused of the Replicas cannot run whatever room there is, for the reason that RefusedBy gives: the API server refuses
	// their pods. They are not planned for, and count as unplaced.
	Refused   int
	RefusedBy string
	// RestartUSD is the cost of one restart of a replica, in US dollars; 0 means DefaultRestartUSD.
	RestartUSD float64
	// Hold, when not empty, says why the last decision must be kept (a policy that cannot be read, for instance): its
	// replicas stay where they run and no further ones are placed.
	Hold string
}

// survivable are the kinds of domains of which a workload may have to survive the loss of one.
var survivable = [...]location.DomainKind{location.DomainCloud, location.DomainRegion, location.DomainZone, location.DomainCluster}

// Domain is the place of a kind that a pool is in; known is false where that cannot be told. Such a pool takes no workload that
// must survive the loss of one.
func (p *Pool) Domain(kind location.DomainKind) (domain location.Domain, known bool) {
	return p.Class.Location.Domain(kind, p.Cluster)
}

// Call is what all replicas of a workload together call another workload.
type Call struct {
	// To names the called workload, without its kind; its namespace is the caller's when empty. A workload that is not in the
	// snapshot, or of which no replica is placed, costs and limits nothing.
	To workload.Key
	// RequestsPerSecond; 0 means rules.DefaultRequestsPerSecond of each replica.
	RequestsPerSecond float64
	// BytesPerRequest that a call sends and receives.
	BytesPerRequest float64
	// MaxMilliseconds to the nearest replica of the called workload; 0 means no limit.
	MaxMilliseconds float64
	// Measured says that a round trip that nobody measured does not meet the limit: the call goes to the nearest replica of those to
	// which it was measured. It says nothing where there is no limit.
	Measured bool
	// LimitOnly calls are not priced.
	LimitOnly bool
	// CallerOnly calls are the caller's alone, since the called workload's side has not agreed to them: that workload is
	// planned as if there were no such call, and the caller then around it. The caller pays, and its limit binds the caller.
	CallerOnly bool
}

// PoolReplicas is a number of replicas on a pool.
type PoolReplicas struct{ Pool, Replicas int }

// Pin holds replicas to where their volumes are.
type Pin struct {
	Replicas int
	// Pools whose nodes the volumes can be attached to, by index and in order, any of them. None means nowhere.
	Pools []int
	// Made says that the volumes exist: replicas that have them keep their room as those that run do.
	Made bool
	// Volumes names what holds them, in words, each once: "claim data-db-0".
	Volumes []string
	// Barred, when not empty, is a rule that keeps the replicas from every pool for their volumes' sake: Pools are none then. Its kind is
	// RuleVolume where it says none.
	Barred ConflictRule
	// Unkept, when not empty, is such a rule of replicas that run all the same, and stay.
	Unkept ConflictRule
}

// The prices of what has no price of its own. They are Tradewind's own scale.
const (
	// DefaultRestartUSD is what one restart of a replica costs, in US dollars.
	DefaultRestartUSD = 0.10
	// PaybackHours is how long a move has to pay for itself: a move costs RestartUSD ÷ PaybackHours an hour.
	PaybackHours = 24.0
	// HoursPerMonth turns a monthly rate of interruption into an hourly one (365 × 24 ÷ 12).
	HoursPerMonth = 730.0
	// UnknownInterruptionPercent is the monthly rate where nobody publishes one: the middle of the highest band that AWS does
	// publish, 20 to 100 %, so that no rate is an advantage by being unknown.
	UnknownInterruptionPercent = 60.0
	// UnknownMilliseconds is what a round trip that nobody knows costs as much as: longer than between any two clouds'
	// regions, so that an unknown place never wins by being unknown. It meets no limit.
	UnknownMilliseconds = 400.0
)

// Options steer the search.
type Options struct {
	// OptimizeFor where no policy says; Balanced when empty.
	OptimizeFor v1alpha1.OptimizeFor
	// Objective is what is minimised; DefaultObjective when empty.
	Objective Objective
	// Expired is asked between steps; once it says true the best plan so far is returned. Nil never stops the search.
	// Hard rules and the lower bound hold whenever it stops. What runs keeps a place then, and workloads for which no place was looked for
	// are left out; their conflicts say so.
	Expired func() bool
	// Used is the share of the time allowed that has passed, 1 or more once Expired says true: the search leaves by it what finishing the
	// plan takes. Nil where nobody knows; Within sets both.
	Used func() float64
	// Rounds of improvement at most; 0 means the default. More rounds take longer and narrow the gap.
	Rounds int
	// LateConflicts leaves it to Solver.Conflict to say why a workload's replicas have no place: the plan only says that
	// they have none.
	LateConflicts bool
	// brief searches are short.
	brief bool
}
