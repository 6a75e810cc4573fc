package placement

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/kube/loop"
	"tradewind.dev/tradewind/pkg/kube/loop/looptest"
)

// decided are the replicas of a Placement by cloud.
func decided(p *v1alpha1.Placement) map[string]int {
	out := map[string]int{}
	for _, d := range p.Status.Decisions {
		out[d.Cloud] += int(d.Replicas)
	}
	return out
}

func conditionText(p *v1alpha1.Placement, kind string) string {
	condition := meta.FindStatusCondition(p.Status.Conditions, kind)
	if condition == nil {
		return "none"
	}
	return fmt.Sprintf("%s %s: %s", condition.Status, condition.Reason, condition.Message)
}

// said empties the events.
func (b *bench) said() []string {
	var out []string
	for {
		select {
		case text := <-b.events.Events:
			out = append(out, text)
		default:
			return out
		}
	}
}

const onlyAWS = "locations: {required: [{key: tradewind.dev/cloud, operator: In, values: [aws]}]}"

// TestRound is about a plan from the first round to one in which nothing changes.
func TestRound(t *testing.T) {
	b := newBench(t)
	b.nodes(aws("a1", "eu-west-1"), aws("a2", "eu-west-1"), gcp("g1"), aws("far", "us-east-1"))
	b.policy("web", "residency: {jurisdictions: [EU]}\nspread: [{topologyKey: tradewind.dev/cloud, maxSharePercent: 50}]\navailability: {survive: cloud, minReplicasPercent: 50}")
	b.deployment("web", 4, "500m")
	b.deployment("free", 1, "500m") // no policy selects it
	b.pods("web", "g1", "500m", 3)
	b.mustPlan()
	p := b.get("web")
	if p == nil || b.get("free") != nil {
		t.Fatal("there should be one Placement, of web")
	}
	if got := decided(p); got["aws"] != 2 || got["gcp"] != 2 {
		t.Errorf("it is placed on %v", got)
	}
	if p.Status.Replicas != 4 || p.Status.InPlace != 2 || p.Status.Unplaced != 0 {
		t.Errorf("got %+v", p.Status)
	}
	if got := conditionText(p, v1alpha1.ConditionInPlace); got != "False NotInPlace: 2 of 4 replicas run where the plan wants them" {
		t.Errorf("InPlace: %s", got)
	}
	if got := conditionText(p, v1alpha1.ConditionPlanned); !strings.HasPrefix(got, "True Planned: 2 on ") || !strings.HasSuffix(got, "/h") {
		t.Errorf("Planned: %s", got)
	}
	if owner := metav1.GetControllerOf(p); owner == nil || owner.UID != "uid-web" || owner.Kind != "Deployment" {
		t.Errorf("its owner is %+v", owner)
	}
	if len(p.Status.Survives) != 2 || p.Status.Survives[0] != (v1alpha1.PlacementSurvival{Domain: "aws", Replicas: 2, Recovered: 2}) {
		t.Errorf("it survives %+v", p.Status.Survives)
	}
	if !slices.ContainsFunc(p.Status.Rejected, func(r v1alpha1.PlacementRejection) bool { return r.Rule == "residency" }) {
		t.Errorf("rejected are %+v", p.Status.Rejected)
	}
	if p.Status.HourlyUSD == nil || p.Status.HourlyUSD.Compute == "0" || p.Status.CurrentHourlyUSD == "" || p.Status.SavingsHourlyUSD != "" {
		t.Errorf("the bill is %+v, now %s, savings %q of a workload that does not run as a whole", p.Status.HourlyUSD, p.Status.CurrentHourlyUSD, p.Status.SavingsHourlyUSD)
	}
	if said := b.said(); len(said) != 1 || !strings.HasPrefix(said[0], "Normal Planned 2 on ") {
		t.Errorf("events: %q", said)
	}
	if len(b.rounds) != 1 || b.rounds[0].Plan.Replicas != 4 {
		t.Fatalf("listeners were told %d rounds", len(b.rounds))
	}

	writes := b.writes
	b.mustPlan()
	if b.writes != writes || len(b.said()) > 0 {
		t.Errorf("%d writes while nothing changed", b.writes-writes)
	}
	anew := newPlanner(b.api, b.events, b.options)
	anew.objects = b.objects
	anew.world.Store(b.Planner.world.Load())
	if err := anew.round(t.Context()); err != nil || b.writes != writes || len(b.said()) > 0 {
		t.Errorf("a planner that starts anew writes %d times: %v", b.writes-writes, err)
	}

	b.pods("web", "a1", "500m", 1)
	b.mustPlan()
	if p = b.get("web"); p.Status.InPlace != 3 || p.Status.SavingsHourlyUSD == "" || b.writes != writes+1 {
		t.Errorf("with all running: %+v after %d writes", p.Status, b.writes-writes)
	}
	if len(b.said()) > 0 {
		t.Error("an event of a plan that has not changed")
	}
}

