package e2e

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/test/testbed"
)

const controllerNodes = `
pools:
- {cloud: aws, region: eu-west-1, zones: [eu-west-1a], instanceType: m7i.large, count: 3}
- {cloud: gcp, region: europe-west1, zones: [europe-west1-b], instanceType: e2-standard-4, count: 2}
- {cloud: aws, region: us-east-1, zones: [us-east-1a], instanceType: m7i.large, capacityType: spot, count: 2}
- {cloud: lux-dc, region: luxembourg, zone: room-1, country: LU, operatorCountry: LU, instanceType: rack-16, cpu: 16, memory: 64Gi, count: 1}
`

const controllerObjects = `
apiVersion: tradewind.dev/v1alpha1
kind: ClusterPlacementPolicy
metadata: {name: eu-only}
spec: {workloadSelector: {}, namespaceSelector: {matchLabels: {team: shop}}, residency: {jurisdictions: [EU]}, optimizeFor: Cost}
---
apiVersion: tradewind.dev/v1alpha1
kind: PlacementPolicy
metadata: {name: web, namespace: shop}
spec: {workloadSelector: {matchLabels: {app: web}}, optimizeFor: Latency, locations: {required: [{key: tradewind.dev/cloud, operator: In, values: [aws]}]}}
---
apiVersion: tradewind.dev/v1alpha1
kind: PlacementPolicy
metadata: {name: nowhere, namespace: shop}
spec: {workloadSelector: {matchLabels: {app: nowhere}}, residency: {jurisdictions: [JP]}}
---
apiVersion: tradewind.dev/v1alpha1
kind: PlacementPolicy
metadata: {name: broken, namespace: shop}
spec: {workloadSelector: {matchLabels: {app: broken}}, residency: {jurisdictions: [Atlantis]}}
---
apiVersion: tradewind.dev/v1alpha1
kind: PriceList
metadata: {name: lux}
spec: {resources: [{cloud: lux-dc, cpuHourlyUSD: "0.02"}]}
---
apiVersion: tradewind.dev/v1alpha1
kind: PriceList
metadata: {name: huge}
spec: {instances: [{cloud: aws, region: eu-west-1, instanceType: m99.huge, hourlyUSD: "1"}]}
---
apiVersion: tradewind.dev/v1alpha1
kind: LatencyMap
metadata: {name: measured}
spec: {samples: [{from: DE, to: lux-dc/luxembourg, milliseconds: "9"}]}
`

// TestController runs tradewind-controller with the rights of its installation, from before the CRDs are there to the
// hand-over to a second replica.
func TestController(t *testing.T) {
	e := newControllerEnv(t, controllerNodes)
	first := e.start("tradewind-controller-1")
	e.waitsForCRDs(first)
	e.cluster.Apply(t, "../../deploy/crds")
	e.ready(first)

	e.labelsNodes()
	e.saysWhatIsWrongWithNodes()
	e.judgesPolicies()
	e.judgesOverrides()
	e.followsChanges()
	e.servesMetrics(first)
	e.mayNotChangeNodesOtherwise()
	e.writesNothingAtRest(first)

	second := e.start("tradewind-controller-2")
	e.ready(second)
	first.Stop(t)
	e.cluster.ApplyYAML(t, strings.Replace(policyText("PlacementPolicy", "late", "residency: {jurisdictions: [EU]}"), "NAMESPACE", "shop", 1))
	e.expect("PlacementPolicy", "shop", "late", v1alpha1.ConditionSatisfiable,
		"True NodesAllowed: 6 of 9 nodes: 2 outside residency EU, 1 without a known country (residency EU)")
	if writes := e.writes(second); writes != 1 {
		t.Errorf("the second replica wrote %d times to add one status", writes)
	}
}

