// Package e2e tests tradewind-scheduler from end to end: the program itself, with the roles that the installation gives
// it, on a real control plane with nodes as the clouds make them.
//
// The tests share one cluster and run one after another. Each has the cluster to itself: a namespace of its own, no nodes
// but those that it adds, no policies but its own. That is what lets them compare whole messages ("0/60 nodes: …").
package e2e

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"tradewind.dev/tradewind/test/internal/programs"
	"tradewind.dev/tradewind/test/testbed"
)

// schedulerVariable names a built tradewind-scheduler; without it the program is built from this repository.
const schedulerVariable = "TRADEWIND_SCHEDULER"

// patience is how long a test waits for what takes seconds on an idle machine. It fails no test that a busy machine makes late.
const patience = 4 * time.Minute

// installation is what a cluster needs before tradewind-scheduler runs in it.
var installation = []string{"../../deploy/crds", "../../deploy/install/namespace.yaml", "../../deploy/install/rbac"}

func TestMain(m *testing.M) {
	code := m.Run()
	if err := shared.stop(); err != nil {
		fmt.Fprintln(os.Stderr, "stopping the testbed:", err)
		code = 1
	}
	os.Exit(code)
}

// shared is the cluster of the tests and the scheduler that runs in it, started when a test first needs them.
var shared sharedBed

type sharedBed struct {
	once      sync.Once
	err       error
	bed       *testbed.Bed
	cluster   *testbed.Cluster
	scheduler *scheduler
}

// start starts the bed at the first call.
func (s *sharedBed) start(t *testing.T) {
	t.Helper()
	s.once.Do(func() {
		s.bed, s.err = testbed.New(context.Background(), testbed.Options{NoDefaultScheduler: true, Manifests: installation})
	})
	if s.err != nil {
		t.Fatalf("starting a testbed: %v", s.err)
	}
	s.cluster = s.bed.Cluster(t, "")
}

func (s *sharedBed) stop() error {
	if s.bed == nil {
		return nil
	}
	return s.bed.Stop()
}

// schedulerProgram is the path of tradewind-scheduler, built once a run.
var schedulerProgram = programs.Built(schedulerVariable, "tradewind-scheduler")
