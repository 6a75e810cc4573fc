package testbed

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"tradewind.dev/tradewind/test/testbed/internal/supervisor"
)

// Program is a program of the project's own that runs as part of a bed.
type Program struct {
	bed  *Bed
	name string
	log  string
}

// ProgramSpec says what to run.
type ProgramSpec struct {
	// Name identifies the program within the bed.
	Name string
	// Path is the executable. {kubeconfig} in Args stands for the path of the user's kubeconfig, which the variable
	// KUBECONFIG of the program's environment names too.
	Path string
	Args []string
	Env  []string
	// User is whom the program is to the API server; see Cluster.Kubeconfig.
	User string
}

// StartProgram runs a program under the bed's supervision: it ends with the bed, SIGTERM first. Its output is in
// Program.Log, and is printed when the test fails.
func (c *Cluster) StartProgram(t testing.TB, spec ProgramSpec) *Program {
	t.Helper()
	path, err := exec.LookPath(spec.Path)
	if err == nil {
		path, err = filepath.Abs(path)
	}
	if err != nil {
		t.Fatalf("program %s: %v", spec.Name, err)
	}
	process, err := c.cluster.Program(spec.Name, spec.User, append([]string{path}, spec.Args...))
	if err != nil {
		t.Fatal(err)
	}
	process.Env = append(process.Env, spec.Env...)
	if process.Dir, err = os.Getwd(); err != nil {
		t.Fatal(err)
	}
	status, err := c.bed.bed.Supervisor().StartProcess(t.Context(), process)
	if err != nil {
		t.Fatal(err)
	}
	return &Program{bed: c.bed, name: spec.Name, log: status.Log}
}

// Stop ends the program and waits for its end: SIGTERM, and SIGKILL five seconds later.
func (p *Program) Stop(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), stopTimeout)
	defer cancel()
	if _, err := p.bed.bed.Supervisor().StopProcess(ctx, p.name); err != nil {
		t.Fatal(err)
	}
}

// Running reports whether the program has not ended.
func (p *Program) Running(t testing.TB) bool { return p.status(t).Running }

// WaitForEnd waits until the program has ended by itself and returns how ("exit status 0").
func (p *Program) WaitForEnd(t testing.TB, timeout time.Duration) string {
	t.Helper()
	WaitFor(t, timeout, "the end of "+p.name, func(context.Context) (bool, error) { return !p.Running(t), nil })
	return p.status(t).Exit
}

// Log returns what the program has printed so far.
func (p *Program) Log(t testing.TB) string {
	t.Helper()
	data, err := os.ReadFile(p.log)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func (p *Program) status(t testing.TB) supervisor.ProcessStatus {
	t.Helper()
	status, err := p.bed.bed.Supervisor().Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s, ok := status.Find(p.name)
	if !ok {
		t.Fatalf("program %s is not part of the testbed any more", p.name)
	}
	return s
}
