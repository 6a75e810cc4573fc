// Package rules decides where replicas may be and what each place costs. It is pure: it holds no Kubernetes client,
// reads no clock and draws no random number. The scheduler plugins, the controllers and the command line all decide with
// this code, so that the one never undoes what another did.
//
// Every rule of a policy is a function of a Class (what is known of a place), of the replicas that run already (View)
// and of the merged rules (policy.Effective). A rule answers with the empty string when it allows the place, or with a
// reason that reads well behind a number of nodes: "40 outside residency EU".
package rules

import (
	"k8s.io/apimachinery/pkg/labels"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/latency"
	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/pricing"
)

// Class is all that rules can know of a node except its name, size and price: location, instance type and capacity type.
// Nodes of one class get one answer. Classes are interned: two nodes alike share one pointer.
type Class struct {
	// ID is dense, from 0, in order of appearance.
	ID int
	location.Node
	// Labels are the location labels that policies select on.
	Labels labels.Set
	// Place is where the class is for round-trip times; PlaceID is dense over distinct places.
	Place   latency.Place
	PlaceID int
}

// Spot says whether the cloud may take nodes of this class back. A node whose capacity type is not known counts as
// spot, since nobody vouches for it.
func (c *Class) Spot() bool {
	return c.CapacityType == v1alpha1.CapacitySpot || c.CapacityType == ""
}

// Candidate is a node that a replica could be placed on.
type Candidate struct {
	Class *Class
	// Rates are the price by unit of the node's allocatable resources; zero when the price is unknown.
	Rates pricing.Rates
	// Price of the whole node in US dollars an hour.
	Price pricing.Price
	Name  string
}

// HourlyUSD is what a replica with these requests costs on the node, in US dollars an hour: the node's price times the
// largest of the replica's shares of its allocatable CPU, memory and GPUs. known is false when the price is unknown.
func (c *Candidate) HourlyUSD(request pricing.Resources) (usd float64, known bool) {
	if !c.Price.Known {
		return 0, false
	}
	return c.Rates.Hourly(request), true
}

// ClassReplicas counts the replicas of a workload on nodes of one class.
type ClassReplicas struct {
	Class    *Class
	Replicas int
	// HourlyUSD of these replicas together, as far as their prices are known.
	HourlyUSD float64
}

// View is where the replicas of one workload are now. It is immutable.
type View struct {
	// Desired is how many replicas the workload's controller wants.
	Desired int
	// Hosts is on how many nodes the replicas are.
	Hosts int
	// Classes are the replicas by class; no class appears twice, none has zero replicas.
	Classes []ClassReplicas
}

// Placed is how many replicas are on nodes.
func (v *View) Placed() int {
	placed := 0
	for i := range v.Classes {
		placed += v.Classes[i].Replicas
	}
	return placed
}

// HourlyUSD of all replicas together, as far as their prices are known, in US dollars an hour.
func (v *View) HourlyUSD() float64 {
	usd := 0.0
	for i := range v.Classes {
		usd += v.Classes[i].HourlyUSD
	}
	return usd
}

// With returns the view with delta replicas more (or fewer) on a class, hourlyUSD dearer and on hosts more nodes.
func (v *View) With(class *Class, delta int, hourlyUSD float64, hosts int) *View {
	out := &View{Desired: v.Desired, Hosts: v.Hosts + hosts, Classes: make([]ClassReplicas, 0, len(v.Classes)+1)}
	found := false
	for _, entry := range v.Classes {
		if entry.Class == class {
			entry.Replicas += delta
			entry.HourlyUSD += hourlyUSD
			found = true
			if entry.Replicas <= 0 {
				continue
			}
		}
		out.Classes = append(out.Classes, entry)
	}
	if !found && delta > 0 {
		out.Classes = append(out.Classes, ClassReplicas{Class: class, Replicas: delta, HourlyUSD: hourlyUSD})
	}
	return out
}
