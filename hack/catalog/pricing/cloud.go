package main

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"tradewind.dev/tradewind/pkg/pricing/catalogfile"
)

// cloudBuilder gathers the rows of one cloud.
type cloudBuilder struct {
	cloud   catalogfile.Cloud // without its tables
	types   map[string]catalogfile.Type
	regions map[string]bool
	offers  map[pair]*offer
}

type pair struct{ instanceType, region string }

type offer struct {
	listed         bool
	onDemand, spot float64 // US dollars an hour; 0 is unknown
	source         int     // of the on-demand price, in the cloud's list
	band           catalogfile.Band
}

func newCloudBuilder(cloud catalogfile.Cloud) *cloudBuilder {
	return &cloudBuilder{
		cloud: cloud, types: map[string]catalogfile.Type{}, regions: map[string]bool{}, offers: map[pair]*offer{},
	}
}

// offer returns the facts of a pair, new ones when there are none.
func (b *cloudBuilder) offer(p pair) *offer {
	if o, ok := b.offers[p]; ok {
		return o
	}
	p = pair{strings.Clone(p.instanceType), strings.Clone(p.region)}
	o := &offer{}
	b.offers[p] = o
	b.regions[p.region] = true
	return o
}

// source is the position of a source of on-demand prices in the cloud's list, which gets it when it does not have it.
func (b *cloudBuilder) source(p catalogfile.Provenance) int {
	if i := slices.Index(b.cloud.OnDemand, p); i >= 0 {
		return i
	}
	b.cloud.OnDemand = append(b.cloud.OnDemand, p)
	return len(b.cloud.OnDemand) - 1
}

// list adds a row of the price table, of the cloud's first source.
func (b *cloudBuilder) list(r *row, t catalogfile.Type, region string, onDemand, spot float64) error {
	o := b.offer(pair{t.Name, region})
	if o.listed {
		return r.fail("instance_type", "given twice for %s; remove one of the two lines", region)
	}
	if err := b.size(r, t); err != nil {
		return err
	}
	o.listed, o.onDemand, o.spot = true, onDemand, spot
	return nil
}

// listPriced adds a row of the price table that has its region and, in the columns named, its prices.
func (b *cloudBuilder) listPriced(r *row, t catalogfile.Type, onDemandColumn, spotColumn string) error {
	region, err := r.name("region")
	if err != nil {
		return err
	}
	onDemand, err := r.hourly(onDemandColumn)
	if err != nil {
		return err
	}
	spot, err := r.hourly(spotColumn)
	if err != nil {
		return err
	}
	return b.list(r, t, region, onDemand, spot)
}

// size notes the size of a type, which must be the same in every region.
func (b *cloudBuilder) size(r *row, t catalogfile.Type) error {
	if known, ok := b.types[t.Name]; ok && known != t {
		return r.fail("instance_type", "its size here is %s, and %s elsewhere", describe(t), describe(known))
	} else if !ok {
		t.Name, t.GPUModel = strings.Clone(t.Name), strings.Clone(t.GPUModel)
		b.types[t.Name] = t
	}
	return nil
}

func describe(t catalogfile.Type) string {
	return fmt.Sprintf("%d millicores, %d bytes, %d GPUs %s %s", t.MilliCPU, t.MemoryBytes, t.GPUs, t.GPUModel, t.Architecture)
}

// build makes the tables.
func (b *cloudBuilder) build() catalogfile.Cloud {
	c := b.cloud
	c.Regions = slices.Sorted(maps.Keys(b.regions))
	for _, name := range slices.Sorted(maps.Keys(b.types)) {
		c.Types = append(c.Types, b.types[name])
	}
	cells := len(c.Types) * len(c.Regions)
	c.OnDemandUSD, c.SpotUSD, c.Offers = make([]float64, cells), make([]float64, cells), make([]catalogfile.Offer, cells)
	for t := range c.Types {
		for r, region := range c.Regions {
			o, ok := b.offers[pair{c.Types[t].Name, region}]
			if !ok {
				continue
			}
			i := t*len(c.Regions) + r
			c.OnDemandUSD[i], c.SpotUSD[i] = o.onDemand, o.spot
			c.Offers[i] = catalogfile.NewOffer(o.listed, o.band).From(o.source)
		}
	}
	return c
}

// The largest sizes taken for real; they keep the products below exact.
const (
	maxCPUs      = 65_536
	maxMemoryGiB = 1 << 20
	maxGPUs      = 1024
)

// sizeOf reads the columns vcpu and memory_gib.
func sizeOf(r *row, memoryColumn string) (catalogfile.Type, error) {
	name, err := r.name("instance_type")
	if err != nil {
		return catalogfile.Type{}, err
	}
	cpus, err := r.number("vcpu", maxCPUs)
	if err != nil {
		return catalogfile.Type{}, err
	}
	memory, err := r.number(memoryColumn, maxMemoryGiB)
	if err != nil {
		return catalogfile.Type{}, err
	}
	return catalogfile.Type{
		Name: name, MilliCPU: int64(math.Round(cpus * 1000)), MemoryBytes: int64(math.Round(memory * (1 << 30))),
	}, nil
}