// TestKeeps is about what changes no decision.
func TestKeeps(t *testing.T) {
	cordoned := aws("a1", "eu-west-1")
	cordoned.Spec.Unschedulable = true
	for _, c := range []struct {
		name string
		do   func(*bench)
		want string
	}{
		{"no node is usable", func(b *bench) { b.nodes(cordoned) }, "Unknown Uncertain: 0 of 1 node can be used now; the last plan stays"},
		{"all nodes are gone", func(b *bench) { b.objects.Nodes.Remove(cordoned) }, "Unknown Uncertain: 0 of 0 nodes can be used now; the last plan stays"},
		{"the policy cannot be read", func(b *bench) { b.policy("web", "residency: {jurisdictions: [Atlantis]}") }, "False Invalid: PlacementPolicy shop/web: spec.residency.jurisdictions"},
		{"the namespace is not read", func(b *bench) {
			b.world.ClusterPlacementPolicies = []*v1alpha1.ClusterPlacementPolicy{{
				ObjectMeta: metav1.ObjectMeta{Name: "all", UID: "all"}, Spec: v1alpha1.ClusterPolicySpec{NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"a": "b"}}},
			}}
			b.inForce()
			b.objects.Namespaces.Remove(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop"}})
		}, "Unknown Uncertain: the labels of namespace shop are not read yet; the last plan stays"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			b.nodes(aws("a1", "eu-west-1"))
			b.policy("web", onlyAWS)
			b.deployment("web", 2, "500m")
			b.mustPlan()
			before := b.get("web")
			b.said()
			c.do(b)
			b.deployment("web", 3, "500m")
			if err := b.plan(); err != nil {
				t.Fatal(err)
			}
			after := b.get("web")
			if len(after.Status.Decisions) != 1 || after.Status.Decisions[0].Replicas != 2 || !after.Status.PlannedAt.Equal(before.Status.PlannedAt) {
				t.Errorf("the decisions were %+v and are %+v", before.Status.Decisions, after.Status.Decisions)
			}
			if got := conditionText(after, v1alpha1.ConditionPlanned); !strings.HasPrefix(got, c.want) {
				t.Errorf("Planned: %s, want %s", got, c.want)
			}
			if after.Status.Replicas != 3 {
				t.Errorf("it wants %d replicas", after.Status.Replicas)
			}
			if said := b.said(); len(said) != 1 {
				t.Errorf("events: %q", said)
			}
		})
	}
}

