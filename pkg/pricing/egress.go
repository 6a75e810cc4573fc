package pricing

import (
	"strings"

	"tradewind.dev/tradewind/pkg/pricing/catalogfile"
)

// egressTable holds the prices of traffic between regions, and to the internet.
type egressTable struct {
	clouds  map[string]*egressCloud
	count   int          // regions of all clouds
	pairs   []egressCell // from × count + to
	origins []catalogfile.Provenance
}

type egressCloud struct {
	regions    names
	first      int             // number of the first region in egressTable.pairs
	sameRegion egressCell      // inside any one region
	internet   [][3]egressCell // by region, by internetArea
}

// egressCell is a price; origin 0 means unknown, else 1 + the position in origins.
type egressCell struct {
	usd    float64
	origin uint8
}

func (t *egressTable) price(cell egressCell) Price {
	if cell.origin == 0 {
		return Price{}
	}
	from := &t.origins[cell.origin-1]
	return Price{USD: cell.usd, Known: true, Source: from.Source, Date: from.Date, Basis: BasisList}
}

// The parts of the world to which Google Cloud charges differently.
const (
	areaWorld = iota
	areaAustralia
	areaChina
)

// internetArea returns the part of the world of a cloud's region. Google Cloud has other prices to Australia and to
// mainland China; everything else, and what is not known, is the rest of the world.
func internetArea(cloud, region string) int {
	switch cloud {
	case "aws":
		switch {
		case region == "ap-southeast-2" || region == "ap-southeast-4":
			return areaAustralia
		case strings.HasPrefix(region, "cn-"):
			return areaChina
		}
	case "azure":
		switch {
		case strings.HasPrefix(region, "australia"):
			return areaAustralia
		case strings.HasPrefix(region, "china"):
			return areaChina
		}
	}
	return areaWorld
}

// EgressPerGB returns the list price of traffic from one region to another, in US dollars a gigabyte (10^9 bytes). It
// is the first tier: what the first gigabytes of a month cost.
//
// Inside one region of AWS, Azure or Google Cloud the source states 0. Charges between zones of one region (AWS: 0.01
// each way) are not in the source; a PriceList can give them. Inside one region of any other cloud, and inside a private data
// centre that has no regions, traffic is free too: it leaves nobody's network. To another cloud or a private data centre, where
// the source has no price for the pair, the price is that of the internet, which such traffic crosses. From a cloud that the table
// does not have to anywhere else, it is unknown.
func (c *Catalog) EgressPerGB(fromCloud, fromRegion, toCloud, toRegion string) Price {
	if toCloud == Internet {
		return c.InternetEgressPerGB(fromCloud, fromRegion)
	}
	if price := c.between(fromCloud, fromRegion, toCloud, toRegion); price.Known || !c.within(fromCloud, fromRegion, toCloud, toRegion) {
		return price
	}
	return Price{Known: true, Source: sourceWithin, Basis: BasisList}
}

// sourceWithin is the source of a price of 0 for traffic that stays within one region, where no table states one.
const sourceWithin = "traffic within one region or data centre; a PriceList can give another price"

// within says that both ends are in one region, or in one cloud that has no regions and that the catalog does not know.
func (c *Catalog) within(fromCloud, fromRegion, toCloud, toRegion string) bool {
	if c.egress == nil || fromCloud == "" || fromCloud != toCloud || c.canonicalRegion(fromCloud, fromRegion) != c.canonicalRegion(toCloud, toRegion) {
		return false
	}
	_, known := c.clouds[fromCloud]
	return fromRegion != "" || !known
}

// between is the price that the table states.
func (c *Catalog) between(fromCloud, fromRegion, toCloud, toRegion string) Price {
	t := c.egress
	if t == nil || toCloud == "" || fromRegion == "" {
		return Price{}
	}
	from, ok := t.clouds[fromCloud]
	if !ok {
		return Price{}
	}
	if fromCloud == toCloud && (fromRegion == toRegion || from.regions.folded != nil && strings.EqualFold(fromRegion, toRegion)) {
		return t.price(from.sameRegion)
	}
	fromIndex, ok := from.regions.index(fromRegion)
	if !ok {
		return Price{}
	}
	if to, ok := t.clouds[toCloud]; ok {
		if toIndex, ok := to.regions.index(toRegion); ok {
			if cell := t.pairs[(from.first+fromIndex)*t.count+to.first+toIndex]; cell.origin != 0 {
				return t.price(cell)
			}
		}
	}
	if fromCloud == toCloud {
		return Price{}
	}
	prices := &from.internet[fromIndex]
	if cell := prices[internetArea(toCloud, toRegion)]; cell.origin != 0 {
		return t.price(cell)
	}
	return t.price(prices[areaWorld])
}

// InternetEgressPerGB returns the list price of traffic from a region to the internet, in US dollars a gigabyte (10^9 bytes): the
// first tier, to anywhere but Australia and mainland China where the cloud tells them apart.
func (c *Catalog) InternetEgressPerGB(cloud, region string) Price {
	t := c.egress
	if t == nil {
		return Price{}
	}
	from, ok := t.clouds[cloud]
	if !ok {
		return Price{}
	}
	index, ok := from.regions.index(region)
	if !ok {
		return Price{}
	}
	return t.price(from.internet[index][areaWorld])
}
