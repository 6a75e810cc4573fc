package supervisor

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// Client talks to the supervisor of one bed.
type Client struct {
	dir   string
	http  *http.Client
	owner *os.File // the owner's end of the pipe, when this process started the supervisor
}

// Connect returns a client of the supervisor of the bed in dir. It makes no request.
func Connect(dir string) *Client {
	transport := &http.Transport{
		DialContext:     func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx, dir) },
		MaxIdleConns:    2,
		IdleConnTimeout: 10 * time.Second,
	}
	return &Client{dir: dir, http: &http.Client{Transport: transport}}
}

// Start runs a supervisor for the bed in dir, which lock locks, by starting executable with args. The lock is handed over: the
// caller's copy is closed. The bed ends when this process does, unless it is detached.
func Start(ctx context.Context, dir string, lock *os.File, executable string, args ...string) (*Client, error) {
	defer func() { _ = lock.Close() }()
	if err := os.MkdirAll(filepath.Join(dir, LogDir), 0o700); err != nil {
		return nil, err
	}
	log, err := os.OpenFile(filepath.Join(dir, LogDir, "supervisor.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }()
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer func() { _ = read.Close() }()
	cmd := exec.Command(executable, args...)
	cmd.Dir = dir
	cmd.Stdin, cmd.Stdout, cmd.Stderr = read, log, log
	cmd.ExtraFiles = []*os.File{lock}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		_ = write.Close()
		return nil, fmt.Errorf("starting the supervisor: %w", err)
	}
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	c := Connect(dir)
	c.owner = write
	for {
		_, err := c.Status(ctx)
		if err == nil {
			return c, nil
		}
		select {
		case <-exited:
			output, _ := os.ReadFile(log.Name())
			return nil, fmt.Errorf("the supervisor ended at once: %s", bytes.TrimSpace(output))
		case <-ctx.Done():
			_ = write.Close()
			return nil, fmt.Errorf("waiting for the supervisor: %w", ctx.Err())
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// Status returns the state of the bed's programs, without their memory.
func (c *Client) Status(ctx context.Context) (Status, error) {
	var s Status
	return s, c.do(ctx, http.MethodGet, "status", nil, &s)
}

// StatusWithMemory returns the state of the bed's programs with their memory, which takes a few milliseconds.
func (c *Client) StatusWithMemory(ctx context.Context) (Status, error) {
	var s Status
	return s, c.do(ctx, http.MethodGet, "status?memory", nil, &s)
}

// Ports takes n TCP ports of 127.0.0.1 that nothing listens on; they stay the bed's until it ends.
func (c *Client) Ports(ctx context.Context, n int) ([]int, error) {
	var ports []int
	return ports, c.do(ctx, http.MethodPost, "ports/"+strconv.Itoa(n), nil, &ports)
}

// StartProcess starts a program. An ended program of the same name is replaced; a running one is an error.
func (c *Client) StartProcess(ctx context.Context, p Process) (ProcessStatus, error) {
	var s ProcessStatus
	return s, c.do(ctx, http.MethodPost, "processes", p, &s)
}

// StopProcess stops a program and waits for its end.
func (c *Client) StopProcess(ctx context.Context, name string) (ProcessStatus, error) {
	var s ProcessStatus
	return s, c.do(ctx, http.MethodDelete, "processes/"+name, nil, &s)
}

// SignalProcess sends a signal to a running program and its group.
func (c *Client) SignalProcess(ctx context.Context, name string, signal syscall.Signal) error {
	return c.do(ctx, http.MethodPost, fmt.Sprintf("processes/%s/signals/%d", name, signal), nil, nil)
}

// RestartProcess starts a program anew with what it was first started with, and ends it before if it still runs.
func (c *Client) RestartProcess(ctx context.Context, name string) (ProcessStatus, error) {
	var s ProcessStatus
	return s, c.do(ctx, http.MethodPost, "processes/"+name+"/restart", nil, &s)
}

// Detach lets the bed outlive the process that started it.
func (c *Client) Detach(ctx context.Context) error {
	if err := c.do(ctx, http.MethodPost, "detach", nil, nil); err != nil {
		return err
	}
	if c.owner != nil {
		return c.owner.Close()
	}
	return nil
}

// Stop ends the bed and returns when its programs are gone and its directory is removed.
func (c *Client) Stop(ctx context.Context) error {
	pid := 0
	if status, err := c.Status(ctx); err == nil && len(status.Processes) > 0 {
		pid = status.Processes[0].PID
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://testbed/stop", nil)
	if err != nil {
		return err
	}
	if response, err := c.http.Do(request); err == nil {
		_ = response.Body.Close()
	} else if ctx.Err() != nil {
		return fmt.Errorf("stopping the testbed in %s: %w", c.dir, ctx.Err())
	}
	if c.owner != nil {
		_ = c.owner.Close()
	}
	for { // the connection also ends when the supervisor was not there; what counts is that the directory is gone
		if _, err := os.Stat(c.dir); errors.Is(err, os.ErrNotExist) && !lives(pid) {
			return nil
		}
		if !lives(pid) && !Alive(c.dir) {
			if err := RemoveStale(c.dir); err != nil && !errors.Is(err, os.ErrNotExist) && !errors.Is(err, ErrRunning) {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for the testbed in %s to stop: %w", c.dir, ctx.Err())
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func (c *Client) do(ctx context.Context, method, path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, method, "http://testbed/"+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	response, err := c.http.Do(request)
	if err != nil {
		return fmt.Errorf("asking the supervisor of %s: %w", c.dir, err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		var f failure
		if err := json.NewDecoder(response.Body).Decode(&f); err != nil || f.Error == "" {
			return fmt.Errorf("the supervisor of %s answered %s to %s", c.dir, response.Status, path)
		}
		return errors.New(f.Error)
	}
	if out == nil {
		return nil
	}
	return json.NewDecoder(response.Body).Decode(out)
}
