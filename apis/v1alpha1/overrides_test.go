package v1alpha1

import "testing"

// TestPriceList is about prices that people write.
func TestPriceList(t *testing.T) {
	runAdmission(t, "PriceList", "", []admissionCase{
		{name: "everything", spec: `
			source: contract 2026-7
			date: "2026-02-28"
			instances: [{cloud: aws, region: eu-west-1, instanceType: m7i.large, capacityType: spot, hourlyUSD: "0.0416"}, {cloud: acme-dc, instanceType: r740, hourlyUSD: 0}]
			resources: [{cloud: acme-dc, cpuHourlyUSD: "0.01", memoryGiBHourlyUSD: 2500u}, {cloud: acme-dc, region: lux-1, gpuHourlyUSD: 1}]
			discounts: [{cloud: aws, percent: "12.5"}, {cloud: gcp, instanceTypePrefix: n2-, percent: 100}]
			commitments: [{cloud: aws, region: eu-west-1, instanceType: m7i.large, count: 10, hourlyUSD: "0.03"}]
			egress: [{from: aws/eu-west-1, to: internet, usdPerGB: "0.05"}, {from: aws, to: gcp, usdPerGB: 0}]`},
		{name: "no prices", spec: `source: nobody`, want: []string{
			`spec: Invalid value: gives no price: add instances, resources, discounts, commitments or egress`,
		}},
		{name: "empty lists", spec: `
			instances: []
			egress: []`, want: []string{
			`spec: Invalid value: gives no price: add instances, resources, discounts, commitments or egress`,
		}},
		{name: "not a date", spec: `
			date: "28.02.2026"
			discounts: [{cloud: aws, percent: 5}]`, want: []string{
			`spec.date: Invalid value: "28.02.2026": is not a day: write YYYY-MM-DD ("2026-01-31")`,
		}},
		{name: "no such day", spec: `
			date: "2026-02-30"
			discounts: [{cloud: aws, percent: 5}]`, want: []string{
			`spec.date: Invalid value: "string": type conversion error from 'string' to 'google.protobuf.Timestamp' evaluating rule: is not a day: write YYYY-MM-DD ("2026-01-31")`,
		}},
		{name: "negative price", spec: `instances: [{cloud: aws, instanceType: m7i.large, hourlyUSD: "-0.1"}]`, want: []string{
			`spec.instances[0].hourlyUSD: Invalid value: "-0.1": is a price in US dollars from 0 to 100000, written as a number ("0.0416")`,
		}},
		{name: "negative integer price", spec: `instances: [{cloud: aws, instanceType: m7i.large, hourlyUSD: -1}]`, want: []string{
			`spec.instances[0].hourlyUSD: Invalid value: -1: is a price in US dollars from 0 to 100000, written as a number ("0.0416")`,
		}},
		{name: "price as a float", spec: `instances: [{cloud: aws, instanceType: m7i.large, hourlyUSD: 0.1}]`, want: []string{
			`<nil>: Invalid value: "": "spec.instances[0].hourlyUSD" must validate at least one schema (anyOf)`,
			`spec.instances[0].hourlyUSD: Invalid value: "number": spec.instances[0].hourlyUSD in body must be of type integer,string: "number"`,
			`spec.instances[0].hourlyUSD: Invalid value: "number": spec.instances[0].hourlyUSD in body must be of type integer: "number"`,
		}},
		{name: "price in words", spec: `instances: [{cloud: aws, instanceType: m7i.large, hourlyUSD: cheap}]`, want: []string{
			`spec.instances[0].hourlyUSD: Invalid value: "": type conversion error from 'string' to 'double' evaluating rule: is a price in US dollars from 0 to 100000, written as a number ("0.0416")`,
			`spec.instances[0].hourlyUSD: Invalid value: "cheap": spec.instances[0].hourlyUSD in body should match '^[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)[numk]?$'`,
		}},
		{name: "price with a comma", spec: `instances: [{cloud: aws, instanceType: m7i.large, hourlyUSD: "0,1"}]`, want: []string{
			`spec.instances[0].hourlyUSD: Invalid value: "": type conversion error from 'string' to 'double' evaluating rule: is a price in US dollars from 0 to 100000, written as a number ("0.0416")`,
			`spec.instances[0].hourlyUSD: Invalid value: "0,1": spec.instances[0].hourlyUSD in body should match '^[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)[numk]?$'`,
		}},
		{name: "price with an exponent", spec: `instances: [{cloud: aws, instanceType: m7i.large, hourlyUSD: "1e-999999999"}]`, want: []string{
			`spec.instances[0].hourlyUSD: Invalid value: "1e-999999999": spec.instances[0].hourlyUSD in body should match '^[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)[numk]?$'`,
		}},
		{name: "price beyond reason", spec: `instances: [{cloud: aws, instanceType: m7i.large, hourlyUSD: "100001"}]`, want: []string{
			`spec.instances[0].hourlyUSD: Invalid value: "100001": is a price in US dollars from 0 to 100000, written as a number ("0.0416")`,
		}},
		{name: "price with a suffix", spec: `instances: [{cloud: aws, instanceType: m7i.large, hourlyUSD: 1M}]`, want: []string{
			`spec.instances[0].hourlyUSD: Invalid value: "": type conversion error from 'string' to 'double' evaluating rule: is a price in US dollars from 0 to 100000, written as a number ("0.0416")`,
			`spec.instances[0].hourlyUSD: Invalid value: "1M": spec.instances[0].hourlyUSD in body should match '^[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)[numk]?$'`,
		}},
		{name: "instance without type", spec: `instances: [{cloud: aws, hourlyUSD: "0.1"}]`, want: []string{
			`spec.instances[0].instanceType: Required value`,
		}},
		{name: "instance of a cloud with region", spec: `instances: [{cloud: aws/eu-west-1, instanceType: m7i.large, hourlyUSD: "0.1"}]`, want: []string{
			`spec.instances[0].cloud: Invalid value: "aws/eu-west-1": is not the name of a cloud: write it as on the node label tradewind.dev/cloud ("aws"); the region has its own field`,
		}},
		{name: "instance with cloud in the region", spec: `instances: [{cloud: aws, region: aws/eu-west-1, instanceType: m7i.large, hourlyUSD: "0.1"}]`, want: []string{
			`spec.instances[0].region: Invalid value: "aws/eu-west-1": is not the name of a region: write it without its cloud ("eu-west-1")`,
		}},
		{name: "unknown capacity type", spec: `instances: [{cloud: aws, instanceType: m7i.large, capacityType: Spot, hourlyUSD: "0.1"}]`, want: []string{
			`spec.instances[0].capacityType: Unsupported value: "Spot": supported values: "on-demand", "spot", "reserved"`,
		}},
		{name: "resources without prices", spec: `resources: [{cloud: acme-dc}]`, want: []string{
			`spec.resources[0]: Invalid value: prices nothing: give cpuHourlyUSD, memoryGiBHourlyUSD or gpuHourlyUSD`,
		}},
		{name: "resources priced twice", spec: `resources: [{cloud: acme-dc, cpuHourlyUSD: 1}, {cloud: acme-dc, gpuHourlyUSD: 1}]`, want: []string{
			`spec.resources[1]: Duplicate value: {"cloud":"acme-dc","region":""}`,
		}},
		{name: "negative price of memory", spec: `resources: [{cloud: acme-dc, memoryGiBHourlyUSD: "-0.001"}]`, want: []string{
			`spec.resources[0].memoryGiBHourlyUSD: Invalid value: "-0.001": is a price in US dollars from 0 to 100000, written as a number ("0.0416")`,
		}},
		{name: "discount twice", spec: `discounts: [{cloud: aws, percent: 5}, {cloud: aws, percent: 6}]`, want: []string{
			`spec.discounts[1]: Duplicate value: {"capacityType":"on-demand","cloud":"aws","instanceTypePrefix":"","region":""}`,
		}},
		{name: "discount over 100", spec: `discounts: [{cloud: aws, percent: "100.5"}]`, want: []string{
			`spec.discounts[0].percent: Invalid value: "100.5": is a percentage from 0 to 100, written as a number ("12.5")`,
		}},
		{name: "integer discount over 100", spec: `discounts: [{cloud: aws, percent: 150}]`, want: []string{
			`spec.discounts[0].percent: Invalid value: 150: is a percentage from 0 to 100, written as a number ("12.5")`,
		}},
		{name: "discount below 0", spec: `discounts: [{cloud: aws, percent: "-5"}]`, want: []string{
			`spec.discounts[0].percent: Invalid value: "-5": is a percentage from 0 to 100, written as a number ("12.5")`,
		}},
		{name: "discount with a percent sign", spec: `discounts: [{cloud: aws, percent: 5%}]`, want: []string{
			`spec.discounts[0].percent: Invalid value: "": type conversion error from 'string' to 'double' evaluating rule: is a percentage from 0 to 100, written as a number ("12.5")`,
			`spec.discounts[0].percent: Invalid value: "5%": spec.discounts[0].percent in body should match '^[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)[numk]?$'`,
		}},
		{name: "commitment to nothing", spec: `commitments: [{cloud: aws, region: eu-west-1, instanceType: m7i.large, count: 0, hourlyUSD: "0.03"}]`, want: []string{
			`spec.commitments[0].count: Invalid value: 0: spec.commitments[0].count in body should be greater than or equal to 1`,
		}},
		{name: "commitment without region", spec: `commitments: [{cloud: aws, instanceType: m7i.large, count: 1, hourlyUSD: "0.03"}]`, want: []string{
			`spec.commitments[0].region: Required value`,
		}},
		{name: "egress from the internet", spec: `egress: [{from: internet, to: aws, usdPerGB: "0.05"}]`, want: []string{
			`spec.egress[0].from: Invalid value: "internet": traffic from the internet is not priced: name a cloud or a region`,
		}},
		{name: "egress to a zone", spec: `egress: [{from: aws, to: gcp/europe-west1/b, usdPerGB: "0.05"}]`, want: []string{
			`spec.egress[0].to: Invalid value: "gcp/europe-west1/b": is neither a cloud ("aws"), a region with its cloud ("aws/eu-west-1") nor "internet"`,
		}},
		{name: "negative egress", spec: `egress: [{from: aws, to: gcp, usdPerGB: "-0.05"}]`, want: []string{
			`spec.egress[0].usdPerGB: Invalid value: "-0.05": is a price in US dollars from 0 to 100000, written as a number ("0.0416")`,
		}},
	})
}

