package main

import (
	"bytes"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tradewind.dev/tradewind/pkg/latency"
)

const checkedHeader = "region_a,region_b,rtt_ms,light_speed_bound_ms,status\n"

func TestReadClouds2022(t *testing.T) {
	c, err := readClouds2022(strings.NewReader(checkedHeader +
		"gcp:us-west1,aws:eu-west-1,130.50,70,consistent\n" + // not in order
		"aws:eu-west-1,aws:eu-west-2,12,5,asymmetric_max\n" +
		"aws:us-east-1,azure:eastus,1.737,2.69,violates_light_speed\n" + // near enough to be believed
		"gcp:us-east4,gcp:asia-southeast2,84.737,160.32,violates_light_speed\n")) // impossible
	if err != nil {
		t.Fatal(err)
	}
	want := map[pair]figure{
		{"aws/eu-west-1", "gcp/us-west1"}:  {"130.50", 130.5, false},
		{"aws/eu-west-1", "aws/eu-west-2"}: {"12", 12, true},
		{"aws/us-east-1", "azure/eastus"}:  {"1.737", 1.737, false},
	}
	if len(c.figures) != len(want) {
		t.Errorf("%v", c.figures)
	}
	for p, f := range want {
		if c.figures[p] != f {
			t.Errorf("%v: %v, want %v", p, c.figures[p], f)
		}
	}
	if got := c.regions(); !slices.Equal(got, []string{"aws/eu-west-1", "aws/eu-west-2", "aws/us-east-1", "azure/eastus", "gcp/us-west1"}) {
		t.Error(got)
	}
}

func TestReadErrors(t *testing.T) {
	for _, test := range []struct {
		name, data, want string
		read             func(io.Reader) (campaign, error)
	}{
		{"no data", "", "header", readClouds2022},
		{"other columns", "a,b\n", "header", readClouds2022},
		{"bad region", checkedHeader + "aws,aws:b,1,1,consistent\n", "line 2: \"aws\" is not CLOUD:REGION", readClouds2022},
		{"bad number", checkedHeader + "aws:a,aws:b,x,1,consistent\n", "line 2: milliseconds", readClouds2022},
		{"zero", checkedHeader + "aws:a,aws:b,0,1,consistent\n", "not above zero", readClouds2022},
		{"not a number", checkedHeader + "aws:a,aws:b,NaN,1,consistent\n", "not above zero", readClouds2022},
		{"unknown status", checkedHeader + "aws:a,aws:b,1,1,guessed\n", `unknown status "guessed"`, readClouds2022},
		{"a new impossible pair", checkedHeader + "aws:a,aws:b,1,99,violates_light_speed\n", "add the pair to the impossible ones", readClouds2022},
		{"twice", checkedHeader + "aws:a,aws:b,1,1,consistent\naws:b,aws:a,1,1,consistent\n", "line 3: a second figure", readClouds2022},
		{"to itself", checkedHeader + "aws:a,aws:a,1,1,consistent\n", "to itself", readClouds2022},
		{"short line", checkedHeader + "aws:a,aws:b\n", "wrong number of fields", readClouds2022},
		{"no table", "", "header", readAzure2026},
		{"other table", "From,West Europe\n", "want Source", readAzure2026},
		{"bad cell", "Source,West Europe,East US\nEast US,x,\n", "line 2, byte 9: milliseconds", readAzure2026},
		{"region to itself", "Source,West Europe,East US\nEast US,,1\n", "to itself", readAzure2026},
	} {
		if _, err := test.read(strings.NewReader(test.data)); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v, want %q", test.name, err, test.want)
		}
	}
}

func TestReadAzure2026(t *testing.T) {
	c, err := readAzure2026(strings.NewReader("Source,East US,West Europe\nEast US,,83\nWest Europe,85,\nJio India West,,120\n"))
	if err != nil {
		t.Fatal(err)
	}
	for p, want := range map[pair]float64{
		{"azure/eastus", "azure/westeurope"}:       83,
		{"azure/westeurope", "azure/eastus"}:       85,
		{"azure/jioindiawest", "azure/westeurope"}: 120,
	} {
		if got := c.figures[p].milliseconds; got != want {
			t.Errorf("%v: %v, want %v", p, got, want)
		}
	}
	if len(c.figures) != 3 {
		t.Errorf("%v", c.figures)
	}
}

