// Package catalogfile is the form in which the built-in price catalog is stored: written by hack/catalog/pricing, embedded
// and read by pkg/pricing. README.md in this folder describes the bytes.
package catalogfile

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// Limits of a file. They bound what a damaged file can make the reader allocate.
const (
	maxClouds  = 64
	maxRegions = 1024
	maxTypes   = 16384
	maxCells   = 1 << 21 // types × regions of one cloud
	maxText    = 1024    // bytes of one string
	maxSources = 16      // of the on-demand prices of one cloud
	maxBytes   = 64 << 20
)

// File is a catalog: clouds sorted by ID.
type File struct {
	Clouds []Cloud
}

// Cloud is what one cloud sells. The three tables hold one value for every pair of a type and a region, at
// type × len(Regions) + region.
type Cloud struct {
	// ID as in pkg/location: "aws", "azure", "gcp", "hetzner".
	ID string
	// OnDemand are the sources of on-demand prices; each Offer names one of them.
	OnDemand []Provenance
	// Spot and Interruption say where the spot prices and the bands come from.
	Spot, Interruption Provenance
	// Regions in ascending order.
	Regions []string
	// Types in ascending order of Name.
	Types []Type
	// OnDemandUSD and SpotUSD are US dollars an hour; 0 is unknown.
	OnDemandUSD, SpotUSD []float64
	// Offers says for each pair whether a source lists it, which of them, and the band of spot interruptions.
	Offers []Offer
}

// Provenance is the origin of a table.
type Provenance struct {
	Source  string // project or page; empty when the cloud has no such table
	Date    string // YYYY-MM
	Licence string // SPDX identifier
}

// Type is an instance type.
type Type struct {
	Name         string
	MilliCPU     int64  // thousandths of a virtual CPU
	MemoryBytes  int64  // bytes
	GPUs         int64  // accelerators
	GPUModel     string // as the source names it
	Architecture string // as in the node label kubernetes.io/arch; empty when unknown
}

// Offer is a small set of facts on one type in one region: bit 0 is set when a price source lists the pair; bits 1 to 3
// hold the band of spot interruptions, bits 4 to 7 the position of the source of the on-demand price in Cloud.OnDemand.
type Offer uint8

// Band is a band of the monthly rate of spot interruptions as AWS publishes it.
type Band uint8

// The bands.
const (
	BandUnknown Band = iota
	BandUnder5
	Band5To10
	Band10To15
	Band15To20
	BandOver20
	bandEnd
)

// NewOffer makes an Offer whose price is of the first source.
func NewOffer(listed bool, band Band) Offer {
	offer := Offer(band << 1)
	if listed {
		offer |= 1
	}
	return offer
}

// From is the same offer with the on-demand price of another source, less than maxSources.
func (o Offer) From(source int) Offer { return o&0x0f | Offer(source)<<4 }

// Source is the position of the source of the on-demand price in Cloud.OnDemand.
func (o Offer) Source() int { return int(o >> 4) }

// Listed says whether a price source lists the pair.
func (o Offer) Listed() bool { return o&1 != 0 }

// Band returns the band of spot interruptions.
func (o Offer) Band() Band { return Band(o >> 1 & 7) }

// Percent returns the limits of the band in percent a month.
func (b Band) Percent() (low, high float64, known bool) {
	switch b {
	case BandUnder5:
		return 0, 5, true
	case Band5To10:
		return 5, 10, true
	case Band10To15:
		return 10, 15, true
	case Band15To20:
		return 15, 20, true
	case BandOver20:
		return 20, 100, true
	default:
		return 0, 0, false
	}
}

// Validate checks everything a reader relies on: order, table sizes, limits, and that every figure is finite and at
// least 0.
func (f *File) Validate() error {
	if len(f.Clouds) > maxClouds {
		return fmt.Errorf("%d clouds, at most %d are allowed", len(f.Clouds), maxClouds)
	}
	for i := range f.Clouds {
		cloud := &f.Clouds[i]
		if i > 0 && f.Clouds[i-1].ID >= cloud.ID {
			return fmt.Errorf("cloud %q is out of order or given twice", cloud.ID)
		}
		if err := cloud.validate(); err != nil {
			return fmt.Errorf("cloud %q: %w", cloud.ID, err)
		}
	}
	return nil
}

func (c *Cloud) validate() error {
	if c.ID == "" || len(c.ID) > maxText {
		return errors.New("bad cloud name")
	}
	if len(c.Regions) > maxRegions || len(c.Types) > maxTypes {
		return fmt.Errorf("%d regions and %d types, at most %d and %d are allowed", len(c.Regions), len(c.Types), maxRegions, maxTypes)
	}
	cells := len(c.Regions) * len(c.Types)
	if cells > maxCells {
		return fmt.Errorf("%d pairs of type and region, at most %d are allowed", cells, maxCells)
	}
	if len(c.OnDemandUSD) != cells || len(c.SpotUSD) != cells || len(c.Offers) != cells {
		return fmt.Errorf("tables of %d, %d and %d values, want %d", len(c.OnDemandUSD), len(c.SpotUSD), len(c.Offers), cells)
	}
	if len(c.OnDemand) > maxSources {
		return fmt.Errorf("%d sources of on-demand prices, at most %d are allowed", len(c.OnDemand), maxSources)
	}
	for _, p := range slices.Concat(c.OnDemand, []Provenance{c.Spot, c.Interruption}) {
		if len(p.Source) > maxText || len(p.Date) > maxText || len(p.Licence) > maxText {
			return errors.New("source too long")
		}
	}
	if err := checkNames(c.Regions); err != nil {
		return fmt.Errorf("regions: %w", err)
	}
	names := make([]string, len(c.Types))
	for i, t := range c.Types {
		names[i] = t.Name
		if t.MilliCPU < 0 || t.MemoryBytes < 0 || t.GPUs < 0 || len(t.GPUModel) > maxText || len(t.Architecture) > maxText {
			return fmt.Errorf("type %q: bad size", t.Name)
		}
	}
	if err := checkNames(names); err != nil {
		return fmt.Errorf("types: %w", err)
	}
	for i := range cells {
		for _, usd := range []float64{c.OnDemandUSD[i], c.SpotUSD[i]} {
			if !(usd >= 0) || math.IsInf(usd, 1) {
				return fmt.Errorf("type %q: bad price %v", c.Types[i/len(c.Regions)].Name, usd)
			}
		}
		source := c.Offers[i].Source()
		if c.Offers[i].Band() >= bandEnd || source >= len(c.OnDemand) && (source > 0 || c.OnDemandUSD[i] > 0) {
			return fmt.Errorf("type %q: bad offer %d", c.Types[i/len(c.Regions)].Name, c.Offers[i])
		}
	}
	return nil
}

func checkNames(names []string) error {
	for i, name := range names {
		if name == "" || len(name) > maxText {
			return fmt.Errorf("bad name %q", name)
		}
		if i > 0 && names[i-1] >= name {
			return fmt.Errorf("%q is out of order or given twice", name)
		}
	}
	return nil
}
