package overridestatus

import (
	"fmt"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/kube/status"
	"tradewind.dev/tradewind/pkg/state/clustertest"
)

type overrideCase struct {
	name          string
	spec          string
	entries       int32
	inForce, used string
}

const (
	good = "True InForce: its figures are used in place of the built-in ones"
	here = "; the cluster's nodes are in aws/eu-west-1, lux-dc/luxembourg, places that are not known"
)

func check(t *testing.T, cases []overrideCase, evaluate func(*clustertest.Cluster, string) *status.Status) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			cluster := clustertest.New(t).AWS(3, "eu-west-1a", "m7i.large").AWSSpot(2, "eu-west-1b", "m7i.large").Private(4, "lux-dc", "luxembourg", "LU").Unknown(1)
			got := evaluate(cluster, c.spec)
			if got == nil {
				t.Fatal("no status")
			}
			if got.Generation != 1 || got.UID == "" || len(got.Counts) != 1 || got.Counts[0] != c.entries {
				t.Errorf("the status is %+v, want %d entries", got, c.entries)
			}
			for kind, want := range map[string]string{v1alpha1.ConditionInForce: c.inForce, v1alpha1.ConditionUsed: c.used} {
				condition := meta.FindStatusCondition(got.Conditions, kind)
				if text := fmt.Sprintf("%s %s: %s", condition.Status, condition.Reason, condition.Message); text != want {
					t.Errorf("%s is\n\t%s\nwant\n\t%s", kind, text, want)
				}
			}
		})
	}
}

func TestPriceLists(t *testing.T) {
	check(t, []overrideCase{
		{
			name: "an instance type of the cluster", entries: 1,
			spec:    "instances: [{cloud: aws, region: eu-west-1, instanceType: m7i.large, hourlyUSD: '0.05'}]",
			inForce: good, used: "True NodesConcerned: it concerns 3 of 10 nodes",
		},
		{
			name: "a date that is yet to come", entries: 1,
			spec: "date: '2099-01-01'\ninstances: [{cloud: aws, region: eu-west-1, instanceType: m7i.large, hourlyUSD: '0.05'}]",
			inForce: good + "; spec.date: 2099-01-01 is yet to come, and the prices are used already: the date says of when they are, " +
				"not from when on; correct it, or apply the list when they hold",
			used: "True NodesConcerned: it concerns 3 of 10 nodes",
		},
		{
			name: "spot", entries: 1,
			spec:    "instances: [{cloud: aws, instanceType: m7i.large, capacityType: spot, hourlyUSD: '0.05'}]",
			inForce: good, used: "True NodesConcerned: it concerns 2 of 10 nodes",
		},
		{
			name: "a type nobody has", entries: 1,
			spec:    "instances: [{cloud: aws, region: eu-west-1, instanceType: m7i.larg, hourlyUSD: '1'}]",
			inForce: good,
			used: "False NoNodeConcerned: no node is an m7i.larg in aws/eu-west-1, where they are m7i.large, m7i.large spot " +
				"(aws has no such instance type; nearest known types: m7i.large, c7i.large, i7i.large)" + here,
		},
		{
			name: "a region that is not", entries: 1,
			spec:    "instances: [{cloud: aws, region: eu-west-9, instanceType: m7i.large, hourlyUSD: '1'}]",
			inForce: good,
			used: "False NoNodeConcerned: no node is an m7i.large in aws/eu-west-9 " +
				"(aws has no such region; nearest known regions: eu-west-1, eu-west-2, eu-west-3)" + here,
		},
		{
			name: "one typing error among good ones", entries: 2,
			spec:    "instances: [{cloud: aws, instanceType: m7i.large, hourlyUSD: '1'}, {cloud: aws, instanceType: m99.huge, hourlyUSD: '1'}]",
			inForce: good,
			used: "True NodesConcerned: it concerns 3 of 10 nodes; but no node is an m99.huge in any region of aws, where they are " +
				"m7i.large, m7i.large spot (aws has no such instance type)",
		},
		{
			name: "a private data centre", entries: 1,
			spec:    "resources: [{cloud: lux-dc, cpuHourlyUSD: '0.02'}]",
			inForce: good, used: "True NodesConcerned: it concerns 4 of 10 nodes",
		},
		{
			name: "nothing for this cluster", entries: 4,
			spec: "resources: [{cloud: other-dc, region: r1, cpuHourlyUSD: '0.02'}]\ndiscounts: [{cloud: gcp, instanceTypePrefix: n2-, capacityType: spot, percent: 10}]\n" +
				"egress: [{from: gcp, to: internet, usdPerGB: '0.01'}, {from: gcp, to: azure, usdPerGB: '0.01'}]",
			inForce: good,
			used: "False NoNodeConcerned: no node is in other-dc/r1; no spot node is an n2-* in any region of gcp; " +
				"no node is in gcp; no node is in gcp or azure" + here,
		},
		{
			name: "one bad entry", entries: 2,
			spec:    "instances: [{cloud: aws, instanceType: m7i.large, hourlyUSD: '-1'}, {cloud: aws, instanceType: m7i.large, capacityType: spot, hourlyUSD: '1'}]",
			inForce: "False Invalid: spec.instances[0].hourlyUSD: -1 is negative; write US dollars an hour, from 0 to 100000; the rest of it is used",
			used:    "True NodesConcerned: it concerns 5 of 10 nodes",
		},
		{
			name: "only a bad entry", entries: 1,
			spec:    "instances: [{cloud: aws, instanceType: m7i.large, hourlyUSD: '-1'}]",
			inForce: "False Invalid: spec.instances[0].hourlyUSD: -1 is negative; write US dollars an hour, from 0 to 100000; nothing of it is used",
			used:    "True NodesConcerned: it concerns 3 of 10 nodes",
		},
	}, func(c *clustertest.Cluster, spec string) *status.Status {
		return priceLists(c.PriceList("prices", spec).State())[client.ObjectKey{Name: "prices"}]
	})
}