// TestLatencyMap is about round-trip times that people and probers write.
func TestLatencyMap(t *testing.T) {
	runAdmission(t, "LatencyMap", "", []admissionCase{
		{name: "everything", spec: `
			source: network team
			maxAge: 24h
			samples: [{from: aws/eu-west-1, to: acme-dc/lux-1, milliseconds: "0.4", observedAt: "2026-02-28T12:00:00Z"}, {from: DE, to: acme-dc/lux-1, milliseconds: 25}]`},
		{name: "no samples", spec: `source: nobody`, want: []string{
			`spec.samples: Required value`,
		}},
		{name: "empty samples", spec: `samples: []`, want: []string{
			`spec.samples: Invalid value: 0: spec.samples in body should have at least 1 items`,
		}},
		{name: "from a country to itself", spec: `samples: [{from: DE, to: DE, milliseconds: 1}]`, want: []string{
			`spec.samples[0]: Invalid value: from and to are the same country: a round trip is to a region`,
		}},
		{name: "region without cloud", spec: `samples: [{from: eu-west-1, to: aws/eu-west-1, milliseconds: 1}]`, want: []string{
			`spec.samples[0].from: Invalid value: "eu-west-1": is neither a region with its cloud ("aws/eu-west-1") nor a country code of two capitals ("DE")`,
		}},
		{name: "country by its name", spec: `samples: [{from: aws/eu-west-1, to: Germany, milliseconds: 1}]`, want: []string{
			`spec.samples[0].to: Invalid value: "Germany": is neither a region with its cloud ("aws/eu-west-1") nor a country code of two capitals ("DE")`,
		}},
		{name: "no milliseconds", spec: `samples: [{from: DE, to: aws/eu-west-1, milliseconds: 0}]`, want: []string{
			`spec.samples[0].milliseconds: Invalid value: 0: is a number of milliseconds above 0 and at most 60000 ("0.4", "25")`,
		}},
		{name: "no milliseconds as a string", spec: `samples: [{from: DE, to: aws/eu-west-1, milliseconds: "0.0"}]`, want: []string{
			`spec.samples[0].milliseconds: Invalid value: "0.0": is a number of milliseconds above 0 and at most 60000 ("0.4", "25")`,
		}},
		{name: "negative", spec: `samples: [{from: DE, to: aws/eu-west-1, milliseconds: "-3"}]`, want: []string{
			`spec.samples[0].milliseconds: Invalid value: "-3": is a number of milliseconds above 0 and at most 60000 ("0.4", "25")`,
		}},
		{name: "over a minute", spec: `samples: [{from: DE, to: aws/eu-west-1, milliseconds: "60000.5"}]`, want: []string{
			`spec.samples[0].milliseconds: Invalid value: "60000.5": is a number of milliseconds above 0 and at most 60000 ("0.4", "25")`,
		}},
		{name: "with its unit", spec: `samples: [{from: DE, to: aws/eu-west-1, milliseconds: 3ms}]`, want: []string{
			`spec.samples[0].milliseconds: Invalid value: "": type conversion error from 'string' to 'double' evaluating rule: is a number of milliseconds above 0 and at most 60000 ("0.4", "25")`,
			`spec.samples[0].milliseconds: Invalid value: "3ms": spec.samples[0].milliseconds in body should match '^[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)[numk]?$'`,
		}},
		{name: "observed on no day", spec: `samples: [{from: DE, to: aws/eu-west-1, milliseconds: 3, observedAt: "2026-02-30T12:00:00Z"}]`, want: []string{
			`spec.samples[0].observedAt: Invalid value: "2026-02-30T12:00:00Z": spec.samples[0].observedAt in body must be of type date-time: "2026-02-30T12:00:00Z"`,
		}},
		{name: "observed without a zone", spec: `samples: [{from: DE, to: aws/eu-west-1, milliseconds: 3, observedAt: "2026-02-28T12:00:00"}]`, want: []string{
			`spec.samples[0].observedAt: Invalid value: "2026-02-28T12:00:00": spec.samples[0].observedAt in body must be of type date-time: "2026-02-28T12:00:00"`,
			`spec.samples[0].observedAt: Invalid value: "2026-02-28T12:00:00": spec.samples[0].observedAt in body should match '^[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]([.][0-9]{1,9})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$'`,
		}},
		{name: "observed long ago", spec: `samples: [{from: DE, to: aws/eu-west-1, milliseconds: 3, observedAt: "1970-01-01T00:00:00Z"}]`, want: []string{
			`spec.samples[0].observedAt: Invalid value: "1970-01-01T00:00:00Z": is not a time of this century: write one like "2026-01-31T12:00:00Z"`,
		}},
		{name: "age in words", spec: `
			maxAge: one day
			samples: [{from: DE, to: aws/eu-west-1, milliseconds: 3}]`, want: []string{
			`spec.maxAge: Invalid value: "one day": is not a duration from 1s to 8760h: write one like "24h"`,
		}},
		{name: "age of nothing", spec: `
			maxAge: 0s
			samples: [{from: DE, to: aws/eu-west-1, milliseconds: 3}]`, want: []string{
			`spec.maxAge: Invalid value: "0s": is not a duration from 1s to 8760h: write one like "24h"`,
		}},
	})
}
