package supervisor

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

// running is a started program.
type running struct {
	spec    Process
	cmd     *exec.Cmd
	log     string
	started time.Time
	done    chan struct{} // closed when the program has ended; exit is set before
	exit    string
}

func (r *running) ended() bool {
	select {
	case <-r.done:
		return true
	default:
		return false
	}
}

func (r *running) status() ProcessStatus {
	s := ProcessStatus{Name: r.spec.Name, Cluster: r.spec.Cluster, PID: r.cmd.Process.Pid, StartedAt: r.started, Log: r.log}
	if r.ended() {
		s.Exit = r.exit
		return s
	}
	s.Running = true
	return s
}

// send is signal for a program that must not have ended: the process id of an ended one may be another's by now.
func (r *running) send(sig syscall.Signal) error {
	if r.ended() {
		return fmt.Errorf("%s has ended: %s", r.spec.Name, r.exit)
	}
	r.signal(sig)
	return nil
}

// signal reaches the program and every process of its group.
func (r *running) signal(sig syscall.Signal) {
	_ = syscall.Kill(-r.cmd.Process.Pid, sig)
}

// stop ends the program: a graceful one by SIGTERM first, and by SIGKILL when it has not ended after the grace period.
func (r *running) stop(grace time.Duration) {
	if r.spec.Graceful && !r.ended() {
		_ = syscall.Kill(r.cmd.Process.Pid, syscall.SIGTERM)
		select {
		case <-r.done:
		case <-time.After(grace):
		}
	}
	r.signal(syscall.SIGKILL) // also what is left of its group
	<-r.done
}

// spawner starts programs from one thread that lives as long as the supervisor: the kernel sends a program its
// parent-death signal when the thread that started it ends, and Go ends idle threads.
type spawner struct {
	requests chan func()
}

func newSpawner() *spawner {
	s := &spawner{requests: make(chan func())}
	go func() {
		runtime.LockOSThread()
		for f := range s.requests {
			f()
		}
	}()
	return s
}

func (s *spawner) start(dir string, spec Process) (*running, error) {
	if spec.Name == "" || spec.Name != filepath.Base(spec.Name) || spec.Name[0] == '.' {
		return nil, fmt.Errorf("program name %q: must be usable as a file name", spec.Name)
	}
	r := &running{spec: spec, log: filepath.Join(dir, LogDir, spec.Name+".log"), done: make(chan struct{})}
	log, err := os.OpenFile(r.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }()
	r.cmd = exec.Command(spec.Path, spec.Args...)
	r.cmd.Env = append(os.Environ(), spec.Env...)
	r.cmd.Dir = spec.Dir
	if r.cmd.Dir == "" {
		r.cmd.Dir = dir
	}
	r.cmd.Stdout, r.cmd.Stderr = log, log
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	s.requests <- func() { started <- r.cmd.Start() }
	if err := <-started; err != nil {
		return nil, fmt.Errorf("starting %s: %w", spec.Name, err)
	}
	r.started = time.Now()
	go func() {
		r.exit = describeExit(r.cmd.Wait())
		close(r.done)
	}()
	return r, nil
}

func describeExit(err error) string {
	if err == nil {
		return "exit status 0"
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.Error()
	}
	return err.Error()
}
