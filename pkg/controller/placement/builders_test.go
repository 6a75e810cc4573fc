package placement

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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
	"tradewind.dev/tradewind/pkg/planning"
	"tradewind.dev/tradewind/pkg/planning/rounds"
	"tradewind.dev/tradewind/pkg/state"
	"tradewind.dev/tradewind/pkg/state/informers"
	"tradewind.dev/tradewind/pkg/workload"
)

// bench is a planner over an API server in memory. Objects of the cluster are set by hand, as informers would.
type bench struct {
	testing.TB
	*Planner
	api    client.Client
	events *events.FakeRecorder
	// writes counts requests; refuse, if set, is what they are answered with, and slow how long that takes.
	writes int
	refuse error
	slow   time.Duration
	// versions has writes of statuses answered with the version that they made, as an API server does.
	versions bool
	// generation is that of the last Deployment.
	generation int64
	rounds     []*rounds.Round
	world      state.Objects
	// asking says that the loop is watched for whether a round is asked for.
	asking bool
}

// Context is the test's. Where the loop is watched it is one that never ends, which goroutines with a time of their own may look at.
func (b *bench) Context() context.Context {
	if b.asking {
		return context.Background()
	}
	return b.TB.Context()
}

func newBench(t testing.TB) *bench {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{v1alpha1.AddToScheme, corev1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	b := &bench{TB: t, events: events.NewFakeRecorder(1000)}
	var mu sync.Mutex // several writers write at a time
	count := func() error {
		mu.Lock()
		defer mu.Unlock()
		b.writes++
		b.clock.(*testingclock.FakeClock).Step(b.slow)
		return b.refuse
	}
	b.api = fake.NewClientBuilder().WithScheme(scheme).WithStatusSubresource(&v1alpha1.Placement{}).WithInterceptorFuncs(interceptor.Funcs{
		Apply: func(ctx context.Context, to client.WithWatch, object runtime.ApplyConfiguration, options ...client.ApplyOption) error {
			if err := count(); err != nil {
				return err
			}
			return to.Apply(ctx, object, options...)
		},
		Delete: func(ctx context.Context, to client.WithWatch, object client.Object, options ...client.DeleteOption) error {
			if err := count(); err != nil {
				return err
			}
			return to.Delete(ctx, object, options...)
		},
		SubResourceApply: func(ctx context.Context, to client.Client, name string, object runtime.ApplyConfiguration, options ...client.SubResourceApplyOption) error {
			if err := count(); err != nil {
				return err
			}
			err := to.SubResource(name).Apply(ctx, object, options...)
			if answer, ok := object.(metav1.Object); ok && b.versions { // which the fake leaves out
				var now v1alpha1.Placement
				err = errors.Join(err, to.Get(ctx, client.ObjectKey{Namespace: answer.GetNamespace(), Name: answer.GetName()}, &now))
				answer.SetResourceVersion(now.ResourceVersion)
			}
			return err
		},
	}).Build()
	b.Planner = newPlanner(b.api, b.events, Options{
		Objects: informers.New(), Location: location.DefaultOptions(), Objective: engine.ObjectiveInvoice, Listeners: []rounds.Listener{b}, Clock: testingclock.NewFakeClock(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)),
	})
	b.setNamespace("shop")
	b.inForce()
	return b
}

// Planned implements rounds.Listener.
func (b *bench) Planned(_ context.Context, round *rounds.Round) { b.rounds = append(b.rounds, round) }

// inForce puts the policies in force.
func (b *bench) inForce() {
	b.Helper()
	next := state.NewWorld
	if world := b.Planner.world.Load(); world != nil {
		next = world.Next
	}
	world, err := next(b.world, b.clock.Now())
	if err != nil {
		b.Fatal(err)
	}
	b.Planner.world.Store(world)
}

// policy sets a PlacementPolicy of the pods app=NAME in the namespace shop. An empty spec removes it.
func (b *bench) policy(name, spec string) {
	b.Helper()
	kept := b.world.PlacementPolicies[:0:0]
	generation := int64(1)
	for _, object := range b.world.PlacementPolicies {
		if object.Name != name {
			kept = append(kept, object)
		} else {
			generation = object.Generation + 1
		}
	}
	if spec != "" {
		object := &v1alpha1.PlacementPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, UID: types.UID(name), Generation: generation}}
		if err := yaml.UnmarshalStrict([]byte(spec), &object.Spec); err != nil {
			b.Fatal(err)
		}
		object.Spec.WorkloadSelector = metav1.LabelSelector{MatchLabels: map[string]string{"app": name}}
		kept = append(kept, object)
	}
	b.world.PlacementPolicies = kept
	b.inForce()
}

func (b *bench) setNamespace(name string) {
	b.objects.Namespaces.Set(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(name)}})
}

// endNamespace lets a namespace be deleted, which is there as long as something is in it.
func (b *bench) endNamespace(name string) {
	now := metav1.NewTime(b.clock.Now())
	b.objects.Namespaces.Set(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(name), DeletionTimestamp: &now}})
}

