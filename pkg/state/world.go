package state

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/labels"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/latency"
	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/pricing"
	"tradewind.dev/tradewind/pkg/rules"
	"tradewind.dev/tradewind/pkg/rules/policy"
)

// World is the policies, prices and round-trip times in force. It is immutable.
type World struct {
	Policies *policy.Set
	Prices   *pricing.Prices
	// ListPrices are the public catalog's alone, which everybody may know. NegotiatedEgress says that a PriceList prices traffic.
	ListPrices       *pricing.Prices
	NegotiatedEgress bool
	RoundTrips       *rules.RoundTrips
	// PriceProblems and LatencyProblems are what is wrong with PriceLists and LatencyMaps.
	PriceProblems   []pricing.Problem
	LatencyProblems []latency.Problem
	// Counts is how many objects it was made from, by kind.
	Counts map[string]int

	rules   sync.Map // *policy.Effective → *rules.Rules
	none    *rules.Rules
	classes *classes // shared with the store that the world is in force in
}

// Objects are what a World is made from.
type Objects struct {
	PlacementPolicies        []*v1alpha1.PlacementPolicy
	ClusterPlacementPolicies []*v1alpha1.ClusterPlacementPolicy
	PriceLists               []v1alpha1.PriceList
	LatencyMaps              []v1alpha1.LatencyMap
}

// NewWorld reads the objects over the built-in catalog. now decides which samples of LatencyMaps are too old. Errors mean
// a broken build; what is wrong with objects is kept as problems and the rest is in force.
func NewWorld(objects Objects, now time.Time) (*World, error) {
	catalog, err := pricing.Open()
	if err != nil {
		return nil, err
	}
	matrix, err := latency.Open()
	if err != nil {
		return nil, err
	}
	w := &World{
		classes:  &classes{},
		Policies: policy.NewSet(objects.PlacementPolicies, objects.ClusterPlacementPolicies),
		Counts: map[string]int{
			"PlacementPolicy": len(objects.PlacementPolicies), "ClusterPlacementPolicy": len(objects.ClusterPlacementPolicies),
			"PriceList": len(objects.PriceLists), "LatencyMap": len(objects.LatencyMaps),
		},
	}
	w.Prices, w.PriceProblems = pricing.New(catalog, objects.PriceLists)
	w.ListPrices = w.Prices
	if len(objects.PriceLists) > 0 {
		w.ListPrices, _ = pricing.New(catalog, nil)
	}
	for i := range objects.PriceLists {
		w.NegotiatedEgress = w.NegotiatedEgress || len(objects.PriceLists[i].Spec.Egress) > 0
	}
	times, problems := latency.New(matrix, objects.LatencyMaps, now)
	w.RoundTrips, w.LatencyProblems = rules.NewRoundTrips(times), problems
	w.none = rules.NewRules(nil, w.RoundTrips)
	return w, nil
}

// Class is the class of nodes like this one. Rules and RoundTrips keep their answers by the IDs of classes, so they may only
// be asked about the classes of their own world and of the store that it is in force in.
func (w *World) Class(found location.Node) *rules.Class { return w.classes.intern(found) }

// Rules returns the rules for pods with these labels in a namespace with those. Pods that no policy selects have rules
// that allow everything.
func (w *World) Rules(namespace string, namespaceLabels, podLabels labels.Set) *rules.Rules {
	effective := w.Policies.For(namespace, namespaceLabels, podLabels)
	if effective == nil {
		return w.none
	}
	if known, ok := w.rules.Load(effective); ok {
		return known.(*rules.Rules)
	}
	known, _ := w.rules.LoadOrStore(effective, rules.NewRules(effective, w.RoundTrips))
	return known.(*rules.Rules)
}
