package cli

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tradewind.dev/tradewind/test/testbed/internal/tools"
)

// command runs the command line in this process and returns its exit status and output.
func command(stateDir string, args ...string) (status int, stdout, stderr string) {
	var out, errors bytes.Buffer
	status = Main(append([]string{"--state-dir", stateDir}, args...), &out, &errors)
	return status, out.String(), errors.String()
}

// TestMistakes checks what a user is told, without a testbed.
func TestMistakes(t *testing.T) {
	dir := t.TempDir()
	badNodes := filepath.Join(dir, "nodes.yaml")
	if err := os.WriteFile(badNodes, []byte("pools: [{cloud: aws, region: mars, instanceType: m7i.large}]"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"up", "Bad_Name"}, `testbed name "Bad_Name"`},
		{[]string{"up", "--nodes", filepath.Join(dir, "missing.yaml")}, "missing.yaml: no such file"},
		{[]string{"up", "--nodes", badNodes}, `nodes.yaml: cluster main: pools[0].region: "mars" is not a region of aws`},
		{[]string{"up", "--kwok", "/no/such/kwok"}, "/no/such/kwok"},
		{[]string{"up", "a", "b"}, "accepts at most 1 arg"},
		{[]string{"status", "nobody"}, "no such testbed: nobody; start one with: tradewind-testbed up nobody"},
		{[]string{"status", "-o", "xml"}, `--output "xml": want table or json`},
		{[]string{"kubeconfig", "nobody"}, "no such testbed"},
		{[]string{"run", "x", "--testbed", "nobody", "--", "true"}, "no such testbed"},
		{[]string{"lose"}, "--selector: needed"},
		{[]string{"down", "x", "--all"}, "not both"},
		{[]string{"down", "../x"}, `testbed name "../x"`},
		{[]string{"upp"}, `unknown command "upp"`},
	} {
		status, _, stderr := command(filepath.Join(dir, "beds"), c.args...)
		if status != 1 || !strings.Contains(stderr, c.want) {
			t.Errorf("%v: status %d, %q; want 1 and %q", c.args, status, stderr, c.want)
		}
	}
	if status, stdout, _ := command(dir+"/beds", "status"); status != 0 || !strings.Contains(stdout, "There is no testbed") {
		t.Errorf("status without a testbed: %d, %q", status, stdout)
	}
	if status, stdout, _ := command(dir+"/beds", "status", "-o", "json"); status != 0 || strings.TrimSpace(stdout) != "[]" {
		t.Errorf("status -o json without a testbed: %d, %q", status, stdout)
	}
	if status, _, stderr := command(dir+"/beds", "down", "nobody"); status != 0 || !strings.Contains(stderr, "There is no testbed nobody") {
		t.Errorf("down without a testbed: %d, %q", status, stderr)
	}
}

// TestHelp checks that every command explains itself with an example.
func TestHelp(t *testing.T) {
	root := newRoot(&options{out: &bytes.Buffer{}, err: &bytes.Buffer{}})
	for _, c := range root.Commands() {
		if !c.Hidden && (c.Short == "" || c.Example == "") {
			t.Errorf("%s has no description or no example", c.Name())
		}
	}
}

