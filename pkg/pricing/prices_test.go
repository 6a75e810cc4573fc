package pricing

import (
	"math"
	"strings"
	"testing"

	"tradewind.dev/tradewind/apis/v1alpha1"
)

func newPrices(t testing.TB, lists ...v1alpha1.PriceList) *Prices {
	t.Helper()
	p, problems := New(open(t), lists)
	if len(problems) > 0 {
		t.Fatalf("problems: %v", problems)
	}
	return p
}

func near(a, b float64) bool { return math.Abs(a-b) <= 1e-12*max(1, math.Abs(b)) }

func TestNode(t *testing.T) {
	type (
		spec     = v1alpha1.PriceListSpec
		instance = v1alpha1.InstancePrice
		discount = v1alpha1.Discount
		byUnit   = v1alpha1.ResourcePrice
	)
	m7i := NodeQuery{Cloud: "aws", Region: "eu-west-1", InstanceType: "m7i.large", CapacityType: onDemand} // 0.11235
	with := func(q NodeQuery, change func(*NodeQuery)) NodeQuery { change(&q); return q }
	m7iSpot := with(m7i, func(q *NodeQuery) { q.CapacityType = spot })
	private := NodeQuery{Cloud: "luxembourg", Region: "lu-1", CapacityType: onDemand, MilliCPU: 8000, MemoryBytes: 32 << 30}
	d4s := NodeQuery{Cloud: "azure", Region: "westeurope", InstanceType: "standard_d4s_v5", CapacityType: onDemand}
	byResource := []byUnit{{Cloud: "luxembourg", CPUHourlyUSD: quantityPointer("0.01"), MemoryGiBHourlyUSD: quantityPointer("0.002")}}
	tests := []struct {
		name  string
		query NodeQuery
		lists []v1alpha1.PriceList
		want  float64
		basis Basis
	}{
		{"catalog", m7i, nil, 0.11235, BasisList},
		{"no cloud", NodeQuery{Region: "eu-west-1", InstanceType: "m7i.large", CapacityType: onDemand}, nil, 0, BasisUnknown},
		{"no capacity type", with(m7i, func(q *NodeQuery) { q.CapacityType = "" }), nil, 0, BasisUnknown},
		{"override of every region", m7i, []v1alpha1.PriceList{list("a", spec{Instances: []instance{
			{Cloud: "aws", InstanceType: "m7i.large", HourlyUSD: quantity("0.3")}}})}, 0.3, BasisOverride},
		{"region wins over every region, also of an earlier list", m7i, []v1alpha1.PriceList{
			list("a", spec{Instances: []instance{{Cloud: "aws", InstanceType: "m7i.large", HourlyUSD: quantity("0.3")}}}),
			list("b", spec{Instances: []instance{{Cloud: "aws", Region: "eu-west-1", InstanceType: "m7i.large", HourlyUSD: quantity("0.2")}}}),
		}, 0.2, BasisOverride},
		{"first name wins between equals", m7i, []v1alpha1.PriceList{
			list("b", spec{Instances: []instance{{Cloud: "aws", InstanceType: "m7i.large", HourlyUSD: quantity("0.2")}}}),
			list("a", spec{Instances: []instance{{Cloud: "aws", InstanceType: "m7i.large", HourlyUSD: quantity("0.1")}}}),
		}, 0.1, BasisOverride},
		{"override of another capacity type", m7i, []v1alpha1.PriceList{list("a", spec{Instances: []instance{
			{Cloud: "aws", InstanceType: "m7i.large", CapacityType: spot, HourlyUSD: quantity("0.3")}}})}, 0.11235, BasisList},
		{"reserved", with(m7i, func(q *NodeQuery) { q.CapacityType = reserved }), []v1alpha1.PriceList{list("a", spec{Instances: []instance{
			{Cloud: "aws", InstanceType: "m7i.large", CapacityType: reserved, HourlyUSD: quantity("0.07")}}})}, 0.07, BasisOverride},
		{"a price of 0 is a price", m7i, []v1alpha1.PriceList{list("a", spec{Instances: []instance{
			{Cloud: "aws", InstanceType: "m7i.large", HourlyUSD: quantity("0")}}})}, 0, BasisOverride},
		{"type that nobody else sells", NodeQuery{Cloud: "luxembourg", InstanceType: "r640", CapacityType: onDemand}, []v1alpha1.PriceList{
			list("a", spec{Instances: []instance{{Cloud: "luxembourg", InstanceType: "r640", HourlyUSD: quantity("0.5")}}})}, 0.5, BasisOverride},
		{"azure in another case", d4s, []v1alpha1.PriceList{list("a", spec{Instances: []instance{
			{Cloud: "azure", Region: "WestEurope", InstanceType: "STANDARD_D4S_v5", HourlyUSD: quantity("0.2")}}})}, 0.2, BasisOverride},
		{"discount", m7i, []v1alpha1.PriceList{list("a", spec{Discounts: []discount{{Cloud: "aws", Percent: quantity("12.5")}}})},
			0.11235 * 0.875, BasisDiscount},
		{"discount of all", m7i, []v1alpha1.PriceList{list("a", spec{Discounts: []discount{{Cloud: "aws", Percent: quantity("100")}}})},
			0, BasisDiscount},
		{"discount is for on-demand", m7iSpot, []v1alpha1.PriceList{list("a", spec{Discounts: []discount{{Cloud: "aws", Percent: quantity("10")}}})},
			0.050558, BasisList},
		{"discount of spot", m7iSpot, []v1alpha1.PriceList{list("a", spec{Discounts: []discount{{Cloud: "aws", CapacityType: spot, Percent: quantity("10")}}})},
			0.050558 * 0.9, BasisDiscount},
		{"longer prefix wins over region", m7i, []v1alpha1.PriceList{list("a", spec{Discounts: []discount{
			{Cloud: "aws", Region: "eu-west-1", Percent: quantity("10")}, {Cloud: "aws", InstanceTypePrefix: "m7i.", Percent: quantity("20")},
			{Cloud: "aws", InstanceTypePrefix: "m7", Percent: quantity("30")}}})}, 0.11235 * 0.8, BasisDiscount},
		{"region wins at equal prefix", m7i, []v1alpha1.PriceList{list("a", spec{Discounts: []discount{
			{Cloud: "aws", InstanceTypePrefix: "m7i.", Percent: quantity("10")},
			{Cloud: "aws", Region: "eu-west-1", InstanceTypePrefix: "m7i.", Percent: quantity("20")}}})}, 0.11235 * 0.8, BasisDiscount},
		{"discount of another region", m7i, []v1alpha1.PriceList{list("a", spec{Discounts: []discount{
			{Cloud: "aws", Region: "us-east-1", Percent: quantity("10")}}})}, 0.11235, BasisList},
		{"discount prefix of azure in another case", d4s, []v1alpha1.PriceList{list("a", spec{Discounts: []discount{
			{Cloud: "azure", InstanceTypePrefix: "standard_d", Percent: quantity("50")}}})}, 0.115, BasisDiscount},
		{"no discount off an override", m7i, []v1alpha1.PriceList{list("a", spec{
			Discounts: []discount{{Cloud: "aws", Percent: quantity("50")}},
			Instances: []instance{{Cloud: "aws", InstanceType: "m7i.large", HourlyUSD: quantity("0.3")}}})}, 0.3, BasisOverride},
		{"resources", private, []v1alpha1.PriceList{list("a", spec{Resources: byResource})}, 8*0.01 + 32*0.002, BasisResources},
		{"resources do not need a capacity type", with(private, func(q *NodeQuery) { q.CapacityType = "" }),
			[]v1alpha1.PriceList{list("a", spec{Resources: byResource})}, 8*0.01 + 32*0.002, BasisResources},
		{"resources of a region", private, []v1alpha1.PriceList{list("a", spec{Resources: byResource}), list("b", spec{Resources: []byUnit{
			{Cloud: "luxembourg", Region: "lu-1", CPUHourlyUSD: quantityPointer("0.02")}}})}, 8 * 0.02, BasisResources},
		{"an instance type wins over resources", with(private, func(q *NodeQuery) { q.InstanceType = "r640" }),
			[]v1alpha1.PriceList{list("a", spec{Resources: byResource, Instances: []instance{{Cloud: "luxembourg", InstanceType: "r640", HourlyUSD: quantity("1")}}})},
			1, BasisOverride},
		{"GPUs without a price", with(private, func(q *NodeQuery) { q.GPUs = 1 }), []v1alpha1.PriceList{list("a", spec{Resources: byResource})}, 0, BasisUnknown},
		{"GPUs", with(private, func(q *NodeQuery) { q.GPUs = 2 }), []v1alpha1.PriceList{list("a", spec{Resources: []byUnit{
			{Cloud: "luxembourg", GPUHourlyUSD: quantityPointer("1.5")}}})}, 3, BasisResources},
		{"a node without capacity", NodeQuery{Cloud: "luxembourg"}, []v1alpha1.PriceList{list("a", spec{Resources: byResource})}, 0, BasisUnknown},
		{"resources of another cloud", m7i, []v1alpha1.PriceList{list("a", spec{Resources: byResource})}, 0.11235, BasisList},
		{"local zone", NodeQuery{Cloud: "aws", Region: "us-east-1", Zone: "us-east-1-nyc-2a", InstanceType: "c5.2xlarge", CapacityType: onDemand}, nil, 0, BasisUnknown},
		{"Windows", with(m7i, func(q *NodeQuery) { q.OperatingSystem = "windows" }), nil, 0, BasisUnknown},
		{"Linux", with(m7i, func(q *NodeQuery) { q.OperatingSystem = "linux" }), nil, 0.11235, BasisList},
		{"a price of Linux is none of Windows", with(m7i, func(q *NodeQuery) { q.OperatingSystem = "windows" }), []v1alpha1.PriceList{list("a", spec{
			Discounts: []discount{{Cloud: "aws", Percent: quantity("10")}},
			Instances: []instance{{Cloud: "aws", InstanceType: "m7i.large", OperatingSystem: "linux", HourlyUSD: quantity("0.1")}}})}, 0, BasisUnknown},
		{"a price of Windows", with(m7i, func(q *NodeQuery) { q.OperatingSystem = "windows" }), []v1alpha1.PriceList{list("a", spec{Instances: []instance{
			{Cloud: "aws", InstanceType: "m7i.large", HourlyUSD: quantity("0.1")},
			{Cloud: "aws", InstanceType: "m7i.large", OperatingSystem: "windows", HourlyUSD: quantity("0.2")}}})}, 0.2, BasisOverride},
		{"a price of Windows is none of Linux", m7i, []v1alpha1.PriceList{list("a", spec{Instances: []instance{
			{Cloud: "aws", InstanceType: "m7i.large", OperatingSystem: "windows", HourlyUSD: quantity("0.2")}}})}, 0.11235, BasisList},
		{"ordinary zone", with(m7i, func(q *NodeQuery) { q.Zone = "eu-west-1a" }), nil, 0.11235, BasisList},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := newPrices(t, test.lists...).Node(test.query)
			if !near(got.USD, test.want) || got.Basis != test.basis || got.Known != (test.basis != BasisUnknown) {
				t.Errorf("%+v, want %v, %v", got, test.want, test.basis)
			}
			if got.Known == (got.Source == "") {
				t.Errorf("source %q", got.Source)
			}
		})
	}
}

