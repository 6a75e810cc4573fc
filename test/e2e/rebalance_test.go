package e2e

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"tradewind.dev/tradewind/apis/v1alpha1"
)

// watchReady counts the ready replicas of a workload until the test ends, and returns what reads the fewest seen.
func (e *movingEnv) watchReady(name string) (fewest func() int) {
	e.Helper()
	least, done, stop := 1<<30, make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			if found, err := e.pods(e.Context(), name); err == nil {
				ready := 0
				for i := range found {
					if podReady(&found[i]) {
						ready++
					}
				}
				least = min(least, ready)
			}
			select {
			case <-stop:
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	return func() int {
		close(stop)
		<-done
		return least
	}
}

// budget keeps a number of replicas available.
func (e *movingEnv) budget(name string, available int) {
	e.Helper()
	least := intstr.FromInt32(int32(available))
	_, err := e.client.PolicyV1().PodDisruptionBudgets(e.ns).Create(e.Context(), &policyv1.PodDisruptionBudget{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: policyv1.PodDisruptionBudgetSpec{MinAvailable: &least,
			Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": name}}},
	}, metav1.CreateOptions{})
	if err != nil {
		e.Fatal(err)
	}
}

// TestPriceChange makes the cheapest cloud the dearest: replicas move where policies allow it, within their budgets and
// PodDisruptionBudgets, and elsewhere Placements say what moving would save. They are on the same machines, so that by invoice none
// would move before all may.
func TestPriceChange(t *testing.T) {
	e := newMovingEnv(t, twoClouds, "--objective=shares")
	e.apply(dearGCP)
	e.policy("web", `rebalance: {minSavingsPercent: 10, maxUnavailable: "2"}`)
	e.policy("held", `rebalance: {minSavingsPercent: 10, maxUnavailable: "2"}`)
	e.policy("idle", "optimizeFor: Cost")
	e.policy("later", `rebalance: {window: {schedule: "0 0 1 1 *", duration: 1m}}`)
	for _, name := range []string{"web", "held", "idle", "later"} {
		e.deployment(name, 4)
	}
	for _, name := range []string{"web", "held", "idle", "later"} {
		e.ready(name, map[string]int{"aws": 4})
	}
	e.budget("held", 4)
	fewest := e.watchReady("web")

	e.apply(`
apiVersion: tradewind.dev/v1alpha1
kind: PriceList
metadata: {name: dear}
spec: {instances: [{cloud: aws, instanceType: m7i.xlarge, hourlyUSD: "4"}]}
`)
	e.ready("web", map[string]int{"gcp": 4})
	if least := fewest(); least < 2 {
		t.Errorf("only %d of 4 replicas were ready; the budget is 2 away", least)
	}
	found := e.says("deployment-web", v1alpha1.ConditionRebalancing, metav1.ConditionFalse, "InPlace")
	if len(found.Status.Moved) != 4 || found.Status.Moved[0].Reason != "Rebalance" {
		t.Errorf("moved is %+v", found.Status.Moved)
	}
	e.says("deployment-held", v1alpha1.ConditionRebalancing, metav1.ConditionFalse, "Protected")
	e.says("deployment-later", v1alpha1.ConditionRebalancing, metav1.ConditionFalse, "OutsideWindow")
	idle := e.says("deployment-idle", v1alpha1.ConditionRebalancing, metav1.ConditionFalse, "NotEnabled")
	// What it would save at the public catalog's prices: those of the PriceList are not its readers' to know.
	if idle.Status.SavingsPercent <= 0 || idle.Status.PriceBasis != v1alpha1.PriceBasisList {
		t.Errorf("the Placement of what is not rebalanced says that %d %% would be saved: %+v", idle.Status.SavingsPercent, idle.Status)
	}
	for _, name := range []string{"held", "idle", "later"} {
		e.ready(name, map[string]int{"aws": 4})
	}

	// The budget goes, and what it held moves.
	if err := e.client.PolicyV1().PodDisruptionBudgets(e.ns).Delete(e.Context(), "held", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	e.ready("held", map[string]int{"gcp": 4})

	// The price turns again: what has just moved stays for a while.
	e.apply(dearGCP)
	e.apply("{apiVersion: tradewind.dev/v1alpha1, kind: PriceList, metadata: {name: aws}, spec: {instances: [{cloud: aws, instanceType: m7i.xlarge, hourlyUSD: \"0.1\"}]}}")
	e.says("deployment-web", v1alpha1.ConditionRebalancing, metav1.ConditionFalse, "Stabilizing")
	e.ready("web", map[string]int{"gcp": 4})
}

// TestMachinesGetEmpty makes the machine dear that two workloads share: as long as one of them stays on it the other saves nothing, and
// stays; when both may move they leave it together.
func TestMachinesGetEmpty(t *testing.T) {
	e := newMovingEnv(t, `
pools:
- {name: aws, cloud: aws, region: eu-west-1, zones: [eu-west-1a], instanceType: m7i.xlarge, count: 1}
- {name: gcp, cloud: gcp, region: europe-west1, zones: [europe-west1-b], instanceType: e2-standard-4, count: 1}
`)
	const rebalance = `rebalance: {maxUnavailable: "2"}`
	e.apply(dearGCP)
	e.policy("web", rebalance)
	e.policy("cart", "optimizeFor: Balanced")
	for _, name := range []string{"web", "cart"} {
		e.deployment(name, 3)
		e.ready(name, map[string]int{"aws": 3})
	}
	e.apply(`
apiVersion: tradewind.dev/v1alpha1
kind: PriceList
metadata: {name: dear}
spec: {instances: [{cloud: aws, instanceType: m7i.xlarge, hourlyUSD: "4"}]}
`)
	e.says("deployment-web", v1alpha1.ConditionRebalancing, metav1.ConditionFalse, "SavesTooLittle")
	e.ready("web", map[string]int{"aws": 3})
	e.policy("cart", rebalance)
	for _, name := range []string{"web", "cart"} {
		e.ready(name, map[string]int{"gcp": 3})
	}
}

// flip sets the prices of two types of aws.
func (e *movingEnv) flip(cheap, dear string) {
	e.Helper()
	e.apply(fmt.Sprintf(`
apiVersion: tradewind.dev/v1alpha1
kind: PriceList
metadata: {name: flips}
spec: {instances: [{cloud: aws, instanceType: %s, hourlyUSD: "0.1"}, {cloud: aws, instanceType: %s, hourlyUSD: "4"}]}
`, cheap, dear))
}

// deploymentAsPlanned is deployment whose pods are made once there is a plan for them.
func (e *movingEnv) deploymentAsPlanned(name string, replicas int32) {
	e.Helper()
	e.createDeployment(name, appsv1.DeploymentSpec{Replicas: &replicas, Template: template(name, nil), Paused: true})
	e.wait("a plan of "+name, func(ctx context.Context) error {
		found, err := e.placementOf(ctx, "deployment-"+name)
		if err == nil && len(found.Status.Decisions) == 0 {
			err = errors.New("it has no decisions")
		}
		return err
	})
	e.patchDeployment(name, `{"spec":{"paused":false}}`)
}

// planned waits until the plan has all replicas of a workload on one instance type.
func (e *movingEnv) planned(placement, instanceType string) {
	e.Helper()
	e.wait(fmt.Sprintf("Placement %s to want %s alone", placement, instanceType), func(ctx context.Context) error {
		found, err := e.placementOf(ctx, placement)
		if err != nil {
			return err
		}
		if d := found.Status.Decisions; len(d) != 1 || d[0].InstanceType != instanceType {
			return fmt.Errorf("%+v", d)
		}
		return nil
	})
}

// TestPricesTurnInAnOutage turns prices again and again while a cloud is lost. No place survives the loss of another cloud
// then, and that is no reason to move anything; nor is what would be saved. When the cloud is back, as many replicas return
// as were lost there, and those that were never moved stay.
func TestPricesTurnInAnOutage(t *testing.T) {
	e := newMovingEnv(t, `
pools:
- {name: old, cloud: aws, region: eu-west-1, zones: [eu-west-1a], instanceType: m6i.xlarge, count: 2}
- {name: new, cloud: aws, region: eu-west-1, zones: [eu-west-1a], instanceType: m7i.xlarge, count: 2}
- {name: gcp, cloud: gcp, region: europe-west1, zones: [europe-west1-b], instanceType: e2-standard-4, count: 3}
`)
	const survives = "availability: {survive: cloud, minReplicasPercent: 50}\nfailover: {after: 3s, stabilization: 5s}\n"
	e.flip("m6i.xlarge", "m7i.xlarge")
	e.policy("web", survives+`rebalance: {minSavingsPercent: 10, maxUnavailable: "4"}`)
	e.policy("idle", survives)
	before := map[string]map[string]string{}
	for _, name := range []string{"web", "idle"} {
		e.deploymentAsPlanned(name, 4)
	}
	for _, name := range []string{"web", "idle"} {
		e.ready(name, map[string]int{"old": 2, "gcp": 2})
		before[name] = e.uids(name)
	}
	e.says("deployment-web", v1alpha1.ConditionInPlace, metav1.ConditionTrue, "")

	e.lose("gcp")
	after := map[string]map[string]string{}
	for _, name := range []string{"web", "idle"} {
		e.ready(name, map[string]int{"old": 4})
		e.says("deployment-"+name, v1alpha1.ConditionFailedOver, metav1.ConditionTrue, "DomainLost")
		after[name] = e.uids(name)
	}
	for _, turn := range [][2]string{{"m7i.xlarge", "m6i.xlarge"}, {"m6i.xlarge", "m7i.xlarge"}, {"m7i.xlarge", "m6i.xlarge"}} {
		e.flip(turn[0], turn[1])
		e.planned("deployment-web", turn[0])
		e.planned("deployment-idle", turn[0])
	}
	found := e.says("deployment-web", v1alpha1.ConditionRebalancing, metav1.ConditionFalse, "Paused")
	e.says("deployment-idle", v1alpha1.ConditionRebalancing, metav1.ConditionFalse, "NotEnabled")
	for name, pods := range after {
		if now := e.uids(name); !maps.Equal(now, pods) {
			t.Errorf("%s: pods were replaced: %v, before %v", name, now, pods)
		}
	}
	for _, move := range found.Status.Moved {
		if move.Reason != "Failover" {
			t.Errorf("moved is %+v", found.Status.Moved)
		}
	}
	if len(found.Status.Away) != 1 || found.Status.Away[0].Replicas != 2 {
		t.Errorf("away are %+v, not 2 of one pool", found.Status.Away)
	}

	e.flip("m6i.xlarge", "m7i.xlarge")
	e.restore("gcp")
	for _, name := range []string{"web", "idle"} {
		e.ready(name, map[string]int{"old": 2, "gcp": 2})
		found := e.says("deployment-"+name, v1alpha1.ConditionFailedOver, metav1.ConditionFalse, "Returned")
		if len(found.Status.Moved) != 4 || found.Status.Moved[0].Reason != "Failback" ||
			found.Status.Moved[1].Reason != "Failback" || len(found.Status.Away) != 0 {
			t.Errorf("%s: moved is %+v, away %+v; two were lost, and two should return", name, found.Status.Moved, found.Status.Away)
		}
		now, kept := e.uids(name), 0
		for pod, uid := range before[name] {
			if now[pod] == uid {
				kept++
			}
		}
		if kept != 2 {
			t.Errorf("%s: %d of 2 replicas that were never lost are the same", name, kept)
		}
	}
}

// TestRuleChange forbids the place of running replicas: they move where the policy sets rebalance, whatever that saves.
func TestRuleChange(t *testing.T) {
	e := newMovingEnv(t, twoClouds)
	e.apply(dearGCP)
	const forbidden = "locations: {required: [{key: tradewind.dev/cloud, operator: NotIn, values: [aws]}]}\n"
	e.policy("web", `rebalance: {maxUnavailable: "1"}`)
	e.policy("stays", "optimizeFor: Cost")
	for _, name := range []string{"web", "stays"} {
		e.deployment(name, 3)
		e.ready(name, map[string]int{"aws": 3})
	}
	e.policy("web", forbidden+`rebalance: {maxUnavailable: "1"}`)
	e.policy("stays", forbidden)
	e.ready("web", map[string]int{"gcp": 3})
	if found := e.says("deployment-web", v1alpha1.ConditionRebalancing, metav1.ConditionFalse,
		"InPlace"); found.Status.Moved[0].Reason != "Rule" {
		t.Errorf("moved is %+v", found.Status.Moved)
	}
	e.says("deployment-stays", v1alpha1.ConditionRebalancing, metav1.ConditionFalse, "NotEnabled")
	e.ready("stays", map[string]int{"aws": 3})
}

// TestSpotTakenBack takes spot nodes back: the plan falls back to on-demand capacity, and returns once spot capacity has
// been there for a while.
func TestSpotTakenBack(t *testing.T) {
	e := newMovingEnv(t, `
pools:
- {name: spot, cloud: aws, region: eu-west-1, zones: [eu-west-1a], instanceType: m7i.xlarge, capacityType: spot, count: 2}
- {name: steady, cloud: aws, region: eu-west-1, zones: [eu-west-1a], instanceType: m7i.xlarge, count: 2}
`)
	e.policy("web", `
cost: {spot: {maxPercent: 100, maxPoolSharePercent: 100}} # else one of two replicas stays out of the only spot pool
failover: {after: 3s, stabilization: 8s}
rebalance: {minSavingsPercent: 1, maxUnavailable: "2"}`)
	e.deployment("web", 2, cpu("1"))
	e.ready("web", map[string]int{"spot": 2})
	nodes := e.cluster.NodesOf(t, "spot")
	e.patchNode(nodes[0].Name, `{"spec":{"taints":[{"key":"aws-node-termination-handler/spot-itn","value":"1","effect":"NoSchedule"}]}}`)
	e.wait("the plan to fall back to on-demand capacity", func(ctx context.Context) error {
		placement, err := e.placementOf(ctx, "deployment-web")
		if err != nil {
			return err
		}
		for _, d := range placement.Status.Decisions {
			if d.CapacityType != v1alpha1.CapacityOnDemand {
				return fmt.Errorf("%+v", placement.Status.Decisions)
			}
		}
		return nil
	})
	e.cluster.RemoveNodes(t, "spot")
	if err := e.client.CoreV1().Pods(e.ns).DeleteCollection(t.Context(), deleteNow, metav1.ListOptions{LabelSelector: "app=web"}); err != nil {
		t.Fatal(err) // Kubernetes would collect them 40 s later
	}
	e.ready("web", map[string]int{"steady": 2})
	e.cluster.AddNodesYAML(t,
		"pools: [{name: spot, cloud: aws, region: eu-west-1, zones: [eu-west-1a], instanceType: m7i.xlarge, capacityType: spot, count: 2}]")
	e.ready("web", map[string]int{"spot": 2})
}
