package app

import (
	"strings"
	"testing"
)

// manifests joins documents.
func manifests(documents ...string) string { return strings.Join(documents, "\n---\n") }

const awsNode = `{apiVersion: v1, kind: Node, metadata: {name: dublin, labels: {topology.kubernetes.io/region: eu-west-1,
  topology.kubernetes.io/zone: eu-west-1a, node.kubernetes.io/instance-type: m6i.2xlarge, eks.amazonaws.com/capacityType: ON_DEMAND}},
  spec: {providerID: "aws:///eu-west-1a/i-dublin"}, status: {allocatable: {cpu: 7600m, memory: 28Gi, pods: "110"}}}`

func deployment(name, cpu string) string {
	return `{apiVersion: apps/v1, kind: Deployment, metadata: {name: ` + name + `, namespace: shop}, spec: {replicas: 1, selector: {matchLabels: {app: ` + name + `}},
  template: {metadata: {labels: {app: ` + name + `}}, spec: {containers: [{name: c, image: i, resources: {requests: {cpu: ` + cpu + `, memory: 1Gi}}}]}}}}`
}

func policyOf(name, spec string) string {
	return `{apiVersion: tradewind.dev/v1alpha1, kind: PlacementPolicy, metadata: {name: ` + name + `, namespace: shop}, spec: {workloadSelector: {matchLabels: {app: ` +
		name + `}}, ` + spec + `}}`
}

// Two workloads that call each other on one machine of a private data centre cost no traffic, whatever the dearest known price is,
// unless a PriceList gives one.
func TestSimulateTrafficWithinADataCentre(t *testing.T) {
	const within = `locations: {required: [{key: tradewind.dev/cloud, operator: In, values: [acme-dc]}]}`
	const rack = `{apiVersion: v1, kind: Node, metadata: {name: rack, labels: {tradewind.dev/cloud: acme-dc, tradewind.dev/country: LU,
  topology.kubernetes.io/region: lu, tradewind.dev/capacity-type: on-demand}}, status: {allocatable: {cpu: "32", memory: 120Gi, pods: "110"}}}`
	for name, tt := range map[string]struct {
		egress string
		want   float64
	}{
		"no price list":     {"", 0},
		"a price within":    {`egress: [{from: acme-dc, to: acme-dc, usdPerGB: "0.001"}], `, 0.36},
		"a price out of it": {`egress: [{from: acme-dc, to: internet, usdPerGB: "0.05"}], `, 0},
	} {
		t.Run(name, func(t *testing.T) {
			list := `{apiVersion: tradewind.dev/v1alpha1, kind: PriceList, metadata: {name: acme}, spec: {` + tt.egress +
				`resources: [{cloud: acme-dc, cpuHourlyUSD: "0.03", memoryGiBHourlyUSD: "0.003"}]}}`
			code, plan, stderr := simulate(t, manifests(awsNode, rack, list, deployment("a", "500m"), deployment("b", "500m"), policyOf("b", within),
				policyOf("a", `traffic: [{to: {name: b}, requestsPerSecond: 1000, bytesPerRequest: 100000}], `+within)), "--no-losses", "-f", "-")
			if got := plan.HourlyUSD.Egress; code != 0 || got < tt.want-1e-9 || got > tt.want+1e-9 {
				t.Errorf("status %d, egress $%g an hour, want $%g; %s", code, got, tt.want, stderr)
			}
			checkPlan(t, &plan)
		})
	}
}

// Traffic of which nobody knows the price or the round trip was in the invoice without a word; it is named, with what can tell.
func TestSimulateTrafficThatNobodyKnows(t *testing.T) {
	in := func(cloud string) string {
		return `locations: {required: [{key: tradewind.dev/cloud, operator: In, values: [` + cloud + `]}]}`
	}
	const rack = `{apiVersion: v1, kind: Node, metadata: {name: rack, labels: {tradewind.dev/cloud: acme-dc, tradewind.dev/country: LU,
  topology.kubernetes.io/region: lu, tradewind.dev/capacity-type: on-demand}}, status: {allocatable: {cpu: "32", memory: 120Gi, pods: "110"}}}`
	const resources = `resources: [{cloud: acme-dc, cpuHourlyUSD: "0.03", memoryGiBHourlyUSD: "0.003"}]`
	const trips = `{apiVersion: tradewind.dev/v1alpha1, kind: LatencyMap, metadata: {name: acme}, spec: {samples: [{from: acme-dc/lu, to: aws/eu-west-1, milliseconds: "20"}]}}`
	const unpriced = "its price is not known, so that the invoice holds the highest known one, $0.09 a GB"
	const unmeasured = "its round trip is not known and counts as 400 ms"
	for _, tt := range []struct{ name, egress, trips, says string }{
		{"neither is known", "", "", "traffic from acme-dc/lu to aws/eu-west-1: " + unpriced + "; " + unmeasured + "; spec.egress of a PriceList and a LatencyMap can give it"},
		{"no price", "", trips, "traffic from acme-dc/lu to aws/eu-west-1: " + unpriced + "; spec.egress of a PriceList can give it"},
		{"no round trip", `egress: [{from: acme-dc, to: aws, usdPerGB: "0.01"}], `, "", "traffic from acme-dc/lu to aws/eu-west-1: " + unmeasured + "; a LatencyMap can give it"},
		{"both are known", `egress: [{from: acme-dc, to: aws, usdPerGB: "0.01"}], `, trips, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			list := `{apiVersion: tradewind.dev/v1alpha1, kind: PriceList, metadata: {name: acme}, spec: {` + tt.egress + resources + `}}`
			documents := []string{awsNode, rack, list, deployment("a", "500m"), deployment("b", "500m"), policyOf("b", in("aws")),
				policyOf("a", `traffic: [{to: {name: b}, requestsPerSecond: 1000, bytesPerRequest: 100000}], `+in("acme-dc"))}
			if tt.trips != "" {
				documents = append(documents, tt.trips)
			}
			_, _, stderr := simulate(t, manifests(documents...), "--no-losses", "-f", "-")
			if !strings.Contains(stderr, tt.says) || tt.says == "" && strings.Contains(stderr, "traffic from") {
				t.Errorf("said %q, want %q", stderr, tt.says)
			}
		})
	}
}
