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
	// Held are the policies that it was made from.
	Held Held

	rules sync.Map // *policy.Effective → *rules.Rules
	// signed finds rules by their signature; before are those of the world that this one follows, nil where it follows none.
	signed, before *sync.Map
	made           origin
	none           *rules.Rules
	classes        *classes // shared with the store that the world is in force in
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
	w := newWorld(objects)
	w.classes, w.made = &classes{}, madeFrom(objects)
	if err := w.price(objects.PriceLists); err != nil {
		return nil, err
	}
	return w, w.measure(objects.LatencyMaps, now)
}

// price reads PriceLists over the built-in catalog.
func (w *World) price(lists []v1alpha1.PriceList) error {
	catalog, err := pricing.Open()
	if err != nil {
		return err
	}
	w.Prices, w.PriceProblems = pricing.New(catalog, lists)
	w.ListPrices = w.Prices
	if len(lists) > 0 {
		w.ListPrices, _ = pricing.New(catalog, nil)
	}
	for i := range lists {
		w.NegotiatedEgress = w.NegotiatedEgress || len(lists[i].Spec.Egress) > 0
	}
	return nil
}

// measure reads LatencyMaps over the built-in matrix.
func (w *World) measure(maps []v1alpha1.LatencyMap, now time.Time) error {
	matrix, err := latency.Open()
	if err != nil {
		return err
	}
	times, problems := latency.New(matrix, maps, now)
	w.RoundTrips, w.LatencyProblems = rules.NewRoundTrips(times), problems
	w.made.samples = times.Stats()
	w.none = rules.NewRules(nil, w.RoundTrips)
	return nil
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
	known, _ := w.rules.LoadOrStore(effective, w.rulesOf(effective))
	return known.(*rules.Rules)
}
