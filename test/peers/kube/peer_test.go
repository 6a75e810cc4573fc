// Package kube asks Kubernetes' own end-to-end suite whether tradewind-scheduler can stand in kube-scheduler's place: its
// cases of SIG Scheduling run against a control plane with the one and against one with the other.
package kube

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/onsi/ginkgo/v2/types"
	"sigs.k8s.io/yaml"

	"tradewind.dev/tradewind/deploy"
	"tradewind.dev/tradewind/test/internal/programs"
	"tradewind.dev/tradewind/test/testbed"
)

var tradewindScheduler = programs.Built("TRADEWIND_SCHEDULER", "tradewind-scheduler")

// nodes are what the suite needs: several alike, in two zones.
const nodes = `
pools:
- {cloud: aws, region: eu-west-1, zones: [eu-west-1a, eu-west-1b], instanceType: m7i.large, count: 4}
`

// TestPeer runs the suite with both schedulers, and fails for each case that passes with kube-scheduler alone, also when it is run
// again. FOCUS in the environment is a regular expression for the names of cases; ARTIFACTS is a folder for the suite's logs and
// reports.
func TestPeer(t *testing.T) {
	folder := os.Getenv("ARTIFACTS")
	if folder == "" {
		folder = t.TempDir()
	}
	suite := buildSuite(t)
	reference := run(t, suite, filepath.Join(folder, "kube-scheduler"), focus(), false)
	ours := run(t, suite, filepath.Join(folder, "tradewind-scheduler"), focus(), true)
	if alone := onlyOurs(reference, ours); alone != "" {
		for name, passed := range run(t, suite, filepath.Join(folder, "again"), alone, true) {
			if passed {
				fmt.Println("failed with tradewind-scheduler alone and passed when it was run again:", name)
				ours[name] = true
			}
		}
	}
	fmt.Printf("BENCH kube_scheduling_passed %d cases\n", ours.count(true))
	fmt.Printf("BENCH kube_scheduling_failed %d cases\n", ours.count(false))
	fmt.Printf("BENCH kube_scheduling_passed_kube_scheduler %d cases\n", reference.count(true))
	fmt.Printf("BENCH kube_scheduling_failed_kube_scheduler %d cases\n", reference.count(false))
	if len(reference) == 0 || len(ours) != len(reference) {
		t.Errorf("%d cases ran with tradewind-scheduler and %d with kube-scheduler", len(ours), len(reference))
	}
	for name, passed := range reference {
		switch {
		case passed && !ours[name]:
			t.Errorf("fails with tradewind-scheduler alone: %s", name)
		case !passed && !ours[name]:
			fmt.Println("fails with both:", name)
		case !passed:
			fmt.Println("fails with kube-scheduler alone:", name)
		}
	}
}

// verdicts say of each case, by name, whether it passed.
type verdicts map[string]bool

func (v verdicts) count(passed bool) int {
	count := 0
	for _, one := range v {
		if one == passed {
			count++
		}
	}
	return count
}

func buildSuite(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "suite")
	command := exec.Command("go", "test", "-c", "-tags", "peers", "-o", path, "./suite")
	if text, err := command.CombinedOutput(); err != nil {
		t.Fatalf("building Kubernetes' suite: %v\n%s", err, text)
	}
	return path
}

// onlyOurs is a regular expression for the cases that fail with our scheduler alone; empty for none. The suite has races of its own: no
// container runs, and a pod made anew under its name may be taken for the one that was deleted.
func onlyOurs(reference, ours verdicts) string {
	var names []string
	for name, passed := range reference {
		if passed && !ours[name] {
			names = append(names, regexp.QuoteMeta(name))
		}
	}
	slices.Sort(names)
	return strings.Join(names, "|")
}

// run runs the cases of the suite that a regular expression names, on a control plane of its own.
func run(t *testing.T, suite, folder, focus string, tradewind bool) verdicts {
	t.Helper()
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	options := testbed.Options{Nodes: nodes, NoDefaultScheduler: tradewind}
	if tradewind {
		options.Manifests = []string{"../../../deploy/crds", "../../../deploy/install/namespace.yaml", "../../../deploy/install/rbac"}
	}
	bed := testbed.Start(t, options)
	cluster := bed.Cluster(t, "")
	if tradewind {
		start(t, cluster, filepath.Join(folder, "config.yaml"))
	}
	report := filepath.Join(folder, "report.json")
	log, err := os.Create(filepath.Join(folder, "suite.log"))
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), suite, "-test.timeout=0", "--provider=skeleton",
		"--kubeconfig="+cluster.Kubeconfig(t, testbed.Admin), "--ginkgo.focus="+focus, "--ginkgo.json-report="+report,
		"--ginkgo.timeout=3h", "--ginkgo.no-color", "--dump-logs-on-failure=false", "--node-schedulable-timeout=2m")
	command.Stdout, command.Stderr = log, log
	fmt.Printf("running Kubernetes' cases with %s; %s has what they print\n", filepath.Base(folder), log.Name())
	// It fails when a case fails: the report says which.
	var failed *exec.ExitError
	if err := command.Run(); err != nil && !errors.As(err, &failed) {
		t.Fatal(err)
	}
	if err := errors.Join(log.Close(), bed.Stop()); err != nil {
		t.Error(err)
	}
	return read(t, report)
}

func focus() string {
	if given := os.Getenv("FOCUS"); given != "" {
		return `\[sig-scheduling\].*` + given
	}
	return `\[sig-scheduling\]`
}

// start runs tradewind-scheduler with its ready profile tradewind, under the name of kube-scheduler's.
func start(t *testing.T, cluster *testbed.Cluster, config string) {
	t.Helper()
	path, err := tradewindScheduler()
	if err != nil {
		t.Fatal(err)
	}
	var ready map[string]any
	if err := yaml.Unmarshal(deploy.SchedulerConfig, &ready); err != nil {
		t.Fatal(err)
	}
	profiles := ready["profiles"].([]any)
	profile := profiles[slices.IndexFunc(profiles, func(p any) bool { return p.(map[string]any)["schedulerName"] == "tradewind" })]
	profile.(map[string]any)["schedulerName"] = "default-scheduler"
	ready["profiles"] = []any{profile}
	ready["clientConnection"].(map[string]any)["kubeconfig"] = cluster.Kubeconfig(t, testbed.TradewindScheduler)
	text, err := yaml.Marshal(ready)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(config, text, 0o600); err != nil {
		t.Fatal(err)
	}
	cluster.StartProgram(t, testbed.ProgramSpec{
		Name: "tradewind-scheduler", Path: path, User: testbed.TradewindScheduler,
		Args: []string{
			"--config=" + config, "--authentication-kubeconfig={kubeconfig}", "--authorization-kubeconfig={kubeconfig}", "--secure-port=0",
		},
	})
}

// read is what the suite's report says of the cases that ran.
func read(t *testing.T, path string) verdicts {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("the suite wrote no report: %v", err)
	}
	var reports []types.Report
	if err := json.Unmarshal(text, &reports); err != nil {
		t.Fatal(err)
	}
	out := verdicts{}
	for i := range reports {
		for k := range reports[i].SpecReports {
			spec := &reports[i].SpecReports[k]
			if spec.LeafNodeType != types.NodeTypeIt || spec.State.Is(types.SpecStateSkipped|types.SpecStatePending) {
				continue
			}
			out[strings.Join(append(slices.Clone(spec.ContainerHierarchyTexts), spec.LeafNodeText), " ")] = spec.State.Is(types.SpecStatePassed)
		}
	}
	return out
}
