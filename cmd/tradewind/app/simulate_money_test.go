package app

import (
	"strings"
	"testing"
)

// A machine that is there has room, also for what would cost less on a new one.
func TestSimulateAddsNoneBesideAnEmptyOne(t *testing.T) {
	const pool = `{apiVersion: tradewind.dev/v1alpha1, kind: CloudPool, metadata: {name: cheap}, spec: {cloud: gcp, region: europe-west1, zone: europe-west1-b,
  instanceType: n2-standard-8, capacityType: spot, maxNodes: 5}}`
	code, plan, stderr := simulate(t, manifests(awsNode, pool, deployment("web", "500m"), policyOf("web", "optimizeFor: Cost")), "--no-losses", "-f", "-")
	for i := range plan.Pools {
		if n := plan.Pools[i].AddedNodes; n > 0 {
			t.Errorf("%d nodes are added to %s; status %d, %s", n, plan.Pools[i].Pool, code, stderr)
		}
	}
}

// A machine that is in use has room; one more of a cheaper kind would cost its whole price, whatever a small share of it is.
func TestSimulateByInvoice(t *testing.T) {
	const pool = `{apiVersion: tradewind.dev/v1alpha1, kind: CloudPool, metadata: {name: cheap}, spec: {cloud: gcp, region: europe-west1, zone: europe-west1-b,
  instanceType: n2-standard-8, capacityType: spot, maxNodes: 5}}`
	files := manifests(awsNode, strings.ReplaceAll(awsNode, "dublin", "cork"), pool, deployment("web", "500m"), deployment("db", "4"), policyOf("web", "optimizeFor: Cost"),
		policyOf("db", `optimizeFor: Cost, locations: {required: [{key: tradewind.dev/cloud, operator: In, values: [aws]}]}`))
	for objective, added := range map[string]int{"shares": 1, "invoice": 0} {
		code, plan, stderr := simulate(t, files, "--no-losses", "--objective", objective, "-f", "-")
		got, empty := 0, 0
		for i := range plan.Pools {
			got += plan.Pools[i].AddedNodes
			empty += len(plan.Pools[i].EmptyNodes)
		}
		if empty != 1 {
			t.Errorf("%s: %d nodes are empty, want one of two", objective, empty)
		}
		if code != 0 || got != added || string(plan.Objective) != objective {
			t.Errorf("%s: status %d, %d nodes to add, want %d, objective %s; %s", objective, code, got, added, plan.Objective, stderr)
		}
		checkPlan(t, &plan)
	}
}
