package supervisor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// grace is how long a graceful program has to end after SIGTERM.
const grace = 5 * time.Second

// supervisor is the state of a running supervisor.
type supervisor struct {
	dir     string
	spawner *spawner
	end     chan struct{} // closed when the bed shall end
	endOnce sync.Once

	mu       sync.Mutex
	owned    bool
	ending   bool
	ports    ports
	programs []*running
}

// Run is the supervisor's main function: it serves the bed in dir until the bed shall end, ends it and returns.
// The caller has locked the directory (see Lock) in a file that this process has inherited and keeps open. Until a
// client detaches the bed, the end of owner ends it too.
func Run(dir string, owner io.Reader) error {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("becoming the reaper of orphaned processes: %w", err)
	}
	if err := os.MkdirAll(filepath.Join(dir, LogDir), 0o700); err != nil {
		return err
	}
	s := &supervisor{dir: dir, spawner: newSpawner(), end: make(chan struct{}), owned: true}
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGCHLD)
	signal.Ignore(syscall.SIGHUP, syscall.SIGPIPE)
	go s.handle(signals)
	go func() {
		_, _ = io.Copy(io.Discard, owner)
		s.mu.Lock()
		owned := s.owned
		s.mu.Unlock()
		if owned {
			s.finish()
		}
	}()
	listener, err := listen(dir)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: s.handler(), ReadHeaderTimeout: 10 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	select {
	case <-s.end:
	case err = <-served:
	}
	s.stopAll()
	removeErr := os.RemoveAll(dir)
	_ = server.Close() // last: a client takes the closed connection for the end of the bed
	return errors.Join(err, removeErr)
}

// finish lets Run end the bed.
func (s *supervisor) finish() { s.endOnce.Do(func() { close(s.end) }) }

func (s *supervisor) handle(signals <-chan os.Signal) {
	for sig := range signals {
		if sig == syscall.SIGCHLD {
			s.reapOrphans()
			continue
		}
		s.finish()
	}
}

// reapOrphans takes the exit status of ended processes that the programs left behind, so that they do not stay zombies.
func (s *supervisor) reapOrphans() {
	s.mu.Lock()
	defer s.mu.Unlock() // no program is started meanwhile, so every child that is not listed is an orphan
	for _, pid := range childrenOf(os.Getpid()) {
		if !slices.ContainsFunc(s.programs, func(r *running) bool { return r.cmd.Process.Pid == pid }) {
			_, _ = unix.Wait4(pid, nil, unix.WNOHANG, nil)
		}
	}
}

func (s *supervisor) start(spec Process) (ProcessStatus, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ending {
		return ProcessStatus{}, errors.New("the testbed is being stopped")
	}
	if i := slices.IndexFunc(s.programs, func(r *running) bool { return r.spec.Name == spec.Name }); i >= 0 {
		if !s.programs[i].ended() {
			return ProcessStatus{}, fmt.Errorf("a program named %s is running already", spec.Name)
		}
		s.programs = slices.Delete(s.programs, i, i+1)
	}
	r, err := s.spawner.start(s.dir, spec)
	if err != nil {
		return ProcessStatus{}, err
	}
	s.programs = append(s.programs, r)
	return r.status(), nil
}

func (s *supervisor) find(name string) (*running, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.programs {
		if r.spec.Name == name {
			return r, nil
		}
	}
	return nil, fmt.Errorf("no program named %s in this testbed", name)
}

// status describes the programs. Memory is left out unless it is asked for: the kernel walks all pages to count it.
func (s *supervisor) status(memory bool) Status {
	s.mu.Lock()
	programs, owned := slices.Clone(s.programs), s.owned
	s.mu.Unlock()
	self := ProcessStatus{Name: "supervisor", PID: os.Getpid(), Running: true, Log: filepath.Join(s.dir, LogDir, "supervisor.log")}
	status := Status{Owned: owned, Processes: []ProcessStatus{self}}
	for _, r := range programs {
		status.Processes = append(status.Processes, r.status())
	}
	for i := range status.Processes {
		if p := &status.Processes[i]; memory && p.Running {
			p.ResidentBytes, p.ProportionalBytes = memoryOf(p.PID)
		}
	}
	return status
}

func (s *supervisor) takePorts(n int) ([]int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ports.take(n)
}

func (s *supervisor) detach() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.owned = false
}

// stopAll ends every program, graceful ones first while what they depend on still runs, then every process they left.
func (s *supervisor) stopAll() {
	s.mu.Lock()
	s.ending = true
	programs := slices.Clone(s.programs)
	s.mu.Unlock()
	for _, graceful := range []bool{true, false} {
		var wait sync.WaitGroup
		for _, r := range programs {
			if r.spec.Graceful == graceful {
				wait.Go(func() { r.stop(grace) })
			}
		}
		wait.Wait()
	}
	// Processes that left their program's group are now children of this one, and their children become so in turn.
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	for children := childrenOf(os.Getpid()); len(children) > 0 && ctx.Err() == nil; children = childrenOf(os.Getpid()) {
		for _, pid := range children {
			_ = unix.Kill(pid, unix.SIGKILL)
			_, _ = unix.Wait4(pid, nil, unix.WNOHANG, nil)
		}
		time.Sleep(time.Millisecond)
	}
}
