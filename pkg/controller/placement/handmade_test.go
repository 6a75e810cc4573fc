package placement

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"tradewind.dev/tradewind/apis/v1alpha1"
)

// handmade makes a Placement as somebody does by hand, without a status.
func (b *bench) handmade(name, deployment string) {
	b.Helper()
	object := &v1alpha1.Placement{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name}}
	object.Spec.Workload = v1alpha1.PlacementWorkload{APIVersion: "apps/v1", Kind: "Deployment", Name: deployment}
	if err := b.api.Create(b.Context(), object); err != nil {
		b.Fatal(err)
	}
	b.refresh()
}

// TestHandmadePlacements: one that somebody made by hand said nothing for ever. It says why it says nothing, once, stays, and is the
// plan's as soon as its workload is planned.
func TestHandmadePlacements(t *testing.T) {
	b := newBench(t)
	b.nodes(aws("a1", "eu-west-1"))
	b.policy("web", onlyAWS)
	b.deployment("web", 1, "200m")
	b.handmade("deployment-web", "web")
	b.handmade("deployment-later", "later")
	b.handmade("mine", "web")
	b.mustPlan()
	web := b.get("web")
	if web.Status.Replicas != 1 || len(web.Status.Decisions) != 1 || web.Labels[v1alpha1.LabelWorkloadName] != "web" || metav1.GetControllerOf(web) == nil {
		t.Errorf("of what is planned: %+v", web)
	}
	said := func(name string) string {
		var object v1alpha1.Placement
		if err := b.api.Get(t.Context(), client.ObjectKey{Namespace: "shop", Name: name}, &object); err != nil {
			t.Fatal(err)
		}
		return conditionText(&object, v1alpha1.ConditionPlanned)
	}
	if got := said("deployment-later"); got != "False NotPlanned: there is no Deployment shop/later that a policy selects; delete this Placement, or make them" {
		t.Errorf("of a workload that is not there: %s", got)
	}
	if got := said("mine"); got != "False NotPlanned: the Placement of Deployment shop/web is deployment-web, which the controller makes; delete this one" {
		t.Errorf("of another name: %s", got)
	}
	writes := b.writes
	b.mustPlan()
	if err := b.planAll(t.Context(), b.Planner.world.Load()); err != nil {
		t.Fatal(err)
	}
	if b.writes != writes {
		t.Errorf("it is written %d times more", b.writes-writes)
	}
	b.policy("later", onlyAWS)
	b.deployment("later", 1, "200m")
	b.mustPlan()
	if got := said("deployment-later"); !strings.HasPrefix(got, "True Planned: ") {
		t.Errorf("once it is planned: %s", got)
	}
}
