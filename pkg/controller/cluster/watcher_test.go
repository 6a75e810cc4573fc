package cluster

import (
	"context"
	"maps"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/utils/clock"
	testingclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/state"
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

func requests(cpu string) corev1.ResourceRequirements {
	return corev1.ResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(cpu)}}
}

func newReader(t *testing.T, objects ...client.Object) client.Client {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	return fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).Build()
}

func newWatcher(t *testing.T, clock clock.WithTicker, observers ...Observer) *Watcher {
	t.Helper()
	w, err := NewWatcher(location.DefaultOptions(), clock, observers...)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// signalled says whether a change was signalled since the last call.
func (w *Watcher) signalled() bool {
	select {
	case <-w.changed:
		return true
	case <-w.rushed:
		return true
	default:
		return false
	}
}

// TestSignals is about which events are a change to the controllers: those that come often are none.
func TestSignals(t *testing.T) {
	w := newWatcher(t, clock.RealClock{})
	nodes := typed(w.setNode, w.deleteNode)
	pods := typed(w.setPod, w.deletePod)
	namespaces := typed(w.setNamespace, w.deleteNamespace)
	policies := typed(w.setRules, func(client.Object) { w.invalidate() })

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
		{"node added", func() { nodes.OnAdd(node, true) }, true},
		{"node is alive", func() { nodes.OnUpdate(node, heartbeat) }, false},
		{"node of another type", func() { nodes.OnUpdate(heartbeat, resized) }, true},
		{"node deleted", func() { nodes.OnDelete(toolscache.DeletedFinalStateUnknown{Key: "a", Obj: resized}) }, true},
		{"pod added", func() { pods.OnAdd(pod, true) }, true},
		{"pod runs", func() { pods.OnUpdate(pod, running) }, false},
		{"pod has other labels", func() { pods.OnUpdate(running, relabelled) }, true},
		{"pod replaced under its name", func() { pods.OnUpdate(relabelled, replaced) }, true},
		{"pod deleted", func() { pods.OnDelete(replaced) }, true},
		{"pod deleted again", func() { pods.OnDelete(replaced) }, false},
		{"namespace added", func() { namespaces.OnAdd(namespace, true) }, true},
		{"namespace annotated", func() { namespaces.OnUpdate(namespace, annotated) }, false},
		{"namespace labelled", func() { namespaces.OnUpdate(annotated, labelled) }, true},
		{"namespace deleted", func() { namespaces.OnDelete(labelled) }, true},
		{"policy added", func() { policies.OnAdd(policy, true) }, true},
		{"policy's status written", func() { policies.OnUpdate(policy, judged) }, false},
		{"policy edited", func() { policies.OnUpdate(judged, edited) }, true},
		{"policy deleted", func() { policies.OnDelete(edited) }, true},
	} {
		step.do()
		if got := w.signalled(); got != step.want {
			t.Errorf("%s: change signalled: %v, want %v", step.name, got, step.want)
		}
	}
}

// TestState is about what observers are told.
func TestState(t *testing.T) {
	w := newWatcher(t, clock.RealClock{})
	for _, node := range []*corev1.Node{awsNode("a", "m7i.large"), awsNode("b", "m7i.large"), awsNode("c", "m99.huge"), {ObjectMeta: metav1.ObjectMeta{Name: "d"}}} {
		w.setNode(nil, node)
	}
	w.setPod(nil, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{UID: "p", Namespace: "shop"}, Spec: corev1.PodSpec{SchedulerName: "tradewind"}})
	state, err := w.state(t.Context(), newReader(t, policyFor("shop", "all", nil)))
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
	go func() { stopped <- w.Start(ctx, newReader(t)) }()
	if first := <-told.states; first.NodeCount() != 0 {
		t.Fatalf("the first state has %d nodes", first.NodeCount())
	}
	for _, name := range []string{"a", "b", "c"} {
		w.setNode(nil, awsNode(name, "m7i.large"))
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

// TestTransforms checks that the cache keeps what the controllers look at, and little else.
func TestTransforms(t *testing.T) {
	node := awsNode("a", "m7i.large")
	node.UID, node.ResourceVersion = "u", "7"
	node.Annotations = map[string]string{v1alpha1.AnnotationCoordinates: "1,2", "big": "text"}
	node.Spec.Unschedulable, node.Spec.Taints = true, []corev1.Taint{{Key: "team", Value: "a", Effect: corev1.TaintEffectNoSchedule}}
	node.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeMemoryPressure}, {Type: corev1.NodeReady, Status: corev1.ConditionTrue}}
	node.Status.Images = []corev1.ContainerImage{{Names: []string{"x"}}}
	node.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "kubelet"}, {Manager: FieldOwner}, {Manager: FieldOwner, Subresource: "status"}}
	kept, err := transformNode(node.DeepCopy())
	if err != nil {
		t.Fatal(err)
	}
	got := kept.(*corev1.Node)
	if location.FromNode(got, location.DefaultOptions()).Location != location.FromNode(node, location.DefaultOptions()).Location {
		t.Error("the location of the node was lost")
	}
	if len(got.Status.Conditions) != 1 || got.Status.Conditions[0].Type != corev1.NodeReady || !got.Spec.Unschedulable || len(got.Spec.Taints) != 1 {
		t.Errorf("got %+v", got)
	}
	if len(got.Status.Images) != 0 || len(got.Annotations) != 1 || len(got.ManagedFields) != 1 || got.ManagedFields[0].Manager != FieldOwner {
		t.Errorf("got %+v", got)
	}
	if got.UID != "u" || got.ResourceVersion != "7" || got.Status.Capacity.Cpu().Value() != 2 {
		t.Errorf("got %+v", got)
	}
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{UID: "p", Labels: map[string]string{"app": "web"}, Annotations: map[string]string{"big": "text"}},
		Spec: corev1.PodSpec{
			SchedulerName: "tradewind", NodeName: "a",
			Containers: []corev1.Container{{Name: "c", Image: "i", Resources: requests("1")}, {Name: "d", Resources: requests("500m")}},
			Overhead:   corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("250m")},
			Volumes: []corev1.Volume{
				{Name: "scratch", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}},
				{Name: "data", VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "data"}}},
			},
		},
		Status: corev1.PodStatus{Phase: corev1.PodRunning, PodIP: "10.0.0.1", Conditions: []corev1.PodCondition{
			{Type: corev1.PodInitialized, Status: corev1.ConditionTrue}, {Type: corev1.PodReady, Status: corev1.ConditionTrue},
		}},
	}
	kept, err = transformPod(pod.DeepCopy())
	if err != nil {
		t.Fatal(err)
	}
	small := kept.(*corev1.Pod)
	if !alike(pod, small) || !maps.Equal(pod.Labels, small.Labels) || small.Annotations != nil || small.Status.PodIP != "" {
		t.Errorf("got %+v", small)
	}
	if want := state.Request(pod); state.Request(small) != want || want.MilliCPU != 1750 {
		t.Errorf("it requests %+v, kept of %+v", state.Request(small), want)
	}
	if len(small.Spec.Volumes) != 1 || small.Spec.Volumes[0].Name != "data" || small.Spec.NodeName != "a" || len(small.Status.Conditions) != 1 {
		t.Errorf("got %+v", small)
	}
}
