package testbed_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"tradewind.dev/tradewind/test/testbed"
	"tradewind.dev/tradewind/test/testbed/internal/tools"
)

// ownerVariable turns this test binary into the owner of a bed, for tests that kill it.
const ownerVariable = "TRADEWIND_TESTBED_TEST_OWNER"

func TestMain(m *testing.M) {
	if os.Getenv(ownerVariable) != "" {
		ownBed()
	}
	os.Exit(m.Run())
}

// ownBed starts a bed, says where it is, and waits to be killed.
func ownBed() {
	bed, err := testbed.New(context.Background(), testbed.Options{Nodes: threeClouds})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(bed.Dir(), bed.Clusters()[0].Config().Host)
	select {}
}

// alone gives this process, and those that it starts, a folder for beds that no other test uses, and returns it. The
// programs stay where they are.
func alone(t *testing.T) string {
	t.Helper()
	program, err := tools.Testbed(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	kwok, err := tools.Kwok(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	t.Setenv(tools.TestbedVariable, program)
	t.Setenv(tools.KwokVariable, kwok)
	t.Setenv("XDG_CACHE_HOME", dir)
	return dir
}

// processesIn lists the processes that name a path in their arguments or work in it.
func processesIn(t testing.TB, path string) []string {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		arguments, _ := os.ReadFile(filepath.Join("/proc", e.Name(), "cmdline")) // gone meanwhile: empty
		dir, _ := os.Readlink(filepath.Join("/proc", e.Name(), "cwd"))
		if bytes.Contains(arguments, []byte(path)) || strings.HasPrefix(dir, path) {
			found = append(found, fmt.Sprintf("%d %s", pid, bytes.ReplaceAll(arguments, []byte{0}, []byte(" "))))
		}
	}
	slices.Sort(found)
	return found
}

// TestStopLeavesNothing checks that no process, port or file of a bed is left, not even a process that a program of it
// has started and that has left its session.
func TestStopLeavesNothing(t *testing.T) {
	bed, err := testbed.New(t.Context(), testbed.Options{Nodes: threeClouds})
	if err != nil {
		t.Fatal(err)
	}
	cluster := bed.Cluster(t, "")
	server := cluster.Config().Host
	cluster.StartProgram(t, testbed.ProgramSpec{Name: "forker", Path: "/bin/sh", Args: []string{
		"-c", "setsid sh -c 'cd " + bed.Dir() + "; while :; do sleep 1; done' & trap '' TERM; while :; do sleep 1; done",
	}})
	testbed.WaitFor(t, patience, "the program's own child", func(context.Context) (bool, error) {
		return slices.ContainsFunc(processesIn(t, bed.Dir()), func(p string) bool { return strings.Contains(p, "sh -c cd ") }), nil
	})
	if closed(t, server) || len(processesIn(t, bed.Dir())) < 6 {
		t.Fatalf("the bed is not whole: %v", processesIn(t, bed.Dir()))
	}
	if err := bed.Stop(); err != nil {
		t.Fatal(err)
	}
	if left := processesIn(t, bed.Dir()); len(left) > 0 {
		t.Errorf("processes left: %v", left)
	}
	if !closed(t, server) {
		t.Errorf("something still listens at %s", server)
	}
	if exists(bed.Dir()) {
		t.Errorf("%s is still there", bed.Dir())
	}
}

// TestKilledOwnerLeavesNothing kills the process that owns a bed as brutally as can be, while the bed runs and while it
// is being made.
func TestKilledOwnerLeavesNothing(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, ready := range []bool{true, false} {
		t.Run(fmt.Sprintf("ready=%v", ready), func(t *testing.T) {
			folder := alone(t)
			owner := exec.Command(self, "-test.run=^$")
			owner.Env = append(os.Environ(), ownerVariable+"=1")
			output, err := owner.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := owner.Start(); err != nil {
				t.Fatal(err)
			}
			dir, server := "", ""
			if ready {
				line, err := bufio.NewReader(output).ReadString('\n')
				if _, scanErr := fmt.Sscan(line, &dir, &server); scanErr != nil {
					t.Fatalf("the owner says %q (%v)", line, err)
				}
			} else {
				testbed.WaitFor(t, patience, "programs of the bed", func(context.Context) (bool, error) { return len(processesIn(t, folder)) > 2, nil })
			}
			if err := owner.Process.Signal(syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			_ = owner.Wait() // it was killed
			testbed.WaitFor(t, patience, "the bed's processes to end", func(context.Context) (bool, error) {
				left := processesIn(t, folder)
				if len(left) > 0 {
					return false, fmt.Errorf("left: %v", left)
				}
				return true, nil
			})
			if beds, err := os.ReadDir(filepath.Join(folder, "tradewind-testbed", "beds")); err != nil || len(beds) > 0 {
				t.Errorf("folders left: %v, error %v", beds, err)
			}
			if ready && !closed(t, server) {
				t.Errorf("something still listens at %s", server)
			}
		})
	}
}
