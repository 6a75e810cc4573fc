package rebalance

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	testingclock "k8s.io/utils/clock/testing"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/yaml"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/moves/ledger"
	"tradewind.dev/tradewind/pkg/planning"
	"tradewind.dev/tradewind/pkg/planning/rounds"
	"tradewind.dev/tradewind/pkg/state"
	"tradewind.dev/tradewind/pkg/workload"
)

// bench is a controller over an API server in memory, with a dear pool and a cheap one, and a Deployment of four replicas
// on the dear one.
type bench struct {
	*testing.T
	*Controller
	api     client.Client
	clock   *testingclock.FakeClock
	events  *events.FakeRecorder
	evicted []string
	refuse  error
	objects state.Objects
	kind    string
	stopped bool
	hold    string
	// cluster that the nodes say they are in; cheap is the ID of the cheap pool in the latest round.
	cluster, cheap string
	// template changes what replicas ask for; meanwhile, if set, is what happens after a plan was made.
	template  func(*corev1.PodSpec)
	meanwhile func()
}

func newBench(t *testing.T, policy string, change func(*corev1.Pod)) *bench {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{v1alpha1.AddToScheme, corev1.AddToScheme, policyv1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	b := &bench{T: t, clock: testingclock.NewFakeClock(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)), events: events.NewFakeRecorder(100), kind: "Deployment"}
	b.api = fake.NewClientBuilder().WithScheme(scheme).WithStatusSubresource(&v1alpha1.Placement{}).WithInterceptorFuncs(interceptor.Funcs{
		SubResourceCreate: func(ctx context.Context, to client.Client, name string, object, body client.Object, options ...client.SubResourceCreateOption) error {
			if name != "eviction" {
				return fmt.Errorf("created %s", name)
			}
			if b.refuse != nil {
				return b.refuse
			}
			b.evicted = append(b.evicted, object.GetName())
			return to.SubResource(name).Create(ctx, object, body, options...)
		},
	}).Build()
	b.Controller = New(Options{
		Client: b.api, Recorder: b.events, Ledger: ledger.New(b.api, b.clock), Clock: b.clock, SchedulerNames: []string{"tradewind"},
		Losses: func() (string, string) { return b.hold, "" },
	})
	object := &v1alpha1.PlacementPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", UID: "web"}}
	if err := yaml.UnmarshalStrict([]byte(policy), &object.Spec); err != nil {
		t.Fatal(err)
	}
	object.Spec.WorkloadSelector = metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}}
	b.objects.PlacementPolicies = append(b.objects.PlacementPolicies, object)
	for name, kind := range map[string]string{"dear-0": "m7i.16xlarge", "cheap-0": "m7i.xlarge", "cheap-1": "m7i.xlarge"} {
		b.create(&corev1.Node{
			ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{
				corev1.LabelTopologyRegion: "eu-west-1", corev1.LabelTopologyZone: "eu-west-1a", corev1.LabelInstanceTypeStable: kind,
				"eks.amazonaws.com/capacityType": "ON_DEMAND", "eks.amazonaws.com/nodegroup": strings.TrimRight(name, "-01"),
				corev1.LabelHostname: name,
			}},
			Spec: corev1.NodeSpec{ProviderID: "aws:///eu-west-1a/i-" + name},
			Status: corev1.NodeStatus{Allocatable: corev1.ResourceList{
				corev1.ResourceCPU: resource.MustParse("4"), corev1.ResourceMemory: resource.MustParse("16Gi"), corev1.ResourcePods: resource.MustParse("50"),
			}},
		})
	}
	for i := range 4 {
		pod := b.pod(fmt.Sprintf("web-%d", i), "dear-0")
		if change != nil {
			change(pod)
		}
		b.create(pod)
	}
	b.create(&v1alpha1.Placement{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "deployment-web"},
		Spec:       v1alpha1.PlacementSpec{Workload: v1alpha1.PlacementWorkload{APIVersion: "apps/v1", Kind: "Deployment", Name: "web"}},
	})
	return b
}

func (b *bench) create(object client.Object) {
	b.Helper()
	if err := b.api.Create(b.Context(), object); err != nil {
		b.Fatal(err)
	}
}

func (b *bench) pod(name, node string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "shop", Name: name, UID: types.UID(name), Labels: map[string]string{"app": "web", "pod-template-hash": "1"},
			OwnerReferences: []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: "web-1", UID: "web-1", Controller: ptr.To(true)}},
		},
		Spec: corev1.PodSpec{NodeName: node, SchedulerName: "tradewind", Containers: []corev1.Container{{Name: "c", Resources: corev1.ResourceRequirements{
			Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("500m")},
		}}}},
		Status: corev1.PodStatus{Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}},
	}
}

