package latency

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/location"
)

var now = time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)

// sample observed so long before now; never dated where ago is negative.
func sample(from, to, milliseconds string, ago time.Duration) v1alpha1.LatencySample {
	s := v1alpha1.LatencySample{From: from, To: to, Milliseconds: resource.MustParse(milliseconds)}
	if ago >= 0 {
		s.ObservedAt = &metav1.Time{Time: now.Add(-ago)}
	}
	return s
}

const undated = time.Duration(-1)

func latencyMap(name string, samples ...v1alpha1.LatencySample) v1alpha1.LatencyMap {
	return v1alpha1.LatencyMap{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       v1alpha1.LatencyMapSpec{Samples: samples},
	}
}

func aged(m v1alpha1.LatencyMap, age time.Duration) v1alpha1.LatencyMap {
	m.Spec.MaxAge = &metav1.Duration{Duration: age}
	return m
}

// overlay is the built-in matrix under LatencyMaps that have nothing wrong.
func overlay(t testing.TB, maps ...v1alpha1.LatencyMap) *Map {
	t.Helper()
	m, problems, err := OpenMap(maps, now)
	if err != nil || len(problems) > 0 {
		t.Fatal(err, problems)
	}
	return m
}

func TestSampleOverridesTheMatrix(t *testing.T) {
	lab := latencyMap("lab", sample("aws/eu-west-1", "aws/eu-central-1", "24.5", 48*time.Hour))
	lab.Spec.Source = "network team"
	m := overlay(t, lab)
	dublin, frankfurt := at(t, "aws/eu-west-1"), at(t, "aws/eu-central-1")
	want := RoundTrip{Milliseconds: 24.5, Basis: BasisOverride, Source: "LatencyMap/lab: network team", Date: "2026-07-30"}
	if there, back := m.Between(dublin, frankfurt), m.Between(frankfurt, dublin); there != want || back != want {
		t.Errorf("%+v and back %+v, want %+v", there, back, want)
	}
	if got := m.Between(dublin, at(t, "gcp/europe-west1")); got.Milliseconds != 18.948 || got.Basis != BasisMeasured {
		t.Errorf("a pair that nobody overrode: %+v", got)
	}
	if m.Stats() != (Stats{Samples: 1, Used: 1}) {
		t.Errorf("%+v", m.Stats())
	}
}

func TestEachDirectionMayHaveItsOwnSample(t *testing.T) {
	m := overlay(t, latencyMap("lab",
		sample("aws/eu-west-1", "acme-dc/lux-1", "20", 0),
		sample("acme-dc/lux-1", "aws/eu-west-1", "22", 100*time.Hour))) // older, and yet its own
	dublin, luxembourg := at(t, "aws/eu-west-1"), at(t, "acme-dc/lux-1")
	if there, back := m.Between(dublin, luxembourg), m.Between(luxembourg, dublin); there.Milliseconds != 20 || back.Milliseconds != 22 {
		t.Errorf("%v and back %v, want 20 and 22", there, back)
	}
}

