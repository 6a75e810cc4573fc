package v1alpha1

import "testing"

// TestPolicyAims is about losses, milliseconds, dollars and moves.
func TestPolicyAims(t *testing.T) {
	runAdmission(t, "PlacementPolicy", "workloadSelector: {matchLabels: {app: web}}\n", []admissionCase{
		{name: "unknown kind of loss", spec: `availability: {survive: datacentre}`, want: []string{
			`spec.availability.survive: Unsupported value: "datacentre": supported values: "cloud", "region", "zone", "cluster"`,
		}},
		{name: "all replicas after a loss", spec: `availability: {survive: zone, minReplicasPercent: 100}`, want: []string{
			`spec.availability.minReplicasPercent: Invalid value: 100: no domain can be lost with every replica still there: use at most 99`,
		}},
		{name: "survives the only cloud", spec: `
			availability: {survive: cloud}
			locations: {required: [{key: tradewind.dev/cloud, operator: In, values: [aws]}]}`, want: []string{
			`spec.availability: Invalid value: the only domain that locations.required allows cannot be lost and survived: allow a second one, or survive a smaller domain`,
		}},
		{name: "survives a region of the only cloud", spec: `
			availability: {survive: region}
			locations: {required: [{key: tradewind.dev/cloud, operator: In, values: [aws]}]}`},
		{name: "shares below 100", spec: `latency: {clients: [{location: DE, sharePercent: 60}, {location: FR, sharePercent: 30}]}`, want: []string{
			`spec.latency.clients: Invalid value: shares add up to 90; they must add up to 100`,
		}},
		{name: "shares above 100", spec: `latency: {clients: [{location: DE, sharePercent: 60}, {location: FR, sharePercent: 60}]}`, want: []string{
			`spec.latency.clients: Invalid value: shares add up to 120; they must add up to 100`,
		}},
		{name: "latency without clients", spec: `latency: {maxMilliseconds: 50}`, want: []string{
			`spec.latency.clients: Required value`,
		}},
		{name: "no clients", spec: `latency: {clients: [], maxMilliseconds: 50}`, want: []string{
			`spec.latency.clients: Invalid value: 0: spec.latency.clients in body should have at least 1 items`,
			`spec.latency.clients: Invalid value: shares add up to 0; they must add up to 100`,
		}},
		{name: "client twice", spec: `latency: {clients: [{location: DE, sharePercent: 60}, {location: DE, sharePercent: 40}]}`, want: []string{
			`spec.latency.clients[1]: Duplicate value: {"location":"DE"}`,
		}},
		{name: "client by its name", spec: `latency: {clients: [{location: Germany, sharePercent: 100}]}`, want: []string{
			`spec.latency.clients[0].location: Invalid value: "Germany": is neither a country code of two capitals ("DE") nor a region with its cloud ("aws/eu-west-1")`,
		}},
		{name: "client in the UK", spec: `latency: {clients: [{location: UK, sharePercent: 100}]}`, want: []string{
			`spec.latency.clients[0].location: Invalid value: "UK": is not an ISO 3166 country code: the United Kingdom is "GB"`,
		}},
		{name: "client region without cloud", spec: `latency: {clients: [{location: eu-west-1, sharePercent: 100}]}`, want: []string{
			`spec.latency.clients[0].location: Invalid value: "eu-west-1": is neither a country code of two capitals ("DE") nor a region with its cloud ("aws/eu-west-1")`,
		}},
		{name: "client share below 1", spec: `latency: {clients: [{location: DE, sharePercent: 100}, {location: FR, sharePercent: 0}]}`, want: []string{
			`spec.latency.clients[1].sharePercent: Invalid value: 0: spec.latency.clients[1].sharePercent in body should be greater than or equal to 1`,
		}},
		{name: "no time at all", spec: `latency: {clients: [{location: DE, sharePercent: 100}], maxMilliseconds: 0}`, want: []string{
			`spec.latency.maxMilliseconds: Invalid value: 0: spec.latency.maxMilliseconds in body should be greater than or equal to 1`,
		}},
		{name: "over a minute", spec: `latency: {clients: [{location: DE, sharePercent: 100}], maxMilliseconds: 60001}`, want: []string{
			`spec.latency.maxMilliseconds: Invalid value: 60001: spec.latency.maxMilliseconds in body should be less than or equal to 60000`,
		}},
		{name: "fractions of a millisecond", spec: `latency: {clients: [{location: DE, sharePercent: 100}], maxMilliseconds: 0.5}`, want: []string{
			`spec.latency.maxMilliseconds: Invalid value: "number": spec.latency.maxMilliseconds in body must be of type integer: "number"`,
			`spec.latency.maxMilliseconds: Invalid value: 0.5: spec.latency.maxMilliseconds in body should be greater than or equal to 1`,
		}},
		{name: "negative requests", spec: `latency: {clients: [{location: DE, sharePercent: 100}], requestsPerSecond: -1}`, want: []string{
			`spec.latency.requestsPerSecond: Invalid value: -1: spec.latency.requestsPerSecond in body should be greater than or equal to 0`,
		}},
		{name: "traffic from a workload without its namespace", spec: `trafficFrom: [{name: web}]`, want: []string{
			`spec.trafficFrom[0].namespace: Required value`,
		}},
		{name: "traffic from a namespace in capitals", spec: `trafficFrom: [{namespace: Shop}]`, want: []string{
			`spec.trafficFrom[0].namespace: Invalid value: "Shop": is not the name of a namespace: write lower-case letters, digits and "-"`,
		}},
		{name: "traffic to nobody", spec: `traffic: [{requestsPerSecond: 1}]`, want: []string{
			`spec.traffic[0].to: Required value`,
		}},
		{name: "traffic to a name with its namespace", spec: `traffic: [{to: {name: shop/cart}}]`, want: []string{
			`spec.traffic[0].to.name: Invalid value: "shop/cart": is not the name of a workload: write lower-case letters, digits, "-" and "."; the namespace has its own field`,
		}},
		{name: "traffic to a namespace in capitals", spec: `traffic: [{to: {name: cart, namespace: Shop}}]`, want: []string{
			`spec.traffic[0].to.namespace: Invalid value: "Shop": is not the name of a namespace: write lower-case letters, digits and "-"`,
		}},
		{name: "traffic to one workload twice", spec: `traffic: [{to: {name: cart}, requestsPerSecond: 1}, {to: {name: cart}, maxMilliseconds: 5}]`, want: []string{
			`spec.traffic: Invalid value: two entries name the same workload: join them into one`,
		}},
		{name: "measured traffic", spec: `traffic: [{to: {name: cart}, maxMilliseconds: 5, figures: Measured}, {to: {name: db}, figures: Any}]`},
		{name: "measured traffic without a limit", spec: `traffic: [{to: {name: cart}, figures: Measured}]`, want: []string{
			`spec.traffic[0]: Invalid value: figures: Measured limits nothing without maxMilliseconds: give it, or remove figures`,
		}},
		{name: "traffic by other figures", spec: `traffic: [{to: {name: cart}, maxMilliseconds: 5, figures: Guessed}]`, want: []string{
			`spec.traffic[0].figures: Unsupported value: "Guessed": supported values: "Any", "Measured"`,
		}},
		{name: "cost without limits", spec: `cost: {}`, want: []string{
			`spec.cost: Invalid value: limits nothing: give maxHourlyUSD or spot, or remove cost`,
		}},
		{name: "cost of nothing", spec: `cost: {maxHourlyUSD: 0}`, want: []string{
			`spec.cost.maxHourlyUSD: Invalid value: 0: is a number of US dollars an hour above 0 and below 1000000 ("40", "0.5")`,
		}},
		{name: "negative cost", spec: `cost: {maxHourlyUSD: "-1"}`, want: []string{
			`spec.cost.maxHourlyUSD: Invalid value: "-1": is a number of US dollars an hour above 0 and below 1000000 ("40", "0.5")`,
		}},
		{name: "cost in words", spec: `cost: {maxHourlyUSD: forty}`, want: []string{
			`spec.cost.maxHourlyUSD: Invalid value: "": type conversion error from 'string' to 'double' evaluating rule: is a number of US dollars an hour above 0 and below 1000000 ("40", "0.5")`,
			`spec.cost.maxHourlyUSD: Invalid value: "forty": spec.cost.maxHourlyUSD in body should match '^[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)[numk]?$'`,
		}},
		{name: "cost with a currency", spec: `cost: {maxHourlyUSD: "40 USD"}`, want: []string{
			`spec.cost.maxHourlyUSD: Invalid value: "": type conversion error from 'string' to 'double' evaluating rule: is a number of US dollars an hour above 0 and below 1000000 ("40", "0.5")`,
			`spec.cost.maxHourlyUSD: Invalid value: "40 USD": spec.cost.maxHourlyUSD in body should match '^[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)[numk]?$'`,
		}},
		{name: "cost with an exponent", spec: `cost: {maxHourlyUSD: "1e-999999999"}`, want: []string{
			`spec.cost.maxHourlyUSD: Invalid value: "1e-999999999": is a number of US dollars an hour above 0 and below 1000000 ("40", "0.5")`,
			`spec.cost.maxHourlyUSD: Invalid value: "1e-999999999": spec.cost.maxHourlyUSD in body should match '^[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)[numk]?$'`,
		}},
		{name: "cost in binary units", spec: `cost: {maxHourlyUSD: 1Gi}`, want: []string{
			`spec.cost.maxHourlyUSD: Invalid value: "": type conversion error from 'string' to 'double' evaluating rule: is a number of US dollars an hour above 0 and below 1000000 ("40", "0.5")`,
			`spec.cost.maxHourlyUSD: Invalid value: "1Gi": spec.cost.maxHourlyUSD in body should match '^[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)[numk]?$'`,
		}},
		{name: "cost beyond reason", spec: `cost: {maxHourlyUSD: 1000001}`, want: []string{
			`spec.cost.maxHourlyUSD: Invalid value: 1000001: is a number of US dollars an hour above 0 and below 1000000 ("40", "0.5")`,
		}},
		{name: "cost as a float", spec: `cost: {maxHourlyUSD: 1.5}`, want: []string{
			`<nil>: Invalid value: "": "spec.cost.maxHourlyUSD" must validate at least one schema (anyOf)`,
			`spec.cost.maxHourlyUSD: Invalid value: "number": spec.cost.maxHourlyUSD in body must be of type integer,string: "number"`,
			`spec.cost.maxHourlyUSD: Invalid value: "number": spec.cost.maxHourlyUSD in body must be of type integer: "number"`,
		}},
		{name: "cost as Kubernetes writes it", spec: `cost: {maxHourlyUSD: 41600u}`},
		{name: "cost as an integer", spec: `cost: {maxHourlyUSD: 40}`},
		{name: "spot over 100", spec: `cost: {spot: {maxPercent: 101}}`, want: []string{
			`spec.cost.spot.maxPercent: Invalid value: 101: spec.cost.spot.maxPercent in body should be less than or equal to 100`,
		}},
		{name: "spot without its share", spec: `cost: {spot: {fallback: Wait}}`, want: []string{
			`spec.cost.spot.maxPercent: Required value`,
		}},
		{name: "all of a spot pool over 100", spec: `cost: {spot: {maxPercent: 100, maxPoolSharePercent: 101}}`, want: []string{
			`spec.cost.spot.maxPoolSharePercent: Invalid value: 101: spec.cost.spot.maxPoolSharePercent in body should be less than or equal to 100`,
		}},
		{name: "none of a spot pool", spec: `cost: {spot: {maxPercent: 100, maxPoolSharePercent: 0}}`, want: []string{
			`spec.cost.spot.maxPoolSharePercent: Invalid value: 0: spec.cost.spot.maxPoolSharePercent in body should be greater than or equal to 1`,
		}},
		{name: "a part of a spot pool", spec: `cost: {spot: {maxPercent: 100, maxPoolSharePercent: 25}}`},
		{name: "waits for forbidden spot", spec: `cost: {spot: {maxPercent: 0, fallback: Wait}}`, want: []string{
			`spec.cost.spot.fallback: Invalid value: Wait would wait for the spot capacity that maxPercent 0 forbids: raise maxPercent or use OnDemand`,
		}},
		{name: "spot only, but not all", spec: `
			cost: {spot: {maxPercent: 60}}
			locations: {required: [{key: tradewind.dev/capacity-type, operator: In, values: [spot]}]}`, want: []string{
			`spec.cost: Invalid value: locations.required allows spot capacity only, so spot.maxPercent must be 100: raise it, or allow on-demand capacity too`,
		}},
		{name: "spot only", spec: `
			cost: {spot: {maxPercent: 100}}
			locations: {required: [{key: tradewind.dev/capacity-type, operator: In, values: [spot]}]}`},
		{name: "unknown fallback", spec: `cost: {spot: {maxPercent: 10, fallback: Never}}`, want: []string{
			`spec.cost.spot.fallback: Unsupported value: "Never": supported values: "OnDemand", "Wait"`,
		}},
		{name: "unknown aim", spec: `optimizeFor: Speed`, want: []string{
			`spec.optimizeFor: Unsupported value: "Speed": supported values: "Cost", "Latency", "Balanced"`,
		}},
		{name: "failover after a number", spec: `failover: {after: 10}`, want: []string{
			`spec.failover.after: Invalid value: "integer": spec.failover.after in body must be of type string: "integer"`,
		}},
		{name: "failover after a day in words", spec: `failover: {after: 1d}`, want: []string{
			`spec.failover.after: Invalid value: "1d": is not a duration from 0s to 24h: write one like "10s" or "5m"`,
		}},
		{name: "failover in the past", spec: `failover: {after: -10s}`, want: []string{
			`spec.failover.after: Invalid value: "-10s": is not a duration from 0s to 24h: write one like "10s" or "5m"`,
		}},
		{name: "failover after too long", spec: `failover: {after: 25h}`, want: []string{
			`spec.failover.after: Invalid value: "25h": is not a duration from 0s to 24h: write one like "10s" or "5m"`,
		}},
		{name: "failover at once", spec: `failover: {after: 0s}`},
		{name: "failback by hand", spec: `failover: {failback: Manual}`, want: []string{
			`spec.failover.failback: Unsupported value: "Manual": supported values: "Automatic", "Never"`,
		}},
		{name: "stabilization too long", spec: `failover: {stabilization: 169h}`, want: []string{
			`spec.failover.stabilization: Invalid value: "169h": is not a duration from 0s to 168h: write one like "10m" or "1h30m"`,
		}},
		{name: "rebalance of nothing", spec: `rebalance: {maxUnavailable: "0"}`, want: []string{
			`spec.rebalance.maxUnavailable: Invalid value: "0": is neither a number of replicas from 1 to 9999 ("1") nor a share from 1% to 100% ("10%"); to move nothing, remove rebalance`,
		}},
		{name: "rebalance of no share", spec: `rebalance: {maxUnavailable: "0%"}`, want: []string{
			`spec.rebalance.maxUnavailable: Invalid value: "0%": is neither a number of replicas from 1 to 9999 ("1") nor a share from 1% to 100% ("10%"); to move nothing, remove rebalance`,
		}},
		{name: "rebalance over 100 percent", spec: `rebalance: {maxUnavailable: 101%}`, want: []string{
			`spec.rebalance.maxUnavailable: Invalid value: "101%": is neither a number of replicas from 1 to 9999 ("1") nor a share from 1% to 100% ("10%"); to move nothing, remove rebalance`,
		}},
		{name: "rebalance by a number", spec: `rebalance: {maxUnavailable: 1}`, want: []string{
			`spec.rebalance.maxUnavailable: Invalid value: "integer": spec.rebalance.maxUnavailable in body must be of type string: "integer"`,
		}},
		{name: "rebalance of a fraction", spec: `rebalance: {maxUnavailable: "0.5"}`, want: []string{
			`spec.rebalance.maxUnavailable: Invalid value: "0.5": is neither a number of replicas from 1 to 9999 ("1") nor a share from 1% to 100% ("10%"); to move nothing, remove rebalance`,
		}},
		{name: "savings over 100", spec: `rebalance: {minSavingsPercent: 101}`, want: []string{
			`spec.rebalance.minSavingsPercent: Invalid value: 101: spec.rebalance.minSavingsPercent in body should be less than or equal to 100`,
		}},
		{name: "schedule with names", spec: `rebalance: {window: {schedule: "*/15 0-6,22 1,15 JAN-MAR Mon-Fri", duration: 30m}}`},
		{name: "schedule with six fields", spec: `rebalance: {window: {schedule: "0 0 2 * * *", duration: 2h}}`, want: []string{
			`spec.rebalance.window.schedule: Invalid value: "0 0 2 * * *": is not a schedule: write five cron fields in UTC: minute, hour, day of the month, month, day of the week ("0 2 * * *")`,
		}},
		{name: "schedule out of range", spec: `rebalance: {window: {schedule: "0 24 * * *", duration: 2h}}`, want: []string{
			`spec.rebalance.window.schedule: Invalid value: "0 24 * * *": is not a schedule: write five cron fields in UTC: minute, hour, day of the month, month, day of the week ("0 2 * * *")`,
		}},
		{name: "schedule in an unknown month", spec: `rebalance: {window: {schedule: "0 2 * FOO *", duration: 2h}}`, want: []string{
			`spec.rebalance.window.schedule: Invalid value: "0 2 * FOO *": is not a schedule: write five cron fields in UTC: minute, hour, day of the month, month, day of the week ("0 2 * * *")`,
		}},
		{name: "schedule in words", spec: `rebalance: {window: {schedule: nightly, duration: 2h}}`, want: []string{
			`spec.rebalance.window.schedule: Invalid value: "nightly": is not a schedule: write five cron fields in UTC: minute, hour, day of the month, month, day of the week ("0 2 * * *")`,
		}},
		{name: "window of no time", spec: `rebalance: {window: {schedule: "0 2 * * *", duration: 0s}}`, want: []string{
			`spec.rebalance.window.duration: Invalid value: "0s": is not a duration from 1m to 168h: write one like "2h" or "90m"`,
		}},
		{name: "window without duration", spec: `rebalance: {window: {schedule: "0 2 * * *"}}`, want: []string{
			`spec.rebalance.window.duration: Required value`,
		}},
	})
}

