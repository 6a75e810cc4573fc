package main

import (
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"tradewind.dev/tradewind/pkg/pricing/catalogfile"
)

// builtIn is where the catalog is that the programs carry.
var builtIn = filepath.Join("..", "..", "..", "pkg", "pricing", "data")

func builtInFile(t *testing.T) *catalogfile.File {
	t.Helper()
	compressed, err := os.ReadFile(filepath.Join(builtIn, "catalog.bin.gz"))
	if err != nil {
		t.Fatal(err)
	}
	file, err := catalogfile.Decode(compressed)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// TestBuiltInCatalogAgrees is make catalog-audit.
func TestBuiltInCatalogAgrees(t *testing.T) {
	var out strings.Builder
	if err := run([]string{"--audit", "--out", builtIn}, &out, io.Discard); err != nil {
		t.Errorf("%v\n%s", err, out.String())
	}
	if !strings.Contains(out.String(), "agree with their neighbours") {
		t.Errorf("it said %q", out.String())
	}
}

// at is the position of a type and region in a cloud's tables.
func at(t *testing.T, c *catalogfile.Cloud, instanceType, region string) int {
	t.Helper()
	i := slices.IndexFunc(c.Types, func(of catalogfile.Type) bool { return of.Name == instanceType })
	r := slices.Index(c.Regions, region)
	if i < 0 || r < 0 || c.OnDemandUSD[i*len(c.Regions)+r] == 0 {
		t.Fatalf("%s has no price of %s in %s", c.ID, instanceType, region)
	}
	return i*len(c.Regions) + r
}

func cloud(t *testing.T, file *catalogfile.File, id string) *catalogfile.Cloud {
	t.Helper()
	i := slices.IndexFunc(file.Clouds, func(c catalogfile.Cloud) bool { return c.ID == id })
	if i < 0 {
		t.Fatalf("no cloud %s", id)
	}
	return &file.Clouds[i]
}

// TestAuditFinds makes faults that sources had, and others, in the catalog.
func TestAuditFinds(t *testing.T) {
	for name, fault := range map[string]struct {
		cloud, instanceType, region, check string
		change                             func(c *catalogfile.Cloud, pair int)
	}{
		"Windows": {"azure", "Standard_D4as_v5", "westeurope", checkRegions, func(c *catalogfile.Cloud, pair int) {
			c.OnDemandUSD[pair] += 4 * 0.046
		}},
		"a digit lost": {"gcp", "n2-highmem-8", "europe-west1", checkRegions, func(c *catalogfile.Cloud, pair int) { c.OnDemandUSD[pair] /= 10 }},
		"a size of another's price everywhere": {"aws", "m6i.4xlarge", "", checkSizes, func(c *catalogfile.Cloud, pair int) {
			row := pair / len(c.Regions) * len(c.Regions)
			for r := range c.Regions {
				c.OnDemandUSD[row+r] *= 2
			}
		}},
		"a family of another currency": {"azure", "", "westeurope", checkFamilies, func(c *catalogfile.Cloud, pair int) {
			for i := range c.Types {
				if familyOf("azure", c.Types[i].Name) == "Standard_Dads_v5" {
					c.OnDemandUSD[i*len(c.Regions)+pair%len(c.Regions)] *= 7
				}
			}
		}},
		"spot above on demand": {"aws", "m6i.4xlarge", "eu-west-1", checkSpot, func(c *catalogfile.Cloud, pair int) {
			c.SpotUSD[pair] = c.OnDemandUSD[pair] * 1.01
		}},
		"tax on one size": {"ionos", "vcpu-8c-16g", "", checkSizes, func(c *catalogfile.Cloud, pair int) {
			row := pair / len(c.Regions) * len(c.Regions)
			for r := range c.Regions {
				c.OnDemandUSD[row+r] *= 1.19
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			file := builtInFile(t)
			c := cloud(t, file, fault.cloud)
			known := map[string]string{"azure": "Standard_D4as_v5"}
			inRegion := map[string]string{"azure": "westeurope", "ionos": "de-fra", "aws": "eu-west-1", "gcp": "europe-west1"}[fault.cloud]
			instanceType := fault.instanceType
			if instanceType == "" {
				instanceType = known[fault.cloud]
			}
			fault.change(c, at(t, c, instanceType, inRegion))
			found, _, err := unaccepted(&catalogfile.File{Clouds: []catalogfile.Cloud{*c}})
			if err != nil {
				t.Fatal(err)
			}
			if !slices.ContainsFunc(found, func(f contradiction) bool {
				return f.cloud == fault.cloud && f.instanceType == fault.instanceType && f.region == fault.region && f.check == fault.check
			}) {
				t.Errorf("not found; found %v", found)
			}
			if err := report(io.Discard, found); err == nil || !strings.Contains(err.Error(), "contradict") {
				t.Errorf("error %v", err)
			}
		})
	}
}

// Whatever price of a family that is sold in several sizes and regions is made wrong by a fifth, the audit finds it, and it finds none
// where prices are the product of a price of the type and one of the region, whichever types the regions lack. Where it hangs on a
// single other price how a type compares with a region, nothing tells which of the two is wrong.
func TestPropertyAuditFinds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		types, regions := rapid.IntRange(3, 8).Draw(t, "types"), rapid.IntRange(3, 12).Draw(t, "regions")
		c := catalogfile.Cloud{ID: "aws", OnDemand: make([]catalogfile.Provenance, 1)}
		for r := range regions {
			c.Regions = append(c.Regions, string(rune('a'+r)))
		}
		here := rapid.SliceOfN(rapid.Float64Range(0.8, 2.1), regions, regions).Draw(t, "here")
		missing := rapid.SliceOfN(rapid.IntRange(0, 99), types*regions, types*regions).Draw(t, "missing")
		missingShare := rapid.IntRange(0, 80).Draw(t, "missing share")
		for i := range types {
			cores := int64(1) << i
			c.Types = append(c.Types, catalogfile.Type{Name: "m9." + string(rune('a'+i)), MilliCPU: cores * 1000, MemoryBytes: cores << 32})
			for r := range regions {
				usd := 0.05 * float64(cores) * here[r]
				if missing[i*regions+r] < missingShare {
					usd = 0
				}
				c.OnDemandUSD = append(c.OnDemandUSD, math.Round(usd*1e5)/1e5)
			}
		}
		c.SpotUSD = make([]float64, len(c.OnDemandUSD))
		if found := auditCloud(&c); len(found) > 0 {
			t.Fatalf("prices that agree: %v", found)
		}
		pair := rapid.IntRange(0, len(c.OnDemandUSD)-1).Draw(t, "wrong")
		if !toldByTwo(&c, pair) {
			t.Skip("the price has no neighbours to tell by")
		}
		c.OnDemandUSD[pair] *= rapid.SampledFrom([]float64{0.5, 0.8, 1.25, 2, 10}).Draw(t, "factor")
		if found := auditCloud(&c); !slices.ContainsFunc(found, func(f contradiction) bool {
			return f.instanceType == c.Types[pair/regions].Name && (f.region == c.Regions[pair%regions] || f.region == "")
		}) {
			t.Fatalf("the wrong price of %s in %s was not found; found %v", c.Types[pair/regions].Name, c.Regions[pair%regions], found)
		}
	})
}

