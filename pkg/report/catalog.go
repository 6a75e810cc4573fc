package report

import (
	"fmt"
	"slices"
	"strings"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/latency"
	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/pricing"
)

// Catalog is what the built-in catalog says of clouds, one cloud, one region, or one instance type in a region, each
// figure with its source and date. What nobody states is null, with a reason.
type Catalog struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	// Clouds are the known clouds: all of them, or the one that was asked for.
	Clouds []CloudFacts `json:"clouds"`
	// Regions are the regions of the cloud, or the one that was asked for.
	Regions []RegionFacts `json:"regions,omitempty"`
	// Instances are the instance types of the region, or the one that was asked for.
	Instances []InstanceFacts `json:"instances,omitempty"`
	// Egress are prices of traffic from the region, RoundTrips times to and from it.
	Egress     []EgressFacts    `json:"egress,omitempty"`
	RoundTrips []RoundTripFacts `json:"roundTrips,omitempty"`
	Notes      []string         `json:"notes,omitempty"`
}

// CloudFacts is a cloud and the law that its operator is under.
type CloudFacts struct {
	ID              string `json:"id"`
	Name            string `json:"name"`
	Operator        string `json:"operator"`
	OperatorCountry string `json:"operatorCountry"`
	Regions         int    `json:"regions"`
	// Priced says whether the catalog has the cloud's prices.
	Priced bool   `json:"priced"`
	Source string `json:"source"`
	Date   string `json:"date"`
}

// RegionFacts is where a region is and under whose law.
type RegionFacts struct {
	Cloud           string  `json:"cloud"`
	Region          string  `json:"region"`
	City            string  `json:"city"`
	Country         string  `json:"country"`
	OperatorCountry string  `json:"operatorCountry"`
	Latitude        float64 `json:"latitude"`
	Longitude       float64 `json:"longitude"`
	// InstanceTypes is how many the catalog lists in the region.
	InstanceTypes int `json:"instanceTypes"`
}

// InstanceFacts is an instance type in a region: its size and list prices.
type InstanceFacts struct {
	Cloud        string  `json:"cloud"`
	Region       string  `json:"region"`
	InstanceType string  `json:"instanceType"`
	CPU          float64 `json:"cpu"`
	MemoryGiB    float64 `json:"memoryGiB"`
	GPUs         int     `json:"gpus"`
	GPUModel     string  `json:"gpuModel,omitempty"`
	Architecture string  `json:"architecture"`
	// OnDemand and Spot are in US dollars an hour.
	OnDemand Amount `json:"onDemand"`
	Spot     Amount `json:"spot"`
	// Interruption is how often the cloud takes spot capacity back.
	Interruption Interruption `json:"interruption"`
}

// Interruption is the band in which the monthly rate of spot interruptions lies, in percent.
type Interruption struct {
	LowPercent  *float64 `json:"lowPercent"`
	HighPercent *float64 `json:"highPercent"`
	Reason      string   `json:"reason,omitempty"`
	Source      string   `json:"source,omitempty"`
	Date        string   `json:"date,omitempty"`
}

// EgressFacts is the price of traffic from one region to another, or to the internet.
type EgressFacts struct {
	From string `json:"from"`
	To   string `json:"to"`
	// USDPerGB is in US dollars a gigabyte (10^9 bytes), the first tier; null when nobody states it.
	USDPerGB *float64 `json:"usdPerGB"`
	Reason   string   `json:"reason,omitempty"`
	Source   string   `json:"source,omitempty"`
	Date     string   `json:"date,omitempty"`
}

// RoundTripFacts is a round trip between a region and another, or clients.
type RoundTripFacts struct {
	From string `json:"from"`
	To   string `json:"to"`
	Milliseconds
}

// CatalogQuery is what is asked of the catalog. Cloud, Region and InstanceType narrow it one after the other.
type CatalogQuery struct {
	Cloud, Region, InstanceType string
	// EgressTo are regions ("gcp/europe-west1") or "internet", LatencyTo regions, Clients regions or countries. They need
	// a region.
	EgressTo, LatencyTo, Clients []string
}

