package e2e

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"tradewind.dev/tradewind/apis/v1alpha1"
)

// complaint begins a line of the log that tells of an error, or of a list that no index serves.
var complaint = regexp.MustCompile(`^[EF]\d{4} |can not retrieve list of objects using index`)

// complaints are the lines of the scheduler's log that a quiet cluster has no cause for.
func (s *scheduler) complaints(t *testing.T) (lines []string) {
	t.Helper()
	for line := range strings.Lines(s.program.Log(t)) {
		if complaint.MatchString(line) {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines
}

// While nothing is wrong the scheduler's log has no errors, whatever is planned, scaled, changed and has to wait.
func TestTheSchedulersLogIsQuiet(t *testing.T) {
	e := newMovingEnv(t, twoClouds)
	e.apply(dearGCP)
	e.policy("web", "enforcement: Strict\nspread: [{topologyKey: tradewind.dev/cloud, maxSharePercent: 50}]")
	e.policy("far", "residency: {jurisdictions: [US]}")
	e.deployment("web", 2, cpu("1"))
	e.deployment("cost", 2, profile("tradewind-cost"))
	e.deployment("far", 2)
	e.ready("web", map[string]int{"aws": 1, "gcp": 1})
	e.ready("cost", map[string]int{"aws": 2})
	e.says("deployment-web", v1alpha1.ConditionInPlace, metav1.ConditionTrue, "")
	for _, replicas := range []int{4, 8} {
		e.scale("web", replicas)
		e.ready("web", map[string]int{"aws": replicas / 2, "gcp": replicas / 2})
	}
	e.scale("web", 2)
	e.spreadOf("web", 2) // the ReplicaSet controller chooses which of them stay
	e.policy("far", "residency: {jurisdictions: [EU]}")
	e.ready("far", map[string]int{"aws": 2})
	e.policy("web", "enforcement: Strict\nresidency: {jurisdictions: [US]}")
	e.scale("web", 3)
	e.wait("one replica to wait", func(ctx context.Context) error {
		_, waiting, err := e.placedAndWaiting(ctx, "web")
		if err == nil && waiting != 1 {
			err = fmt.Errorf("%d wait", waiting)
		}
		return err
	})
	if found := e.sched.complaints(t); len(found) > 0 {
		t.Errorf("%d lines complain:\n%s", len(found), strings.Join(found[:min(len(found), 20)], "\n"))
	}
}
