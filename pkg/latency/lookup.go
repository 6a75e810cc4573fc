package latency

import (
	"cmp"
	"slices"
)

// Endpoint is a place, or a population of clients, looked up in one Map once, so that round trips between endpoints cost
// no look-up of names. It holds for the Map that made it only.
type Endpoint struct {
	region  int32 // id in the Map, none where it has no figures
	country int32 // index of the clients' country in the matrix, none where no cloud stands in it
	sampled int32 // id of the clients' country in the Map, none where no sample speaks of it
	place   regionID
	point   point
}

// Place is the endpoint of a place.
func (m *Map) Place(p Place) Endpoint {
	id := m.idOf(&p)
	return Endpoint{region: id, country: none, sampled: none, place: regionID{p.Cloud, p.Region}, point: m.pointOf(id, &p)}
}

// Client is the endpoint of a population of clients.
func (m *Map) Client(c Client) Endpoint {
	if c.country == "" {
		return m.Place(c.place)
	}
	index, sampled := m.countryIDs(c.country)
	return Endpoint{region: none, country: index, sampled: sampled, point: c.point}
}

// idOf is the id of a place's region, none where there are no figures of it.
func (m *Map) idOf(p *Place) int32 {
	if p.Cloud == "" || p.Region == "" {
		return none
	}
	return m.regionID(regionID{p.Cloud, p.Region})
}

// pointOf is where a place stands whose region has the id.
func (m *Map) pointOf(id int32, p *Place) point {
	if id != none && int(id) < len(m.matrix.regions) {
		if r := &m.matrix.regions[id]; !p.Coordinates.Known || p.Coordinates == r.coordinates {
			return r.point
		}
	}
	return pointOf(p.Coordinates)
}

// countryIDs are the index of a country in the matrix and its id among those that samples name; none where it has none.
func (m *Map) countryIDs(code string) (index, sampled int32) {
	index, sampled = none, none
	if id, ok := m.matrix.countryIDs[code]; ok {
		index = id
	}
	if len(m.countries) > 0 {
		if id, ok := m.countries[code]; ok {
			sampled = id
		}
	}
	return index, sampled
}

// Between is the round trip from one place to another. It allocates nothing.
func (m *Map) Between(a, b Place) RoundTrip {
	from, to := m.idOf(&a), m.idOf(&b)
	if from != none && to != none {
		if r := m.direct(from, to); r.Basis != BasisUnknown {
			return r
		}
	}
	p, q := m.pointOf(from, &a), m.pointOf(to, &b)
	return unmeasured(a.Region == b.Region && a.Cloud == b.Cloud && a.Cloud != "" && a.Region != "", &p, &q)
}

// FromClient is the round trip from clients to a place, without the last mile. It allocates nothing.
func (m *Map) FromClient(c Client, to Place) RoundTrip {
	if c.country == "" {
		return m.Between(c.place, to)
	}
	index, sampled := m.countryIDs(c.country)
	region := m.idOf(&to)
	if r := m.fromCountry(index, sampled, region); r.Basis != BasisUnknown {
		return r
	}
	q := m.pointOf(region, &to)
	return estimate(&c.point, &q)
}

// RoundTrip is the round trip between two endpoints of this Map; to must be a place. It allocates nothing.
func (m *Map) RoundTrip(from, to *Endpoint) RoundTrip {
	if from.country != none || from.sampled != none {
		if r := m.fromCountry(from.country, from.sampled, to.region); r.Basis != BasisUnknown {
			return r
		}
	} else if from.region != none && to.region != none {
		if r := m.direct(from.region, to.region); r.Basis != BasisUnknown {
			return r
		}
	}
	return unmeasured(from.place == to.place && from.place.cloud != "" && from.place.region != "", &from.point, &to.point)
}