// What the generator writes the package reads, and the generator writes the same bytes every time.
func TestGeneratedMatrixIsRead(t *testing.T) {
	data := t.TempDir()
	samples := filepath.Join("..", "..", "..", "pkg", "latency", "testdata")
	if err := os.Mkdir(filepath.Join(data, "latency"), 0o755); err != nil {
		t.Fatal(err)
	}
	for from, to := range map[string]string{"clouds_2022_sample.csv": clouds2022File, "azure_2026_sample.csv": azure2026File} {
		content, err := os.ReadFile(filepath.Join(samples, from))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(data, "latency", to), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var written [2][2][]byte
	for i := range written {
		out := t.TempDir()
		if err := run(data, out, io.Discard); err != nil {
			t.Fatal(err)
		}
		for j, name := range []string{filepath.Join("data", "matrix.txt"), "zz_generated_estimate.go"} {
			content, err := os.ReadFile(filepath.Join(out, name))
			if err != nil {
				t.Fatal(err)
			}
			written[i][j] = content
		}
	}
	for j := range written[0] {
		if !bytes.Equal(written[0][j], written[1][j]) {
			t.Errorf("file %d differs between two runs", j)
		}
	}
	matrix, err := latency.Parse(written[0][0])
	if err != nil {
		t.Fatal(err)
	}
	m, _ := latency.New(matrix, nil, time.Time{})
	between := func(a, b string) latency.RoundTrip {
		return m.Between(latency.Place{Cloud: "azure", Region: a}, latency.Place{Cloud: "azure", Region: b})
	}
	if got := between("centralindia", "germanynorth"); got.Milliseconds != 136 || got.Basis != latency.BasisMeasured {
		t.Errorf("%+v", got)
	}
	if got := between("germanynorth", "centralindia"); got.Milliseconds != 142 {
		t.Errorf("%+v", got)
	}
}

func TestRunErrors(t *testing.T) {
	if err := run("", "", io.Discard); err == nil || !strings.Contains(err.Error(), "--data") {
		t.Error(err)
	}
	if err := run(t.TempDir(), t.TempDir(), io.Discard); err == nil || !strings.Contains(err.Error(), clouds2022File) {
		t.Error(err)
	}
}

// The fit finds the constants that points were made from, with up to half of them moved up and down alike.
func TestFitFindsTheConstants(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := estimate{
			fixed: rapid.Float64Range(1, 10).Draw(t, "fixed"),
			path:  rapid.Float64Range(1.1, 2.5).Draw(t, "path"),
		}
		var points []point
		for i := range 60 {
			kilometres := float64(20 + 200*i)
			milliseconds := want.milliseconds(kilometres)
			points = append(points, point{kilometres, milliseconds})
			if i%4 == 0 {
				points = append(points, point{kilometres, milliseconds * 1.5}, point{kilometres, milliseconds / 1.5})
			}
		}
		got, err := fit(points)
		if err != nil {
			t.Fatal(err)
		}
		// The search steps by whole kilometres of offset, a hundredth of a millisecond.
		if math.Abs(got.fixed-want.fixed) > 0.03 || math.Abs(got.path-want.path) > 0.005 {
			t.Fatalf("%+v, want %+v", got, want)
		}
	})
	if _, err := fit([]point{{1, 1}}); err == nil {
		t.Error("a fit to one point")
	}
}

func TestPointsOf(t *testing.T) {
	points, err := pointsOf([]campaign{
		{figures: map[pair]figure{
			{"azure/eastus", "azure/westeurope"}: {"80", 80, false},
			{"aws/eu-west-1", "aws/us-east-1"}:   {"70", 70, false},
			{"aws/eu-west-1", "aws/us-west-2"}:   {"130", 130, true},
		}},
		{figures: map[pair]figure{
			{"azure/eastus", "azure/westeurope"}: {"83", 83, false},
			{"azure/westeurope", "azure/eastus"}: {"85", 85, false},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	// The later campaign's mean of both directions; the upper estimate is left out.
	if len(points) != 2 || points[0].milliseconds != 70 || points[1].milliseconds != 84 || points[0].kilometres < 5000 || points[0].kilometres > 6000 {
		t.Errorf("%v", points)
	}
	if _, err := pointsOf([]campaign{{figures: map[pair]figure{{"aws/a", "aws/b"}: {"1", 1, false}}}}); err == nil || !strings.Contains(err.Error(), "aws/a") {
		t.Error(err)
	}
}

func TestQuantile(t *testing.T) {
	values := []float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}
	for q, want := range map[float64]float64{0: 1, 0.05: 1, 0.5: 5, 0.95: 10, 1: 10} {
		if got := quantile(values, q); got != want {
			t.Errorf("%v: %v, want %v", q, got, want)
		}
	}
}

func FuzzReadClouds2022(f *testing.F) {
	f.Add(checkedHeader + "gcp:us-west1,aws:eu-west-1,130.50,70,consistent\n")
	f.Add(checkedHeader + "aws:a,aws:b,1,x,violates_light_speed\n")
	f.Add(checkedHeader + "\"aws:a\n,,,,")
	f.Fuzz(func(t *testing.T, text string) {
		checkCampaign(t, readClouds2022, text)
	})
}

func FuzzReadAzure2026(f *testing.F) {
	f.Add("Source,East US,West Europe\nEast US,,83\nWest Europe,85,\n")
	f.Add("Source\nEast US\n")
	f.Fuzz(func(t *testing.T, text string) {
		checkCampaign(t, readAzure2026, text)
	})
}

// checkCampaign reads text and checks every figure that came out of it.
func checkCampaign(t *testing.T, read func(io.Reader) (campaign, error), text string) {
	c, err := read(strings.NewReader(text))
	if err != nil {
		return
	}
	for p, f := range c.figures {
		if p.from == p.to || !(f.milliseconds > 0) || math.IsInf(f.milliseconds, 0) {
			t.Fatalf("%v: %v", p, f)
		}
		if _, ok := c.figures[pair{p.to, p.from}]; ok && c.symmetric {
			t.Fatalf("%v has two figures", p)
		}
	}
}
