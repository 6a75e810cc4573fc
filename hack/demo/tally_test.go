package main

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/report"
	"tradewind.dev/tradewind/pkg/state"
)

// list prices of the catalog, US dollars an hour, written out so that the test does not ask the code under test.
const (
	awsSpotUSD = 0.050558 // m7i.large, eu-west-1
	rackUSD    = 0.18     // examples/three-clouds/prices.yaml
)

func awsSpot(name string) *corev1.Node {
	return node(name, "aws:///eu-west-1a/i-0123456789abcdef0", map[string]string{
		corev1.LabelTopologyRegion: "eu-west-1", corev1.LabelTopologyZone: "eu-west-1a", corev1.LabelInstanceTypeStable: "m7i.large",
		"eks.amazonaws.com/capacityType": "SPOT",
	})
}

func rack(name string) *corev1.Node {
	return node(name, "", map[string]string{
		corev1.LabelTopologyRegion: "luxembourg", corev1.LabelInstanceTypeStable: "rack-4", v1alpha1.LabelCloud: "lux-dc",
		v1alpha1.LabelCountry: "LU", v1alpha1.LabelOperatorCountry: "LU",
	})
}

func node(name, providerID string, labels map[string]string) *corev1.Node {
	room := corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("2"), corev1.ResourceMemory: resource.MustParse("8Gi"), corev1.ResourcePods: resource.MustParse("50")}
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}, Spec: corev1.NodeSpec{ProviderID: providerID},
		Status: corev1.NodeStatus{Capacity: room, Allocatable: room},
	}
}

// pods of one workload, one on each of the nodes; each wants a fifth of a core.
func pods(app string, nodes ...string) (*appsv1.ReplicaSet, []*corev1.Pod) {
	replicas := int32(len(nodes))
	set := &appsv1.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{
			Name: app + "-1", Namespace: "shop", UID: types.UID(app), OwnerReferences: []metav1.OwnerReference{owner("Deployment", app)},
		},
		Spec: appsv1.ReplicaSetSpec{Replicas: &replicas},
	}
	var out []*corev1.Pod
	for i, on := range nodes {
		name := fmt.Sprintf("%s-1-%d", app, i)
		out = append(out, &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{
				Name: name, Namespace: "shop", UID: types.UID(name), OwnerReferences: []metav1.OwnerReference{owner("ReplicaSet", app+"-1")},
				Labels: map[string]string{"app": app, "pod-template-hash": "1"},
			},
			Spec: corev1.PodSpec{NodeName: on, SchedulerName: "default-scheduler", Containers: []corev1.Container{{
				Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("200m")}},
			}}},
			Status: corev1.PodStatus{Phase: corev1.PodRunning},
		})
	}
	return set, out
}

func owner(kind, name string) metav1.OwnerReference {
	controller := true
	return metav1.OwnerReference{APIVersion: "apps/v1", Kind: kind, Name: name, UID: types.UID(name), Controller: &controller}
}

// examples reads the demo's own policies and prices.
func examples(t *testing.T) (policies []*v1alpha1.PlacementPolicy, prices []v1alpha1.PriceList) {
	t.Helper()
	root, err := repository()
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"policies.yaml", "prices.yaml"} {
		text, err := os.ReadFile(filepath.Join(root, "examples", "three-clouds", file))
		if err != nil {
			t.Fatal(err)
		}
		for _, document := range strings.Split(string(text), "\n---\n") {
			var kind metav1.TypeMeta
			if err := yaml.Unmarshal([]byte(document), &kind); err != nil {
				t.Fatal(err)
			}
			switch kind.Kind {
			case "PlacementPolicy":
				policy := &v1alpha1.PlacementPolicy{}
				if err := yaml.UnmarshalStrict([]byte(document), policy); err != nil {
					t.Fatalf("%s: %v", file, err)
				}
				policy.Namespace = "shop"
				policies = append(policies, policy)
			case "PriceList":
				list := v1alpha1.PriceList{}
				if err := yaml.UnmarshalStrict([]byte(document), &list); err != nil {
					t.Fatalf("%s: %v", file, err)
				}
				prices = append(prices, list)
			}
		}
	}
	return policies, prices
}

