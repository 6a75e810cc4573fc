// Command tradewind explains and reports placements over several clouds: why a pod is where it is, what a cluster costs,
// how fast it answers. Installed as kubectl-tradewind it runs as "kubectl tradewind".
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"tradewind.dev/tradewind/cmd/tradewind/app"
)

// version is set when the binary is built.
var version = "unknown"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends what does not heed the first: a read that waits, a long plan
	code := app.Run(ctx, os.Args, version, os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
