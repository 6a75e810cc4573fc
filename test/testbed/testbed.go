// Package testbed gives tests real Kubernetes control planes with simulated nodes of any cloud.
//
//	bed := testbed.Start(t, testbed.Options{Nodes: `
//	pools:
//	- {cloud: aws, region: eu-west-1, instanceType: m7i.large, count: 3}
//	- {cloud: gcp, region: europe-west1, instanceType: e2-standard-4, capacityType: spot, count: 3}
//	`})
//	cluster := bed.Cluster(t, "")
//	pods, err := cluster.Client().CoreV1().Pods("default").List(ctx, metav1.ListOptions{})
//
// A bed ends with its test, also when the test fails, panics or is killed. When a test fails, the ends of the logs of
// all programs are printed; with TRADEWIND_TESTBED_KEEP=1 in the environment the bed of a failed test stays up.
//
// The program tradewind-testbed, which the package runs, is built when it is first needed; TRADEWIND_TESTBED in the
// environment names a built one instead.
package testbed

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"tradewind.dev/tradewind/test/testbed/internal/bed"
	"tradewind.dev/tradewind/test/testbed/internal/tools"
	"tradewind.dev/tradewind/test/testbed/nodes"
)

// KeepVariable is the environment variable that leaves the beds of failed tests up.
const KeepVariable = "TRADEWIND_TESTBED_KEEP"

// Users with short names; see Cluster.Kubeconfig.
const (
	Admin               = bed.Admin
	TradewindScheduler  = bed.TradewindScheduler
	TradewindController = bed.TradewindController
)

// Options say what a bed shall be. The zero value is one cluster named "main" with a kube-scheduler and no nodes.
type Options struct {
	// Nodes is the text of a node file, NodeFile its path, Pools its pools; give at most one. See package nodes.
	Nodes    string
	NodeFile string
	Pools    []nodes.Pool
	// Clusters are the names of the clusters. Clusters that the node file names exist too.
	Clusters []string
	// NoDefaultScheduler leaves kube-scheduler out.
	NoDefaultScheduler bool
	// NoKubelets leaves KWOK out, for tests that bring kubelets of their own; they create the nodes, too.
	NoKubelets bool
	// Manifests are files and folders of YAML to apply to each cluster before Start returns; custom resource definitions
	// come first.
	Manifests []string
	// LossAfter is how long Kubernetes waits for a silent node before it is unreachable, at least 4 s. Default: 50 s,
	// Kubernetes' own.
	LossAfter time.Duration
	// ExtraArgs are further arguments of the control plane's programs, by program ("kube-apiserver").
	ExtraArgs map[string][]string
	// Timeout limits the start of the bed. Default: 5 minutes.
	Timeout time.Duration
}

// Bed is a running testbed.
type Bed struct {
	bed      *bed.Bed
	options  Options
	clusters []*Cluster
}

// testPrefix begins the names of the beds of tests.
const testPrefix = "test-"

// Start starts a bed for a test and ends it with the test. It fails the test when the bed does not become ready.
func Start(t testing.TB, options Options) *Bed {
	t.Helper()
	b, err := New(t.Context(), options)
	if err != nil {
		t.Fatalf("starting a testbed: %v", err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(b.Logs(40))
			if os.Getenv(KeepVariable) != "" {
				b.keep(t)
				return
			}
		}
		if err := b.Stop(); err != nil {
			t.Errorf("stopping the testbed: %v", err)
		}
	})
	return b
}

// New starts a bed that lasts until Stop, or the end of this process. It is for beds that several tests share, made in
// TestMain; other tests use Start.
func New(ctx context.Context, options Options) (*Bed, error) {
	specs, err := options.clusterSpecs()
	if err != nil {
		return nil, err
	}
	executable, err := tools.Testbed(ctx)
	if err != nil {
		return nil, err
	}
	kwok := ""
	if !options.NoKubelets {
		if kwok, err = tools.Kwok(ctx, ""); err != nil {
			return nil, err
		}
	}
	if options.Timeout == 0 {
		options.Timeout = 5 * time.Minute
	}
	if options.LossAfter == 0 {
		options.LossAfter = bed.DefaultLossAfter
	}
	ctx, cancel := context.WithTimeout(ctx, options.Timeout)
	defer cancel()
	stateDir := bed.DefaultStateDir()
	if _, err := bed.RemoveStale(stateDir, testPrefix); err != nil {
		return nil, err
	}
	var random [5]byte
	if _, err := rand.Read(random[:]); err != nil {
		return nil, err
	}
	up, err := bed.Up(ctx, bed.Spec{
		Name: testPrefix + hex.EncodeToString(random[:]), StateDir: stateDir, Executable: executable, Kwok: kwok,
		Clusters: specs, DefaultScheduler: !options.NoDefaultScheduler, NoKubelets: options.NoKubelets, LossAfter: options.LossAfter,
		Manifests: options.Manifests, ExtraArgs: options.ExtraArgs,
	}, func(string) {})
	if err != nil {
		return nil, err
	}
	b := &Bed{bed: up, options: options}
	for _, c := range up.ClusterList() {
		cluster, err := newCluster(b, c)
		if err != nil {
			return nil, errors.Join(err, b.Stop())
		}
		b.clusters = append(b.clusters, cluster)
	}
	return b, nil
}

