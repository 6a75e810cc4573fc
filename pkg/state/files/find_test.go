package files

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// tree makes a folder of files by their paths; a text that begins with "->" makes a symbolic link.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	folder := t.TempDir()
	for name, text := range files {
		file := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		target, isLink := strings.CutPrefix(text, "->")
		var err error
		if isLink {
			err = os.Symlink(target, file)
		} else {
			err = os.WriteFile(file, []byte(text), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

// Every file is read once, whatever leads to it.
func TestFind(t *testing.T) {
	configMap := map[string]string{
		"..2026_11_29_18_43_09.1/web.yaml": web, "..2026_11_29_18_43_09.1/node.yaml": aNode,
		"..data": "->..2026_11_29_18_43_09.1", "web.yaml": "->..data/web.yaml", "node.yaml": "->..data/node.yaml",
	}
	for _, c := range []struct {
		name  string
		files map[string]string
		want  []string
	}{
		{"a folder in a folder", map[string]string{"a.yaml": "", "b/c.yml": "", "b/d.json": "", "b/README.md": ""}, []string{"a.yaml", "b/c.yml", "b/d.json"}},
		{"a ConfigMap's", configMap, []string{"node.yaml", "web.yaml"}},
		{"a link to a folder", map[string]string{"real/a.yaml": "", "linked": "->real"}, []string{"linked/a.yaml"}},
		{"links in a circle", map[string]string{"a.yaml": "", "b/up": "->..", "b/self": "->."}, []string{"a.yaml"}},
		{"a link that leads nowhere and is no manifest", map[string]string{"a.yaml": "", "b": "->c", "c": "->b"}, []string{"a.yaml"}},
		{"two names of a file", map[string]string{"a.yaml": "", "deep/er/b.yaml": "->../../a.yaml"}, []string{"a.yaml"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			folder := tree(t, c.files)
			sources, problems, err := Find([]string{folder, folder})
			if err != nil || len(problems) > 0 {
				t.Fatal(err, problems)
			}
			var got []string
			for _, source := range sources {
				name, err := filepath.Rel(folder, source.Name)
				if err != nil || !source.Found {
					t.Fatal(err, source)
				}
				got = append(got, name)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("found %v, want %v", got, c.want)
			}
		})
	}
	set, err := Read([]string{tree(t, configMap)}, nil, Options{})
	if err != nil || len(set.Problems) > 0 || len(set.Objects) != 2 || set.Files != 2 {
		t.Errorf("of a ConfigMap's folder %d objects in %d files, problems %v, %v", len(set.Objects), set.Files, set.Problems, err)
	}
}

// What is no file is refused by name, and never opened.
func TestIrregularFiles(t *testing.T) {
	folder := tree(t, map[string]string{"a.yaml": aNode, "loop.yaml": "->loop.yaml", "gone.yaml": "->nowhere.yaml", "zero.yaml": "->/dev/zero", "other": "->nowhere"})
	pipe := filepath.Join(folder, "pipe.yaml")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	set, err := Read([]string{folder}, nil, Options{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, problem := range set.Problems {
		got = append(got, strings.TrimPrefix(problem.String(), folder+"/"))
	}
	want := []string{"gone.yaml: no such file", "loop.yaml: too many levels of symbolic links", "pipe.yaml: is a named pipe; only regular files are read", "zero.yaml: is a device; only regular"}
	if !slices.EqualFunc(got, want, strings.HasPrefix) || len(set.Objects) != 1 {
		t.Errorf("problems %q, want %q; %d objects", got, want, len(set.Objects))
	}
	for _, path := range []string{pipe, "/dev/zero"} {
		if _, err := Read([]string{path}, nil, Options{}); err == nil || !strings.Contains(err.Error(), "only regular files are read: give - and send the manifests to standard input") {
			t.Errorf("%s: %v", path, err)
		}
	}
	// A pipe that took the place of a file after it was found.
	if _, err := NewInput(nil).Read(Source{Name: "a", path: pipe}); err == nil || !strings.Contains(err.Error(), "named pipe") {
		t.Errorf("a pipe: %v", err)
	}
}

// endless is a text without end that counts what is read of it.
type endless struct {
	text string
	read int
}

// Read implements io.Reader.
func (e *endless) Read(into []byte) (int, error) {
	for n := 0; n < len(into); {
		n += copy(into[n:], e.text[(e.read+n)%len(e.text):])
	}
	e.read += len(into)
	return len(into), nil
}

// Limits hold while reading: of an endless input no more than the limit is read.
func TestLimitsOfReading(t *testing.T) {
	if _, err := NewInput(&endless{text: "\x00"}).Read(Source{path: stdinPath}); err == nil || !strings.Contains(err.Error(), "line 1 holds a zero byte") {
		t.Errorf("zeros: %v", err)
	}
	for _, c := range []struct {
		left int
		want string
	}{{maxInputBytes, "is larger than 128 MiB; split it into several files"}, {1 << 20, "all files together are larger than 1 GiB; name fewer"}} {
		from := &endless{text: "a: b\n"}
		in := NewInput(from)
		in.left = c.left
		if _, err := in.Read(Source{path: stdinPath}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("endless input: %v, want %q", err, c.want)
		}
		if most := min(c.left, maxFileBytes) + 1; from.read > most {
			t.Errorf("%d bytes were read, at most %d may", from.read, most)
		}
	}
	in := NewInput(strings.NewReader("a: b\n"))
	if data, err := in.Read(Source{path: stdinPath}); err != nil || string(data) != "a: b\n" || in.left != maxInputBytes-len(data) {
		t.Errorf("read %q, %v, %d left", data, err, in.left)
	}
}

// allocated is how many bytes reading a text allocates.
func allocated(t *testing.T, text string) uint64 {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	set, err := Read([]string{"-"}, strings.NewReader(text), Options{})
	if err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	runtime.KeepAlive(set)
	return after.TotalAlloc - before.TotalAlloc
}

// What reading takes grows with the input and not faster; what a plan does not look at takes little more than its text.
func TestReadingIsLinear(t *testing.T) {
	if raceDetector {
		t.Skip("regular expressions allocate more under the race detector")
	}
	terms := func(n int) string {
		var out []string
		for i := range n {
			out = append(out, fmt.Sprintf("{matchExpressions: [{key: k%d, operator: In, values: [v]}]}", i))
		}
		affinity := "      affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [" + strings.Join(out, ", ") + "]}}}\n"
		return strings.Replace(web, "      containers:", affinity+"      containers:", 1)
	}
	repeat := func(text string) func(int) string { return func(n int) string { return strings.Repeat(text, n) } }
	configMap := func(n int) string {
		return "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: c\ndata:\n" + strings.Repeat("  key-of-some-length: \"some text {{\"\n  other: |\n    \"text [\n", n)
	}
	for _, c := range []struct {
		name  string
		text  func(n int) string
		n     int
		times float64 // at most so many times the text
	}{
		{"affinity terms", terms, 4000, 500},
		{"empty documents", repeat("---\n"), 200_000, 10},
		{"values that are nested deep", func(n int) string {
			return "a: " + strings.Repeat("[", n) + strings.Repeat("0,", n) + strings.Repeat("]", n) + "\n"
		}, 2000, 1000},
		{"documents that are no objects", repeat("a\n---\n"), 2000, 5000},
		{"bad objects", func(n int) string {
			var out strings.Builder
			for i := range n {
				fmt.Fprintf(&out, "kind: PlacementPolicy\napiVersion: tradewind.dev/v1alpha1\nmetadata: {name: p%d}\nspec: {bad: 1}\n---\n", i)
			}
			return out.String()
		}, 500, 2000},
		{"a great ConfigMap", configMap, 100_000, 10},
		{"a great ConfigMap in JSON", func(n int) string {
			return `{"apiVersion":"v1","kind":"ConfigMap","data":{` + strings.Repeat(`"a":"\"}{ text",`, n) + `"z":""}}`
		}, 100_000, 10},
		{"a great Secret in a row", func(n int) string {
			return "{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"data\":{\"a\":\"" + strings.Repeat("a", 100*n) + "\"}}\n"
		}, 10_000, 10},
	} {
		t.Run(c.name, func(t *testing.T) {
			allocated(t, c.text(10)) // what is built once
			small, large := c.text(c.n), c.text(2*c.n)
			one, two := allocated(t, small), allocated(t, large)
			if float64(two) > 3*float64(one)+1<<20 {
				t.Errorf("%d bytes of text allocate %d, twice as many %d", len(small), one, two)
			}
			if float64(one) > c.times*float64(len(small))+1<<20 {
				t.Errorf("%d bytes of text allocate %d", len(small), one)
			}
		})
	}
}

// No object that is too large for an API server is read, and none is left out without a word.
func TestLimitsOfDocuments(t *testing.T) {
	filler := func(n int) string { return strings.Repeat("  - some-argument-of-a-container: x\n", n/36) }
	for _, c := range []struct{ name, text, want string }{
		{"an object", "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: a\nspec:\n" + filler(4<<20), "standard input:1: document 1: Deployment: is larger than the 3 MiB that an API server takes; make it smaller"},
		{"an object whose kind is not plain", "apiVersion: apps/v1\n\"kind\": Deployment\nmetadata:\n  name: a\nspec:\n" + filler(4<<20), "document 1: Deployment/a: is larger than the 3 MiB"},
		{"an item", `{"apiVersion":"v1","kind":"List","items":[{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p","labels":{"a":"` + strings.Repeat("x", 4<<20) + `"}}}]}`,
			"document 1: Pod/p: items[0]: is larger than the 3 MiB"},
		{"a document", "apiVersion: v1\nkind: List\nitems:\n" + strings.Repeat("- \n", 22<<20), "document 1: is larger than 64 MiB; write each object as a document of its own"},
	} {
		t.Run(c.name, func(t *testing.T) {
			set, err := Read([]string{"-"}, strings.NewReader(c.text), Options{})
			if err != nil || len(set.Objects) > 0 || len(set.Problems) != 1 || !strings.Contains(set.Problems[0].String(), c.want) {
				t.Errorf("%d objects, problems %v, %v; want %q", len(set.Objects), set.Problems, err, c.want)
			}
		})
	}
	count := 0
	Documents([]byte(strings.Repeat("a\n---\n", maxDocuments+10)), isRead, func(read func() ReadDocument) {
		if count++; count > maxDocuments {
			if found := read().Errors; len(found) != 1 || !strings.Contains(found[0].Error(), "one of more than 1000000 documents; the rest of the file is left out") {
				t.Errorf("errors %v", found)
			}
		}
	})
	if count != maxDocuments+1 {
		t.Errorf("%d documents", count)
	}
}
