package report

import (
	"bytes"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/latency"
	"tradewind.dev/tradewind/pkg/pricing"
)

var update = flag.Bool("update", false, "write the golden files anew")

var profiles = map[string]v1alpha1.OptimizeFor{"tradewind": v1alpha1.OptimizeForBalanced, "tradewind-cost": v1alpha1.OptimizeForCost}

// golden compares what is printed with testdata/NAME, and checks that no line is wider than MaxColumns.
func golden(t *testing.T, name string, write func(io.Writer) error) {
	t.Helper()
	var got bytes.Buffer
	if err := write(&got); err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(name, ".csv") {
		for i, line := range strings.Split(got.String(), "\n") {
			if n := utf8.RuneCountInString(line); n > MaxColumns {
				t.Errorf("line %d is %d characters wide: %q", i+1, n, line)
			}
			if line != strings.TrimRight(line, " ") {
				t.Errorf("line %d ends in spaces: %q", i+1, line)
			}
		}
	}
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != string(want) {
		t.Errorf("%s differs (go test ./pkg/report -update writes it anew):\n%s", file, got.String())
	}
}

func TestPrintedReports(t *testing.T) {
	snapshot := shop(t).snapshot()
	for _, by := range Groupings() {
		cost, err := Cost(snapshot, Grouping(by), "")
		if err != nil {
			t.Fatal(err)
		}
		golden(t, "cost-"+by+".txt", cost.Text)
		golden(t, "cost-"+by+".csv", cost.CSV)
		latency, err := Latency(snapshot, Grouping(by), "")
		if err != nil {
			t.Fatal(err)
		}
		golden(t, "latency-"+by+".txt", latency.Text)
		golden(t, "latency-"+by+".csv", latency.CSV)
	}
	cost, err := Cost(snapshot, ByWorkload, "shop")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "cost-namespace-shop.txt", cost.Text)
}

func TestPrintedExplanations(t *testing.T) {
	snapshot := shop(t).snapshot()
	placed, err := Explain(snapshot, snapshot.Pods[0], ExplainOptions{Profiles: profiles})
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "explain-placed.txt", placed.Text)

	waiting := shop(t)
	pod := waiting.pod("web-1")
	pod.Spec.NodeName = ""
	pod.Spec.NodeSelector = map[string]string{"topology.kubernetes.io/region": "us-east-1"}
	pod.Spec.Containers[0].Resources.Requests = requests("3", "1Gi")
	snapshot = waiting.snapshot()
	pending, err := Explain(snapshot, pod, ExplainOptions{Profiles: profiles, Event: &SchedulerWord{
		Reason: "FailedScheduling", Message: "0/13 nodes: 9 node(s) didn't match Pod's node affinity/selector, 4 outside residency EU",
		Time: testTime.Add(-time.Minute),
	}})
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "explain-pending.txt", pending.Text)
}

func TestPrintedCatalog(t *testing.T) {
	prices, err := pricing.Open()
	if err != nil {
		t.Fatal(err)
	}
	times, _, err := latency.OpenMap(nil, testTime)
	if err != nil {
		t.Fatal(err)
	}
	for name, query := range map[string]CatalogQuery{
		"catalog-clouds":  {},
		"catalog-cloud":   {Cloud: "hetzner"},
		"catalog-private": {Cloud: "digitalocean", Region: "fra1"},
		"catalog-type": {
			Cloud: "aws", Region: "eu-west-1", InstanceType: "m6i.large", EgressTo: []string{"gcp/europe-west1", "internet"},
			LatencyTo: []string{"gcp/europe-west1", "acme/lux-1"}, Clients: []string{"DE"},
		},
	} {
		shown, err := ShowCatalog(prices, times, query)
		if err != nil {
			t.Fatal(err)
		}
		golden(t, name+".txt", shown.Text)
		golden(t, name+".csv", shown.CSV)
	}
	// Every region's table fits.
	for _, cloud := range prices.Clouds() {
		for _, region := range prices.Regions(cloud) {
			shown, err := ShowCatalog(prices, times, CatalogQuery{Cloud: cloud, Region: region})
			if err != nil {
				t.Fatalf("%s/%s: %v", cloud, region, err)
			}
			var out bytes.Buffer
			if err := shown.Text(&out); err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(out.String()) {
				if utf8.RuneCountInString(strings.TrimSuffix(line, "\n")) > MaxColumns {
					t.Fatalf("%s/%s: wider than %d: %q", cloud, region, MaxColumns, line)
				}
			}
		}
	}
	all, err := ShowJurisdictions("")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "jurisdictions.txt", all.Text)
	one, err := ShowJurisdictions("EFTA")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "jurisdiction-efta.txt", one.Text)
}
