// Package kubectl compares what is read of files with what kubectl's own code reads of them. It holds tests alone, apart
// from the reader's own so that those need not be built with kubectl's libraries.
package kubectl

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/cli-runtime/pkg/resource"
	"pgregory.net/rapid"

	"tradewind.dev/tradewind/pkg/state/files"
)

// byKubectl are the objects that kubectl's own code reads of a file, as JSON, and its error.
func byKubectl(file string) ([]string, error) {
	var objects []string
	err := resource.NewLocalBuilder().Unstructured().ContinueOnError().FilenameParam(false, &resource.FilenameOptions{Filenames: []string{file}}).
		Flatten().Do().Visit(func(info *resource.Info, err error) error {
		if err != nil {
			return err
		}
		encoded, err := json.Marshal(info.Object.(*unstructured.Unstructured).Object)
		objects = append(objects, string(encoded))
		return err
	})
	return objects, err
}

// fataler is a test of testing or of rapid.
type fataler interface{ Fatal(arguments ...any) }

// byUs are the objects that Documents reads of a file, as JSON, and its errors.
func byUs(t fataler, file string) (objects []string, problems []string) {
	sources, found, err := files.Find([]string{file})
	if err != nil || len(found) > 0 {
		t.Fatal(err, found)
	}
	data, err := files.NewInput(nil).Read(sources[0])
	if err != nil {
		return nil, []string{err.Error()}
	}
	files.Documents(data, func(string, string) bool { return true }, func(read func() files.ReadDocument) {
		document := read()
		for _, problem := range document.Errors {
			problems = append(problems, files.NewDocumentProblem("f", problem).String())
		}
		for i := range document.Documents {
			object := &document.Documents[i]
			kind, _ := object.Object["kind"].(string)
			version, _ := object.Object["apiVersion"].(string)
			if kind == "" || version == "" { // simulate and policy check refuse it, as an API server does
				problems = append(problems, files.ErrNotObject.Error())
				continue
			}
			if wrong := object.Unreadable(); wrong != nil {
				problems = append(problems, wrong.Field+": "+wrong.Message)
				continue
			}
			encoded, err := json.Marshal(object.Object)
			if err != nil {
				t.Fatal(err)
			}
			objects = append(objects, string(encoded))
		}
	})
	return objects, problems
}

func writeFile(t testing.TB, data []byte) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "f.yaml")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func wide(text string, order binary.AppendByteOrder) []byte {
	var out []byte
	for _, unit := range utf16.Encode([]rune("\ufeff" + text)) {
		out = order.AppendUint16(out, unit)
	}
	return out
}

// oneYAML and oneJSON are an object with a name.
func oneYAML(name string) string {
	return "apiVersion: v1\nkind: Namespace\nmetadata: {name: " + name + "}\n"
}

func oneJSON(name string) string {
	return `{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"` + name + `"}}`
}

func oneFlow(name string) string {
	return "{apiVersion: v1, kind: Namespace, metadata: {name: " + name + "}}"
}

