package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// quickElection makes a standby take over within seconds of its leader's death.
var quickElection = []string{"--leader-elect-lease-duration=3s", "--leader-elect-renew-deadline=2s", "--leader-elect-retry-period=500ms"}

// A scheduler is killed while pods wait and others arrive; its standby takes over. No pod is lost, and the rules that
// count replicas hold over both schedulers' pods together.
func TestSchedulerKilledWhilePodsWait(t *testing.T) {
	e := newEnvWithoutScheduler(t)
	e.stopShared()
	const replicas = 40
	small := func(name, cloud, region, instanceType string, count int) string {
		return fmt.Sprintf("- {name: %s, cloud: %s, region: %s, instanceType: %s, count: %d}\n", name, cloud, region, instanceType, count)
	}
	e.cluster.AddNodesYAML(t, "pools:\n"+small("aws", "aws", "eu-west-1", "m7i.large", 2)+small("azure", "azure",
		"westeurope", "Standard_D2s_v5", 2)+
		small("virginia", "aws", "us-east-1", "m7i.large", 2))
	e.policy("web", "residency: {jurisdictions: [EU]}\nspread: [{topologyKey: tradewind.dev/cloud, maxSharePercent: 50}]")

	pidFile := filepath.Join(t.TempDir(), "pid")
	leader := startSchedulerAs(t, e.cluster, "leader", pidFile, quickElection...)
	e.deployment("web", replicas, cpu("400m")) // four to a node, so sixteen have room
	e.wait("the first replicas to be placed and the others to wait", func(ctx context.Context) error {
		placed, waiting, err := e.placedAndWaiting(ctx, "web")
		if err == nil && (placed != 16 || waiting != replicas-16) {
			err = fmt.Errorf("%d placed, %d wait", placed, waiting)
		}
		return err
	})
	standby := startScheduler(t, e.cluster, "standby", quickElection...)
	e.sched = standby

	text, err := os.ReadFile(pidFile)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	// Room for the others comes, and the leader dies at it.
	go func() { _ = syscall.Kill(pid, syscall.SIGKILL) }()
	e.cluster.AddNodesYAML(t, "pools:\n"+small("aws", "aws", "eu-west-1", "m7i.large", 6)+small("azure", "azure",
		"westeurope", "Standard_D2s_v5", 6))
	e.scale("web", replicas+10)
	got := e.spreadOf("web", replicas+10)
	if got["aws"] != 25 || got["azure"] != 25 {
		t.Errorf("%d replicas, at most half in a cloud: %v", replicas+10, got)
	}
	if leader.program.Running(t) {
		t.Error("the leader was not killed")
	}
	left, err := os.ReadDir(filepath.Dir(pidFile))
	if err != nil || len(left) != 1 {
		t.Errorf("the killed scheduler left %v in its temporary folder, besides its id (error %v)", left, err)
	}
	standby.program.Stop(t)
}

// placedAndWaiting counts the pods of a Deployment that have a node, and those that the scheduler has refused.
func (e *env) placedAndWaiting(ctx context.Context, name string) (placed, waiting int, err error) {
	pods, err := e.pods(ctx, name)
	for i := range pods {
		switch {
		case pods[i].Spec.NodeName != "":
			placed++
		case scheduledCondition(&pods[i]).Reason != "":
			waiting++
		}
	}
	return placed, waiting, err
}
