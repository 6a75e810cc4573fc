// Package performance measures Tradewind's scheduler against the default profile with Kubernetes' own scheduler
// benchmark (k8s.io/kubernetes/test/integration/scheduler_perf), and the plugins one by one.
//
// Every figure is printed as one line: BENCH name value unit. Run it with: make bench-scheduler
package performance

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	_ "k8s.io/component-base/logs/json/register"
	perf "k8s.io/kubernetes/test/integration/scheduler_perf"
)

var (
	nodeCount   = flag.Int("nodes", 5000, "nodes of the cluster, a multiple of 100")
	podCount    = flag.Int("pods", 10000, "pods that are measured; a tenth more warm up")
	roundCount  = flag.Int("rounds", 2, "how often BenchmarkScheduler measures each profile, in turn")
	onlyProfile = flag.String("profile", "", "measure this profile only, for profiling with -cpuprofile or -memprofile")
)

func TestMain(m *testing.M) {
	err := perf.InitTests()
	if err == nil {
		err = findModules()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// findModules says where the source of modules is. The harness looks for the API server's test certificates beside its
// own source; in a program built with -trimpath it takes the path from these two variables.
func findModules() error {
	if _, source, _, ok := runtime.Caller(0); ok && filepath.IsAbs(source) {
		return nil
	}
	cache, err := exec.Command("go", "env", "GOMODCACHE").Output()
	if err != nil {
		return fmt.Errorf("go env GOMODCACHE: %w", err)
	}
	parent, base := filepath.Split(strings.TrimSpace(string(cache)))
	return errors.Join(os.Setenv("TEST_SRCDIR", parent), os.Setenv("TEST_WORKSPACE", base))
}

// report prints one figure. The harness leaves lines unfinished, so each figure begins a new one.
func report(name string, value float64, unit string) {
	fmt.Printf("\nBENCH %s %.4g %s\n", name, value, unit)
}
