package pricing

import (
	"cmp"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"tradewind.dev/tradewind/apis/v1alpha1"
)

// Prices is the catalog with the PriceLists over it. It is immutable and safe for concurrent use; look-ups do not allocate.
type Prices struct {
	catalog   *Catalog
	clouds    map[string]*pricedCloud // of the catalog
	instances map[instanceKey]Price
	resources map[place]resourcePrice
	egress    egressOverrides

	commitments []Commitment
}

// pricedCloud is a cloud of the catalog with what the price lists say of it.
type pricedCloud struct {
	*cloudCatalog
	discounts   [2]*discountTable // by capacityIndex; nil without discounts
	overridden  []bool            // by type: whether any entry prices it
	byResources bool              // whether any entry prices the cloud by resource
}

// place is a region of a cloud, or the whole cloud when region is empty.
type place struct{ cloud, region string }

type instanceKey struct {
	place
	instanceType string
	capacity     int8 // capacityKey
	windows      bool
}

// listPrefix comes before the name of a PriceList in the source of a price.
const listPrefix = "PriceList/"

// Windows is the operating system whose licence clouds charge for, as on the node label kubernetes.io/os.
const Windows = "windows"

// OperatingSystem is what a node with these labels runs ("linux", "windows"); empty when they do not say.
func OperatingSystem(labels map[string]string) string {
	return cmp.Or(labels[corev1.LabelOSStable], labels["beta.kubernetes.io/os"])
}

// resourcePrice is what a node's capacity costs, in US dollars an hour.
type resourcePrice struct {
	perMilliCPU, perByte, perGPU float64
	hasGPU                       bool
	source, date                 string
}

// New lays price lists over a catalog. Entries that cannot be used are left out, each with a Problem; the rest is used.
//
// Where several entries speak of one thing, the one that names more wins: for instances and resources, one with a
// region; for discounts, the longer prefix of the instance type, then one with a region; for egress, the one that names
// more regions, then one that names the region the traffic comes from. Between equals the list whose name sorts first
// wins, and in one list the first entry; the others of that list are named in a Problem.
func New(catalog *Catalog, lists []v1alpha1.PriceList) (*Prices, []Problem) {
	if catalog == nil {
		catalog = &Catalog{}
	}
	p := &Prices{catalog: catalog, clouds: make(map[string]*pricedCloud, len(catalog.clouds))}
	for id, of := range catalog.clouds {
		p.clouds[id] = &pricedCloud{cloudCatalog: of, overridden: make([]bool, len(of.types.list))}
	}
	sorted := make([]*v1alpha1.PriceList, 0, len(lists))
	for i := range lists {
		sorted = append(sorted, &lists[i])
	}
	slices.SortStableFunc(sorted, func(a, b *v1alpha1.PriceList) int { return cmp.Compare(a.Name, b.Name) })

	b := &builder{prices: p, catalog: catalog}
	for _, list := range sorted {
		b.add(list)
	}
	b.finish()
	return p, b.problems
}

// Catalog returns the catalog below the price lists.
func (p *Prices) Catalog() *Catalog { return p.catalog }

// NodeQuery describes a node whose price is wanted.
type NodeQuery struct {
	Cloud, Region string
	// Zone is optional. AWS's local and wavelength zones have prices of their own, which are found by it.
	Zone         string
	InstanceType string
	CapacityType v1alpha1.CapacityType
	// OperatingSystem as on the node label kubernetes.io/os. Nothing of the catalog is a price of Windows.
	OperatingSystem string
	// MilliCPU, MemoryBytes and GPUs are the node's capacity, for prices by resource.
	MilliCPU, MemoryBytes, GPUs int64
}

