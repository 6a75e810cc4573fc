// Command demo shows Tradewind on a real control plane: one cluster over three clouds and a private data centre, and the
// Online Boutique placed first by Kubernetes' default scheduler and then by Tradewind. It needs the programs in bin/;
// `make demo` builds them. KEEP=1 in the environment leaves the cluster up.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

// bedName is the name of the demo's testbed.
const bedName = "demo"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := run(ctx)
	stop()
	os.Exit(status)
}

// run plays the demo and takes everything away again. It returns the exit status.
func run(ctx context.Context) int {
	show := newScreen(os.Stdout)
	root, err := repository()
	if err != nil {
		return fail(show, err)
	}
	d := &demo{screen: show, root: root, bin: filepath.Join(root, "bin"), keep: os.Getenv("KEEP") == "1", begun: time.Now()}
	err = d.play(ctx)
	if d.records != "" && !d.keep {
		_ = os.RemoveAll(d.records) // copies of what the cluster had; the system clears its temporary folder anyway
	}
	if d.up && (err != nil || !d.keep) {
		if downErr := d.takeDown(); downErr != nil {
			err = errors.Join(err, downErr)
		}
	}
	switch {
	case err != nil && ctx.Err() != nil:
		show.line("Interrupted; the demo's cluster is gone.")
		return 130
	case err != nil:
		return fail(show, err)
	}
	d.epilogue()
	return 0
}

func fail(show *screen, err error) int {
	show.blank()
	show.paragraph("", "The demo failed: "+err.Error())
	return 1
}

// repository is the root folder of the repository, found upwards from the working folder.
func repository() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "examples", "three-clouds", "nodes.yaml")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", fmt.Errorf("examples/three-clouds is not here or above; run `make demo` in a checkout of Tradewind")
		}
		dir = parent
	}
}
