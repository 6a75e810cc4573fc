package policystatus

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

func TestMetrics(t *testing.T) {
	c := &Controller{}
	if got := testutil.CollectAndCount(c); got != 0 {
		t.Errorf("%d metrics of policies that nobody has looked at", got)
	}
	c.tally.Store(&tally{inForce: 4, invalid: 1, unread: 3, unsatisfiable: 2})
	const want = `
# HELP tradewind_policies Number of PlacementPolicies and ClusterPlacementPolicies, by whether they are in force; unknown are those that the scheduler is not known to have read.
# TYPE tradewind_policies gauge
tradewind_policies{in_force="false"} 1
tradewind_policies{in_force="true"} 4
tradewind_policies{in_force="unknown"} 3
# HELP tradewind_policies_unsatisfiable Number of policies that no node of the cluster satisfies.
# TYPE tradewind_policies_unsatisfiable gauge
tradewind_policies_unsatisfiable 2
`
	if err := testutil.CollectAndCompare(c, strings.NewReader(want)); err != nil {
		t.Error(err)
	}
	if problems, err := testutil.CollectAndLint(c); err != nil || len(problems) > 0 {
		t.Errorf("%v %v", problems, err)
	}
}
