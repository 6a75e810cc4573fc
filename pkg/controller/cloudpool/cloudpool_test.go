package cloudpool

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	testingclock "k8s.io/utils/clock/testing"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/planning"
	"tradewind.dev/tradewind/pkg/planning/rounds"
	"tradewind.dev/tradewind/pkg/state"
)

// bench is a controller over an API server in memory.
type bench struct {
	*testing.T
	*Controller
	api    client.Client
	time   *testingclock.FakeClock
	prices []v1alpha1.PriceList
	writes int
}

func newBench(t *testing.T, objects ...client.Object) *bench {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	b := &bench{T: t, time: testingclock.NewFakeClock(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))}
	b.api = fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).WithStatusSubresource(&v1alpha1.CloudPool{}).WithInterceptorFuncs(interceptor.Funcs{
		Apply: func(ctx context.Context, to client.WithWatch, object runtime.ApplyConfiguration, options ...client.ApplyOption) error {
			b.writes++
			return to.Apply(ctx, object, options...)
		},
		SubResourceApply: func(ctx context.Context, to client.Client, name string, object runtime.ApplyConfiguration, options ...client.SubResourceApplyOption) error {
			b.writes++
			return to.SubResource(name).Apply(ctx, object, options...)
		},
	}).Build()
	b.Controller = New(b.api, b.time)
	return b
}

// pools are the CloudPools by name.
func (b *bench) pools() map[string]*v1alpha1.CloudPool {
	b.Helper()
	var list v1alpha1.CloudPoolList
	if err := b.api.List(b.Context(), &list); err != nil {
		b.Fatal(err)
	}
	out := map[string]*v1alpha1.CloudPool{}
	for i := range list.Items {
		out[list.Items[i].Name] = &list.Items[i]
	}
	return out
}

// plan makes a round over nodes, without workloads, and tells the controller of it.
func (b *bench) plan(nodes ...*corev1.Node) map[string]*v1alpha1.CloudPool {
	b.Helper()
	world, err := state.NewWorld(state.Objects{PriceLists: b.prices}, b.time.Now())
	if err != nil {
		b.Fatal(err)
	}
	input := &planning.Input{
		World: world, Location: location.DefaultOptions(), Nodes: nodes, Pools: slices.Collect(maps.Values(b.pools())), Unavailable: planning.NodeUnavailable,
	}
	result, err := planning.Build(input)
	if err != nil {
		b.Fatal(err)
	}
	plan, err := engine.Solve(result.Snapshot, engine.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Planned(b.Context(), &rounds.Round{Time: b.time.Now(), Input: input, Result: result, Plan: plan, World: world})
	return b.pools()
}

func node(name, zone string, change ...func(*corev1.Node)) *corev1.Node {
	capacity := corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("2"), corev1.ResourceMemory: resource.MustParse("8Gi"), corev1.ResourcePods: resource.MustParse("29")}
	out := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{
			corev1.LabelHostname: name, corev1.LabelTopologyRegion: "eu-west-1", corev1.LabelTopologyZone: zone, corev1.LabelInstanceTypeStable: "m7i.large",
			corev1.LabelOSStable: "linux", "team": "shop",
		}},
		Spec: corev1.NodeSpec{ProviderID: "aws:///" + zone + "/i-0123456789abcdef0", Taints: []corev1.Taint{{Key: "team", Value: "shop", Effect: corev1.TaintEffectNoSchedule}}},
		Status: corev1.NodeStatus{
			Capacity: capacity, Allocatable: capacity, Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}},
		},
	}
	for _, c := range change {
		c(out)
	}
	return out
}

func notReady(n *corev1.Node) { n.Status.Conditions[0].Status = corev1.ConditionFalse }

// only is the one pool that there should be.
func (b *bench) only(pools map[string]*v1alpha1.CloudPool) *v1alpha1.CloudPool {
	b.Helper()
	if len(pools) != 1 {
		b.Fatalf("there are %v", slices.Sorted(maps.Keys(pools)))
	}
	for _, pool := range pools {
		return pool
	}
	return nil
}

func reason(pool *v1alpha1.CloudPool, kind string) string {
	if condition := meta.FindStatusCondition(pool.Status.Conditions, kind); condition != nil {
		return condition.Reason
	}
	return ""
}

