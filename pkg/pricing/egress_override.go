package pricing

// egressOverrides are the egress prices of PriceLists. A cloud or region that some entry names has a number; look-ups go by numbers.
type egressOverrides struct {
	clouds map[string]*egressPlaces
	last   uint32           // number given last; the first is 1
	prices map[uint64]Price // from << 32 | to
	forms  [4]bool          // which forms occur: index 2 when the origin is a region + 1 when the destination is
	toNet  bool             // whether any entry is to the internet
}

// egressPlaces are the numbers of a cloud and of its regions.
type egressPlaces struct {
	cloud   uint32
	regions map[string]uint32
	origin  bool // whether any entry is from here
}

// internetPlace is the number of the destination "internet".
const internetPlace = 1<<32 - 1

// number returns the number of a place, a new one when it has none.
func (o *egressOverrides) number(p place) uint32 {
	if o.clouds == nil {
		o.clouds = map[string]*egressPlaces{}
	}
	of, ok := o.clouds[p.cloud]
	if !ok {
		o.last++
		of = &egressPlaces{cloud: o.last, regions: map[string]uint32{}}
		o.clouds[p.cloud] = of
	}
	if p.region == "" {
		return of.cloud
	}
	n, ok := of.regions[p.region]
	if !ok {
		o.last++
		n = o.last
		of.regions[p.region] = n
	}
	return n
}

// set adds a price unless there is one already. It is false when there is.
func (o *egressOverrides) set(from, to place, price Price) bool {
	key := uint64(o.number(from)) << 32
	o.clouds[from.cloud].origin = true
	form := 0
	if from.region != "" {
		form = 2
	}
	if to.cloud == Internet {
		key |= internetPlace
	} else {
		key |= uint64(o.number(to))
		if to.region != "" {
			form++
		}
	}
	if _, ok := o.prices[key]; ok {
		return false
	}
	if o.prices == nil {
		o.prices = map[uint64]Price{}
	}
	o.prices[key] = price
	if to.cloud == Internet {
		o.toNet = true
	} else {
		o.forms[form] = true
	}
	return true
}

func (o *egressOverrides) pair(fromRegion, fromCloud, toRegion, toCloud uint32) (Price, bool) {
	// The order of precedence: more regions first, then the origin's region.
	if o.forms[3] && fromRegion != 0 && toRegion != 0 {
		if price, ok := o.prices[uint64(fromRegion)<<32|uint64(toRegion)]; ok {
			return price, true
		}
	}
	if o.forms[2] && fromRegion != 0 && toCloud != 0 {
		if price, ok := o.prices[uint64(fromRegion)<<32|uint64(toCloud)]; ok {
			return price, true
		}
	}
	if o.forms[1] && fromCloud != 0 && toRegion != 0 {
		if price, ok := o.prices[uint64(fromCloud)<<32|uint64(toRegion)]; ok {
			return price, true
		}
	}
	if o.forms[0] && fromCloud != 0 && toCloud != 0 {
		if price, ok := o.prices[uint64(fromCloud)<<32|uint64(toCloud)]; ok {
			return price, true
		}
	}
	return Price{}, false
}

func (o *egressOverrides) internet(fromRegion, fromCloud uint32) (Price, bool) {
	if !o.toNet {
		return Price{}, false
	}
	if fromRegion != 0 {
		if price, ok := o.prices[uint64(fromRegion)<<32|internetPlace]; ok {
			return price, true
		}
	}
	if fromCloud != 0 {
		if price, ok := o.prices[uint64(fromCloud)<<32|internetPlace]; ok {
			return price, true
		}
	}
	return Price{}, false
}

// from returns the numbers of an origin. It is false when no entry is from that cloud.
func (o *egressOverrides) from(c *Catalog, cloud, region string) (regionNumber, cloudNumber uint32, ok bool) {
	of, ok := o.clouds[cloud]
	if !ok || !of.origin {
		return 0, 0, false
	}
	return of.regions[c.canonicalRegion(cloud, region)], of.cloud, true
}

// to returns the numbers of a destination, 0 where no entry names it.
func (o *egressOverrides) to(c *Catalog, cloud, region string) (regionNumber, cloudNumber uint32) {
	of, ok := o.clouds[cloud]
	if !ok {
		return 0, 0
	}
	return of.regions[c.canonicalRegion(cloud, region)], of.cloud
}

// EgressPerGB returns the price of traffic from one region to another, in US dollars a gigabyte (10^9 bytes): what a
// PriceList gives for the pair; else, between two clouds, what a PriceList gives for traffic to the internet, which it crosses;
// else the list price. An entry from a cloud to itself speaks of all its traffic, inside a region and between regions.
func (p *Prices) EgressPerGB(fromCloud, fromRegion, toCloud, toRegion string) Price {
	if toCloud == Internet {
		return p.InternetEgressPerGB(fromCloud, fromRegion)
	}
	if fromR, fromC, ok := p.egress.from(p.catalog, fromCloud, fromRegion); ok {
		toR, toC := p.egress.to(p.catalog, toCloud, toRegion)
		if price, ok := p.egress.pair(fromR, fromC, toR, toC); ok {
			return price
		}
		if fromCloud != toCloud && toCloud != "" {
			if price, ok := p.egress.internet(fromR, fromC); ok {
				return price
			}
		}
	}
	return p.catalog.EgressPerGB(fromCloud, fromRegion, toCloud, toRegion)
}

// InternetEgressPerGB returns the price of traffic from a region to the internet, in US dollars a gigabyte (10^9 bytes).
func (p *Prices) InternetEgressPerGB(cloud, region string) Price {
	if fromR, fromC, ok := p.egress.from(p.catalog, cloud, region); ok {
		if price, ok := p.egress.internet(fromR, fromC); ok {
			return price
		}
	}
	return p.catalog.InternetEgressPerGB(cloud, region)
}

// canonicalRegion returns a region as the catalog spells it, where the cloud does not regard case.
func (c *Catalog) canonicalRegion(cloud, region string) string {
	if !foldsCase(cloud) {
		return region
	}
	if of, ok := c.clouds[cloud]; ok {
		return of.regions.canonical(region)
	}
	return region
}