// ShowCatalog answers a query from the catalog and the round trips. Errors name the part that is not known, with the
// nearest names that are.
func ShowCatalog(prices *pricing.Catalog, times *latency.Map, query CatalogQuery) (*Catalog, error) {
	out := &Catalog{APIVersion: v1alpha1.GroupVersion.String(), Kind: "Catalog"}
	clouds := location.Clouds()
	if query.Cloud != "" {
		cloud, ok := location.LookupCloud(query.Cloud)
		if !ok {
			return nil, fmt.Errorf("unknown cloud %q; the catalog knows %s%s", query.Cloud, strings.Join(cloudIDs(clouds), ", "),
				location.DidYouMean(location.NearestClouds(query.Cloud)))
		}
		clouds = []location.Cloud{cloud}
	}
	for _, cloud := range clouds {
		out.Clouds = append(out.Clouds, CloudFacts{
			ID: cloud.ID, Name: cloud.Name, Operator: cloud.Operator, OperatorCountry: cloud.OperatorCountry,
			Regions: len(location.Regions(cloud.ID)), Priced: slices.Contains(prices.Clouds(), cloud.ID), Source: cloud.Source, Date: cloud.Date,
		})
	}
	switch {
	case query.Cloud == "":
		return out, nil
	case query.Region == "":
		for _, region := range location.Regions(query.Cloud) {
			out.Regions = append(out.Regions, regionFacts(prices, region))
		}
		return out, nil
	}
	return out, out.region(prices, times, &query)
}

func cloudIDs(clouds []location.Cloud) []string {
	ids := make([]string, len(clouds))
	for i, cloud := range clouds {
		ids[i] = cloud.ID
	}
	return ids
}

func regionFacts(prices *pricing.Catalog, region location.Region) RegionFacts {
	return RegionFacts{
		Cloud: region.Cloud, Region: region.Name, City: region.City, Country: region.Country, OperatorCountry: region.OperatorCountry,
		Latitude: region.Latitude, Longitude: region.Longitude, InstanceTypes: len(prices.Types(region.Cloud, region.Name)),
	}
}

// region fills in one region.
func (c *Catalog) region(prices *pricing.Catalog, times *latency.Map, query *CatalogQuery) error {
	region, ok := location.LookupRegion(query.Cloud, query.Region)
	if !ok {
		if _, err := latency.ParseClient(query.Cloud + "/" + query.Region); err != nil {
			return err
		}
		return fmt.Errorf("%s has no region %q", query.Cloud, query.Region)
	}
	c.Regions = []RegionFacts{regionFacts(prices, region)}
	types := prices.Types(region.Cloud, region.Name)
	if len(types) == 0 {
		c.Notes = append(c.Notes, fmt.Sprintf("the catalog has no prices of %s/%s; a PriceList can give them", region.Cloud, region.Name))
	}
	if query.InstanceType != "" {
		instance, ok := prices.Instance(region.Cloud, region.Name, query.InstanceType)
		if !ok {
			return unknownType(prices, region, query.InstanceType)
		}
		types = []string{instance.Type}
	}
	c.instances(prices, region, types)
	if err := c.egress(prices, region, query.EgressTo); err != nil {
		return err
	}
	return c.roundTrips(times, region, query)
}

func unknownType(prices *pricing.Catalog, region location.Region, instanceType string) error {
	where := region.Cloud + "/" + region.Name
	if prices.Knows(region.Cloud, instanceType) {
		return fmt.Errorf("the catalog lists %s of %s, but not in %s", instanceType, region.Cloud, region.Name)
	}
	remedy := "tradewind catalog show " + region.Cloud + " " + region.Name + " lists all"
	if near := prices.Suggest(region.Cloud, instanceType); len(near) > 0 {
		remedy = "did you mean " + strings.Join(near, ", ") + "?"
	}
	return fmt.Errorf("the catalog has no instance type %q in %s; %s", instanceType, where, remedy)
}

