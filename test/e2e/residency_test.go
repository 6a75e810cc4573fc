package e2e

import (
	"maps"
	"slices"
	"testing"
)

// worldwide is a node in every kind of place that a residency rule tells apart.
const worldwide = `
pools:
- {name: paris, cloud: aws, region: eu-west-3, instanceType: m7i.large}
- {name: virginia, cloud: aws, region: us-east-1, instanceType: m7i.large}
- {name: zurich, cloud: gcp, region: europe-west6, instanceType: e2-standard-4}
- {name: falkenstein, cloud: hetzner, region: fsn1, instanceType: cx32, cpu: 4, memory: 8Gi}
- {name: luxembourg, cloud: lux-dc, country: LU, operatorCountry: LU, cpu: 4, memory: 16Gi}
# Nobody says where these are: no country; nothing at all; a country that contradicts the region; two regions at once.
- {name: undeclared, cloud: some-dc, region: somewhere, cpu: 4, memory: 16Gi}
- {name: nameless, cloud: other-dc, cpu: 4, memory: 16Gi, labels: {tradewind.dev/cloud: ""}}
- {name: mislabelled, cloud: aws, region: eu-west-3, instanceType: m7i.large, labels: {tradewind.dev/country: US}}
- {name: torn, cloud: aws, region: eu-west-3, instanceType: m7i.large, labels: {topology.kubernetes.io/region: us-east-1}}
`

func TestResidency(t *testing.T) {
	e := newEnv(t)
	e.cluster.AddNodesYAML(t, worldwide)
	for _, tt := range []struct {
		name, rule string
		pools      []string // where replicas may be, all of which are used
	}{
		{"eu", "residency: {jurisdictions: [EU]}", []string{"falkenstein", "luxembourg", "paris"}},
		{"us", "residency: {jurisdictions: [US]}", []string{"virginia"}},
		{"gdpr", "residency: {jurisdictions: [EU, CH]}", []string{"falkenstein", "luxembourg", "paris", "zurich"}},
		{"sovereign", "residency: {operatorJurisdictions: [EU]}", []string{"falkenstein", "luxembourg"}},
		{"american-in-europe", "residency: {jurisdictions: [EU], operatorJurisdictions: [US]}", []string{"paris"}},
		{"luxembourgish", "residency: {jurisdictions: [LU]}", []string{"luxembourg"}},
	} {
		// A replica a node, so that every allowed node is used.
		e.policy(tt.name, tt.rule+"\nspread: [{topologyKey: kubernetes.io/hostname, maxSharePercent: 1}]")
		e.deployment(tt.name, int32(len(tt.pools)))
		if got := slices.Sorted(maps.Keys(e.spreadOf(tt.name, len(tt.pools)))); !slices.Equal(got, tt.pools) {
			t.Errorf("%s (%s): on %q, want %q", tt.name, tt.rule, got, tt.pools)
		}
	}

	e.policy("japanese", "residency: {jurisdictions: [JP]}")
	e.pod("japanese")
	e.waits("japanese", "0/9 nodes: 5 outside residency JP, 4 without a known country (residency JP)")
	e.policy("japanese-operator", "residency: {operatorJurisdictions: [JP]}")
	e.pod("japanese-operator")
	e.waits("japanese-operator", "0/9 nodes: 6 operated from outside JP, 3 without a known operator (operator jurisdiction JP)")
}

func TestGuardRailsAreTightenedNeverLoosened(t *testing.T) {
	e := newEnv(t)
	e.cluster.AddNodesYAML(t, worldwide)
	e.clusterPolicy("eu", "residency: {jurisdictions: [EU]}\nnamespaceSelector: {matchLabels: {kubernetes.io/metadata.name: "+e.ns+"}}")
	e.policy("narrower", "residency: {jurisdictions: [FR]}")
	e.policy("wider",
		"residency: {jurisdictions: [US, EU]}\nlocations: {required: [{key: tradewind.dev/cloud, operator: In, values: [aws, hetzner]}]}")
	e.policy("elsewhere", "residency: {jurisdictions: [US]}")
	for _, name := range []string{"narrower", "wider", "elsewhere", "none"} {
		e.pod(name)
	}
	if got := e.placed("narrower"); got != "paris" {
		t.Errorf("FR under EU: on %s", got)
	}
	if got := e.placed("wider"); got != "paris" && got != "falkenstein" {
		t.Errorf("US and EU under EU: on %s", got)
	}
	if got := e.placed("none"); !slices.Contains([]string{"falkenstein", "luxembourg", "paris"}, got) {
		t.Errorf("no policy of its own under EU: on %s", got)
	}
	e.waits("elsewhere", "0/9 nodes: 4 outside residency US, 4 without a known country (residency US), 1 outside residency EU")

	// Another namespace is not under the rule.
	other := e.namespace("e2e-", nil)
	e.podIn(other, "free", cpu("3"), profile(cheapest))
	e.podIn(other, "unlucky", cpu("50"))
	e.waitsIn(other, "unlucky", "0/9 nodes: 9 Insufficient cpu")
}
