// Command tradewind-controller keeps the statuses of Tradewind's objects, labels nodes with the cloud and country they are
// in, and exports what the cluster costs.
package main

import (
	"os"

	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register" // the JSON log format

	"tradewind.dev/tradewind/cmd/tradewind-controller/app"
)

// version is set by the linker.
var version = "unknown"

func main() {
	os.Exit(cli.Run(app.NewCommand(version)))
}
