package plugins_test

import (
	"fmt"
	"math"
	"testing"

	"pgregory.net/rapid"

	"tradewind.dev/tradewind/plugins/cloud"
	"tradewind.dev/tradewind/plugins/cost"
	"tradewind.dev/tradewind/plugins/latency"
	"tradewind.dev/tradewind/plugins/plugintest"
)

// The points of all plugins are dollars on one scale: how much better one node is than another is the difference of their bills
// as docs/architecture.md has them, 100 points being the widest of the three parts, whatever the prices, round trips and weights.
func TestPointsAreDollarsOnOneScale(t *testing.T) {
	zones := []string{"eu-west-1a", "eu-central-1a", "eu-west-3a", "eu-north-1a"}
	rapid.Check(t, func(r *rapid.T) {
		requests := rapid.IntRange(1, 5000).Draw(r, "requests a second")
		weight := rapid.IntRange(1, 100).Draw(r, "weight")
		c := plugintest.New(t)
		prices, trips := "instances:\n", "samples:\n"
		type part struct{ compute, trips, preference float64 }
		bills := map[string]part{}
		for i, zone := range zones {
			cents, milliseconds := rapid.IntRange(1, 40).Draw(r, "price"), rapid.IntRange(30, 200).Draw(r, "round trip") // slower than light
			region := zone[:len(zone)-1]
			prices += fmt.Sprintf("- {cloud: aws, region: %s, instanceType: machine, hourlyUSD: \"0.%02d\"}\n", region, cents)
			trips += fmt.Sprintf("- {from: DE, to: aws/%s, milliseconds: \"%d\"}\n", region, milliseconds)
			bill := part{
				compute: float64(cents) / 100 / 4, // half a core of two
				trips:   float64(milliseconds) * float64(requests) * 3600 / 1e6 * 0.10,
			}
			if region != "eu-west-1" {
				bill.preference = float64(weight) / 100 * bill.compute
			}
			bills[fmt.Sprint("node-", i)] = bill
		}
		c.PriceList("ours", prices).LatencyMap("ours", trips).Policy("web", selects("web", fmt.Sprintf("optimizeFor: Balanced\n"+
			"latency: {clients: [{location: DE, sharePercent: 100}], requestsPerSecond: %d}\n"+
			"locations: {preferred: [{key: topology.kubernetes.io/region, operator: In, values: [eu-west-1], weight: %d}]}", requests, weight)))
		for i, zone := range zones {
			c.Set(plugintest.AWS(fmt.Sprint("node-", i), zone, "machine"))
		}
		span := 0.0
		for _, of := range []func(part) float64{
			func(p part) float64 { return p.compute }, func(p part) float64 { return p.trips }, func(p part) float64 { return p.preference },
		} {
			least, most := math.Inf(1), math.Inf(-1)
			for _, bill := range bills {
				least, most = min(least, of(bill)), max(most, of(bill))
			}
			span = max(span, most-least)
		}
		pod := plugintest.Replica("web-1", "web", "")
		scores := c.Set(pod).Cycle(pod).Scores()
		points := func(node string) float64 {
			return float64(scores[node][cost.Name]+scores[node][latency.Name]+scores[node][cloud.Name]) / 20
		}
		total := func(node string) float64 { return bills[node].compute + bills[node].trips + bills[node].preference }
		for a := range bills {
			for b := range bills {
				got, want := points(a)-points(b), 0.0
				if span > 1e-8 {
					want = 100 * (total(b) - total(a)) / span
				}
				if math.Abs(got-want) > 3.01 { // each of three parts of two nodes is rounded to a point
					r.Fatalf("%s is %g points better than %s, want %g\nbills %v\npoints %v", a, got, b, want, bills, scores)
				}
			}
		}
	})
}