// unmeasured is the figure for one region, or the great-circle estimate. Where a region is spread over points that are
// known to be far apart it is not one place.
func unmeasured(sameRegion bool, from, to *point) RoundTrip {
	if sameRegion && (!from.known || !to.known || *from == *to || from.kilometresTo(to) <= regionToleranceKilometres) {
		return RoundTrip{Milliseconds: sameRegionMilliseconds, Basis: BasisEstimate, Source: sameRegionSource}
	}
	return estimate(from, to)
}

// direct is the sample or the measurement between two regions.
func (m *Map) direct(from, to int32) RoundTrip {
	if len(m.samples) > 0 {
		if r, ok := m.samples[pair(from, to)]; ok {
			return r
		}
	}
	return m.roundTrip(m.matrix.cell(from, to))
}

// roundTrip says what a cell of the matrix is.
func (m *Map) roundTrip(c cell) RoundTrip {
	if c.basis == BasisUnknown {
		return RoundTrip{}
	}
	s := &m.matrix.sections[c.section]
	return RoundTrip{Milliseconds: c.milliseconds, Basis: c.basis, Source: s.source, Date: s.date}
}

// fromCountry is the sample or the proxy from a country of clients, with its two ids, to a region.
func (m *Map) fromCountry(index, sampled, region int32) RoundTrip {
	if region == none {
		return RoundTrip{}
	}
	if sampled != none {
		if r, ok := m.samples[pair(sampled, region)]; ok {
			return r
		}
	}
	if index == none {
		return RoundTrip{}
	}
	if len(m.proxies) > 0 {
		if r, ok := m.proxies[pair(index, region)]; ok {
			return r
		}
	}
	if int(region) >= m.matrix.measured {
		return RoundTrip{}
	}
	c := m.matrix.proxies[int(index)*m.matrix.measured+int(region)]
	if c.basis == BasisUnknown {
		return RoundTrip{}
	}
	return RoundTrip{
		Milliseconds: c.milliseconds,
		Basis:        c.basis,
		Source:       m.matrix.countries[index].sources[c.section],
		Date:         m.matrix.sections[c.section].date,
	}
}

// Figure is the round trip to one region.
type Figure struct {
	// Cloud and Region name where the round trip goes.
	Cloud  string `json:"cloud"`
	Region string `json:"region"`
	RoundTrip
}

// Figures are the round trips from clients or a place (a Client that is at one) to every region of the built-in table and of the
// LatencyMaps, the nearest first, unknown ones last.
func (m *Map) Figures(from Client) []Figure {
	start := m.Client(from)
	figures := make([]Figure, 0, len(m.matrix.regions)+len(m.extraIDs))
	add := func(id regionID) {
		end := m.Place(Place{Cloud: id.cloud, Region: id.region})
		figures = append(figures, Figure{Cloud: id.cloud, Region: id.region, RoundTrip: m.RoundTrip(&start, &end)})
	}
	for i := range m.matrix.regions {
		add(m.matrix.regions[i].regionID)
	}
	for _, id := range m.extraIDs {
		add(id)
	}
	slices.SortFunc(figures, func(a, b Figure) int {
		return cmp.Or(
			cmp.Compare(a.OrInfinite(), b.OrInfinite()),
			cmp.Compare(a.Cloud, b.Cloud),
			cmp.Compare(a.Region, b.Region))
	})
	return figures
}

// Proxies are the measured round trips that the proxy figure from a country to a place is the median of, by region;
// none where the answer is no proxy.
func (m *Map) Proxies(country string, to Place) []Figure {
	index, ok := m.matrix.countryIDs[country]
	end := m.Place(to)
	if !ok || end.region == none {
		return nil
	}
	var figures []Figure
	for _, r := range m.matrix.countries[index].regions {
		if r == end.region {
			continue
		}
		if figure := m.direct(r, end.region); figure.Known() {
			id := m.matrix.regions[r].regionID
			figures = append(figures, Figure{Cloud: id.cloud, Region: id.region, RoundTrip: figure})
		}
	}
	return figures
}
