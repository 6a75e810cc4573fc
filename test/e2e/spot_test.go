package e2e

import "testing"

const onDemandAndSpot = `
pools:
- {name: on-demand, cloud: gcp, region: europe-west1, zone: europe-west1-b, instanceType: e2-standard-4, count: 2}
- {name: spot, cloud: gcp, region: europe-west1, zone: europe-west1-b, instanceType: e2-standard-4, capacityType: spot, count: 2}
`

func TestSpotShare(t *testing.T) {
	e := newEnv(t)
	e.cluster.AddNodesYAML(t, onDemandAndSpot)
	e.policy("web", `cost: {spot: {maxPercent: 60}}`)
	e.deployment("web", 9, profile(cheapest)) // spot is cheaper, so its share is used up: 9 × 60 / 100, rounded down
	if got := e.spreadOf("web", 9); got["spot"] != 5 || got["on-demand"] != 4 {
		t.Errorf("9 replicas, at most 60%% on spot: %v", got)
	}
	e.scale("web", 20)
	if got := e.spreadOf("web", 20); got["spot"] != 12 || got["on-demand"] != 8 {
		t.Errorf("20 replicas, at most 60%% on spot: %v", got)
	}
	e.policy("never", `cost: {spot: {maxPercent: 0}}`)
	e.deployment("never", 4, profile(cheapest))
	if got := e.spreadOf("never", 4); got["on-demand"] != 4 {
		t.Errorf("4 replicas, none on spot: %v", got)
	}
}

func TestSpotFallback(t *testing.T) {
	e := newEnv(t)
	e.cluster.AddNodesYAML(t,
		`pools: [{name: on-demand, cloud: gcp, region: europe-west1, zone: europe-west1-b, instanceType: e2-standard-4, count: 2}]`)
	e.policy("falls-back", `cost: {spot: {maxPercent: 50, fallback: OnDemand}}`)
	e.deployment("falls-back", 4)
	if got := e.spreadOf("falls-back", 4); got["on-demand"] != 4 {
		t.Errorf("fallback OnDemand without spot capacity: %v", got)
	}
	// The replicas within the spot share wait, the others do not.
	e.policy("waits", `cost: {spot: {maxPercent: 50, fallback: Wait}}`)
	e.deployment("waits", 4)
	e.replicasWait("waits", 2, 2, "0/2 nodes: 2 not on spot capacity, which the policy waits for")
	e.cluster.AddNodesYAML(t,
		`pools: [{name: spot, cloud: gcp, region: europe-west1, zone: europe-west1-b, instanceType: e2-standard-4, capacityType: spot}]`)
	if got := e.spreadOf("waits", 4); got["on-demand"] != 2 || got["spot"] != 2 {
		t.Errorf("fallback Wait with spot capacity: %v", got)
	}
}