// TestDiscovered follows a pool that is found from nodes until it goes.
func TestDiscovered(t *testing.T) {
	b := newBench(t)
	nodes := []*corev1.Node{node("a", "eu-west-1a"), node("b", "eu-west-1a", notReady)}
	pool := b.only(b.plan(nodes...))
	spec := pool.Spec
	if pool.Labels[v1alpha1.LabelDiscovered] != "true" || spec.Cloud != "aws" || spec.Region != "eu-west-1" || spec.Zone != "eu-west-1a" ||
		spec.InstanceType != "m7i.large" || spec.CapacityType != v1alpha1.CapacityOnDemand || spec.MaxNodes != nil || spec.Country != "" {
		t.Errorf("its spec is %+v", spec)
	}
	if !maps.Equal(spec.Labels, map[string]string{corev1.LabelOSStable: "linux", "team": "shop"}) || len(spec.Taints) != 1 || spec.Allocatable.Cpu().Value() != 2 {
		t.Errorf("its spec is %+v", spec)
	}
	if pool.Status.Nodes != 2 || pool.Status.ReadyNodes != 1 || pool.Status.NodeHourlyUSD == "" || pool.Status.InterruptionPercent != "" ||
		reason(pool, v1alpha1.ConditionAvailable) != reasonUsable || reason(pool, v1alpha1.ConditionPriced) != reasonPriceKnown {
		t.Errorf("its status is %+v", pool.Status)
	}

	writes := b.writes
	b.plan(nodes...)
	anew := New(b.api, b.time)
	b.Controller, anew = anew, b.Controller
	b.plan(nodes...)
	b.Controller = anew
	if b.writes != writes {
		t.Errorf("%d writes while nothing changed", b.writes-writes)
	}

	pool.Spec.MaxNodes, pool.Spec.Labels["by"] = ptr.To(int32(5)), "hand"
	if err := b.api.Update(t.Context(), pool); err != nil {
		t.Fatal(err)
	}
	pool = b.only(b.plan(node("a", "eu-west-1a", notReady)))
	if *pool.Spec.MaxNodes != 5 || pool.Spec.Labels["by"] != "hand" || pool.Status.Nodes != 1 || reason(pool, v1alpha1.ConditionAvailable) != reasonUnavailable {
		t.Errorf("with limits of a person it is %+v, %+v", pool.Spec, pool.Status)
	}
	b.time.Step(2 * keepFor)
	b.plan()
	b.time.Step(2 * keepFor)
	if err := b.sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	pool = b.only(b.plan())
	if pool.Status.Nodes != 0 || reason(pool, v1alpha1.ConditionAvailable) != reasonUsable {
		t.Errorf("without nodes, of which there may be five, it is %+v", pool.Status)
	}
}

// TestSweep is about pools that have lost their nodes.
func TestSweep(t *testing.T) {
	b := newBench(t)
	b.plan(node("a", "eu-west-1a"))
	b.time.Step(time.Minute)
	if pool := b.only(b.plan()); reason(pool, v1alpha1.ConditionAvailable) != reasonNoNodes {
		t.Errorf("its status is %+v", pool.Status)
	}
	for _, c := range []struct {
		name string
		step time.Duration
		want int
	}{{"a while", keepFor - time.Minute, 1}, {"an hour", time.Minute, 0}} {
		b.time.Step(c.step)
		b.plan()
		if err := b.sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := len(b.pools()); got != c.want {
			t.Errorf("after %s there are %d pools, want %d", c.name, got, c.want)
		}
	}
	b.plan(node("a", "eu-west-1a"))
	if len(b.pools()) != 1 {
		t.Error("the pool did not come back")
	}
}

// TestDeclared is about pools that people declared: their specs stay.
func TestDeclared(t *testing.T) {
	declared := &v1alpha1.CloudPool{
		ObjectMeta: metav1.ObjectMeta{Name: "shop", Generation: 3},
		Spec:       v1alpha1.CloudPoolSpec{Cloud: "aws", Region: "eu-west-1", InstanceType: "m7i.large", CapacityType: v1alpha1.CapacityOnDemand, MaxNodes: ptr.To(int32(6))},
	}
	idle := &v1alpha1.CloudPool{ObjectMeta: metav1.ObjectMeta{Name: "idle"}, Spec: v1alpha1.CloudPoolSpec{Cloud: "gcp", CapacityType: v1alpha1.CapacityOnDemand}}
	b := newBench(t, declared, idle)
	pools := b.plan(node("a", "eu-west-1a"), node("b", "eu-west-1b"))
	if len(pools) != 2 {
		t.Fatalf("there are %v", slices.Sorted(maps.Keys(pools)))
	}
	pool := pools["shop"]
	if pool.Spec.Zone != "" || pool.Spec.Labels != nil || *pool.Spec.MaxNodes != 6 || pool.Labels[v1alpha1.LabelDiscovered] != "" {
		t.Errorf("its spec is %+v", pool.Spec)
	}
	if pool.Status.Nodes != 2 || pool.Status.ReadyNodes != 2 {
		t.Errorf("its status, over both zones, is %+v", pool.Status)
	}
	for _, c := range pool.Status.Conditions {
		if c.ObservedGeneration != 3 {
			t.Errorf("condition %s is of generation %d, not of what was declared", c.Type, c.ObservedGeneration)
		}
	}
	if reason(pools["idle"], v1alpha1.ConditionAvailable) != reasonNoNodes {
		t.Errorf("the status of a pool that can have no nodes is %+v", pools["idle"].Status)
	}
	b.time.Step(3 * keepFor)
	b.plan()
	if err := b.sweep(t.Context()); err != nil || len(b.pools()) != 2 {
		t.Errorf("%d pools are left: %v", len(b.pools()), err)
	}
}

