package e2e

import (
	"context"
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// retries is how often waiting pods were taken up again because a node changed.
func (e *env) retries() float64 {
	e.Helper()
	active := e.sched.mustMetric(e.T, "scheduler_queue_incoming_pods_total", `queue="active"`, `event="Node`)
	return active + e.sched.mustMetric(e.T, "scheduler_queue_incoming_pods_total", `queue="backoff"`, `event="Node`)
}

// A pod that waits for a node is retried when one appears that helps it, and not when any other does.
func TestRetriedWhenANodeHelpsAndNotOtherwise(t *testing.T) {
	const virginia = "{name: virginia, cloud: aws, region: us-east-1, instanceType: m7i.large}"
	const rack = "country: LU, instanceType: rack, cpu: 8, memory: 64Gi"
	for name, tt := range map[string]struct {
		spec, first, other, helps string
		replicas                  int32
	}{
		"residency": {
			spec:  "residency: {jurisdictions: [EU]}",
			first: virginia, other: "{name: oregon, cloud: aws, region: us-west-2, instanceType: m7i.large}",
			helps: "{name: ireland, cloud: aws, region: eu-west-1, instanceType: m7i.large}",
		},
		"operator": {
			spec:  "residency: {operatorJurisdictions: [EU]}",
			first: virginia, other: "{name: paris, cloud: aws, region: eu-west-3, instanceType: m7i.large}",
			helps: "{name: falkenstein, cloud: hetzner, region: fsn1, instanceType: cx32, cpu: 4, memory: 8Gi}",
		},
		"location": {
			spec:  "locations: {required: [{key: tradewind.dev/cloud, operator: In, values: [gcp]}]}",
			first: virginia, other: "{name: azure, cloud: azure, region: eastus, instanceType: Standard_D4s_v5}",
			helps: "{name: gcp, cloud: gcp, region: us-central1, instanceType: e2-standard-4}",
		},
		"latency": {
			spec:  "latency: {clients: [{location: DE, sharePercent: 100}], maxMilliseconds: 50}",
			first: virginia, other: "{name: tokyo, cloud: aws, region: ap-northeast-1, instanceType: m7i.large}",
			helps: "{name: frankfurt, cloud: aws, region: eu-central-1, instanceType: m7i.large}",
		},
		"ceiling": {
			spec:  `cost: {maxHourlyUSD: "0.5"}`,
			first: "{name: a, cloud: a-dc, region: one, " + rack + "}", other: "{name: more, cloud: a-dc, region: two, " + rack + "}",
			helps: "{name: b, cloud: b-dc, region: one, " + rack + "}",
		},
		"spread": {
			spec:  "spread: [{topologyKey: tradewind.dev/cloud, maxSharePercent: 50}]",
			first: virginia, other: "{name: oregon, cloud: aws, region: us-west-2, instanceType: m7i.large}",
			helps: "{name: gcp, cloud: gcp, region: us-central1, instanceType: e2-standard-4}", replicas: 2,
		},
		"spot": {
			spec:  "cost: {spot: {maxPercent: 100, fallback: Wait}}",
			first: virginia, other: "{name: oregon, cloud: aws, region: us-west-2, instanceType: m7i.large}",
			helps: "{name: spot, cloud: aws, region: us-west-2, instanceType: m7i.large, capacityType: spot}",
		},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEnv(t)
			e.rackPrices("40", "1")
			e.cluster.AddNodesYAML(t, "pools: ["+tt.first+"]")
			e.policy("web", tt.spec)
			replicas := max(tt.replicas, 1)
			e.deployment("web", replicas, cpu("1"))
			e.wait("a replica to wait", func(ctx context.Context) error {
				pods, err := e.pods(ctx, "web")
				if err != nil {
					return err
				}
				waiting := 0
				for i := range pods {
					if scheduledCondition(&pods[i]).Reason == corev1.PodReasonUnschedulable {
						waiting++
					}
				}
				if len(pods) != int(replicas) || waiting != 1 {
					return fmt.Errorf("%d of %d pods wait", waiting, len(pods))
				}
				return nil
			})
			before := e.retries()
			e.cluster.AddNodesYAML(t, "pools: ["+tt.other+"]")
			e.settled()
			if now := e.retries(); now != before {
				t.Errorf("retried %v times for a node that does not help", now-before)
			}
			e.cluster.AddNodesYAML(t, "pools: ["+tt.helps+"]")
			if got := e.spreadOf("web", int(replicas)); len(got) != int(replicas) {
				t.Errorf("placed on %v", got)
			}
			if now := e.retries(); now == before {
				t.Error("placed, but not because of the node that helps")
			}
		})
	}
}

// A node that is declared to be in the jurisdiction helps as a new one does.
func TestRetriedWhenANodeIsDeclared(t *testing.T) {
	e := newEnv(t)
	e.cluster.AddNodesYAML(t, "pools: [{name: own, cloud: own-dc, region: one, cpu: 4, memory: 16Gi}]")
	e.policy("web", "residency: {jurisdictions: [EU]}")
	e.pod("web")
	e.waits("web", "0/1 nodes: 1 without a known country (residency EU)")
	node := e.cluster.NodesOf(t, "own")[0].Name
	before := e.retries()
	e.patchNode(node, `{"metadata":{"labels":{"rack":"7"}}}`)
	e.settled()
	if now := e.retries(); now != before {
		t.Errorf("retried %v times because of a label that says nothing of the location", now-before)
	}
	e.patchNode(node, `{"metadata":{"labels":{"tradewind.dev/country":"LU"}}}`)
	if got := e.placed("web"); got != "own" {
		t.Errorf("on %s", got)
	}
}

// What holds a pod back may also be a policy, a price or a round trip.
func TestRetriedWhenWhatHoldsItBackChanges(t *testing.T) {
	e := newEnv(t)
	e.cluster.AddNodesYAML(t, `pools: [{name: own, cloud: own-dc, region: one, country: LU, instanceType: rack, cpu: 4, memory: 16Gi}]`)

	e.policy("corrected", "residency: {jurisdictions: [FR]}")
	e.pod("corrected")
	e.waits("corrected", "0/1 nodes: 1 outside residency FR")
	e.policy("corrected", "residency: {jurisdictions: [FR, LU]}")
	e.placed("corrected")

	e.policy("deleted", "residency: {jurisdictions: [FR]}")
	e.pod("deleted")
	e.waits("deleted", "0/1 nodes: 1 outside residency FR")
	e.deletePolicy("deleted")
	e.placed("deleted")

	e.policy("priced", `cost: {maxHourlyUSD: "5"}`)
	e.pod("priced")
	e.waits("priced", "0/1 nodes: 1 without a known price (policy has a cost ceiling)")
	e.apply(`
apiVersion: tradewind.dev/v1alpha1
kind: PriceList
metadata: {name: own}
spec: {resources: [{cloud: own-dc, cpuHourlyUSD: "0.03", memoryGiBHourlyUSD: "0.004"}]}
`)
	e.placed("priced")

	e.policy("measured", "latency: {clients: [{location: DE, sharePercent: 100}], maxMilliseconds: 20}")
	e.pod("measured")
	e.waits("measured", "0/1 nodes: 1 without a known round trip from DE (a LatencyMap can give it)")
	e.apply(`
apiVersion: tradewind.dev/v1alpha1
kind: LatencyMap
metadata: {name: own}
spec: {samples: [{from: own-dc/one, to: DE, milliseconds: "6.5"}]}
`)
	e.placed("measured")
}
