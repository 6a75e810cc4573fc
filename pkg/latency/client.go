package latency

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"tradewind.dev/tradewind/pkg/location"
)

// Client is where a population of clients is: a country, or a region of a cloud or a private data centre. It is
// comparable; the zero value is nowhere, and every round trip from it is unknown.
type Client struct {
	country string
	place   Place
	point   point // of the country
}

// ParseClient reads an ISO 3166 alpha-2 country code ("DE") or a region ("aws/eu-west-1"). A region of a cloud that the
// built-in table does not know is a private place and is taken as it is ("acme-dc/lux-1"); a region that a known cloud
// does not have is an error, as is a country that does not exist. Errors name the nearest known names.
func ParseClient(text string) (Client, error) {
	if strings.Contains(text, "/") {
		return parseRegion(text)
	}
	country, ok := location.LookupCountry(text)
	if !ok || country.Code != text {
		return Client{}, fmt.Errorf("%q is neither an ISO 3166 country code in capitals (DE) nor a region with its cloud (aws/eu-west-1)%s",
			text, location.DidYouMean(location.NearestCountries(text)))
	}
	return Client{
		country: text,
		point:   pointOf(location.Coordinates{Latitude: country.Latitude, Longitude: country.Longitude, Known: true}),
	}, nil
}

// parseRegion reads CLOUD/REGION.
func parseRegion(text string) (Client, error) {
	cloud, region, _ := strings.Cut(text, "/")
	if strings.Contains(region, "/") {
		return Client{}, fmt.Errorf("%q has more than a cloud and a region; zones are not told apart, so write CLOUD/REGION", text)
	}
	for _, part := range []struct{ what, name string }{{"cloud", cloud}, {"region", region}} {
		if part.name == "" {
			return Client{}, fmt.Errorf("%q has no %s; write CLOUD/REGION, as in aws/eu-west-1", text, part.what)
		}
		if problems := validation.IsValidLabelValue(part.name); len(problems) > 0 {
			return Client{}, fmt.Errorf("the %s of %q cannot be the label of a node: %s", part.what, text, strings.Join(problems, "; "))
		}
	}
	known, ok := location.LookupRegion(cloud, region)
	if ok {
		return Client{place: placeOfRegion(known)}, nil
	}
	if _, ok := location.LookupCloud(cloud); ok {
		return Client{}, fmt.Errorf("%s has no region %q%s", cloud, region, location.DidYouMean(location.NearestRegions(cloud, region)))
	}
	if err := location.CheckCloud(cloud); err != nil {
		return Client{}, err
	}
	if names := slipsOf(cloud, region); len(names) > 0 {
		return Client{}, fmt.Errorf("%q is no known cloud%s A private place must not be named almost like it", cloud, location.DidYouMean(names))
	}
	return Client{place: Place{Cloud: cloud, Region: region}}, nil
}

// slipsOf are the regions of this name in known clouds that the name of a cloud is a slip of.
func slipsOf(cloud, region string) []string {
	var names []string
	for _, near := range location.NearestClouds(cloud) {
		if r, ok := location.LookupRegion(near, region); ok {
			names = append(names, r.Cloud+"/"+r.Name)
		}
	}
	return names
}

// placeOfRegion is the place of a region of the built-in table.
func placeOfRegion(r location.Region) Place {
	return Place{
		Cloud:       r.Cloud,
		Region:      r.Name,
		Country:     r.Country,
		Coordinates: r.Coordinates(),
	}
}

// Country is the clients' country code; empty where they are at a place.
func (c Client) Country() string { return c.country }

// Place is where the clients are; ok is false where they are spread over a country.
func (c Client) Place() (place Place, ok bool) {
	return c.place, c.country == "" && c.place != Place{}
}

// String is the text that ParseClient reads.
func (c Client) String() string {
	if c.country != "" {
		return c.country
	}
	return c.place.String()
}
