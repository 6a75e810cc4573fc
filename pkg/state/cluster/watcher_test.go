package cluster

import (
	"context"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	testingclock "k8s.io/utils/clock/testing"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/kube/loop"
	"tradewind.dev/tradewind/pkg/kube/loop/looptest"
	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/state/informers"
)

func awsNode(name, instanceType string) *corev1.Node {
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{
			corev1.LabelTopologyRegion: "eu-west-1", corev1.LabelTopologyZone: "eu-west-1a", corev1.LabelInstanceTypeStable: instanceType,
		}},
		Spec: corev1.NodeSpec{ProviderID: "aws:///eu-west-1a/i-0123456789abcdef0"},
		Status: corev1.NodeStatus{Capacity: corev1.ResourceList{
			corev1.ResourceCPU: resource.MustParse("2"), corev1.ResourceMemory: resource.MustParse("8Gi"),
		}},
	}
}

func newWatcher(t *testing.T, clock clock.WithTicker, observers ...Observer) *Watcher {
	t.Helper()
	w, err := NewWatcher(informers.New(), location.DefaultOptions(), clock, observers...)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// TestSignals is about which events are a change to the controllers: those that come often are none.
func TestSignals(t *testing.T) {
	w := newWatcher(t, clock.RealClock{})
	nodes, pods, namespaces, policies := w.from.Nodes, w.from.Pods, w.from.Namespaces, w.from.PlacementPolicies

	node := awsNode("a", "m7i.large")
	heartbeat := node.DeepCopy()
	heartbeat.ResourceVersion = "2"
	resized := awsNode("a", "m7i.xlarge")
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{UID: "p", Namespace: "shop", Labels: map[string]string{"app": "web"}}}
	running := pod.DeepCopy()
	running.Status.Phase = corev1.PodRunning
	relabelled := pod.DeepCopy()
	relabelled.Labels = map[string]string{"app": "db"}
	replaced := pod.DeepCopy()
	replaced.UID = "q"
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop"}}
	annotated := namespace.DeepCopy()
	annotated.Annotations = map[string]string{"a": "b"}
	labelled := namespace.DeepCopy()
	labelled.Labels = map[string]string{"team": "shop"}
	policy := policyFor("shop", "web", nil)
	judged := policy.DeepCopy()
	judged.Status.SelectedPods = 3
	edited := policy.DeepCopy()
	edited.Generation = 2

	for _, step := range []struct {
		name string
		do   func()
		want bool
	}{
		{"node added", func() { nodes.Set(node) }, true},
		{"node is alive", func() { nodes.Set(heartbeat) }, false},
		{"node of another type", func() { nodes.Set(resized) }, true},
		{"node deleted", func() { nodes.Remove(resized) }, true},
		{"pod added", func() { pods.Set(pod) }, true},
		{"pod runs", func() { pods.Set(running) }, false},
		{"pod has other labels", func() { pods.Set(relabelled) }, true},
		{"pod replaced under its name", func() { pods.Set(replaced) }, true},
		{"pod deleted", func() { pods.Remove(replaced) }, true},
		{"pod deleted again", func() { pods.Remove(replaced) }, false},
		{"namespace added", func() { namespaces.Set(namespace) }, true},
		{"namespace annotated", func() { namespaces.Set(annotated) }, false},
		{"namespace labelled", func() { namespaces.Set(labelled) }, true},
		{"namespace deleted", func() { namespaces.Remove(labelled) }, true},
		{"policy added", func() { policies.Set(policy) }, true},
		{"policy's status written", func() { policies.Set(judged) }, false},
		{"policy edited", func() { policies.Set(edited) }, true},
		{"policy deleted", func() { policies.Remove(edited) }, true},
	} {
		if got := looptest.Asks(t, func(l *loop.Loop) { w.loop = l }, step.do); got != step.want {
			t.Errorf("%s: change signalled: %v, want %v", step.name, got, step.want)
		}
	}
}

