package testbed

import (
	"context"
	"syscall"
)

// Process is a program of the bed: of its control planes, or one that a test started.
type Process struct {
	// Name is "etcd", "CLUSTER-kube-apiserver", "CLUSTER-kube-controller-manager", or ProgramSpec.Name.
	Name string
	// PID is the process id, of the last process when the program has ended.
	PID     int
	Running bool
	// Log is the path of the file with what it printed, over all its restarts.
	Log string
}

// Processes returns the bed's programs, the supervisor first.
func (b *Bed) Processes(ctx context.Context) ([]Process, error) {
	status, err := b.bed.Supervisor().Status(ctx)
	if err != nil {
		return nil, err
	}
	var out []Process
	for _, p := range status.Processes {
		out = append(out, Process{Name: p.Name, PID: p.PID, Running: p.Running, Log: p.Log})
	}
	return out, nil
}

// Signal sends a signal to a running program of the bed: SIGKILL as a crash, SIGSTOP and SIGCONT as a machine that hangs.
func (b *Bed) Signal(ctx context.Context, name string, signal syscall.Signal) error {
	return b.bed.Supervisor().SignalProcess(ctx, name, signal)
}

// Restart starts a program of the bed anew with the same arguments, and ends it before if it still runs. It does not wait
// until the program answers.
func (b *Bed) Restart(ctx context.Context, name string) error {
	_, err := b.bed.Supervisor().RestartProcess(ctx, name)
	return err
}