// Each form of a file is read as kubectl reads it, or refused by name where kubectl refuses it or leaves something out.
func TestReadsWhatKubectlReads(t *testing.T) {
	crlf := func(text string) string { return strings.ReplaceAll(text, "\n", "\r\n") }
	cr := func(text string) string { return strings.ReplaceAll(text, "\n", "\r") }
	two := oneYAML("a") + "---\n" + oneYAML("b")
	for _, c := range []struct {
		name, text string
		// objects that are read, and what the first problem says.
		objects int
		problem string
	}{
		{"one", oneYAML("a"), 1, ""},
		{"two", two, 2, ""},
		{"markers everywhere", "---\n# c\n---\n" + two + "---\n---\n", 2, ""},
		{"JSON lines", oneJSON("a") + "\n" + oneJSON("b") + "\n" + oneJSON("c"), 3, ""},
		{"JSON in a row", oneJSON("a") + oneJSON("b") + " " + oneJSON("c"), 3, ""},
		{"JSON over several lines", strings.ReplaceAll(oneJSON("a"), ",", ",\n\t") + "\n\n" + oneJSON("b"), 2, ""},
		{"JSON with markers", oneJSON("a") + "\n---\n" + oneJSON("b") + "\n---\n" + oneJSON("c"), 3, ""},
		{"YAML after JSON", oneJSON("a") + "\n" + oneYAML("b"), 2, ""},
		{"YAML after two of JSON", oneJSON("a") + "\n" + oneJSON("b") + "\n---\n" + oneYAML("c"), 2, "f:3: document 3: Namespace/c: is no JSON, but follows several objects in JSON"},
		{"escapes of JSON", strings.Replace(oneJSON("a"), `"a"`, `"a","annotations":{"u":"\ud83d\ude00\/"}`, 1), 1, ""},
		{"flow", oneFlow("a"), 1, ""},
		{"flow mappings in a row", oneFlow("a") + "\n" + oneFlow("b"), 0, "document 1: Namespace/a: more text follows the end of the document, which kubectl leaves out: write ---"},
		{"JSON and flow", oneJSON("a") + "\n" + oneFlow("b") + "\n" + oneFlow("c"), 1, "f:3: document 2: Namespace/b: more text follows"},
		{"more after the second marker", two + "...\n" + oneYAML("c"), 1, "f:9: document 2: Namespace/b: more text follows"},
		{"JSON after a marker in a row", "---\n" + oneJSON("a") + "\n" + oneJSON("b"), 0, "f:3: document 1: Namespace/a: more text follows"},
		{"trailing garbage", oneJSON("a") + " and more", 1, "not a Kubernetes object"},
		{"trailing brace", oneFlow("a") + "}", 0, "more text follows"},
		{"the end of a document", oneYAML("a") + "...\n", 1, ""},
		{"after the end of a document", oneYAML("a") + "...\n" + oneYAML("b"), 0, "f:5: document 1: Namespace/a: more text follows"},
		{"the end, then a marker", oneYAML("a") + "...\n---\n" + oneYAML("b"), 2, ""},
		{"a directive", "%YAML 1.1\n---\n" + oneYAML("a"), 1, "f:1: document 1: begins with a directive of YAML, which kubectl does not read before ---: remove the line"},
		{"on the line of the marker", "--- " + oneFlow("a") + "\n---\n" + oneYAML("b"), 1, `f:1: document 1: Namespace/a: has more than a comment on the line of its "---"`},
		{"CR LF", crlf(two), 2, ""},
		{"CR, one", cr(oneYAML("a")), 1, ""},
		{"CR, two", cr(two), 0, "more text follows the end of the document"},
		{"CR in a comment", "# c\r" + cr(oneYAML("a")), 1, ""},
		{"UTF-8 with a byte order mark", "\ufeff" + two, 2, ""},
		{"UTF-16, little", string(wide(two, binary.LittleEndian)), 2, ""},
		{"UTF-16, big", string(wide(strings.ReplaceAll(two, "a}", "a, labels: {a: 🚢}}"), binary.BigEndian)), 2, ""},
		{"UTF-16 of JSON", string(wide(oneJSON("a")+"\n"+oneJSON("b"), binary.LittleEndian)), 2, ""},
		{"UTF-16 without a mark", string(wide(two, binary.LittleEndian)[2:]), 0, "line 1 holds a zero byte, so this is no text: write UTF-8"},
		{"half a character", string(wide(two, binary.LittleEndian)) + "\n", 1, "could not find expected ':'"},
		{"another character set", "# M\xfcller\n" + strings.Replace(two, "name: a", "name: a, labels: {a: \"\xfc\xe9\"}", 1), 2, ""},
		{"a list", "apiVersion: v1\nkind: List\nitems:\n- " + oneFlow("a") + "\n- " + oneFlow("b") + "\n", 2, ""},
		{"a list in a list", `{"apiVersion":"v1","kind":"List","items":[{"apiVersion":"v1","kind":"List","items":[` + oneJSON("a") + "]}," + oneJSON("b") + "]}", 1, "f:1: document 1: List: items[0]: is a list in a list, which kubectl does not read"},
		{"a list of one kind", `{"apiVersion":"v1","kind":"NamespaceList","items":[{"metadata":{"name":"a"}}]}`, 1, ""},
		{"an empty list", `{"apiVersion":"v1","kind":"List","items":[]}` + oneJSON("a"), 1, ""},
		{"items that are none", `{"apiVersion":"v1","kind":"List","items":{}}`, 0, "items is no list"},
		{"an object with items", `{"apiVersion":"v1","kind":"Namespace","items":[],"metadata":{"name":"a"}}`, 0, "has a field items, for which kubectl takes it for a list"},
		{"numbers of YAML 1.1", strings.Replace(oneYAML("a"), "name: a", "name: a, x: [0777, 1e3, 1.0, 1_000, yes, 0x1F, 12345678901234567890, 2026-01-01, 1e30, ~, .5]", 1), 1, ""},
		{"keys that are no text", strings.Replace(oneYAML("a"), "name: a", "name: a, 1: x, true: y, 1.5: z", 1), 1, ""},
		{"an alias and a merge", "x: &x {apiVersion: v1}\nkind: Namespace\n<<: *x\nmetadata: {name: a, y: *x}\n", 1, ""},
		{"not a number", strings.Replace(oneYAML("a"), "name: a", "name: a, x: [1, .nan]", 1), 0, "f:3: document 1: Namespace/a: metadata.x[1]: is no number that JSON has"},
		{"a version that is none", strings.Replace(oneYAML("a"), "v1", "a/b/v1", 1), 0, `apiVersion: "a/b/v1" is no version; write VERSION or GROUP/VERSION`},
		{"metadata that is text", strings.Replace(oneYAML("a"), "{name: a}", "a", 1), 0, "metadata: cannot use string as an object"},
		{"a label that is a number", strings.Replace(oneYAML("a"), "name: a", "name: a, labels: {b: 1}", 1), 0, "metadata.labels: cannot use number as text; put it in quotes"},
		{"a word", "hello", 0, "not a Kubernetes object"},
		{"nothing", "\n# c\n", 0, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := writeFile(t, []byte(c.text))
			objects, problems := byUs(t, file)
			wanted, err := byKubectl(file)
			if len(objects) != c.objects || (len(problems) > 0) != (c.problem != "") || c.problem != "" && !strings.Contains(problems[0], c.problem) {
				t.Errorf("%d objects, problems %q; want %d and %q; kubectl %d, %v", len(objects), problems, c.objects, c.problem, len(wanted), err)
			}
			if c.problem == "" && (err != nil || !slices.Equal(objects, wanted)) {
				t.Errorf("read\n\t%s\nkubectl\n\t%s\n%v", objects, wanted, err)
			}
		})
	}
}

