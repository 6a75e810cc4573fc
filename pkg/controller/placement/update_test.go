package placement

import (
	"fmt"
	"math"
	"reflect"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	testingclock "k8s.io/utils/clock/testing"
	"pgregory.net/rapid"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/internal/verify"
	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/planning"
	"tradewind.dev/tradewind/pkg/planning/rounds"
)

// solver is what made the last plan of everything; nil where changes are not planned around that.
func (b *bench) solver() *engine.Solver {
	if b.kept == nil {
		return nil
	}
	return b.kept.solution.solver
}

// updated makes a round, and says whether it planned no more than what had changed.
func (b *bench) updated() bool {
	b.Helper()
	before := b.solver()
	b.mustPlan()
	return before != nil && b.solver() == before
}

// shop is a cluster of three workloads under policies of their own, one that no policy selects, and room to spare.
func shop(t testing.TB) *bench {
	b := newBench(t)
	b.options.Objective = engine.ObjectiveShares // by invoice a machine more for one of three is far from the best plan
	for i := range 4 {
		b.nodes(aws(fmt.Sprintf("a%d", i), "eu-west-1"), aws(fmt.Sprintf("u%d", i), "us-east-1"), gcp(fmt.Sprintf("g%d", i)))
	}
	for _, name := range []string{"web", "api", "db"} {
		b.policy(name, "residency: {jurisdictions: [EU]}")
		b.deployment(name, 2, "200m")
	}
	b.deployment("free", 2, "200m")
	b.pods("free", "a0", "200m", 2)
	b.mustPlan()
	return b
}

// TestChangesPlanWhatTheyConcern: every change planned every workload anew. Now those that concern some workloads plan these, and
// those that all plans rest on plan everything; either way the Placement says what is true.
func TestChangesPlanWhatTheyConcern(t *testing.T) {
	const onGCP = "locations: {required: [{key: tradewind.dev/cloud, operator: In, values: [gcp]}]}"
	for _, tt := range []struct {
		name   string
		change func(b *bench)
		update bool
		check  func(t *testing.T, web *v1alpha1.Placement)
	}{
		{"a policy", func(b *bench) { b.policy("web", onGCP) }, true, func(t *testing.T, web *v1alpha1.Placement) {
			if got := decided(web); got["gcp"] != 2 {
				t.Errorf("placed on %v", got)
			}
		}},
		{"a pressing policy while others' pods come", func(b *bench) {
			b.pods("free", "g1", "200m", 1)
			b.policy("web", onGCP)
			b.press()
		}, true, func(t *testing.T, web *v1alpha1.Placement) {
			if got := decided(web); got["gcp"] != 2 {
				t.Errorf("placed on %v", got)
			}
		}},
		{"replicas", func(b *bench) { b.deployment("web", 5, "200m") }, true, func(t *testing.T, web *v1alpha1.Placement) {
			if web.Status.Replicas != 5 || web.Status.Unplaced != 0 {
				t.Errorf("got %+v", web.Status)
			}
		}},
		{"pods of a workload", func(b *bench) { b.pods("web", "a1", "200m", 2) }, true, func(t *testing.T, web *v1alpha1.Placement) {
			if web.Status.CurrentHourlyUSD == "" || web.Status.InPlace != 2 {
				t.Errorf("got %+v", web.Status)
			}
		}},
		{"a Placement that somebody edited", func(b *bench) {
			object := b.get("web")
			object.Status.Replicas = 77
			if err := b.api.Status().Update(b.Context(), object); err != nil {
				b.Fatal(err)
			}
			b.refresh()
		}, true, func(t *testing.T, web *v1alpha1.Placement) {
			if web.Status.Replicas != 2 {
				t.Errorf("it says %d replicas still", web.Status.Replicas)
			}
		}},
		{"more replicas than there is room for", func(b *bench) { b.deployment("web", 500, "200m") }, false, func(t *testing.T, web *v1alpha1.Placement) {
			if web.Status.Unplaced == 0 {
				t.Errorf("got %+v", web.Status)
			}
		}},
		{"replicas while others have no place", func(b *bench) {
			b.deployment("db", 500, "200m")
			b.mustPlan()
			b.deployment("web", 3, "200m")
		}, false, nil},
		{"pods of others", func(b *bench) { b.pods("free", "g1", "200m", 1) }, false, nil},
		{"a workload more", func(b *bench) { b.policy("new", onlyAWS); b.deployment("new", 1, "200m") }, false, nil},
		{"a policy gone", func(b *bench) { b.policy("web", "") }, false, func(t *testing.T, web *v1alpha1.Placement) {
			if web != nil {
				t.Error("its Placement is there still")
			}
		}},
		{"a policy that selects one more", func(b *bench) { b.policy("free", onlyAWS) }, false, nil},
		{"another node selector", func(b *bench) {
			web, _ := b.objects.Deployments.Get("shop", "web")
			changed := web.DeepCopy()
			changed.Spec.Template.Spec.NodeSelector = map[string]string{"disk": "fast"}
			changed.Generation++
			b.objects.Deployments.Set(changed)
		}, false, nil},
		{"a node", func(b *bench) { b.nodes(gcp("g9")) }, false, nil},
		{"a price", func(b *bench) {
			b.world.PriceLists = append(b.world.PriceLists, v1alpha1.PriceList{})
			b.inForce()
		}, false, nil},
		{"replicas after all nodes of a pool were cordoned", func(b *bench) {
			b.cordonGCP()
			b.mustPlan()
			b.deployment("web", 3, "200m")
		}, true, func(t *testing.T, web *v1alpha1.Placement) {
			if got := decided(web); got["aws"] != 3 {
				t.Errorf("placed on %v", got)
			}
		}},
		{"a loss", func(b *bench) { b.options.Availability = lost{node: "g0"}; b.Replan() }, false, nil},
		{"a loss that nobody told of", func(b *bench) { b.options.Availability = lost{node: "g0"} }, false, nil},
		{"the time since another change", func(b *bench) {
			b.deployment("web", 3, "200m")
			b.mustPlan()
			b.clock.(*testingclock.FakeClock).Step(wholeInterval)
		}, false, nil},
		{"nothing for long", func(b *bench) { b.clock.(*testingclock.FakeClock).Step(wholeInterval); b.deployment("web", 3, "200m") }, true, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := shop(t)
			tt.change(b)
			told := len(b.rounds)
			if updated := b.updated(); updated != tt.update {
				t.Errorf("planned by an update: %t, want %t", updated, tt.update)
			}
			if len(b.rounds) != told+1 {
				t.Fatalf("listeners were told %d rounds", len(b.rounds)-told)
			}
			if tt.check != nil {
				tt.check(t, b.get("web"))
			}
			b.same(t)
		})
	}
}

