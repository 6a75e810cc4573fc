package main

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestPropertyMendWindows makes tables as Azure's: the prices of two families in many regions, of which some lack types and some rows are
// of Windows. Each comes out as it is without it. The dearest of Azure's regions costs 2.07 times what the cheapest does.
func TestPropertyMendWindows(t *testing.T) {
	sizes := []int{2, 4, 8, 16, 32, 48, 64, 96}
	rapid.Check(t, func(t *rapid.T) {
		fault := &windowsFaults[rapid.SampledFrom([]int{0, 1}).Draw(t, "fault")]
		letter := map[*windowsFault]string{&windowsFaults[0]: "D", &windowsFaults[1]: "E"}[fault]
		regions := rapid.IntRange(8, 14).Draw(t, "regions")
		windows := rapid.SliceOfN(rapid.IntRange(0, 99), regions*16, regions*16).Draw(t, "windows")
		share := rapid.IntRange(0, 40).Draw(t, "share")
		missing := rapid.SliceOfN(rapid.IntRange(0, 99), regions*16, regions*16).Draw(t, "missing")
		missingShare := rapid.IntRange(0, 30).Draw(t, "missing share")
		var text strings.Builder
		text.WriteString(azureHead)
		linux, expected := map[pair]float64{}, 0
		inRegion, inType := make([]tellable, regions), make([]tellable, 16)
		for r := range regions {
			level := 0.043 * rapid.Float64Range(0.9, 2.1).Draw(t, "level")
			for i := range 16 {
				if missing[r*16+i] < missingShare {
					continue
				}
				name := fmt.Sprintf("Standard_%s%da%ss_v5", letter, sizes[i%8], []string{"", "d"}[i/8])
				usd := math.Round(level*[]float64{1, 1.2}[i/8]*float64(sizes[i%8])*1000) / 1000
				linux[pair{name, fmt.Sprintf("r%d", r)}] = usd
				if windows[r*16+i] < share {
					usd += fault.perCore * float64(sizes[i%8])
					expected++
				} else {
					inRegion[r].without++
					inType[i].without++
				}
				inRegion[r].all++
				inType[i].all++
				fmt.Fprintf(&text, "%s,r%d,%d,16,0,%.3f,\n", name, r, sizes[i%8], usd)
			}
		}
		for _, of := range slices.Concat(inRegion, inType) {
			if of.without < 3 || of.without*2 < of.all {
				t.Skip("hardly a price without Windows to tell by")
			}
		}
		b, err := scan("azure", text.String())
		if err != nil {
			t.Fatal(err)
		}
		if mended := b.mendWindows(fault); mended != expected {
			t.Errorf("%d mended, want %d", mended, expected)
		}
		for p, o := range b.offers {
			if math.Abs(o.onDemand-linux[p]) > 1e-9 || o.source != 0 != (b.cloud.OnDemand[o.source] == fault.mended()) {
				t.Fatalf("%v: %v of source %d, want %v", p, o.onDemand, o.source, linux[p])
			}
		}
	})
}

// tellable is how many prices of a region or type there are, and how many of them are without Windows.
type tellable struct{ all, without int }

// Machines of other families stay as they are.
func TestMendWindowsLeavesOthers(t *testing.T) {
	b, err := scan("azure", azureHead+"Standard_D4as_v6,eastus,4,16,0,0.2,\nStandard_D8as_v6,eastus,8,32,0,0.768,\nStandard_D4s_v5,eastus,4,16,0,0.4,\n")
	if err != nil {
		t.Fatal(err)
	}
	for i := range windowsFaults {
		if n := b.mendWindows(&windowsFaults[i]); n != 0 {
			t.Errorf("%s: %d mended", windowsFaults[i].types, n)
		}
	}
	if got := b.offers[pair{"Standard_D8as_v6", "eastus"}].onDemand; got != 0.768 {
		t.Errorf("%v", got)
	}
}

func TestCapSpot(t *testing.T) {
	b, err := scan("aws", awsHead+"m7i.large,eu-west-1,2,8,0,,x86_64,0.1,0.2\nm7i.large,eu-west-2,2,8,0,,x86_64,0.1,0.1\nm7i.large,eu-west-3,2,8,0,,x86_64,,0.2\n")
	if err != nil {
		t.Fatal(err)
	}
	if n := b.capSpot(); n != 1 || b.offers[pair{"m7i.large", "eu-west-1"}].spot != 0 || b.offers[pair{"m7i.large", "eu-west-2"}].spot != 0.1 ||
		b.offers[pair{"m7i.large", "eu-west-3"}].spot != 0.2 {
		t.Errorf("%d capped", n)
	}
}
