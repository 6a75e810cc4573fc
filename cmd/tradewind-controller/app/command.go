// Package app is the tradewind-controller command.
package app

import (
	"fmt"

	"github.com/spf13/cobra"
	genericapiserver "k8s.io/apiserver/pkg/server"
	cliflag "k8s.io/component-base/cli/flag"
	logsapi "k8s.io/component-base/logs/api/v1"
	"k8s.io/component-base/term"
	"k8s.io/klog/v2"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"
)

const description = `Plans where replicas belong, keeps the statuses of Tradewind's objects true and shows what it knows
of the cluster.

  placements        for every workload that a policy selects, where its replicas belong, why,
                    what that costs, and what moving them would save
  cloud pools       the node pools of each cloud, found from nodes: price, nodes, use

  policies          whether they are in force, how many pods they select, how many nodes
                    they allow, what is wrong with them, and whether the admission policies
                    that they rest on are in force
  price lists and   whether their figures are used, and what is wrong with them
  latency maps
  nodes             the labels tradewind.dev/cloud and tradewind.dev/country, and an event
                    where a node's location is unknown or contradictory
  metrics           tradewind_policies, tradewind_nodes, tradewind_cluster_hourly_usd,
                    tradewind_placement_hourly_usd, …

Pods are placed by tradewind-scheduler, which needs no controller: while none runs,
policies and the last plan stay in force and statuses stay as they are.`

const examples = `  # In a pod of the cluster, one of several replicas.
  tradewind-controller

  # From a desk, against the cluster of a kubeconfig, without election and with plain metrics.
  tradewind-controller --kubeconfig=$HOME/.kube/config --leader-elect=false \
    --metrics-bind-address=127.0.0.1:8080 --metrics-secure=false

  # On nodes whose cloud is in a label of one's own.
  tradewind-controller --cloud-label=example.com/provider --cloud-label='nodes.example.com/*=hetzner'

  # Plans by what is charged back to teams: shares of machines, and not what the clouds invoice.
  tradewind-controller --objective=shares`

// NewCommand returns the tradewind-controller command.
func NewCommand(version string) *cobra.Command {
	options := newOptions()
	logging := logsapi.NewLoggingConfiguration()
	cmd := &cobra.Command{
		Use: "tradewind-controller", Short: "Plans placements and keeps the statuses of Tradewind's objects", Long: description + "\n\nExamples:\n\n" + examples,
		Version: version, SilenceUsage: true, Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if err := logsapi.ValidateAndApply(logging, nil); err != nil {
				return fmt.Errorf("logging: %w", err)
			}
			if err := options.validate(); err != nil {
				return err
			}
			logger := klog.Background()
			ctrllog.SetLogger(logger)
			logger.Info("Starting tradewind-controller", "version", version)
			return run(klog.NewContext(genericapiserver.SetupSignalContext(), logger), options)
		},
	}
	var sets cliflag.NamedFlagSets
	options.addFlags(&sets)
	logsapi.AddFlags(logging, sets.FlagSet("Logging"))
	for _, set := range sets.FlagSets {
		cmd.Flags().AddFlagSet(set)
	}
	columns, _, _ := term.TerminalSize(cmd.OutOrStdout())
	cliflag.SetUsageAndHelpFunc(cmd, sets, columns)
	return cmd
}