func (e *controllerEnv) waitsForCRDs(p *controllerProcess) {
	e.Helper()
	waitFor(e.T, "the controller to wait for the CRDs", func(ctx context.Context) error {
		status, err := p.probe(ctx, "/readyz")
		if err == nil && (status == http.StatusOK || !strings.Contains(p.Log(e.T), "install the CRDs: kubectl apply -f deploy/crds")) {
			err = fmt.Errorf("/readyz answers %d, and the log says\n%s", status, p.Log(e.T))
		}
		return err
	})
	if status, err := p.probe(e.Context(), "/healthz"); err != nil || status != http.StatusOK || !p.Running(e.T) {
		e.Errorf("while it waits it is not alive: %d %v", status, err)
	}
}

// labelled waits until the nodes of a place have these labels.
func (e *controllerEnv) labelled(selector, cloud, country string, nodes int) {
	e.Helper()
	waitFor(e.T, "the labels of the nodes "+selector, func(ctx context.Context) error {
		list, err := e.cluster.Client().CoreV1().Nodes().List(ctx, metav1.ListOptions{LabelSelector: selector})
		if err != nil {
			return err
		}
		for i := range list.Items {
			labels := list.Items[i].Labels
			if labels[v1alpha1.LabelCloud] != cloud || labels[v1alpha1.LabelCountry] != country {
				return fmt.Errorf("%s has cloud %q and country %q", list.Items[i].Name, labels[v1alpha1.LabelCloud], labels[v1alpha1.LabelCountry])
			}
		}
		if len(list.Items) != nodes {
			return fmt.Errorf("there are %d", len(list.Items))
		}
		return nil
	})
}

func (e *controllerEnv) patchNode(name, patch string) {
	e.Helper()
	if _, err := e.cluster.Client().CoreV1().Nodes().
		Patch(e.Context(), name, types.MergePatchType, []byte(patch), metav1.PatchOptions{}); err != nil {
		e.Fatal(err)
	}
}

func (e *controllerEnv) labelsNodes() {
	e.Helper()
	const region = corev1.LabelTopologyRegion
	e.labelled(region+"=eu-west-1", "aws", "IE", 3)
	e.labelled(region+"=europe-west1", "gcp", "BE", 2)
	e.labelled(region+"=us-east-1", "aws", "US", 2)
	e.labelled(region+"=luxembourg", "lux-dc", "LU", 1)

	nodes, err := e.cluster.Client().CoreV1().Nodes().List(e.Context(), metav1.ListOptions{LabelSelector: region + "=europe-west1"})
	if err != nil {
		e.Fatal(err)
	}
	e.patchNode(nodes.Items[0].Name, `{"metadata":{"labels":{"tradewind.dev/country":null,"tradewind.dev/cloud":null}}}`)
	e.labelled(region+"=europe-west1", "gcp", "BE", 2)
}

func (e *controllerEnv) saysWhatIsWrongWithNodes() {
	e.Helper()
	nodes := e.cluster.Client().CoreV1().Nodes()
	stray := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "stray", Labels: map[string]string{"cloud.provider": "aws"}}}
	if _, err := nodes.Create(e.Context(), stray, metav1.CreateOptions{}); err != nil {
		e.Fatal(err)
	}
	// The cloud is known, its region is not: one label, and an event about the other.
	e.labelled("cloud.provider=aws", "aws", "", 1)
	e.expectEvent("Node", "stray", "LocationUnknown", "region")
	// The only evidence goes, and with it the label that followed from it.
	e.patchNode("stray", `{"metadata":{"labels":{"cloud.provider":null,"stray":""}}}`)
	e.labelled("stray", "", "", 1)
	e.expectEvent("Node", "stray", "LocationUnknown", "the cloud is unknown")
	// A declaration is the administrator's: it stays theirs.
	e.patchNode("stray", `{"metadata":{"labels":{"tradewind.dev/cloud":"cellar"}}}`)
	e.expectEvent("Node", "stray", "LocationUnknown", "the country of data centre cellar is not declared")
	e.labelled("stray", "cellar", "", 1)
}