func snapshotOf(t *testing.T, sets []*appsv1.ReplicaSet, pods []*corev1.Pod, nodes ...*corev1.Node) *state.Snapshot {
	t.Helper()
	policies, prices := examples(t)
	snapshot, err := state.NewSnapshot(state.Lists{
		Nodes: nodes, Pods: pods, ReplicaSets: sets, Namespaces: []*corev1.Namespace{{ObjectMeta: metav1.ObjectMeta{Name: "shop"}}},
		Objects: state.Objects{PlacementPolicies: policies, PriceLists: prices},
	}, location.DefaultOptions(), time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	return snapshot
}

func TestTallyCountsMoneyPlacesAndBrokenRules(t *testing.T) {
	carts, cartPods := pods("cartservice", "spot", "rack")
	ads, adPods := pods("adservice", "spot", "rack")
	snapshot := snapshotOf(t, []*appsv1.ReplicaSet{carts, ads}, append(cartPods, adPods...), awsSpot("spot"), rack("rack"), rack("idle"))
	got, err := take(snapshot, "shop")
	if err != nil {
		t.Fatal(err)
	}
	// Each pod has a tenth of the two cores of its node.
	if want := 730 * 2 * (awsSpotUSD + rackUSD) / 10; math.Abs(got.monthlyUSD-want) > 1e-6 {
		t.Errorf("pods cost $%.6f a month, want $%.6f", got.monthlyUSD, want)
	}
	if want := 730 * (awsSpotUSD + rackUSD); got.nodes != 2 || got.nodesInAll != 3 || math.Abs(got.nodesMonthlyUSD-want) > 1e-6 {
		t.Errorf("%d of %d machines in use for $%.6f a month, want 2 of 3 for $%.6f", got.nodes, got.nodesInAll, got.nodesMonthlyUSD, want)
	}
	if want := 730 * awsSpotUSD; math.Abs(got.invoiceMonthlyUSD-want) > 1e-6 {
		t.Errorf("clouds invoice $%.6f a month, want $%.6f: the rack is paid for in any case", got.invoiceMonthlyUSD, want)
	}
	if got.pods != 4 || got.spot != 2 {
		t.Errorf("%d pods, %d on spot; want 4 and 2", got.pods, got.spot)
	}
	// The cart on AWS is operated from the United States. Half of the ads may be on spot, so they break nothing.
	if got.brokenPods != 1 || len(got.broken) != 1 || got.broken[0].rule != report.RuleResidency || names(got.broken[0].pods) != "cartservice (1)" {
		t.Errorf("%d pods break rules: %+v; want one cart, residency", got.brokenPods, got.broken)
	}
	cart := got.workload("cartservice")
	if where := cart.where("aws") + ", " + cart.where("lux-dc") + ", " + cart.where("gcp"); where != "1 spot, 1, ·" {
		t.Errorf("the carts are in %q", where)
	}
}

func TestOnlyThePodsAboveAShareBreakIt(t *testing.T) {
	for onSpot, want := range map[int]int{2: 0, 3: 1, 4: 2} {
		on := []string{"rack", "rack", "rack", "rack"}
		for i := range onSpot {
			on[i] = "spot"
		}
		ads, adPods := pods("adservice", on...) // at most half of them may be on spot
		got, err := take(snapshotOf(t, []*appsv1.ReplicaSet{ads}, adPods, awsSpot("spot"), rack("rack")), "shop")
		if err != nil {
			t.Fatal(err)
		}
		if got.brokenPods != want {
			t.Errorf("%d of 4 on spot: %d pods break a rule, want %d", onSpot, got.brokenPods, want)
		}
	}
}

func TestReasonsNameWhatWasLeftOut(t *testing.T) {
	carts, cartPods := pods("cartservice", "rack")
	snapshot := snapshotOf(t, []*appsv1.ReplicaSet{carts}, cartPods, awsSpot("spot"), rack("rack"))
	got, err := take(snapshot, "shop")
	if err != nil {
		t.Fatal(err)
	}
	text := reasons(got.workload("cartservice").example)
	if want := "on lux-dc on-demand at $0.0180 an hour. Left out of 2 nodes: 1 operated from outside EU."; text != want {
		t.Errorf("got  %q\nwant %q", text, want)
	}
}