// The prices of local and wavelength zones are found by the names of zones that AWS uses.
func TestNodeInEdgeZone(t *testing.T) {
	c := open(t)
	p := newPrices(t, list("acme", v1alpha1.PriceListSpec{Discounts: []v1alpha1.Discount{{Cloud: "aws", Region: "us-west-2", Percent: quantity("10")}}}))
	for zone, column := range map[string]string{
		"us-east-1-nyc-1a":        "us-east-1-nyc-1",
		"us-east-1-wl1-bos-wlz-1": "us-east-1-wl1",
		"us-east-1-wl1-atl-wlz-1": "us-east-1-wl1-atl1",
		"eu-west-2-wl2-man-wlz-1": "eu-west-2-wl2-man1",
		"us-west-2-lax-1b":        "us-west-2-lax-1",
	} {
		region := zone[:strings.IndexAny(zone, "0123456789")+1]
		sold := c.Types("aws", column)
		if len(sold) == 0 {
			t.Fatalf("no prices in %s", column)
		}
		for _, name := range sold {
			want := c.Hourly("aws", column, name, onDemand).USD
			if region == "us-west-2" {
				want *= 0.9 // the region's discount holds in its local zones
			}
			got := p.Node(NodeQuery{Cloud: "aws", Region: region, Zone: zone, InstanceType: name, CapacityType: onDemand})
			if !near(got.USD, want) || !got.Known {
				t.Errorf("%s in %s: %+v, want %v", name, zone, got, want)
			}
		}
	}
}

