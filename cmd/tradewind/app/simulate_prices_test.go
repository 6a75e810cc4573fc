package app

import (
	"fmt"
	"math"
	"testing"
)

const (
	// machine is a node of a cluster of its own; its labels come first.
	machine = `{apiVersion: v1, kind: Node, metadata: {name: n1, labels: {%s}}, spec: {providerID: '%s'}, status: {allocatable: &size {%s}, capacity: *size}}
---
`
	runs = `apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {%scontainers: [{name: main, image: 'registry.example/web:1', resources: {%s}}]}
---
`
	inDublin = `topology.kubernetes.io/region: eu-west-1, topology.kubernetes.io/zone: eu-west-1a, node.kubernetes.io/instance-type: %s, kubernetes.io/os: %s`
)

// TestSimulatePrices plans a workload on one machine each: what its share and the machine cost. -1: unknown.
func TestSimulatePrices(t *testing.T) {
	small := "requests: {cpu: 500m, memory: 512Mi}"
	slices := fmt.Sprintf(machine, fmt.Sprintf(inDublin, "p4d.24xlarge", "linux"), "aws:///eu-west-1a/i-0123456789abcdef0",
		"cpu: 95690m, memory: 1100Gi, pods: '250', nvidia.com/mig-1g.5gb: '56', nvidia.com/gpu: '0'")
	windows := fmt.Sprintf(machine, fmt.Sprintf(inDublin, "m5.xlarge", "windows"), "aws:///eu-west-1a/i-0123456789abcdef0", "cpu: 4, memory: 16Gi, pods: '58'")
	const licence = `{apiVersion: tradewind.dev/v1alpha1, kind: PriceList, metadata: {name: licences}, spec: {source: contract, instances: [
  {cloud: aws, instanceType: m5.xlarge, hourlyUSD: "0.1"}, {cloud: aws, instanceType: m5.xlarge, operatingSystem: windows, hourlyUSD: "0.4"}]}}
---
`
	hetzner := fmt.Sprintf(machine, "topology.kubernetes.io/region: fsn1, topology.kubernetes.io/zone: fsn1-dc14, node.kubernetes.io/instance-type: ccx33",
		"hcloud://123", "cpu: 8, memory: 32Gi, pods: '110'")
	const ceiling = `{apiVersion: tradewind.dev/v1alpha1, kind: PlacementPolicy, metadata: {name: eu, namespace: shop}, spec: {workloadSelector: {},
  residency: {jurisdictions: [EU], operatorJurisdictions: [EU]}, cost: {maxHourlyUSD: "10"}}}
---
`
	const euroless = 0.265 / 1.19 * 1.1567 // the list's price of a ccx33 without its tax, in dollars
	for name, test := range map[string]struct {
		manifests      string
		machine, share float64
	}{
		"slices of GPUs":          {slices + fmt.Sprintf(runs, "", "requests: {cpu: 100m, memory: 256Mi}, limits: {nvidia.com/mig-1g.5gb: '8'}"), 23.71569, 23.71569 * 8 / 56},
		"Windows":                 {windows + fmt.Sprintf(runs, "nodeSelector: {kubernetes.io/os: windows}, ", small), -1, -1},
		"Windows of a price list": {windows + licence + fmt.Sprintf(runs, "nodeSelector: {kubernetes.io/os: windows}, ", small), 0.4, 0.4 / 8},
		"a European provider":     {hetzner + ceiling + fmt.Sprintf(runs, "", small), euroless, euroless / 16},
	} {
		t.Run(name, func(t *testing.T) {
			code, plan, stderr := simulate(t, test.manifests, "--no-losses", "-f", "-")
			if code != 0 || len(plan.Pools) != 1 || len(plan.Placements) != 1 || plan.Placements[0].Unplaced != 0 {
				t.Fatalf("exit status %d, %+v: %s", code, plan, stderr)
			}
			got := plan.Pools[0].NodeHourlyUSD
			if test.machine < 0 {
				if got != nil {
					t.Errorf("a machine costs %v, want unknown", *got)
				}
				return
			}
			if got == nil || math.Abs(*got-test.machine) > 1e-6 {
				t.Fatalf("a machine costs %v, want %v", got, test.machine)
			}
			if share := plan.HourlyUSD.Compute; math.Abs(share-test.share) > 1e-6 {
				t.Errorf("the share costs %v, want %v", share, test.share)
			}
		})
	}
}