// cordonGCP cordons all nodes of gcp.
func (b *bench) cordonGCP() {
	for i := range 4 {
		node := gcp(fmt.Sprintf("g%d", i))
		node.Spec.Unschedulable = true
		b.nodes(node)
	}
}

// TestExposedWorkloadsArePlannedWhole: while workloads run without what they must survive, a change plans everything: they may have that
// again.
func TestExposedWorkloadsArePlannedWhole(t *testing.T) {
	b := shop(t)
	b.policy("web", "residency: {jurisdictions: [EU]}\navailability: {survive: cloud, minReplicasPercent: 50}")
	b.mustPlan()
	b.cordonGCP()
	b.mustPlan()
	if got := decided(b.get("web")); got["aws"] != 2 {
		t.Fatalf("placed on %v", got)
	}
	b.deployment("api", 3, "200m")
	if b.updated() {
		t.Error("a change was planned around workloads that run without what they must survive")
	}
}

// presser is an Availability that brings a pressing change whenever it is asked.
type presser struct {
	lost
	press func()
}

func (p presser) Doubts() rounds.Doubts { p.press(); return p.lost.Doubts() }

// TestWhatGaveWayIsWritten: writes that gave way to a pressing change are made by the next round, though that plans no more than
// what the change concerns.
func TestWhatGaveWayIsWritten(t *testing.T) {
	b := shop(t)
	for _, name := range []string{"web", "api"} {
		object := b.get(name)
		object.Status.InPlace = 9
		if err := b.api.Status().Update(b.Context(), object); err != nil {
			t.Fatal(err)
		}
	}
	b.refresh()
	b.options.Availability = presser{press: b.press}
	updated := false
	asked := b.asks(func() { updated = b.updated() })
	if !updated {
		t.Error("everything was planned")
	}
	if b.get("web").Status.InPlace != 9 || b.get("api").Status.InPlace != 9 {
		t.Fatal("nothing gave way")
	}
	if !asked {
		t.Error("what gave way asks for no round")
	}
	b.policy("db", onlyAWS)
	updated = b.updated() // it gives way to nothing
	if web, api := b.get("web").Status.InPlace, b.get("api").Status.InPlace; web != 0 || api != 0 || !updated {
		t.Errorf("what gave way is not written: %d and %d in place; planned by an update: %t", web, api, updated)
	}
	if got := decided(b.get("db")); got["aws"] != 2 {
		t.Errorf("the change is placed on %v", got)
	}
}

