package e2e

import "testing"

// racks are two private data centres whose price lists decide; a node offers 8 cores.
const racks = `
pools:
- {name: a, cloud: a-dc, region: one, country: LU, instanceType: rack, cpu: 8, memory: 64Gi}
- {name: b, cloud: b-dc, region: one, country: LU, instanceType: rack, cpu: 8, memory: 64Gi}
`

func (e *env) rackPrices(a, b string) {
	e.Helper()
	e.apply(`
apiVersion: tradewind.dev/v1alpha1
kind: PriceList
metadata: {name: racks}
spec:
  source: contract
  instances:
  - {cloud: a-dc, instanceType: rack, hourlyUSD: "` + a + `"}
  - {cloud: b-dc, instanceType: rack, hourlyUSD: "` + b + `"}
`)
}

func TestCheapestNodeWins(t *testing.T) {
	e := newEnv(t)
	// Of the built-in prices it is known without looking them up that spot is cheaper than on demand, and that half a
	// machine costs the same for half of it: the same type is dearer in São Paulo than in Virginia.
	e.cluster.AddNodesYAML(t, `
pools:
- {name: virginia, cloud: aws, region: us-east-1, instanceType: m5.xlarge}
- {name: sao-paulo, cloud: aws, region: sa-east-1, instanceType: m5.xlarge}
`)
	e.deployment("virginia", 5, profile(cheapest))
	if got := e.spreadOf("virginia", 5); got["virginia"] != 5 {
		t.Errorf("virginia against são paulo: %v", got)
	}
	e.cluster.AddNodesYAML(t, `pools: [{name: spot, cloud: aws, region: us-east-1, instanceType: m5.xlarge, capacityType: spot}]`)
	e.deployment("spot", 5, profile(cheapest))
	if got := e.spreadOf("spot", 5); got["spot"] != 5 {
		t.Errorf("spot against on demand: %v", got)
	}
}

func TestPriceListDecides(t *testing.T) {
	e := newEnv(t)
	e.cluster.AddNodesYAML(t, racks)
	e.rackPrices("2", "1")
	e.deployment("first", 4, profile(cheapest))
	if got := e.spreadOf("first", 4); got["b"] != 4 {
		t.Errorf("a costs 2, b 1: %v", got)
	}
	e.rackPrices("0.5", "1")
	e.deployment("second", 4, profile(cheapest))
	if got := e.spreadOf("second", 4); got["a"] != 4 {
		t.Errorf("a costs 0.5, b 1: %v", got)
	}
}

func TestCostCeiling(t *testing.T) {
	e := newEnv(t)
	e.cluster.AddNodesYAML(t, racks)
	e.rackPrices("0.8", "8")
	// A core is an eighth of a node: $0.1 an hour in a, $1 in b.
	e.policy("web", `cost: {maxHourlyUSD: "0.35"}`)
	e.deployment("web", 5, cpu("1"), profile(cheapest))
	got := e.replicasWait("web", 3, 2, "0/2 nodes: 2 over the ceiling of $0.35/h")
	if got["a"] != 3 {
		t.Errorf("three replicas at $0.1 each: %v", got)
	}
	e.rackPrices("0.4", "8") // $0.05 a replica: five cost $0.25
	if got := e.spreadOf("web", 5); got["a"] != 5 {
		t.Errorf("five replicas at $0.05 each: %v", got)
	}
}

func TestCeilingNeedsAPrice(t *testing.T) {
	e := newEnv(t)
	e.cluster.AddNodesYAML(t, racks)
	e.policy("web", `cost: {maxHourlyUSD: "10"}`)
	e.pod("web")
	e.waits("web", "0/2 nodes: 2 without a known price (policy has a cost ceiling)")
	e.rackPrices("1", "2")
	if got := e.placed("web"); got != "a" && got != "b" {
		t.Errorf("on %q", got)
	}
}
