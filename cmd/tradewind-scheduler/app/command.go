// Package app is the tradewind-scheduler command.
package app

import (
	"context"

	"github.com/spf13/cobra"
	genericapiserver "k8s.io/apiserver/pkg/server"
	cliflag "k8s.io/component-base/cli/flag"
	"k8s.io/component-base/cli/globalflag"
	basecompatibility "k8s.io/component-base/compatibility"
	"k8s.io/component-base/featuregate"
	"k8s.io/component-base/logs"
	logsapi "k8s.io/component-base/logs/api/v1"
	"k8s.io/component-base/term"
	"k8s.io/component-base/version/verflag"
	kubescheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	"k8s.io/kubernetes/cmd/kube-scheduler/app/options"

	"tradewind.dev/tradewind/deploy"
)

const description = `Places pods over several clouds by cloud, cost, latency and data residency.

It is kube-scheduler with Tradewind's plugins, and takes kube-scheduler's flags and
configuration. Without --config it runs three profiles, which pods choose by schedulerName:

  tradewind           dollars and milliseconds balanced
  tradewind-cost      the cheapest place that every rule allows
  tradewind-latency   the fastest place that every rule allows`

const examples = `  # Run beside the default scheduler, with the ready profiles.
  tradewind-scheduler --kubeconfig=/etc/kubernetes/scheduler.conf

  # Print the ready configuration, to start one's own from.
  tradewind-scheduler print-config > scheduler.yaml`

// NewCommand returns the tradewind-scheduler command.
func NewCommand() *cobra.Command {
	opts := options.NewOptions()
	cmd := &cobra.Command{
		Use: "tradewind-scheduler", Short: "Places pods over several clouds", Long: description, Example: examples,
		SilenceUsage: true, Args: cobra.NoArgs,
		PersistentPreRunE: func(*cobra.Command, []string) error { return opts.ComponentGlobalsRegistry.Set() },
		RunE:              func(cmd *cobra.Command, _ []string) error { return run(cmd, opts) },
	}
	flags := opts.Flags
	verflag.AddFlags(flags.FlagSet("global"))
	globalflag.AddGlobalFlags(flags.FlagSet("global"), cmd.Name(), logs.SkipLoggingConfigurationFlags())
	for _, set := range flags.FlagSets {
		cmd.Flags().AddFlagSet(set)
	}
	columns, _, _ := term.TerminalSize(cmd.OutOrStdout())
	cliflag.SetUsageAndHelpFunc(cmd, *flags, columns)
	cmd.AddCommand(&cobra.Command{
		Use: "print-config", Short: "Print the ready configuration", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := cmd.OutOrStdout().Write(deploy.SchedulerConfig)
			return err
		},
	})
	return cmd
}

func run(cmd *cobra.Command, opts *options.Options) error {
	verflag.PrintAndExitIfRequested()
	gate := opts.ComponentGlobalsRegistry.FeatureGateFor(basecompatibility.DefaultKubeComponent)
	if err := logsapi.ValidateAndApply(opts.Logs, gate); err != nil {
		return err
	}
	cliflag.PrintFlags(cmd.Flags())
	ctx, cancel := context.WithCancel(cmd.Context())
	defer cancel()
	stop := genericapiserver.SetupSignalHandler()
	go func() {
		<-stop
		cancel()
	}()
	completed, scheduler, err := setUp(ctx, opts)
	if err != nil {
		return err
	}
	if mutable, ok := gate.(featuregate.MutableFeatureGate); ok {
		mutable.AddMetrics()
	}
	opts.ComponentGlobalsRegistry.AddMetrics()
	explainFailures(scheduler)
	return kubescheduler.Run(ctx, completed, scheduler)
}
