// Package enginetest makes snapshots for tests and benchmarks of package engine: of real regions, instance types, prices and
// round-trip times.
package enginetest

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/latency"
	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/pricing"
	"tradewind.dev/tradewind/pkg/rules"
	"tradewind.dev/tradewind/pkg/rules/policy"
)

// World makes classes of real regions and rules from policies.
type World struct {
	Catalog    *pricing.Catalog
	Prices     *pricing.Prices
	RoundTrips *rules.RoundTrips
	classes    map[classKey]*rules.Class
	places     map[latency.Place]int
}

// NewWorld opens the built-in catalog and matrix. Errors mean a broken build.
func NewWorld() (*World, error) {
	matrix, err := latency.Open()
	if err != nil {
		return nil, err
	}
	catalog, err := pricing.Open()
	if err != nil {
		return nil, err
	}
	times, _ := latency.New(matrix, nil, time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC))
	prices, _ := pricing.New(catalog, nil)
	return &World{
		Catalog: catalog, Prices: prices, RoundTrips: rules.NewRoundTrips(times),
		classes: map[classKey]*rules.Class{}, places: map[latency.Place]int{},
	}, nil
}

type classKey struct {
	location     location.Location
	instanceType string
	capacity     v1alpha1.CapacityType
}

// Class of a zone of a region, interned; an unknown region leaves the country unknown.
func (w *World) Class(cloud, region, zone, instanceType string, capacity v1alpha1.CapacityType) *rules.Class {
	found := location.Node{CapacityType: capacity, InstanceType: instanceType}
	found.Location = location.Location{Cloud: cloud, Region: region, Zone: zone}
	if known, ok := location.LookupRegion(cloud, region); ok {
		found.Country = known.Country
		found.Coordinates = location.Coordinates{Latitude: known.Latitude, Longitude: known.Longitude, Known: true}
	}
	if known, ok := location.LookupCloud(cloud); ok {
		found.OperatorCountry = known.OperatorCountry
	}
	key := classKey{found.Location, instanceType, capacity}
	if known, ok := w.classes[key]; ok {
		return known
	}
	place := latency.PlaceOf(found.Location)
	if _, ok := w.places[place]; !ok {
		w.places[place] = len(w.places)
	}
	class := &rules.Class{ID: len(w.classes), Node: found, Labels: location.LabelsOf(found), Place: place, PlaceID: w.places[place]}
	w.classes[key] = class
	return class
}

// Rules of a policy.
func (w *World) Rules(spec v1alpha1.PolicySpec) *rules.Rules {
	object := &v1alpha1.PlacementPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "p"}, Spec: spec}
	return rules.NewRules(policy.NewSet([]*v1alpha1.PlacementPolicy{object}, nil).For("shop", nil, nil), w.RoundTrips)
}
