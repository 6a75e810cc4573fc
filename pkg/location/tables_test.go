package location

import (
	"bufio"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
)

// TestRegionsOfTheCatalog checks that every region that the embedded prices and round-trip times name is known.
func TestRegionsOfTheCatalog(t *testing.T) {
	file, err := os.Open("testdata/regions.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	lines := bufio.NewScanner(file)
	count := map[string]int{}
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "#") {
			continue
		}
		cloud, name, _ := strings.Cut(lines.Text(), " ")
		r, ok := LookupRegion(cloud, name)
		if !ok {
			t.Errorf("%s/%s is not known", cloud, name)
			continue
		}
		if r.Cloud != cloud || r.Name != name {
			t.Errorf("%s/%s: got %v", cloud, name, r)
		}
		count[cloud]++
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	if count["aws"] < 90 || count["gcp"] < 43 || count["azure"] < 57 {
		t.Errorf("regions read: %v", count)
	}
}

func TestRegions(t *testing.T) {
	all := Regions("")
	want := map[string]int{
		"aws": 39, "gcp": 43, "azure": 71, "ovh": 30, "scaleway": 4, "hetzner": 6, "ibm": 11, "oracle": 40,
		"digitalocean": 12, "exoscale": 8, "ionos": 9, "stackit": 2, "upcloud": 13,
	}
	seen := map[string]int{}
	for i, r := range all {
		seen[r.Cloud]++
		if i > 0 && all[i-1].Cloud+"/"+all[i-1].Name >= r.Cloud+"/"+r.Name && all[i-1].Cloud == r.Cloud {
			t.Errorf("%v is not in order", r)
		}
		checkSite(t, r)
		for _, name := range []string{r.Name, strings.ToLower(r.Name), strings.ToUpper(r.Name)} {
			if got, ok := LookupRegion(r.Cloud, name); !ok || got != r {
				t.Errorf("%s/%s: got %v", r.Cloud, name, got)
			}
		}
	}
	for cloud, least := range want {
		if seen[cloud] < least {
			t.Errorf("%s: %d regions, want at least %d", cloud, seen[cloud], least)
		}
		if len(Regions(cloud)) != seen[cloud] {
			t.Errorf("%s: Regions gives %d, of all %d", cloud, len(Regions(cloud)), seen[cloud])
		}
	}
	for _, cloud := range []string{cloudAWS, cloudIBM} {
		for _, e := range tables[cloud].edges {
			checkSite(t, e.Region)
			for _, parent := range e.parents {
				if _, ok := tables[cloud].regions[parent]; !ok {
					t.Errorf("%s: parent %s is not known", e.Name, parent)
				}
			}
		}
	}
	for cloud, aliases := range regionAliases {
		for alias, name := range aliases {
			if r, ok := LookupRegion(cloud, alias); !ok || r.Name != name {
				t.Errorf("%s: %s is %v, want %s", cloud, alias, r, name)
			}
		}
	}
	for key := range regionOperators {
		cloud, name, _ := strings.Cut(key, "/")
		if _, ok := LookupRegion(cloud, name); !ok {
			t.Errorf("operator of %s, which is not known", key)
		}
	}
	for _, unknown := range [][2]string{{"aws", ""}, {"aws", "eu-west-9"}, {"", "eu-west-1"}, {"attic", "eu-west-1"}, {"aws", "eu-west"}, {"aws", "us-west-2-lax"}, {"aws", "us-west-2-lax1"}, {"aws", "europe-west1"}} {
		if r, ok := LookupRegion(unknown[0], unknown[1]); ok {
			t.Errorf("%v: got %v", unknown, r)
		}
	}
	if Regions("attic") != nil {
		t.Error("regions of an unknown cloud")
	}
}

