package app

import (
	"errors"

	"github.com/spf13/cobra"

	"tradewind.dev/tradewind/pkg/latency"
	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/pricing"
	"tradewind.dev/tradewind/pkg/report"
)

func newCatalog(env *environment) *cobra.Command {
	return group("catalog", "Look up the built-in prices, round-trip times, regions and jurisdictions", newCatalogShow(env), newJurisdictions(env))
}

func newCatalogShow(env *environment) *cobra.Command {
	var output string
	var query report.CatalogQuery
	cmd := &cobra.Command{
		Use: "show [CLOUD [REGION [INSTANCE_TYPE]]]", Short: "Show clouds, a cloud's regions, or the prices in a region",
		Long: `Shows what the built-in catalog says, each figure with its source and date: of all clouds, of a
cloud's regions, of the instance types in a region, or of one of them. What nobody states is "unknown", in JSON null
with a reason; it is never 0.`,
		Args: cobra.MaximumNArgs(3),
		ValidArgsFunction: func(_ *cobra.Command, arguments []string, _ string) ([]string, cobra.ShellCompDirective) {
			return completeCatalog(arguments), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, arguments []string) error {
			if err := checkFormat(output, formatsOfReport); err != nil {
				return err
			}
			for i, into := range []*string{&query.Cloud, &query.Region, &query.InstanceType} {
				if i < len(arguments) {
					*into = arguments[i]
				}
			}
			if query.Region == "" && len(query.EgressTo)+len(query.LatencyTo)+len(query.Clients) > 0 {
				return errors.New("--egress-to, --latency-to and --clients need a region: tradewind catalog show CLOUD REGION")
			}
			prices, err := pricing.Open()
			if err != nil {
				return err
			}
			times, _, err := latency.OpenMap(nil, env.now())
			if err != nil {
				return err
			}
			shown, err := report.ShowCatalog(prices, times, query)
			if err != nil {
				return err
			}
			return env.print(output, formatsOfReport, shown)
		},
	}
	named(cmd, `  # The known clouds, and the regions of one.
  tradewind catalog show
  tradewind catalog show aws

  # What does an instance cost in Ireland, and traffic from there?
  tradewind catalog show aws eu-west-1 m6i.large --egress-to gcp/europe-west1 --egress-to internet

  # How far is it from Belgium, and from clients in Germany?
  tradewind catalog show aws eu-west-1 --latency-to gcp/europe-west1 --clients DE -o json`)
	outputFlag(cmd, &output, formatsOfReport)
	cmd.Flags().StringSliceVar(&query.EgressTo, "egress-to", nil, `price of traffic to a region (CLOUD/REGION) or to "internet"; repeatable`)
	cmd.Flags().StringSliceVar(&query.LatencyTo, "latency-to", nil, "round trip to a region (CLOUD/REGION); repeatable")
	cmd.Flags().StringSliceVar(&query.Clients, "clients", nil, "round trip from clients in a country (DE) or a region (CLOUD/REGION); repeatable")
	return cmd
}

func completeCatalog(arguments []string) []string {
	var names []string
	switch len(arguments) {
	case 0:
		for _, cloud := range location.Clouds() {
			names = append(names, cloud.ID)
		}
	case 1:
		for _, region := range location.Regions(arguments[0]) {
			names = append(names, region.Name)
		}
	case 2:
		if prices, err := pricing.Open(); err == nil {
			names = prices.Types(arguments[0], arguments[1])
		}
	}
	return names
}

func newJurisdictions(env *environment) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use: "jurisdictions [NAME]", Short: "Show the groups of countries that policies can name", Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, arguments []string) error {
			name := ""
			if len(arguments) > 0 {
				name = arguments[0]
			}
			shown, err := report.ShowJurisdictions(name)
			if err != nil {
				return err
			}
			return env.print(output, formatsOfReport, shown)
		},
	}
	named(cmd, `  # All groups, with source and date.
  tradewind catalog jurisdictions

  # The countries of one.
  tradewind catalog jurisdictions EEA`)
	outputFlag(cmd, &output, formatsOfReport)
	return cmd
}
