package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/component-base/version"

	"tradewind.dev/tradewind/test/testbed/internal/bed"
	"tradewind.dev/tradewind/test/testbed/internal/tools"
	"tradewind.dev/tradewind/test/testbed/nodes"
)

type upOptions struct {
	*options
	nodes            string
	clusters         []string
	defaultScheduler bool
	manifests        []string
	lossAfter        time.Duration
	kwok             string
	timeout          time.Duration
}

func newUp(o *options) *cobra.Command {
	u := &upOptions{options: o}
	cmd := &cobra.Command{
		Use:   "up [NAME]",
		Short: "Start a testbed",
		Long: `Start a testbed and return when every node is ready. It runs until "tradewind-testbed down".

The node file lists pools of nodes:

  pools:
  - {cloud: aws, region: eu-west-1, zones: [eu-west-1a, eu-west-1b], instanceType: m7i.large, capacityType: spot, count: 4}
  - {cloud: azure, region: westeurope, instanceType: Standard_D4s_v5, count: 2}
  - {cloud: lux-dc, country: LU, operatorCountry: LU, coordinates: "49.61,6.13", cpu: 32, memory: 128Gi, count: 3}

Pools under "clusters: [{name: …, pools: […]}]" belong to one cluster each.`,
		Example: `  tradewind-testbed up
  tradewind-testbed up demo --nodes nodes.yaml --manifests deploy/crds
  tradewind-testbed up fleet --clusters hub,member1,member2 --nodes none`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return u.run(cmd.Context(), nameArgument(args)) },
	}
	f := cmd.Flags()
	f.StringVar(&u.nodes, "nodes", "sample", `node file; "sample" for the built-in one, "none" for no nodes`)
	f.StringSliceVar(&u.clusters, "clusters", nil, `names of the clusters (default: those of the node file, or "main")`)
	f.BoolVar(&u.defaultScheduler, "default-scheduler", true, "run a kube-scheduler in each cluster")
	f.StringSliceVar(&u.manifests, "manifests", nil,
		"files or folders of YAML to apply to each cluster; custom resource definitions come first")
	f.DurationVar(&u.lossAfter, "loss-after", bed.DefaultLossAfter,
		"how long Kubernetes waits for a silent node before it is unreachable; at least 4s")
	f.StringVar(&u.kwok, "kwok", "", "the kwok program (default: beside this program, in the cache, or on PATH)")
	f.DurationVar(&u.timeout, "timeout", 3*time.Minute, "give up, and leave nothing, when the testbed is not ready by then")
	return cmd
}

func (u *upOptions) run(ctx context.Context, name string) error {
	clusters, count, err := clusterSpecs(u.nodes, u.clusters)
	if err != nil {
		return err
	}
	executable, err := os.Executable()
	if err != nil {
		return err
	}
	kwok, err := tools.Kwok(ctx, u.kwok)
	if err != nil {
		return err
	}
	if v := version.Get().GitVersion; strings.HasPrefix(v, "v0.0.0") {
		u.progress("Warning: this program was built without a Kubernetes version, so the API server will report %s\n", v)
	}
	ctx, cancel := context.WithTimeout(ctx, u.timeout)
	defer cancel()
	u.progress("Starting testbed %s: %d cluster(s), %d node(s)\n", name, len(clusters), count)
	begin := time.Now()
	b, err := bed.Up(ctx, bed.Spec{
		Name: name, StateDir: u.stateDir, Executable: executable, Kwok: kwok, Clusters: clusters,
		DefaultScheduler: u.defaultScheduler, LossAfter: u.lossAfter, Manifests: u.manifests,
	}, func(line string) { u.progress("  %5.1fs  %s\n", time.Since(begin).Seconds(), line) })
	if errors.Is(err, context.Canceled) {
		return errors.New("interrupted; nothing is left of the testbed")
	}
	if err != nil {
		return err
	}
	if err := b.Detach(ctx); err != nil {
		return errors.Join(err, b.Down(ctx))
	}
	u.progress("Testbed %s is ready after %.1f s.\n\n", name, b.StartSeconds)
	argument := ""
	if name != defaultName {
		argument = " " + name
	}
	for _, c := range b.State.Clusters {
		u.print("export KUBECONFIG=%s\n", c.Kubeconfig)
	}
	u.progress("\nNext:\n  kubectl get nodes\n  tradewind-testbed status%[1]s\n  tradewind-testbed down%[1]s\n", argument)
	return nil
}

// clusterSpecs reads the node file and returns the clusters with their nodes, and the number of nodes.
func clusterSpecs(file string, names []string) ([]bed.ClusterSpec, int, error) {
	var described nodes.File
	var err error
	switch file {
	case "none", "":
		file = "--nodes none"
	case "sample":
		described, err = nodes.Sample()
	default:
		described, err = nodes.Read(file)
	}
	if err != nil {
		return nil, 0, err
	}
	var specs []bed.ClusterSpec
	count := 0
	for _, c := range described.ClusterPools(names) {
		var built []*corev1.Node
		if built, err = nodes.Build(c.Pools, nil); err != nil {
			return nil, 0, fmt.Errorf("%s: cluster %s: %w", file, c.Name, err)
		}
		specs = append(specs, bed.ClusterSpec{Name: c.Name, Nodes: built})
		count += len(built)
	}
	return specs, count, nil
}
