package e2e

import (
	"strings"
	"testing"
)

// continents is one node a continent, all of one type.
const continents = `
pools:
- {name: frankfurt, cloud: aws, region: eu-central-1, instanceType: m5.xlarge}
- {name: virginia, cloud: aws, region: us-east-1, instanceType: m5.xlarge}
- {name: tokyo, cloud: aws, region: ap-northeast-1, instanceType: m5.xlarge}
`

func TestNearestRegionWins(t *testing.T) {
	e := newEnv(t)
	e.cluster.AddNodesYAML(t, continents)
	for client, want := range map[string]string{"DE": "frankfurt", "US": "virginia", "JP": "tokyo", "KR": "tokyo",
		"aws/us-east-2": "virginia"} {
		name := "clients-" + strings.ToLower(strings.ReplaceAll(client, "/", "-"))
		e.policy(name, "latency: {clients: [{location: "+client+", sharePercent: 100}]}")
		e.deployment(name, 3, profile(fastest))
		if got := e.spreadOf(name, 3); got[want] != 3 {
			t.Errorf("clients in %s: %v, want all in %s", client, got, want)
		}
	}
}

func TestLatencyLimit(t *testing.T) {
	e := newEnv(t)
	e.cluster.AddNodesYAML(t, continents)
	e.policy("near", "latency: {clients: [{location: DE, sharePercent: 100}], maxMilliseconds: 50}\noptimizeFor: Cost")
	e.deployment("near", 4)
	if got := e.spreadOf("near", 4); got["frankfurt"] != 4 {
		t.Errorf("within 50 ms of DE: %v", got)
	}
	e.policy("hasty", "latency: {clients: [{location: AU, sharePercent: 100}], maxMilliseconds: 5}")
	e.pod("hasty")
	e.waits("hasty", "0/3 nodes: 3 over 5 ms from AU")

	// Replicas cover the clients together: with one on each side every client has a near one.
	e.policy("both",
		"latency: {clients: [{location: DE, sharePercent: 50}, {location: US, sharePercent: 50}], maxMilliseconds: 60}\noptimizeFor: Cost")
	e.deployment("both", 2)
	if got := e.spreadOf("both", 2); got["frankfurt"] != 1 || got["virginia"] != 1 {
		t.Errorf("clients on both sides of the Atlantic: %v", got)
	}
	// A single replica cannot be near both.
	e.policy("alone", "latency: {clients: [{location: DE, sharePercent: 50}, {location: US, sharePercent: 50}], maxMilliseconds: 60}")
	e.pod("alone")
	e.waits("alone", "0/3 nodes: 1 over 60 ms from DE, 1 over 60 ms from DE, US, 1 over 60 ms from US")
}

func TestCallsPullReplicasNear(t *testing.T) {
	e := newEnv(t)
	e.cluster.AddNodesYAML(t, continents)
	e.policy("cart", "locations: {required: [{key: topology.kubernetes.io/region, operator: In, values: [ap-northeast-1]}]}")
	e.deployment("cart", 1)
	e.spreadOf("cart", 1)
	e.policy("web", "traffic: [{to: {name: cart}, requestsPerSecond: 1000}]")
	e.deployment("web", 3, profile(fastest))
	if got := e.spreadOf("web", 3); got["tokyo"] != 3 {
		t.Errorf("web calls cart in tokyo: %v", got)
	}
	// A limit is a hard rule, also where costs decide.
	e.policy("job", "traffic: [{to: {name: cart}, maxMilliseconds: 20}]\noptimizeFor: Cost")
	e.deployment("job", 3)
	if got := e.spreadOf("job", 3); got["tokyo"] != 3 {
		t.Errorf("job must reach cart in 20 ms: %v", got)
	}
	e.policy("torn", "traffic: [{to: {name: cart}, maxMilliseconds: 20}]\nresidency: {jurisdictions: [EU]}")
	e.pod("torn")
	e.waits("torn", "0/3 nodes: 2 outside residency EU, 1 over 20 ms from cart")
}

func TestLatencyMapDecides(t *testing.T) {
	e := newEnv(t)
	e.cluster.AddNodesYAML(t, continents)
	e.apply(`
apiVersion: tradewind.dev/v1alpha1
kind: LatencyMap
metadata: {name: measured}
spec:
  source: probes
  samples:
  - {from: DE, to: aws/us-east-1, milliseconds: 60}
  - {from: DE, to: aws/eu-central-1, milliseconds: "180.5"}
`)
	e.policy("web", "latency: {clients: [{location: DE, sharePercent: 100}], maxMilliseconds: 65}")
	e.deployment("web", 3, profile(fastest))
	if got := e.spreadOf("web", 3); got["virginia"] != 3 {
		t.Errorf("measured: DE is 60 ms from virginia and 180 ms from frankfurt: %v", got)
	}
}