func (e *controllerEnv) judgesPolicies() {
	e.Helper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop", Labels: map[string]string{"team": "shop"}}}
	if _, err := e.cluster.Client().CoreV1().Namespaces().Create(e.Context(), namespace, metav1.CreateOptions{}); err != nil {
		e.Fatal(err)
	}
	for _, ns := range []string{"shop", "default"} {
		for _, app := range []string{"web", "db"} {
			e.pod(ns, app)
		}
	}
	e.cluster.ApplyYAML(e.T, controllerObjects)
	e.expect("ClusterPlacementPolicy", "", "eu-only", v1alpha1.ConditionInForce,
		"Unknown SchedulerUnknown: no tradewind-scheduler has said which policies "+
			"it has read (Lease tradewind-system/tradewind-scheduler-policies): start it, or apply the roles of deploy/install, which let it")
	e.saysWhatTheSchedulerHasRead()
	e.expect("ClusterPlacementPolicy", "", "eu-only", v1alpha1.ConditionSatisfiable,
		"True NodesAllowed: 6 of 9 nodes: 2 outside residency EU, 1 without a known country (residency EU)")
	e.expect("ClusterPlacementPolicy", "", "eu-only", v1alpha1.ConditionOverridden,
		"True LowerPrecedence: spec.optimizeFor of PlacementPolicy shop/web is used instead for 1 of 2 pods "+
			"(a namespaced policy wins over the cluster's, then the older one); hard rules of both hold")
	e.expectCount("ClusterPlacementPolicy", "", "eu-only", "selectedPods", 2)
	e.expectCount("ClusterPlacementPolicy", "", "eu-only", "allowedNodes", 6)
	e.expectCount("PlacementPolicy", "shop", "web", "selectedPods", 1)
	e.expectCount("PlacementPolicy", "shop", "web", "allowedNodes", 5)

	e.expect("PlacementPolicy", "shop", "nowhere", v1alpha1.ConditionSatisfiable,
		"False NoNodeAllowed: 0 of 9 nodes: 8 outside residency JP, 1 without a known country (residency JP)")
	e.expectEvent("PlacementPolicy", "nowhere", "NoNodeAllowed", "0 of 9 nodes")
	e.expectCount("PlacementPolicy", "shop", "nowhere", "selectedPods", 0)

	conditions, _, err := e.status(e.Context(), "PlacementPolicy", "shop", "broken")
	if err != nil {
		e.Fatal(err)
	}
	for _, text := range []string{"spec.residency.jurisdictions", `"Atlantis"`, "the pods it selects wait until it is corrected"} {
		if conditions[0].Type != v1alpha1.ConditionInForce || conditions[0].Status != metav1.ConditionFalse ||
			!strings.Contains(conditions[0].Message, text) {
			e.Errorf("a broken policy has the condition %+v, which should name %s", conditions[0], text)
		}
	}
	e.expectEvent("PlacementPolicy", "broken", "Invalid", "spec.residency.jurisdictions")
}

// saysWhatTheSchedulerHasRead starts a scheduler, and another one after the policy has changed that the first had read.
func (e *controllerEnv) saysWhatTheSchedulerHasRead() {
	e.Helper()
	const enforced = "True Enforced: the scheduler enforces it for 2 pods"
	first := startScheduler(e.T, e.cluster, "tradewind-scheduler")
	e.expect("ClusterPlacementPolicy", "", "eu-only", v1alpha1.ConditionInForce, enforced)
	first.program.Stop(e.T)
	edit := []byte(`{"spec":{"rebalance":{"maxUnavailable":"2"}}}`)
	policies := e.objects.Resource(v1alpha1.GroupVersion.WithResource("clusterplacementpolicies"))
	if _, err := policies.Patch(e.Context(), "eu-only", types.MergePatchType, edit, metav1.PatchOptions{}); err != nil {
		e.Fatal(err)
	}
	e.expect("ClusterPlacementPolicy", "", "eu-only", v1alpha1.ConditionInForce,
		"Unknown NotRead: the scheduler has not read this version of the policy yet: pods that it places now are placed as if the policy had not been made or changed")
	startScheduler(e.T, e.cluster, "tradewind-scheduler-2")
	e.expect("ClusterPlacementPolicy", "", "eu-only", v1alpha1.ConditionInForce, enforced)
}