// TestWhatMovesBringIsWrittenLater: a pressing change keeps one workload on a machine that was to become empty. That the other's move
// brings nothing then is written in the next round, after what presses.
func TestWhatMovesBringIsWrittenLater(t *testing.T) {
	b := newBench(t)
	b.nodes(aws("a", "eu-west-1"), gcp("d"))
	b.deployment("free", 1, "200m")
	b.pods("free", "d", "200m", 1) // keeps the other machine in use
	for _, name := range []string{"web", "cart"} {
		b.deployment(name, 1, "200m")
		b.pods(name, "a", "200m", 1)
		b.policy(name, "rebalance: {}")
	}
	b.mustPlan()
	saves := func() string { return b.get("web").Status.SavingsHourlyUSD }
	together := saves()
	if got := decided(b.get("web")); got["gcp"] != 1 || together == "0" || together != b.get("cart").Status.SavingsHourlyUSD {
		t.Fatalf("on %v, saves $%s", got, together)
	}
	b.policy("cart", "optimizeFor: Cost") // no rebalance any more: cart stays
	b.press()
	if !b.updated() || saves() != together {
		t.Fatalf("right after the change web saves $%s", saves())
	}
	if !b.updated() || saves() != "0" {
		t.Errorf("in the next round web saves $%s", saves())
	}
}

type failer interface {
	Helper()
	Errorf(format string, arguments ...any)
}

// same checks the last round: it is as true as one that plans everything, and its plan is sound and as good as it says.
func (b *bench) same(t failer) {
	t.Helper()
	round := b.rounds[len(b.rounds)-1]
	for _, violation := range verify.Check(round.Result.Snapshot, round.Plan, engine.Options{Objective: b.options.Objective}) {
		t.Errorf("%s", violation)
	}
	whole, err := planning.Build(round.Input)
	if err != nil {
		t.Errorf("%v", err)
		return
	}
	if !reflect.DeepEqual(whole.Pools, round.Result.Pools) || !reflect.DeepEqual(whole.Snapshot.Pools, round.Result.Snapshot.Pools) {
		t.Errorf("the pools are others: %+v, want %+v", round.Result.Snapshot.Pools, whole.Snapshot.Pools)
	}
	for i := range whole.Snapshot.Workloads {
		if got, want := round.Result.Snapshot.Workloads[i], whole.Snapshot.Workloads[i]; !reflect.DeepEqual(got, want) {
			t.Errorf("planned from %+v, want %+v", got, want)
		}
	}
	if !reflect.DeepEqual(whole.Workloads, round.Result.Workloads) {
		t.Errorf("the workloads are %+v, want %+v", round.Result.Workloads, whole.Workloads)
	}
	anew, err := engine.Solve(whole.Snapshot, engine.Options{Objective: b.options.Objective})
	if err != nil {
		t.Errorf("%v", err)
		return
	}
	got, want := round.Plan.Total(), anew.Total()
	if gap := 1 + round.Plan.GapPercent/100; round.Plan.Replicas == anew.Replicas && !math.IsInf(gap, 1) && got > want*gap+1e-9 {
		t.Errorf("it costs $%g and a plan of everything $%g, more than the stated gap of %g %% apart", got, want, round.Plan.GapPercent)
	}
	if round.Plan.Unplaced > anew.Unplaced && b.kept != nil && b.kept.updates > 0 {
		t.Errorf("%d replicas have no place, %d in a plan of everything", round.Plan.Unplaced, anew.Unplaced)
	}
	for i, placement := range round.Plan.Placements {
		w := &round.Result.Workloads[i]
		object := b.get(w.Name)
		if object == nil {
			continue
		}
		planned, said := 0, 0
		for k := range placement.Decisions {
			planned += placement.Decisions[k].Replicas
		}
		for k := range object.Status.Decisions {
			said += int(object.Status.Decisions[k].Replicas)
		}
		if placement.Held == "" && (planned != said || int(object.Status.Replicas) != w.Replicas) {
			t.Errorf("%s is planned with %d of %d replicas, its Placement says %d of %d", w.Name, planned, w.Replicas, said, object.Status.Replicas)
		}
	}
}

