package location

import (
	"math"
	"strings"
)

// Coordinates is a point on the Earth in decimal degrees (WGS 84): latitude north and longitude east are positive.
type Coordinates struct {
	Latitude, Longitude float64
	// Known is false when the point is not known; the other fields are then zero.
	Known bool
}

// Location says where a node or a volume is and under whose law. It is a comparable value: two equal locations are the
// same place. An empty field is unknown, and unknown satisfies no rule.
type Location struct {
	// Cloud is a known cloud's id (see Clouds) or the name of a private data centre.
	Cloud string
	// Region is the cloud's own name of the region ("eu-west-1"), or what the private data centre calls it.
	Region string
	// Zone is the cloud's own name of the zone ("eu-west-1a").
	Zone string
	// Country is the ISO 3166-1 alpha-2 code of the country it stands in. A zone that stands in another country than
	// its region, as some AWS Local Zones do, has the zone's country.
	Country string
	// OperatorCountry is the ISO 3166-1 alpha-2 code of the country whose law the operator is under.
	OperatorCountry string
	// Coordinates is where it stands, to the metropolitan area.
	Coordinates Coordinates
}

// RegionKey is "CLOUD/REGION", for example "aws/eu-west-1"; empty when either is unknown.
func (l Location) RegionKey() string {
	if l.Cloud == "" || l.Region == "" {
		return ""
	}
	return l.Cloud + "/" + l.Region
}

// PriceRegion is the name under which the cloud lists prices for this place. It is Region, except in AWS Local Zones
// and Wavelength Zones, which have prices of their own under the name of the zone's group ("us-west-2-lax-1" for the
// zone us-west-2-lax-1a).
func (l Location) PriceRegion() string {
	if l.Cloud == cloudAWS && len(l.Zone) > len(l.Region)+1 {
		if group, ok := awsEdgeGroup(l.Zone); ok {
			return group
		}
	}
	return l.Region
}

// String is "CLOUD/REGION/ZONE" as far as known, for example "aws/eu-west-1/eu-west-1a", and "unknown" when nothing is.
func (l Location) String() string {
	if l.Cloud == "" && l.Region == "" && l.Zone == "" {
		return "unknown"
	}
	var b strings.Builder
	b.Grow(len(l.Cloud) + len(l.Region) + len(l.Zone) + 2)
	b.WriteString(orUnknown(l.Cloud))
	if l.Region == "" && l.Zone == "" {
		return b.String()
	}
	b.WriteByte('/')
	b.WriteString(orUnknown(l.Region))
	if l.Zone != "" {
		b.WriteByte('/')
		b.WriteString(l.Zone)
	}
	return b.String()
}

func orUnknown(s string) string {
	if s == "" {
		return "unknown"
	}
	return s
}

// earthRadiusKilometres is the mean radius R1 of the Earth as defined by the International Union of Geodesy and
// Geophysics (Moritz, Geodetic Reference System 1980).
const earthRadiusKilometres = 6371.0088

// DistanceKilometres is the great-circle distance between two points in kilometres by the haversine formula, which
// takes the Earth as a sphere (error below 0.6 %). It is NaN when either point is not known.
func DistanceKilometres(a, b Coordinates) float64 {
	if !a.Known || !b.Known {
		return math.NaN()
	}
	const radians = math.Pi / 180
	sinLatitude := math.Sin((b.Latitude - a.Latitude) * radians / 2)
	sinLongitude := math.Sin((b.Longitude - a.Longitude) * radians / 2)
	h := sinLatitude*sinLatitude +
		math.Cos(a.Latitude*radians)*math.Cos(b.Latitude*radians)*sinLongitude*sinLongitude
	return 2 * earthRadiusKilometres * math.Asin(math.Sqrt(math.Min(1, h)))
}
