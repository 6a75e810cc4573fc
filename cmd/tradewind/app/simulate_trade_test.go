package app

import "testing"

// TestSimulateLeavesDearMachines has the machines of one cloud become ten times as dear. Nobody gains by leaving alone: the first to open a
// machine elsewhere would pay for it, far from those that it calls. A plan without that cloud is one that the plan with it may have.
func TestSimulateLeavesDearMachines(t *testing.T) {
	for _, cloud := range []string{"aws", "azure", "gcp"} {
		_, dear, _ := simulate(t, "", "--no-losses", "-f", "testdata/shop.yaml", "--price", "cloud="+cloud+"=x10")
		_, without, _ := simulate(t, "", "--no-losses", "-f", "testdata/shop.yaml", "--lose", "cloud="+cloud)
		checkPlan(t, &dear)
		if dear.HourlyUSD.Total > without.HourlyUSD.Total*1.001 {
			t.Errorf("with %s ten times as dear $%.4f an hour, without it $%.4f", cloud, dear.HourlyUSD.Total, without.HourlyUSD.Total)
		}
	}
}