// TestUnplaced is about replicas without a place: others take the room.
func TestUnplaced(t *testing.T) {
	b := newBench(t)
	b.nodes(aws("a1", "eu-west-1"))
	b.policy("web", onlyAWS)
	b.deployment("web", 3, "600m")
	b.deployment("other", 1, "700m")
	b.pods("other", "a1", "700m", 1)
	b.mustPlan()
	p := b.get("web")
	if p.Status.Unplaced != 1 || decided(p)["aws"] != 2 {
		t.Fatalf("got %+v", p.Status)
	}
	if got := conditionText(p, v1alpha1.ConditionPlanned); !strings.HasPrefix(got, "False Unplaced: 1 of 3 replicas has no place: ") {
		t.Errorf("Planned: %s", got)
	}
	if said := b.said(); len(said) != 1 || !strings.HasPrefix(said[0], "Warning Unplaced") {
		t.Errorf("events: %q", said)
	}
	// A pod that is ending takes its room until it is gone, and is no replica any more.
	ending := b.objects.Pods.All()[0].DeepCopy()
	ending.DeletionTimestamp = &metav1.Time{Time: b.clock.Now()}
	b.objects.Pods.Set(ending)
	b.mustPlan()
	if p = b.get("web"); p.Status.Unplaced != 1 {
		t.Errorf("the room of a pod that is ending was given away: %+v", p.Status)
	}
	b.objects.Pods.Remove(ending)
	b.mustPlan()
	if p = b.get("web"); p.Status.Unplaced != 0 {
		t.Errorf("got %+v", p.Status)
	}
}

// TestQuota is about replicas that a ResourceQuota refuses, beside those of another workload.
func TestQuota(t *testing.T) {
	b := newBench(t)
	b.nodes(aws("a1", "eu-west-1"))
	b.policy("web", onlyAWS)
	b.policy("batch", onlyAWS)
	b.deployment("web", 1, "600m")
	b.deployment("batch", 1000, "600m")
	b.objects.Quotas.Set(&corev1.ResourceQuota{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "small", UID: "small"},
		Spec:       corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{corev1.ResourcePods: resource.MustParse("2")}},
	})
	b.mustPlan()
	if p := b.get("web"); p.Status.Unplaced+b.get("batch").Status.Unplaced != 999 {
		t.Errorf("got %+v", p.Status)
	}
	const want = "False Unplaced: 998 of 1000 replicas have no place: ResourceQuota shop/small leaves room for 2 more of its pods"
	if got := conditionText(b.get("batch"), v1alpha1.ConditionPlanned); got != want {
		t.Errorf("Planned: %s", got)
	}
}

// TestGoes is about Placements that nobody needs any more.
func TestGoes(t *testing.T) {
	b := newBench(t)
	b.nodes(aws("a1", "eu-west-1"))
	b.policy("web", onlyAWS)
	b.deployment("web", 1, "500m")
	byHand := &v1alpha1.Placement{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "by-hand"},
		Spec:       v1alpha1.PlacementSpec{Workload: v1alpha1.PlacementWorkload{APIVersion: "apps/v1", Kind: "Deployment", Name: "x"}},
	}
	if err := b.api.Create(t.Context(), byHand); err != nil {
		t.Fatal(err)
	}
	b.mustPlan()
	if b.get("web") == nil {
		t.Fatal("there is no Placement")
	}
	b.policy("web", "")
	b.mustPlan()
	if b.get("web") != nil {
		t.Error("the Placement of a workload without policies is still there")
	}
	if err := b.api.Get(t.Context(), client.ObjectKeyFromObject(byHand), byHand); err != nil {
		t.Errorf("a Placement that the planner did not make: %v", err)
	}
}

// TestPutsRight is about a status that somebody else changed, and fields that others write.
func TestPutsRight(t *testing.T) {
	b := newBench(t)
	b.nodes(aws("a1", "eu-west-1"))
	b.policy("web", onlyAWS)
	b.deployment("web", 1, "500m")
	b.mustPlan()
	b.refresh()
	moves := []byte(`{"status":{"moved":[{"pod":"web-1","from":"a","reason":"Drain","time":"2026-01-01T00:00:00Z"}]}}`)
	if err := b.api.Status().Patch(t.Context(), b.get("web"), client.RawPatch(types.MergePatchType, moves)); err != nil {
		t.Fatal(err)
	}
	if b.asks(b.refresh) {
		t.Error("what others write asks for a new plan")
	}
	changed := b.get("web")
	changed.Status.Decisions[0].Replicas = 77
	if err := b.api.Status().Update(t.Context(), changed); err != nil {
		t.Fatal(err)
	}
	if !b.asks(b.refresh) {
		t.Error("a changed status asks for no new plan")
	}
	b.mustPlan()
	if p := b.get("web"); p.Status.Decisions[0].Replicas != 1 || len(p.Status.Moved) != 1 {
		t.Errorf("got %+v", p.Status)
	}
}