func checkSite(t *testing.T, r Region) {
	t.Helper()
	country, ok := LookupCountry(r.Country)
	if !ok || r.City == "" || r.Operator == "" || !IsCountry(r.OperatorCountry) {
		t.Errorf("incomplete: %+v", r)
		return
	}
	if !r.Coordinates().Known || math.Abs(r.Latitude) > 90 || math.Abs(r.Longitude) > 180 || r.Latitude == 0 || r.Longitude == 0 {
		t.Errorf("no coordinates: %+v", r)
	}
	// A region stands within its country: no further from the country's city than the country is large.
	limit := 1000.0
	switch r.Country {
	case "US", "CA", "AU", "CN", "BR":
		limit = 6500
	case "IN", "CL", "SA", "ZA", "MX", "VN":
		limit = 2000
	}
	if d := DistanceKilometres(r.Coordinates(), country.Coordinates()); d > limit {
		t.Errorf("%s/%s is %.0f km from %s, %s", r.Cloud, r.Name, d, country.City, country.Code)
	}
	// The same city is at the same place in every table.
	for _, other := range Regions("") {
		if other.City == r.City && other.Country == r.Country && DistanceKilometres(other.Coordinates(), r.Coordinates()) > 1 {
			t.Errorf("%s is at two places: %v and %v", r.City, other, r)
		}
	}
}

func TestClouds(t *testing.T) {
	ids := make([]string, 0, len(clouds))
	for _, c := range Clouds() {
		ids = append(ids, c.ID)
		if c.Name == "" || c.Operator == "" || !IsCountry(c.OperatorCountry) || c.Source == "" {
			t.Errorf("incomplete: %+v", c)
		}
		checkDate(t, c.ID, c.Date)
		if got, ok := LookupCloud(c.ID); !ok || got != c {
			t.Errorf("%s: got %v", c.ID, got)
		}
		if cloudNamed(strings.ToUpper(c.ID)) != c.ID {
			t.Errorf("%s in upper case is %q", c.ID, cloudNamed(strings.ToUpper(c.ID)))
		}
	}
	if !slices.IsSorted(ids) || len(ids) != 13 {
		t.Errorf("clouds: %v", ids)
	}
	if _, ok := LookupCloud("attic"); ok {
		t.Error("attic is no cloud")
	}
	for name, id := range cloudNames {
		if name != strings.ToLower(name) || tables[id] == nil {
			t.Errorf("name %q of %q", name, id)
		}
	}
	for scheme, id := range schemes {
		if tables[id] == nil {
			t.Errorf("scheme %s of unknown cloud %s", scheme, id)
		}
	}
	for name, d := range drivers {
		if tables[d.cloud] == nil {
			t.Errorf("driver %s of unknown cloud %s", name, d.cloud)
		}
	}
}

func checkDate(t *testing.T, what, date string) {
	t.Helper()
	if _, err := time.Parse(time.DateOnly, date); err != nil {
		t.Errorf("%s: %v", what, err)
	}
}

func TestCountries(t *testing.T) {
	all := Countries()
	if len(all) != 249 {
		t.Errorf("%d countries, ISO 3166-1 has 249", len(all))
	}
	for i, c := range all {
		if i > 0 && all[i-1].Code >= c.Code {
			t.Errorf("%s is not in order", c.Code)
		}
		if c.Name == "" || c.City == "" || math.Abs(c.Latitude) > 90 || math.Abs(c.Longitude) > 180 || c.Latitude == 0 && c.Longitude == 0 {
			t.Errorf("incomplete: %+v", c)
		}
		if first := []rune(c.Name)[0]; !unicode.IsUpper(first) {
			t.Errorf("name: %+v", c)
		}
		if got, ok := LookupCountry(c.Code); !ok || got != c {
			t.Errorf("%s: got %v", c.Code, got)
		}
	}
	for _, bad := range []string{"", "D", "de", "DEU", "XX", "UK", "EU", "ZZ", "A1", "É"} {
		if c, ok := LookupCountry(bad); ok {
			t.Errorf("%q is %v", bad, c)
		}
	}
}

