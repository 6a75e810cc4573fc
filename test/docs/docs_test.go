package docs

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"tradewind.dev/tradewind/test/testbed"
)

// alone are pages that install or remove what others need, so that they have a cluster of their own.
var alone = []string{"getting-started.md"}

// blockTime is how long a block may take.
const blockTime = 6 * time.Minute

type page struct {
	name, path, text string
	blocks           []Block
}

func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// pages are README.md and what is in docs and written by hand.
func pages(t *testing.T) []page {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root(t), "docs", "*.md"))
	if err != nil || len(files) < 5 {
		t.Fatalf("docs/*.md: %d files, error %v", len(files), err)
	}
	var out []page
	for _, file := range append(files, filepath.Join(root(t), "README.md")) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		blocks, err := Blocks(string(text))
		if err != nil {
			t.Fatalf("%s: %v", filepath.Base(file), err)
		}
		out = append(out, page{filepath.Base(file), file, string(text), blocks})
	}
	return out
}

func TestLinksLeadSomewhere(t *testing.T) {
	for _, p := range pages(t) {
		for _, target := range Links(p.text) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(p.path), target)); err != nil {
				t.Errorf("%s: link to %s: %v", p.name, target, err)
			}
		}
	}
}

func TestOfflineCommands(t *testing.T) {
	programs(t)
	for _, p := range pages(t) {
		for _, block := range p.blocks {
			if block.Where == "offline" {
				run(t, &p, &block, "")
			}
		}
	}
}

func TestClusterCommands(t *testing.T) {
	programs(t)
	var shared *testbed.Cluster
	for _, p := range pages(t) {
		if !slices.ContainsFunc(p.blocks, func(b Block) bool { return b.Where == "cluster" }) {
			continue
		}
		cluster := shared
		if cluster == nil || slices.Contains(alone, p.name) {
			cluster = demoCluster(t)
		}
		if !slices.Contains(alone, p.name) {
			shared = cluster
		}
		t.Run(p.name, func(t *testing.T) {
			ownTestbeds(t)
			kubeconfig := cluster.Kubeconfig(t, testbed.Admin)
			before := objects(t, cluster)
			for _, block := range p.blocks {
				if block.Where == "cluster" {
					run(t, &p, &block, kubeconfig)
				}
			}
			if after := objects(t, cluster); !slices.Contains(alone, p.name) && after != before {
				t.Errorf("the page does not clean up; before it: %s; after it: %s", before, after)
			}
		})
	}
}

// programs sees to it that what the commands call is there.
func programs(t *testing.T) {
	t.Helper()
	for _, name := range []string{"tradewind", "tradewind-scheduler", "tradewind-controller", "tradewind-testbed", "kwok"} {
		if _, err := os.Stat(filepath.Join(root(t), "bin", name)); err != nil {
			t.Fatalf("bin/%s is not built: make build testbed", name)
		}
	}
	kubectl := filepath.Join(root(t), "bin", "kubectl")
	if _, err := os.Stat(kubectl); err == nil {
		return
	}
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", kubectl, ".")
	build.Dir = filepath.Join(root(t), "hack", "kubectl")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build bin/kubectl: %v\n%s", err, out)
	}
}

