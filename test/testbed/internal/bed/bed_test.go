package bed

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tradewind.dev/tradewind/test/testbed/internal/supervisor"
)

func TestIdentities(t *testing.T) {
	for _, c := range []struct {
		user   string
		groups []string
		want   string // user and groups, or part of the error
	}{
		{"admin", nil, "testbed-admin system:masters"},
		{"kube-scheduler", nil, "system:kube-scheduler"},
		{"tradewind-scheduler", nil,
			"system:serviceaccount:tradewind-system:tradewind-scheduler system:serviceaccounts system:serviceaccounts:tradewind-system"},
		{"system:serviceaccount:shop:web", []string{"extra"},
			"system:serviceaccount:shop:web system:serviceaccounts system:serviceaccounts:shop extra"},
		{"alice", []string{"a", "b"}, "alice a b"},
		{"system:serviceaccount:shop", nil, "NAMESPACE:NAME"},
		{"system:serviceaccount::web", nil, "NAMESPACE:NAME"},
		{"system:serviceaccount:a:b:c", nil, "NAMESPACE:NAME"},
		{"", nil, "must not be empty"},
	} {
		id, err := identityOf(c.user, c.groups)
		if err != nil {
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("%q: error %v, want %q", c.user, err, c.want)
			}
			continue
		}
		if got := strings.Join(append([]string{id.user}, id.groups...), " "); got != c.want {
			t.Errorf("%q in %v: %q, want %q", c.user, c.groups, got, c.want)
		}
	}
	admin, _ := identityOf(Admin, []string{"more"}) // a known user
	if again, _ := identityOf(Admin, nil); slices.Contains(again.groups, "more") || !slices.Contains(admin.groups, "more") {
		t.Errorf("groups of one request end up in the next: %v", again.groups)
	}
}

func TestTail(t *testing.T) {
	file := filepath.Join(t.TempDir(), "log")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got := Tail(file, 3); got != "" {
		t.Errorf("no file: %q", got)
	}
	for text, want := range map[string]string{
		"": "", "one": "one\n", "one\n": "one\n", "one\ntwo\nthree\nfour\n": "two\nthree\nfour\n",
	} {
		write(text)
		if got := Tail(file, 3); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	var long strings.Builder
	for i := range 100000 {
		fmt.Fprintf(&long, "line %d\n", i)
	}
	write(long.String())
	if got := Tail(file, 2); got != "line 99998\nline 99999\n" {
		t.Errorf("a long file: %q", got)
	}
}

func TestManifests(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"b/deployment.yaml": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n---\n\n---\napiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n",
		"c.json":            `{"apiVersion":"v1","kind":"List","items":[{"apiVersion":"v1","kind":"Secret","metadata":{"name":"s"}}]}`,
		"a.yml":             "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: things.example.com}\n",
		"notes.txt":         "not a manifest",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	objects, err := readObjects([]string{dir})
	if err != nil {
		t.Fatal(err)
	}
	slices.SortStableFunc(objects, func(a, b object) int { return rank(a) - rank(b) })
	var kinds []string
	for _, o := range objects {
		kinds = append(kinds, o.GetKind())
	}
	if got := strings.Join(kinds, " "); got != "CustomResourceDefinition Namespace Deployment Secret" {
		t.Errorf("order %s", got)
	}
	for text, want := range map[string]string{
		"kind: Pod\nmetadata: {name: a}":          "document 1: apiVersion, kind and metadata.name are needed",
		"apiVersion: v1\nkind: Pod\n---\na: [":    "document 1",
		"apiVersion: v1\nkind: Pod\nmetadata: {}": "metadata.name",
		"- a": "document 1",
	} {
		if _, err := decodeObjects("file.yaml", strings.NewReader(text)); err == nil ||
			!strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "file.yaml") {
			t.Errorf("%q: error %v, want the file and %q", text, err, want)
		}
	}
	if _, err := readObjects([]string{filepath.Join(dir, "missing")}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing path: error %v", err)
	}
	if _, err := readObjects([]string{t.TempDir()}); err == nil {
		t.Error("an empty folder is no error")
	}
}

// FuzzManifests feeds arbitrary text to the manifest reader: every object that it returns has a kind and a name.
func FuzzManifests(f *testing.F) {
	f.Add("apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n---\n")
	f.Add(`{"apiVersion":"v1","kind":"List","items":[{"kind":"Pod","metadata":{"name":"a"}},3]}`)
	f.Add("apiVersion: v1\nkind: PodList\nitems: {}\n")
	f.Add("--- |\n&a [*a]")
	f.Fuzz(func(t *testing.T, text string) {
		objects, err := decodeObjects("file", strings.NewReader(text))
		if err != nil {
			return
		}
		for _, o := range objects {
			if o.Unstructured == nil || o.GetKind() == "" || o.GetName() == "" {
				t.Errorf("an object without kind or name: %v", o.Object)
			}
		}
	})
}

func TestDirectories(t *testing.T) {
	stateDir := filepath.Join(t.TempDir(), "beds")
	dir, lock, err := makeDir(stateDir, "one")
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder of a bed: %v, %v; want it closed to others", info.Mode(), err)
	}
	if _, _, err := makeDir(stateDir, "one"); err == nil || !strings.Contains(err.Error(), "running already") {
		t.Errorf("a second bed of the name: error %v", err)
	}
	if removed, err := RemoveStale(stateDir, ""); err != nil || len(removed) > 0 {
		t.Errorf("a bed being made was removed: %v, error %v", removed, err)
	}
	if err := lock.Close(); err != nil { // as if its process were killed
		t.Fatal(err)
	}
	if removed, err := RemoveStale(stateDir, "other-"); err != nil || len(removed) > 0 {
		t.Errorf("a bed with another name was removed: %v, error %v", removed, err)
	}
	if removed, err := RemoveStale(stateDir, "o"); err != nil || !slices.Equal(removed, []string{"one"}) {
		t.Errorf("removed %v, error %v; want the dead bed", removed, err)
	}
	for range 2 { // the second finds the remains of the first
		_, lock, err := makeDir(stateDir, "two")
		if err != nil {
			t.Fatal(err)
		}
		_ = lock.Close()
	}
	unnamed := filepath.Join(stateDir, unnamedPrefix+"x")
	for age, want := range map[time.Duration]bool{time.Second: true, time.Hour: false} {
		if err := os.MkdirAll(unnamed, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(unnamed, time.Time{}, time.Now().Add(-age)); err != nil {
			t.Fatal(err)
		}
		if err := removeUnnamed(stateDir); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(unnamed); (err == nil) != want {
			t.Errorf("a folder without a name, %s old: %v, want it there: %v", age, err, want)
		}
	}
	if _, err := Open(stateDir, "two"); !errors.Is(err, ErrNotFound) {
		t.Errorf("a bed without a state: error %v, want ErrNotFound", err)
	}
	if supervisor.Alive(filepath.Join(stateDir, "two")) {
		t.Error("a dead bed is alive")
	}
}
