package cli

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tradewind.dev/tradewind/test/testbed/internal/bed"
	"tradewind.dev/tradewind/test/testbed/internal/supervisor"
)

func newRun(o *options) *cobra.Command {
	var bedName, cluster, user string
	cmd := &cobra.Command{
		Use:   "run PROGRAM-NAME [flags] -- COMMAND [ARGUMENT...]",
		Short: "Run a program as part of a testbed",
		Long: `Run a program as part of a testbed: it runs in the background, its memory is counted, and it ends with the testbed.

The environment variable KUBECONFIG of the program, and every {kubeconfig} in its arguments, is the path of the
kubeconfig of the given user. A running program of the same name is stopped first.`,
		Example: `  tradewind-testbed run tradewind-scheduler --user tradewind-scheduler -- bin/tradewind-scheduler --kubeconfig={kubeconfig}
  tradewind-testbed logs tradewind-scheduler`,
		Args: cobra.MinimumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			b, err := o.open(bedName)
			if err != nil {
				return err
			}
			c, err := b.Cluster(cluster)
			if err != nil {
				return err
			}
			p, err := c.Program(args[0], user, args[1:])
			if err != nil {
				return err
			}
			if p.Path, err = exec.LookPath(p.Path); err != nil {
				return err
			}
			if p.Path, err = filepath.Abs(p.Path); err != nil {
				return err
			}
			status, err := b.Supervisor().Status(cmd.Context())
			if err != nil {
				return err
			}
			if _, runs := status.Find(p.Name); runs {
				if _, err := b.Supervisor().StopProcess(cmd.Context(), p.Name); err != nil {
					return err
				}
			}
			started, err := b.Supervisor().StartProcess(cmd.Context(), p)
			if err != nil {
				return err
			}
			time.Sleep(200 * time.Millisecond) // most mistakes in a command line show at once
			if status, err = b.Supervisor().Status(cmd.Context()); err != nil {
				return err
			}
			if now, ok := status.Find(p.Name); ok && !now.Running {
				return fmt.Errorf("%s ended at once (%s):\n%s", p.Name, now.Exit, strings.TrimSpace(bed.Tail(now.Log, 20)))
			}
			o.progress("%s runs as process %d, log: %s\n", p.Name, started.PID, started.Log)
			return nil
		},
	}
	addBedFlags(cmd, &bedName, &cluster)
	cmd.Flags().StringVar(&user, "user", "", "user that the program is to the API server (see kubeconfig --help; default: the administrator)")
	return cmd
}

func addBedFlags(cmd *cobra.Command, bedName, cluster *string) {
	cmd.Flags().StringVar(bedName, "testbed", defaultName, "name of the testbed")
	cmd.Flags().StringVar(cluster, "cluster", "", "cluster of the testbed (default: the first)")
}

func newLogs(o *options) *cobra.Command {
	var bedName string
	var lines int
	cmd := &cobra.Command{
		Use:     "logs PROGRAM-NAME",
		Short:   "Print the end of a program's log",
		Example: `  tradewind-testbed logs main-kube-apiserver --lines 20`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			b, err := o.open(bedName)
			if err != nil {
				return err
			}
			status, err := b.Supervisor().Status(cmd.Context())
			if err != nil {
				return err
			}
			p, ok := status.Find(args[0])
			if !ok {
				return fmt.Errorf("testbed %s has no program %q (it has: %s)", bedName, args[0], strings.Join(programNames(status), ", "))
			}
			o.print("%s", bed.Tail(p.Log, lines))
			return nil
		},
	}
	cmd.Flags().StringVar(&bedName, "testbed", defaultName, "name of the testbed")
	cmd.Flags().IntVar(&lines, "lines", 100, "how many lines")
	return cmd
}

func programNames(status supervisor.Status) []string {
	var names []string
	for _, p := range status.Processes {
		names = append(names, p.Name)
	}
	return names
}

func newLose(o *options) *cobra.Command {
	return newNodesCommand(o, "lose", "Simulate the loss of nodes: their heartbeats stop",
		`Simulate the loss of nodes: their heartbeats stop, and after the testbed's loss time (up --loss-after) Kubernetes
marks them as unreachable. "tradewind-testbed restore" brings them back.`, (*bed.Cluster).LoseNodes)
}

func newRestore(o *options) *cobra.Command {
	return newNodesCommand(o, "restore", "Bring lost nodes back",
		`Bring nodes back that "tradewind-testbed lose" took away: their heartbeats go on.`, (*bed.Cluster).RestoreNodes)
}

func newNodesCommand(o *options, verb, short, long string, act func(*bed.Cluster, context.Context, []string) error) *cobra.Command {
	var bedName, cluster, selector string
	cmd := &cobra.Command{
		Use:     verb + " --selector LABELS",
		Short:   short,
		Long:    long,
		Example: fmt.Sprintf("  tradewind-testbed %s --selector topology.kubernetes.io/region=eu-west-1", verb),
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if selector == "" {
				return errors.New("--selector: needed: a label selector for nodes")
			}
			c, err := o.cluster(bedName, cluster)
			if err != nil {
				return err
			}
			names, err := c.SelectNodes(cmd.Context(), selector)
			if err != nil {
				return err
			}
			if len(names) == 0 {
				return fmt.Errorf("no node has the labels %s", selector)
			}
			if err := act(c, cmd.Context(), names); err != nil {
				return err
			}
			o.progress("%s: %d node(s)\n", verb, len(names))
			return nil
		},
	}
	addBedFlags(cmd, &bedName, &cluster)
	cmd.Flags().StringVarP(&selector, "selector", "l", "", "label selector for nodes")
	return cmd
}
