package pricing

import (
	"runtime"
	"testing"

	"tradewind.dev/tradewind/apis/v1alpha1"
)

// BenchmarkOpen reads the embedded catalog and tells how much of it stays in memory.
func BenchmarkOpen(b *testing.B) {
	b.ReportAllocs()
	var c *Catalog
	for b.Loop() {
		var err error
		if c, err = Read(embeddedCatalog, embeddedEgress); err != nil {
			b.Fatal(err)
		}
	}
	live := func() float64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return float64(m.HeapAlloc)
	}
	with := live()
	runtime.KeepAlive(c)
	b.ReportMetric((with-live())/(1<<20), "resident-MiB")
	b.ReportMetric(float64(len(embeddedCatalog)+len(embeddedEgress))/(1<<20), "embedded-MiB")
}

func BenchmarkHourly(b *testing.B) {
	c := open(b)
	for name, q := range map[string][3]string{
		"aws":              {"aws", "eu-west-1", "m7i.large"},
		"gcp":              {"gcp", "europe-west1", "n2-standard-4"},
		"azure":            {"azure", "westeurope", "Standard_D4s_v5"},
		"azure-other-case": {"azure", "westeurope", "standard_d4s_v5"},
		"unknown":          {"aws", "eu-west-1", "nothing"},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c.Hourly(q[0], q[1], q[2], onDemand)
			}
		})
	}
}

func BenchmarkInstance(b *testing.B) {
	c := open(b)
	b.ReportAllocs()
	for b.Loop() {
		c.Instance("aws", "eu-west-1", "m7i.large")
	}
}

func BenchmarkEgressPerGB(b *testing.B) {
	c := open(b)
	for name, q := range map[string][4]string{
		"pair":        {"aws", "eu-west-1", "gcp", "europe-west1"},
		"same-region": {"aws", "eu-west-1", "aws", "eu-west-1"},
		"internet":    {"azure", "westeurope", "luxembourg", "lu-1"},
		"unknown":     {"luxembourg", "lu-1", "aws", "eu-west-1"},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c.EgressPerGB(q[0], q[1], q[2], q[3])
			}
		})
	}
}

func BenchmarkPrices(b *testing.B) {
	p, problems := New(open(b), []v1alpha1.PriceList{everything()})
	if len(problems) > 0 {
		b.Fatal(problems)
	}
	for name, q := range map[string]NodeQuery{
		"node-override":  {Cloud: "aws", Region: "eu-west-1", Zone: "eu-west-1a", InstanceType: "m7i.large", CapacityType: onDemand},
		"node-discount":  {Cloud: "aws", Region: "us-east-1", Zone: "us-east-1a", InstanceType: "c5.large", CapacityType: onDemand},
		"node-list":      {Cloud: "gcp", Region: "europe-west1", Zone: "europe-west1-b", InstanceType: "n2-standard-4", CapacityType: onDemand},
		"node-resources": {Cloud: "luxembourg", Region: "lu-1", CapacityType: onDemand, MilliCPU: 8000, MemoryBytes: 32 << 30},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				p.Node(q)
			}
		})
	}
	b.Run("egress-override", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			p.EgressPerGB("aws", "eu-west-1", "luxembourg", "lu-1")
		}
	})
	b.Run("egress-list", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			p.EgressPerGB("aws", "eu-west-1", "gcp", "europe-west1")
		}
	})
}

func BenchmarkReplicaHourly(b *testing.B) {
	node := Resources{MilliCPU: 4000, MemoryBytes: 16 << 30, GPUs: 1}
	request := Resources{MilliCPU: 500, MemoryBytes: 1 << 30}
	b.Run("precomputed", func(b *testing.B) {
		rates := NewRates(0.2, node)
		b.ReportAllocs()
		for b.Loop() {
			rates.Hourly(request)
		}
	})
	b.Run("direct", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			NewRates(0.2, node).Hourly(request)
		}
	})
}

// BenchmarkNew lays a price list of the largest size over the catalog.
func BenchmarkNew(b *testing.B) {
	c := open(b)
	var spec v1alpha1.PriceListSpec
	for _, region := range c.Regions("aws") {
		for _, name := range c.Types("aws", region) {
			if len(spec.Instances) < 4096 {
				spec.Instances = append(spec.Instances, v1alpha1.InstancePrice{Cloud: "aws", Region: region, InstanceType: name, HourlyUSD: quantity("0.1")})
			}
		}
		spec.Discounts = append(spec.Discounts, v1alpha1.Discount{Cloud: "aws", Region: region, Percent: quantity("10")})
	}
	lists := []v1alpha1.PriceList{list("large", spec)}
	b.ReportAllocs()
	for b.Loop() {
		New(c, lists)
	}
}
