package latency

import (
	_ "embed" // the built-in matrix
	"fmt"
	"slices"
	"sync"

	"tradewind.dev/tradewind/pkg/location"
)

//go:embed data/matrix.txt
var embedded []byte

// Matrix is measured round-trip times between regions. It is immutable and may be shared by goroutines.
type Matrix struct {
	sections []section        // without their cells
	regions  []region         // those that a section measured first, then the rest of the location table
	byName   map[string]int32 // the first region of a name, whatever its cloud
	measured int              // how many regions the sections measured
	cells    []cell           // measured × measured

	countries  []country
	countryIDs map[string]int32
	proxies    []cell // countries × measured; the section is the oldest of the figures that went in
}

// region is a region of the matrix or of the location table.
type region struct {
	regionID
	namesake    int32 // the next region of the same name in another cloud, or none
	coordinates location.Coordinates
	point       point
	country     int32 // index in Matrix.countries, none where the location table does not have the region
}

// country is a country with at least one region in it.
type country struct {
	code    string
	regions []int32
	// sources describe a proxy figure, by the section of its oldest measurement.
	sources []string
}

// none is the index of what does not exist.
const none = -1

var openOnce = sync.OnceValues(func() (*Matrix, error) { return Parse(embedded) })

// Open is the built-in matrix. It is read once; every call returns the same. An error means a broken build.
func Open() (*Matrix, error) { return openOnce() }

// Parse reads a matrix in the format of data/matrix.txt, see decode.go, and joins it with the location table. The error
// names the line.
func Parse(data []byte) (*Matrix, error) {
	sections, err := decode(data)
	if err != nil {
		return nil, err
	}
	m := &Matrix{byName: map[string]int32{}, countryIDs: map[string]int32{}}
	for _, s := range sections {
		for _, id := range s.regions {
			m.addRegion(id)
		}
	}
	m.measured = len(m.regions)
	for _, r := range location.Regions("") {
		m.addRegion(regionID{r.Cloud, r.Name})
	}
	m.cells = make([]cell, m.measured*m.measured)
	for i := range sections {
		m.merge(&sections[i])
		m.sections = append(m.sections, section{source: sections[i].source, date: sections[i].date, regions: sections[i].regions})
	}
	m.addProxies()
	return m, nil
}

// id is the index of a region, none where the matrix does not have it. Few regions have a namesake, and a look-up by one
// string costs a quarter of one by two.
func (m *Matrix) id(id regionID) int32 {
	index, ok := m.byName[id.region]
	if !ok {
		return none
	}
	for index != none && m.regions[index].cloud != id.cloud {
		index = m.regions[index].namesake
	}
	return index
}

// addRegion interns a region once, with what the location table knows about it.
func (m *Matrix) addRegion(id regionID) {
	if m.id(id) != none {
		return
	}
	index := int32(len(m.regions))
	r := region{regionID: id, namesake: none, country: none}
	if first, ok := m.byName[id.region]; ok {
		r.namesake = first
	}
	m.byName[id.region] = index
	if known, ok := location.LookupRegion(id.cloud, id.region); ok {
		place := placeOfRegion(known)
		r.coordinates = place.Coordinates
		r.point = pointOf(place.Coordinates)
		if place.Country != "" {
			r.country = m.addCountry(place.Country)
			c := &m.countries[r.country]
			c.regions = append(c.regions, index)
		}
	}
	m.regions = append(m.regions, r)
}

// addCountry interns a country once.
func (m *Matrix) addCountry(code string) int32 {
	if index, ok := m.countryIDs[code]; ok {
		return index
	}
	index := int32(len(m.countries))
	m.countryIDs[code] = index
	m.countries = append(m.countries, country{code: code})
	return index
}

// merge lays a section over what is there.
func (m *Matrix) merge(s *section) {
	n := len(s.regions)
	ids := make([]int32, n)
	for i, id := range s.regions {
		ids[i] = m.id(id)
	}
	for i, from := range ids {
		row := m.cells[int(from)*m.measured:]
		for j := range s.regions {
			if c := s.cells[i*n+j]; c.basis != BasisUnknown {
				row[ids[j]] = c
			}
		}
	}
}

// addProxies computes the round trip from every country with a region in it to every measured region.
func (m *Matrix) addProxies() {
	m.proxies = make([]cell, len(m.countries)*m.measured)
	var figures []float64
	for i := range m.countries {
		c := &m.countries[i]
		for _, s := range m.sections {
			c.sources = append(c.sources, proxySource(c.code)+"; "+s.source)
		}
		for to := range m.measured {
			figures = figures[:0]
			var oldest cell
			for _, from := range c.regions {
				figure := m.cell(from, int32(to))
				if figure.basis == BasisUnknown {
					continue
				}
				if len(figures) == 0 || m.sections[figure.section].date < m.sections[oldest.section].date {
					oldest = figure
				}
				figures = append(figures, figure.milliseconds)
			}
			if len(figures) > 0 {
				m.proxies[i*m.measured+to] = cell{milliseconds: median(figures), section: oldest.section, basis: BasisProxy}
			}
		}
	}
}

func proxySource(country string) string {
	return fmt.Sprintf("median from the cloud regions standing in %s", country)
}

// cell is the figure between two regions, unknown where there is none.
func (m *Matrix) cell(from, to int32) cell {
	if int(from) >= m.measured || int(to) >= m.measured {
		return cell{}
	}
	return m.cells[int(from)*m.measured+int(to)]
}

// median of figures, which it sorts: the middle one, or the mean of the middle two.
func median(figures []float64) float64 {
	slices.Sort(figures)
	middle := len(figures) / 2
	if len(figures)%2 == 1 {
		return figures[middle]
	}
	return (figures[middle-1] + figures[middle]) / 2
}

// measurement is one campaign of measurements in a matrix.
type measurement struct {
	// Source names who measured; Date when, as YYYY-MM.
	Source, Date string
	// Regions is how many regions were measured.
	Regions int
}

// measurements are the campaigns in the matrix, the preferred ones last.
func (m *Matrix) measurements() []measurement {
	var all []measurement
	for _, s := range m.sections {
		all = append(all, measurement{Source: s.source, Date: s.date, Regions: len(s.regions)})
	}
	return all
}
