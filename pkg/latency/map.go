package latency

import (
	"errors"
	"time"

	"tradewind.dev/tradewind/apis/v1alpha1"
)

// Problem is something wrong with a LatencyMap. What it speaks of is left out; the rest of the object is used.
type Problem struct {
	// Object is the LatencyMap, as "LatencyMap/NAME".
	Object string
	// Field is the path of the field, as "spec.samples[3].milliseconds".
	Field string
	// Message says what is wrong and what to do.
	Message string
}

// String is object, field and message in one line.
func (p Problem) String() string { return p.Object + ": " + p.Field + ": " + p.Message }

// Stats counts the samples of the LatencyMaps that went into a Map.
type Stats struct {
	// Samples that were given; each is in exactly one of the other counts.
	Samples int
	// Used samples answer a direction of a pair.
	Used int
	// Superseded samples are valid, but a newer one speaks of the same direction.
	Superseded int
	// Expired samples are older than their map's maxAge, or their age is not known.
	Expired int
	// Rejected samples are malformed.
	Rejected int
}

// Map answers round-trip times: a matrix with LatencyMaps laid over it. It is immutable and may be shared by goroutines.
type Map struct {
	matrix *Matrix
	stats  Stats

	// extra are the places that only LatencyMaps name; their ids follow those of the matrix's regions.
	extra     map[regionID]int32
	extraIDs  []regionID
	countries map[string]int32 // every country that a sample names; ids from countryBase

	samples map[uint64]RoundTrip // by pair
	proxies map[uint64]RoundTrip // by pair of country and region, where a sample changes the built-in figure
}

// countryBase is the first id of a country; those below are ids of regions.
const countryBase = 1 << 30

// pair is the key of an ordered pair of ids.
func pair(from, to int32) uint64 { return uint64(uint32(from))<<32 | uint64(uint32(to)) }

// New lays LatencyMaps over a matrix. Of the samples that speak of one direction of a pair the one with the newest
// observedAt wins; one without observedAt counts as the oldest; where they are of one time, the map whose name sorts
// first, and within a map the earlier one. Samples older than their map's maxAge at the time now are left out, as are
// malformed and impossible ones; the problems say which, in the order of the maps.
func New(matrix *Matrix, maps []v1alpha1.LatencyMap, now time.Time) (*Map, []Problem) {
	m := &Map{matrix: matrix}
	if len(maps) == 0 {
		return m, nil
	}
	b := builder{m: m, now: now, best: map[uint64]candidate{}, ends: map[string]Client{}}
	for i := range maps {
		b.add(&maps[i])
	}
	b.finish()
	return m, b.problems
}

// OpenMap is the built-in matrix with LatencyMaps laid over it.
func OpenMap(maps []v1alpha1.LatencyMap, now time.Time) (*Map, []Problem, error) {
	matrix, err := Open()
	if err != nil {
		return nil, nil, err
	}
	m, problems := New(matrix, maps, now)
	return m, problems, nil
}

// Stats counts the samples that went into the map.
func (m *Map) Stats() Stats { return m.stats }

// Matrix is the matrix under the map.
func (m *Map) Matrix() *Matrix { return m.matrix }

var errBothCountries = errors.New("both ends are countries of clients, and nothing is placed in a country; name a region (CLOUD/REGION) at one end")

// regionID is the id of a region, none where neither the matrix nor a sample has it.
func (m *Map) regionID(id regionID) int32 {
	if index := m.matrix.id(id); index != none {
		return index
	}
	if len(m.extra) > 0 {
		if index, ok := m.extra[id]; ok {
			return index
		}
	}
	return none
}

// intern is the id of an end of a sample, which it gets when it has none.
func (m *Map) intern(c Client) int32 {
	if c.country != "" {
		if index, ok := m.countries[c.country]; ok {
			return index
		}
		if m.countries == nil {
			m.countries = map[string]int32{}
		}
		index := countryBase + int32(len(m.countries))
		m.countries[c.country] = index
		return index
	}
	id := regionID{c.place.Cloud, c.place.Region}
	if index := m.regionID(id); index != none {
		return index
	}
	if m.extra == nil {
		m.extra = map[regionID]int32{}
	}
	index := int32(len(m.matrix.regions) + len(m.extraIDs))
	m.extra[id] = index
	m.extraIDs = append(m.extraIDs, id)
	return index
}
