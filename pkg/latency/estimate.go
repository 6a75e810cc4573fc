package latency

import (
	"math"

	"tradewind.dev/tradewind/pkg/location"
)

const (
	// sameRegionMilliseconds is the figure for two places in one region, in milliseconds. The data has no measurement
	// within a region; the shortest it has is 1.4 ms between two clouds in one city (aws/eu-west-1 and azure/northeurope in Dublin, 2022-04),
	// and two data centres of one region are no farther apart than that. It is labelled an estimate.
	sameRegionMilliseconds = 1.0

	// lightKilometresPerMillisecond is the speed of light in vacuum, 299,792.458 km/s (exact by the definition of the
	// metre).
	lightKilometresPerMillisecond = 299.792458
	// fibreKilometresPerMillisecond is the speed of light in glass fibre, two thirds of that in vacuum (refractive index
	// about 1.5).
	fibreKilometresPerMillisecond = lightKilometresPerMillisecond * 2 / 3

	sameRegionSource = "documented figure for one region; zones are not told apart"
)

// estimateMilliseconds is the expected round trip in milliseconds over a great-circle distance in kilometres:
//
//	fixed + 2 × kilometres × path factor / (2/3 × speed of light)
//
// The two constants are fitted to the built-in measurements by hack/catalog/latency; what they are and how far the
// estimate is off is in the comment of the generated constants, estimateFixedMilliseconds and estimatePathFactor.
func estimateMilliseconds(kilometres float64) float64 {
	return estimateFixedMilliseconds + 2*kilometres*estimatePathFactor/fibreKilometresPerMillisecond
}

// estimate is the great-circle estimate between two points; unknown where one of them is.
func estimate(a, b *point) RoundTrip {
	if !a.known || !b.known {
		return RoundTrip{}
	}
	return RoundTrip{
		Milliseconds: estimateMilliseconds(a.kilometresTo(b)),
		Basis:        BasisEstimate,
		Source:       estimateSource,
		Date:         estimateDate,
	}
}

// earthRadiusKilometres is the mean radius of the Earth, R1 of the International Union of Geodesy and Geophysics, as in
// pkg/location.
const earthRadiusKilometres = 6371.0088

// point is coordinates as a vector of length one from the centre of the Earth: what a distance costs least from.
type point struct {
	x, y, z float64
	known   bool
}

// pointOf is the point of coordinates; not known where these are not, or are not on the Earth.
func pointOf(c location.Coordinates) point {
	if !c.Known || !(math.Abs(c.Latitude) <= 90 && math.Abs(c.Longitude) <= 180) {
		return point{}
	}
	const radians = math.Pi / 180
	sinLatitude, cosLatitude := math.Sincos(c.Latitude * radians)
	sinLongitude, cosLongitude := math.Sincos(c.Longitude * radians)
	return point{x: cosLatitude * cosLongitude, y: cosLatitude * sinLongitude, z: sinLatitude, known: true}
}

// kilometresTo is the great-circle distance, from the straight line through the Earth. It is that of
// location.DistanceKilometres.
func (p *point) kilometresTo(q *point) float64 {
	x, y, z := p.x-q.x, p.y-q.y, p.z-q.z
	chord := math.Sqrt(x*x + y*y + z*z)
	return 2 * earthRadiusKilometres * math.Asin(min(1, chord/2))
}

const (
	// regionToleranceKilometres is how far a region may stand from its published coordinates: these name a city, or for
	// azure/eastus a point 275 km from the buildings.
	regionToleranceKilometres = 300
	// countryToleranceKilometres is how far clients may be from the coordinates of their country.
	countryToleranceKilometres = 4000
)

// lightBoundMilliseconds is the shortest possible round trip in milliseconds over a distance of which tolerance
// kilometres are uncertain, at the speed of light in vacuum; zero where the distance is within the tolerance.
func lightBoundMilliseconds(kilometres, tolerance float64) float64 {
	return 2 * max(0, kilometres-tolerance) / lightKilometresPerMillisecond
}