// toldByTwo says whether a type and a region can be compared without their own price and without any single other one.
func toldByTwo(c *catalogfile.Cloud, pair int) bool {
	if c.OnDemandUSD[pair] == 0 {
		return false
	}
	regions := len(c.Regions)
	for without := range c.OnDemandUSD {
		reachedTypes, reachedRegions := map[int]bool{pair / regions: true}, map[int]bool{}
		for range len(c.Types) + regions {
			for at, usd := range c.OnDemandUSD {
				if usd > 0 && at != pair && at != without && (reachedTypes[at/regions] || reachedRegions[at%regions]) {
					reachedTypes[at/regions], reachedRegions[at%regions] = true, true
				}
			}
		}
		if !reachedRegions[pair%regions] {
			return false
		}
	}
	return true
}

func TestFamilyOf(t *testing.T) {
	for _, test := range []struct{ cloud, instanceType, want string }{
		{"aws", "c8i-flex.2xlarge", "c8i-flex"}, {"aws", "u-6tb1.56xlarge", "u-6tb1"},
		{"azure", "Standard_D4as_v5", "Standard_Das_v5"}, {"azure", "Standard_E16-4ads_v5", "Standard_Eads_v5"}, {"azure", "Standard_A0", "Standard_A"},
		{"azure", "Standard_NC24ads_A100_v4", "Standard_NCads_A100_v4"},
		{"gcp", "n2-highmem-8", "n2-highmem"}, {"gcp", "c4-standard-8-lssd", "c4-standard-lssd"}, {"gcp", "f1-micro", "f1-micro"},
		{"hetzner", "ccx33", "ccx3"}, {"hetzner", "cpx11", "cpx1"}, {"hetzner", "cpx22", "cpx2"},
		{"ovh", "b3-128", "b3"}, {"ovh", "t2-le-45", "t2"}, {"ionos", "vcpu-4c-8g", "vcpu"}, {"exoscale", "standard.huge", "standard"},
		{"scaleway", "DEV1-XL", "DEV1"}, {"scaleway", "STANDARD3-X12C-48G", "STANDARD3-X"}, {"scaleway", "POP2-HC-12C-24G", "POP2-HC-"},
		{"scaleway", "POP2-2C-8G-WIN", "POP2--WIN"}, {"scaleway", "POP2-HN-10", "POP2"},
		{"stackit", "c2i.16", "c2i"}, {"upcloud", "premium-8xCPU-64GB", "premium"},
	} {
		if got := familyOf(test.cloud, test.instanceType); got != test.want {
			t.Errorf("familyOf(%s, %s) = %q, want %q", test.cloud, test.instanceType, got, test.want)
		}
	}
}