// TestGrows checks that a pool stays one when its first node had a label that the others do not share.
func TestGrows(t *testing.T) {
	b := newBench(t)
	named := func(n *corev1.Node) { n.Labels["example.com/machine"] = n.Name }
	first := b.only(b.plan(node("a", "eu-west-1a", named)))
	if first.Spec.Labels["example.com/machine"] != "a" {
		t.Errorf("its labels are %v", first.Spec.Labels)
	}
	grown := b.only(b.plan(node("a", "eu-west-1a", named), node("b", "eu-west-1a", named), node("c", "eu-west-1a", named)))
	if grown.Name != first.Name || grown.Status.Nodes != 3 {
		t.Errorf("%s became %s with %+v", first.Name, grown.Name, grown.Status)
	}
	if _, there := grown.Spec.Labels["example.com/machine"]; there || grown.Spec.Labels["team"] != "shop" {
		t.Errorf("its labels are %v", grown.Spec.Labels)
	}
}

// TestUnknown is about nodes of which too little is known for a pool to be declared.
func TestUnknown(t *testing.T) {
	b := newBench(t)
	nowhere := node("a", "eu-west-1a", func(n *corev1.Node) { n.Spec.ProviderID = "" })
	private := node("b", "hall-1", func(n *corev1.Node) {
		n.Spec.ProviderID = ""
		n.Labels[v1alpha1.LabelCloud], n.Labels[v1alpha1.LabelCountry], n.Labels[v1alpha1.LabelOperatorCountry] = "lux-dc", "LU", "LU"
	})
	pool := b.only(b.plan(nowhere, private))
	if pool.Spec.Cloud != "lux-dc" || pool.Spec.Country != "LU" || pool.Spec.OperatorCountry != "LU" || reason(pool, v1alpha1.ConditionPriced) != reasonNoPrice {
		t.Errorf("got %+v, %+v", pool.Spec, pool.Status)
	}
}

// TestPrice checks that a pool says whose price it has, and whether that is paid in any case.
func TestPrice(t *testing.T) {
	reserved := func(n *corev1.Node) { n.Labels["eks.amazonaws.com/capacityType"] = "CAPACITY_BLOCK" }
	price := v1alpha1.InstancePrice{Cloud: "aws", InstanceType: "m7i.large", HourlyUSD: resource.MustParse("0.05")}
	ofReserved := price
	ofReserved.CapacityType = v1alpha1.CapacityReserved
	own := v1alpha1.PriceList{ObjectMeta: metav1.ObjectMeta{Name: "own"}, Spec: v1alpha1.PriceListSpec{
		Instances: []v1alpha1.InstancePrice{price, ofReserved},
	}}
	committed := v1alpha1.PriceList{ObjectMeta: metav1.ObjectMeta{Name: "committed"}, Spec: v1alpha1.PriceListSpec{
		Commitments: []v1alpha1.Commitment{{Cloud: "aws", Region: "eu-west-1", InstanceType: "m7i.large", Count: 3, HourlyUSD: resource.MustParse("0.06")}},
	}}
	for _, tt := range []struct {
		name   string
		prices []v1alpha1.PriceList
		node   *corev1.Node
		want   string
	}{
		{"the catalog's", nil, node("a", "eu-west-1a"), "a node costs $0.11235/h"},
		{"a PriceList's", []v1alpha1.PriceList{own}, node("a", "eu-west-1a"), "a node costs $0.05/h by a PriceList"},
		{"reserved", []v1alpha1.PriceList{own}, node("a", "eu-west-1a", reserved), "a node costs $0.05/h by a PriceList, paid whether it is used or not"},
		{"committed", []v1alpha1.PriceList{committed}, node("a", "eu-west-1a"),
			"a node costs $0.11235/h; commitments pay for 3 like it, whether they are used or not"},
	} {
		b := newBench(t)
		b.prices = tt.prices
		pool := b.only(b.plan(tt.node))
		if got := meta.FindStatusCondition(pool.Status.Conditions, v1alpha1.ConditionPriced); got == nil || got.Message != tt.want {
			t.Errorf("%s: %+v, want %q", tt.name, got, tt.want)
		}
	}
}

