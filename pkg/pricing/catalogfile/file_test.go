package catalogfile

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func sample() *File {
	return &File{Clouds: []Cloud{
		{
			ID: "aws", OnDemand: []Provenance{{"a", "2025-05", "MIT"}, {"d", "2026-08", "Apache-2.0"}}, Spot: Provenance{"b", "2025-05", "MIT"}, Interruption: Provenance{"c", "2025-07", "Apache-2.0"},
			Regions: []string{"eu-west-1", "us-east-1"},
			Types: []Type{
				{Name: "m7i.large", MilliCPU: 2000, MemoryBytes: 8 << 30, Architecture: "amd64"},
				{Name: "p4d.24xlarge", MilliCPU: 96000, MemoryBytes: 1152 << 30, GPUs: 8, GPUModel: "A100", Architecture: "amd64"},
			},
			OnDemandUSD: []float64{0.11235, 0.1008, 0, 32.7726},
			SpotUSD:     []float64{0.050558, 0, 0, 141.583993642521},
			Offers:      []Offer{NewOffer(true, Band5To10), NewOffer(true, BandUnknown).From(1), NewOffer(false, BandOver20), NewOffer(true, BandUnder5)},
		},
		{ID: "empty"},
	}}
}

func TestRoundTrip(t *testing.T) {
	want := sample()
	var first, second bytes.Buffer
	if err := Encode(&first, want); err != nil {
		t.Fatal(err)
	}
	if err := Encode(&second, sample()); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first.Bytes(), second.Bytes()) {
		t.Error("one file gave two different texts")
	}
	got, err := Decode(first.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Clouds) != 2 || !reflect.DeepEqual(got.Clouds[0], want.Clouds[0]) || got.Clouds[1].ID != "empty" {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}

// Every price a table may hold comes back to the last bit, also those with more digits than a decimal of the format has.
func TestPropertyPricesAreExact(t *testing.T) {
	drawPrice := rapid.OneOf(
		rapid.Just(0.0),
		rapid.Custom(func(t *rapid.T) float64 { // as tables write them
			text := strconv.FormatUint(rapid.Uint64Range(0, 99_999).Draw(t, "whole"), 10) + "." + rapid.StringMatching(`[0-9]{1,17}`).Draw(t, "fraction")
			usd, err := strconv.ParseFloat(text, 64)
			if err != nil {
				t.Fatal(err)
			}
			return usd
		}),
		rapid.Float64Range(0, math.MaxFloat64),
		rapid.SampledFrom([]float64{5e-324, 1e-22, 1e22, 9007199254740991, 9007199254740993, math.MaxFloat64}),
	)
	rapid.Check(t, func(t *rapid.T) {
		prices := rapid.SliceOfN(drawPrice, 1, 20).Draw(t, "prices")
		file := &File{Clouds: []Cloud{{ID: "x", OnDemand: make([]Provenance, 1), Regions: []string{"r"}, OnDemandUSD: prices, SpotUSD: slices.Clone(prices), Offers: make([]Offer, len(prices))}}}
		for i := range prices {
			file.Clouds[0].Types = append(file.Clouds[0].Types, Type{Name: "t" + strconv.Itoa(1000+i)})
		}
		raw, err := Marshal(file)
		if err != nil {
			t.Fatal(err)
		}
		got, err := unmarshal(raw)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got.Clouds[0].OnDemandUSD, prices) || !slices.Equal(got.Clouds[0].SpotUSD, prices) {
			t.Fatalf("%v became %v", prices, got.Clouds[0].OnDemandUSD)
		}
	})
}

func TestValidate(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*File)
		want   string
	}{
		"cloud twice":      {func(f *File) { f.Clouds[1].ID = "aws" }, "given twice"},
		"no cloud":         {func(f *File) { f.Clouds[0].ID = "" }, "bad cloud name"},
		"regions unsorted": {func(f *File) { slices.Reverse(f.Clouds[0].Regions) }, "regions"},
		"types unsorted":   {func(f *File) { slices.Reverse(f.Clouds[0].Types) }, "types"},
		"no name":          {func(f *File) { f.Clouds[0].Regions[0] = "" }, "bad name"},
		"short table":      {func(f *File) { f.Clouds[0].SpotUSD = f.Clouds[0].SpotUSD[1:] }, "want 4"},
		"negative":         {func(f *File) { f.Clouds[0].SpotUSD[0] = -1 }, "bad price"},
		"not a number":     {func(f *File) { f.Clouds[0].SpotUSD[0] = math.NaN() }, "bad price"},
		"infinite":         {func(f *File) { f.Clouds[0].OnDemandUSD[0] = math.Inf(1) }, "bad price"},
		"band":             {func(f *File) { f.Clouds[0].Offers[0] = 0xff }, "bad offer"},
		"source":           {func(f *File) { f.Clouds[0].Offers[0] = f.Clouds[0].Offers[0].From(2) }, "bad offer"},
		"no source":        {func(f *File) { f.Clouds[0].OnDemand = nil }, "bad offer"},
		"too many sources": {func(f *File) { f.Clouds[0].OnDemand = make([]Provenance, maxSources+1) }, "at most"},
		"size":             {func(f *File) { f.Clouds[0].Types[0].MilliCPU = -1 }, "bad size"},
		"long source":      {func(f *File) { f.Clouds[0].Spot.Source = strings.Repeat("x", maxText+1) }, "too long"},
		"too many regions": {func(f *File) { f.Clouds[0].Regions = make([]string, maxRegions+1) }, "at most"},
		"too many clouds":  {func(f *File) { f.Clouds = make([]Cloud, maxClouds+1) }, "at most"},
	} {
		t.Run(name, func(t *testing.T) {
			f := sample()
			test.change(f)
			if err := f.Validate(); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want %q", err, test.want)
			}
			if err := Encode(&bytes.Buffer{}, f); err == nil {
				t.Error("it was written")
			}
		})
	}
}