// TestPriceListsBesideOthers: a list was said to be used though entries of others gave the price of all nodes that it concerns.
func TestPriceListsBesideOthers(t *testing.T) {
	const wins = ": an entry that names more wins, then the list whose name sorts first"
	check(t, []overrideCase{
		{
			name: "no better than the first", entries: 1,
			spec:    "instances: [{cloud: aws, instanceType: m7i.large, hourlyUSD: '0.05'}]",
			inForce: good, used: "False OtherEntriesWin: it concerns 3 of 10 nodes; but the price of them is that of PriceList first" + wins,
		},
		{
			name: "names more", entries: 1,
			spec:    "instances: [{cloud: aws, region: eu-west-1, instanceType: m7i.large, hourlyUSD: '0.05'}]",
			inForce: good, used: "True NodesConcerned: it concerns 3 of 10 nodes",
		},
		{
			name: "a discount on what has a price", entries: 2,
			spec:    "discounts: [{cloud: aws, percent: 10}, {cloud: aws, percent: 10, capacityType: spot}]",
			inForce: good,
			used:    "True NodesConcerned: it concerns 5 of 10 nodes; but the price of 3 of them is that of PriceList first" + wins,
		},
		{
			name: "traffic too", entries: 2,
			spec:    "instances: [{cloud: aws, instanceType: m7i.large, hourlyUSD: '0.05'}]\negress: [{from: aws, to: internet, usdPerGB: '0.01'}]",
			inForce: good, used: "True NodesConcerned: it concerns 5 of 10 nodes",
		},
		{
			name: "of Windows", entries: 1,
			spec:    "instances: [{cloud: aws, instanceType: m7i.large, operatingSystem: windows, hourlyUSD: '0.05'}]",
			inForce: good,
			used:    "False NoNodeConcerned: no node is an m7i.large with Windows in any region of aws, where they are m7i.large, m7i.large spot" + here,
		},
	}, func(c *clustertest.Cluster, spec string) *status.Status {
		c.PriceList("first", "instances: [{cloud: aws, instanceType: m7i.large, hourlyUSD: '0.04'}]")
		return priceLists(c.PriceList("second", spec).State())[client.ObjectKey{Name: "second"}]
	})
}

func TestLatencyMaps(t *testing.T) {
	check(t, []overrideCase{
		{
			name: "from clients to nodes", entries: 1,
			spec:    "samples: [{from: DE, to: lux-dc/luxembourg, milliseconds: '9'}]",
			inForce: good, used: "True NodesConcerned: it concerns 4 of 10 nodes",
		},
		{
			name: "between nodes", entries: 1,
			spec:    "samples: [{from: aws/eu-west-1, to: lux-dc/luxembourg, milliseconds: '30'}]",
			inForce: good, used: "True NodesConcerned: it concerns 9 of 10 nodes",
		},
		{
			name: "elsewhere", entries: 2,
			spec:    "samples: [{from: DE, to: aws/eu-north-1, milliseconds: '30'}, {from: aws/eu-north-1, to: gcp/europe-west1, milliseconds: '40'}]",
			inForce: good, used: "False NoNodeConcerned: no node is in any of aws/eu-north-1, gcp/europe-west1" + here,
		},
		{
			name: "too old", entries: 1,
			spec: "maxAge: 24h\nsamples: [{from: DE, to: aws/eu-north-1, milliseconds: '30', observedAt: '2026-01-01T00:00:00Z'}]",
			inForce: "False Invalid: spec.samples[0]: 1 of 1 samples are older than maxAge 24h0m0s and left out; measure again; " +
				"nothing of it is used",
			used: "False NoNodeConcerned: no node is in aws/eu-north-1" + here,
		},
		{
			name: "between countries", entries: 1,
			spec: "samples: [{from: DE, to: FR, milliseconds: '30'}]",
			inForce: "False Invalid: spec.samples[0].to: both ends are countries of clients, and nothing is placed in a country; " +
				"name a region (CLOUD/REGION) at one end; nothing of it is used",
			used: "False NoNodeConcerned: no sample names a region that nodes could be in",
		},
	}, func(c *clustertest.Cluster, spec string) *status.Status {
		return latencyMaps(c.LatencyMap("times", spec).State())[client.ObjectKey{Name: "times"}]
	})
}

func TestNoNodes(t *testing.T) {
	state := clustertest.New(t).LatencyMap("times", "samples: [{from: DE, to: aws/eu-west-1, milliseconds: '30'}]").State()
	got := latencyMaps(state)[client.ObjectKey{Name: "times"}]
	if condition := meta.FindStatusCondition(got.Conditions, v1alpha1.ConditionUsed); condition.Reason != reasonNoNodes {
		t.Errorf("got %+v", condition)
	}
}