// pod creates a pod for tradewind-scheduler.
func (e *controllerEnv) pod(namespace, app string) {
	e.Helper()
	off := false
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: app, Labels: map[string]string{"app": app}},
		Spec: corev1.PodSpec{
			SchedulerName: "tradewind", AutomountServiceAccountToken: &off,
			Containers: []corev1.Container{{Name: "c", Image: "none"}},
		},
	}
	waitFor(e.T, "pod "+namespace+"/"+app, func(ctx context.Context) error { // once the namespace has its service account
		_, err := e.cluster.Client().CoreV1().Pods(namespace).Create(ctx, pod, metav1.CreateOptions{})
		return err
	})
}

func (e *controllerEnv) judgesOverrides() {
	e.Helper()
	e.expect("PriceList", "", "lux", v1alpha1.ConditionInForce, "True InForce: its figures are used in place of the built-in ones")
	e.expect("PriceList", "", "lux", v1alpha1.ConditionUsed, "True NodesConcerned: it concerns 1 of 9 nodes")
	e.expectCount("PriceList", "", "lux", "entries", 1)
	e.expectEvent("PriceList", "huge", "NoNodeConcerned",
		"no node is an m99.huge in aws/eu-west-1, where they are m7i.large (aws has no such instance type)")
	e.expect("LatencyMap", "", "measured", v1alpha1.ConditionUsed, "True NodesConcerned: it concerns 1 of 9 nodes")
}

// followsChanges is about pods, namespaces and policies that change.
func (e *controllerEnv) followsChanges() {
	e.Helper()
	pods := e.cluster.Client().CoreV1().Pods("shop")
	now := int64(0)
	if err := pods.Delete(e.Context(), "db", metav1.DeleteOptions{GracePeriodSeconds: &now}); err != nil {
		e.Fatal(err)
	}
	e.expectCount("ClusterPlacementPolicy", "", "eu-only", "selectedPods", 1)
	label := []byte(`{"metadata":{"labels":{"team":"shop"}}}`)
	if _, err := e.cluster.Client().CoreV1().Namespaces().
		Patch(e.Context(), "default", types.MergePatchType, label, metav1.PatchOptions{}); err != nil {
		e.Fatal(err)
	}
	e.expectCount("ClusterPlacementPolicy", "", "eu-only", "selectedPods", 3)
	policies := e.objects.Resource(v1alpha1.GroupVersion.WithResource("placementpolicies")).Namespace("shop")
	fix := []byte(`{"spec":{"residency":{"jurisdictions":["LU"]}}}`)
	if _, err := policies.Patch(e.Context(), "broken", types.MergePatchType, fix, metav1.PatchOptions{}); err != nil {
		e.Fatal(err)
	}
	e.expect("PlacementPolicy", "shop", "broken", v1alpha1.ConditionInForce,
		"True Enforced: the scheduler enforces it; no running or waiting pod matches its selector yet")
	e.expectEvent("PlacementPolicy", "broken", "Enforced", "the scheduler enforces it")
	// A status that somebody else changes is put right.
	tamper := []byte(`{"status":{"selectedPods":77}}`)
	if _, err := policies.Patch(e.Context(), "web", types.MergePatchType, tamper, metav1.PatchOptions{}, "status"); err != nil {
		e.Fatal(err)
	}
	e.expectCount("PlacementPolicy", "shop", "web", "selectedPods", 1)
}

