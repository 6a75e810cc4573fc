package report

import (
	"bytes"
	"encoding/csv"
	"strconv"
	"strings"
	"testing"

	"tradewind.dev/tradewind/pkg/printable"
)

func TestSafeCells(t *testing.T) {
	for cell, want := range map[string]string{
		"":                    "",
		"web":                 "web",
		"=1+1":                "'=1+1",
		"+1":                  "'+1",
		"-1":                  "-1",
		"-0.25":               "-0.25",
		"-1+1":                "'-1+1",
		"--1":                 "'--1",
		"-":                   "'-",
		"@SUM(A1)":            "'@SUM(A1)",
		"\tx":                 "'\tx",
		"a=b":                 "a=b",
		"=cmd|' /C calc'!A0'": "'=cmd|' /C calc'!A0'",
	} {
		if got := safeCell(cell); got != want {
			t.Errorf("safeCell(%q) = %q, want %q", cell, got, want)
		}
	}
}

// FuzzCSV checks that whatever is in a cell is read back printable, or with an apostrophe before it, and that no cell is
// one that a spreadsheet runs as a formula.
func FuzzCSV(f *testing.F) {
	for _, seed := range []string{"web", "=HYPERLINK(\"x\")", "+1", "-1e5", "@x", "a,b", "\"quoted\"", "two\nlines", "\t=1", "\r=1", "-12.5", "１"} {
		f.Add(seed, "1")
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		var out bytes.Buffer
		if err := writeCSV(&out, []string{"a", "b"}, [][]string{{a, b}}); err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(&out).ReadAll()
		if err != nil || len(rows) != 2 || len(rows[1]) != 2 {
			t.Fatalf("read back %q: %v", rows, err)
		}
		for i, cell := range []string{a, b} {
			got := rows[1][i]
			written := printable.Line(cell)
			if got != written && got != "'"+written {
				t.Errorf("%q came back as %q", cell, got)
			}
			if _, err := strconv.ParseFloat(got, 64); got != "" && strings.ContainsAny(got[:1], "=+-@\t\r") && err != nil {
				t.Errorf("%q was written as %q, which a spreadsheet runs", cell, got)
			}
		}
	})
}

func TestDollars(t *testing.T) {
	for usd, want := range map[float64]string{0: "0.0000", 0.0123456: "0.0123", -0.00001: "0.0000", -0.5: "-0.5000", 9.99999: "10.0000", 12.345: "12.35", 12000: "12000.00"} {
		if got := Dollars(usd); got != want {
			t.Errorf("Dollars(%v) = %q, want %q", usd, got, want)
		}
	}
}

func TestWrap(t *testing.T) {
	for _, c := range []struct {
		text  string
		width int
		want  string
	}{
		{"", 5, ""}, {"a b c", 3, "a b|c"}, {"abcdefgh", 3, "abc|def|gh"}, {"ab abcdef", 4, "ab|abcd|ef"}, {"é é é", 3, "é é|é"}, {"x", 0, "x"},
	} {
		if got := strings.Join(wrap(c.text, c.width), "|"); got != c.want {
			t.Errorf("wrap(%q, %d) = %q, want %q", c.text, c.width, got, c.want)
		}
	}
}
