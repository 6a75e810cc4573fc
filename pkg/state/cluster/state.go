package cluster

import (
	"time"

	"k8s.io/apimachinery/pkg/labels"

	"tradewind.dev/tradewind/pkg/admission"
	"tradewind.dev/tradewind/pkg/rules"
	"tradewind.dev/tradewind/pkg/state"
)

// State is the cluster at one moment, as far as the controllers look at it. It is immutable.
type State struct {
	// Time that it is of.
	Time  time.Time
	World *state.World
	// Objects are what the World was made from.
	Objects state.Objects
	// Nodes are the cluster's nodes, those alike counted together, in the order of their classes' IDs.
	Nodes []NodeGroup
	// Pods are the live pods that a policy selects, those alike counted together, in no order. Pods that are ending or
	// have ended are left out.
	Pods []PodGroup
	// Namespaces are the labels of all namespaces, by name.
	Namespaces map[string]labels.Set
	// Admission is which admission policies are in force.
	Admission admission.State
}

// NodeGroup is nodes of one class and operating system whose prices are of one source, or all unknown.
type NodeGroup struct {
	Class *rules.Class
	// Windows says that they run Windows.
	Windows    bool
	PriceKnown bool
	// PriceSource is who states their prices, as pricing.Price says it; empty when they are not known.
	PriceSource string
	Count       int
	// HourlyUSD is what they cost together, in US dollars an hour; 0 when their prices are not known.
	HourlyUSD float64
}

// LocationKnown says whether cloud and country of the nodes are known.
func (g *NodeGroup) LocationKnown() bool { return g.Class.Cloud != "" && g.Class.Country != "" }

// PodGroup is pods that are under the same rules and placed by the same scheduler.
type PodGroup struct {
	Rules     *rules.Rules
	Scheduler string
	Count     int
}

// NodeCount is how many nodes the cluster has.
func (s *State) NodeCount() int {
	nodes := 0
	for i := range s.Nodes {
		nodes += s.Nodes[i].Count
	}
	return nodes
}
