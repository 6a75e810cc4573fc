// Command tradewind-testbed runs real Kubernetes control planes with simulated nodes on this machine.
package main

import (
	"os"

	"tradewind.dev/tradewind/test/testbed/internal/cli"
	"tradewind.dev/tradewind/test/testbed/internal/component"
)

func main() {
	if len(os.Args) > 1 && component.Is(os.Args[1]) {
		os.Exit(component.Run(os.Args[1:]))
	}
	os.Exit(cli.Main(os.Args[1:], os.Stdout, os.Stderr))
}