// form makes the text of an object by one of the ways to write it.
var forms = []func(name string) string{
	oneYAML, oneJSON, oneFlow,
	func(name string) string { return strings.ReplaceAll(oneJSON(name), ",", ",\n  ") },
	func(name string) string { return "# " + name + "\n" + oneYAML(name) },
	func(name string) string {
		return "{\"apiVersion\": \"v1\", kind: Namespace,\n metadata: {name: \"" + name + "\"}}"
	},
	func(name string) string { return `{"apiVersion":"v1","kind":"List","items":[` + oneJSON(name) + "]}" },
}

// Files of any objects with any separators: what is read is what kubectl reads, and where kubectl reads all that is there
// nothing is refused.
func TestReadsAsKubectl(t *testing.T) {
	folder := t.TempDir()
	count := 0
	rapid.Check(t, func(t *rapid.T) {
		var text strings.Builder
		names := rapid.IntRange(0, 5).Draw(t, "objects")
		separators := rapid.SampledFrom([]string{"\n---\n", "\n", "", " ", "\n---  # c\n", "\n...\n", "\n...\n---\n", "\n--- ", "\r", "\n\n", "\n---\n---\n", "\nx", "\n----\n", "\u2028", "\n\t"})
		text.WriteString(rapid.SampledFrom([]string{"", "---\n", "# c\n", "%YAML 1.1\n---\n", "\n \n", "# c\r"}).Draw(t, "begin"))
		for i := range names {
			text.WriteString(rapid.SampledFrom(forms).Draw(t, "form")(fmt.Sprintf("n%d", i)))
			text.WriteString(separators.Draw(t, "separator"))
		}
		data := []byte(text.String())
		switch rapid.IntRange(0, 9).Draw(t, "encoding") {
		case 0:
			data = wide(text.String(), binary.LittleEndian)
		case 1:
			data = wide(text.String(), binary.BigEndian)
		case 2:
			data = []byte(strings.ReplaceAll(text.String(), "\n", "\r\n"))
		case 3:
			data = []byte(strings.ReplaceAll(text.String(), "\n", "\r"))
		}
		garbage := strings.Contains(text.String(), "\nx") || strings.Contains(text.String(), "----") // what follows an object and is none, kubectl leaves out
		count++
		file := filepath.Join(folder, fmt.Sprintf("%d.yaml", count))
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
		objects, problems := byUs(t, file)
		wanted, err := byKubectl(file)
		if len(problems) == 0 && (err != nil || !slices.Equal(objects, wanted)) {
			t.Fatalf("%q: read\n\t%s\nkubectl\n\t%s\n%v", data, objects, wanted, err)
		}
		if err == nil && len(wanted) == names && !garbage && len(problems) > 0 {
			t.Fatalf("%q: kubectl reads all of it, but %q", data, problems)
		}
		for _, object := range objects {
			if !slices.Contains(wanted, object) && err == nil {
				t.Fatalf("%q: kubectl does not read %s", data, object)
			}
		}
	})
}

