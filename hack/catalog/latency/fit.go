package main

import (
	"bytes"
	"cmp"
	"fmt"
	"go/format"
	"maps"
	"math"
	"slices"
	"strings"
	"text/template"

	"tradewind.dev/tradewind/pkg/location"
)

// fibreKilometresPerMillisecond is two thirds of the speed of light, as in pkg/latency/estimate.go.
const fibreKilometresPerMillisecond = 299.792458 * 2 / 3

// point is one measured pair.
type point struct{ kilometres, milliseconds float64 }

// pointsOf are the measured pairs, each once, of the last campaign that has it; upper estimates are left out, and of a
// pair with two directions the mean counts.
func pointsOf(campaigns []campaign) ([]point, error) {
	type entry struct {
		campaign int
		sum      float64
		count    int
	}
	entries := map[pair]entry{}
	for i, c := range campaigns {
		for p, f := range c.figures {
			key := pair{min(p.from, p.to), max(p.from, p.to)}
			e := entries[key]
			if e.campaign != i {
				e = entry{campaign: i}
			}
			if !f.upper {
				e.sum += f.milliseconds
				e.count++
			}
			entries[key] = e
		}
	}
	var points []point
	for _, p := range slices.SortedFunc(maps.Keys(entries), comparePairs) {
		from, err := coordinatesOf(p.from)
		if err != nil {
			return nil, err
		}
		to, err := coordinatesOf(p.to)
		if err != nil {
			return nil, err
		}
		if e := entries[p]; e.count > 0 {
			points = append(points, point{location.DistanceKilometres(from, to), e.sum / float64(e.count)})
		}
	}
	return points, nil
}

func comparePairs(a, b pair) int {
	return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to))
}

// coordinatesOf are the coordinates of a region in the location table.
func coordinatesOf(name string) (location.Coordinates, error) {
	cloud, region, _ := strings.Cut(name, "/")
	r, ok := location.LookupRegion(cloud, region)
	if !ok {
		return location.Coordinates{}, fmt.Errorf("pkg/location has no region %s: add it to its table", name)
	}
	return r.Coordinates(), nil
}

// estimate is a fitted model: fixed milliseconds and the factor by which a path is longer than the great circle.
type estimate struct{ fixed, path float64 }

func (e estimate) milliseconds(kilometres float64) float64 {
	return e.fixed + 2*kilometres*e.path/fibreKilometresPerMillisecond
}

// longestOffset bounds the search: the fixed part as the kilometres that take as long.
const longestOffset = 2000

// fit finds the model with the least sum of |ln(estimated / measured)|: the median of measured / estimated is one, an
// estimate that is half counts as one that is double, and single outliers do not move it. With the offset
// t = fixed / slope given, the model is slope × (kilometres + t), of which the best slope is the median of
// measured / (kilometres + t); so t alone is searched for, in whole kilometres.
func fit(points []point) (estimate, error) {
	if len(points) < 2 {
		return estimate{}, fmt.Errorf("%d measured pairs are too few to fit an estimate", len(points))
	}
	logs := make([]float64, len(points))
	best, bestOffset, bestSlope := math.Inf(1), 0.0, 0.0
	for offset := 1.0; offset <= longestOffset; offset++ {
		for i, p := range points {
			logs[i] = math.Log(p.milliseconds / (p.kilometres + offset))
		}
		slices.Sort(logs)
		middle := logs[len(logs)/2]
		sum := 0.0
		for _, l := range logs {
			sum += math.Abs(l - middle)
		}
		if sum < best {
			best, bestOffset, bestSlope = sum, offset, math.Exp(middle)
		}
	}
	return estimate{
		fixed: round(bestOffset*bestSlope, 3),
		path:  round(bestSlope*fibreKilometresPerMillisecond/2, 4),
	}, nil
}

func round(value float64, digits int) float64 {
	scale := math.Pow10(digits)
	return math.Round(value*scale) / scale
}

// band is how far the estimate is off over a range of distances.
type band struct {
	Name                           string
	Pairs                          int
	P05, P25, P50, P75, P95        float64 // quantiles of estimated / measured
	AbsoluteMedian, AbsoluteTail95 float64 // quantiles of |estimated - measured|, milliseconds
}

// bands measures the error of the model over all points and by distance.
func (e estimate) bands(points []point) []band {
	limits := []float64{0, 500, 2000, 5000, 10000, math.Inf(1)}
	all := []band{e.band("all", points)}
	for i := range len(limits) - 1 {
		low, high := limits[i], limits[i+1]
		var within []point
		for _, p := range points {
			if p.kilometres >= low && p.kilometres < high {
				within = append(within, p)
			}
		}
		name := fmt.Sprintf("%.0f to %.0f km", low, high)
		if math.IsInf(high, 1) {
			name = fmt.Sprintf("over %.0f km", low)
		}
		if len(within) > 0 {
			all = append(all, e.band(name, within))
		}
	}
	return all
}

func (e estimate) band(name string, points []point) band {
	var ratios, errors []float64
	for _, p := range points {
		ratios = append(ratios, e.milliseconds(p.kilometres)/p.milliseconds)
		errors = append(errors, math.Abs(e.milliseconds(p.kilometres)-p.milliseconds))
	}
	slices.Sort(ratios)
	slices.Sort(errors)
	return band{
		Name: name, Pairs: len(points),
		P05: quantile(ratios, 0.05), P25: quantile(ratios, 0.25), P50: quantile(ratios, 0.5),
		P75: quantile(ratios, 0.75), P95: quantile(ratios, 0.95),
		AbsoluteMedian: quantile(errors, 0.5), AbsoluteTail95: quantile(errors, 0.95),
	}
}

// quantile is the nearest-rank quantile of sorted values.
func quantile(sorted []float64, q float64) float64 {
	rank := int(math.Ceil(q * float64(len(sorted))))
	return sorted[min(max(rank-1, 0), len(sorted)-1)]
}

var sourceTemplate = template.Must(template.New("source").Parse(`// Code generated by hack/catalog/latency. DO NOT EDIT.

package latency

// The constants of the great-circle estimate, fitted to {{.Pairs}} measured pairs of the built-in matrix (2022-04 and
// 2026-03; upper estimates left out) by the least sum of |ln(estimated / measured)|. How far it is off:
//
//	distance          pairs   estimated / measured: 5 %  25 %  50 %  75 %  95 %   |error| ms: 50 %   95 %
{{- range .Bands}}
//	{{printf "%-16s %6d %26.2f %5.2f %5.2f %5.2f %5.2f %18.1f %6.1f" .Name .Pairs .P05 .P25 .P50 .P75 .P95 .AbsoluteMedian .AbsoluteTail95}}
{{- end}}
const (
	// estimateFixedMilliseconds is the part that does not grow with the distance, in milliseconds.
	estimateFixedMilliseconds = {{.Fixed}}
	// estimatePathFactor is how much longer than the great circle the path is, taken at the speed of light in fibre.
	estimatePathFactor = {{.Path}}

	estimateSource = "great-circle estimate, fitted to {{.Pairs}} measured pairs of 2022-04 and 2026-03"
	estimateDate   = "2026-03"
)
`))

// source is the Go file with the constants.
func (e estimate) source(points []point) ([]byte, error) {
	var b bytes.Buffer
	if err := sourceTemplate.Execute(&b, map[string]any{
		"Pairs": len(points), "Bands": e.bands(points), "Fixed": e.fixed, "Path": e.path,
	}); err != nil {
		return nil, err
	}
	return format.Source(b.Bytes())
}
