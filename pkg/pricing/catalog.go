package pricing

import (
	_ "embed" // the data
	"sync"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/pricing/catalogfile"
)

//go:embed data/catalog.bin.gz
var embeddedCatalog []byte

//go:embed data/egress.csv
var embeddedEgress []byte

// Catalog holds the list prices. It is immutable and safe for concurrent use; look-ups do not allocate.
type Catalog struct {
	clouds map[string]*cloudCatalog
	egress *egressTable
}

// cloudCatalog is what one cloud sells. The tables are dense: a pair is at type × len(regions) + region.
type cloudCatalog struct {
	id         string
	regions    names
	types      names
	sizes      []catalogfile.Type
	usd        [2][]float64 // by capacityIndex; 0 is unknown
	offers     []catalogfile.Offer
	provenance [2][]catalogfile.Provenance // by capacityIndex; of spot prices there is one
	spotRate   catalogfile.Provenance
}

var openEmbedded = sync.OnceValues(func() (*Catalog, error) { return Read(embeddedCatalog, embeddedEgress) })

// Open returns the built-in catalog. It is read once and shared.
func Open() (*Catalog, error) { return openEmbedded() }

// Read builds a catalog from the contents of the two files that hack/catalog/pricing writes: the compressed catalog and the
// table of egress prices.
func Read(compressed, egressCSV []byte) (*Catalog, error) {
	file, err := catalogfile.Decode(compressed)
	if err != nil {
		return nil, err
	}
	egress, err := readEgress(egressCSV)
	if err != nil {
		return nil, err
	}
	return newCatalog(file, egress), nil
}

func newCatalog(file *catalogfile.File, egress *egressTable) *Catalog {
	c := &Catalog{clouds: make(map[string]*cloudCatalog, len(file.Clouds)), egress: egress}
	for _, cloud := range file.Clouds {
		typeNames := make([]string, len(cloud.Types))
		for i, t := range cloud.Types {
			typeNames[i] = t.Name
		}
		fold := foldsCase(cloud.ID)
		c.clouds[cloud.ID] = &cloudCatalog{
			id:         cloud.ID,
			regions:    newNames(cloud.Regions, fold),
			types:      newNames(typeNames, fold),
			sizes:      cloud.Types,
			usd:        [2][]float64{cloud.OnDemandUSD, cloud.SpotUSD},
			offers:     cloud.Offers,
			provenance: [2][]catalogfile.Provenance{cloud.OnDemand, {cloud.Spot}},
			spotRate:   cloud.Interruption,
		}
	}
	return c
}

// pair returns the position of a type in a region in the tables of a cloud.
func (c *cloudCatalog) pair(region, instanceType string) (int, bool) {
	r, ok := c.regions.index(region)
	if !ok {
		return 0, false
	}
	t, ok := c.types.index(instanceType)
	if !ok {
		return 0, false
	}
	return t*len(c.regions.list) + r, true
}

// source is the position, in sources, of where the price at a position of the tables comes from.
func (c *cloudCatalog) source(pair, capacity int) int {
	if capacity != 0 {
		return 0
	}
	return c.offers[pair].Source()
}

// price returns the list price at a position of the tables.
func (c *cloudCatalog) price(pair, capacity int) Price {
	usd := c.usd[capacity][pair]
	if usd == 0 {
		return Price{}
	}
	from := &c.provenance[capacity][c.source(pair, capacity)]
	return Price{USD: usd, Known: true, Source: from.Source, Date: from.Date, Basis: BasisList}
}

// Hourly returns the list price of an instance type in a region, in US dollars an hour. It is unknown where the source
// states none, and for reserved capacity, whose price is in each customer's contract.
// Names of Azure are compared without regard to case, as Azure does; all others exactly.
func (c *Catalog) Hourly(cloud, region, instanceType string, capacity v1alpha1.CapacityType) Price {
	index, ok := capacityIndex(capacity)
	if !ok {
		return Price{}
	}
	of, ok := c.clouds[cloud]
	if !ok {
		return Price{}
	}
	pair, ok := of.pair(region, instanceType)
	if !ok {
		return Price{}
	}
	return of.price(pair, index)
}

// Instance is an instance type as a region offers it.
type Instance struct {
	Cloud, Region, Type string
	MilliCPU            int64  // thousandths of a virtual CPU
	MemoryBytes         int64  // bytes
	GPUs                int    // accelerators as the source counts them, among them Inferentia and Trainium; a part of one counts as one
	GPUModel            string // as the source names it; empty when it names none
	Architecture        string // as in the node label kubernetes.io/arch: "amd64", "arm64"
}

// Instance returns the size of an instance type. It is false where the price source does not list the type in the region.
func (c *Catalog) Instance(cloud, region, instanceType string) (Instance, bool) {
	of, ok := c.clouds[cloud]
	if !ok {
		return Instance{}, false
	}
	pair, ok := of.pair(region, instanceType)
	if !ok || !of.offers[pair].Listed() {
		return Instance{}, false
	}
	t := &of.sizes[pair/len(of.regions.list)]
	return Instance{
		Cloud: of.id, Region: of.regions.list[pair%len(of.regions.list)], Type: t.Name,
		MilliCPU: t.MilliCPU, MemoryBytes: t.MemoryBytes,
		GPUs: int(t.GPUs), GPUModel: t.GPUModel, Architecture: t.Architecture,
	}, true
}

// Interruption returns the band in which the monthly rate of spot interruptions lies, in percent. Only AWS publishes one;
// elsewhere it is unknown.
func (c *Catalog) Interruption(cloud, region, instanceType string) (lowPercent, highPercent float64, known bool) {
	of, ok := c.clouds[cloud]
	if !ok {
		return 0, 0, false
	}
	pair, ok := of.pair(region, instanceType)
	if !ok {
		return 0, 0, false
	}
	return of.offers[pair].Band().Percent()
}
