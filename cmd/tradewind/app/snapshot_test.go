package app

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tradewind.dev/tradewind/pkg/inventory/files"
)

func TestSnapshotErrors(t *testing.T) {
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "mine.yaml"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, folder, want string }{
		{"other files", folder, "holds mine.yaml, which is of no snapshot and would be planned too; give an empty folder"},
		{"no cluster", t.TempDir(), "there is no kubeconfig"},
	} {
		code, out, stderr := run(t, "", "snapshot", "-o", c.folder)
		if code != 1 || out != "" || !strings.Contains(stderr, c.want) {
			t.Errorf("%s: exit %d, output %q, error %q; want %q", c.name, code, out, stderr, c.want)
		}
	}
}

// A snapshot replaces the files of an earlier one, also those that it has nothing for.
func TestWriteFolder(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "deep", "snapshot")
	if err := writeFolder(folder, []files.File{{Name: "nodes.yaml", Data: []byte("a")}, {Name: "pods.yaml", Data: []byte("b")}}); err != nil {
		t.Fatal(err)
	}
	if err := checkFolder(folder); err != nil {
		t.Fatal(err)
	}
	if err := writeFolder(folder, []files.File{{Name: "nodes.yaml", Data: []byte("c")}}); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(folder)
	if err != nil || len(entries) != 1 || entries[0].Name() != "nodes.yaml" {
		t.Errorf("%v, %v; want nodes.yaml alone", entries, err)
	}
	if data, err := os.ReadFile(filepath.Join(folder, "nodes.yaml")); err != nil || string(data) != "c" {
		t.Errorf("%q, %v", data, err)
	}
}