// TestState is about what observers are told.
func TestState(t *testing.T) {
	w := newWatcher(t, clock.RealClock{})
	for _, node := range []*corev1.Node{awsNode("a", "m7i.large"), awsNode("b", "m7i.large"), awsNode("c", "m99.huge"), {ObjectMeta: metav1.ObjectMeta{Name: "d"}}} {
		w.from.Nodes.Set(node)
	}
	w.from.Pods.Set(&corev1.Pod{ObjectMeta: metav1.ObjectMeta{UID: "p", Namespace: "shop"}, Spec: corev1.PodSpec{SchedulerName: "tradewind"}})
	w.from.PlacementPolicies.Set(policyFor("shop", "all", nil))
	state, err := w.state()
	if err != nil {
		t.Fatal(err)
	}
	if len(state.Objects.PlacementPolicies) != 1 || state.World.Policies.Len() != 1 {
		t.Errorf("the world has %d policies, want 1", state.World.Policies.Len())
	}
	if state.NodeCount() != 4 || len(state.Nodes) != 3 {
		t.Fatalf("got %d nodes in groups %+v, want 4 in 3 groups", state.NodeCount(), state.Nodes)
	}
	price := state.World.Prices.Catalog().Hourly("aws", "eu-west-1", "m7i.large", v1alpha1.CapacityOnDemand)
	if !price.Known {
		t.Fatal("the catalog has no price of the test's instance type")
	}
	if group := state.Nodes[0]; group.Count != 2 || !group.PriceKnown || group.HourlyUSD != 2*price.USD || !group.LocationKnown() {
		t.Errorf("got %+v, want 2 nodes for $%g/h", group, 2*price.USD)
	}
	if group := state.Nodes[1]; group.Count != 1 || group.PriceKnown || group.HourlyUSD != 0 || !group.LocationKnown() {
		t.Errorf("got %+v, want a node of unknown price", group)
	}
	if group := state.Nodes[2]; group.Count != 1 || group.LocationKnown() {
		t.Errorf("got %+v, want a node that is nowhere", group)
	}
	if len(state.Pods) != 1 || state.Pods[0].Count != 1 || state.Pods[0].Scheduler != "tradewind" {
		t.Errorf("got %+v, want one pod", state.Pods)
	}
}

// recorder keeps the states that it is told.
type recorder struct{ states chan *State }

func (r *recorder) Observe(_ context.Context, state *State) { r.states <- state }

// TestStart checks that many changes at once are told once, after they have settled.
func TestStart(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	clock := testingclock.NewFakeClock(time.Unix(0, 0))
	told := &recorder{states: make(chan *State)}
	w := newWatcher(t, clock, told)
	stopped := make(chan error, 1)
	go func() { stopped <- w.Start(ctx) }()
	if first := <-told.states; first.NodeCount() != 0 {
		t.Fatalf("the first state has %d nodes", first.NodeCount())
	}
	for _, name := range []string{"a", "b", "c"} {
		w.from.Nodes.Set(awsNode(name, "m7i.large"))
	}
	for !clock.HasWaiters() {
		time.Sleep(time.Millisecond)
	}
	select {
	case <-told.states:
		t.Fatal("told before the changes settled")
	default:
	}
	clock.Step(settle)
	if second := <-told.states; second.NodeCount() != 3 {
		t.Errorf("the second state has %d nodes, want all 3", second.NodeCount())
	}
	// A changed policy waited as long as anything else, so that nobody saw its effect before 200 ms had passed.
	for _, change := range []func(){w.invalidate, func() { w.signal(); w.invalidate() }} {
		change()
		for !clock.HasWaiters() {
			time.Sleep(time.Millisecond)
		}
		clock.Step(rush)
		<-told.states
	}
	cancel()
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

// TestSamplesAge: samples are looked at for their age though other things change all the time. The time began anew with each change,
// so that in a busy cluster samples that were too old stayed in force.
func TestSamplesAge(t *testing.T) {
	clock := testingclock.NewFakeClock(time.Unix(0, 0))
	w := newWatcher(t, clock)
	w.from.LatencyMaps.Set(&v1alpha1.LatencyMap{
		ObjectMeta: metav1.ObjectMeta{Name: "measured", UID: "m", Generation: 1},
		Spec:       v1alpha1.LatencyMapSpec{MaxAge: &metav1.Duration{Duration: time.Hour}},
	})
	if next := w.observe(t.Context()); !next.At.Equal(clock.Now().Add(ageInterval)) {
		t.Fatalf("the samples are looked at next at %v", next.At)
	}
	world := w.store.World()
	clock.Step(ageInterval * 2 / 3)
	if w.observe(t.Context()); w.store.World() != world {
		t.Error("looked at too early")
	}
	clock.Step(ageInterval * 2 / 3)
	if next := w.observe(t.Context()); w.store.World() == world || !next.At.Equal(clock.Now().Add(ageInterval)) {
		t.Errorf("the samples were not looked at; next at %v", next.At)
	}
}