// quiet forgets that a round is asked for.
func (b *bench) quiet() {
	if !b.asking { // where nothing has been asked for yet
		b.Planner.loop = loop.New(b.clock, settle, 0)
	}
}

// asks says whether what happens asks for a round.
func (b *bench) asks(happens func()) bool {
	b.Helper()
	b.asking = true
	defer func() { b.asking = false; b.quiet() }()
	return looptest.Asks(b.TB.(*testing.T), func(l *loop.Loop) { b.Planner.loop = l }, happens)
}

// TestRefusedWrite is about an API server that refuses writes for a while.
func TestRefusedWrite(t *testing.T) {
	b := newBench(t)
	b.nodes(aws("a1", "eu-west-1"))
	for i := range 8 {
		name := fmt.Sprintf("web%d", i)
		b.policy(name, onlyAWS)
		b.deployment(name, 1, "50m")
	}
	b.refuse = errors.New("down for maintenance")
	err := b.plan()
	if err == nil || strings.Count(err.Error(), "down for maintenance") != maxErrors || !strings.Contains(err.Error(), "and 3 more") {
		t.Errorf("got %v", err)
	}
	b.refuse = nil
	b.mustPlan()
	if b.get("web7") == nil {
		t.Error("the write was not tried again")
	}
}

// TestDesired is about how many replicas workloads want.
func TestDesired(t *testing.T) {
	b := newBench(t)
	b.deployment("web", 3, "1")
	b.job("all", 4, 10, 2, false, false)
	b.job("last", 4, 10, 9, false, false)
	b.job("paused", 4, 10, 0, true, false)
	b.job("done", 4, 10, 10, false, true)
	got := map[string]int{}
	for _, w := range b.objects.Workloads() {
		got[w.Kind+" "+w.Name] = w.Replicas
	}
	want := map[string]int{"Deployment web": 3, "Job all": 4, "Job last": 1, "Job paused": 0}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestSignals is about which changes ask for a new plan.
func TestSignals(t *testing.T) {
	b := newBench(t)
	node := aws("a1", "eu-west-1")
	b.nodes(node)
	b.deployment("web", 1, "1")
	b.pods("web", "a1", "1", 1)
	pod := b.objects.Pods.All()[0]
	ready := pod.DeepCopy()
	ready.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
	labelled := ready.DeepCopy()
	labelled.Labels["a"] = "b"
	alone := labelled.DeepCopy()
	alone.OwnerReferences = nil
	pool := &v1alpha1.CloudPool{ObjectMeta: metav1.ObjectMeta{Name: "p", UID: types.UID("p")}}
	set := &appsv1.ReplicaSet{ObjectMeta: metav1.ObjectMeta{
		Namespace: "shop", Name: "web-abc", UID: types.UID("web-abc"),
		OwnerReferences: []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "Deployment", Name: "web", Controller: ptr.To(true)}},
	}}
	for _, c := range []struct {
		name string
		do   func()
		want bool
	}{
		{"a heartbeat", func() { same := node.DeepCopy(); same.ResourceVersion = "2"; b.nodes(same) }, false},
		{"the labels that the controller writes", func() {
			same := node.DeepCopy()
			same.Labels[v1alpha1.LabelCloud], same.Labels[v1alpha1.LabelCountry] = "aws", "IE"
			b.nodes(same)
		}, false},
		{"a label that says that it is elsewhere", func() {
			changed := node.DeepCopy()
			changed.Labels[v1alpha1.LabelCountry] = "DE"
			b.nodes(changed)
		}, true},
		{"a cordon", func() { changed := node.DeepCopy(); changed.Spec.Unschedulable = true; b.nodes(changed) }, true},
		{"a pod that becomes ready", func() { b.objects.Pods.Set(ready) }, true},
		{"a label of a pod", func() { b.objects.Pods.Set(labelled) }, false},
		{"a pod that its controller has let go", func() { b.objects.Pods.Set(alone) }, true},
		{"a label of a pod of no workload", func() {
			changed := alone.DeepCopy()
			changed.Labels["a"] = "c"
			b.objects.Pods.Set(changed)
		}, true},
		{"a status of a Deployment", func() {
			changed := b.objects.Deployments.All()[0].DeepCopy()
			changed.Status.ReadyReplicas = 1
			b.objects.Deployments.Set(changed)
		}, false},
		{"a ReplicaSet", func() { b.objects.ReplicaSets.Set(set) }, true},
		{"a ReplicaSet that says how many run", func() {
			same := set.DeepCopy()
			same.Status.Replicas, same.ResourceVersion = 1, "2"
			b.objects.ReplicaSets.Set(same)
		}, false},
		{"a ReplicaSet that its Deployment has let go", func() {
			bare := set.DeepCopy()
			bare.OwnerReferences = nil
			b.objects.ReplicaSets.Set(bare)
		}, true},
		{"a namespace that is being deleted", func() { b.endNamespace("shop") }, true},
		{"one that still is", func() { b.endNamespace("shop") }, false},
		{"a scaled Deployment", func() { b.deployment("web", 2, "1") }, true},
		{"a pod that is gone", func() { b.objects.Pods.Remove(pod) }, true},
		{"a pool", func() { b.objects.CloudPools.Set(pool) }, true},
		{"a status of a pool", func() {
			changed := pool.DeepCopy()
			changed.Status.Nodes = 3
			b.objects.CloudPools.Set(changed)
		}, false},
	} {
		if got := b.asks(c.do); got != c.want {
			t.Errorf("%s: asks for a plan: %v", c.name, got)
		}
	}
}