func TestGroups(t *testing.T) {
	size := map[string]int{
		"ASEAN": 11, "CBPR": 9, "Convention-108": 55, "Council-of-Europe": 46, "EEA": 37, "EFTA": 4, "EU": 34, "GCC": 6,
		"GDPR-adequate": 51, "Mercosur": 5, "Schengen": 30,
	}
	all := Groups()
	for i, g := range all {
		if i > 0 && all[i-1].Name >= g.Name {
			t.Errorf("%s is not in order", g.Name)
		}
		if len(g.Countries) != size[g.Name] {
			t.Errorf("%s has %d countries, want %d", g.Name, len(g.Countries), size[g.Name])
		}
		if g.Description == "" || g.Source == "" || !slices.IsSorted(g.Countries) {
			t.Errorf("incomplete: %+v", g)
		}
		checkDate(t, g.Name, g.Date)
		set, err := ParseJurisdictions([]string{g.Name})
		if err != nil || !slices.Equal(set.Codes(), g.Countries) {
			t.Errorf("%s: %v, %v", g.Name, set, err)
		}
		if IsCountry(g.Name) {
			t.Errorf("%s is a country's code too", g.Name)
		}
	}
	set := func(name string) CountrySet { return groupSets[name] }
	if !set("EU").subsetOf(set("EEA")) || !set("EEA").subsetOf(set("GDPR-adequate")) || !set("Council-of-Europe").subsetOf(set("Convention-108")) {
		t.Error("the EU is in the EEA, which is in GDPR-adequate; the Council of Europe is in Convention 108")
	}
	for name, codes := range map[string]struct{ in, out string }{
		"EU": {
			"DE FR IE AX RE GP MQ GF YT MF BG HR",
			"GB CH NO IS LI GL FO NC PF BL PM WF AW CW SX BQ GI SJ US UA TR RS",
		},
		"EEA":           {"NO IS LI DE RE", "CH GB SJ"},
		"GDPR-adequate": {"CH GB JP KR NZ UY IL AR AD FO GG JE IM BR NO", "US CA CN IN RU AU SG MX CL SJ GI"},
		"EFTA":          {"CH NO IS LI", "DE GB"},
		"Schengen":      {"CH NO BG RO HR", "IE CY GB"},
		"Mercosur":      {"BO", "VE CL"},
	} {
		for _, code := range strings.Fields(codes.in) {
			if !set(name).Contains(code) {
				t.Errorf("%s is not in %s", code, name)
			}
		}
		for _, code := range strings.Fields(codes.out) {
			if set(name).Contains(code) {
				t.Errorf("%s is in %s", code, name)
			}
		}
	}
	all[0].Countries[0] = "XX"
	if Groups()[0].Countries[0] == "XX" {
		t.Error("a caller can change the groups")
	}
}

func TestParseJurisdictions(t *testing.T) {
	set, err := ParseJurisdictions([]string{"EFTA", "DE", "DE"})
	if err != nil || set.String() != "CH,DE,IS,LI,NO" {
		t.Errorf("got %v, %v", set, err)
	}
	if set, err := ParseJurisdictions(nil); err != nil || !set.isEmpty() || set.Contains("") {
		t.Errorf("empty list: %v, %v", set, err)
	}
	for value, want := range map[string]string{
		"UK":                     `index 1: "UK" is no ISO 3166 country code and no jurisdiction group; did you mean GB?`,
		"eu":                     "did you mean EU?",
		"de":                     "did you mean DE?",
		"Germany":                "did you mean DE?",
		"germny":                 "did you mean DE?",
		"DEU":                    "did you mean DE?",
		"Europe":                 "did you mean EU or EEA or Council-of-Europe?",
		"EL":                     "did you mean GR?",
		"GDPR":                   "did you mean GDPR-adequate or EEA or EU?",
		"GDPR-adequte":           "did you mean GDPR-adequate?",
		"USA":                    "did you mean US?",
		" EU":                    "did you mean EU?",
		"XX":                     "the groups are ASEAN, CBPR,",
		"":                       "the groups are ASEAN",
		"Atlantis":               "the groups are ASEAN",
		strings.Repeat("x", 500): "…",
	} {
		_, err := ParseJurisdictions([]string{"EU", value})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", value, err, want)
		}
	}
}

