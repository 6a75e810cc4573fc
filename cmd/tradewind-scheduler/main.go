// Command tradewind-scheduler is kube-scheduler with Tradewind's plugins. It runs beside the default scheduler and
// places the pods whose schedulerName is one of its profiles.
package main

import (
	"os"

	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register" // the JSON log format
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"

	"tradewind.dev/tradewind/cmd/tradewind-scheduler/app"
)

func main() {
	os.Exit(cli.Run(app.NewCommand()))
}