// TestNamesStay checks that a pool keeps its name, and the limits that somebody set there, when a second one appears that would
// have it too. Both were renamed, and the limits stayed behind on a pool without nodes.
func TestNamesStay(t *testing.T) {
	b := newBench(t)
	of := func(instanceType string) func(*corev1.Node) {
		return func(n *corev1.Node) {
			n.Labels[corev1.LabelInstanceTypeStable], n.Labels["eks.amazonaws.com/nodegroup"] = instanceType, "general"
		}
	}
	tainted := func(n *corev1.Node) { n.Spec.Taints[0].Value = "batch" }
	first := b.only(b.plan(node("a", "eu-west-1a", of("m7i.large"))))
	first.Spec.MaxNodes = ptr.To(int32(5))
	if err := b.api.Update(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	expect := func(step string, pools map[string]*v1alpha1.CloudPool, nodes map[string]int32) {
		t.Helper()
		got := map[string]int32{}
		for name, pool := range pools {
			got[name] = pool.Status.Nodes
		}
		if !maps.Equal(got, nodes) {
			t.Errorf("%s: the pools have %v, want %v", step, got, nodes)
		}
		if pool := pools[first.Name]; pool.Spec.MaxNodes == nil || *pool.Spec.MaxNodes != 5 {
			t.Errorf("%s: the limits of %s are gone", step, first.Name)
		}
	}
	larger := first.Name + "-m7i.xlarge"
	expect("a larger machine of the node pool", b.plan(node("a", "eu-west-1a", of("m7i.large")), node("b", "eu-west-1a", of("m7i.xlarge"))),
		map[string]int32{first.Name: 1, larger: 1})
	b.Controller = New(b.api, b.time) // what is known is in the objects
	expect("only the larger one", b.plan(node("b", "eu-west-1a", of("m7i.xlarge"))), map[string]int32{first.Name: 0, larger: 1})
	pools := b.plan(node("a", "eu-west-1a", of("m7i.large")), node("b", "eu-west-1a", of("m7i.xlarge")), node("c", "eu-west-1a", of("m7i.large"), tainted))
	if len(pools) != 3 || pools[first.Name].Status.Nodes != 1 || pools[first.Name].Spec.Taints[0].Value != "shop" {
		t.Errorf("with one for other pods there are %v; %s has %+v", slices.Sorted(maps.Keys(pools)), first.Name, pools[first.Name])
	}
	for name, pool := range pools {
		if name != first.Name && pool.Spec.MaxNodes != nil {
			t.Errorf("pool %s has limits that nobody set", name)
		}
	}
}

// TestClosedNodes: a pool of which all nodes are cordoned when it is found is described by them, and says why it does not count; one of
// which some are counts all of them. A node that its cloud has not said anything of yet describes nothing.
func TestClosedNodes(t *testing.T) {
	cordoned := func(n *corev1.Node) { n.Spec.Unschedulable = true }
	b := newBench(t)
	pool := b.only(b.plan(node("a", "eu-west-1a", cordoned), node("b", "eu-west-1a", cordoned)))
	spec := &pool.Spec
	if spec.Cloud != "aws" || spec.Zone != "eu-west-1a" || spec.InstanceType != "m7i.large" || spec.Labels["team"] != "shop" || len(spec.Taints) != 1 ||
		spec.Allocatable.Cpu().Value() != 2 {
		t.Errorf("it is described as %+v", spec)
	}
	available := meta.FindStatusCondition(pool.Status.Conditions, v1alpha1.ConditionAvailable)
	if pool.Status.Nodes != 2 || pool.Status.ReadyNodes != 2 || available.Status != metav1.ConditionFalse || available.Reason != reasonUnavailable ||
		!strings.HasPrefix(available.Message, "node a ") {
		t.Errorf("it says %+v", pool.Status)
	}
	pool = b.only(b.plan(node("a", "eu-west-1a", cordoned), node("b", "eu-west-1a")))
	if pool.Status.Nodes != 2 || !meta.IsStatusConditionTrue(pool.Status.Conditions, v1alpha1.ConditionAvailable) {
		t.Errorf("with a node in use it says %+v", pool.Status)
	}
	raw := func(n *corev1.Node) {
		n.Spec.Taints = append(n.Spec.Taints, corev1.Taint{Key: taintUninitialized, Effect: corev1.TaintEffectNoSchedule})
		cordoned(n)
	}
	if pools := newBench(t).plan(node("a", "eu-west-1a", raw)); len(pools) != 0 {
		t.Errorf("a node of which its cloud has said nothing makes the pools %v", slices.Collect(maps.Keys(pools)))
	}
}
