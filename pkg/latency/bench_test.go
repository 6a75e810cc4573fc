package latency

import (
	"fmt"
	"math"
	"runtime"
	"slices"
	"testing"
	"time"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/location"
)

func benchmarkBetween(b *testing.B, m *Map, from, to Place, basis Basis) {
	if got := m.Between(from, to); got.Basis != basis {
		b.Fatal(got)
	}
	b.ReportAllocs()
	for b.Loop() {
		m.Between(from, to)
	}
}

func BenchmarkBetweenMeasured(b *testing.B) {
	benchmarkBetween(b, open(b), at(b, "aws/eu-west-1"), at(b, "gcp/europe-west1"), BasisMeasured)
}

func BenchmarkBetweenEstimate(b *testing.B) {
	private := Place{Cloud: "acme-dc", Region: "lux-1", Coordinates: location.Coordinates{Latitude: 49.6, Longitude: 6.1, Known: true}}
	benchmarkBetween(b, open(b), at(b, "aws/eu-west-1"), private, BasisEstimate)
}

func BenchmarkBetweenOverride(b *testing.B) {
	m := overlay(b, latencyMap("lab", sample("aws/eu-west-1", "acme-dc/lux-1", "20", 0)))
	benchmarkBetween(b, m, at(b, "aws/eu-west-1"), Place{Cloud: "acme-dc", Region: "lux-1"}, BasisOverride)
}

func benchmarkFromClient(b *testing.B, text string, basis Basis) {
	m, client, place := open(b), clientOf(b, text), at(b, "aws/eu-west-1")
	if got := m.FromClient(client, place); got.Basis != basis {
		b.Fatal(got)
	}
	b.ReportAllocs()
	for b.Loop() {
		m.FromClient(client, place)
	}
}

func BenchmarkFromClientProxy(b *testing.B)    { benchmarkFromClient(b, "DE", BasisProxy) }
func BenchmarkFromClientEstimate(b *testing.B) { benchmarkFromClient(b, "LU", BasisEstimate) }

func BenchmarkRoundTripCompiled(b *testing.B) {
	m := open(b)
	from, to := m.Client(clientOf(b, "DE")), m.Place(at(b, "aws/eu-west-1"))
	b.ReportAllocs()
	for b.Loop() {
		m.RoundTrip(&from, &to)
	}
}

func fourPopulations(b *testing.B) []Population {
	return []Population{{clientOf(b, "DE"), 50}, {clientOf(b, "FR"), 30}, {clientOf(b, "LU"), 15}, {clientOf(b, "US"), 5}}
}

func BenchmarkExpectedCompiled4(b *testing.B) {
	m := open(b)
	p, end := m.Populations(fourPopulations(b)), m.Place(at(b, "aws/eu-west-1"))
	b.ReportAllocs()
	for b.Loop() {
		p.Expected(&end)
	}
}

func BenchmarkPercentile95Of64(b *testing.B) {
	m := open(b)
	var populations []Population
	for _, r := range location.Regions("")[:64] {
		populations = append(populations, Population{clientAt(placeOfRegion(r)), 1})
	}
	p := m.Populations(populations)
	near, far := m.Place(at(b, "aws/eu-west-1")), m.Place(at(b, "aws/us-east-1"))
	row, nearest := p.appendRow(nil, &near), p.appendRow(nil, &far)
	b.ReportAllocs()
	for b.Loop() {
		p.percentile95Of(nearest, row)
	}
}

func BenchmarkNew8192Samples(b *testing.B) {
	m := open(b)
	lab := latencyMap("lab")
	for i := range 8192 {
		lab.Spec.Samples = append(lab.Spec.Samples, sample(fmt.Sprintf("acme-dc/r%d", i/90), fmt.Sprintf("beta-dc/r%d", i%90), "20", time.Hour))
	}
	maps := []v1alpha1.LatencyMap{lab}
	b.ReportAllocs()
	for b.Loop() {
		New(m.matrix, maps, now)
	}
}

// BenchmarkOpen reads the built-in matrix from its bytes, and reports what it keeps in memory.
func BenchmarkOpen(b *testing.B) {
	location.Regions("") // the location table is not this package's
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	kept, err := Parse(embedded)
	if err != nil {
		b.Fatal(err)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(embedded); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/1024, "KiB-resident")
	runtime.KeepAlive(kept)
}

// Look-ups allocate nothing; unlike a time, that is the same on every machine.
func TestLookUpsDoNotAllocate(t *testing.T) {
	m := overlay(t, latencyMap("lab", sample("aws/eu-west-1", "acme-dc/lux-1", "20", 0)))
	places := []Place{at(t, "aws/eu-west-1"), at(t, "gcp/europe-west1"), at(t, "hetzner/fsn1"), {Cloud: "acme-dc", Region: "lux-1"}, {}}
	clients := []Client{clientOf(t, "DE"), clientOf(t, "LU"), clientOf(t, "gcp/us-east4")}
	populations := []Population{{clients[0], 60}, {clients[1], 40}}
	compiled := m.Populations(populations)
	row, nearest := make([]float64, 0, 2), slices.Repeat([]float64{math.Inf(1)}, 2)
	weighted := []Weighted{{10, 60}, {20, 40}}
	allocations := testing.AllocsPerRun(100, func() {
		for _, a := range places {
			for _, b := range places {
				m.Between(a, b)
			}
			for _, c := range clients {
				m.FromClient(c, a)
			}
			m.Expected(populations, a)
			end := m.Place(a)
			compiled.Expected(&end)
			row = compiled.appendRow(row[:0], &end)
			compiled.percentile95Of(nearest, row)
			compiled.nearer(nearest, row)
			compiled.coveredPercent(nearest, 50)
			Percentile95(weighted)
		}
	})
	if allocations != 0 {
		t.Errorf("%v allocations", allocations)
	}
}
