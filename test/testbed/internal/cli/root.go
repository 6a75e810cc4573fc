// Package cli is the command line of tradewind-testbed.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
	"tradewind.dev/tradewind/test/testbed/internal/bed"
)

// options are the flags of every command.
type options struct {
	stateDir string
	out, err io.Writer
}

const defaultName = "default"

// Main runs the command line and returns the exit status: 0 when all went well, 1 otherwise.
func Main(args []string, out, errors io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := newRoot(&options{out: out, err: errors})
	root.SetArgs(args)
	if err := root.ExecuteContext(ctx); err != nil {
		_, _ = fmt.Fprintf(errors, "Error: %v\n", err)
		return 1
	}
	return 0
}

func newRoot(o *options) *cobra.Command {
	root := &cobra.Command{
		Use:   "tradewind-testbed",
		Short: "Run real Kubernetes control planes with simulated nodes on this machine",
		Long: `Run real Kubernetes control planes with simulated nodes on this machine.

A testbed is one or more clusters: a real etcd, kube-apiserver, kube-controller-manager and, unless turned off,
kube-scheduler, with TLS, client certificates and RBAC on. Its nodes are simulated by KWOK; a short file says of which
cloud, region, instance type and capacity type they are, and they carry what that cloud's nodes carry.`,
		Example: `  # A cluster over three clouds and a private data centre, with the built-in sample nodes
  tradewind-testbed up
  export KUBECONFIG=$(tradewind-testbed kubeconfig)
  kubectl get nodes -L topology.kubernetes.io/region,node.kubernetes.io/instance-type
  tradewind-testbed down`,
		SilenceUsage: true, SilenceErrors: true,
	}
	root.SetOut(o.out)
	root.SetErr(o.err)
	root.PersistentFlags().StringVar(&o.stateDir, "state-dir", bed.DefaultStateDir(), "folder that holds a folder for each testbed")
	root.AddCommand(newUp(o), newDown(o), newStatus(o), newKubeconfig(o), newRun(o), newLogs(o), newLose(o), newRestore(o), newSupervise())
	root.CompletionOptions.HiddenDefaultCmd = true
	return root
}

// nameArgument accepts at most one argument, the name of a testbed.
func nameArgument(args []string) string {
	if len(args) == 0 {
		return defaultName
	}
	return args[0]
}

func (o *options) print(format string, values ...any) { _, _ = fmt.Fprintf(o.out, format, values...) }

func (o *options) progress(format string, values ...any) {
	_, _ = fmt.Fprintf(o.err, format, values...)
}

// open finds a testbed that is running.
func (o *options) open(name string) (*bed.Bed, error) {
	b, err := bed.Open(o.stateDir, name)
	if err != nil {
		return nil, err
	}
	if !b.Alive() {
		return nil, fmt.Errorf("testbed %s is not running any more (its supervisor was killed); remove what is left with: tradewind-testbed down %s",
			name, name)
	}
	return b, nil
}

// cluster finds a cluster of a running testbed.
func (o *options) cluster(name, cluster string) (*bed.Cluster, error) {
	b, err := o.open(name)
	if err != nil {
		return nil, err
	}
	return b.Cluster(cluster)
}

func isNotFound(err error) bool { return errors.Is(err, bed.ErrNotFound) }