// aws is a node of AWS with two cores.
func aws(name, region string) *corev1.Node {
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(name), Labels: map[string]string{
			corev1.LabelTopologyRegion: region, corev1.LabelTopologyZone: region + "a", corev1.LabelInstanceTypeStable: "m7i.large",
		}},
		Spec: corev1.NodeSpec{ProviderID: "aws:///" + region + "a/i-0123456789abcdef0"},
		Status: corev1.NodeStatus{
			Capacity: list("2", "8Gi"), Allocatable: list("2", "7Gi"),
			Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}},
		},
	}
}

// gcp is a node of Google Cloud with four cores.
func gcp(name string) *corev1.Node {
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(name), Labels: map[string]string{
			corev1.LabelTopologyRegion: "europe-west1", corev1.LabelTopologyZone: "europe-west1-b", corev1.LabelInstanceTypeStable: "e2-standard-4",
		}},
		Spec: corev1.NodeSpec{ProviderID: "gce://project/europe-west1-b/" + name},
		Status: corev1.NodeStatus{
			Capacity: list("4", "16Gi"), Allocatable: list("4", "14Gi"),
			Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}},
		},
	}
}

func list(cpu, memory string) corev1.ResourceList {
	return corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(cpu), corev1.ResourceMemory: resource.MustParse(memory)}
}

func (b *bench) nodes(nodes ...*corev1.Node) {
	for _, node := range nodes {
		b.objects.Nodes.Set(node)
	}
}

func templateOf(app, cpu string) corev1.PodTemplateSpec {
	return corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": app}},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Resources: corev1.ResourceRequirements{Requests: list(cpu, "256Mi")}}}},
	}
}

// deployment sets a Deployment of pods app=NAME with its ReplicaSet.
func (b *bench) deployment(name string, replicas int32, cpu string) {
	b.generation++
	b.objects.Deployments.Set(&appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, UID: types.UID("uid-" + name), Generation: b.generation},
		Spec:       appsv1.DeploymentSpec{Replicas: &replicas, Template: templateOf(name, cpu)},
	})
	b.objects.ReplicaSets.Set(&appsv1.ReplicaSet{ObjectMeta: metav1.ObjectMeta{
		Namespace: "shop", Name: name + "-1", UID: types.UID(name + "-1"),
		OwnerReferences: []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: workload.Deployment, Name: name, Controller: ptr.To(true)}},
	}})
}

func (b *bench) job(name string, parallelism, completions, succeeded int32, suspended, ended bool) {
	job := &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, UID: types.UID(name)},
		Spec:       batchv1.JobSpec{Parallelism: &parallelism, Completions: &completions, Suspend: &suspended, Template: templateOf(name, "1")},
		Status:     batchv1.JobStatus{Succeeded: succeeded},
	}
	if ended {
		job.Status.Conditions = []batchv1.JobCondition{{Type: batchv1.JobComplete, Status: corev1.ConditionTrue}}
	}
	b.objects.Jobs.Set(job)
}

// pods places pods of a Deployment on a node.
func (b *bench) pods(deployment, node, cpu string, count int) {
	for i := range count {
		name := fmt.Sprintf("%s-1-%s-%d", deployment, node, i)
		b.objects.Pods.Set(&corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{
				Namespace: "shop", Name: name, UID: types.UID(name), Labels: map[string]string{"app": deployment},
				OwnerReferences: []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: workload.ReplicaSet, Name: deployment + "-1", Controller: ptr.To(true)}},
			},
			Spec:   corev1.PodSpec{NodeName: node, Containers: templateOf(deployment, cpu).Spec.Containers},
			Status: corev1.PodStatus{Phase: corev1.PodRunning},
		})
	}
}

// plan makes one round and shows the planner what the API server then has, as a cache does.
func (b *bench) plan() error {
	b.Helper()
	b.quiet() // what was asked for until now, the round sees
	err := b.round(b.Context())
	b.refresh()
	return err
}

func (b *bench) mustPlan() {
	b.Helper()
	if err := b.plan(); err != nil {
		b.Fatal(err)
	}
}

func (b *bench) refresh() {
	b.Helper()
	var found v1alpha1.PlacementList
	if err := b.api.List(b.Context(), &found); err != nil {
		b.Fatal(err)
	}
	there := map[string]bool{}
	for i := range found.Items {
		b.objects.Placements.Set(&found.Items[i])
		there[found.Items[i].Name] = true
	}
	for _, object := range b.objects.Placements.All() {
		if !there[object.Name] {
			b.objects.Placements.Remove(object)
		}
	}
}

// get reads the Placement of a Deployment; nil when there is none.
func (b *bench) get(deployment string) *v1alpha1.Placement {
	b.Helper()
	var found v1alpha1.Placement
	err := b.api.Get(b.Context(), client.ObjectKey{Namespace: "shop", Name: "deployment-" + deployment}, &found)
	if client.IgnoreNotFound(err) != nil {
		b.Fatal(err)
	}
	if err != nil {
		return nil
	}
	return &found
}

// lost is a rounds.Availability that has lost a node, and a pool, and has doubts.
type lost struct {
	node, cloud string
	doubts      rounds.Doubts
}

func (l lost) Doubts() rounds.Doubts { return l.doubts }

func (l lost) Unavailable(node *corev1.Node) string {
	if node.Name == l.node {
		return "is lost"
	}
	return ""
}

func (l lost) PoolUnavailable(pool *planning.PoolInfo) string {
	if pool.At.Cloud == l.cloud {
		return "the cloud is lost"
	}
	return ""
}