func (e *controllerEnv) servesMetrics(p *controllerProcess) {
	e.Helper()
	for _, c := range []struct {
		who, token string
		want       int
	}{
		{"nobody", "", http.StatusUnauthorized}, {"who guesses a token", "guessed", http.StatusUnauthorized},
		{"who forges a token", e.token[:len(e.token)-4] + "AAAA", http.StatusUnauthorized}, {"a stranger", e.stranger, http.StatusForbidden},
	} {
		if status, _, err := p.scrape(e.Context(), c.token); err != nil || status != c.want {
			e.Errorf("%s reads metrics: %d %v, want %d", c.who, status, err, c.want)
		}
	}
	waitFor(e.T, "metrics", func(ctx context.Context) error {
		status, text, err := p.scrape(ctx, e.token)
		if err != nil || status != http.StatusOK {
			return fmt.Errorf("answers %d: %w", status, err)
		}
		for _, want := range []string{
			"tradewind_policies{in_force=\"true\"} 4\n", "tradewind_policies{in_force=\"false\"} 0\n",
			"tradewind_policies{in_force=\"unknown\"} 0\n",
			"tradewind_policies_unsatisfiable 1\n",
			`tradewind_nodes{capacity_type="spot",cloud="aws",country="US",region="us-east-1"} 2`, "tradewind_nodes_location_unknown 1\n",
			"tradewind_nodes_price_unknown 1\n",
			`leader_election_master_status{name="tradewind-controller"} 1`,
		} {
			if !strings.Contains(text, want) {
				return fmt.Errorf("there is no %s", want)
			}
		}
		// 16 cores for 0.02 dollars an hour.
		const bill = `tradewind_cluster_hourly_usd{capacity_type="on-demand",cloud="lux-dc",country="LU",region="luxembourg"} `
		_, after, _ := strings.Cut(text, bill)
		value, _, _ := strings.Cut(after, "\n")
		if usd, err := strconv.ParseFloat(value, 64); err != nil || math.Abs(usd-0.32) > 1e-9 {
			return fmt.Errorf("the data centre costs %q dollars an hour, not 0.32", value)
		}
		return nil
	})
}

// mayNotChangeNodesOtherwise checks the guards that hold where RBAC cannot say enough.
func (e *controllerEnv) mayNotChangeNodesOtherwise() {
	e.Helper()
	controller, err := kubernetes.NewForConfig(e.cluster.ConfigFor(e.T, testbed.TradewindController))
	if err != nil {
		e.Fatal(err)
	}
	kubelet, err := kubernetes.NewForConfig(e.cluster.ConfigFor(e.T, "system:node:stray", "system:nodes"))
	if err != nil {
		e.Fatal(err)
	}
	for _, c := range []struct {
		who         string
		client      kubernetes.Interface
		patch, want string
	}{
		{"controller", controller, `{"spec":{"unschedulable":true}}`, "changes nothing of a node but labels and taints"},
		{"controller", controller, `{"metadata":{"annotations":{"a":"b"}}}`, "changes nothing of a node but labels and taints"},
		{"controller", controller, `{"metadata":{"labels":{"a":"b"}}}`, "changes no labels of a node but"},
		{"controller", controller, `{"metadata":{"labels":{"stray":null}}}`, "changes no labels of a node but"},
		{"node", kubelet, `{"metadata":{"labels":{"tradewind.dev/country":"LU"}}}`, "a node does not add labels tradewind.dev/country"},
		{"node", kubelet, `{"metadata":{"labels":{"tradewind.dev/cloud":null}}}`,
			"a node does not change or remove its labels tradewind.dev/cloud"},
	} {
		_, err := c.client.CoreV1().Nodes().
			Patch(e.Context(), "stray", types.MergePatchType, []byte(c.patch), metav1.PatchOptions{DryRun: []string{metav1.DryRunAll}})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			e.Errorf("the %s patches a node with %s: %v, want %q", c.who, c.patch, err, c.want)
		}
	}
	allowed := []byte(`{"metadata":{"labels":{"tradewind.dev/country":"LU"}}}`)
	if _, err := controller.CoreV1().Nodes().
		Patch(e.Context(), "stray", types.MergePatchType, allowed, metav1.PatchOptions{DryRun: []string{metav1.DryRunAll}}); err != nil {
		e.Errorf("the controller may not write its own label: %v", err)
	}
}

