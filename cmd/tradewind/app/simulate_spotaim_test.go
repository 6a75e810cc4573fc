package app

import (
	"fmt"
	"testing"
)

// TestSimulateAimYieldsToOthers has a private machine for ten replicas and spot machines for the rest: cart has room for all only where it
// puts more into one spot pool than is aimed at, and frontend, which may have two there, leaves it two places on the machine.
func TestSimulateAimYieldsToOthers(t *testing.T) {
	const places = `
{apiVersion: v1, kind: Node, metadata: {name: rack, labels: {tradewind.dev/cloud: lux, tradewind.dev/country: LU, topology.kubernetes.io/region: luxembourg, topology.kubernetes.io/zone: room-1, node.kubernetes.io/instance-type: rack-32, tradewind.dev/capacity-type: on-demand}}, status: {allocatable: {cpu: "5", memory: 120Gi, pods: "110"}, conditions: [{type: Ready, status: "True"}]}}
---
{apiVersion: tradewind.dev/v1alpha1, kind: PriceList, metadata: {name: lux}, spec: {resources: [{cloud: lux, cpuHourlyUSD: "0.022", memoryGiBHourlyUSD: "0.0025"}], egress: [{from: lux, to: internet, usdPerGB: "0.01"}, {from: lux, to: lux, usdPerGB: "0"}, {from: lux, to: gcp, usdPerGB: "0.01"}]}}
---
{apiVersion: tradewind.dev/v1alpha1, kind: LatencyMap, metadata: {name: lux}, spec: {samples: [{from: lux/luxembourg, to: gcp/europe-west1, milliseconds: "6"}, {from: lux/luxembourg, to: DE, milliseconds: "9"}]}}
---
{apiVersion: tradewind.dev/v1alpha1, kind: CloudPool, metadata: {name: burst}, spec: {cloud: gcp, region: europe-west1, zone: europe-west1-b, instanceType: n2-standard-8, maxNodes: 60, capacityType: spot}}`
	policy := func(name string, percent int, more string) string {
		return fmt.Sprintf("{apiVersion: tradewind.dev/v1alpha1, kind: PlacementPolicy, metadata: {name: %s, namespace: shop}, spec: {workloadSelector: {matchLabels: {app: %s}}, optimizeFor: Cost, cost: {spot: {maxPercent: %d}}%s}}",
			name, name, percent, more)
	}
	const calls = ", latency: {clients: [{location: DE, sharePercent: 100}], requestsPerSecond: 500, bytesPerRequest: 20000}, traffic: [{to: {name: cart}, requestsPerSecond: 300, bytesPerRequest: 2000}]"
	for _, percent := range []int{20, 30, 40, 80} {
		files := joined(places, deploymentOf("frontend", 10, "500m", ""), policy("frontend", percent, calls), deploymentOf("cart", 10, "500m", ""), policy("cart", 80, ""))
		code, plan, stderr := simulate(t, files, "--no-losses", "-f", "-")
		checkPlan(t, &plan)
		if code != 0 {
			t.Errorf("frontend at most %d %% on spot: exit status %d, want all placed: %s", percent, code, stderr)
		}
	}
}
