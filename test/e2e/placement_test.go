package e2e

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/location"
)

// TestPlacements follows Placements and CloudPools through the life of a workload, with the rights of the installation.
func TestPlacements(t *testing.T) {
	e := newPlacementEnv(t, placementNodes)
	e.findsPools()

	e.policy("web", `
residency: {jurisdictions: [EU]}
spread: [{topologyKey: tradewind.dev/cloud, minDomains: 2, maxSharePercent: 50}]
availability: {survive: cloud, minReplicasPercent: 50}
latency: {clients: [{location: DE, sharePercent: 100}]}`)
	e.deployment("web", 6)
	web := e.inPlace("web", 6)
	e.tellsAllOfAPlan(web)
	if _, err := e.placement(t.Context(), "deployment-other"); !apierrors.IsNotFound(err) {
		t.Errorf("a Placement of no workload: %v", err)
	}
	e.followsPolicies()
	e.keepsDecisions()
	e.holdsWithoutController()
	e.writesNothingNew()
	e.goesWithItsPolicy()
}

// findsPools checks the CloudPools that were found from nodes, and that limits that a person sets on one stay.
func (e *placementEnv) findsPools() {
	e.Helper()
	pools := e.objects.Resource(v1alpha1.GroupVersion.WithResource("cloudpools"))
	read := func(ctx context.Context) (map[string]v1alpha1.CloudPool, error) {
		list, err := pools.List(ctx, metav1.ListOptions{LabelSelector: v1alpha1.LabelDiscovered + "=true"})
		if err != nil {
			return nil, err
		}
		out := map[string]v1alpha1.CloudPool{}
		for i := range list.Items {
			var pool v1alpha1.CloudPool
			if err := runtime.DefaultUnstructuredConverter.FromUnstructured(list.Items[i].Object, &pool); err != nil {
				return nil, err
			}
			out[pool.Spec.Cloud+"/"+pool.Spec.Region] = pool
		}
		return out, nil
	}
	waitFor(e.T, "four CloudPools with ready nodes", func(ctx context.Context) error {
		found, err := read(ctx)
		if err != nil {
			return err
		}
		if len(found) != 4 {
			return fmt.Errorf("there are %v", slices.Sorted(maps.Keys(found)))
		}
		for name, pool := range found {
			if pool.Status.Nodes != 3 || pool.Status.ReadyNodes != 3 || pool.Status.NodeHourlyUSD == "" ||
				!meta.IsStatusConditionTrue(pool.Status.Conditions, v1alpha1.ConditionAvailable) ||
				!meta.IsStatusConditionTrue(pool.Status.Conditions, v1alpha1.ConditionPriced) {
				return fmt.Errorf("%s is %+v", name, pool.Status)
			}
		}
		return nil
	})
	found, err := read(e.Context())
	if err != nil {
		e.Fatal(err)
	}
	name := found["azure/westeurope"].Name
	if _, err := pools.Patch(e.Context(), name, types.MergePatchType, []byte(`{"spec":{"maxNodes":5}}`), metav1.PatchOptions{}); err != nil {
		e.Fatal(err)
	}
	// Another node makes the controller look at the pool anew.
	e.cluster.AddNodesYAML(e.T, "pools:\n- {cloud: azure, region: westeurope, zones: [\"1\"], instanceType: Standard_D2s_v5, count: 1}\n")
	waitFor(e.T, "the fourth node of "+name, func(ctx context.Context) error {
		found, err := read(ctx)
		if err != nil {
			return err
		}
		pool := found["azure/westeurope"]
		if pool.Name != name || pool.Status.Nodes != 4 || pool.Spec.MaxNodes == nil || *pool.Spec.MaxNodes != 5 {
			return fmt.Errorf("it is %+v with %+v", pool.Spec, pool.Status)
		}
		return nil
	})
}

// tellsAllOfAPlan checks the other parts of a status.
func (e *placementEnv) tellsAllOfAPlan(p *v1alpha1.Placement) {
	e.Helper()
	status := &p.Status
	deployment, err := e.cluster.Client().AppsV1().Deployments("shop").Get(e.Context(), "web", metav1.GetOptions{})
	if err != nil {
		e.Fatal(err)
	}
	if owner := metav1.GetControllerOf(p); owner == nil || owner.UID != deployment.UID {
		e.Errorf("its owner is %+v", owner)
	}
	if p.Labels[v1alpha1.LabelWorkloadKind] != "Deployment" || p.Labels[v1alpha1.LabelWorkloadName] != "web" {
		e.Errorf("its labels are %v", p.Labels)
	}
	if len(status.Survives) < 2 || status.HourlyUSD == nil || status.CurrentHourlyUSD == "" || status.PlannedAt == nil {
		e.Errorf("a status without some parts: %+v", status)
	}
	for _, s := range status.Survives {
		if s.Replicas < 3 || s.Recovered != 6-s.Replicas {
			e.Errorf("the loss of %s leaves %d replicas and recovers %d", s.Domain, s.Replicas, s.Recovered)
		}
	}
	if len(status.Policies) != 1 || status.Policies[0] != "PlacementPolicy shop/web" {
		e.Errorf("its policies are %q", status.Policies)
	}
	if !slices.ContainsFunc(status.Rejected, func(r v1alpha1.PlacementRejection) bool { return r.Rule == "residency" && r.Message != "" }) {
		e.Errorf("nothing was rejected for residency: %+v", status.Rejected)
	}
	e.expectEvent("Deployment", "web", "Planned", "$")
}

