package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// PlacementSpec names the workload that a placement is of. The placement controller writes it.
type PlacementSpec struct {
	// workload that the placement is of, in the placement's namespace.
	// +required
	// +kubebuilder:validation:XValidation:rule=`self == oldSelf`,message=`the workload of a placement cannot change: delete the placement, the controller makes the right one`
	Workload PlacementWorkload `json:"workload"`
}

// PlacementWorkload names the controller of the pods.
type PlacementWorkload struct {
	// apiVersion of the object ("apps/v1").
	// +required
	// +kubebuilder:validation:MaxLength=128
	APIVersion string `json:"apiVersion"`
	// kind of the object ("Deployment").
	// +required
	// +kubebuilder:validation:MaxLength=63
	Kind string `json:"kind"`
	// name of the object.
	// +required
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`
}

// PlacementStatus is one workload's part of the plan. Amounts of money are US dollars an hour, written as decimal numbers.
type PlacementStatus struct {
	// replicas that the workload wants, inPlace of them run where the plan wants them, and unplaced have no place.
	// +optional
	Replicas int32 `json:"replicas"`
	// inPlace replicas run where the plan wants them.
	// +optional
	InPlace int32 `json:"inPlace"`
	// unplaced replicas have no place under the rules; the condition Planned says why.
	// +optional
	Unplaced int32 `json:"unplaced"`

	// decisions are the places of the plan, the most replicas first. While the plan is uncertain the last ones are kept.
	// +optional
	// +listType=atomic
	Decisions []PlacementDecision `json:"decisions,omitempty"`

	// rejected are places that hold no replica, and why; the cheapest first, at most 16.
	// +optional
	// +listType=atomic
	Rejected []PlacementRejection `json:"rejected,omitempty"`

	// priceBasis says what the amounts below rest on: InForce, the prices that the plan was made with; List, the public
	// catalog's, where a PriceList gives another price, which those who may read this object need not be allowed to see;
	// Hidden, where the public catalog has no price either, and amounts are left out; Unknown, where nobody knows a price of one of the
	// pools, and amounts are left out too.
	// +optional
	// +kubebuilder:validation:Enum=InForce;List;Hidden;Unknown
	PriceBasis PriceBasis `json:"priceBasis,omitempty"`

	// hourlyUSD is what the workload costs by the plan, by parts: its share apart from what is only valued. Absent until there is
	// a plan.
	// +optional
	HourlyUSD *PlacementBill `json:"hourlyUSD,omitempty"`

	// currentHourlyUSD is the workload's share of machines and traffic with its replicas where they run now, as hourlyUSD.share is
	// by the plan.
	// +optional
	CurrentHourlyUSD string `json:"currentHourlyUSD,omitempty"`

	// savingsHourlyUSD is what moving the running replicas to the plan would save of what is invoiced for machines and traffic, or of
	// shares of machines where the controller plans by shares. Workloads that move together, since they call each other or empty a
	// machine together, name what that saves together. A policy's rebalance says whether they are moved.
	// +optional
	SavingsHourlyUSD string `json:"savingsHourlyUSD,omitempty"`
	// savingsValuedHourlyUSD is what it would save besides of what is only valued: latency, interruption and preference.
	// +optional
	SavingsValuedHourlyUSD string `json:"savingsValuedHourlyUSD,omitempty"`
	// savingsPercent of what the replicas cost where they run, shares and what is valued together, that moving would save, from 0
	// where nothing is saved to 100: a policy's minSavingsPercent is compared with it.
	// +optional
	SavingsPercent int32 `json:"savingsPercent"`

	// survives says of each domain that the availability rule speaks of how many replicas are left when it is lost.
	// +optional
	// +listType=atomic
	Survives []PlacementSurvival `json:"survives,omitempty"`

	// policies in force for the workload, the one that wins soft fields first ("PlacementPolicy shop/web").
	// +optional
	// +listType=atomic
	Policies []string `json:"policies,omitempty"`

	// moved are the latest moves, the newest first, at most 8.
	// +optional
	// +listType=atomic
	Moved []PlacementMove `json:"moved,omitempty"`

	// away are the replicas that a failover moved away from each pool and that have not been sent back yet: so many may return
	// there. It is empty while FailedOver is not True.
	// +optional
	// +listType=map
	// +listMapKey=pool
	Away []PlacementAway `json:"away,omitempty"`

	// plannedAt is when the decisions last changed.
	// +optional
	PlannedAt *metav1.Time `json:"plannedAt,omitempty"`

	// conditions: Planned (False when replicas have no place; the message is the smallest conflict of rules), InPlace (True
	// when every replica runs where the plan wants it), Rebalancing (True while replicas are moved; when False the message
	// says why none is), FailedOver (True while replicas are away from a domain that was lost).
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// PriceBasis says what amounts of money rest on.
type PriceBasis string

// What amounts rest on.
const (
	// PriceBasisInForce is the prices that the plan was made with.
	PriceBasisInForce PriceBasis = "InForce"
	// PriceBasisList is the prices of the public catalog.
	PriceBasisList PriceBasis = "List"
	// PriceBasisHidden is none: amounts are left out.
	PriceBasisHidden PriceBasis = "Hidden"
	// PriceBasisUnknown says that nobody knows a price of one of the pools: amounts are left out.
	PriceBasisUnknown PriceBasis = "Unknown"
)

// PlacementDecision is a number of replicas in one place.
type PlacementDecision struct {
	// clusterName of the cluster; empty in an installation of one cluster.
	// +optional
	ClusterName string `json:"clusterName"`
	// pool is the name of the CloudPool.
	// +optional
	Pool string `json:"pool"`
	// cloud of the pool.
	// +optional
	Cloud string `json:"cloud"`
	// region of the pool.
	// +optional
	Region string `json:"region"`
	// zone of the pool.
	// +optional
	Zone string `json:"zone,omitempty"`
	// instanceType of the pool's nodes.
	// +optional
	InstanceType string `json:"instanceType,omitempty"`
	// capacityType of the pool's nodes.
	// +optional
	CapacityType CapacityType `json:"capacityType,omitempty"`
	// replicas that belong here, and running of them that do run here.
	// +optional
	Replicas int32 `json:"replicas"`
	// running replicas of the workload in this place, also those beyond the plan.
	// +optional
	Running int32 `json:"running"`
	// hourlyUSD is these replicas' share of machines and traffic; only with the price basis InForce.
	// +optional
	HourlyUSD string `json:"hourlyUSD,omitempty"`
	// latencyMilliseconds is the expected round trip of the policy's clients, or to the called workloads; absent when it is
	// not known.
	// +optional
	LatencyMilliseconds string `json:"latencyMilliseconds,omitempty"`
	// reason in words.
	// +optional
	Reason string `json:"reason,omitempty"`
}

// PlacementRejection is a place without replicas.
type PlacementRejection struct {
	// pool is the name of the CloudPool.
	// +optional
	Pool string `json:"pool"`
	// clusterName of its cluster.
	// +optional
	ClusterName string `json:"clusterName,omitempty"`
	// rule that excludes it: residency, location, taint, nodeSelector, nodeAffinity, volume, spread, availability, spot,
	// latency, call, cost, size, capacity; price when it is allowed but dearer.
	// +optional
	Rule string `json:"rule"`
	// message in words.
	// +optional
	Message string `json:"message,omitempty"`
	// deltaHourlyUSD is what one more replica would cost more there than the dearest chosen one, with what is valued; only with the rule price, and
	// where no PriceList gives one of the two prices.
	// +optional
	DeltaHourlyUSD string `json:"deltaHourlyUSD,omitempty"`
}

// PlacementBill is what a workload costs by parts, in US dollars an hour. Clouds invoice whole machines, which workloads share; the
// share attributes them.
type PlacementBill struct {
	// total is share and valued together, which the plan minimises. Nobody pays it.
	// +optional
	Total string `json:"total"`
	// share is compute and egress: the workload's part of what its machines and its traffic cost.
	// +optional
	Share string `json:"share"`
	// valued is what nobody charges: latency, interruption, disruption and preference.
	// +optional
	Valued string `json:"valued"`
	// compute is the replicas' shares of their machines' prices.
	// +optional
	Compute string `json:"compute"`
	// egress is traffic between places and to clients.
	// +optional
	Egress string `json:"egress"`
	// latency is the price of the round trips.
	// +optional
	Latency string `json:"latency"`
	// interruption is the risk of spot capacity.
	// +optional
	Interruption string `json:"interruption"`
	// disruption is the price of the moves that the plan asks for.
	// +optional
	Disruption string `json:"disruption"`
	// preference is the weight of what policies and pods prefer that is not met.
	// +optional
	Preference string `json:"preference"`
}

// PlacementSurvival is what is left after a loss.
type PlacementSurvival struct {
	// domain that is lost ("aws", "aws/eu-west-1").
	// +optional
	Domain string `json:"domain"`
	// replicas that are still there at once.
	// +optional
	Replicas int32 `json:"replicas"`
	// recovered replicas fit on what remains, capacity that an autoscaler could add counted.
	// +optional
	Recovered int32 `json:"recovered"`
}

// PlacementMove is a replica that was moved.
type PlacementMove struct {
	// time of the move.
	// +optional
	Time metav1.Time `json:"time"`
	// pod that was evicted.
	// +optional
	Pod string `json:"pod"`
	// from is the pool that it left.
	// +optional
	From string `json:"from"`
	// reason of the move: Rebalance (it saves money), Rule (it mends a broken rule), Drain, Failover or Failback.
	// +optional
	Reason string `json:"reason"`
}

// PlacementAway is a number of replicas that a failover moved away from a pool.
type PlacementAway struct {
	// pool that they left.
	Pool string `json:"pool"`
	// replicas that have not been sent back yet.
	Replicas int32 `json:"replicas"`
}

// Condition types of placements.
const (
	// ConditionPlanned says whether every replica has a place.
	ConditionPlanned = "Planned"
	// ConditionInPlace says whether every replica runs where the plan wants it.
	ConditionInPlace = "InPlace"
	// ConditionRebalancing says whether replicas are being moved.
	ConditionRebalancing = "Rebalancing"
	// ConditionFailedOver says whether replicas are away from a domain that was lost.
	ConditionFailedOver = "FailedOver"
)

// Placement is where the replicas of one workload belong, why, and what that costs. The placement controller keeps one for
// every workload that a policy selects.
//
// +genclient
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=pl,categories=tradewind
// +kubebuilder:printcolumn:name="Kind",type=string,JSONPath=`.spec.workload.kind`,description="Kind of the workload"
// +kubebuilder:printcolumn:name="Workload",type=string,JSONPath=`.spec.workload.name`,description="Name of the workload"
// +kubebuilder:printcolumn:name="Replicas",type=integer,JSONPath=`.status.replicas`,description="Replicas that the workload wants"
// +kubebuilder:printcolumn:name="In Place",type=integer,JSONPath=`.status.inPlace`,description="Replicas that run where the plan wants them"
// +kubebuilder:printcolumn:name="USD/h",type=string,JSONPath=`.status.hourlyUSD.share`,description="What the workload's share of machines and traffic costs by the plan, in US dollars an hour"
// +kubebuilder:printcolumn:name="Saves USD/h",type=string,JSONPath=`.status.savingsHourlyUSD`,description="What moving the running replicas to the plan would save"
// +kubebuilder:printcolumn:name="Planned",type=string,JSONPath=`.status.conditions[?(@.type=="Planned")].status`,description="Whether every replica has a place"
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Message",type=string,JSONPath=`.status.conditions[?(@.type=="Planned")].message`,description="Why replicas have no place",priority=1
type Placement struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// +required
	Spec PlacementSpec `json:"spec"`
	// +optional
	Status PlacementStatus `json:"status,omitempty"`
}

// PlacementList is a list of Placement.
// +kubebuilder:object:root=true
type PlacementList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Placement `json:"items"`
}