// round plans what there is and lets the controller decide.
func (b *bench) round() {
	b.Helper()
	if err := b.tryRound(); err != nil {
		b.Fatal(err)
	}
}

func (b *bench) tryRound() error {
	b.Helper()
	world, err := state.NewWorld(b.objects, b.clock.Now())
	if err != nil {
		b.Fatal(err)
	}
	in := &planning.Input{World: world, Location: location.DefaultOptions().Compile(), Namespaces: map[string]labels.Set{"shop": {}}}
	var nodes corev1.NodeList
	if err := b.api.List(b.Context(), &nodes); err != nil {
		b.Fatal(err)
	}
	for i := range nodes.Items {
		node := &nodes.Items[i]
		if b.cluster != "" {
			node.Labels[v1alpha1.LabelCluster] = b.cluster
		}
		in.Nodes = append(in.Nodes, node)
	}
	in.Workloads = []planning.Workload{{Workload: workload.Workload{
		Key: workload.Key{Kind: b.kind, Namespace: "shop", Name: "web"}, APIVersion: "apps/v1", Replicas: 4,
		Template: &corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "web"}}, Spec: b.pod("", "").Spec},
	}}}
	if b.template != nil {
		b.template(&in.Workloads[0].Template.Spec)
	}
	var pods corev1.PodList
	if err := b.api.List(b.Context(), &pods); err != nil {
		b.Fatal(err)
	}
	for i := range pods.Items {
		if pod, ok := (*planning.Shapes)(nil).Pod(&pods.Items[i], nil); ok {
			in.Pods = append(in.Pods, pod)
		}
	}
	result, err := planning.Build(in)
	if err != nil {
		b.Fatal(err)
	}
	plan, err := engine.Solve(result.Snapshot, engine.Options{})
	if err != nil {
		b.Fatal(err)
	}
	plan.Stopped = b.stopped
	b.cheap = ""
	for i := range result.Pools {
		if b.cheap == "" && result.Pools[i].Nodes[0].Name != "dear-0" {
			b.cheap = result.Pools[i].ID()
		}
	}
	if b.meanwhile != nil {
		b.meanwhile()
	}
	_, err = b.decide(b.Context(), &rounds.Round{Time: b.clock.Now(), Input: in, Result: result, Plan: plan, World: world})
	return err
}

// status is that of the Placement.
func (b *bench) status() v1alpha1.PlacementStatus {
	b.Helper()
	var p v1alpha1.Placement
	if err := b.api.Get(b.Context(), client.ObjectKey{Namespace: "shop", Name: "deployment-web"}, &p); err != nil {
		b.Fatal(err)
	}
	return p.Status
}

func (b *bench) want(status, reason, message string, evicted ...string) {
	b.Helper()
	c := meta.FindStatusCondition(b.status().Conditions, v1alpha1.ConditionRebalancing)
	if c == nil || string(c.Status) != status || c.Reason != reason || !strings.Contains(c.Message, message) {
		b.Errorf("Rebalancing is %+v, not %s %s with %q", c, status, reason, message)
	}
	if !slices.Equal(b.evicted, evicted) {
		b.Errorf("evicted %v, not %v", b.evicted, evicted)
	}
}

// TestMoves moves a Deployment replica by replica.
func TestMoves(t *testing.T) {
	b := newBench(t, "rebalance: {}", nil)
	var gone []string
	for i := range 4 {
		b.round()
		gone = append(gone, fmt.Sprintf("web-%d", i))
		b.want("True", "Moving", "1 from pool dear", gone...)
		b.round()
		b.want("True", "Waiting", "waits for 1 of 4 replicas to be ready", gone...)
		b.clock.Step(10 * time.Second)
		b.create(b.pod(fmt.Sprintf("new-%d", i), "cheap-0"))
	}
	b.round()
	b.want("False", "InPlace", "", gone...)
	moved := b.status().Moved
	if len(moved) != 4 || moved[0].Pod != "web-3" || moved[0].Reason != "Rebalance" || !strings.HasPrefix(moved[0].From, "dear") {
		t.Errorf("moved is %+v", moved)
	}
	close(b.events.Events)
	said := 0
	for text := range b.events.Events {
		if strings.Contains(text, "moves from pool dear") && strings.Contains(text, "saves $") {
			said++
		}
	}
	if said != 4 {
		t.Errorf("%d events tell of a move and its saving", said)
	}
}

// TestFailback returns as many replicas as a loss drove away, without rebalance, the youngest first, and no other one. Failover
// once called pools by their names alone and the mover by their clusters' too, so that none returned where nodes name their cluster.
func TestFailback(t *testing.T) {
	for _, cluster := range []string{"", "west"} {
		t.Run("cluster "+cluster, func(t *testing.T) { testFailback(t, cluster) })
	}
}

