package latency

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"strings"
	"testing"
	"time"
)

// seal adds the checksum to lines; "|" stands for a tab.
func seal(lines ...string) []byte {
	body := strings.ReplaceAll(strings.Join(lines, "\n")+"\n", "|", "\t")
	return fmt.Appendf([]byte(body), "checksum\t%08x\n", crc32.ChecksumIEEE([]byte(body)))
}

const (
	testHeader    = "tradewind-latency|1"
	testSymmetric = "section|symmetric|2020-01|somebody"
	testDirected  = "section|directed|2021-01|another"
)

func TestDecode(t *testing.T) {
	m, err := Parse(seal(testHeader,
		testSymmetric, "regions|x/a|x/b|x/c", "", "10", "20+|30",
		testDirected, "regions|x/b|x/c|x/d", "|31|", "33||41", "40||"))
	if err != nil {
		t.Fatal(err)
	}
	answers, _ := New(m, nil, time.Time{})
	for _, test := range []struct {
		from, to string
		want     float64
		basis    Basis
		date     string
	}{
		{"a", "b", 10, BasisMeasured, "2020-01"},
		{"b", "a", 10, BasisMeasured, "2020-01"},
		{"a", "c", 20, BasisUpperEstimate, "2020-01"},
		{"b", "c", 31, BasisMeasured, "2021-01"}, // the later section wins, each direction its own
		{"c", "b", 33, BasisMeasured, "2021-01"},
		{"d", "b", 40, BasisMeasured, "2021-01"},
		{"b", "d", 40, BasisMeasured, "2021-01"}, // the other direction's
		{"c", "d", 41, BasisMeasured, "2021-01"},
		{"a", "d", 0, BasisUnknown, ""},
	} {
		got := answers.Between(Place{Cloud: "x", Region: test.from}, Place{Cloud: "x", Region: test.to})
		if got.Milliseconds != test.want || got.Basis != test.basis || got.Date != test.date {
			t.Errorf("%s to %s: %+v, want %v ms %s %s", test.from, test.to, got, test.want, test.basis, test.date)
		}
	}
}

func TestDecodeErrors(t *testing.T) {
	many := "regions"
	for i := range maxSectionRegions + 1 {
		many += fmt.Sprintf("|x/r%d", i)
	}
	crowd := []string{testHeader}
	for range maxSections + 1 {
		crowd = append(crowd, testSymmetric, "regions|x/a|x/b", "", "1")
	}
	for name, test := range map[string]struct {
		data []byte
		want string
	}{
		"empty":             {nil, "cut off"},
		"no checksum":       {[]byte("tradewind-latency\t1\n"), "cut off"},
		"changed":           {bytes.Replace(seal(testHeader, testSymmetric, "regions|x/a|x/b", "", "10"), []byte("10\n"), []byte("11\n"), 1), "checksum"},
		"other format":      {seal("tradewind-latency|2"), "line 1"},
		"no section":        {seal(testHeader), "no section"},
		"no date":           {seal(testHeader, "section|symmetric||somebody"), "date and a source"},
		"unknown kind":      {seal(testHeader, "section|round|2020-01|somebody"), "symmetric or directed"},
		"one region":        {seal(testHeader, testSymmetric, "regions|x/a"), "two regions"},
		"bad region":        {seal(testHeader, testSymmetric, "regions|x/a|b"), `"b" is not CLOUD/REGION`},
		"region twice":      {seal(testHeader, testSymmetric, "regions|x/a|x/a"), "named twice"},
		"too many regions":  {seal(testHeader, testSymmetric, many), "at most 1024"},
		"too many sections": {seal(crowd...), "more than 16 sections"},
		"row missing":       {seal(testHeader, testSymmetric, "regions|x/a|x/b", ""), "the data ends"},
		"first row":         {seal(testHeader, testSymmetric, "regions|x/a|x/b", "1", "1"), "is empty"},
		"row too long":      {seal(testHeader, testSymmetric, "regions|x/a|x/b", "", "1|2"), "2 figures, want 1"},
		"to itself":         {seal(testHeader, testDirected, "regions|x/a|x/b", "1|2", "2|"), "to itself"},
		"zero":              {seal(testHeader, testSymmetric, "regions|x/a|x/b", "", "0"), "not milliseconds"},
		"negative":          {seal(testHeader, testSymmetric, "regions|x/a|x/b", "", "-1"), "not milliseconds"},
		"not a number":      {seal(testHeader, testSymmetric, "regions|x/a|x/b", "", "NaN"), "not milliseconds"},
		"infinite":          {seal(testHeader, testSymmetric, "regions|x/a|x/b", "", "+Inf"), "not milliseconds"},
	} {
		if _, err := Parse(test.data); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v, want %q", name, err, test.want)
		}
	}
}

// Any changed byte of the built-in data is found.
func TestDecodeFindsChangedBytes(t *testing.T) {
	for i := 0; i < len(embedded)-1; i += 97 {
		data := bytes.Clone(embedded)
		data[i] ^= 0x04
		if _, err := decode(data); err == nil {
			t.Fatalf("byte %d was changed and nobody noticed", i)
		}
	}
	if _, err := decode(embedded[:len(embedded)/2]); err == nil {
		t.Error("half of the data was read")
	}
}

// FuzzDecode gives the decoder what nobody generated: with the checksum made right, so that the rest is reached.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(testHeader+"\n"+testSymmetric+"\nregions|x/a|x/b|x/c\n\n10\n20+|30\n"), true)
	f.Add([]byte(testHeader+"\n"+testDirected+"\nregions|x/b|x/c|x/d\n|31|\n33||41\n40||\n"), true)
	f.Add(embedded[:500], false)
	f.Add([]byte("checksum\t00000000"), false)
	f.Fuzz(func(t *testing.T, data []byte, sealed bool) {
		if sealed {
			data = seal(string(data))
		}
		m, err := Parse(data)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "latency matrix: ") {
				t.Fatalf("an error that does not say of what: %v", err)
			}
			return
		}
		answers, _ := New(m, nil, time.Time{})
		for _, a := range m.regions[:m.measured] {
			for _, b := range m.regions[:m.measured] {
				r := answers.Between(Place{Cloud: a.cloud, Region: a.region}, Place{Cloud: b.cloud, Region: b.region})
				if r.Known() && !(r.Milliseconds > 0 && r.Milliseconds <= maxMilliseconds) {
					t.Fatalf("%v to %v: %+v", a.regionID, b.regionID, r)
				}
			}
		}
	})
}