func TestDistanceKilometres(t *testing.T) {
	london, paris := Coordinates{51.5074, -0.1278, true}, Coordinates{48.8566, 2.3522, true}
	if d := DistanceKilometres(london, paris); math.Abs(d-343.6) > 1 {
		t.Errorf("London to Paris: %v km, want about 344", d)
	}
	half := math.Pi * earthRadiusKilometres
	if d := DistanceKilometres(Coordinates{0, 0, true}, Coordinates{0, 180, true}); math.Abs(d-half) > 1e-6 {
		t.Errorf("to the other side: %v km, want %v", d, half)
	}
	if d := DistanceKilometres(Coordinates{90, 0, true}, Coordinates{-90, 77, true}); math.Abs(d-half) > 1e-6 {
		t.Errorf("pole to pole: %v km, want %v", d, half)
	}
	if d := DistanceKilometres(Coordinates{0, 179.5, true}, Coordinates{0, -179.5, true}); math.Abs(d-half/180) > 1e-6 {
		t.Errorf("over the date line: %v km, want %v", d, half/180)
	}
	if d := DistanceKilometres(london, london); d != 0 {
		t.Errorf("to itself: %v km", d)
	}
	if d := DistanceKilometres(london, Coordinates{}); !math.IsNaN(d) {
		t.Errorf("to an unknown place: %v km", d)
	}
}

func TestLocation(t *testing.T) {
	for _, test := range []struct {
		l                Location
		text, key, price string
	}{
		{
			Location{Cloud: "aws", Region: "eu-west-1", Zone: "eu-west-1a"},
			"aws/eu-west-1/eu-west-1a",
			"aws/eu-west-1",
			"eu-west-1",
		},
		{Location{Cloud: "gcp", Region: "europe-west1"}, "gcp/europe-west1", "gcp/europe-west1", "europe-west1"},
		{Location{Cloud: "aws"}, "aws", "", ""},
		{Location{Cloud: "ibm", Zone: "mon01"}, "ibm/unknown/mon01", "", ""},
		{Location{}, "unknown", "", ""},
		{
			Location{Cloud: "aws", Region: "us-west-2", Zone: "us-west-2-lax-1b"},
			"aws/us-west-2/us-west-2-lax-1b",
			"aws/us-west-2",
			"us-west-2-lax-1",
		},
		{
			Location{Cloud: "aws", Region: "us-east-1", Zone: "us-east-1-wl1-chi-wlz-1"},
			"aws/us-east-1/us-east-1-wl1-chi-wlz-1",
			"aws/us-east-1",
			"us-east-1-wl1-chi1",
		},
		{
			Location{Cloud: "aws", Region: "us-east-1", Zone: "us-east-1-wl1-bos-wlz-1"},
			"aws/us-east-1/us-east-1-wl1-bos-wlz-1",
			"aws/us-east-1",
			"us-east-1-wl1",
		},
		{
			Location{Cloud: "aws", Region: "us-west-2", Zone: "us-west-2-wl1-sfo-wlz-1"},
			"aws/us-west-2/us-west-2-wl1-sfo-wlz-1",
			"aws/us-west-2",
			"us-west-2-wl1",
		},
	} {
		if test.l.String() != test.text || test.l.RegionKey() != test.key || test.l.PriceRegion() != test.price {
			t.Errorf("got %q, %q, %q; want %q, %q, %q", test.l.String(), test.l.RegionKey(), test.l.PriceRegion(), test.text, test.key, test.price)
		}
		if test.price != test.l.Region {
			if r, ok := LookupRegion("aws", test.price); !ok || r.Name != test.price {
				t.Errorf("%s is not known: %v", test.price, r)
			}
		}
	}
}