func (o Options) clusterSpecs() ([]bed.ClusterSpec, error) {
	file := nodes.File{Pools: o.Pools}
	given := 0
	for _, is := range []bool{o.Nodes != "", o.NodeFile != "", len(o.Pools) > 0} {
		if is {
			given++
		}
	}
	if given > 1 {
		return nil, errors.New("testbed options: give one of Nodes, NodeFile and Pools")
	}
	var err error
	switch {
	case o.Nodes != "":
		file, err = nodes.Parse([]byte(o.Nodes))
	case o.NodeFile != "":
		file, err = nodes.Read(o.NodeFile)
	}
	if err != nil {
		return nil, fmt.Errorf("node file: %w", err)
	}
	var specs []bed.ClusterSpec
	for _, c := range file.ClusterPools(o.Clusters) {
		var built []*corev1.Node
		if built, err = nodes.Build(c.Pools, nil); err != nil {
			return nil, fmt.Errorf("node file: cluster %s: %w", c.Name, err)
		}
		specs = append(specs, bed.ClusterSpec{Name: c.Name, Nodes: built})
	}
	return specs, nil
}

// stopTimeout limits the end of a bed; programs have a part of it to end by themselves.
const stopTimeout = 2 * time.Minute

// Stop ends the bed: no process, port or file of it is left.
func (b *Bed) Stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	return b.bed.Down(ctx)
}

// keep leaves the bed of a failed test up.
func (b *Bed) keep(t testing.TB) {
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	if err := b.bed.Detach(ctx); err != nil {
		t.Logf("the testbed cannot be kept: %v", err)
		return
	}
	for _, c := range b.clusters {
		t.Logf("the testbed stays up: export KUBECONFIG=%s; end it with: tradewind-testbed down %s",
			c.cluster.ClusterState.Kubeconfig, b.bed.Name)
	}
}

// Dir returns the bed's directory, in which tests may put files that shall go with the bed.
func (b *Bed) Dir() string { return b.bed.Dir }

// Name returns the bed's name, by which the command tradewind-testbed knows it.
func (b *Bed) Name() string { return b.bed.Name }

// StartTime returns how long it took until every node was ready.
func (b *Bed) StartTime() time.Duration {
	return time.Duration(b.bed.StartSeconds * float64(time.Second))
}

// Cluster returns the cluster of that name; an empty name means the first.
func (b *Bed) Cluster(t testing.TB, name string) *Cluster {
	t.Helper()
	for _, c := range b.clusters {
		if name == "" || c.Name() == name {
			return c
		}
	}
	t.Fatalf("the testbed has no cluster %q", name)
	return nil
}

// Clusters returns all clusters in the order of the options.
func (b *Bed) Clusters() []*Cluster { return append([]*Cluster(nil), b.clusters...) }

// Memory returns the memory in bytes that all programs of the bed take, memory that they share counted once.
func (b *Bed) Memory(t testing.TB) int64 {
	t.Helper()
	status, err := b.bed.Supervisor().StatusWithMemory(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	sum := int64(0)
	for _, p := range status.Processes {
		sum += p.ProportionalBytes
	}
	return sum
}

// Logs returns the last lines of the log of every program.
func (b *Bed) Logs(lines int) string {
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	status, err := b.bed.Supervisor().Status(ctx)
	if err != nil {
		return fmt.Sprintf("no logs: %v", err)
	}
	var text strings.Builder
	for _, p := range status.Processes {
		if tail := bed.Tail(p.Log, lines); tail != "" {
			state := "running"
			if !p.Running {
				state = p.Exit
			}
			fmt.Fprintf(&text, "\n--- end of the log of %s (%s) ---\n%s", p.Name, state, tail)
		}
	}
	return text.String()
}
