package report

import (
	"time"

	"tradewind.dev/tradewind/apis/v1alpha1"
)

// Explanation says why a pod is where it is, or why it is nowhere, as if it were being placed now: every other pod counts
// where it is.
type Explanation struct {
	APIVersion string    `json:"apiVersion"`
	Kind       string    `json:"kind"`
	Time       time.Time `json:"time"`

	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	// Workload is the pod's top controller, Revision the object that controls the pod directly ("ReplicaSet/web-5d4").
	Workload string `json:"workload"`
	Revision string `json:"revision"`
	// SchedulerName is the profile that places the pod; OptimizeFor what its dollars and milliseconds are weighed for.
	SchedulerName string               `json:"schedulerName"`
	OptimizeFor   v1alpha1.OptimizeFor `json:"optimizeFor"`

	// Node is null while the pod is pending.
	Node *NodeFacts `json:"node"`
	// Bill is what the pod costs on its node, by parts; null while it is pending.
	Bill *Bill `json:"bill"`
	// NotToday are the rules that would keep the pod off its node if it were placed now.
	NotToday []Obstacle `json:"notToday,omitempty"`

	Policies []PolicyInForce `json:"policies"`
	// Plan is where the workload's replicas belong; null when there is no plan for it.
	Plan *PlannedFor `json:"plan"`
	// Waits is why the scheduler does not look at the pod yet: scheduling gates, claims of devices that are not there.
	Waits []string `json:"waits,omitempty"`
	// Nodes is how many nodes there are: the pod's own, the Excluded and the Feasible ones.
	Nodes    int             `json:"nodes"`
	Excluded []ExcludedGroup `json:"excluded"`
	Feasible []FeasibleGroup `json:"feasible"`
	// Remedies are what would help a pending pod, the one that opens most nodes first.
	Remedies []string `json:"remedies,omitempty"`
	// Scheduler is the scheduler's own last word on the pod.
	Scheduler *SchedulerWord `json:"scheduler,omitempty"`
	// Notes say what the explanation does not know or leaves out.
	Notes []string `json:"notes,omitempty"`
}

// NodeFacts is where a node is and what it is.
type NodeFacts struct {
	Name            string                `json:"name"`
	Cloud           string                `json:"cloud"`
	Region          string                `json:"region"`
	Zone            string                `json:"zone"`
	Country         string                `json:"country"`
	OperatorCountry string                `json:"operatorCountry"`
	InstanceType    string                `json:"instanceType"`
	CapacityType    v1alpha1.CapacityType `json:"capacityType"`
	// Problems say why something is not known.
	Problems []string `json:"problems,omitempty"`
}

// Bill is what a replica costs on a node, in US dollars an hour: its share of the machine, apart from what is only valued.
type Bill struct {
	// Total is compute and valued, which the scheduler compares; null when a part of it is not known. Nobody pays it.
	Total Amount `json:"total"`
	// Compute is the pod's share of the machine: the node's price × the pod's largest share of its CPU, memory or GPUs. Clouds
	// invoice the whole machine.
	Compute Amount `json:"compute"`
	// Valued is what nobody charges: RoundTrips and Preferences; null when a round trip that counts is not known.
	Valued Amount `json:"valued"`
	// NodeHourlyUSD is the price of the whole node, NodeSharePercent the pod's share of it.
	NodeHourlyUSD    *float64 `json:"nodeHourlyUSD"`
	NodeSharePercent *float64 `json:"nodeSharePercent"`
	// RoundTrips is what the milliseconds weigh under OptimizeFor, and Preferences what the unmet ones do.
	RoundTrips  Amount            `json:"roundTrips"`
	Preferences Amount            `json:"preferences"`
	Clients     []ClientTrip      `json:"clients,omitempty"`
	Expected    *Milliseconds     `json:"expected,omitempty"`
	Calls       []CallTrip        `json:"calls,omitempty"`
	Unmet       []UnmetPreference `json:"unmetPreferences,omitempty"`
}

// ClientTrip is the round trip of one population of clients to the pod.
type ClientTrip struct {
	Location     string `json:"location"`
	SharePercent int32  `json:"sharePercent"`
	Milliseconds
}

// CallTrip is the round trip from the pod to the nearest replica of a workload that it calls.
type CallTrip struct {
	To                string  `json:"to"`
	RequestsPerSecond float64 `json:"requestsPerSecond,omitempty"`
	// LimitMilliseconds is the lowest limit of all policies, MeasuredLimitMilliseconds of those that demand a measured round trip.
	LimitMilliseconds         *float64 `json:"limitMilliseconds,omitempty"`
	MeasuredLimitMilliseconds *float64 `json:"measuredLimitMilliseconds,omitempty"`
	Replicas                  int      `json:"replicas"`
	Milliseconds
}

// UnmetPreference is a preferred location that the node is not in.
type UnmetPreference struct {
	Preference string `json:"preference"`
	Weight     int32  `json:"weight"`
}

// PolicyInForce is a policy that selects the pod.
type PolicyInForce struct {
	Name string `json:"name"`
	// Overridden are its fields that another policy wins.
	Overridden []string `json:"overridden,omitempty"`
	// Problems are what is wrong with it.
	Problems []string `json:"problems,omitempty"`
}

// ExcludedGroup is the nodes that one reason excludes; a node is counted under the first one in the scheduler's order.
type ExcludedGroup struct {
	Obstacle
	Nodes int `json:"nodes"`
	// Only is how many of them nothing else excludes.
	Only int `json:"onlyObstacle"`
	// Places are where they are, by number of nodes.
	Places []PlaceCount `json:"places"`
}

// PlaceCount is how many nodes there are in a region.
type PlaceCount struct {
	Place string `json:"place"`
	Nodes int    `json:"nodes"`
}

// FeasibleGroup is nodes that could take the pod and are not its own: one cloud, region, instance type and capacity type.
type FeasibleGroup struct {
	Cloud        string                `json:"cloud"`
	Region       string                `json:"region"`
	Country      string                `json:"country"`
	InstanceType string                `json:"instanceType"`
	CapacityType v1alpha1.CapacityType `json:"capacityType"`
	Nodes        int                   `json:"nodes"`
	// Example is the cheapest of them; the figures are its.
	Example string `json:"example"`
	// HourlyUSD is the total there (Bill.Total), MoreHourlyUSD how much dearer that is than the pod's own node (or, of a pending pod,
	// than the best feasible one); null when either is not known.
	HourlyUSD     *float64 `json:"hourlyUSD"`
	MoreHourlyUSD *float64 `json:"moreHourlyUSD"`
	// MoreComputeUSD is the part of it that is the share of the machine: money.
	MoreComputeUSD *float64 `json:"moreComputeHourlyUSD"`
	// MoreClientsMilliseconds is how much longer the clients' expected round trip is, and MoreCallsMilliseconds the mean
	// call's; null when there are none or they are not known.
	MoreClientsMilliseconds *float64 `json:"moreClientsMilliseconds"`
	MoreCallsMilliseconds   *float64 `json:"moreCallsMilliseconds"`
}

// SchedulerWord is an event or condition that a scheduler wrote about the pod.
type SchedulerWord struct {
	Reason  string    `json:"reason"`
	Message string    `json:"message"`
	Time    time.Time `json:"time"`
}
