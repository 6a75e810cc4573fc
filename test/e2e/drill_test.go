package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"tradewind.dev/tradewind/apis/v1alpha1"
)

// TestDrill loses a cloud on purpose: what has failover is replaced and measured, the rest is left, and everything is put
// back.
func TestDrill(t *testing.T) {
	e := newMovingEnv(t, twoClouds)
	e.apply(dearGCP)
	e.policy("web", strings.ReplaceAll(brief, "%s", ""))
	e.policy("plain", "optimizeFor: Cost")
	e.deployment("web", 3)
	e.deployment("plain", 2)
	e.ready("web", map[string]int{"aws": 3})
	e.ready("plain", map[string]int{"aws": 2})
	e.says("deployment-web", v1alpha1.ConditionInPlace, metav1.ConditionTrue, "")

	status, out, problems := e.tradewind(t.Context(), "drill", "--lose", "cloud=aws", "-o", "json")
	var measured struct {
		Nodes     int
		Workloads []struct {
			Name            string
			LostReplicas    int
			Failover        bool
			RecoverySeconds float64
			InTime          bool
			Reason          string
		}
	}
	if err := json.Unmarshal([]byte(out), &measured); err != nil {
		t.Fatalf("%v:\n%s\n%s", err, out, problems)
	}
	if measured.Nodes != 3 || len(measured.Workloads) != 2 {
		t.Errorf("measured %+v", measured)
	}
	for _, w := range measured.Workloads {
		switch {
		case w.Name == "web" && w.Failover && w.LostReplicas == 3 && w.RecoverySeconds > 0:
			t.Logf("back after %.1f s", w.RecoverySeconds)
			// A busy machine may make it late, which the command then says.
			if late := strings.Contains(problems, "not back within failover.after plus 5s: 1 of 1 workload"); late == w.InTime || (status == 0) != w.InTime {
				t.Errorf("in time %t, status %d: %s", w.InTime, status, problems)
			}
		case w.Name == "plain" && !w.Failover && w.LostReplicas == 2 && strings.Contains(w.Reason, "failover"):
		default:
			t.Errorf("measured %+v", w)
		}
	}
	if n := e.tainted("aws", v1alpha1.TaintDrill); n != 0 {
		t.Errorf("%d nodes are still in the drill", n)
	}
	e.ready("plain", map[string]int{"aws": 2})
	e.ready("web", map[string]int{"aws": 3}) // after the stabilization
}

// TestDrillInterrupted interrupts a drill, and undoes one that was killed.
func TestDrillInterrupted(t *testing.T) {
	e := newMovingEnv(t, twoClouds)
	e.apply(dearGCP)
	e.policy("web", "failover: {after: 10m}")
	e.deployment("web", 2)
	e.ready("web", map[string]int{"aws": 2})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		defer cancel()
		for ctx.Err() == nil {
			list, err := e.client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
			for i := 0; err == nil && i < len(list.Items); i++ {
				if slices.ContainsFunc(list.Items[i].Spec.Taints, func(t corev1.Taint) bool { return t.Key == v1alpha1.TaintDrill }) {
					return
				}
			}
			time.Sleep(50 * time.Millisecond)
		}
	}()
	if status, _, problems := e.tradewind(ctx, "drill", "--lose", "cloud=aws"); status != 1 || !strings.Contains(problems, "interrupted") {
		t.Errorf("ends with %d: %s", status, problems)
	}
	if n := e.tainted("aws", v1alpha1.TaintDrill); n != 0 {
		t.Errorf("%d nodes are still in the drill", n)
	}
	for _, node := range e.cluster.NodesOf(t, "gcp") {
		e.patchNode(node.Name,
			`{"spec":{"taints":[{"key":"tradewind.dev/drill","value":"4102444800","effect":"NoSchedule","timeAdded":"2026-01-01T00:00:00Z"}]}}`)
	}
	_, problems := e.must(1, "drill", "--lose", "cloud=aws")
	if !strings.Contains(problems, "in a drill already") {
		t.Errorf("a second drill says %q", problems)
	}
	if out, _ := e.must(0, "drill", "--undo"); !strings.Contains(out, "3 nodes") {
		t.Errorf("undo says %q", out)
	}
	if n := e.tainted("gcp", v1alpha1.TaintDrill); n != 0 {
		t.Errorf("%d nodes are still in the drill", n)
	}
	// One whose end has passed is ended by the controller.
	name := e.cluster.NodesOf(t, "gcp")[0].Name
	e.patchNode(name,
		`{"spec":{"taints":[{"key":"tradewind.dev/drill","value":"1000000000","effect":"NoSchedule","timeAdded":"2001-01-01T00:00:00Z"}]}}`)
	e.wait("the controller to end the drill", func(context.Context) error {
		if e.tainted("gcp", v1alpha1.TaintDrill) > 0 {
			return errors.New("it is still there")
		}
		return nil
	})
	e.ready("web", map[string]int{"aws": 2})
}