// TestNoPoolCounts is about the time after the loss of all there is: nodes are back, and none of their pools counts again yet. What
// runs keeps its plan.
func TestNoPoolCounts(t *testing.T) {
	b := newBench(t)
	b.nodes(aws("a1", "eu-west-1"))
	b.policy("web", onlyAWS)
	b.deployment("web", 2, "100m")
	b.pods("web", "a1", "100m", 2)
	b.mustPlan()
	b.options.Availability = lost{cloud: "aws"}
	b.mustPlan()
	if got := decided(b.get("web")); got["aws"] != 2 {
		t.Errorf("it is planned on %v", got)
	}
	if got := conditionText(b.get("web"), v1alpha1.ConditionPlanned); !strings.HasPrefix(got, "Unknown Uncertain: 0 of 1 pool can be planned on now: pool ") {
		t.Errorf("Planned is %s", got)
	}
}

// TestAvailability is about places that must not be used now.
func TestAvailability(t *testing.T) {
	for _, c := range []struct {
		name string
		lost lost
		want string
	}{
		{"nothing", lost{}, "gcp"}, {"the node", lost{node: "g1"}, "aws"}, {"the cloud", lost{cloud: "gcp"}, "aws"},
	} {
		b := newBench(t)
		b.options.Objective = engine.ObjectiveShares // the preference is worth less than the larger machine costs more
		b.options.Availability = c.lost
		b.nodes(aws("a1", "eu-west-1"), gcp("g1"))
		b.policy("web", "residency: {jurisdictions: [EU]}\nlocations: {preferred: [{weight: 100, key: tradewind.dev/cloud, operator: In, values: [gcp]}]}")
		b.deployment("web", 2, "100m")
		b.mustPlan()
		if got := decided(b.get("web")); got[c.want] != 2 {
			t.Errorf("%s lost: placed on %v", c.name, got)
		}
	}
}
