package latency

import (
	"fmt"
	"math"

	"tradewind.dev/tradewind/pkg/location"
)

// Basis says what a round-trip time rests on.
type Basis uint8

const (
	// BasisUnknown means that there is no figure.
	BasisUnknown Basis = iota
	// BasisMeasured is a measurement in the built-in matrix.
	BasisMeasured
	// BasisUpperEstimate is a measurement whose two directions disagreed; the larger was kept, so the truth may be lower.
	BasisUpperEstimate
	// BasisOverride is a sample of a LatencyMap.
	BasisOverride
	// BasisProxy is the median of measurements from the cloud regions standing in the clients' country.
	BasisProxy
	// BasisEstimate is computed from the distance, or is the documented figure for one region; nobody measured it.
	BasisEstimate
)

var basisNames = [...]string{"unknown", "measured", "upper estimate", "override", "proxy", "estimate"}

// basisRanks orders bases by how far they are from a measurement of the very pair.
var basisRanks = [...]uint8{BasisOverride: 0, BasisMeasured: 1, BasisUpperEstimate: 2, BasisProxy: 3, BasisEstimate: 4, BasisUnknown: 5}

// String is the basis in words, as reports print it.
func (b Basis) String() string {
	if int(b) < len(basisNames) {
		return basisNames[b]
	}
	return fmt.Sprintf("Basis(%d)", uint8(b))
}

// MarshalText writes the basis as [Basis.String] does.
func (b Basis) MarshalText() ([]byte, error) {
	if int(b) >= len(basisNames) {
		return nil, fmt.Errorf("basis %d does not exist", uint8(b))
	}
	return []byte(basisNames[b]), nil
}

// UnmarshalText reads what MarshalText writes.
func (b *Basis) UnmarshalText(text []byte) error {
	for i, name := range basisNames {
		if name == string(text) {
			*b = Basis(i)
			return nil
		}
	}
	return fmt.Errorf("%q is not a basis of a round trip; the bases are %q", text, basisNames)
}

// Worse reports whether b is further from a measurement than other: override, measured, upper estimate, proxy,
// estimate, unknown, from best to worst.
func (b Basis) Worse(other Basis) bool { return basisRanks[b] > basisRanks[other] }

// RoundTrip is a round-trip time and what it rests on. The zero value is unknown.
type RoundTrip struct {
	// Milliseconds of the round trip, above zero; meaningless where the basis is unknown.
	Milliseconds float64 `json:"milliseconds,omitempty"`
	// Basis says what the figure rests on.
	Basis Basis `json:"basis"`
	// Source names who measured, or how it was computed.
	Source string `json:"source,omitempty"`
	// Date of the measurement: YYYY-MM or YYYY-MM-DD; the oldest where several went in; empty where nobody said.
	Date string `json:"date,omitempty"`
}

// Known reports whether there is a figure.
func (r RoundTrip) Known() bool { return r.Basis != BasisUnknown }

// OrInfinite is the milliseconds, or positive infinity where the round trip is unknown: an unknown round trip meets no
// limit.
func (r RoundTrip) OrInfinite() float64 {
	if r.Basis == BasisUnknown {
		return math.Inf(1)
	}
	return r.Milliseconds
}

// String is the figure with its basis: "23.4 ms (measured)", "unknown".
func (r RoundTrip) String() string {
	if !r.Known() {
		return "unknown"
	}
	return fmt.Sprintf("%.1f ms (%s)", r.Milliseconds, r.Basis)
}

// Place is where replicas run, as far as round trips are concerned: a region of a cloud or of a private data centre.
// It is comparable. The zones of a region are not told apart.
type Place struct {
	// Cloud and Region name the place as [location.Location] does; empty means unknown.
	Cloud, Region string
	// Country the place stands in, an ISO 3166 alpha-2 code; for reports. No round trip is estimated from it: a country
	// is an area, a data centre is a point.
	Country string
	// Coordinates in degrees. Where they are not known those of the built-in region are used, if there is one.
	Coordinates location.Coordinates
}

// PlaceOf is the place of a location. An AWS Local Zone or Wavelength Zone stands apart from its region, maybe in another
// country, so it is a place of its own, named by its group: "aws/us-west-2-lax-1".
func PlaceOf(l location.Location) Place {
	return Place{Cloud: l.Cloud, Region: l.PriceRegion(), Country: l.Country, Coordinates: l.Coordinates}
}

// String is "aws/eu-west-1", or "unknown place" where cloud and region are empty.
func (p Place) String() string {
	if p.Cloud == "" && p.Region == "" {
		return "unknown place"
	}
	return p.Cloud + "/" + p.Region
}
