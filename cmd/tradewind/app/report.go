package app

import (
	"strings"

	"github.com/spf13/cobra"

	"tradewind.dev/tradewind/pkg/report"
	"tradewind.dev/tradewind/pkg/state"
)

func newReport(env *environment) *cobra.Command {
	cost := reportCommand(env, report.ByCloud, func(snapshot *state.Snapshot, by report.Grouping, namespace string) (printed, error) {
		return report.Cost(snapshot, by, namespace)
	})
	cost.Use, cost.Short = "cost", "Report what the replicas and nodes of a cluster cost"
	cost.Long = `Reports what the replicas of a cluster cost in US dollars an hour and a month of 730 hours.

A replica's share costs its node's price × the largest of its shares of the node's CPU, memory and GPUs. The report also says
what whole nodes cost, what of that clouds invoice and what is idle, and names what has no known price. Prices are list prices of the built-in
catalog unless PriceLists say otherwise.`
	named(cost, `  # What does each cloud cost?
  tradewind report cost

  # What does each workload of a namespace cost? As a spreadsheet.
  tradewind report cost --by workload -n shop -o csv`)
	latency := reportCommand(env, report.ByWorkload, func(snapshot *state.Snapshot, by report.Grouping, namespace string) (printed, error) {
		return report.Latency(snapshot, by, namespace)
	})
	latency.Use, latency.Short = "latency", "Report how fast the workloads of a cluster answer"
	latency.Long = `Reports the round trips of the clients that policies name to the running replicas, against the
policies' limits, and of the calls between workloads.`
	named(latency, `  # How fast does each workload answer, and is it within its limit?
  tradewind report latency

  # How far are clients from the replicas in each region?
  tradewind report latency --by region`)
	return group("report", "Report what a cluster costs and how fast it answers", cost, latency)
}

func reportCommand(env *environment, byDefault report.Grouping,
	build func(*state.Snapshot, report.Grouping, string) (printed, error)) *cobra.Command {
	var output, by string
	cmd := &cobra.Command{Args: cobra.NoArgs}
	flags := addClusterFlags(cmd)
	outputFlag(cmd, &output, formatsOfReport)
	cmd.Flags().StringVar(&by, "by", string(byDefault), "group by "+strings.Join(report.Groupings(), ", "))
	complete(cmd, "by", report.Groupings())
	cmd.Flags().Lookup("namespace").Usage = "only the pods of this namespace; all when not given"
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		grouping, err := report.ParseGrouping(by)
		if err != nil {
			return err
		}
		if err := checkFormat(output, formatsOfReport); err != nil {
			return err
		}
		namespace := ""
		if cmd.Flags().Changed("namespace") {
			namespace = *flags.config.Namespace
		}
		_, snapshot, err := flags.read(cmd.Context(), env)
		if err != nil {
			return err
		}
		made, err := build(snapshot, grouping, namespace)
		if err != nil {
			return err
		}
		return env.print(output, formatsOfReport, made)
	}
	return cmd
}
