package e2e

import (
	"context"
	"fmt"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// threeClouds is one region of each of three clouds, with room for dozens of small pods each.
const threeClouds = `
pools:
- {name: aws, cloud: aws, region: eu-west-1, zones: [eu-west-1a, eu-west-1b], instanceType: m7i.xlarge, count: 2}
- {name: gcp, cloud: gcp, region: europe-west1, zones: [europe-west1-b, europe-west1-c], instanceType: e2-standard-4, count: 2}
- {name: azure, cloud: azure, region: westeurope, zones: ["1", "2"], instanceType: Standard_D4s_v5, count: 2}
`

func TestRequiredLocations(t *testing.T) {
	e := newEnv(t)
	e.cluster.AddNodesYAML(t, threeClouds+`
- {name: spot, cloud: gcp, region: europe-west1, zone: europe-west1-b, instanceType: e2-standard-4, capacityType: spot}
- {name: own, cloud: lux-dc, country: LU, operatorCountry: LU, cpu: 4, memory: 16Gi}
`)
	for name, tt := range map[string]struct{ required, pool string }{
		"cloud":         {"{key: tradewind.dev/cloud, operator: In, values: [azure]}", "azure"},
		"not-clouds":    {"{key: tradewind.dev/cloud, operator: NotIn, values: [aws, gcp, lux-dc]}", "azure"},
		"region":        {"{key: topology.kubernetes.io/region, operator: In, values: [eu-west-1]}", "aws"},
		"zone":          {"{key: topology.kubernetes.io/zone, operator: In, values: [westeurope-1]}", "azure"},
		"country":       {"{key: tradewind.dev/country, operator: In, values: [LU]}", "own"},
		"capacity-type": {"{key: tradewind.dev/capacity-type, operator: In, values: [spot]}", "spot"},
		"instance-type": {"{key: node.kubernetes.io/instance-type, operator: In, values: [m7i.xlarge, m7i.large]}", "aws"},
		"no-region":     {"{key: topology.kubernetes.io/region, operator: DoesNotExist}", "own"},
	} {
		e.policy(name, "locations: {required: ["+tt.required+"]}")
		e.pod(name)
		if got := e.placed(name); got != tt.pool {
			t.Errorf("%s: on %s, want %s", tt.required, got, tt.pool)
		}
	}
	e.policy("nowhere", "locations: {required: [{key: tradewind.dev/cloud, operator: In, values: [oracle, ibm]},"+
		"{key: topology.kubernetes.io/region, operator: NotIn, values: [eu-west-1]}]}")
	e.pod("nowhere")
	e.waits("nowhere", "0/8 nodes: 8 outside location cloud oracle or ibm")
	e.policy("no-region-known",
		"locations: {required: [{key: topology.kubernetes.io/region, operator: NotIn, values: [eu-west-1, europe-west1, westeurope]}]}")
	e.pod("no-region-known")
	e.waits("no-region-known", "0/8 nodes: 7 outside location region not eu-west-1 nor europe-west1 nor westeurope, "+
		"1 without a known region (policy wants region not eu-west-1 nor europe-west1 nor westeurope)")
}

func TestPreferredLocations(t *testing.T) {
	e := newEnv(t)
	e.cluster.AddNodesYAML(t, threeClouds)
	for _, cloud := range []string{"aws", "gcp", "azure"} {
		name := "prefers-" + cloud
		e.policy(name, "locations: {preferred: [{weight: 100, key: tradewind.dev/cloud, operator: In, values: ["+cloud+"]}]}")
		e.pod(name)
		if got := e.placed(name); got != cloud {
			t.Errorf("%s: on %s", name, got)
		}
	}
	// A preference is no requirement.
	e.policy("dreams", "locations: {preferred: [{weight: 100, key: tradewind.dev/cloud, operator: In, values: [oracle]}]}")
	e.pod("dreams")
	e.placed("dreams")
}

// Data centres whose nodes have no price have preferences all the same.
func TestPreferredLocationsWithoutPrices(t *testing.T) {
	e := newEnv(t)
	e.cluster.AddNodesYAML(t, `
pools:
- {name: a, cloud: a-dc, country: LU, cpu: 4, memory: 16Gi, count: 2}
- {name: b, cloud: b-dc, country: LU, cpu: 4, memory: 16Gi, count: 2}
- {name: c, cloud: c-dc, country: LU, cpu: 4, memory: 16Gi, count: 2}
`)
	for _, cloud := range []string{"a", "b", "c"} {
		name := "prefers-" + cloud
		e.policy(name, "locations: {preferred: [{weight: 50, key: tradewind.dev/cloud, operator: In, values: ["+cloud+"-dc]}]}")
		e.deployment(name, 3)
		if got := e.spreadOf(name, 3); got[cloud] != 3 {
			t.Errorf("%s: on %v", name, got)
		}
	}
}

func TestSpreadOverClouds(t *testing.T) {
	e := newEnv(t)
	e.cluster.AddNodesYAML(t, threeClouds)
	e.policy("web", "spread: [{topologyKey: tradewind.dev/cloud, minDomains: 3, maxSharePercent: 50}]\noptimizeFor: Cost")
	check := func(when string, replicas int) {
		t.Helper()
		got := e.spreadOf("web", replicas)
		for _, cloud := range []string{"aws", "gcp", "azure"} {
			if got[cloud] < 1 || got[cloud] > replicas*50/100 {
				t.Errorf("%s: %d replicas as %v, want 1 to %d in each of three clouds", when, replicas, got, replicas*50/100)
			}
		}
	}
	e.deployment("web", 6)
	check("at first", 6)
	e.scale("web", 11)
	check("scaled up", 11)
	e.scale("web", 4)
	// Kubernetes chooses which replicas go, so what is left need not be spread.
	e.spreadOf("web", 4)
	e.patchDeployment("web", `{"spec":{"template":{"metadata":{"annotations":{"release":"2"}}}}}`)
	check("after a rolling update", 4)
	e.scale("web", 20)
	check("scaled up again", 20)
}

// While a rolling update runs, the new replicas obey the rule among themselves at every moment.
func TestSpreadDuringARollingUpdate(t *testing.T) {
	e := newEnv(t)
	e.cluster.AddNodesYAML(t, threeClouds)
	e.policy("web", "spread: [{topologyKey: tradewind.dev/cloud, maxSharePercent: 40}]\noptimizeFor: Cost")
	const replicas, most = 10, 4
	e.deployment("web", replicas)
	e.spreadOf("web", replicas)
	e.patchDeployment("web", `{"spec":{"template":{"metadata":{"annotations":{"release":"2"}}}}}`)
	e.wait("the rolling update to be done", func(ctx context.Context) error {
		pods, err := e.pods(ctx, "web")
		if err != nil {
			return err
		}
		fresh := pods[:0]
		for _, pod := range pods {
			if pod.Annotations["release"] == "2" && pod.Spec.NodeName != "" {
				fresh = append(fresh, pod)
			}
		}
		for cloud, count := range e.byPool(fresh) {
			if count > most {
				t.Fatalf("%d of %d new replicas in %s, at most %d are allowed", count, replicas, cloud, most)
			}
		}
		deployment, err := e.client.AppsV1().Deployments(e.ns).Get(ctx, "web", metav1.GetOptions{})
		if err != nil {
			return err
		}
		if len(fresh) != replicas || len(pods) != replicas || deployment.Status.AvailableReplicas != replicas {
			return fmt.Errorf("%d new replicas of %d, %d available", len(fresh), len(pods), deployment.Status.AvailableReplicas)
		}
		return nil
	})
}

func TestSpreadThatCannotBeMet(t *testing.T) {
	e := newEnv(t)
	e.cluster.AddNodesYAML(t, `pools: [{name: aws, cloud: aws, region: eu-west-1, instanceType: m7i.xlarge, count: 2}]`)
	e.policy("half", "spread: [{topologyKey: tradewind.dev/cloud, maxSharePercent: 50}]")
	e.deployment("half", 4)
	e.replicasWait("half", 2, 2, "0/2 nodes: 2 in cloud aws, which has its 50% of the replicas")
	e.policy("two", "spread: [{topologyKey: topology.kubernetes.io/region, minDomains: 2}]")
	e.deployment("two", 3)
	e.replicasWait("two", 2, 1, "0/2 nodes: 2 in a region that has a replica (policy wants 2)")
	e.policy("hosts", "spread: [{topologyKey: kubernetes.io/hostname, maxSharePercent: 34}]")
	e.deployment("hosts", 3)
	e.replicasWait("hosts", 2, 1, "0/2 nodes: 2 with 1 of the workload's replicas already (at most 34% on one node)")

	// A second cloud gives the waiting replicas their place.
	e.cluster.AddNodesYAML(t, `pools: [{name: gcp, cloud: gcp, region: europe-west1, instanceType: e2-standard-4}]`)
	for name, want := range map[string]map[string]int{
		"half": {"aws": 2, "gcp": 2}, "two": {"aws": 2, "gcp": 1}, "hosts": {"aws": 2, "gcp": 1},
	} {
		replicas := want["aws"] + want["gcp"]
		if got := e.spreadOf(name, replicas); got["aws"] != want["aws"] || got["gcp"] != want["gcp"] {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}