func (c *Catalog) instances(prices *pricing.Catalog, region location.Region, types []string) {
	var rates pricing.Origin
	for _, origin := range prices.Origins() {
		if origin.Cloud == region.Cloud && origin.Figure == "interruption" {
			rates = origin
		}
	}
	for _, name := range types {
		instance, ok := prices.Instance(region.Cloud, region.Name, name)
		if !ok {
			continue
		}
		facts := InstanceFacts{
			Cloud: region.Cloud, Region: region.Name, InstanceType: instance.Type, CPU: float64(instance.MilliCPU) / 1000,
			MemoryGiB: thousandths(float64(instance.MemoryBytes) / (1 << 30)), GPUs: instance.GPUs, GPUModel: instance.GPUModel, Architecture: instance.Architecture,
			OnDemand: listPrice(prices, region, name, v1alpha1.CapacityOnDemand),
			Spot:     listPrice(prices, region, name, v1alpha1.CapacitySpot),
		}
		if low, high, known := prices.Interruption(region.Cloud, region.Name, name); known {
			facts.Interruption = Interruption{LowPercent: &low, HighPercent: &high, Source: rates.Source, Date: rates.Date}
		} else {
			facts.Interruption.Reason = "the cloud publishes no rate of interruption for it"
		}
		c.Instances = append(c.Instances, facts)
	}
}

func listPrice(prices *pricing.Catalog, region location.Region, instanceType string, capacity v1alpha1.CapacityType) Amount {
	price := prices.Hourly(region.Cloud, region.Name, instanceType, capacity)
	if !price.Known {
		return Amount{Reason: fmt.Sprintf("the source states no %s price in %s", capacity, region.Name)}
	}
	return amount(price.USD, price)
}

func (c *Catalog) egress(prices *pricing.Catalog, region location.Region, destinations []string) error {
	if len(destinations) == 0 {
		destinations = []string{pricing.Internet}
	}
	for _, to := range destinations {
		facts := EgressFacts{From: region.Cloud + "/" + region.Name, To: to}
		var price pricing.Price
		if to == pricing.Internet {
			price = prices.InternetEgressPerGB(region.Cloud, region.Name)
		} else {
			place, err := placeNamed(to)
			if err != nil {
				return fmt.Errorf("egress: %w, or %q", err, pricing.Internet)
			}
			facts.To = place.String()
			price = prices.EgressPerGB(region.Cloud, region.Name, place.Cloud, place.Region)
		}
		if price.Known {
			facts.USDPerGB, facts.Source, facts.Date = &price.USD, price.Source, price.Date
		} else {
			facts.Reason = "nobody states the price of this traffic; a PriceList can"
		}
		c.Egress = append(c.Egress, facts)
	}
	return nil
}

// placeNamed reads CLOUD/REGION.
func placeNamed(text string) (latency.Place, error) {
	client, err := latency.ParseClient(text)
	if err != nil {
		return latency.Place{}, err
	}
	place, ok := client.Place()
	if !ok {
		return latency.Place{}, fmt.Errorf("%q is a country; write a region with its cloud (aws/eu-west-1)", text)
	}
	return place, nil
}

func (c *Catalog) roundTrips(times *latency.Map, region location.Region, query *CatalogQuery) error {
	here, err := placeNamed(region.Cloud + "/" + region.Name)
	if err != nil {
		return err
	}
	const none = "nobody measured it and the distance is not known; a LatencyMap can give it"
	for _, to := range query.LatencyTo {
		place, err := placeNamed(to)
		if err != nil {
			return fmt.Errorf("round trip: %w", err)
		}
		c.RoundTrips = append(c.RoundTrips, RoundTripFacts{
			From: here.String(), To: place.String(), Milliseconds: milliseconds(times.Between(here, place), none),
		})
	}
	for _, from := range query.Clients {
		client, err := latency.ParseClient(from)
		if err != nil {
			return fmt.Errorf("clients: %w", err)
		}
		c.RoundTrips = append(c.RoundTrips, RoundTripFacts{
			From: client.String(), To: here.String(), Milliseconds: milliseconds(times.FromClient(client, here), none),
		})
	}
	return nil
}
