package app

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"tradewind.dev/tradewind/pkg/report"
)

// others is a workload of another namespace with a policy.
func others(name string, replicas int, spec string) string {
	return fmt.Sprintf(`
apiVersion: apps/v1
kind: Deployment
metadata: {name: %[1]s, namespace: others}
spec:
  replicas: %[2]d
  selector: {matchLabels: {app: %[1]s}}
  template:
    metadata: {labels: {app: %[1]s}}
    spec: {containers: [{name: c, resources: {requests: {cpu: 100m, memory: 64Mi}}}]}
---
apiVersion: tradewind.dev/v1alpha1
kind: PlacementPolicy
metadata: {name: %[1]s, namespace: others}
spec: {workloadSelector: {matchLabels: {app: %[1]s}}, %[3]s}
---
`, name, replicas, spec)
}

// TestSimulateAnotherTeam lets another namespace try to move and to push out the workloads of a scenario.
func TestSimulateAnotherTeam(t *testing.T) {
	_, alone, _ := simulate(t, "", "--objective", "shares", "-f", scenario("three-clouds"))
	victim := alone.Placements[0]
	call := "locations: {required: [{key: tradewind.dev/cloud, operator: In, values: [azure]}]}, traffic: [{to: {name: " + victim.Name + ", namespace: " +
		victim.Namespace + "}, requestsPerSecond: 1000000, bytesPerRequest: 1000000, maxMilliseconds: 1}]"
	for _, tt := range []struct {
		name, attack string
		same         bool // everybody is where they would be
		unplaced     int  // of the attackers
	}{
		{name: "a great rate and a small limit", attack: others("caller", 1, call), same: true, unplaced: -1},
		{name: "a hundred thousand replicas", attack: others("greedy", 100_000, "optimizeFor: Cost"), unplaced: -1},
		{name: "a hundred thousand replicas that a quota refuses", same: true, unplaced: 100_000,
			attack: others("greedy", 100_000, "optimizeFor: Cost") + "{apiVersion: v1, kind: ResourceQuota, metadata: {name: none, namespace: others}, spec: {hard: {pods: \"0\"}}}"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, plan, stderr := simulate(t, tt.attack, "--objective", "shares", "-f", scenario("three-clouds"), "-f", "-")
			if len(plan.Placements) != len(alone.Placements)+1 {
				t.Fatalf("%d placements: %s", len(plan.Placements), stderr)
			}
			byName := map[string]report.PlanPlacement{}
			for _, p := range plan.Placements {
				byName[p.Namespace+"/"+p.Name] = p
			}
			for _, was := range alone.Placements {
				now := byName[was.Namespace+"/"+was.Name]
				if now.Unplaced > was.Unplaced {
					t.Errorf("%s: %d unplaced", was.Name, now.Unplaced)
				}
				if tt.same && (!reflect.DeepEqual(now.Decisions, was.Decisions) || now.HourlyUSD != was.HourlyUSD) {
					t.Errorf("%s: %+v for $%g, without the other team %+v for $%g", was.Name, now.Decisions, now.HourlyUSD.Total, was.Decisions, was.HourlyUSD.Total)
				}
			}
			for name, p := range byName {
				if strings.HasPrefix(name, "others/") && tt.unplaced >= 0 && p.Unplaced != tt.unplaced {
					t.Errorf("%s: %d unplaced, want %d", name, p.Unplaced, tt.unplaced)
				}
			}
		})
	}
}
