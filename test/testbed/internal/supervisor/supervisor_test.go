package supervisor

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestMain lets this test binary be the supervisor that the tests start.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == "supervise" {
		if err := Run(os.Args[2], os.Stdin); err != nil {
			println(err.Error())
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// patience is how long a test waits for what takes milliseconds on an idle machine.
const patience = 4 * time.Minute

// start runs a supervisor for a new bed, in a folder whose name is longer than a Unix socket's may be.
func start(t *testing.T) (*Client, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), strings.Repeat("long-", 30))
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	lock, err := Lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	client, err := Start(ctx, dir, lock, self, "supervise", dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := client.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	return client, dir
}

func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !condition(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not so after %s: %s", patience, what)
		}
	}
}

func shell(name, script string) Process {
	return Process{Name: name, Path: "/bin/sh", Args: []string{"-c", script}}
}

func (c *Client) mustStart(t *testing.T, p Process) ProcessStatus {
	t.Helper()
	s, err := c.StartProcess(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestPrograms(t *testing.T) {
	client, dir := start(t)
	graceful := shell("graceful", `trap 'echo bye; exit 7' TERM; echo "$WORD in $(pwd)"; while :; do sleep 0.02; done`)
	graceful.Graceful, graceful.Env = true, []string{"WORD=hello"}
	started := client.mustStart(t, graceful)
	log := func() string { data, _ := os.ReadFile(started.Log); return string(data) }
	eventually(t, "the program's greeting", func() bool { return strings.Contains(log(), "hello in "+dir) })

	if _, err := client.StartProcess(t.Context(), graceful); err == nil || !strings.Contains(err.Error(), "running already") {
		t.Errorf("a second program of the same name: error %v", err)
	}
	status, err := client.StatusWithMemory(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if p, ok := status.Find("graceful"); !ok || !p.Running || p.PID != started.PID || p.ResidentBytes <= 0 ||
		p.ProportionalBytes <= 0 || p.ProportionalBytes > p.ResidentBytes {
		t.Errorf("status of a running program: %+v", p)
	}
	if p, ok := status.Find("supervisor"); !ok || !p.Running || p.ResidentBytes <= 0 || !status.Owned {
		t.Errorf("status of the supervisor: %+v, owned %v", p, status.Owned)
	}
	stopped, err := client.StopProcess(t.Context(), "graceful")
	if err != nil || stopped.Running || stopped.Exit != "exit status 7" || !strings.Contains(log(), "bye") {
		t.Errorf("after a graceful stop: %+v, error %v, log %q", stopped, err, log())
	}
	if again := client.mustStart(t, shell("graceful", "exit 0")); again.PID == started.PID {
		t.Error("an ended program was not replaced")
	}
	eventually(t, "the exit status of a program that ends by itself", func() bool {
		status, err := client.Status(t.Context())
		p, ok := status.Find("graceful")
		return err == nil && ok && p.Exit == "exit status 0"
	})
	for name, p := range map[string]Process{
		"no name":        shell("", ""),
		"path as a name": shell("../x", ""),
		"no such file":   {Name: "missing", Path: "/no/such/program"},
	} {
		if _, err := client.StartProcess(t.Context(), p); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := client.StopProcess(t.Context(), "unknown"); err == nil || !strings.Contains(err.Error(), "unknown") {
		t.Errorf("stopping what is not there: error %v", err)
	}
}

// family starts a program that starts a process in a session of its own, and returns the ids of both.
func family(t *testing.T, client *Client, dir string) []int {
	t.Helper()
	parent := client.mustStart(t, shell("parent", `setsid sh -c 'echo $$ > child; while :; do sleep 1; done' & while :; do sleep 1; done`))
	var child int
	eventually(t, "the child's id", func() bool {
		data, _ := os.ReadFile(filepath.Join(dir, "child"))
		child, _ = strconv.Atoi(strings.TrimSpace(string(data)))
		return child > 0 && lives(child)
	})
	return []int{parent.PID, child}
}

func TestStop(t *testing.T) {
	client, dir := start(t)
	pids := family(t, client, dir)
	if !Alive(dir) {
		t.Error("a running bed is not alive")
	}
	if err := RemoveStale(dir); !errors.Is(err, ErrRunning) {
		t.Errorf("removing a running bed: error %v, want ErrRunning", err)
	}
	if err := client.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if slices.ContainsFunc(pids, lives) {
		t.Errorf("a process of %v is left", pids)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) || Alive(dir) {
		t.Errorf("the folder is left: %v", err)
	}
	if err := client.Stop(t.Context()); err != nil {
		t.Errorf("stopping an ended bed: %v", err)
	}
}

// TestOwner checks that a bed ends with its owner, unless it was detached.
func TestOwner(t *testing.T) {
	for _, detached := range []bool{false, true} {
		t.Run("detached="+strconv.FormatBool(detached), func(t *testing.T) {
			client, dir := start(t)
			pids := family(t, client, dir)
			if detached {
				if err := client.Detach(t.Context()); err != nil {
					t.Fatal(err)
				}
				for range 20 { // the end of the pipe has been read by now, had it any effect
					if _, err := client.Status(t.Context()); err != nil || !lives(pids[0]) {
						t.Fatalf("a detached bed ended with its owner: %v", err)
					}
				}
				return
			}
			if err := client.owner.Close(); err != nil {
				t.Fatal(err)
			}
			client.owner = nil
			eventually(t, "the end of the bed", func() bool {
				_, err := os.Stat(dir)
				return errors.Is(err, os.ErrNotExist) && !slices.ContainsFunc(pids, lives)
			})
		})
	}
}

// TestKilledSupervisor checks that the programs end with their supervisor, and that the rest can be removed.
func TestKilledSupervisor(t *testing.T) {
	client, dir := start(t)
	program := client.mustStart(t, shell("program", "while :; do sleep 1; done"))
	status, err := client.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(status.Processes[0].PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the end of the program", func() bool { return !lives(program.PID) })
	eventually(t, "the bed not to be alive", func() bool { return !Alive(dir) })
	if err := client.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder is left: %v", err)
	}
}

func TestStartFails(t *testing.T) {
	dir := t.TempDir()
	lock, err := Lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Lock(dir); !errors.Is(err, ErrRunning) {
		t.Errorf("locking twice: error %v, want ErrRunning", err)
	}
	_, err = Start(t.Context(), dir, lock, "/bin/sh", "-c", "echo no luck >&2; exit 1")
	if err == nil || !strings.Contains(err.Error(), "no luck") {
		t.Errorf("error %v, want the supervisor's own words", err)
	}
}

func TestPorts(t *testing.T) {
	var first, second ports
	defer func() {
		for _, l := range append(first.held, second.held...) {
			_ = l.Close()
		}
	}()
	a, err := first.take(40)
	if err != nil {
		t.Fatal(err)
	}
	b, err := second.take(40)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[int]bool{}
	for _, port := range append(a, b...) {
		if seen[port] || port < firstPort || port > lastPort {
			t.Errorf("port %d: given twice or out of range", port)
		}
		seen[port] = true
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			t.Errorf("port %d is not free: %v", port, err)
			continue
		}
		_ = l.Close()
	}
	if _, err := first.take(lastPort - firstPort + 2); err == nil {
		t.Error("more ports than there are: no error")
	}
}

func TestPortsOverTheSocket(t *testing.T) {
	client, _ := start(t)
	ports, err := client.Ports(t.Context(), 3)
	if err != nil || len(ports) != 3 {
		t.Errorf("%v, error %v", ports, err)
	}
	if _, err := client.Ports(t.Context(), -1); err == nil {
		t.Error("minus one port: no error")
	}
}