// FuzzAsKubectl checks of any file that what is read without a problem is all that kubectl reads of it, and that nothing is
// read that kubectl would not.
func FuzzAsKubectl(f *testing.F) {
	for _, begin := range []string{"", "---\n", "%YAML 1.1\n---\n", "# c\r"} {
		for _, form := range forms {
			for _, between := range []string{"\n---\n", "\n", "", "\n...\n", "\r---\r", "\n--- "} {
				f.Add([]byte(begin + form("a") + between + form("b")))
			}
		}
	}
	for _, text := range []string{
		oneYAML("a") + "---\n---# c\n" + oneYAML("b"), oneJSON("a") + "\n---#\n" + oneJSON("b"), oneJSON("a") + "\n---\n\ufeff" + oneJSON("b"),
		strings.Replace(forms[6]("a"), "v1", "v//1", 1) + oneJSON("b"), strings.Replace(oneYAML("a"), "{name: a}", "a}", 1),
		strings.Replace(oneJSON("a"), "space", "\xe2\x80a", 1), "---\r# c\r" + strings.ReplaceAll(oneYAML("a"), "\n", "\r"), oneJSON("a") + "\u2028",
	} {
		f.Add([]byte(text))
	}
	f.Add(wide(oneYAML("a"), binary.LittleEndian))
	f.Add([]byte("a: &a [*a]\nb: {<<: *a}\n? [x]\n: y\n"))
	file := filepath.Join(f.TempDir(), "f.yaml")
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
		objects, problems := byUs(t, file)
		wanted, err := byKubectl(file)
		if len(problems) == 0 && (err != nil || !slices.Equal(objects, wanted)) {
			t.Errorf("%q: read\n\t%s\nkubectl\n\t%s\n%v", data, objects, wanted, err)
		}
	})
}
