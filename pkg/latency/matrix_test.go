package latency

import (
	"encoding/csv"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tradewind.dev/tradewind/pkg/location"
)

// open is the built-in matrix without LatencyMaps.
func open(t testing.TB) *Map {
	t.Helper()
	m, problems, err := OpenMap(nil, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return m
}

// at is a place of the location table: "aws/eu-west-1".
func at(t testing.TB, name string) Place {
	t.Helper()
	client, err := ParseClient(name)
	if err != nil {
		t.Fatal(err)
	}
	place, ok := client.Place()
	if !ok {
		t.Fatalf("%s is no place", name)
	}
	return place
}

func clientOf(t testing.TB, text string) Client {
	t.Helper()
	client, err := ParseClient(text)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func readSample(t *testing.T, path string) [][]string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	records, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return records
}

// The answers are the figures of the data, digit for digit, read here by other code than the generator's.
func TestMatrixHoldsTheDataOf2022(t *testing.T) {
	m := open(t)
	dropped := map[string]bool{
		"gcp:asia-southeast2 gcp:us-east4":          true,
		"gcp:australia-southeast1 gcp:europe-west2": true,
	}
	for _, record := range readSample(t, "testdata/clouds_2022_sample.csv")[1:] {
		a, b := at(t, strings.Replace(record[0], ":", "/", 1)), at(t, strings.Replace(record[1], ":", "/", 1))
		if a.Cloud == "azure" && b.Cloud == "azure" {
			continue // the newer table has these
		}
		want, err := strconv.ParseFloat(record[2], 64)
		if err != nil {
			t.Fatal(err)
		}
		for _, got := range []RoundTrip{m.Between(a, b), m.Between(b, a)} {
			if dropped[record[0]+" "+record[1]] {
				if got.Basis != BasisEstimate || got.Milliseconds < 2*want {
					t.Errorf("%s to %s: %+v, want an estimate in place of the impossible %v ms", a, b, got, want)
				}
				continue
			}
			basis := BasisMeasured
			if record[4] == "asymmetric_max" {
				basis = BasisUpperEstimate
			}
			if got.Milliseconds != want || got.Basis != basis || got.Date != "2022-04" || !strings.Contains(got.Source, "skyplane") {
				t.Errorf("%s to %s: %+v, want %v ms, %s, of 2022-04 by skyplane", a, b, got, want, basis)
			}
		}
	}
}

func TestMatrixPrefersTheAzureDataOf2026(t *testing.T) {
	m := open(t)
	records := readSample(t, "testdata/azure_2026_sample.csv")
	place := func(display string) Place {
		return Place{Cloud: "azure", Region: strings.ToLower(strings.ReplaceAll(display, " ", ""))}
	}
	figures := map[[2]string]float64{}
	names := map[string]bool{}
	for _, record := range records[1:] {
		for i, text := range record[1:] {
			names[record[0]], names[records[0][i+1]] = true, true
			if text == "" {
				continue
			}
			milliseconds, err := strconv.ParseFloat(text, 64)
			if err != nil {
				t.Fatal(err)
			}
			figures[[2]string{record[0], records[0][i+1]}] = milliseconds
		}
	}
	checked := 0
	for from := range names {
		for to := range names {
			want, ok := figures[[2]string{from, to}]
			if !ok {
				want, ok = figures[[2]string{to, from}] // one direction stands for both where the other is missing
			}
			if !ok {
				continue
			}
			checked++
			got := m.Between(place(from), place(to))
			if got.Milliseconds != want || got.Basis != BasisMeasured || got.Date != "2026-03" {
				t.Errorf("%s to %s: %+v, want %v ms measured in 2026-03", from, to, got, want)
			}
		}
	}
	if checked < 50 {
		t.Errorf("only %d pairs checked", checked)
	}
}

// What the package promises of every pair of the built-in table.
func TestEveryPair(t *testing.T) {
	m := open(t)
	regions := location.Regions("")
	counts := map[Basis]int{}
	for _, ra := range regions {
		for _, rb := range regions {
			a, b := placeOfRegion(ra), placeOfRegion(rb)
			there, back := m.Between(a, b), m.Between(b, a)
			counts[there.Basis]++
			if !there.Known() || !(there.Milliseconds > 0) || math.IsInf(there.Milliseconds, 0) || there.Source == "" {
				t.Fatalf("%s to %s: %+v", a, b, there)
			}
			if there.Basis != back.Basis {
				t.Errorf("%s to %s is %s, back %s", a, b, there.Basis, back.Basis)
			}
			if difference := math.Abs(there.Milliseconds - back.Milliseconds); difference > 6 ||
				difference > 1e-9 && (a.Cloud != "azure" || b.Cloud != "azure") {
				t.Errorf("%s to %s is %v, back %v", a, b, there, back)
			}
			kilometres := location.DistanceKilometres(a.Coordinates, b.Coordinates)
			if bound := lightBoundMilliseconds(kilometres, 2*regionToleranceKilometres); there.Milliseconds < bound {
				t.Errorf("%s to %s: %v over %.0f km is faster than light (%.1f ms)", a, b, there, kilometres, bound)
			}
		}
	}
	if counts[BasisMeasured] < 5000 || counts[BasisUpperEstimate] < 100 || counts[BasisEstimate] == 0 {
		t.Errorf("pairs by basis: %v", counts)
	}
}

func TestSameRegionIsALabelledEstimate(t *testing.T) {
	m := open(t)
	for _, place := range []Place{at(t, "aws/eu-west-1"), {Cloud: "acme-dc", Region: "lux-1"}} {
		got := m.Between(place, place)
		if got.Basis != BasisEstimate || got.Milliseconds != sameRegionMilliseconds || !strings.Contains(got.Source, "one region") {
			t.Errorf("%s to itself: %+v", place, got)
		}
	}
}

func TestUnknownIsUnknown(t *testing.T) {
	m := open(t)
	dublin := at(t, "aws/eu-west-1")
	for name, place := range map[string]Place{
		"the zero place":                   {},
		"a cloud without a region":         {Cloud: "aws"},
		"a region without a cloud":         {Region: "eu-west-1"},
		"a region that does not exist":     {Cloud: "aws", Region: "eu-west-99"},
		"a private place, no coordinates":  {Cloud: "acme-dc", Region: "lux-1", Country: "LU"},
		"a private place without a region": {Cloud: "acme-dc"},
	} {
		for _, got := range []RoundTrip{
			m.Between(place, dublin), m.Between(dublin, place), m.FromClient(clientOf(t, "DE"), place),
			m.Expected([]Population{{clientOf(t, "DE"), 100}}, place),
		} {
			if got != (RoundTrip{}) || got.Known() || !math.IsInf(got.OrInfinite(), 1) {
				t.Errorf("%s: %+v", name, got)
			}
		}
	}
	if got := m.Between(Place{}, Place{}); got.Known() {
		t.Errorf("nowhere to nowhere: %v", got)
	}
	if got := m.FromClient(Client{}, dublin); got.Known() {
		t.Errorf("from no client: %v", got)
	}
}

func TestPrivatePlaceWithCoordinatesIsEstimated(t *testing.T) {
	m := open(t)
	luxembourg := Place{Cloud: "acme-dc", Region: "lux-1", Country: "LU",
		Coordinates: location.Coordinates{Latitude: 49.61, Longitude: 6.13, Known: true}}
	frankfurt := at(t, "aws/eu-central-1")
	got := m.Between(luxembourg, frankfurt)
	// Luxembourg to Frankfurt is about 185 km; glass fibre alone takes 1.9 ms.
	if got.Basis != BasisEstimate || got.Milliseconds < 1.9 || got.Milliseconds > 12 || got.Date == "" {
		t.Errorf("%+v", got)
	}
	if far := m.Between(luxembourg, at(t, "aws/ap-southeast-2")); far.Milliseconds < 200 || far.Milliseconds > 400 {
		t.Errorf("to Sydney: %+v", far)
	}
	// A known region keeps its coordinates where the caller has none.
	if bare := m.Between(luxembourg, Place{Cloud: "aws", Region: "eu-central-1"}); bare != got {
		t.Errorf("%+v, want %+v", bare, got)
	}
}

func TestClientsOfACountry(t *testing.T) {
	m := open(t)
	germany := clientOf(t, "DE")

	// From Germany to Frankfurt: the other clouds' regions standing in Germany speak for it, each measured directly.
	frankfurt := at(t, "aws/eu-central-1")
	parts := m.Proxies("DE", frankfurt)
	var figures []float64
	for _, part := range parts {
		if part.Cloud == "aws" {
			t.Errorf("the target is its own proxy: %+v", part)
		}
		figures = append(figures, part.Milliseconds)
	}
	if len(parts) < 2 {
		t.Fatalf("proxies of DE to %s: %v", frankfurt, parts)
	}
	got := m.FromClient(germany, frankfurt)
	if got.Basis != BasisProxy || got.Milliseconds != median(figures) || got.Date != "2022-04" || !strings.Contains(got.Source, "standing in DE") {
		t.Errorf("DE to %s: %+v, parts %v", frankfurt, got, parts)
	}
	if got.Milliseconds < 1.9 || got.Milliseconds > 3 {
		t.Errorf("DE to %s: %v; the data says 1.929 and 2.176 ms", frankfurt, got)
	}

	// A country without a region: from its coordinates.
	if len(m.Proxies("LU", frankfurt)) != 0 {
		t.Fatal("a cloud region stands in LU: choose another country for this test")
	}
	if got := m.FromClient(clientOf(t, "LU"), frankfurt); got.Basis != BasisEstimate || got.Milliseconds > 15 {
		t.Errorf("LU to %s: %+v", frankfurt, got)
	}

	// A region that nobody measured: from the country's coordinates too.
	unmeasured := Place{Cloud: "acme-dc", Region: "lux-1", Coordinates: location.Coordinates{Latitude: 49.61, Longitude: 6.13, Known: true}}
	if got := m.FromClient(germany, unmeasured); got.Basis != BasisEstimate {
		t.Errorf("DE to %s: %+v", unmeasured, got)
	}

	// A population at a region is that region.
	dublin := at(t, "aws/eu-west-1")
	if got, want := m.FromClient(clientOf(t, "aws/eu-west-1"), frankfurt), m.Between(dublin, frankfurt); got != want || got.Milliseconds != 21.759 {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestFiguresAreSortedAndComplete(t *testing.T) {
	m := open(t)
	figures := m.Figures(clientAt(at(t, "aws/eu-west-1")))
	if len(figures) != len(m.matrix.regions) {
		t.Errorf("%d figures of %d regions", len(figures), len(m.matrix.regions))
	}
	if figures[0].Cloud != "aws" || figures[0].Region != "eu-west-1" {
		t.Errorf("the nearest is %v", figures[0])
	}
	if figures[1].Milliseconds != 1.409 || figures[1].Region != "northeurope" {
		t.Errorf("the second nearest is %v", figures[1])
	}
	for i := 1; i < len(figures); i++ {
		if figures[i].OrInfinite() < figures[i-1].OrInfinite() {
			t.Fatalf("%v after %v", figures[i], figures[i-1])
		}
	}
}

func TestMeasurements(t *testing.T) {
	all := open(t).Matrix().measurements()
	if len(all) != 2 || all[0].Date != "2022-04" || all[0].Regions != 69 || all[1].Date != "2026-03" || all[1].Regions != 51 {
		t.Errorf("%+v", all)
	}
}

func TestBasisText(t *testing.T) {
	for b := BasisUnknown; b <= BasisEstimate; b++ {
		text, err := b.MarshalText()
		if err != nil || string(text) != b.String() {
			t.Fatal(b, err)
		}
		var back Basis
		if err := back.UnmarshalText(text); err != nil || back != b {
			t.Fatal(b, back, err)
		}
	}
	var b Basis
	if err := b.UnmarshalText([]byte("guess")); err == nil {
		t.Error("a basis that does not exist was read")
	}
	if _, err := Basis(99).MarshalText(); err == nil {
		t.Error("a basis that does not exist was written")
	}
	if text := (RoundTrip{Milliseconds: 23.44, Basis: BasisMeasured}).String(); text != "23.4 ms (measured)" {
		t.Error(text)
	}
	if text := (RoundTrip{}).String(); text != "unknown" {
		t.Error(text)
	}
}

// An AWS Local Zone stands elsewhere than its region and is not given the region's figures.
func TestLocalZoneIsAPlaceOfItsOwn(t *testing.T) {
	m := open(t)
	group, ok := location.LookupRegion("aws", "us-west-2-lax-1")
	if !ok {
		t.Fatal("no Local Zone in Los Angeles")
	}
	losAngeles := PlaceOf(location.Location{Cloud: "aws", Region: "us-west-2", Zone: "us-west-2-lax-1a", Country: "US", Coordinates: group.Coordinates()})
	oregon := PlaceOf(location.Location{Cloud: "aws", Region: "us-west-2", Zone: "us-west-2a", Country: "US", Coordinates: at(t, "aws/us-west-2").Coordinates})
	if oregon != at(t, "aws/us-west-2") || losAngeles.Region != "us-west-2-lax-1" {
		t.Fatal(oregon, losAngeles)
	}
	if got := m.Between(losAngeles, oregon); got.Basis != BasisEstimate || got.Milliseconds < 15 {
		t.Errorf("Los Angeles to Oregon: %+v", got)
	}
	if got := m.Between(losAngeles, losAngeles); got.Milliseconds != sameRegionMilliseconds {
		t.Errorf("Los Angeles to itself: %+v", got)
	}
	// A region whose nodes say that they stand far apart is not one place.
	spread := []Place{
		{Cloud: "acme-dc", Region: "eu", Coordinates: location.Coordinates{Latitude: 49.6, Longitude: 6.1, Known: true}},
		{Cloud: "acme-dc", Region: "eu", Coordinates: location.Coordinates{Latitude: 59.3, Longitude: 18.1, Known: true}},
	}
	if got := m.Between(spread[0], spread[1]); got.Milliseconds < 10 {
		t.Errorf("Luxembourg to Stockholm: %+v", got)
	}
}

func TestDistanceIsThatOfTheLocationPackage(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string) location.Coordinates {
			return location.Coordinates{
				Latitude:  rapid.Float64Range(-90, 90).Draw(t, name+" latitude"),
				Longitude: rapid.Float64Range(-180, 180).Draw(t, name+" longitude"),
				Known:     true,
			}
		}
		a, b := draw("a"), draw("b")
		p, q := pointOf(a), pointOf(b)
		// At the far side of the Earth both formulas lose digits: a metre is far below what either is used for.
		if got, want := p.kilometresTo(&q), location.DistanceKilometres(a, b); math.Abs(got-want) > 0.001 {
			t.Fatalf("%v km, want %v", got, want)
		}
	})
}

func TestCoordinatesThatAreNotOnTheEarth(t *testing.T) {
	m := open(t)
	for _, c := range []location.Coordinates{
		{Latitude: math.NaN(), Longitude: 0, Known: true},
		{Latitude: 0, Longitude: math.Inf(1), Known: true},
		{Latitude: 91, Longitude: 0, Known: true},
		{Latitude: 0, Longitude: -181, Known: true},
	} {
		if got := m.Between(Place{Cloud: "acme-dc", Region: "x", Coordinates: c}, at(t, "aws/eu-west-1")); got.Known() {
			t.Errorf("%v: %+v", c, got)
		}
	}
}
