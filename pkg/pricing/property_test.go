package pricing

import (
	"math"
	"sort"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"tradewind.dev/tradewind/apis/v1alpha1"
)

// The names are few, so that entries meet. "lux" is a private data centre.
var (
	drawCloud    = rapid.SampledFrom([]string{"aws", "gcp", "lux"})
	drawRegion   = rapid.SampledFrom([]string{"", "eu-west-1", "europe-west1", "us-east-1"})
	drawType     = rapid.SampledFrom([]string{"m7i.large", "m7i.xlarge", "n2-standard-4", "r640"})
	drawPrefix   = rapid.SampledFrom([]string{"", "m", "m7i.", "m7i.large", "n2-"})
	drawCapacity = rapid.SampledFrom([]v1alpha1.CapacityType{"", onDemand, spot, reserved})
	drawPlace    = rapid.SampledFrom([]string{"aws", "gcp", "lux", "aws/eu-west-1", "aws/us-east-1", "gcp/europe-west1", "lux/a"})
	drawTo       = rapid.OneOf(drawPlace, rapid.Just("internet"))
)

func drawLists(t *rapid.T) []v1alpha1.PriceList {
	names := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-z]{1,2}`), 0, 4, rapid.ID).Draw(t, "names")
	cents := func(label string, limit int) string {
		return strconv.FormatFloat(float64(rapid.IntRange(0, limit).Draw(t, label))/8, 'f', -1, 64)
	}
	var lists []v1alpha1.PriceList
	for _, name := range names {
		var spec v1alpha1.PriceListSpec
		for range rapid.IntRange(0, 5).Draw(t, "instances") {
			spec.Instances = append(spec.Instances, v1alpha1.InstancePrice{
				Cloud: drawCloud.Draw(t, "cloud"), Region: drawRegion.Draw(t, "region"), InstanceType: drawType.Draw(t, "type"),
				CapacityType: drawCapacity.Draw(t, "capacity"), HourlyUSD: quantity(cents("usd", 100)),
			})
		}
		for range rapid.IntRange(0, 2).Draw(t, "resources") {
			spec.Resources = append(spec.Resources, v1alpha1.ResourcePrice{
				Cloud: rapid.SampledFrom([]string{"lux", "aws"}).Draw(t, "cloud"), Region: rapid.SampledFrom([]string{"", "us-east-1"}).Draw(t, "region"),
				CPUHourlyUSD: quantityPointer(cents("cpu", 100)),
			})
		}
		for range rapid.IntRange(0, 5).Draw(t, "discounts") {
			spec.Discounts = append(spec.Discounts, v1alpha1.Discount{
				Cloud: rapid.SampledFrom([]string{"aws", "gcp"}).Draw(t, "cloud"), Region: drawRegion.Draw(t, "region"),
				InstanceTypePrefix: drawPrefix.Draw(t, "prefix"),
				CapacityType:       rapid.SampledFrom([]v1alpha1.CapacityType{"", onDemand, spot}).Draw(t, "capacity"), Percent: quantity(cents("percent", 800)),
			})
		}
		for range rapid.IntRange(0, 5).Draw(t, "egress") {
			spec.Egress = append(spec.Egress, v1alpha1.EgressPrice{
				From: drawPlace.Draw(t, "from"), To: drawTo.Draw(t, "to"), USDPerGB: quantity(cents("perGB", 100)),
			})
		}
		lists = append(lists, list(name, spec))
	}
	return lists
}

// candidate is an entry that concerns a query, in the naive computation.
type candidate struct {
	specific []int // compared in order, larger first
	list     string
	index    int
	value    float64
}

func best(candidates []candidate) (float64, bool) {
	if len(candidates) == 0 {
		return 0, false
	}
	sort.Slice(candidates, func(i, j int) bool {
		a, b := candidates[i], candidates[j]
		for k := range a.specific {
			if a.specific[k] != b.specific[k] {
				return a.specific[k] > b.specific[k]
			}
		}
		if a.list != b.list {
			return a.list < b.list
		}
		return a.index < b.index
	})
	return candidates[0].value, true
}

func one(condition bool) int {
	if condition {
		return 1
	}
	return 0
}

// naiveNode is the rule of precedence as PriceListSpec states it: all entries that concern the node, sorted.
func naiveNode(c *Catalog, lists []v1alpha1.PriceList, q NodeQuery) (float64, Basis) {
	var instances, resources, discounts []candidate
	for _, l := range lists {
		for i, e := range l.Spec.Instances {
			capacity := e.CapacityType
			if capacity == "" {
				capacity = onDemand
			}
			if e.Cloud == q.Cloud && (e.Region == "" || e.Region == q.Region) && e.InstanceType == q.InstanceType && capacity == q.CapacityType {
				instances = append(instances, candidate{[]int{one(e.Region != "")}, l.Name, i, e.HourlyUSD.AsApproximateFloat64()})
			}
		}
		for i, e := range l.Spec.Resources {
			if e.Cloud == q.Cloud && (e.Region == "" || e.Region == q.Region) {
				resources = append(resources, candidate{[]int{one(e.Region != "")}, l.Name, i, e.CPUHourlyUSD.AsApproximateFloat64() * float64(q.MilliCPU) / 1000})
			}
		}
		for i, e := range l.Spec.Discounts {
			capacity := e.CapacityType
			if capacity == "" {
				capacity = onDemand
			}
			if e.Cloud == q.Cloud && (e.Region == "" || e.Region == q.Region) && strings.HasPrefix(q.InstanceType, e.InstanceTypePrefix) && capacity == q.CapacityType {
				discounts = append(discounts, candidate{[]int{len(e.InstanceTypePrefix), one(e.Region != "")}, l.Name, i, e.Percent.AsApproximateFloat64()})
			}
		}
	}
	if usd, ok := best(instances); ok {
		return usd, BasisOverride
	}
	if usd, ok := best(resources); ok {
		if q.MilliCPU == 0 {
			return 0, BasisUnknown
		}
		return usd, BasisResources
	}
	price := c.Hourly(q.Cloud, q.Region, q.InstanceType, q.CapacityType)
	if !price.Known {
		return 0, BasisUnknown
	}
	if percent, ok := best(discounts); ok {
		return price.USD * (1 - percent/100), BasisDiscount
	}
	return price.USD, BasisList
}

func TestPropertyNode(t *testing.T) {
	c := open(t)
	rapid.Check(t, func(t *rapid.T) {
		lists := drawLists(t)
		p, _ := New(c, lists)
		for range 8 {
			q := NodeQuery{
				Cloud: drawCloud.Draw(t, "q.cloud"), Region: drawRegion.Draw(t, "q.region"), InstanceType: drawType.Draw(t, "q.type"),
				CapacityType: drawCapacity.Draw(t, "q.capacity"), MilliCPU: rapid.Int64Range(0, 4000).Draw(t, "q.cpu"),
			}
			usd, basis := naiveNode(c, lists, q)
			got := p.Node(q)
			if math.Abs(got.USD-usd) > 1e-9 || got.Basis != basis || got.Known != (basis != BasisUnknown) {
				t.Fatalf("Node(%+v) = %+v, want %v, %v", q, got, usd, basis)
			}
		}
	})
}

func naiveEgress(c *Catalog, lists []v1alpha1.PriceList, from, to [2]string) (float64, bool) {
	at := func(text string, place [2]string) bool { return text == place[0] || text == place[0]+"/"+place[1] }
	var pairs, internet []candidate
	for _, l := range lists {
		for i, e := range l.Spec.Egress {
			usd := e.USDPerGB.AsApproximateFloat64()
			fromRegion, toRegion := one(strings.Contains(e.From, "/")), one(strings.Contains(e.To, "/"))
			if at(e.From, from) && at(e.To, to) {
				pairs = append(pairs, candidate{[]int{fromRegion + toRegion, fromRegion}, l.Name, i, usd})
			}
			if at(e.From, from) && e.To == "internet" {
				internet = append(internet, candidate{[]int{fromRegion}, l.Name, i, usd})
			}
		}
	}
	if usd, ok := best(pairs); ok {
		return usd, true
	}
	if from[0] != to[0] {
		if usd, ok := best(internet); ok {
			return usd, true
		}
	}
	price := c.EgressPerGB(from[0], from[1], to[0], to[1])
	return price.USD, price.Known
}

func TestPropertyEgress(t *testing.T) {
	c := open(t)
	drawEnd := rapid.SampledFrom([][2]string{
		{"aws", "eu-west-1"}, {"aws", "us-east-1"}, {"aws", "ap-south-2"}, {"gcp", "europe-west1"}, {"gcp", ""}, {"lux", "a"}, {"lux", "b"}, {"ovh", "gra"},
	})
	rapid.Check(t, func(t *rapid.T) {
		lists := drawLists(t)
		p, _ := New(c, lists)
		for range 8 {
			from, to := drawEnd.Draw(t, "q.from"), rapid.OneOf(drawEnd, rapid.Just([2]string{"internet", ""})).Draw(t, "q.to")
			usd, known := naiveEgress(c, lists, from, to)
			if got := p.EgressPerGB(from[0], from[1], to[0], to[1]); math.Abs(got.USD-usd) > 1e-9 || got.Known != known {
				t.Fatalf("EgressPerGB(%v, %v) = %+v, want %v, %v", from, to, got, usd, known)
			}
		}
	})
}

func TestPropertyReplicaHourly(t *testing.T) {
	drawResources := func(t *rapid.T, label string) Resources {
		return Resources{
			MilliCPU:    rapid.Int64Range(0, 1<<20).Draw(t, label+".cpu"),
			MemoryBytes: rapid.Int64Range(0, 1<<45).Draw(t, label+".memory"),
			GPUs:        rapid.Int64Range(0, 16).Draw(t, label+".gpu"),
			GPUSlices:   rapid.SampledFrom([]int64{0, 0, 1, 3, 7, 56}).Draw(t, label+".slices"),
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		usd := rapid.Float64Range(0, maxHourlyUSD).Draw(t, "usd")
		request, allocatable := drawResources(t, "request"), drawResources(t, "allocatable")
		share := 0.0
		for _, r := range [][2]int64{
			{request.MilliCPU, allocatable.MilliCPU}, {request.MemoryBytes, allocatable.MemoryBytes},
			{7*request.GPUs + request.GPUSlices, 7*allocatable.GPUs + allocatable.GPUSlices},
		} {
			if r[1] > 0 {
				share = math.Max(share, float64(r[0])/float64(r[1]))
			}
		}
		want := usd * share
		for name, got := range map[string]float64{
			"Rates.Hourly": NewRates(usd, allocatable).Hourly(request),
			"Rates":        NewRates(usd, allocatable).Hourly(request),
		} {
			if math.Abs(got-want) > 1e-9*math.Max(1, want) {
				t.Fatalf("%s = %v, want %v", name, got, want)
			}
		}
	})
}