// Node returns the price of a node, in US dollars an hour: the price that a PriceList gives for its instance type,
// else the price of its resources, else the list price less the discount, which is unknown for Windows.
// It is unknown when none of them is known, and when the capacity type of the node is not.
func (p *Prices) Node(q NodeQuery) Price {
	if q.Cloud == "" {
		return Price{}
	}
	of, ok := p.clouds[q.Cloud]
	if !ok {
		return p.privateNode(&q)
	}
	// Names as the catalog spells them, and the region under which an edge zone is listed.
	regionIndex, knownRegion := of.regions.index(q.Region)
	region, edge := q.Region, ""
	if knownRegion {
		region = of.regions.list[regionIndex]
	}
	if isEdgeZone(q.Cloud, q.Region, q.Zone) {
		edge = of.edgeRegion(q.Zone)
		regionIndex, knownRegion = of.regions.index(edge)
	}
	typeIndex, knownType := of.types.index(q.InstanceType)
	instanceType := q.InstanceType
	if knownType {
		instanceType = of.types.list[typeIndex]
	}
	if len(p.instances) > 0 && instanceType != "" && (!knownType || of.overridden[typeIndex]) {
		if price, ok := p.instanceOverride(keyOf(&q, region, instanceType), edge); ok {
			return price
		}
	}
	if of.byResources {
		if price, ok := p.resourceOverride(region, edge, &q); ok {
			return price
		}
	}
	capacity, ok := capacityIndex(q.CapacityType)
	if !ok || !knownRegion || !knownType || q.OperatingSystem == Windows {
		return Price{}
	}
	pair := typeIndex*len(of.regions.list) + regionIndex
	price := of.price(pair, capacity)
	if table := of.discounts[capacity]; table != nil && price.Known {
		return table.apply(price, pair, of.source(pair, capacity))
	}
	return price
}

// keyOf is the key of the entries that price a node, with its names as the catalog spells them.
func keyOf(q *NodeQuery, region, instanceType string) instanceKey {
	return instanceKey{place{q.Cloud, region}, instanceType, capacityKey(q.CapacityType), q.OperatingSystem == Windows}
}

// privateNode returns the price of a node in a cloud that the catalog does not have.
func (p *Prices) privateNode(q *NodeQuery) Price {
	if len(p.instances) > 0 && q.InstanceType != "" {
		if price, ok := p.instanceOverride(keyOf(q, q.Region, q.InstanceType), ""); ok {
			return price
		}
	}
	if len(p.resources) > 0 {
		if price, ok := p.resourceOverride(q.Region, "", q); ok {
			return price
		}
	}
	return Price{}
}

// instanceOverride looks a key up in its edge zone, its region, and for every region.
func (p *Prices) instanceOverride(key instanceKey, edge string) (Price, bool) {
	region := key.region
	if edge != "" {
		key.region = edge
		if price, ok := p.instances[key]; ok {
			return price, true
		}
		key.region = region
	}
	if region != "" {
		if price, ok := p.instances[key]; ok {
			return price, true
		}
		key.region = ""
	}
	price, ok := p.instances[key]
	return price, ok
}

// resourceOverride prices a node by its capacity. A node with GPUs has no price where the list does not price GPUs, and neither
// has a node without any capacity.
func (p *Prices) resourceOverride(region, edge string, q *NodeQuery) (Price, bool) {
	rate, ok := resourcePrice{}, false
	if edge != "" {
		rate, ok = p.resources[place{q.Cloud, edge}]
	}
	if !ok && region != "" {
		rate, ok = p.resources[place{q.Cloud, region}]
	}
	if !ok {
		rate, ok = p.resources[place{q.Cloud, ""}]
	}
	if !ok {
		return Price{}, false
	}
	cpu, memory, gpus := max(q.MilliCPU, 0), max(q.MemoryBytes, 0), max(q.GPUs, 0)
	if cpu == 0 && memory == 0 && gpus == 0 || gpus > 0 && !rate.hasGPU {
		return Price{}, true
	}
	usd := rate.perMilliCPU*float64(cpu) + rate.perByte*float64(memory) + rate.perGPU*float64(gpus)
	return Price{USD: usd, Known: true, Source: rate.source, Date: rate.date, Basis: BasisResources}, true
}