// ownTestbeds keeps the testbeds that commands start apart from those of the user, and ends what they leave.
func ownTestbeds(t *testing.T) {
	t.Helper()
	goCache, err := exec.CommandContext(t.Context(), "go", "env", "GOCACHE").Output()
	if err != nil {
		t.Fatal(err)
	}
	// Not t.TempDir: the path of a socket must be short.
	dir, err := os.MkdirTemp("", "tw")
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("GOCACHE", strings.TrimSpace(string(goCache)))
	t.Setenv("XDG_CACHE_HOME", dir)
	t.Cleanup(func() {
		down := exec.Command(filepath.Join(root(t), "bin", "tradewind-testbed"), "down", "--all")
		down.Env = append(os.Environ(), "XDG_CACHE_HOME="+dir)
		if out, err := down.CombinedOutput(); err != nil {
			t.Errorf("end the testbeds that are left: %v\n%s", err, out)
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
}

// demoCluster is the demo's cluster at the end of the demo: the shop runs under Tradewind.
func demoCluster(t *testing.T) *testbed.Cluster {
	t.Helper()
	bed := testbed.Start(t, testbed.Options{NodeFile: filepath.Join(root(t), "examples", "three-clouds", "nodes.yaml")})
	cluster := bed.Cluster(t, "")
	setUp := page{name: "setting the cluster up", path: "the test"}
	kubeconfig := cluster.Kubeconfig(t, testbed.Admin)
	run(t, &setUp, &Block{Script: `
kubectl apply --server-side -f deploy/crds
kubectl apply --server-side -f deploy/install/namespace.yaml -f deploy/install/rbac -f deploy/install/node-guard.yaml
kubectl create namespace shop
kubectl apply --server-side -n shop -k examples/three-clouds`}, kubeconfig)
	for _, program := range []struct {
		name, user string
		flags      []string
	}{
		{"tradewind-scheduler", testbed.TradewindScheduler, []string{"--secure-port=0"}},
		{"tradewind-controller", testbed.TradewindController, []string{"--metrics-bind-address=0", "--health-probe-bind-address=0"}},
	} {
		cluster.StartProgram(t, testbed.ProgramSpec{
			Name: program.name, Path: filepath.Join(root(t), "bin", program.name), User: program.user,
			Args: append([]string{"--kubeconfig={kubeconfig}"}, program.flags...),
		})
	}
	run(t, &setUp, &Block{Script: `
kubectl wait -n shop --for=condition=InForce placementpolicies --all --timeout=5m
kubectl apply --server-side -n shop -k examples/online-boutique-tradewind
kubectl wait -n shop --for=condition=Available deployments --all --timeout=5m`}, kubeconfig)
	return cluster
}

// run runs a block as a reader would who has bin/ on the PATH.
func run(t *testing.T, p *page, block *Block, kubeconfig string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), blockTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", block.Script)
	cmd.Dir = root(t)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig, "PATH="+filepath.Join(root(t), "bin")+":"+os.Getenv("PATH"))
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	begun := time.Now()
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s:%d: %v\n%s\n%s", p.name, block.Line, err, block.Script, out.String())
	}
	if !strings.Contains(out.String(), block.Expect) {
		t.Fatalf("%s:%d: the output does not contain %q\n%s\n%s", p.name, block.Line, block.Expect, block.Script, out.String())
	}
	t.Logf("%s:%d: %.1f s\n%s", p.name, block.Line, time.Since(begun).Seconds(), clip(out.String()))
}

// objects counts what a page could leave behind: namespaces, policies and overrides of the cluster.
func objects(t *testing.T, cluster *testbed.Cluster) string {
	t.Helper()
	counts := ""
	for _, path := range []string{
		"/api/v1/namespaces", "/apis/tradewind.dev/v1alpha1/clusterplacementpolicies", "/apis/tradewind.dev/v1alpha1/placementpolicies",
		"/apis/tradewind.dev/v1alpha1/pricelists", "/apis/tradewind.dev/v1alpha1/latencymaps",
	} {
		list := metav1.PartialObjectMetadataList{}
		text, err := cluster.Client().Discovery().RESTClient().Get().AbsPath(path).DoRaw(t.Context())
		if err != nil {
			return err.Error() // a page that uninstalls has no such resources any more
		}
		if err := json.Unmarshal(text, &list); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		counts += fmt.Sprintf("%d %s ", len(list.Items), filepath.Base(path))
	}
	return counts
}

// clip keeps the log of a test that passes short.
func clip(text string) string {
	const most = 4000
	if len(text) <= most {
		return text
	}
	return text[:most] + "…"
}