func TestDecodeDamaged(t *testing.T) {
	var good bytes.Buffer
	if err := Encode(&good, sample()); err != nil {
		t.Fatal(err)
	}
	for i := range good.Len() {
		if _, err := Decode(good.Bytes()[:i]); err == nil {
			t.Errorf("the first %d of %d bytes were read without an error", i, good.Len())
		}
	}
	raw, err := Marshal(sample())
	if err != nil {
		t.Fatal(err)
	}
	for i := range raw {
		if _, err := unmarshal(raw[:i]); err == nil {
			t.Errorf("the first %d of %d raw bytes were read without an error", i, len(raw))
		}
	}
	if _, err := unmarshal(append(raw, 0)); err == nil || !strings.Contains(err.Error(), "too many") {
		t.Errorf("a byte too many: error %v", err)
	}
	old := bytes.Clone(raw)
	old[len(magic)-1]++
	if _, err := unmarshal(old); err == nil || !strings.Contains(err.Error(), "hack/catalog/pricing") {
		t.Errorf("another version: error %v, want the remedy", err)
	}
}

// A small stream that unpacks to more than the limit is refused.
func TestDecodeBomb(t *testing.T) {
	var bomb bytes.Buffer
	zip := gzip.NewWriter(&bomb)
	zeros := make([]byte, 1<<20)
	for range maxBytes>>20 + 1 {
		if _, err := zip.Write(zeros); err != nil {
			t.Fatal(err)
		}
	}
	if err := zip.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Decode(bomb.Bytes()); err == nil || !strings.Contains(err.Error(), "more than") {
		t.Errorf("error %v", err)
	}
}

func TestBands(t *testing.T) {
	last := -1.0
	for band := BandUnder5; band < bandEnd; band++ {
		low, high, known := band.Percent()
		if !known || low < last || high <= low || high > 100 {
			t.Errorf("band %d: %v to %v, %v", band, low, high, known)
		}
		last = high
		for _, listed := range []bool{false, true} {
			for source := range maxSources {
				if o := NewOffer(listed, band).From(source); o.Band() != band || o.Listed() != listed || o.Source() != source {
					t.Errorf("NewOffer(%v, %d).From(%d) = %d", listed, band, source, o)
				}
			}
		}
	}
	if _, _, known := BandUnknown.Percent(); known {
		t.Error("the unknown band is known")
	}
}

// FuzzUnmarshal reads damaged bytes: an error or a valid file, never a panic nor more memory than the limits allow.
func FuzzUnmarshal(f *testing.F) {
	raw, err := Marshal(sample())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Add(raw[:len(raw)/2])
	f.Add([]byte(magic))
	f.Add(binary.AppendUvarint([]byte(magic), math.MaxUint64))
	f.Add(append([]byte(magic), 1, 1, 'x', 0, 0, 0, 0, 0, 0, 0, 0xff, 0x07))
	f.Fuzz(func(t *testing.T, raw []byte) {
		file, err := unmarshal(raw)
		if err != nil {
			if file != nil {
				t.Error("a file and an error")
			}
			return
		}
		again, err := Marshal(file)
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		back, err := unmarshal(again)
		if err != nil || !reflect.DeepEqual(file, back) {
			t.Errorf("%+v became %+v, %v", file, back, err)
		}
	})
}

// FuzzDecode does the same for the compressed form.
func FuzzDecode(f *testing.F) {
	var good bytes.Buffer
	if err := Encode(&good, sample()); err != nil {
		f.Fatal(err)
	}
	f.Add(good.Bytes())
	f.Add(good.Bytes()[:good.Len()/2])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, compressed []byte) {
		if file, err := Decode(compressed); err == nil {
			if err := file.Validate(); err != nil {
				t.Error(err)
			}
		}
	})
}
