package e2e

import "testing"

// TestSkew fills domains evenly although one of them is cheaper, and counts only domains that the policy allows: a private
// data centre outside the jurisdiction stays empty and holds nobody back.
func TestSkew(t *testing.T) {
	e := newEnv(t)
	e.cluster.AddNodesYAML(t, `
pools:
- {name: aws, cloud: aws, region: eu-west-1, zone: eu-west-1a, instanceType: m7i.xlarge, count: 1}
- {name: gcp, cloud: gcp, region: europe-west1, zone: europe-west1-b, instanceType: e2-standard-4, count: 1}
- {name: outside, cloud: home-dc, region: zurich, country: CH, operatorCountry: CH, cpu: 8, memory: 32Gi, count: 1}
`)
	e.policy("web", `
residency: {jurisdictions: [EU]}
spread: [{topologyKey: tradewind.dev/cloud, maxSkew: 1}]`)
	e.deployment("web", 5, profile(cheapest))
	got := e.spreadOf("web", 5)
	if skew := got["aws"] - got["gcp"]; skew < -1 || skew > 1 || got["outside"] != 0 {
		t.Errorf("5 replicas under maxSkew 1: %v", got)
	}
	// Without room in one cloud the other must not run ahead.
	e.policy("large", `
residency: {jurisdictions: [EU]}
spread: [{topologyKey: tradewind.dev/cloud, maxSkew: 2}]`)
	e.cluster.AddNodesYAML(t,
		`pools: [{name: more, cloud: gcp, region: europe-west1, zone: europe-west1-b, instanceType: e2-standard-16, count: 1}]`)
	e.deployment("large", 8, profile(cheapest), cpu("1500m"))
	e.replicasWait("large", 6, 2,
		"0/4 nodes: 2 in cloud gcp, which would have over 2 replicas more than the emptiest cloud, 1 Insufficient cpu, 1 outside residency EU")
}