// writesNothingAtRest checks that no status, label or event is written while nothing changes but heartbeats and
// annotations.
func (e *controllerEnv) writesNothingAtRest(p *controllerProcess) {
	e.Helper()
	const quiet = 3 * time.Second
	waitFor(e.T, "the controller to come to rest", func(context.Context) error {
		last := e.writes(p)
		for i := range 5 {
			for _, name := range []string{"stray", e.anyNode("eu-west-1")} {
				e.patchNode(name, fmt.Sprintf(`{"metadata":{"annotations":{"heartbeat":"%d"}}}`, i))
			}
			time.Sleep(quiet / 5)
		}
		// On a busy machine it may still be writing of what was before.
		if now := e.writes(p); now != last {
			return fmt.Errorf("it wrote %d times while nothing changed", now-last)
		}
		return nil
	})
}

func (e *controllerEnv) anyNode(region string) string {
	e.Helper()
	nodes, err := e.cluster.Client().CoreV1().Nodes().
		List(e.Context(), metav1.ListOptions{LabelSelector: corev1.LabelTopologyRegion + "=" + region})
	if err != nil || len(nodes.Items) == 0 {
		e.Fatalf("no node in %s: %v", region, err)
	}
	return nodes.Items[0].Name
}

// TestManyPolicies checks that each of many policies in one namespace gets its status, and that a new one does not wait
// behind them.
func TestManyPolicies(t *testing.T) {
	e := newControllerEnv(t, controllerNodes)
	e.cluster.Apply(t, "../../deploy/crds")
	p := e.start("tradewind-controller")
	e.ready(p)
	var text strings.Builder
	for i := range 400 {
		fmt.Fprintf(&text, "---\n{apiVersion: tradewind.dev/v1alpha1, kind: PlacementPolicy, metadata: {name: p%d, namespace: default}, "+
			"spec: {workloadSelector: {matchLabels: {app: a%d}}, residency: {jurisdictions: [EU]}}}\n", i, i)
	}
	e.cluster.ApplyYAML(t, text.String())
	e.pod("default", "a7")
	e.expectCount("PlacementPolicy", "default", "p7", "selectedPods", 1)
	// Every status changes its count of nodes now; a verdict goes first.
	e.patchNode(e.anyNode("eu-west-1"), `{"metadata":{"labels":{"cloud.provider":"gcp"}}}`)
	e.cluster.ApplyYAML(t, "{apiVersion: tradewind.dev/v1alpha1, kind: PlacementPolicy, metadata: {name: urgent, namespace: default}, "+
		"spec: {workloadSelector: {}, residency: {jurisdictions: [Atlantis]}}}")
	waitFor(t, "the status of a new policy", func(ctx context.Context) error {
		conditions, _, err := e.status(ctx, "PlacementPolicy", "default", "urgent")
		if err == nil && conditions[0].Status != metav1.ConditionFalse {
			err = fmt.Errorf("the condition is %+v", conditions[0])
		}
		return err
	})
	resource := e.objects.Resource(v1alpha1.GroupVersion.WithResource("placementpolicies")).Namespace("default")
	testbed.WaitFor(t, 6*patience, "every status", func(ctx context.Context) (bool, error) {
		list, err := resource.List(ctx, metav1.ListOptions{})
		if err != nil {
			return false, err
		}
		behind := 0
		for i := range list.Items {
			allowed, _, err := unstructured.NestedInt64(list.Items[i].Object, "status", "allowedNodes")
			if err != nil || allowed != 5 && list.Items[i].GetName() != "urgent" {
				behind++
			}
		}
		if behind > 0 {
			return false, fmt.Errorf("%d of %d policies have none, or an old one", behind, len(list.Items))
		}
		return true, nil
	})
}
