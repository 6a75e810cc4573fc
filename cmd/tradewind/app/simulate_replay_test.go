package app

import (
	"strings"
	"testing"
)

// gated is a Deployment whose pods wait until the owner of a gate takes it away, which no plan knows of.
const gated = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: gated, namespace: shop}
spec:
  replicas: 2
  selector: {matchLabels: {app: gated}}
  template:
    metadata: {labels: {app: gated}}
    spec:
      schedulingGates: [{name: example.com/quota}]
      containers: [{name: c, resources: {requests: {cpu: 100m, memory: 64Mi}}}]
---
`

// TestSimulateReplay lets kube-scheduler's filters bind the plans of the examples, and says of a pod that waits for a gate what the
// scheduler would.
func TestSimulateReplay(t *testing.T) {
	for _, name := range []string{"three-clouds", "autoscaling", "running", "lose-a-cloud", "fleet"} {
		t.Run(name, func(t *testing.T) {
			paths := []string{"-f", scenario(name), "--no-losses", "--replay"}
			if name == "autoscaling" || name == "running" {
				paths = append(paths, "-f", scenario("three-clouds"))
			}
			if name == "autoscaling" {
				paths = append(paths, "--scale", "ads=40")
			}
			_, plan, stderr := simulate(t, "", paths...)
			if plan.Replay == nil || plan.Replay.Refused > 0 || plan.Replay.Bound+plan.Replay.Running != plan.Replicas || plan.Replicas == 0 {
				t.Errorf("%d replicas, replayed %+v: %s", plan.Replicas, plan.Replay, stderr)
			}
		})
	}
	arguments := []string{"-f", scenario("three-clouds"), "-f", "-", "--no-losses", "--replay"}
	code, plan, _ := simulate(t, gated, arguments...)
	if code != 2 || plan.Unplaced > 0 || plan.Replay.Refused != 2 {
		t.Fatalf("status %d, %d unplaced, replayed %+v", code, plan.Unplaced, plan.Replay)
	}
	const reason = "waiting for scheduling gates: [example.com/quota]"
	if r := &plan.Replay.Refusals[0]; r.Name != "gated" || r.Filters[0].Filter != "SchedulingGates" || r.Filters[0].Reason != reason {
		t.Errorf("refused %+v", r)
	}
	for _, format := range []string{"table", "csv"} {
		code, out, stderr := run(t, gated, append([]string{"simulate", "-o", format}, arguments...)...)
		if code != 2 || !strings.Contains(strings.Join(strings.Fields(out+stderr), " "), reason) {
			t.Errorf("%s: status %d\n%s\n%s", format, code, out, stderr)
		}
	}
}

// TestSimulateReplayOfALoss replays on the nodes that are left.
func TestSimulateReplayOfALoss(t *testing.T) {
	_, plan, stderr := simulate(t, "", "-f", scenario("three-clouds"), "-f", scenario("running"), "--lose", "cloud=aws", "--no-losses", "--replay")
	if plan.Replay == nil || plan.Replay.Refused > 0 || plan.Replay.Bound+plan.Replay.Running != plan.Replicas || plan.Replay.Running == 0 {
		t.Errorf("%d replicas, replayed %+v: %s", plan.Replicas, plan.Replay, stderr)
	}
}
