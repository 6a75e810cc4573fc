package files

import (
	"strings"
	"testing"
)

// A kind that is found without taking a document apart is the kind that it has; where the text leaves any doubt none is
// found.
func TestHead(t *testing.T) {
	const plain = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n"
	for _, c := range []struct {
		name, text string
		certain    bool
	}{
		{"plain", plain, true},
		{"comments", "# c \"\n" + plain + "  # \"\nx: y # \"\n", true},
		{"text in blocks", plain + "data:\n  a: |\n    \"unbalanced {\n    kind: Pod\n\n  b: >-\n    'x\nc: |2-\n  \"\n", true},
		{"text in quotes", plain + "a: \"b \\\" # c: d\"\nb: 'it''s: {'\nc: {}\nd: []\n", true},
		{"lists", plain + "a:\n- b\n- c: d\n  e: \"f\"\n- - g\n", true},
		{"words in brackets", plain + "a: {b: c, d: e} # f\nb: [c, d]\n- {e: f}\n", true},
		{"brackets in brackets", plain + "a: {b: {c: d}}\n", false},
		{"quotes in brackets", plain + "a: {b: \"}\n", false},
		{"other brackets", plain + "a: {b]\n", false},
		{"more after brackets", plain + "a: {b: c} \"\n", false},
		{"quotes within plain text", plain + "a: it's \"so\" [\n", true},
		{"CR LF", strings.ReplaceAll(plain, "\n", "\r\n"), true},
		{"no kind", "apiVersion: v1\n", false},
		{"two kinds", plain + "kind: Pod\n", false},
		{"a kind in quotes", "apiVersion: v1\n\"kind\": Pod\n", false},
		{"a kind within quotes", "apiVersion: v1\na: \"\nkind: ConfigMap\n\"\nkind: Pod\n", false},
		{"quotes after a key with quotes", "apiVersion: v1\na \" b: \" c: \"\nkind: ConfigMap\n\"\nkind: Pod\n", false},
		{"brackets", "apiVersion: v1\na: [\nkind: ConfigMap\n]\nkind: Pod\n", false},
		{"a merge", plain + "<<: {kind: Pod}\n", false},
		{"an anchor", plain + "a: &b \"\n\"\n", false},
		{"a tag", plain + "a: !!str \"\n\"\n", false},
		{"a complex key", plain + "? kind\n: Pod\n", false},
		{"CR", plain + "a: b\rkind: Pod\n", false},
		{"the separator of lines of Unicode", plain + "a: b\u2028kind: Pod\n", false},
		{"the end of the document", plain + "...\n", false},
		{"text in the block of an item", plain + "a:\n- b: |\n   \"\n", false},
		{"a kind that goes on", "apiVersion: v1\nkind: ConfigMap\n\n # c\n 00\n", false},
		{"a flow mapping", "{apiVersion: v1, kind: ConfigMap}", false},
	} {
		got, certain := headOf(chunk{text: []byte(c.text)})
		if certain != c.certain || certain && (got != head{"v1", "ConfigMap"}) {
			t.Errorf("%s: %+v, certain %v; want %v", c.name, got, certain, c.certain)
		}
	}
	for text, want := range map[string]head{
		`{"apiVersion":"v1","kind":"ConfigMap"}`:                                                     {"v1", "ConfigMap"},
		` { "a" : {"kind":"Pod"} , "k\u0069nd" : "ConfigMap", "b":-1e3,"c":null ,"apiVersion":"v1"}`: {"v1", "ConfigMap"},
		`{"data":{"a":"\"}"},"kind":"Secret","apiVersion":"v1","z":[[{}]]}`:                          {"v1", "Secret"},
		`{"kind":"Secret","apiVersion":"v1","kind":"Pod"}`:                                           {},
		`{"kind":1,"apiVersion":"v1"}`:                                                               {},
		`{}`:                                                                                         {},
		`["kind"]`:                                                                                   {},
	} {
		if got, certain := headOf(chunk{text: []byte(text), isJSON: true}); certain != (want != head{}) || certain && got != want {
			t.Errorf("%s: %+v, %v", text, got, certain)
		}
	}
}

// FuzzHead checks that a kind that is found without taking a document apart is the one that it has.
func FuzzHead(f *testing.F) {
	for _, seed := range []string{
		"apiVersion: v1\nkind: ConfigMap\ndata:\n  a: |\n    x\n", "apiVersion: v1\na: \"\nkind: Pod\n\"\nkind: X\n", "a \" b: \" c: \"\nkind: X\n", "- kind: x",
		`{"apiVersion":"v1","kind":"ConfigMap","x":[1,"}"]}`, "kind: a # b\napiVersion: c\n\tx: y\n", "kind: &a b\napiVersion: c", "a:\n- - b: '\n", "x: |1\n y\n  z: \"",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		split([]byte(text), func(c chunk) bool {
			known, ok := headOf(c)
			if !ok || c.refusal != "" {
				return true
			}
			value, _, err := decode(c)
			if err != nil {
				return true // it is left out in either case
			}
			object, _ := value.(map[string]any)
			if object["kind"] != known.kind || object["apiVersion"] != known.apiVersion {
				t.Errorf("%q: found %+v in %v", c.text, known, value)
			}
			return true
		})
	})
}
