package location

import (
	"slices"
	"strings"
)

// Region is a region of a known cloud, or one of its Local Zones or Wavelength Zones that has prices of its own.
type Region struct {
	// Cloud is the cloud's id and Name the cloud's own name of the region ("eu-west-1").
	Cloud, Name string
	// City is the metropolitan area the data centres are in, or the nearest, and Country its ISO 3166-1 alpha-2 code.
	City, Country string
	// Latitude and Longitude are the city's, in degrees: good for distances between regions, not for finding a building.
	Latitude, Longitude float64
	// Operator and OperatorCountry are who runs the region: the cloud's, except where another company does (the
	// Chinese regions of AWS and Azure, for example).
	Operator, OperatorCountry string
}

// Coordinates is where the region stands.
func (r Region) Coordinates() Coordinates {
	return Coordinates{Latitude: r.Latitude, Longitude: r.Longitude, Known: true}
}

// site is a row of the region tables.
type site struct {
	name, city, country string
	latitude, longitude float64
}

// operator is who runs a region instead of the cloud itself.
type operator struct{ name, country string }

// table is everything known of a cloud, indexed for look-ups.
type table struct {
	cloud *Cloud
	// regions is by name and by every other name in use (aliases, and names in lower case).
	regions map[string]*Region
	// list is the regions by name.
	list []Region
	// edges are the places outside the region's own city: AWS Local Zones and Wavelength Zones by "REGION-CITY",
	// data centres of IBM by their three letters.
	edges map[string]*edge
	// oneOperator is true when the same company runs every region.
	oneOperator bool
}

// edge is a place that belongs to a region but stands elsewhere, maybe in another country.
type edge struct {
	Region
	// parents are the regions that it may be labelled with.
	parents []string
}

var tables = buildTables()

func buildTables() map[string]*table {
	out := make(map[string]*table, len(clouds))
	sites := map[string][]site{
		cloudAWS: awsRegions, cloudGCP: gcpRegions, cloudAzure: azureRegions, cloudOVH: ovhRegions,
		cloudScaleway: scalewayRegions, cloudHetzner: hetznerRegions, cloudIBM: ibmRegions, cloudOracle: oracleRegions,
		cloudDigitalOcean: digitalOceanRegions, cloudExoscale: exoscaleRegions, cloudIONOS: ionosRegions,
		cloudSTACKIT: stackitRegions, cloudUpCloud: upcloudRegions,
	}
	for i := range clouds {
		cloud := &clouds[i]
		t := &table{cloud: cloud, oneOperator: true, edges: map[string]*edge{}}
		for _, s := range sites[cloud.ID] {
			r := s.region(cloud)
			if r.OperatorCountry != cloud.OperatorCountry {
				t.oneOperator = false
			}
			t.list = append(t.list, r)
		}
		slices.SortFunc(t.list, func(a, b Region) int { return strings.Compare(a.Name, b.Name) })
		t.regions = make(map[string]*Region, 2*len(t.list))
		for j := range t.list {
			r := &t.list[j]
			t.regions[r.Name] = r
			t.regions[strings.ToLower(r.Name)] = r
		}
		for alias, name := range regionAliases[cloud.ID] {
			t.regions[alias] = t.regions[name]
		}
		out[cloud.ID] = t
	}
	aws := out[cloudAWS]
	for _, e := range awsEdges {
		r := e.site.region(aws.cloud)
		r.Name = e.parent + "-" + e.site.name
		aws.edges[r.Name] = &edge{Region: r, parents: []string{e.parent}}
	}
	ibm := out[cloudIBM]
	for _, d := range ibmDataCentres {
		ibm.edges[d.site.name] = &edge{Region: d.site.region(ibm.cloud), parents: d.regions}
	}
	return out
}

func (s site) region(cloud *Cloud) Region {
	r := Region{
		Cloud: cloud.ID, Name: s.name, City: s.city, Country: s.country, Latitude: s.latitude, Longitude: s.longitude,
		Operator: cloud.Operator, OperatorCountry: cloud.OperatorCountry,
	}
	if o, ok := regionOperators[cloud.ID+"/"+s.name]; ok {
		r.Operator, r.OperatorCountry = o.name, o.country
	}
	return r
}

// region returns the region by any of its names.
func (t *table) region(name string) (*Region, bool) {
	if r, ok := t.regions[name]; ok {
		return r, true
	}
	for i := range len(name) {
		if c := name[i]; 'A' <= c && c <= 'Z' {
			r, ok := t.regions[strings.ToLower(name)]
			return r, ok
		}
	}
	return nil, false
}

// LookupRegion returns a region of a known cloud by the cloud's name of it, in any case, or by another name in use
// ("fra" for Oracle's eu-frankfurt-1). It also knows the AWS Local Zone and Wavelength Zone groups that have prices of
// their own ("us-west-2-lax-1", "eu-west-3-wl1-cmn1").
func LookupRegion(cloud, region string) (Region, bool) {
	t := tables[cloud]
	if t == nil {
		return Region{}, false
	}
	if r, ok := t.region(region); ok {
		return *r, true
	}
	if cloud == cloudAWS {
		if e, ok := awsEdgeOfGroup(t, region); ok {
			r := e.Region
			r.Name = region
			return r, true
		}
	}
	return Region{}, false
}

// Regions returns the regions of a known cloud by name; those of all clouds, by cloud and name, for "".
func Regions(cloud string) []Region {
	if cloud != "" {
		if t := tables[cloud]; t != nil {
			return slices.Clone(t.list)
		}
		return nil
	}
	var out []Region
	for _, c := range clouds {
		out = append(out, tables[c.ID].list...)
	}
	return out
}
