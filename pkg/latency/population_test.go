package latency

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// clientAt is a population of clients at a place.
func clientAt(p Place) Client { return Client{place: p} }

func TestExpected(t *testing.T) {
	m := open(t)
	dublin, frankfurt := at(t, "aws/eu-west-1"), at(t, "aws/eu-central-1")
	// aws/eu-west-1 to aws/eu-central-1 is 21.759 ms; within one region 1 ms by documentation.
	populations := []Population{{clientAt(dublin), 70}, {clientAt(frankfurt), 30}}
	got := m.Expected(populations, frankfurt)
	if want := 0.7*21.759 + 0.3*sameRegionMilliseconds; math.Abs(got.Milliseconds-want) > 1e-9 {
		t.Errorf("%v ms, want %v", got.Milliseconds, want)
	}
	if got.Basis != BasisEstimate || got.Date != "2022-04" || got.Source != sameRegionSource {
		t.Errorf("%+v; want the worst basis and the oldest date", got)
	}
	end := m.Place(frankfurt)
	if compiled := m.Populations(populations).Expected(&end); compiled != got {
		t.Errorf("compiled %+v, want %+v", compiled, got)
	}
	if alone := m.Expected(populations[:1], frankfurt); alone.Basis != BasisMeasured || alone.Milliseconds != 21.759 {
		t.Errorf("%+v", alone)
	}
	for name, populations := range map[string][]Population{
		"none":         nil,
		"no share":     {{clientAt(dublin), 0}, {clientAt(frankfurt), -5}},
		"one unknown":  {{clientAt(dublin), 99}, {clientAt(Place{Cloud: "acme-dc", Region: "lux-1"}), 1}},
		"zero clients": {{Client{}, 100}},
	} {
		if got := m.Expected(populations, frankfurt); got != (RoundTrip{}) {
			t.Errorf("%s: %+v, want unknown", name, got)
		}
	}
}

func TestPercentile95(t *testing.T) {
	unknown := math.Inf(1)
	for _, test := range []struct {
		name   string
		shares []Weighted
		want   float64
	}{
		{"one", []Weighted{{12, 100}}, 12},
		{"exactly 95", []Weighted{{10, 95}, {90, 5}}, 10},
		{"just under 95", []Weighted{{10, 94}, {90, 6}}, 90},
		{"many small far ones", []Weighted{{10, 96}, {90, 1}, {80, 1}, {70, 1}, {60, 1}}, 10},
		{"the fifth percent", []Weighted{{10, 94}, {50, 1}, {90, 5}}, 50},
		{"equal", []Weighted{{10, 50}, {10, 50}}, 10},
		{"5 % unknown", []Weighted{{10, 95}, {unknown, 5}}, 10},
		{"6 % unknown", []Weighted{{10, 94}, {unknown, 6}}, unknown},
		{"not a number is unknown", []Weighted{{10, 94}, {math.NaN(), 6}}, unknown},
		{"none", nil, unknown},
		{"no share", []Weighted{{10, 0}, {20, -3}}, unknown},
		{"shares of another sum", []Weighted{{10, 950}, {90, 50}}, 10},
	} {
		if got := Percentile95(test.shares); got != test.want {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
}

// Against the definition: sort, add up, and stop at 95 %.
func TestPercentile95IsTheSmallestThatCovers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		shares := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Weighted {
			milliseconds := float64(rapid.IntRange(1, 30).Draw(t, "milliseconds"))
			if rapid.IntRange(0, 9).Draw(t, "unknown") == 0 {
				milliseconds = math.Inf(1)
			}
			return Weighted{milliseconds, int32(rapid.IntRange(0, 40).Draw(t, "share"))}
		}), 0, 64).Draw(t, "shares")

		sorted := slices.Clone(shares)
		slices.SortFunc(sorted, func(a, b Weighted) int { return int(math.Copysign(1, a.Milliseconds-b.Milliseconds)) })
		total, sum := 0, 0
		for _, s := range sorted {
			total += int(s.SharePercent)
		}
		want := math.Inf(1)
		for _, s := range sorted {
			sum += int(s.SharePercent)
			if total > 0 && float64(sum)/float64(total) >= 0.95 {
				want = s.Milliseconds
				break
			}
		}
		before := slices.Clone(shares)
		if got := Percentile95(shares); got != want {
			t.Fatalf("%v, want %v", got, want)
		}
		if !slices.Equal(before, shares) {
			t.Fatal("the shares were changed")
		}
	})
}

// The compiled rows say the same as asking place by place.
func TestRowsAgreeWithSingleAnswers(t *testing.T) {
	m := open(t)
	names := []string{"DE", "FR", "US", "LU", "aws/eu-west-1", "azure/westeurope", "gcp/us-east4", "acme-dc/lux-1"}
	places := []string{"aws/eu-west-1", "azure/westeurope", "gcp/europe-west1", "aws/us-east-1", "acme-dc/lux-1", "gcp/asia-east1"}
	rapid.Check(t, func(t *rapid.T) {
		var populations []Population
		for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom(names), 1, len(names), rapid.ID).Draw(t, "clients") {
			client, err := ParseClient(name)
			if err != nil {
				t.Fatal(err)
			}
			populations = append(populations, Population{client, int32(rapid.IntRange(1, 100).Draw(t, "share"))})
		}
		p := m.Populations(populations)
		chosen := rapid.SliceOfN(rapid.SampledFrom(places), 1, 4).Draw(t, "places")
		nearest := slices.Repeat([]float64{math.Inf(1)}, p.Len())
		shares := make([]Weighted, len(populations))
		for i, population := range populations {
			shares[i] = Weighted{math.Inf(1), population.SharePercent}
		}
		for _, name := range chosen {
			client, err := ParseClient(name)
			if err != nil {
				t.Fatal(err)
			}
			place, _ := client.Place()
			end := m.Place(place)
			row := p.appendRow(nil, &end)
			with := p.percentile95Of(nearest, row)
			p.nearer(nearest, row)
			if after := p.Percentile95(nearest); with != after {
				t.Fatalf("with %s it would be %v, and is %v", name, with, after)
			}
			for i, population := range populations {
				shares[i].Milliseconds = min(shares[i].Milliseconds, m.FromClient(population.Client, place).OrInfinite())
			}
			if compiled, single := p.Expected(&end), m.Expected(populations, place); compiled != single {
				t.Fatalf("%+v, want %+v", compiled, single)
			}
		}
		limit := Percentile95(shares)
		if got := p.Percentile95(nearest); got != limit {
			t.Fatalf("%v, want %v", got, limit)
		}
		if covered := p.coveredPercent(nearest, limit); covered < 95 {
			t.Fatalf("%v ms cover %v %%", limit, covered)
		}
		if !math.IsInf(limit, 1) {
			if covered := p.coveredPercent(nearest, math.Nextafter(limit, 0)); covered >= 95 {
				t.Fatalf("less than %v ms cover %v %%", limit, covered)
			}
		}
	})
}

func TestNoPopulations(t *testing.T) {
	m := open(t)
	p := m.Populations([]Population{{clientOf(t, "DE"), 0}})
	end := m.Place(at(t, "aws/eu-west-1"))
	if p.Len() != 0 || p.Expected(&end).Known() || !math.IsInf(p.Percentile95(nil), 1) || p.coveredPercent(nil, 100) != 0 {
		t.Error("a population without a share has an answer")
	}
}