// randomRules are policies of a namespace.
var randomRules = []string{
	"residency: {jurisdictions: [EU]}", onlyAWS, "optimizeFor: Cost", "optimizeFor: Latency\nlatency: {clients: [{location: US, sharePercent: 100}]}",
	"spread: [{topologyKey: tradewind.dev/cloud, maxSharePercent: 60}]", "availability: {survive: cloud, minReplicasPercent: 40}",
	"traffic: [{to: {name: w1}, requestsPerSecond: 50, bytesPerRequest: 1000}]", "traffic: [{to: {name: w2}, maxMilliseconds: 60}]",
	"cost: {maxHourlyUSD: \"0.2\"}",
}

// TestAnySequenceOfChangesIsPlannedTruly makes changes of every kind in any order, and compares each round with a plan of everything.
func TestAnySequenceOfChangesIsPlannedTruly(t *testing.T) {
	updates := 0
	rapid.Check(t, func(rt *rapid.T) {
		b := newBench(t)
		b.options.Objective = rapid.SampledFrom(objectives).Draw(rt, "objective")
		nodes := []*corev1.Node{aws("a0", "eu-west-1"), aws("a1", "eu-west-1"), aws("u0", "us-east-1"), gcp("g0"), gcp("g1")}
		b.nodes(nodes...)
		name := func() string { return fmt.Sprintf("w%d", rapid.IntRange(0, 4).Draw(rt, "workload")) }
		cpu := rapid.SampledFrom([]string{"100m", "300m", "900m"})
		for i := range 5 {
			b.deployment(fmt.Sprintf("w%d", i), int32(rapid.IntRange(0, 3).Draw(rt, "replicas")), cpu.Draw(rt, "cpu"))
			if i < 4 {
				b.policy(fmt.Sprintf("w%d", i), rapid.SampledFrom(randomRules).Draw(rt, "rules"))
			}
		}
		if rapid.IntRange(0, 2).Draw(rt, "quota") == 0 {
			pods := resource.NewQuantity(int64(rapid.IntRange(0, 9).Draw(rt, "pods")), resource.DecimalSI)
			b.objects.Quotas.Set(&corev1.ResourceQuota{
				ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "q", UID: "q"},
				Spec:       corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{corev1.ResourcePods: *pods}},
			})
		}
		b.mustPlan()
		b.same(rt)
		for range rapid.IntRange(1, 6).Draw(rt, "changes") {
			switch rapid.IntRange(0, 9).Draw(rt, "kind") {
			case 0, 1, 2:
				b.policy(name(), rapid.SampledFrom(randomRules).Draw(rt, "rules"))
			case 3:
				b.deployment(name(), int32(rapid.IntRange(0, 6).Draw(rt, "replicas")), cpu.Draw(rt, "cpu"))
			case 4, 5:
				b.pods(name(), rapid.SampledFrom(nodes).Draw(rt, "node").Name, cpu.Draw(rt, "cpu"), rapid.IntRange(1, 2).Draw(rt, "pods"))
			case 6:
				if pods := b.objects.Pods.All(); len(pods) > 0 {
					b.objects.Pods.Remove(pods[0])
				}
			case 7:
				b.policy(name(), "")
			case 8:
				b.nodes(gcp(fmt.Sprintf("g%d", rapid.IntRange(2, 4).Draw(rt, "node"))))
			case 9:
				if placement := b.get(name()); placement != nil {
					placement.Status.Decisions = nil
					if err := b.api.Status().Update(b.Context(), placement); err != nil {
						rt.Fatal(err)
					}
					b.refresh()
				}
			}
			if b.updated() {
				updates++
			}
			b.same(rt)
		}
	})
	if updates == 0 {
		t.Error("nothing was ever planned by an update")
	}
}
