package printable

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestLine(t *testing.T) {
	for text, want := range map[string]string{
		"":                          "",
		"web":                       "web",
		"Köln, 東京, 🚢":               "Köln, 東京, 🚢",
		"\x1b[2J\x1b]0;owned\x07":   `\x1b[2J\x1b]0;owned\x07`,
		"a\nError: b":               `a\nError: b`,
		"a\rb\tc\x00d\x7f":          `a\rb\tc\x00d\x7f`,
		"\u009b31m":                 `\u009b31m`,
		"\u202egnp.exe\u2066\u2069": `\u202egnp.exe\u2066\u2069`,
		"a\u200bb\u200d\ufeff":      `a\u200bb\u200d\ufeff`,
		"a\u2028b\u2029\u0085":      `a\u2028b\u2029\u0085`,
		"a\u00a0b\u3164\ufe0f":      `a\u00a0b\u3164\ufe0f`,
		"a\U000e0041":               `a\U000e0041`,
		"a\xff\xc3":                 `a\xff\xc3`,
		"\ufffd":                    "\ufffd",
	} {
		if got := Line(text); got != want {
			t.Errorf("Line(%q) = %q, want %q", text, got, want)
		}
	}
	if got := Lines("a\n\tb\x1b\r\n"); got != "a\n\tb\\x1b\\r\n" {
		t.Errorf("Lines: %q", got)
	}
}

func TestClip(t *testing.T) {
	for _, c := range []struct {
		text  string
		limit int
		want  string
	}{
		{"short", 10, "short"}, {"éééééé", 6, "éééééé"}, {"abcdefghij", 6, "abcd…(4 characters)…ij"}, {"éééééééééé", 6, "éééé…(4 characters)…éé"},
	} {
		if got := Clip(c.text, c.limit); got != c.want {
			t.Errorf("Clip(%q, %d) = %q, want %q", c.text, c.limit, got, c.want)
		}
	}
	if got := Quote(strings.Repeat("9", 1<<20)); len(got) > 200 || !strings.Contains(got, "(1048513 characters)") {
		t.Errorf("Quote of a MiB: %s", got)
	}
}

// FuzzPrintable checks that nothing that a terminal obeys or hides is left, that doing it twice changes nothing, and that
// JSON keeps its value.
func FuzzPrintable(f *testing.F) {
	for _, seed := range []string{"web", "\x1b[0m", "a\nb", "\u202e\u009b", "\xff", "\U000e0041🚢"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		line := Line(text)
		for _, r := range line {
			if !Is(r) {
				t.Errorf("Line(%q) = %q holds %U", text, line, r)
			}
		}
		if Line(line) != line || Lines(Lines(text)) != Lines(text) || !utf8.ValidString(line) {
			t.Errorf("Line(%q) = %q, and again %q", text, line, Line(line))
		}
		var out bytes.Buffer
		if n, err := (Writer{&out}).Write([]byte(text)); err != nil || n != len(text) || out.String() != Lines(text) {
			t.Errorf("written %q, %d, %v", out.String(), n, err)
		}
		if clipped := Clip(text, 9); len(text) > 9 && utf8.RuneCountInString(clipped) > 9+len("…( characters)…")+20 {
			t.Errorf("Clip(%q) = %q", text, clipped)
		}
		encoded, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		var before, after string
		if json.Unmarshal(encoded, &before) != nil || json.Unmarshal(JSON(encoded), &after) != nil || before != after {
			t.Errorf("JSON of %q: %q", text, JSON(encoded))
		}
		for _, r := range string(JSON(encoded)) {
			if !Is(r) {
				t.Errorf("JSON of %q holds %U", text, r)
			}
		}
	})
}

func TestNumber(t *testing.T) {
	for count, want := range map[int32]string{0: "0 pods", 1: "1 pod", 2: "2 pods"} {
		if got := Number(count, "pod", "pods"); got != want {
			t.Errorf("Number(%d) is %q, want %q", count, got, want)
		}
	}
	for of, want := range map[[2]int]string{{0, 1}: "0 of 1 pod", {1, 2}: "1 of 2 pods", {2, 2}: "2 of 2 pods"} {
		if got := Ratio(of[0], of[1], "pod", "pods"); got != want {
			t.Errorf("Ratio(%v) is %q, want %q", of, got, want)
		}
	}
}

func TestA(t *testing.T) {
	for _, want := range []string{
		"an m7i.large", "an e2-standard-4", "an n2-*", "an x1e.xlarge", "an r5.large", "an a1.medium", "an f1-micro", "an h3-standard-88", "an i3.large",
		"an st1", "an SSD", "an AWS account", "an 8xlarge", "an M", "an inf2.xlarge", "an ex44",
		"a c7g.large", "a t3.micro", "a u-6tb1.metal", "a g5.xlarge", "a z1d.large", "a p4d.24xlarge", "a GPU", "a cx22", "a Standard_D2s_v5",
		"a spot m7i.large", "a reserved e2-small", "a VM", "a 2xlarge", "a ", "a é", "a *",
	} {
		_, name, _ := strings.Cut(want, " ")
		if got := A(name); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
