package app

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tradewind.dev/tradewind/pkg/state/files"
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

// Only the user may read a snapshot, whatever was there before: a file that others may read, the remains of a killed
// command, a link of somebody else's.
func TestSnapshotIsPrivate(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "snapshot")
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	elsewhere := filepath.Join(t.TempDir(), "elsewhere")
	for _, name := range []string{filepath.Join(folder, "nodes.yaml"), filepath.Join(folder, ".pods.yaml.part"), elsewhere} {
		if err := os.WriteFile(name, []byte("old"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(elsewhere, filepath.Join(folder, ".pools.yaml.part")); err != nil {
		t.Fatal(err)
	}
	names := []string{"nodes.yaml", "pods.yaml", "pools.yaml"}
	var written []files.File
	for _, name := range names {
		written = append(written, files.File{Name: name, Data: []byte("new")})
	}
	if err := writeFolder(folder, written); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		info, err := os.Lstat(filepath.Join(folder, name))
		if err != nil || info.Mode() != 0o600 {
			t.Errorf("%s: mode %v, %v; want 0600", name, info.Mode(), err)
		}
	}
	if data, err := os.ReadFile(elsewhere); err != nil || string(data) != "old" {
		t.Errorf("a link was followed: %q, %v", data, err)
	}
	made := filepath.Join(t.TempDir(), "made")
	if err := writeFolder(made, written); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(made); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder: %v, %v; want 0700", info.Mode(), err)
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
