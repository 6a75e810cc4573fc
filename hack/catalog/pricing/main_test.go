package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/pricing"
)

func generate(t *testing.T, args ...string) (folder string, c *pricing.Catalog) {
	t.Helper()
	folder = t.TempDir()
	if err := run(append([]string{"--data", "testdata", "--out", folder}, args...), io.Discard, io.Discard); err != nil {
		t.Fatal(err)
	}
	catalog, err := os.ReadFile(filepath.Join(folder, "catalog.bin.gz"))
	if err != nil {
		t.Fatal(err)
	}
	egress, err := os.ReadFile(filepath.Join(folder, "egress.csv"))
	if err != nil {
		t.Fatal(err)
	}
	c, err = pricing.Read(catalog, egress)
	if err != nil {
		t.Fatal(err)
	}
	return folder, c
}

func TestRoundTrip(t *testing.T) {
	_, c := generate(t)
	for _, test := range []struct {
		cloud, region, kind string
		capacity            v1alpha1.CapacityType
		want                float64 // 0: unknown
		date                string
	}{
		{"aws", "eu-west-1", "m7i.large", "on-demand", 0.11235, "2025-05"},
		{"aws", "eu-west-1", "m7i.large", "spot", 0.050558, "2025-05"},
		{"aws", "us-gov-west-1", "g6.24xlarge", "spot", 0, ""},
		{"azure", "westeurope", "Standard_D4s_v5", "on-demand", 0.23, "2026-06"},
		{"azure", "westeurope", "Standard_D4s_v5", "spot", 0.031441, "2025-05"},
		{"azure", "spaincentral", "Standard_L16as_v3", "on-demand", 0, ""},
		{"gcp", "europe-west1", "n2-standard-4", "on-demand", 0.213668, "2026-07"},
		{"gcp", "northamerica-south1", "c2-standard-16", "on-demand", 0, ""},
		{"gcp", "northamerica-south1", "c2-standard-16", "spot", 0.13676448, "2026-07"},
		{"aws", "us-east-1", "m8i.large", "on-demand", 0.10584, "2026-02"},
		{"aws", "eu-west-1", "p4d.24xlarge", "on-demand", 23.71569, "2026-08"},
		{"azure", "westeurope", "Standard_D4as_v5", "on-demand", 0, ""},
		{"hetzner", "fsn1", "cx33", "on-demand", 0.016621, "2026-08"},
		{"hetzner", "ash", "cx33", "on-demand", 0, ""},
		{"scaleway", "fr-par", "DEV1-M", "on-demand", 0.023365, "2026-08"},
		{"scaleway", "fr-par", "DEV1-M", "spot", 0, ""},
	} {
		got := c.Hourly(test.cloud, test.region, test.kind, test.capacity)
		if got.USD != test.want || got.Known != (test.want != 0) || got.Date != test.date {
			t.Errorf("%s in %s, %s: %+v, want %v of %q", test.kind, test.region, test.capacity, got, test.want, test.date)
		}
	}
	for _, want := range []pricing.Instance{
		{Cloud: "aws", Region: "eu-west-1", Type: "m6g.large", MilliCPU: 2000, MemoryBytes: 8 << 30, Architecture: "arm64"},
		{Cloud: "aws", Region: "us-gov-west-1", Type: "g6.24xlarge", MilliCPU: 96000, MemoryBytes: 384 << 30, GPUs: 4, GPUModel: "NVIDIA L4", Architecture: "amd64"},
		{Cloud: "gcp", Region: "us-central1", Type: "g4-standard-6", MilliCPU: 6000, MemoryBytes: 22 << 30, GPUs: 1, GPUModel: "0.125 rtx6000", Architecture: "amd64"},
		{Cloud: "azure", Region: "westeurope", Type: "Standard_D4ps_v5", MilliCPU: 4000, MemoryBytes: 16 << 30, Architecture: "arm64"},
		{Cloud: "hetzner", Region: "nbg1", Type: "cax21", MilliCPU: 4000, MemoryBytes: 8 << 30, Architecture: "arm64"},
		{Cloud: "stackit", Region: "eu01", Type: "n1.14d.g1", MilliCPU: 14000, MemoryBytes: 115 << 30, GPUs: 1, Architecture: "amd64"},
	} {
		if got, ok := c.Instance(want.Cloud, want.Region, want.Type); !ok || got != want {
			t.Errorf("Instance = %+v, %v, want %+v", got, ok, want)
		}
	}
	if low, high, known := c.Interruption("aws", "eu-west-1", "m7i.large"); low != 10 || high != 15 || !known {
		t.Errorf("interruption %v to %v, %v: want the newer table's 10 to 15", low, high, known)
	}
	if _, ok := c.Instance("aws", "us-east-1", "i7i.large"); ok || !c.Knows("aws", "i7i.large") {
		t.Error("a type with an interruption band only is known, but not listed")
	}
	for _, test := range []struct {
		from, to string
		want     float64
		date     string
	}{
		{"aws/eu-west-1", "gcp/europe-west1", 0.09, "2023-02"},
		{"gcp/europe-west1", "aws/ap-southeast-2", 0.19, "2022-05"},
		{"aws/ap-northeast-2", "aws/eu-south-1", 0.08, "2022-05"},
		{"aws/eu-west-1", "aws/eu-west-1", 0, "2022-05"},
		{"aws/eu-west-1", "internet/", 0.09, "2023-02"},
		{"gcp/us-central1", "internet/", 0.12, "2026-07"},
		{"gcp/us-central1", "azure/chinaeast2", 0.23, "2026-07"},
	} {
		fromCloud, fromRegion, _ := strings.Cut(test.from, "/")
		toCloud, toRegion, _ := strings.Cut(test.to, "/")
		if got := c.EgressPerGB(fromCloud, fromRegion, toCloud, toRegion); !got.Known || got.USD != test.want || got.Date != test.date {
			t.Errorf("%s to %s: %+v, want %v of %s", test.from, test.to, got, test.want, test.date)
		}
	}
}

func TestDeterministic(t *testing.T) {
	first, _ := generate(t)
	second, _ := generate(t)
	for _, name := range []string{"catalog.bin.gz", "egress.csv"} {
		a, errA := os.ReadFile(filepath.Join(first, name))
		b, errB := os.ReadFile(filepath.Join(second, name))
		if errA != nil || errB != nil || !bytes.Equal(a, b) {
			t.Errorf("%s differs between two runs (%v, %v)", name, errA, errB)
		}
	}
}

func TestOnly(t *testing.T) {
	folder := t.TempDir()
	for only, others := range map[string]string{"catalog": "egress.csv", "egress": "catalog.bin.gz"} {
		folder := filepath.Join(folder, only)
		if err := os.Mkdir(folder, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := run([]string{"--data", "testdata", "--out", folder, "--only", only}, io.Discard, io.Discard); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(filepath.Join(folder, others)); !os.IsNotExist(err) {
			t.Errorf("--only %s wrote %s too (%v)", only, others, err)
		}
	}
}

func TestBadFlags(t *testing.T) {
	for want, args := range map[string][]string{
		"--data is missing":   {},
		"unexpected argument": {"--data", "x", "y"},
		"--only":              {"--data", "x", "--only", "all"},
		"no such file":        {"--data", filepath.Join(t.TempDir(), "none")},
		"read the flags":      {"--what"},
	} {
		if err := run(args, io.Discard, io.Discard); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: error %v, want %q", args, err, want)
		}
	}
}
