package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// command is a program in bin/ with its arguments, as a reader would type it.
func (d *demo) command(ctx context.Context, program string, arguments ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(d.bin, program), arguments...)
	cmd.Dir = d.root
	cmd.Env = append(os.Environ(), "KUBECONFIG="+d.kubeconfig, "PATH="+d.bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	// A group of its own: Ctrl-C reaches this program alone, which then ends the command in its own order.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	return cmd
}

// prompt prints a command as the reader would type it.
func (d *demo) prompt(program string, arguments ...string) {
	for _, line := range typed(append([]string{program}, arguments...)) {
		d.line("%s", line)
	}
}

// tell runs a command and prints it with everything that it says.
func (d *demo) tell(ctx context.Context, program string, arguments ...string) error {
	return d.tellTo(ctx, io.Discard, program, arguments...)
}

// tellTo is tell, which also writes what the command answers to answer.
func (d *demo) tellTo(ctx context.Context, answer io.Writer, program string, arguments ...string) error {
	d.prompt(program, arguments...)
	cmd := d.command(ctx, program, arguments...)
	var complaint bytes.Buffer
	cmd.Stdout, cmd.Stderr = io.MultiWriter(d.out, answer), io.MultiWriter(d.out, &complaint)
	err := cmd.Run()
	return explained(program, arguments, complaint.String(), err)
}

// kubectl runs kubectl, prints the command, and says in one line how many objects it changed instead of listing them.
func (d *demo) kubectl(ctx context.Context, arguments ...string) error {
	d.prompt("kubectl", arguments...)
	out := ""
	err := d.progress("the API server answers", func(func(string)) (err error) {
		out, err = d.ask(ctx, "kubectl", arguments...)
		return err
	})
	if err != nil {
		return err
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if len(lines) == 1 {
		d.line("%s", lines[0])
	} else {
		d.line("(%d objects)", len(lines))
	}
	return nil
}

// ask runs a command that is not worth showing and returns what it says.
func (d *demo) ask(ctx context.Context, program string, arguments ...string) (string, error) {
	cmd := d.command(ctx, program, arguments...)
	var out, complaint bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaint
	err := cmd.Run()
	return out.String(), explained(program, arguments, complaint.String(), err)
}

// explained adds what a failed command said.
func explained(program string, arguments []string, complaint string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s %s: %w\n%s", program, strings.Join(arguments, " "), err, strings.TrimSpace(complaint))
}

// check finds out before anything starts what is missing.
func (d *demo) check(ctx context.Context) error {
	var missing []string
	for _, program := range []string{"tradewind", "tradewind-scheduler", "tradewind-controller", "tradewind-testbed", "kwok"} {
		if _, err := os.Stat(filepath.Join(d.bin, program)); err != nil {
			missing = append(missing, "bin/"+program)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("%s not built; run `make demo`, which builds it first", strings.Join(missing, ", "))
	}
	if _, err := os.Stat(filepath.Join(d.bin, "kubectl")); errors.Is(err, os.ErrNotExist) {
		if err := d.buildKubectl(ctx); err != nil {
			return err
		}
	}
	return d.clear(ctx)
}

// buildKubectl builds Kubernetes' command line, once.
func (d *demo) buildKubectl(ctx context.Context) error {
	return d.step("building bin/kubectl, once", func(func(string)) error {
		cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", filepath.Join(d.bin, "kubectl"), ".")
		cmd.Dir = filepath.Join(d.root, "hack", "kubectl")
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("build bin/kubectl: %w\n%s", err, out)
		}
		return nil
	})
}

// clear makes room for the demo's testbed. One that is still in use is left alone.
func (d *demo) clear(ctx context.Context) error {
	out, err := d.ask(ctx, "tradewind-testbed", "status", "-o", "json")
	if err != nil {
		return err
	}
	var beds []struct{ Name, State string }
	if err := json.Unmarshal([]byte(out), &beds); err != nil {
		return fmt.Errorf("read the state of testbeds: %w", err)
	}
	for _, bed := range beds {
		switch {
		case bed.Name != bedName:
		case bed.State == "dead":
			if _, err := d.ask(ctx, "tradewind-testbed", "down", bedName); err != nil {
				return err
			}
		default:
			return fmt.Errorf("testbed %q is up already (%s), from an earlier run with KEEP=1 or one that is still running; "+
				"end it with: bin/tradewind-testbed down %s", bedName, bed.State, bedName)
		}
	}
	return nil
}

// bringUp starts the cluster.
func (d *demo) bringUp(ctx context.Context) error {
	arguments := []string{"up", bedName, "--nodes", "examples/three-clouds/nodes.yaml"}
	d.prompt("tradewind-testbed", arguments...)
	d.up = true // also when it fails half-way
	err := d.step("etcd, API server, controller manager, default scheduler and simulated machines", func(func(string)) error {
		_, err := d.ask(ctx, "tradewind-testbed", arguments...)
		return err
	})
	if err != nil {
		return err
	}
	path, err := d.ask(ctx, "tradewind-testbed", "kubeconfig", bedName)
	if err != nil {
		return err
	}
	d.kubeconfig = strings.TrimSpace(path)
	return nil
}

// start runs one of Tradewind's programs under its own identity.
func (d *demo) start(ctx context.Context, program string, arguments ...string) error {
	command := append([]string{"run", program, "--testbed", bedName, "--user", program, "--", filepath.Join("bin", program), "--kubeconfig={kubeconfig}"}, arguments...)
	d.prompt("tradewind-testbed", command...)
	return d.progress("the program starts", func(func(string)) error {
		_, err := d.ask(ctx, "tradewind-testbed", command...)
		return err
	})
}

// takeDown ends the cluster, also after Ctrl-C: it listens to no context.
func (d *demo) takeDown() error {
	d.blank()
	return d.step("removing the demo's cluster", func(func(string)) error {
		_, err := d.ask(context.Background(), "tradewind-testbed", "down", bedName)
		if err != nil {
			return fmt.Errorf("%w\nremove what is left with: bin/tradewind-testbed down %s", err, bedName)
		}
		return nil
	})
}
