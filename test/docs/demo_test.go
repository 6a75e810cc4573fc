package docs

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"unicode/utf8"
)

// demoCommand is the demo as `make demo` runs it.
func demoCommand(t *testing.T) *exec.Cmd {
	t.Helper()
	programs(t)
	ownTestbeds(t)
	program := filepath.Join(t.TempDir(), "demo")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, "./hack/demo")
	build.Dir = root(t)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the demo: %v\n%s", err, out)
	}
	demo := exec.CommandContext(t.Context(), program)
	demo.Dir = root(t)
	demo.Env = append(os.Environ(), "KEEP=")
	return demo
}

func TestDemo(t *testing.T) {
	demo := demoCommand(t)
	out, err := demo.CombinedOutput()
	text := string(out)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	for _, want := range []string{
		"2. The shop under Kubernetes' default scheduler", "pods break a rule",
		"3. The shop under Tradewind", "Where everything went",
		"4. Why is it there?", "$ tradewind explain pod frontend-",
		"5. The bill", "$ tradewind report cost", "pods that break a rule",
		"6. How fast it answers", "$ tradewind report latency -n shop",
		"0/14 nodes: 10 outside residency DE+NL, 4 operated from outside EU",
		"8. How good could it be?", "$ tradewind simulate -f", "placed three ways",
		"9. What if?", "--lose cloud=azure",
		"10. A price rises", "0 pods break a rule",
		"11. A cloud is lost", " workloads back in time", // late ones are in the table
		": 0 that break a rule instead of",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the demo does not print %q", want)
		}
	}
	if strings.Contains(text, "  not back  ") { // a cell of the table; the error about late ones says "not back within" too
		t.Error("a workload of the lost cloud was not replaced")
	}
	for _, line := range strings.Split(text, "\n") {
		if utf8.RuneCountInString(line) > 120 {
			t.Errorf("%d columns: %s", utf8.RuneCountInString(line), line)
		}
	}
	nothingLeft(t)
	if t.Failed() {
		t.Log(text)
	}
}

func TestDemoInterrupted(t *testing.T) {
	demo := demoCommand(t)
	pipe, err := demo.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := demo.Start(); err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	interrupted := false
	for lines := bufio.NewScanner(pipe); lines.Scan(); {
		text.WriteString(lines.Text() + "\n")
		if !interrupted && strings.HasPrefix(lines.Text(), "$ kubectl") {
			interrupted = true
			if err := demo.Process.Signal(syscall.SIGINT); err != nil {
				t.Fatal(err)
			}
		}
	}
	err = demo.Wait()
	if code := demo.ProcessState.ExitCode(); !interrupted || code != 130 {
		t.Errorf("interrupted %t, ended with status %d (%v), want 130\n%s", interrupted, code, err, text.String())
	}
	nothingLeft(t)
}

// nothingLeft fails the test when a testbed is still there.
func nothingLeft(t *testing.T) {
	t.Helper()
	status := exec.CommandContext(t.Context(), filepath.Join(root(t), "bin", "tradewind-testbed"), "status")
	out, err := status.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "There is no testbed") {
		t.Errorf("a testbed is left (error %v):\n%s", err, out)
	}
}