// followsPolicies checks that a changed policy and a changed number of replicas are planned, and what cannot be.
func (e *placementEnv) followsPolicies() {
	e.Helper()
	const only = "residency: {jurisdictions: [EU]}\nlocations: {required: [{key: tradewind.dev/cloud, operator: In, values: [%s]}]}"
	for _, cloud := range []string{"azure", "aws"} {
		began := time.Now()
		e.policy("web", fmt.Sprintf(only, cloud))
		changed := e.awaitPlacement("deployment-web", "to go to "+cloud, func(p *v1alpha1.Placement) error {
			if clouds := cloudsOf(p); len(clouds) != 1 || clouds[cloud] != 6 {
				return errors.New("it has not")
			}
			return nil
		})
		e.Logf("the changed policy was visible after %v", time.Since(began).Round(time.Millisecond))
		if conditionOf(changed, v1alpha1.ConditionInPlace).Status != metav1.ConditionFalse || changed.Status.InPlace > 3 {
			e.Errorf("replicas elsewhere are in place: %+v", changed.Status)
		}
	}
	e.policy("web", fmt.Sprintf(only, "hetzner"))
	e.awaitPlacement("deployment-web", "to have no place", func(p *v1alpha1.Placement) error {
		planned := conditionOf(p, v1alpha1.ConditionPlanned)
		if planned.Status != metav1.ConditionFalse || planned.Reason != "Unplaced" || p.Status.Unplaced != 6 {
			return errors.New("it has one")
		}
		return nil
	})
	e.expectEvent("Deployment", "web", "Unplaced", "6 of 6 replicas have no place")
}

// keepsDecisions checks that a policy that cannot be read changes no decision.
func (e *placementEnv) keepsDecisions() {
	e.Helper()
	e.policy("web", "residency: {jurisdictions: [EU]}\nlocations: {required: [{key: tradewind.dev/cloud, operator: In, values: [gcp]}]}")
	before := e.awaitPlacement("deployment-web", "to go to gcp", func(p *v1alpha1.Placement) error {
		if cloudsOf(p)["gcp"] != 6 {
			return errors.New("it has not")
		}
		return nil
	})
	e.policy("web", "residency: {jurisdictions: [Atlantis]}")
	after := e.awaitPlacement("deployment-web", "to say what is wrong", func(p *v1alpha1.Placement) error {
		planned := conditionOf(p, v1alpha1.ConditionPlanned)
		if planned.Status != metav1.ConditionFalse || planned.Reason != "Invalid" || !strings.Contains(planned.Message, `"Atlantis"`) {
			return errors.New("it does not")
		}
		return nil
	})
	if !maps.Equal(cloudsOf(before), cloudsOf(after)) {
		e.Errorf("the decisions were %v and are %v", cloudsOf(before), cloudsOf(after))
	}
}

// holdsWithoutController checks that the scheduler goes on by the last plan, and by every rule, while no controller runs.
func (e *placementEnv) holdsWithoutController() {
	e.Helper()
	e.policy("web", "residency: {jurisdictions: [EU]}\nspread: [{topologyKey: tradewind.dev/cloud, maxSharePercent: 50}]")
	e.policy("db", "residency: {jurisdictions: [EU]}\nlocations: {required: [{key: tradewind.dev/cloud, operator: In, values: [gcp]}]}")
	e.deployment("db", 2)
	e.inPlace("db", 2)
	// The rule that kept it there goes; the plan stays, since moving would cost more than it saves or nobody moves it.
	e.policy("strict", `
residency: {jurisdictions: [EU]}
enforcement: Strict`)
	e.deployment("strict", 2)
	strict := e.inPlace("strict", 2)
	e.controller.Stop(e.T)

	cloud := strict.Status.Decisions[0].Cloud
	if len(strict.Status.Decisions) != 1 {
		e.Fatalf("the two replicas are in several places: %+v", strict.Status.Decisions)
	}
	e.scale("strict", 4)
	e.cordon(cloud, strict.Status.Decisions[0].Region, true)
	e.scale("strict", 6)
	waitFor(e.T, "replicas of strict to wait for their place", func(ctx context.Context) error {
		list, err := e.cluster.Client().CoreV1().Pods("shop").List(ctx, metav1.ListOptions{LabelSelector: "app=strict"})
		if err != nil {
			return err
		}
		for i := range list.Items {
			message := scheduledCondition(&list.Items[i]).Message
			if list.Items[i].Spec.NodeName == "" && strings.Contains(message, " outside the plan of Placement shop/deployment-strict") {
				return nil
			}
		}
		return fmt.Errorf("none of %d pods does", len(list.Items))
	})
	e.cordon(cloud, strict.Status.Decisions[0].Region, false)
	waitFor(e.T, "all replicas of strict", func(context.Context) error {
		places := e.places("strict")
		if len(places) > 1 {
			e.Fatalf("strict went outside the plan: %v", places)
		}
		for place, count := range places {
			if count == 6 && strings.HasPrefix(place, cloud+"/") {
				return nil
			}
		}
		return fmt.Errorf("they are in %v", places)
	})
	e.scale("db", 4)
	waitFor(e.T, "four replicas of db by the rules", func(context.Context) error {
		if places := e.places("db"); places["gcp/europe-west1/europe-west1-b/e2-standard-4"] != 4 {
			return fmt.Errorf("they are in %v", places)
		}
		return nil
	})
	e.startController()
	e.inPlace("strict", 6)
	e.inPlace("db", 4)
}