func TestOriginsOfOverrides(t *testing.T) {
	p := newPrices(t, everything())
	for _, test := range []struct {
		price        Price
		source, date string
	}{
		{p.Node(NodeQuery{Cloud: "aws", Region: "eu-west-1", InstanceType: "m7i.large", CapacityType: onDemand}),
			"PriceList/everything: contract 7", "2026-10-01"},
		{p.Node(NodeQuery{Cloud: "aws", Region: "us-east-1", InstanceType: "c5.large", CapacityType: onDemand}),
			"PriceList/everything: 12.5% off cristim/ec2-instances-info (ec2instances.info)", "2025-05"},
		{p.Node(NodeQuery{Cloud: "luxembourg", MilliCPU: 1}), "PriceList/everything: contract 7", "2026-10-01"},
		{p.EgressPerGB("luxembourg", "lu-1", "internet", ""), "PriceList/everything: contract 7", "2026-10-01"},
	} {
		if !test.price.Known || test.price.Source != test.source || test.price.Date != test.date {
			t.Errorf("%+v, want %q of %s", test.price, test.source, test.date)
		}
	}
}

func TestEgressOverrides(t *testing.T) {
	egress := func(entries ...string) v1alpha1.PriceList {
		var spec v1alpha1.PriceListSpec
		for i := 0; i < len(entries); i += 3 {
			spec.Egress = append(spec.Egress, v1alpha1.EgressPrice{From: entries[i], To: entries[i+1], USDPerGB: quantity(entries[i+2])})
		}
		return list("a", spec)
	}
	tests := []struct {
		name                                     string
		list                                     v1alpha1.PriceList
		fromCloud, fromRegion, toCloud, toRegion string
		want                                     float64 // -1: unknown
		basis                                    Basis
	}{
		{"cloud to cloud", egress("aws", "gcp", "0.05"), "aws", "eu-west-1", "gcp", "europe-west1", 0.05, BasisOverride},
		{"not back", egress("aws", "gcp", "0.05"), "gcp", "europe-west1", "aws", "eu-west-1", 0.12, BasisList},
		{"both regions win", egress("aws", "gcp", "0.05", "aws/eu-west-1", "gcp", "0.04", "aws", "gcp/europe-west1", "0.03",
			"aws/eu-west-1", "gcp/europe-west1", "0.02"), "aws", "eu-west-1", "gcp", "europe-west1", 0.02, BasisOverride},
		{"then the origin's region", egress("aws", "gcp/europe-west1", "0.03", "aws/eu-west-1", "gcp", "0.04"),
			"aws", "eu-west-1", "gcp", "europe-west1", 0.04, BasisOverride},
		{"then the destination's", egress("aws", "gcp", "0.05", "aws", "gcp/europe-west1", "0.03"), "aws", "eu-west-1", "gcp", "europe-west1", 0.03, BasisOverride},
		{"to the internet", egress("aws", "internet", "0.01"), "aws", "eu-west-1", "internet", "", 0.01, BasisOverride},
		{"to the internet from a region", egress("aws", "internet", "0.01", "aws/eu-west-1", "internet", "0.02"), "aws", "eu-west-1", "internet", "", 0.02, BasisOverride},
		{"another cloud is over the internet", egress("aws", "internet", "0.01"), "aws", "eu-west-1", "gcp", "europe-west1", 0.01, BasisOverride},
		{"a pair wins over the internet", egress("aws/eu-west-1", "internet", "0.01", "aws", "gcp", "0.02"), "aws", "eu-west-1", "gcp", "europe-west1", 0.02, BasisOverride},
		{"the same cloud is not over the internet", egress("aws", "internet", "0.01"), "aws", "eu-west-1", "aws", "us-east-1", 0.02, BasisList},
		{"inside a region", egress("aws", "aws", "0.01"), "aws", "eu-west-1", "aws", "eu-west-1", 0.01, BasisOverride},
		{"between private data centres", egress("lux", "esch", "0"), "lux", "a", "esch", "", 0, BasisOverride},
		{"back unknown", egress("lux", "esch", "0"), "esch", "", "lux", "a", -1, BasisUnknown},
		{"azure in another case", egress("azure/WestEurope", "internet", "0.01"), "azure", "westeurope", "internet", "", 0.01, BasisOverride},
		{"to nowhere", egress("aws", "internet", "0.01"), "aws", "eu-west-1", "", "", -1, BasisUnknown},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := newPrices(t, test.list).EgressPerGB(test.fromCloud, test.fromRegion, test.toCloud, test.toRegion)
			if got.Known != (test.want >= 0) || got.Known && got.USD != test.want || got.Basis != test.basis {
				t.Errorf("%+v, want %v, %v", got, test.want, test.basis)
			}
		})
	}
}

