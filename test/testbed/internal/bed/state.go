// Package bed makes, finds and ends testbeds: real Kubernetes control planes with simulated nodes on this machine.
package bed

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"tradewind.dev/tradewind/test/testbed/internal/supervisor"
)

// File and folder names inside a bed's directory.
const (
	stateFile   = "bed.json"
	clustersDir = "clusters"
)

// State is what is recorded of a bed in its directory.
type State struct {
	Name    string    `json:"name"`
	Created time.Time `json:"created"`
	// Ready is false while the bed is being made, and stays so when that failed.
	Ready bool `json:"ready"`
	// StartSeconds is how long it took to make the bed, until every node was ready.
	StartSeconds float64        `json:"startSeconds"`
	Clusters     []ClusterState `json:"clusters"`
}

// ClusterState is what is recorded of a cluster.
type ClusterState struct {
	Name string `json:"name"`
	// Server is the URL of the API server.
	Server string `json:"server"`
	// Kubeconfig is the path of the administrator's kubeconfig.
	Kubeconfig string `json:"kubeconfig"`
}

// Bed is a testbed that exists.
type Bed struct {
	State
	// Dir is the bed's directory. It holds everything that the bed wrote, and is removed with it.
	Dir      string
	client   *supervisor.Client
	clusters []*Cluster
}

// DefaultStateDir returns the directory in which beds have theirs: tradewind-testbed in the user's cache directory, or
// in the temporary directory for a user without a home.
func DefaultStateDir() string {
	base, err := os.UserCacheDir()
	if err != nil {
		base = os.TempDir()
	}
	return filepath.Join(base, "tradewind-testbed", "beds")
}

var validName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)

// CheckName returns an error for what cannot name a bed or a cluster.
func CheckName(kind, name string) error {
	if !validName.MatchString(name) {
		return fmt.Errorf("%s name %q: use at most 63 lower-case letters, digits and dashes, starting and ending with a letter or a digit", kind,
			name)
	}
	return nil
}

// ErrNotFound says that no bed of a name exists.
var ErrNotFound = errors.New("no such testbed")

// Open finds the bed of that name. A bed whose supervisor was killed is found too; see Alive.
func Open(stateDir, name string) (*Bed, error) {
	if err := CheckName("testbed", name); err != nil {
		return nil, err
	}
	dir := filepath.Join(stateDir, name)
	data, err := os.ReadFile(filepath.Join(dir, stateFile))
	if errors.Is(err, os.ErrNotExist) {
		if others := names(stateDir); len(others) > 0 {
			return nil, fmt.Errorf("%w: %s (there are: %s)", ErrNotFound, name, strings.Join(others, ", "))
		}
		return nil, fmt.Errorf("%w: %s; start one with: tradewind-testbed up %s", ErrNotFound, name, name)
	}
	if err != nil {
		return nil, err
	}
	b := &Bed{Dir: dir, client: supervisor.Connect(dir)}
	if err := json.Unmarshal(data, &b.State); err != nil {
		return nil, fmt.Errorf("%s: %w; remove the testbed with: tradewind-testbed down %s", filepath.Join(dir, stateFile), err, name)
	}
	for _, c := range b.State.Clusters {
		b.clusters = append(b.clusters, &Cluster{ClusterState: c, bed: b})
	}
	return b, nil
}

// List returns all beds in stateDir, sorted by name.
func List(stateDir string) ([]*Bed, error) {
	var beds []*Bed
	for _, name := range names(stateDir) {
		b, err := Open(stateDir, name)
		if errors.Is(err, ErrNotFound) {
			continue // it ended meanwhile
		}
		if err != nil {
			return nil, err
		}
		beds = append(beds, b)
	}
	return beds, nil
}

func names(stateDir string) []string {
	entries, err := os.ReadDir(stateDir)
	if err != nil {
		return nil
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() && validName.MatchString(e.Name()) {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return names
}

// RemoveStale removes what is left of beds of which even the supervisor was killed, and returns their names. Only beds
// whose names begin with prefix are looked at.
func RemoveStale(stateDir, prefix string) ([]string, error) {
	var removed []string
	failures := removeUnnamed(stateDir)
	for _, name := range names(stateDir) {
		if !strings.HasPrefix(name, prefix) {
			continue
		}
		err := supervisor.RemoveStale(filepath.Join(stateDir, name))
		switch {
		case err == nil:
			removed = append(removed, name)
		case !errors.Is(err, supervisor.ErrRunning) && !errors.Is(err, os.ErrNotExist):
			failures = errors.Join(failures, err)
		}
	}
	return removed, failures
}

// unnamedPrefix begins the names of folders that have not got their bed's name yet.
const unnamedPrefix = ".new-"

// removeUnnamed removes folders whose maker was killed in the instant before they got their name.
func removeUnnamed(stateDir string) error {
	folders, err := filepath.Glob(filepath.Join(stateDir, unnamedPrefix+"*"))
	for _, dir := range folders {
		if info, statErr := os.Stat(dir); statErr != nil || time.Since(info.ModTime()) < time.Minute {
			continue
		}
		if removeErr := supervisor.RemoveStale(dir); !errors.Is(removeErr, supervisor.ErrRunning) && !errors.Is(removeErr, os.ErrNotExist) {
			err = errors.Join(err, removeErr)
		}
	}
	return err
}

// Alive reports whether the bed's supervisor is running.
func (b *Bed) Alive() bool { return supervisor.Alive(b.Dir) }

// Supervisor returns a client of the bed's supervisor.
func (b *Bed) Supervisor() *supervisor.Client { return b.client }

// Cluster returns the cluster of that name; an empty name means the first.
func (b *Bed) Cluster(name string) (*Cluster, error) {
	for _, c := range b.clusters {
		if name == "" || c.Name == name {
			return c, nil
		}
	}
	var have []string
	for _, c := range b.clusters {
		have = append(have, c.Name)
	}
	return nil, fmt.Errorf("testbed %s has no cluster %q (it has: %s)", b.Name, name, strings.Join(have, ", "))
}

// ClusterList returns the bed's clusters in the order in which they were asked for.
func (b *Bed) ClusterList() []*Cluster { return slices.Clone(b.clusters) }

// write records the state, whole or not at all.
func (b *Bed) write() error {
	data, err := json.MarshalIndent(b.State, "", "  ")
	if err != nil {
		return err
	}
	file := filepath.Join(b.Dir, stateFile)
	if err := os.WriteFile(file+".new", data, 0o600); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}