func testFailback(t *testing.T, cluster string) {
	b := newBench(t, "failover: {}", func(pod *corev1.Pod) {
		pod.CreationTimestamp = metav1.NewTime(time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC))
		if pod.Name == "web-1" || pod.Name == "web-2" { // these replaced what was lost
			pod.CreationTimestamp.Time = pod.CreationTimestamp.Add(time.Hour)
		}
	})
	b.cluster = cluster
	b.round()
	b.want("False", "NotEnabled", "would save")
	key := workload.Key{Kind: "Deployment", Namespace: "shop", Name: "web"}
	for i := range 2 {
		b.Ledger.Moved(key, ledger.Move(b.clock.Now().Add(-time.Hour), fmt.Sprintf("lost-%d", i), b.cheap, ledger.ReasonFailover))
	}
	b.Ledger.Say(key, v1alpha1.ConditionFailedOver, true, "DomainLost", "lost")
	var gone []string
	for _, name := range []string{"web-1", "web-2"} {
		b.round()
		gone = append(gone, name)
		b.want("True", "Moving", "", gone...)
		b.clock.Step(time.Second)
		b.create(b.pod("new-"+name, "cheap-0"))
	}
	for range 3 {
		b.clock.Step(time.Hour)
		b.round()
		b.want("False", "NotEnabled", "would save", gone...)
	}
	if status := b.status(); len(status.Away) != 1 || status.Away[0].Replicas != 0 || status.Moved[0].Reason != "Failback" {
		t.Errorf("%+v", status)
	}
}

func TestStays(t *testing.T) {
	for _, c := range []struct {
		name, policy    string
		change          func(*corev1.Pod)
		bench           func(*bench)
		reason, message string
	}{
		{name: "no rebalance", policy: "optimizeFor: Cost", reason: "NotEnabled", message: "would save"},
		{name: "a PodDisruptionBudget", policy: "rebalance: {}", bench: func(b *bench) {
			b.refuse = apierrors.NewTooManyRequests("Cannot evict pod as it would violate the pod's disruption budget.", 0)
		}, reason: "Protected", message: "disruption budget"},
		{name: "an annotation", policy: "rebalance: {}", change: func(pod *corev1.Pod) {
			pod.Annotations = map[string]string{"cluster-autoscaler.kubernetes.io/safe-to-evict": "false"}
		}, reason: "CannotMove", message: "safe-to-evict"},
		{name: "another scheduler", policy: "rebalance: {}", change: func(pod *corev1.Pod) { pod.Spec.SchedulerName = "default-scheduler" },
			reason: "CannotMove", message: `scheduler "default-scheduler" places it`},
		{name: "an unfinished plan", policy: "rebalance: {}", bench: func(b *bench) { b.stopped = true }, reason: "Held", message: "not finished in time"},
		{name: "a doubtful loss", policy: "rebalance: {}", bench: func(b *bench) { b.hold = "3 of 4 nodes look lost" }, reason: "Held", message: "3 of 4 nodes look lost"},
		{name: "a rollout", policy: "rebalance: {}", change: func(pod *corev1.Pod) {
			pod.OwnerReferences[0].Name = "web-" + pod.Name[4:]
			pod.Labels["pod-template-hash"] = pod.Name[4:]
		}, reason: "Held", message: "a rollout is in progress"},
		{name: "a rollout whose first pod waits", policy: "rebalance: {}", bench: func(b *bench) {
			pod := b.pod("next-0", "")
			pod.OwnerReferences[0].Name, pod.OwnerReferences[0].UID, pod.Labels["pod-template-hash"] = "web-2", "web-2", "2"
			b.create(pod)
		}, reason: "Held", message: "a rollout is in progress"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, c.policy, c.change)
			if c.bench != nil {
				c.bench(b)
			}
			b.round()
			b.want("False", c.reason, c.message)
		})
	}
}

// TestErrorsMoveNothing checks that a failed eviction is reported and tried again.
func TestErrorsMoveNothing(t *testing.T) {
	b := newBench(t, "rebalance: {}", nil)
	b.refuse = apierrors.NewInternalError(errors.New("broken"))
	if err := b.tryRound(); err == nil || !strings.Contains(err.Error(), "evict pod shop/web-0: ") {
		t.Errorf("got %v", err)
	}
	if moved := b.status().Moved; len(moved) > 0 {
		t.Errorf("moved is %+v", moved)
	}
	b.refuse = nil
	b.round()
	b.want("True", "Moving", "", "web-0")
}
