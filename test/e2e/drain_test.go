package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/test/internal/programs"
	"tradewind.dev/tradewind/test/testbed"
)

// cliVariable names a built tradewind; without it the program is built from this repository.
const cliVariable = "TRADEWIND_CLI"

// cliProgram is the path of tradewind, built once a run.
var cliProgram = programs.Built(cliVariable, "tradewind")

// tradewind runs the command line as the administrator and returns its exit status and what it wrote. It is interrupted
// when the context ends.
func (e *env) tradewind(ctx context.Context, arguments ...string) (status int, out, problems string) {
	e.Helper()
	path, err := cliProgram()
	if err != nil {
		e.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	command := exec.CommandContext(ctx, path, append(arguments, "--kubeconfig", e.cluster.Kubeconfig(e.T, testbed.Admin))...)
	command.Stdout, command.Stderr = &stdout, &stderr
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) }
	var exit *exec.ExitError
	if err := command.Run(); err != nil && !errors.As(err, &exit) && ctx.Err() == nil {
		e.Fatal(err)
	}
	return command.ProcessState.ExitCode(), stdout.String(), stderr.String()
}

// must runs the command line, which must end with a status.
func (e *env) must(want int, arguments ...string) (out, problems string) {
	e.Helper()
	status, out, problems := e.tradewind(e.Context(), arguments...)
	if status != want {
		e.Fatalf("tradewind %s ends with %d, not %d\n%s\n%s", strings.Join(arguments, " "), status, want, out, problems)
	}
	return out, problems
}

// TestDrain empties a cloud of workloads with and without rebalance, and takes that back.
func TestDrain(t *testing.T) {
	e := newMovingEnv(t, twoClouds)
	e.apply(dearGCP)
	e.policy("web", `rebalance: {maxUnavailable: "50%"}`)
	e.deployment("web", 4)
	e.deployment("free", 2) // under no policy until the drain
	e.deployment("other", 2, profile("default-scheduler"), onNode(e.cluster.NodesOf(t, "aws")[0].Name))
	e.ready("web", map[string]int{"aws": 4})
	e.spreadOf("free", 2)
	e.ready("other", map[string]int{"aws": 2})

	out, _ := e.must(0, "drain", "cloud=aws", "--dry-run", "-o", "json")
	var preview struct {
		Workloads []struct {
			Name     string
			Replicas int
		}
		OtherPods                       map[string]int
		BeforeHourlyUSD, AfterHourlyUSD float64
	}
	if err := json.Unmarshal([]byte(out), &preview); err != nil {
		t.Fatalf("%v:\n%s", err, out)
	}
	if preview.AfterHourlyUSD <= preview.BeforeHourlyUSD || preview.OtherPods["of other schedulers"] != 2 {
		t.Errorf("the preview is %+v", preview)
	}
	e.ready("web", map[string]int{"aws": 4})

	out, _ = e.must(0, "drain", "cloud=aws", "--timeout", patience.String())
	for _, want := range []string{"DRAIN cloud=aws", "0 are there", "2 of other schedulers"} {
		if !strings.Contains(out, want) {
			t.Errorf("drain does not say %q:\n%s", want, out)
		}
	}
	e.ready("web", map[string]int{"gcp": 4})
	e.ready("free", map[string]int{"gcp": 2})
	e.ready("other", map[string]int{"aws": 2})
	found := e.says("deployment-web", v1alpha1.ConditionRebalancing, metav1.ConditionFalse, "InPlace")
	if len(found.Status.Moved) == 0 || found.Status.Moved[0].Reason != "Drain" {
		t.Errorf("moved is %+v", found.Status.Moved)
	}

	_, problems := e.must(0, "drain", "cloud=aws", "--timeout", patience.String())
	if !strings.Contains(problems, "being drained already") {
		t.Errorf("the second drain says %q", problems)
	}
	_, problems = e.must(1, "drain", "cloud=gcp")
	if !strings.Contains(problems, "the rest of the cluster cannot hold") || !strings.Contains(problems, "Deployment "+e.ns+"/web") {
		t.Errorf("draining the last cloud says %q", problems)
	}
	_, problems = e.must(1, "drain", "cloud=azure")
	if !strings.Contains(problems, "aws, gcp") {
		t.Errorf("draining a cloud that is not there says %q", problems)
	}
	e.must(0, "drain", "cloud=aws", "--undo")
	e.must(1, "drain", "cloud=aws", "--undo")
}

// TestDrainWaits checks that a drain heeds PodDisruptionBudgets, says why it waits, and goes on without the command.
func TestDrainWaits(t *testing.T) {
	e := newMovingEnv(t, twoClouds)
	e.apply(dearGCP)
	e.policy("web", "optimizeFor: Cost")
	e.deployment("web", 2)
	e.ready("web", map[string]int{"aws": 2})
	e.budget("web", 2)
	e.wait("the command to give up and say why", func(ctx context.Context) error {
		status, _, problems := e.tradewind(ctx, "drain", "region=aws/eu-west-1", "--timeout", "5s")
		for _, want := range []string{"not done within --timeout 5s", "2 replicas are left", "disruption budget"} {
			if status != 1 || !strings.Contains(problems, want) {
				return fmt.Errorf("it ends with %d and does not say %q: %s", status, want, problems)
			}
		}
		return nil
	})
	e.ready("web", map[string]int{"aws": 2})
	if err := e.client.PolicyV1().PodDisruptionBudgets(e.ns).Delete(e.Context(), "web", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	e.ready("web", map[string]int{"gcp": 2})
}