func (e *placementEnv) cordon(cloud, region string, unschedulable bool) {
	e.Helper()
	patch := fmt.Appendf(nil, `{"spec":{"unschedulable":%v}}`, unschedulable)
	for _, node := range e.cluster.NodesOf(e.T, "") {
		at := location.FromNode(&node, location.DefaultOptions())
		if at.Cloud != cloud || at.Region != region {
			continue
		}
		if _, err := e.cluster.Client().CoreV1().Nodes().
			Patch(e.Context(), node.Name, types.MergePatchType, patch, metav1.PatchOptions{}); err != nil {
			e.Fatal(err)
		}
	}
}

// writesNothingNew checks that a controller that starts anew while nothing changed writes no plan, and that what
// somebody else changes is put right.
func (e *placementEnv) writesNothingNew() {
	e.Helper()
	e.rests()
	contents := func() map[string]string {
		out := map[string]string{}
		for _, resource := range []string{"placements", "cloudpools"} {
			list, err := e.objects.Resource(v1alpha1.GroupVersion.WithResource(resource)).List(e.Context(), metav1.ListOptions{})
			if err != nil {
				e.Fatal(err)
			}
			for i := range list.Items {
				out[resource+"/"+list.Items[i].GetName()] = fmt.Sprint(list.Items[i].GetResourceVersion(),
					list.Items[i].Object["spec"], list.Items[i].Object["status"])
			}
		}
		return out
	}
	before := contents()
	e.controller.Stop(e.T)
	e.startController()
	if writes := e.rests(); writes > 0 {
		e.Errorf("the new controller wrote %d times though nothing changed", writes)
	}
	for name, now := range contents() {
		if before[name] != now {
			e.Errorf("%s was\n%s\nand is\n%s", name, before[name], now)
		}
	}
	placements := e.objects.Resource(v1alpha1.GroupVersion.WithResource("placements")).Namespace("shop")
	tamper := []byte(`{"status":{"decisions":[{"pool":"nowhere","replicas":6}],"conditions":[` +
		`{"type":"Rebalancing","status":"True","reason":"Moving","message":"","lastTransitionTime":"2026-01-01T00:00:00Z"}]}}`)
	if _, err := placements.Patch(e.Context(), "deployment-db", types.MergePatchType, tamper, metav1.PatchOptions{}, "status"); err != nil {
		e.Fatal(err)
	}
	db := e.inPlace("db", 4)
	if conditionOf(db, v1alpha1.ConditionRebalancing).Reason != "Moving" {
		e.Errorf("the condition of another writer is lost: %+v", db.Status.Conditions)
	}
}

// goesWithItsPolicy checks that a Placement goes when no policy selects the workload, or the workload goes.
func (e *placementEnv) goesWithItsPolicy() {
	e.Helper()
	policies := e.objects.Resource(v1alpha1.GroupVersion.WithResource("placementpolicies")).Namespace("shop")
	if err := policies.Delete(e.Context(), "db", metav1.DeleteOptions{}); err != nil {
		e.Fatal(err)
	}
	if err := e.cluster.Client().AppsV1().Deployments("shop").Delete(e.Context(), "strict", metav1.DeleteOptions{}); err != nil {
		e.Fatal(err)
	}
	for _, name := range []string{"deployment-db", "deployment-strict"} {
		waitFor(e.T, name+" to go", func(ctx context.Context) error {
			_, err := e.placement(ctx, name)
			if apierrors.IsNotFound(err) {
				return nil
			}
			return fmt.Errorf("it is there: %w", errors.Join(err))
		})
	}
	if _, err := e.cluster.Client().AppsV1().Deployments("shop").Get(e.Context(), "db", metav1.GetOptions{}); err != nil {
		e.Errorf("the workload of a deleted policy: %v", err)
	}
}
