package pricing

import (
	"encoding/csv"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"tradewind.dev/tradewind/apis/v1alpha1"
)

// rawData is where the raw tables are: a sample of them, or all of them when the environment variable names their folder.
func rawData() string {
	if folder := os.Getenv("TRADEWIND_RAW_DATA"); folder != "" {
		return folder
	}
	return "testdata"
}

// rawRows returns the lines of a raw table by column, read without the generator's code.
func rawRows(t *testing.T, file string) []map[string]string {
	t.Helper()
	in, err := os.Open(filepath.Join(rawData(), file))
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	lines, err := csv.NewReader(in).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var rows []map[string]string
	for _, line := range lines[1:] {
		row := map[string]string{}
		for i, column := range lines[0] {
			row[column] = line[i]
		}
		rows = append(rows, row)
	}
	if len(rows) < 80 {
		t.Fatalf("%s has %d rows, too few to say anything", file, len(rows))
	}
	return rows
}

func open(t testing.TB) *Catalog {
	t.Helper()
	c, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func number(t *testing.T, text string) float64 {
	t.Helper()
	value, err := strconv.ParseFloat(text, 64)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

func TestHourlyIsTheRawTables(t *testing.T) {
	c := open(t)
	for _, table := range []struct {
		cloud, file, onDemand, spot    string
		onDemandDate, spotDate, source string
	}{
		{"aws", "prices/aws_ec2_prices_2025-05.csv", "linux_ondemand_usd_h", "linux_spot_avg_usd_h", "2025-05", "2025-05", "ec2-instances-info"},
		{"gcp", "prices/gcp_gce_prices_2026-07.csv", "ondemand_usd_h", "spot_usd_h", "2026-07", "2026-07", "Cyclenerd"},
		{"azure", "prices/azure_vm_prices_joined.csv", "ondemand_usd_h_2026-06", "spot_usd_h_2025-05", "2026-06", "2025-05", "karpenter-provider-azure"},
	} {
		t.Run(table.cloud, func(t *testing.T) {
			known, mended, replaced, dropped := 0, 0, 0, 0
			for _, row := range rawRows(t, table.file) {
				name, region := row["instance_type"], row["region"]
				for _, figure := range []struct {
					capacity v1alpha1.CapacityType
					text     string
					date     string
				}{
					{v1alpha1.CapacityOnDemand, row[table.onDemand], table.onDemandDate},
					{v1alpha1.CapacitySpot, row[table.spot], table.spotDate},
				} {
					got := c.Hourly(table.cloud, region, name, figure.capacity)
					if figure.capacity == v1alpha1.CapacityOnDemand && got.Known && !strings.Contains(got.Source, table.source) {
						replaced++ // by a row of the repository's own
						continue
					}
					if _, of, ok := strings.Cut(got.Source, "its price with Windows, less "); ok {
						mended++
						perCore, _, _ := strings.Cut(of, " ")
						figure.text = strconv.FormatFloat(number(t, figure.text)-number(t, perCore)*number(t, row["vcpu"]), 'f', 6, 64)
					}
					if figure.capacity == v1alpha1.CapacityOnDemand && !got.Known && figure.text != "" && number(t, figure.text) > 0 {
						dropped++ // since it contradicts its neighbours
						continue
					}
					if onDemand := c.Hourly(table.cloud, region, name, v1alpha1.CapacityOnDemand); figure.capacity == v1alpha1.CapacitySpot && figure.text != "" &&
						onDemand.Known && number(t, figure.text) > onDemand.USD {
						figure.text = "" // no cloud charges that
					}
					if figure.text == "" || number(t, figure.text) == 0 {
						if got != (Price{}) {
							t.Errorf("%s in %s, %s: %+v, want unknown: the table has %q", name, region, figure.capacity, got, figure.text)
						}
						continue
					}
					known++
					if got.USD != number(t, figure.text) || !got.Known || got.Basis != BasisList || got.Date != figure.date || got.Source == "" {
						t.Errorf("%s in %s, %s: %+v, want %s of %s", name, region, figure.capacity, got, figure.text, figure.date)
					}
				}
				size, ok := c.Instance(table.cloud, region, name)
				if !ok || size.Cloud != table.cloud || size.Region != region || size.Type != name {
					t.Errorf("Instance(%s, %s) = %+v, %v", region, name, size, ok)
				}
				if want := number(t, row["vcpu"]); float64(size.MilliCPU)/1000 != want {
					t.Errorf("%s: %d millicores, want %v", name, size.MilliCPU, want)
				}
				if want := number(t, row["memory_gib"]); math.Abs(float64(size.MemoryBytes)/(1<<30)-want) > 1e-9 {
					t.Errorf("%s: %d bytes, want %v GiB", name, size.MemoryBytes, want)
				}
				if row["arch"] == "arm64" != (size.Architecture == "arm64") && table.cloud == "aws" {
					t.Errorf("%s: architecture %q, want %q", name, size.Architecture, row["arch"])
				}
			}
			if known < 100 || (replaced+dropped)*100 > known || mended > 0 != (table.cloud == "azure") {
				t.Errorf("%d known prices were compared, %d of them mended; %d are of other sources, %d dropped", known, mended, replaced, dropped)
			}
		})
	}
}

func TestInterruptionIsTheRawTable(t *testing.T) {
	c := open(t)
	limits := map[string][2]float64{"<5%": {0, 5}, "5-10%": {5, 10}, "10-15%": {10, 15}, "15-20%": {15, 20}, ">20%": {20, 100}}
	for _, row := range rawRows(t, "spot/aws_spot_interruption_2025-07.csv") {
		low, high, known := c.Interruption("aws", row["region"], row["instance_type"])
		if want := limits[row["interruption_range"]]; !known || low != want[0] || high != want[1] {
			t.Errorf("%s in %s: %v to %v, %v, want %s", row["instance_type"], row["region"], low, high, known, row["interruption_range"])
		}
	}
	if _, _, known := c.Interruption("gcp", "europe-west1", "n2-standard-4"); known {
		t.Error("Google Cloud publishes no band, want unknown")
	}
}

func TestEgressIsTheRawTables(t *testing.T) {
	c := open(t)
	seen := map[[2]string]bool{}
	for _, table := range []struct{ file, date string }{
		{"egress/egress_cost_2023-02.csv", "2023-02"}, // the newer one first: its prices win
		{"egress/egress_cost_2022-05.csv", "2022-05"},
	} {
		for _, row := range rawRows(t, table.file) {
			from, to := rawRegion(row["src"]), rawRegion(row["dest"])
			got := c.EgressPerGB(from[0], from[1], to[0], to[1])
			if !got.Known || got.USD != number(t, row["cost"]) || got.Basis != BasisList || got.Source == "" {
				t.Errorf("%s to %s: %+v, want %s", row["src"], row["dest"], got, row["cost"])
			}
			pair := [2]string{row["src"], row["dest"]}
			if table.date == "2023-02" && got.Date != table.date || table.date == "2022-05" && !seen[pair] && got.Date > "2023-02" {
				t.Errorf("%s to %s: of %s, want %s", row["src"], row["dest"], got.Date, table.date)
			}
			seen[pair] = true
		}
	}
}

func rawRegion(text string) [2]string {
	cloud, region, _ := strings.Cut(text, ":")
	if cloud == "gcp" {
		region = region[:len(region)-2]
	}
	return [2]string{cloud, region}
}
