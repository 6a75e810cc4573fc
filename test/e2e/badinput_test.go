package e2e

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"tradewind.dev/tradewind/apis/v1alpha1"
)

var crdResource = schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}

// Where the API server can see what is wrong, applying it is refused, and the words name the field and the remedy.
func TestRefusedWhenApplied(t *testing.T) {
	e := newEnv(t)
	for spec, want := range map[string]string{
		"residency: {}":                                                               "residency: Invalid value: names no jurisdiction: give jurisdictions or operatorJurisdictions, or remove residency",
		"residency: {jurisdictions: []}":                                              "residency.jurisdictions: Invalid value: an empty list allows no place: name a jurisdiction or remove the list",
		"residency: {jurisdictions: [Germany!]}":                                      `spec.residency.jurisdictions[0]: Invalid value: "Germany!": is not a jurisdiction: write a country as two capitals ("DE") or a group by its name`,
		"residency: {jurisdictions: [UK]}":                                            `is not an ISO 3166 country code: the United Kingdom is "GB"`,
		"residence: {jurisdictions: [EU]}":                                            ".spec.residence: field not declared in schema",
		"cost: {maxHourlyUSD: -3}":                                                    "spec.cost.maxHourlyUSD: Invalid value: -3: is a number of US dollars an hour above 0 and below 1000000",
		"cost: {spot: {maxPercent: 120}}":                                             "cost.spot.maxPercent",
		"cost: {spot: {maxPercent: 0, fallback: Wait}}":                               "Wait would wait for the spot capacity that maxPercent 0 forbids: raise maxPercent or use OnDemand",
		"latency: {clients: [{location: DE, sharePercent: 70}], maxMilliseconds: 50}": "shares add up to 70; they must add up to 100",
		"latency: {clients: [{location: Berlin, sharePercent: 100}]}":                 `is neither a country code of two capitals ("DE") nor a region with its cloud ("aws/eu-west-1")`,
		"spread: [{topologyKey: rack, minDomains: 2}]":                                "is not a domain: use tradewind.dev/cloud",
		"spread: [{topologyKey: tradewind.dev/cloud, minDomains: 3}]\nlocations: {required: [{key: tradewind.dev/cloud, operator: In, values: [aws, gcp]}]}": "spread asks for more domains than locations.required allows",
		"locations: {required: [{key: tradewind.dev/cloud, operator: In, values: [aws]}, {key: tradewind.dev/cloud, operator: In, values: [gcp]}]}":          "two In requirements on one key have no value in common, so no place meets both: join them or drop one",
		"locations: {required: [{key: cloud, operator: In, values: [aws]}]}":                                                                                 `"cloud" is not a location label: use tradewind.dev/cloud`,
	} {
		if got := e.refusedToApply(policyText("PlacementPolicy", "bad", spec)); !strings.Contains(got, want) {
			t.Errorf("%s:\n got %s\nwant %s", spec, got, want)
		}
	}
	for spec, want := range map[string]string{
		`{instances: [{cloud: aws, instanceType: m7i.large, hourlyUSD: "-0.1"}]}`: `spec.instances[0].hourlyUSD: Invalid value: "-0.1": is a price in US dollars from 0 to 100000, written as a number ("0.0416")`,
		`{discounts: [{cloud: aws, percent: 130}]}`:                               "is a percentage from 0 to 100",
		`{source: empty}`: "gives no price: add instances, resources, discounts, commitments or egress",
	} {
		got := e.refusedToApply("{apiVersion: tradewind.dev/v1alpha1, kind: PriceList, metadata: {name: bad}, spec: " + spec + "}")
		if !strings.Contains(got, want) {
			t.Errorf("%s:\n got %s\nwant %s", spec, got, want)
		}
	}
	got := e.refusedToApply("{apiVersion: tradewind.dev/v1alpha1, kind: LatencyMap, metadata: {name: bad}, spec: {samples: [{from: DE, to: DE, milliseconds: 3}]}}")
	if want := "from and to are the same country: a round trip is to a region"; !strings.Contains(got, want) {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

// What only the tables know is said where the user looks next: at the pod.
func TestUnknownNamesHoldPodsBack(t *testing.T) {
	e := newEnv(t)
	e.cluster.AddNodesYAML(t, worldwide)
	e.policy("atlantis", "residency: {jurisdictions: [EU, Atlantis]}")
	e.pod("atlantis")
	e.waits("atlantis", "0/9 nodes: 9 held back: PlacementPolicy "+e.ns+"/atlantis names an unknown jurisdiction")
	e.policy("nobody", "latency: {clients: [{location: XX, sharePercent: 100}], maxMilliseconds: 50}")
	e.pod("nobody")
	e.waits("nobody", "0/9 nodes: 9 held back: PlacementPolicy "+e.ns+"/nobody names a client location that cannot be read")
	e.settled()
	e.waits("atlantis", "0/9 nodes: 9 held back: PlacementPolicy "+e.ns+"/atlantis names an unknown jurisdiction")
	e.policy("atlantis", "residency: {jurisdictions: [EU]}")
	e.placed("atlantis")
}

// Rules that contradict each other over several policies leave no place; the message names what excludes each node.
func TestContradictoryPolicies(t *testing.T) {
	e := newEnv(t)
	e.cluster.AddNodesYAML(t, threeClouds)
	e.policy("web", "locations: {required: [{key: tradewind.dev/cloud, operator: In, values: [aws]}]}")
	e.apply(strings.Replace(policyText("PlacementPolicy", "web",
		"locations: {required: [{key: tradewind.dev/cloud, operator: NotIn, values: [aws]}]}"),
		"name: web", "name: other", 1))
	e.pod("web")
	e.waits("web", "0/6 nodes: 4 outside location cloud aws, 2 outside location cloud not aws")
	e.deletePolicy("other")
	if got := e.placed("web"); got != "aws" {
		t.Errorf("on %s", got)
	}
}

func TestPriceListForNobody(t *testing.T) {
	e := newEnv(t)
	e.cluster.AddNodesYAML(t, threeClouds)
	e.apply(`
apiVersion: tradewind.dev/v1alpha1
kind: PriceList
metadata: {name: nobody}
spec:
  instances:
  - {cloud: aws, instanceType: x99.gigantic, hourlyUSD: "0.0001"}
  - {cloud: atlantis, instanceType: trident, hourlyUSD: "0"}
  discounts: [{cloud: aws, region: eu-nowhere-9, percent: "99"}]
`)
	e.policy("web", `cost: {maxHourlyUSD: "1"}`)
	e.deployment("web", 3, profile(cheapest))
	e.spreadOf("web", 3)
}

// Thousands of policies in one namespace: each pod is under its own.
func TestThousandsOfPolicies(t *testing.T) {
	const policies, workers = 2000, 16
	e := newEnv(t)
	e.cluster.AddNodesYAML(t, worldwide)
	countries := []string{"FR", "US", "CH", "DE", "LU"}
	pools := []string{"paris", "virginia", "zurich", "falkenstein", "luxembourg"}
	client := e.objects.Resource(v1alpha1.GroupVersion.WithResource("placementpolicies")).Namespace(e.ns)
	var group sync.WaitGroup
	failures := make(chan error, policies)
	for worker := range workers {
		group.Go(func() {
			for i := worker; i < policies; i += workers {
				text := policyText("PlacementPolicy", fmt.Sprintf("app-%d", i), "residency: {jurisdictions: ["+countries[i%len(countries)]+"]}")
				object := &unstructured.Unstructured{}
				if err := yaml.Unmarshal([]byte(strings.ReplaceAll(text, "NAMESPACE", e.ns)), object); err != nil {
					failures <- err
					return
				}
				if _, err := client.Create(t.Context(), object, metav1.CreateOptions{}); err != nil {
					failures <- err
					return
				}
			}
		})
	}
	group.Wait()
	close(failures)
	for err := range failures {
		t.Fatal(err)
	}
	e.inForce("PlacementPolicy")
	for i := range 40 {
		e.pod(fmt.Sprintf("app-%d", i*policies/40+i%len(pools)), cpu("10m"))
	}
	for i := range 40 {
		number := i*policies/40 + i%len(pools)
		if got, want := e.placed(fmt.Sprintf("app-%d", number)), pools[number%len(pools)]; got != want {
			t.Errorf("app-%d is in %s, want %s", number, got, want)
		}
	}
}

// Under more policies than may count a pod waits and says which limit it is; with one less it is placed.
func TestMorePoliciesThanMayCount(t *testing.T) {
	e := newEnv(t)
	e.cluster.AddNodesYAML(t, threeClouds)
	var all strings.Builder
	for i := range 65 {
		all.WriteString("---\n" + strings.Replace(policyText("PlacementPolicy", "web", "residency: {jurisdictions: [EU]}"),
			"name: web", fmt.Sprintf("name: p%d", i), 1))
	}
	e.apply(all.String())
	e.pod("web")
	e.waits("web", "0/6 nodes: 6 held back: 65 policies select the pod and at most 64 may: join some of them, or narrow their workloadSelector")
	e.deletePolicy("p64")
	e.placed("web")
}

// Without Tradewind's kinds nobody knows what a pod's rules are, so it waits and says why; when they come it is placed.
func TestKindsInstalledAfterTheScheduler(t *testing.T) {
	e := newEnvWithoutScheduler(t)
	e.stopShared()
	e.cluster.AddNodesYAML(t, threeClouds)
	kinds := e.objects.Resource(crdResource)
	t.Cleanup(func() { e.cluster.Apply(detached{t}, "../../deploy/crds") })
	for _, resource := range policyKinds {
		if err := kinds.Delete(t.Context(), resource+"."+v1alpha1.GroupVersion.Group, metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	e.wait("the kinds to be gone", func(ctx context.Context) error {
		for _, resource := range policyKinds {
			if _, err := kinds.Get(ctx, resource+"."+v1alpha1.GroupVersion.Group, metav1.GetOptions{}); !apierrors.IsNotFound(err) {
				return fmt.Errorf("%s: %w", resource, err)
			}
		}
		return nil
	})
	e.sched = startScheduler(t, e.cluster, "early-scheduler")
	defer e.sched.program.Stop(t)
	e.deployment("web", 3)
	e.wait("the pods to wait and say why", func(ctx context.Context) error {
		pods, err := e.pods(ctx, "web")
		if err != nil || len(pods) != 3 {
			return fmt.Errorf("%d pods, %w", len(pods), err)
		}
		for i := range pods {
			if pods[i].Spec.NodeName != "" {
				t.Fatalf("pod %s is on %s, whatever its policies say", pods[i].Name, pods[i].Spec.NodeName)
			}
			if message := scheduledCondition(&pods[i]).Message; !strings.Contains(message, "are the CRDs of tradewind.dev installed") {
				return fmt.Errorf("pod %s waits with the message %q", pods[i].Name, message)
			}
		}
		return nil
	})
	e.cluster.Apply(t, "../../deploy/crds")
	e.spreadOf("web", 3)
}