func TestWhichSampleWins(t *testing.T) {
	pair := func(milliseconds string, ago time.Duration) v1alpha1.LatencySample {
		return sample("aws/eu-west-1", "acme-dc/lux-1", milliseconds, ago)
	}
	for _, test := range []struct {
		name string
		maps []v1alpha1.LatencyMap
		want float64
	}{
		{"the newest", []v1alpha1.LatencyMap{latencyMap("a", pair("10", 2*time.Hour)), latencyMap("b", pair("20", time.Hour)), latencyMap("c", pair("30", 3*time.Hour))}, 20},
		{"a dated one over an undated one", []v1alpha1.LatencyMap{latencyMap("a", pair("10", undated)), latencyMap("b", pair("20", 9999*time.Hour))}, 20},
		{"the name that sorts first", []v1alpha1.LatencyMap{latencyMap("b", pair("20", time.Hour)), latencyMap("a", pair("10", time.Hour))}, 10},
		{"the name, both undated", []v1alpha1.LatencyMap{latencyMap("b", pair("20", undated)), latencyMap("a", pair("10", undated))}, 10},
		{"the earlier of one map", []v1alpha1.LatencyMap{latencyMap("a", pair("10", time.Hour), pair("20", time.Hour))}, 10},
	} {
		m := overlay(t, test.maps...)
		if got := m.Between(at(t, "aws/eu-west-1"), at(t, "acme-dc/lux-1")); got.Milliseconds != test.want {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
		if stats := m.Stats(); stats.Used != 1 || stats.Superseded != stats.Samples-1 {
			t.Errorf("%s: %+v", test.name, stats)
		}
	}
}

func TestSampleOfACountry(t *testing.T) {
	m := overlay(t, latencyMap("lab",
		sample("DE", "aws/eu-west-1", "31", 0),
		sample("acme-dc/lux-1", "LU", "2.5", 0)))
	if got := m.FromClient(clientOf(t, "DE"), at(t, "aws/eu-west-1")); got.Milliseconds != 31 || got.Basis != BasisOverride {
		t.Errorf("%+v", got)
	}
	if got := m.FromClient(clientOf(t, "LU"), at(t, "acme-dc/lux-1")); got.Milliseconds != 2.5 || got.Basis != BasisOverride {
		t.Errorf("a sample holds in both directions: %+v", got)
	}
	if got := m.FromClient(clientOf(t, "DE"), at(t, "aws/eu-central-1")); got.Basis != BasisProxy {
		t.Errorf("%+v", got)
	}
}

// A sample between regions is one of the figures that clients' proxies are the median of.
func TestSamplesMoveProxies(t *testing.T) {
	base := open(t)
	m := overlay(t, latencyMap("lab", sample("aws/eu-central-1", "acme-dc/lux-1", "5", 0)))
	private := at(t, "acme-dc/lux-1")
	if got := m.FromClient(clientOf(t, "DE"), private); got.Milliseconds != 5 || got.Basis != BasisProxy || got.Date != "2026-08-01" {
		t.Errorf("DE to a private place that Frankfurt was measured to: %+v", got)
	}
	if got := m.FromClient(clientOf(t, "FR"), private); got.Known() {
		t.Errorf("FR to it: %+v", got)
	}
	dublin := at(t, "aws/eu-west-1")
	if got, want := m.FromClient(clientOf(t, "DE"), dublin), base.FromClient(clientOf(t, "DE"), dublin); got != want {
		t.Errorf("DE to a place of no sample: %+v, want %+v", got, want)
	}
}

func TestSameRegionMayBeMeasured(t *testing.T) {
	m := overlay(t, latencyMap("lab", sample("aws/eu-west-1", "aws/eu-west-1", "0.6", 0)))
	dublin := at(t, "aws/eu-west-1")
	if got := m.Between(dublin, dublin); got.Milliseconds != 0.6 || got.Basis != BasisOverride {
		t.Errorf("%+v", got)
	}
}

func TestMaxAge(t *testing.T) {
	m, problems, err := OpenMap([]v1alpha1.LatencyMap{aged(latencyMap("lab",
		sample("acme-dc/a", "acme-dc/b", "1", 23*time.Hour),
		sample("acme-dc/a", "acme-dc/c", "2", 25*time.Hour),
		sample("acme-dc/a", "acme-dc/d", "3", undated),
		sample("acme-dc/a", "acme-dc/e", "4", 26*time.Hour),
	), 24*time.Hour)}, now)
	if err != nil {
		t.Fatal(err)
	}
	if m.Stats() != (Stats{Samples: 4, Used: 1, Expired: 3}) {
		t.Errorf("%+v", m.Stats())
	}
	for region, known := range map[string]bool{"b": true, "c": false, "d": false, "e": false} {
		if got := m.Between(Place{Cloud: "acme-dc", Region: "a"}, Place{Cloud: "acme-dc", Region: region}); got.Known() != known {
			t.Errorf("a to %s: %+v", region, got)
		}
	}
	checkProblems(t, problems,
		"LatencyMap/lab: spec.samples[1]: 2 of 4 samples are older than maxAge 24h0m0s",
		"LatencyMap/lab: spec.samples[2].observedAt: 1 of 4 samples have no observedAt")
}

func checkProblems(t *testing.T, problems []Problem, want ...string) {
	t.Helper()
	for i := range max(len(problems), len(want)) {
		switch {
		case i >= len(want):
			t.Errorf("one problem too many: %s", problems[i])
		case i >= len(problems) || !strings.HasPrefix(problems[i].String(), want[i]):
			t.Errorf("problems %v, want one that begins %q", problems, want[i])
		}
	}
}

func TestBadSamples(t *testing.T) {
	for _, test := range []struct {
		name   string
		sample v1alpha1.LatencySample
		want   string
	}{
		{"negative", sample("acme/a", "acme/b", "-1", 0), "spec.samples[0].milliseconds: -1 is not between"},
		{"zero", sample("acme/a", "acme/b", "0", 0), "spec.samples[0].milliseconds: 0 is not between"},
		{"next to zero", sample("acme/a", "acme/b", "1n", 0), "spec.samples[0].milliseconds: 1e-09 is not between"},
		{"over a minute", sample("acme/a", "acme/b", "60001", 0), "spec.samples[0].milliseconds: 60001 is not between"},
		{"huge", sample("acme/a", "acme/b", "9E", 0), "spec.samples[0].milliseconds: 9e+18 is not between"},
		{"unknown country", sample("ZZ", "acme/b", "1", 0), `spec.samples[0].from: "ZZ" is neither`},
		{"unknown region of a known cloud", sample("acme/a", "aws/eu-west-11", "1", 0), `spec.samples[0].to: aws has no region "eu-west-11"; did you mean aws/eu-west-1`},
		{"malformed", sample("acme/a", "acme/b/c", "1", 0), `spec.samples[0].to: "acme/b/c" has more than`},
		{"two countries", sample("DE", "FR", "1", 0), "spec.samples[0].to: both ends are countries"},
		{"faster than light", sample("aws/eu-west-1", "aws/ap-southeast-2", "60", 0), "spec.samples[0].milliseconds: 60 ms is impossible: aws/eu-west-1 and aws/ap-southeast-2 are about 17"},
		{"clients faster than light", sample("DE", "aws/ap-southeast-2", "30", 0), "spec.samples[0].milliseconds: 30 ms is impossible: DE"},
		{"from the future", sample("acme/a", "acme/b", "1", 0), "spec.samples[0].observedAt: 2026-08-02T12:00:00Z is in the future"},
	} {
		if test.name == "from the future" {
			test.sample.ObservedAt = &metav1.Time{Time: now.Add(24 * time.Hour)}
		}
		good := sample("acme/x", "acme/y", "7", 0)
		m, problems, err := OpenMap([]v1alpha1.LatencyMap{latencyMap("lab", test.sample, good)}, now)
		if err != nil {
			t.Fatal(err)
		}
		checkProblems(t, problems, "LatencyMap/lab: "+test.want)
		if m.Stats() != (Stats{Samples: 2, Used: 1, Rejected: 1}) {
			t.Errorf("%s: %+v", test.name, m.Stats())
		}
		if got := m.Between(Place{Cloud: "acme", Region: "x"}, Place{Cloud: "acme", Region: "y"}); got.Milliseconds != 7 {
			t.Errorf("%s: the good sample beside it gives %+v", test.name, got)
		}
	}
	m, problems, err := OpenMap([]v1alpha1.LatencyMap{aged(latencyMap("lab", sample("acme/x", "acme/y", "7", 0)), 0)}, now)
	if err != nil {
		t.Fatal(err)
	}
	checkProblems(t, problems, "LatencyMap/lab: spec.maxAge: 0s is not above zero")
	if m.Stats() != (Stats{Samples: 1, Rejected: 1}) {
		t.Errorf("%+v", m.Stats())
	}
}

// What is true and looks odd is taken: two clouds in one city whose published coordinates are far apart, and countries
// whose clients sit at their edge.
func TestOddButPossibleSamples(t *testing.T) {
	m := overlay(t, latencyMap("lab",
		sample("aws/us-east-1", "azure/eastus", "1.7", 0),
		sample("US", "aws/us-west-2", "9", 0),
		sample("DE", "acme-dc/ber-1", "3", 0)))
	if m.Stats().Used != 3 {
		t.Errorf("%+v", m.Stats())
	}
}

// The figure is the decimal that was written, and the LatencyMap, which others read at the same time, is not touched.
func TestSamplesAreExactAndUntouched(t *testing.T) {
	maps := []v1alpha1.LatencyMap{latencyMap("lab", sample("acme/a", "acme/b", "0.3", 0))}
	before := maps[0].DeepCopy()
	m := overlay(t, maps...)
	if got := m.Between(Place{Cloud: "acme", Region: "a"}, Place{Cloud: "acme", Region: "b"}); got.Milliseconds != 0.3 {
		t.Errorf("%v", got.Milliseconds)
	}
	if fmt.Sprintf("%#v", *before) != fmt.Sprintf("%#v", maps[0]) {
		t.Error("the LatencyMap was changed")
	}
}

// naive answers as the rules read, sample by sample, without an index.
type naive struct {
	base *Map
	maps []v1alpha1.LatencyMap
}

// sampled is the figure of the winning sample from one name to another.
func (n naive) sampled(from, to string) (milliseconds float64, ok bool) {
	for _, ends := range [][2]string{{from, to}, {to, from}} {
		type entry struct {
			at   int64
			name string
			ms   float64
		}
		var entries []entry
		for _, m := range n.maps {
			for _, s := range m.Spec.Samples {
				if s.From != ends[0] || s.To != ends[1] {
					continue
				}
				at := int64(math.MinInt64)
				if s.ObservedAt != nil {
					at = s.ObservedAt.UnixNano()
				}
				if m.Spec.MaxAge != nil && (s.ObservedAt == nil || now.UnixNano()-at > int64(m.Spec.MaxAge.Duration)) {
					continue
				}
				entries = append(entries, entry{at, m.Name, s.Milliseconds.AsApproximateFloat64()})
			}
		}
		slices.SortStableFunc(entries, func(a, b entry) int {
			if a.at != b.at {
				if a.at > b.at {
					return -1
				}
				return 1
			}
			return strings.Compare(a.name, b.name)
		})
		if len(entries) > 0 {
			return entries[0].ms, true
		}
	}
	return 0, false
}

func (n naive) between(from, to string) float64 {
	if ms, ok := n.sampled(from, to); ok {
		return ms
	}
	return n.base.Between(naivePlace(from), naivePlace(to)).OrInfinite()
}

func (n naive) fromCountry(country, to string) float64 {
	if ms, ok := n.sampled(country, to); ok {
		return ms
	}
	var figures []float64
	for _, r := range location.Regions("") {
		name := r.Cloud + "/" + r.Name
		if r.Country != country || name == to {
			continue
		}
		if ms, ok := n.sampled(name, to); ok {
			figures = append(figures, ms)
		} else if b := n.base.Between(placeOfRegion(r), naivePlace(to)); b.Basis == BasisMeasured || b.Basis == BasisUpperEstimate {
			figures = append(figures, b.Milliseconds)
		}
	}
	slices.Sort(figures)
	switch k := len(figures); {
	case k == 0:
		c, _ := location.LookupCountry(country)
		place := naivePlace(to)
		if !place.Coordinates.Known {
			return math.Inf(1)
		}
		from := location.Coordinates{Latitude: c.Latitude, Longitude: c.Longitude, Known: true}
		return estimateMilliseconds(location.DistanceKilometres(from, place.Coordinates))
	case k%2 == 1:
		return figures[k/2]
	default:
		return (figures[k/2-1] + figures[k/2]) / 2
	}
}

func naivePlace(name string) Place {
	cloud, region, _ := strings.Cut(name, "/")
	if r, ok := location.LookupRegion(cloud, region); ok {
		return placeOfRegion(r)
	}
	return Place{Cloud: cloud, Region: region}
}

func TestOverridesAgainstANaiveReading(t *testing.T) {
	base := open(t)
	regions := []string{"aws/eu-central-1", "gcp/europe-west3", "azure/germanywestcentral", "aws/eu-west-1", "azure/westeurope", "acme-dc/lux-1", "acme-dc/lux-2"}
	populations := []string{"DE", "IE", "LU"}
	ends := append(slices.Clone(regions), populations...)
	rapid.Check(t, func(t *rapid.T) {
		var maps []v1alpha1.LatencyMap
		names := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b", "c", "d"}), 0, 4, rapid.ID).Draw(t, "maps")
		for _, name := range names {
			m := latencyMap(name)
			for range rapid.IntRange(1, 8).Draw(t, "samples") {
				from := rapid.SampledFrom(ends).Draw(t, "from")
				to := rapid.SampledFrom(regions).Draw(t, "to")
				if rapid.Bool().Draw(t, "turned") {
					from, to = to, from
				}
				ago := undated
				if rapid.Bool().Draw(t, "dated") {
					ago = time.Duration(rapid.IntRange(0, 6).Draw(t, "hours")) * time.Hour
				}
				m.Spec.Samples = append(m.Spec.Samples, sample(from, to, fmt.Sprint(rapid.IntRange(30, 400).Draw(t, "ms")), ago))
			}
			if rapid.Bool().Draw(t, "aged") {
				m = aged(m, time.Duration(rapid.IntRange(1, 6).Draw(t, "maxAge"))*time.Hour)
			}
			maps = append(maps, m)
		}
		m, _ := New(base.matrix, maps, now)
		if s := m.Stats(); s.Rejected != 0 || s.Used+s.Superseded+s.Expired != s.Samples {
			t.Fatalf("%+v", s)
		}
		model := naive{base, maps}
		for _, to := range regions {
			for _, from := range regions {
				if got, want := m.Between(naivePlace(from), naivePlace(to)).OrInfinite(), model.between(from, to); got != want {
					t.Fatalf("%s to %s: %v, want %v", from, to, got, want)
				}
			}
			for _, from := range populations {
				client, err := ParseClient(from)
				if err != nil {
					t.Fatal(err)
				}
				if got, want := m.FromClient(client, naivePlace(to)).OrInfinite(), model.fromCountry(from, to); got != want && math.Abs(got-want) > 1e-9 {
					t.Fatalf("%s to %s: %v, want %v", from, to, got, want)
				}
			}
		}
	})
}

// FuzzNew gives New samples that no one checked.
func FuzzNew(f *testing.F) {
	f.Add("aws/eu-west-1", "aws/eu-central-1", int64(245), int32(-1), int64(0), int64(3600))
	f.Add("DE", "FR", int64(1), int32(0), int64(-1), int64(-1))
	f.Add("acme/a", "acme/a", int64(math.MaxInt64), int32(math.MaxInt32), int64(math.MaxInt64), int64(math.MaxInt64))
	f.Add("", "/", int64(math.MinInt64), int32(math.MinInt32), int64(math.MinInt64), int64(1))
	f.Add("US", "azure/eastus", int64(0), int32(0), int64(1<<40), int64(0))
	base := open(f)
	f.Fuzz(func(t *testing.T, from, to string, value int64, exponent int32, observed, maxAge int64) {
		m := aged(latencyMap("fuzz", v1alpha1.LatencySample{
			From: from, To: to,
			Milliseconds: *resource.NewScaledQuantity(value, resource.Scale(exponent)),
			ObservedAt:   &metav1.Time{Time: time.Unix(observed, 0)},
		}), time.Duration(maxAge))
		answers, problems := New(base.matrix, []v1alpha1.LatencyMap{m}, now)
		stats := answers.Stats()
		if stats.Used+stats.Expired+stats.Rejected != 1 || (stats.Used == 1) != (len(problems) == 0) {
			t.Fatalf("%+v, problems %v", stats, problems)
		}
		for _, p := range problems {
			if p.Object != "LatencyMap/fuzz" || !strings.HasPrefix(p.Field, "spec.") || p.Message == "" {
				t.Fatalf("%+v", p)
			}
		}
		if stats.Used == 0 {
			return
		}
		a, b := clientOf(t, from), clientOf(t, to)
		place, ok := b.Place()
		if !ok {
			a, b = b, a
			place, _ = b.Place()
		}
		if r := answers.FromClient(a, place); r.Basis != BasisOverride || !(r.Milliseconds >= minMilliseconds && r.Milliseconds <= maxMilliseconds) {
			t.Fatalf("%s to %s: %+v", from, to, r)
		}
	})
}