// TestCommands goes through the life of a testbed with two clusters by the program itself.
func TestCommands(t *testing.T) {
	program, err := tools.Testbed(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	stateDir := filepath.Join(t.TempDir(), "beds")
	run := func(args ...string) string {
		t.Helper()
		cmd := exec.Command(program, append([]string{"--state-dir", stateDir}, args...)...)
		var out, errors bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &errors
		if err := cmd.Run(); err != nil {
			t.Fatalf("%v: %v\n%s%s", args, err, out.String(), errors.String())
		}
		return out.String()
	}
	refuse := func(want string, args ...string) {
		t.Helper()
		if status, _, stderr := command(stateDir, args...); status != 1 || !strings.Contains(stderr, want) {
			t.Errorf("%v: status %d, %q; want 1 and %q", args, status, stderr, want)
		}
	}
	out := run("up", "pair", "--clusters", "one,two")
	t.Cleanup(func() { _, _, _ = command(stateDir, "down", "pair") })
	if strings.Count(out, "export KUBECONFIG=") != 2 {
		t.Errorf("up prints %q, want the kubeconfigs of two clusters", out)
	}
	refuse("running already", "up", "pair")
	refuse(`has no cluster "three"`, "kubeconfig", "pair", "--cluster", "three")
	refuse("has no program", "logs", "nothing", "--testbed", "pair")
	refuse("no node has the labels a=b", "lose", "--testbed", "pair", "-l", "a=b")

	var statuses []bedStatus
	if err := json.Unmarshal([]byte(run("status", "pair", "-o", "json")), &statuses); err != nil {
		t.Fatal(err)
	}
	s := statuses[0]
	if s.State != "ready" || len(s.Clusters) != 2 || s.Clusters[0].ReadyNodes != 14 || s.Clusters[1].Nodes != 14 || s.StartSeconds <= 0 {
		t.Errorf("status %+v", s)
	}
	if len(s.Programs) != 2+5*2 || s.ProportionalBytes <= 0 || s.ProportionalBytes > s.ResidentBytes {
		t.Errorf("%d programs with %d and %d bytes; want 12 with memory", len(s.Programs), s.ProportionalBytes, s.ResidentBytes)
	}
	if table := run("status"); !strings.Contains(table, "two-kube-apiserver") || !strings.Contains(table, "14/14") {
		t.Errorf("status prints %q", table)
	}
	path := strings.TrimSpace(run("kubeconfig", "pair", "--cluster", "two", "--user", "alice", "--groups", "a,b"))
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("kubeconfig %s: %v, mode %v; want a file that only its owner reads", path, err, info.Mode())
	}
	if raw := run("kubeconfig", "pair", "--raw"); !strings.Contains(raw, "current-context: tradewind-pair-one") {
		t.Errorf("kubeconfig --raw prints %q", raw)
	}
	run("lose", "--testbed", "pair", "-l", "topology.kubernetes.io/region=westeurope")
	run("restore", "--testbed", "pair", "-l", "topology.kubernetes.io/region=westeurope")
	run("run", "talker", "--testbed", "pair", "--user", "tradewind-scheduler", "--", "sh", "-c", "echo config {kubeconfig}; sleep 1000")
	if log := run("logs", "talker", "--testbed", "pair"); !strings.Contains(log, "config "+stateDir) {
		t.Errorf("logs prints %q", log)
	}
	run("run", "talker", "--testbed", "pair", "--", "sleep", "1000") // replaces the first
	refuse("ended at once (exit status 3):\nsorry", "run", "failing", "--testbed", "pair", "--", "sh", "-c", "echo sorry; exit 3")

	run("down", "pair")
	if _, err := os.Stat(filepath.Join(stateDir, "pair")); !os.IsNotExist(err) {
		t.Errorf("the testbed's folder is left: %v", err)
	}
	refuse("no such testbed", "status", "pair")
}

// TestInterrupt checks that an interrupted up leaves nothing.
func TestInterrupt(t *testing.T) {
	program, err := tools.Testbed(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	stateDir := filepath.Join(t.TempDir(), "beds")
	cmd := exec.Command(program, "--state-dir", stateDir, "up", "short")
	var errors bytes.Buffer
	cmd.Stderr = &errors
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(4 * time.Minute); ; time.Sleep(5 * time.Millisecond) {
		if _, err := os.Stat(filepath.Join(stateDir, "short", "clusters", "main", "kubeconfig")); err == nil {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("the testbed does not start: %s", errors.String())
		}
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil || !strings.Contains(errors.String(), "interrupted; nothing is left") {
		t.Errorf("interrupted: %v, %q", err, errors.String())
	}
	if _, err := os.Stat(filepath.Join(stateDir, "short")); !os.IsNotExist(err) {
		t.Errorf("the testbed's folder is left: %v", err)
	}
}