func TestReplicaHourly(t *testing.T) {
	node := Resources{MilliCPU: 4000, MemoryBytes: 16 << 30, GPUs: 2}
	tests := []struct {
		name                 string
		request, allocatable Resources
		want                 float64 // of a node of 8 dollars an hour
	}{
		{"CPU dominates", Resources{MilliCPU: 2000, MemoryBytes: 1 << 30}, node, 4},
		{"memory dominates", Resources{MilliCPU: 100, MemoryBytes: 4 << 30}, node, 2},
		{"GPU dominates", Resources{MilliCPU: 100, MemoryBytes: 1 << 30, GPUs: 2}, node, 8},
		{"no requests", Resources{}, node, 0},
		{"no allocatable", Resources{MilliCPU: 100, GPUs: 1}, Resources{}, 0},
		{"GPU on a node without", Resources{MilliCPU: 1000, GPUs: 1}, Resources{MilliCPU: 4000}, 2},
		{"slices of GPUs", Resources{MilliCPU: 100, GPUSlices: 8}, Resources{MilliCPU: 95000, GPUSlices: 56}, 8. * 8 / 56},
		{"larger slices", Resources{GPUSlices: 3}, Resources{MilliCPU: 4000, GPUSlices: 48}, 8. * 3 / 48},
		{"slices beside whole GPUs", Resources{GPUSlices: 7}, Resources{MilliCPU: 4000, GPUs: 1, GPUSlices: 7}, 4},
		{"a whole GPU beside slices", Resources{GPUs: 1}, Resources{MilliCPU: 4000, GPUs: 1, GPUSlices: 7}, 4},
		{"negative allocatable", Resources{MilliCPU: 1000}, Resources{MilliCPU: -1}, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := NewRates(8, test.allocatable).Hourly(test.request); got != test.want {
				t.Errorf("%v, want %v", got, test.want)
			}
		})
	}
}

func TestMIGSlices(t *testing.T) {
	for resource, want := range map[string]int64{
		"nvidia.com/mig-1g.5gb": 1, "nvidia.com/mig-1g.5gb.me": 1, "nvidia.com/mig-3g.20gb": 3, "nvidia.com/mig-7g.80gb": 7, "nvidia.com/mig-1c.3g.40gb": 1,
		"nvidia.com/gpu": 0, "nvidia.com/mig-": 0, "nvidia.com/mig-9g.5gb": 0, "nvidia.com/mig-g": 0, "example.com/mig-1g.5gb": 0, "nvidia.com/mig-1x.5gb": 0, "": 0,
	} {
		if got := MIGSlices(resource); got != want {
			t.Errorf("%s: %d slices, want %d", resource, got, want)
		}
	}
	for _, test := range []struct{ r, want Resources }{
		{Resources{GPUs: 2}, Resources{GPUs: 2}}, {Resources{GPUSlices: 56}, Resources{GPUs: 8}}, {Resources{GPUs: 1, GPUSlices: 8}, Resources{GPUs: 3}},
	} {
		if got := test.r.Cards(); got != test.want.GPUs {
			t.Errorf("%+v: %d cards, want %d", test.r, got, test.want.GPUs)
		}
	}
}