// TestClusterPolicy is about what a ClusterPlacementPolicy adds.
func TestClusterPolicy(t *testing.T) {
	runAdmission(t, "ClusterPlacementPolicy", "workloadSelector: {matchLabels: {app: web}}\n", []admissionCase{
		{name: "guard-rail for every namespace", spec: `residency: {jurisdictions: [EU]}`},
		{name: "guard-rail for some namespaces", spec: `
			namespaceSelector: {matchLabels: {team: shop}}
			residency: {jurisdictions: [EU]}`},
		{name: "namespace selector without values", spec: `namespaceSelector: {matchExpressions: [{key: team, operator: NotIn}]}`, want: []string{
			`spec.namespaceSelector: Invalid value: matchExpressions: In and NotIn need values, Exists and DoesNotExist take none`,
		}},
		{name: "the same rules as a policy", spec: `latency: {clients: [{location: DE, sharePercent: 90}]}`, want: []string{
			`spec.latency.clients: Invalid value: shares add up to 90; they must add up to 100`,
		}},
		{name: "contradictions are found too", spec: `
			spread: [{topologyKey: topology.kubernetes.io/zone, minDomains: 2}]
			locations: {required: [{key: topology.kubernetes.io/zone, operator: In, values: [eu-west-1a]}]}`, want: []string{
			`spec.spread: Invalid value: spread asks for more domains than locations.required allows for the same key: allow more values, lower minDomains or raise maxSharePercent`,
		}},
	})
}
