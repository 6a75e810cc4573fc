package v1alpha1

import "testing"

// TestPolicySelector is about which pods a policy selects.
func TestPolicySelector(t *testing.T) {
	runAdmission(t, "PlacementPolicy", "", []admissionCase{
		{name: "selector without values", spec: `workloadSelector: {matchExpressions: [{key: app, operator: In}]}`, want: []string{
			`spec.workloadSelector: Invalid value: matchExpressions: In and NotIn need values, Exists and DoesNotExist take none`,
		}},
		{name: "selector with needless values", spec: `workloadSelector: {matchExpressions: [{key: app, operator: Exists, values: [web]}]}`, want: []string{
			`spec.workloadSelector: Invalid value: matchExpressions: In and NotIn need values, Exists and DoesNotExist take none`,
		}},
		{name: "selector with an unknown operator", spec: `workloadSelector: {matchExpressions: [{key: app, operator: Equals, values: [web]}]}`, want: []string{
			`spec.workloadSelector.matchExpressions[0].operator: Unsupported value: "Equals": supported values: "In", "NotIn", "Exists", "DoesNotExist"`,
		}},
	})
}

// TestPolicyPlaces is about where workloads may run and how they spread.
func TestPolicyPlaces(t *testing.T) {
	runAdmission(t, "PlacementPolicy", "workloadSelector: {matchLabels: {app: web}}\n", []admissionCase{
		{name: "everything", spec: `
			residency: {jurisdictions: [EU, CH, GDPR-adequate], operatorJurisdictions: [EU]}
			locations:
			  required: [{key: tradewind.dev/cloud, operator: NotIn, values: [azure]}, {key: tradewind.dev/capacity-type, operator: In, values: [on-demand, spot]}]
			  preferred: [{key: topology.kubernetes.io/region, operator: In, values: [eu-west-1], weight: 10}, {key: topology.kubernetes.io/zone, operator: Exists}]
			spread: [{topologyKey: tradewind.dev/cloud, minDomains: 2, maxSharePercent: 60}]
			availability: {survive: cloud, minReplicasPercent: 50}
			latency: {clients: [{location: DE, sharePercent: 70}, {location: aws/eu-west-3, sharePercent: 30}], maxMilliseconds: 50, requestsPerSecond: 100, bytesPerRequest: 4096}
			traffic: [{to: {name: cart}, requestsPerSecond: 120, bytesPerRequest: 4096, maxMilliseconds: 20}, {to: {name: cart, namespace: shop}}]
			cost: {maxHourlyUSD: "40", spot: {maxPercent: 60, fallback: OnDemand}}
			optimizeFor: Balanced
			failover: {after: 10s, failback: Automatic, stabilization: 10m}
			rebalance: {minSavingsPercent: 10, maxUnavailable: "10%", window: {schedule: "0 2 * * *", duration: 2h}}`},
		{name: "only a selector", spec: ``},
		{name: "unknown field", spec: `residancy: {jurisdictions: [EU]}`, want: []string{
			`spec.residancy: Invalid value: unknown field`,
		}},
		{name: "unknown field deep down", spec: `latency: {clients: [{location: DE, sharePercent: 100, share: 1}]}`, want: []string{
			`spec.latency.clients[0].share: Invalid value: unknown field`,
		}},
		{name: "residency without jurisdictions", spec: `residency: {}`, want: []string{
			`spec.residency: Invalid value: names no jurisdiction: give jurisdictions or operatorJurisdictions, or remove residency`,
		}},
		{name: "residency with an empty list", spec: `residency: {jurisdictions: []}`, want: []string{
			`spec.residency.jurisdictions: Invalid value: an empty list allows no place: name a jurisdiction or remove the list`,
		}},
		{name: "residency with one empty list", spec: `residency: {jurisdictions: [], operatorJurisdictions: [EU]}`, want: []string{
			`spec.residency.jurisdictions: Invalid value: an empty list allows no place: name a jurisdiction or remove the list`,
		}},
		{name: "jurisdiction in lower case", spec: `residency: {jurisdictions: [de]}`, want: []string{
			`spec.residency.jurisdictions[0]: Invalid value: "de": is not a jurisdiction: write a country as two capitals ("DE") or a group by its name ("EU", "EEA", "GDPR-adequate")`,
		}},
		{name: "jurisdiction with a space", spec: `residency: {operatorJurisdictions: ["European Union"]}`, want: []string{
			`spec.residency.operatorJurisdictions[0]: Invalid value: "European Union": is not a jurisdiction: write a country as two capitals ("DE") or a group by its name ("EU", "EEA", "GDPR-adequate")`,
		}},
		{name: "jurisdiction UK", spec: `residency: {jurisdictions: [UK]}`, want: []string{
			`spec.residency.jurisdictions[0]: Invalid value: "UK": is not an ISO 3166 country code: the United Kingdom is "GB"`,
		}},
		{name: "jurisdiction twice", spec: `residency: {jurisdictions: [DE, DE]}`, want: []string{
			`spec.residency.jurisdictions[1]: Duplicate value: "DE"`,
		}},
		{name: "jurisdiction of one letter", spec: `residency: {jurisdictions: [D]}`, want: []string{
			`spec.residency.jurisdictions[0]: Invalid value: "D": is not a jurisdiction: write a country as two capitals ("DE") or a group by its name ("EU", "EEA", "GDPR-adequate")`,
		}},
		{name: "no locations", spec: `locations: {}`, want: []string{
			`spec.locations: Invalid value: says nothing: give required or preferred, or remove locations`,
		}},
		{name: "unknown location label", spec: `locations: {required: [{key: cloud, operator: In, values: [aws]}]}`, want: []string{
			`spec.locations.required[0].key: Invalid value: "cloud" is not a location label: use tradewind.dev/cloud, tradewind.dev/country, tradewind.dev/capacity-type, topology.kubernetes.io/region, topology.kubernetes.io/zone or node.kubernetes.io/instance-type`,
		}},
		{name: "unknown preferred label", spec: `locations: {preferred: [{key: kubernetes.io/arch, operator: In, values: [arm64]}]}`, want: []string{
			`spec.locations.preferred[0].key: Invalid value: "kubernetes.io/arch" is not a location label: use tradewind.dev/cloud, tradewind.dev/country, tradewind.dev/capacity-type, topology.kubernetes.io/region, topology.kubernetes.io/zone or node.kubernetes.io/instance-type`,
		}},
		{name: "hostname is no location", spec: `locations: {required: [{key: kubernetes.io/hostname, operator: Exists}]}`, want: []string{
			`spec.locations.required[0].key: Invalid value: "kubernetes.io/hostname" is not a location label: use tradewind.dev/cloud, tradewind.dev/country, tradewind.dev/capacity-type, topology.kubernetes.io/region, topology.kubernetes.io/zone or node.kubernetes.io/instance-type`,
		}},
		{name: "In without values", spec: `locations: {required: [{key: tradewind.dev/cloud, operator: In}]}`, want: []string{
			`spec.locations.required[0]: Invalid value: In and NotIn need values: name at least one`,
		}},
		{name: "In with an empty list", spec: `locations: {required: [{key: tradewind.dev/cloud, operator: In, values: []}]}`, want: []string{
			`spec.locations.required[0]: Invalid value: In and NotIn need values: name at least one`,
		}},
		{name: "Exists with values", spec: `locations: {preferred: [{key: tradewind.dev/cloud, operator: Exists, values: [aws]}]}`, want: []string{
			`spec.locations.preferred[0]: Invalid value: Exists and DoesNotExist take no values: remove them, or use In or NotIn`,
		}},
		{name: "unknown operator", spec: `locations: {required: [{key: tradewind.dev/cloud, operator: Equals, values: [aws]}]}`, want: []string{
			`spec.locations.required[0].operator: Unsupported value: "Equals": supported values: "In", "NotIn", "Exists", "DoesNotExist"`,
		}},
		{name: "country by its name", spec: `locations: {required: [{key: tradewind.dev/country, operator: In, values: [Germany]}]}`, want: []string{
			`spec.locations.required[0]: Invalid value: a country is an ISO 3166 code of two capitals ("DE"); for a group of countries use residency.jurisdictions`,
		}},
		{name: "unknown capacity type", spec: `locations: {required: [{key: tradewind.dev/capacity-type, operator: In, values: [preemptible]}]}`, want: []string{
			`spec.locations.required[0]: Invalid value: a capacity type is on-demand, spot or reserved`,
		}},
		{name: "weight too large", spec: `locations: {preferred: [{key: tradewind.dev/cloud, operator: In, values: [aws], weight: 101}]}`, want: []string{
			`spec.locations.preferred[0].weight: Invalid value: 101: spec.locations.preferred[0].weight in body should be less than or equal to 100`,
		}},
		{name: "disjoint In lists", spec: `locations: {required: [{key: tradewind.dev/cloud, operator: In, values: [aws]}, {key: tradewind.dev/cloud, operator: In, values: [gcp, azure]}]}`, want: []string{
			`spec.locations.required: Invalid value: two In requirements on one key have no value in common, so no place meets both: join them or drop one`,
		}},
		{name: "overlapping In lists", spec: `locations: {required: [{key: tradewind.dev/cloud, operator: In, values: [aws, gcp]}, {key: tradewind.dev/cloud, operator: In, values: [gcp, azure]}]}`},
		{name: "NotIn takes all of In", spec: `locations: {required: [{key: tradewind.dev/cloud, operator: NotIn, values: [aws, gcp]}, {key: tradewind.dev/cloud, operator: In, values: [aws]}]}`, want: []string{
			`spec.locations.required: Invalid value: In and NotIn on one key exclude every value: drop a value from NotIn or add one to In`,
		}},
		{name: "DoesNotExist and In", spec: `locations: {required: [{key: tradewind.dev/cloud, operator: DoesNotExist}, {key: tradewind.dev/cloud, operator: In, values: [aws]}]}`, want: []string{
			`spec.locations.required: Invalid value: DoesNotExist contradicts In or Exists on the same key: drop one`,
		}},
		{name: "spread that asks for nothing", spec: `spread: [{topologyKey: tradewind.dev/cloud}]`, want: []string{
			`spec.spread[0]: Invalid value: asks for nothing: give minDomains, maxSharePercent or maxSkew`,
		}},
		{name: "spread over an unknown key", spec: `spread: [{topologyKey: region, minDomains: 2}]`, want: []string{
			`spec.spread[0].topologyKey: Invalid value: "region": is not a domain: use tradewind.dev/cloud, tradewind.dev/country, topology.kubernetes.io/region, topology.kubernetes.io/zone or kubernetes.io/hostname`,
		}},
		{name: "spread over instance types", spec: `spread: [{topologyKey: node.kubernetes.io/instance-type, minDomains: 2}]`, want: []string{
			`spec.spread[0].topologyKey: Invalid value: "node.kubernetes.io/instance-type": is not a domain: use tradewind.dev/cloud, tradewind.dev/country, topology.kubernetes.io/region, topology.kubernetes.io/zone or kubernetes.io/hostname`,
		}},
		{name: "spread twice over one key", spec: `spread: [{topologyKey: tradewind.dev/cloud, minDomains: 2}, {topologyKey: tradewind.dev/cloud, maxSharePercent: 60}]`, want: []string{
			`spec.spread[1]: Duplicate value: {"topologyKey":"tradewind.dev/cloud"}`,
		}},
		{name: "spread without domains", spec: `spread: [{topologyKey: tradewind.dev/cloud, minDomains: 0}]`, want: []string{
			`spec.spread[0].minDomains: Invalid value: 0: spec.spread[0].minDomains in body should be greater than or equal to 1`,
		}},
		{name: "share over 100", spec: `spread: [{topologyKey: tradewind.dev/cloud, maxSharePercent: 120}]`, want: []string{
			`spec.spread[0].maxSharePercent: Invalid value: 120: spec.spread[0].maxSharePercent in body should be less than or equal to 100`,
		}},
		{name: "more domains than locations", spec: `
			spread: [{topologyKey: tradewind.dev/cloud, minDomains: 3}]
			locations: {required: [{key: tradewind.dev/cloud, operator: In, values: [aws, gcp]}]}`, want: []string{
			`spec.spread: Invalid value: spread asks for more domains than locations.required allows for the same key: allow more values, lower minDomains or raise maxSharePercent`,
		}},
		{name: "share too small for the locations", spec: `
			spread: [{topologyKey: tradewind.dev/cloud, maxSharePercent: 40}]
			locations: {required: [{key: tradewind.dev/cloud, operator: In, values: [aws, gcp]}]}`, want: []string{
			`spec.spread: Invalid value: spread asks for more domains than locations.required allows for the same key: allow more values, lower minDomains or raise maxSharePercent`,
		}},
		{name: "share that just fits the locations", spec: `
			spread: [{topologyKey: tradewind.dev/cloud, minDomains: 2, maxSharePercent: 50}]
			locations: {required: [{key: tradewind.dev/cloud, operator: In, values: [aws, gcp]}]}`},
		{name: "one domain and a share below 100", spec: `spread: [{topologyKey: tradewind.dev/cloud, minDomains: 1, maxSharePercent: 60}]`},
	})
}
