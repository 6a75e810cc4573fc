package failover

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
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
	"tradewind.dev/tradewind/pkg/state/informers"
	"tradewind.dev/tradewind/pkg/workload"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// bench is a controller over an API server in memory, with two nodes in aws and two in gcp.
type bench struct {
	*testing.T
	*Controller
	clock  *testingclock.FakeClock
	api    client.Client
	events *events.FakeRecorder
	nodes  map[string]*corev1.Node
	leases map[string]time.Time // when they were renewed
	mu     sync.Mutex           // over deleted
	// deleted pods, with the grace period where one was given.
	deleted  []string
	replans  int
	input    planning.Input
	policies []*v1alpha1.PlacementPolicy
	specs    []planning.Workload
	cluster  string // that the nodes say they are in
}

func newBench(t *testing.T) *bench { return newBenchIn(t, "") }

// newBenchIn is newBench with nodes that say which cluster they are in.
func newBenchIn(t *testing.T, cluster string) *bench {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{v1alpha1.AddToScheme, corev1.AddToScheme, coordinationv1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	b := &bench{T: t, cluster: cluster, clock: testingclock.NewFakeClock(noon.Add(-2 * time.Minute)), events: events.NewFakeRecorder(100), nodes: map[string]*corev1.Node{}, leases: map[string]time.Time{}}
	b.api = fake.NewClientBuilder().WithScheme(scheme).WithStatusSubresource(&v1alpha1.Placement{}, &v1alpha1.CloudPool{}).WithInterceptorFuncs(interceptor.Funcs{
		Delete: func(ctx context.Context, to client.WithWatch, object client.Object, options ...client.DeleteOption) error {
			given := client.DeleteOptions{}
			given.ApplyOptions(options)
			text := object.GetName()
			if given.GracePeriodSeconds != nil {
				text += fmt.Sprintf(" at once (%d)", *given.GracePeriodSeconds)
			}
			b.mu.Lock()
			b.deleted = append(b.deleted, text)
			b.mu.Unlock()
			return to.Delete(ctx, object, options...)
		},
	}).Build()
	b.restart()
	for _, name := range []string{"aws-0", "aws-1", "gcp-0", "gcp-1"} {
		b.node(name, nil)
		b.renew(name)
	}
	b.pass(2 * time.Minute)
	return b
}

// restart begins anew with another controller, which knows only what the API server does.
func (b *bench) restart() {
	b.Controller = New(Options{
		Objects: informers.New(),
		Client:  b.api, Fresh: b.api, MonitorPeriod: 5 * time.Second, Recorder: b.events, Ledger: ledger.New(b.api, b.clock), Location: location.DefaultOptions().Compile(), Clock: b.clock,
		SchedulerNames: []string{"tradewind"},
	})
	var pools v1alpha1.CloudPoolList
	if err := b.api.List(b.Context(), &pools); err != nil {
		b.Fatal(err)
	}
	for i := range pools.Items {
		b.Objects.CloudPools.Set(&pools.Items[i])
	}
	b.OnChange(func() { b.replans++ })
	for name, node := range b.nodes {
		b.setNode(node)
		b.renewedAt(name, b.leases[name])
	}
}

// node makes or changes a node; its name begins with its cloud.
func (b *bench) node(name string, change func(*corev1.Node)) {
	b.Helper()
	node, known := b.nodes[name]
	if !known {
		place := map[string][3]string{
			"aws": {"eu-west-1", "eu-west-1a", "aws:///eu-west-1a/i-" + name}, "gcp": {"europe-west1", "europe-west1-b", "gce://p/europe-west1-b/" + name},
		}[name[:3]]
		node = &corev1.Node{
			ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(name), Labels: map[string]string{
				corev1.LabelTopologyRegion: place[0], corev1.LabelTopologyZone: place[1], corev1.LabelHostname: name,
				corev1.LabelInstanceTypeStable:   map[string]string{"aws": "m7i.xlarge", "gcp": "e2-standard-4"}[name[:3]],
				"eks.amazonaws.com/capacityType": "ON_DEMAND",
			}},
			Spec: corev1.NodeSpec{ProviderID: place[2]},
			Status: corev1.NodeStatus{
				Allocatable: corev1.ResourceList{
					corev1.ResourceCPU: resource.MustParse("4"), corev1.ResourceMemory: resource.MustParse("16Gi"), corev1.ResourcePods: resource.MustParse("50"),
				},
				Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue, LastTransitionTime: metav1.NewTime(noon.Add(-time.Hour))}},
			},
		}
		if b.cluster != "" {
			node.Labels[v1alpha1.LabelCluster] = b.cluster
		}
		if err := b.api.Create(b.Context(), node.DeepCopy()); err != nil {
			b.Fatal(err)
		}
	}
	var there corev1.Node
	if err := b.api.Get(b.Context(), client.ObjectKey{Name: name}, &there); err != nil {
		b.Fatal(err)
	}
	if !known {
		there.Status = node.Status
	}
	if change != nil {
		change(&there)
	}
	status := there.Status
	if err := b.api.Update(b.Context(), &there); err != nil {
		b.Fatal(err)
	}
	there.Status = status
	if err := b.api.Status().Update(b.Context(), &there); err != nil {
		b.Fatal(err)
	}
	b.nodes[name] = there.DeepCopy()
	b.setNode(b.nodes[name])
}

// refresh shows the controller its own writes to nodes.
func (b *bench) refresh() {
	b.Helper()
	for name := range b.nodes {
		b.node(name, nil)
	}
}

func (b *bench) renew(name string) { b.renewedAt(name, b.clock.Now()) }

func (b *bench) renewedAt(name string, at time.Time) {
	b.Helper()
	b.leases[name] = at
	lease := &coordinationv1.Lease{
		ObjectMeta: metav1.ObjectMeta{Namespace: corev1.NamespaceNodeLease, Name: name},
		Spec:       coordinationv1.LeaseSpec{LeaseDurationSeconds: ptr.To[int32](40), RenewTime: ptr.To(metav1.NewMicroTime(at))},
	}
	var there coordinationv1.Lease
	err := b.api.Get(b.Context(), client.ObjectKeyFromObject(lease), &there)
	if apierrors.IsNotFound(err) {
		err = b.api.Create(b.Context(), lease.DeepCopy())
	} else if err == nil {
		there.Spec = *lease.Spec.DeepCopy()
		err = b.api.Update(b.Context(), &there)
	}
	if err != nil {
		b.Fatal(err)
	}
	b.setLease(lease)
}

// pass lets time go by; the leases of nodes that are not named are renewed every 10 s, as kubelets do, and at the end.
func (b *bench) pass(d time.Duration, silent ...string) {
	b.Helper()
	for d > 0 {
		step := min(d, 10*time.Second)
		d -= step
		b.clock.Step(step)
		for name := range b.nodes {
			if !strings.Contains(strings.Join(silent, " ")+" ", name+" ") {
				b.renew(name)
			}
		}
	}
}

func (b *bench) ready(status corev1.ConditionStatus, names ...string) {
	for _, name := range names {
		b.node(name, func(node *corev1.Node) {
			node.Status.Conditions[0].Status, node.Status.Conditions[0].LastTransitionTime = status, metav1.NewTime(b.clock.Now())
		})
	}
}

// workload makes a workload with replicas on nodes, under a policy whose spec is YAML.
func (b *bench) workload(kind, name, policy string, claims []string, on ...string) {
	b.Helper()
	object := &v1alpha1.PlacementPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, UID: types.UID(name)}}
	if err := yaml.UnmarshalStrict([]byte(policy), &object.Spec); err != nil {
		b.Fatal(err)
	}
	object.Spec.WorkloadSelector = metav1.LabelSelector{MatchLabels: map[string]string{"app": name}}
	b.policies = append(b.policies, object)
	template := &corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": name}}}
	template.Spec = corev1.PodSpec{SchedulerName: "tradewind", Containers: []corev1.Container{{Name: "c", Resources: corev1.ResourceRequirements{
		Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("100m")},
	}}}}
	b.specs = append(b.specs, planning.Workload{Workload: workload.Workload{
		Key: workload.Key{Kind: kind, Namespace: "shop", Name: name}, APIVersion: versionOf(kind), Replicas: len(on), Template: template,
	}})
	for i, node := range on {
		pod := b.pod(name, fmt.Sprintf("%s-%d", name, i), node)
		for _, claim := range claims {
			pod.Spec.Volumes = append(pod.Spec.Volumes, corev1.Volume{Name: claim, VolumeSource: corev1.VolumeSource{
				PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: claim},
			}})
		}
		if err := b.api.Create(b.Context(), pod); err != nil {
			b.Fatal(err)
		}
	}
	placement := &v1alpha1.Placement{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: state.PlacementName(kind, name)},
		Spec:       v1alpha1.PlacementSpec{Workload: v1alpha1.PlacementWorkload{APIVersion: versionOf(kind), Kind: kind, Name: name}},
	}
	if err := b.api.Create(b.Context(), placement); err != nil {
		b.Fatal(err)
	}
}

// versionOf is the API version of a kind.
func versionOf(kind string) string {
	if kind == workload.Rollout {
		return "argoproj.io/v1alpha1"
	}
	return "apps/v1"
}

// pod is a replica of a workload on a node.
func (b *bench) pod(workload, name, node string) *corev1.Pod {
	i := slices.IndexFunc(b.specs, func(w planning.Workload) bool { return w.Name == workload })
	owner := metav1.OwnerReference{APIVersion: versionOf(b.specs[i].Kind), Kind: b.specs[i].Kind, Name: workload, UID: types.UID(workload), Controller: ptr.To(true)}
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, UID: types.UID(name), Labels: map[string]string{"app": workload}},
		Spec:       *b.specs[i].Template.Spec.DeepCopy(),
	}
	if label := map[string]string{"Deployment": "pod-template-hash", "Rollout": "rollouts-pod-template-hash"}[owner.Kind]; label != "" {
		pod.Labels[label] = "1"
		owner.APIVersion, owner.Kind, owner.Name = "apps/v1", "ReplicaSet", workload+"-1"
	}
	pod.OwnerReferences, pod.Spec.NodeName = []metav1.OwnerReference{owner}, node
	return pod
}

// claim binds a claim to a volume that can be attached in a zone, or anywhere.
func (b *bench) claim(name, zone string) {
	pv := &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: "pv-" + name}}
	if zone != "" {
		pv.Spec.NodeAffinity = &corev1.VolumeNodeAffinity{Required: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{{
			MatchExpressions: []corev1.NodeSelectorRequirement{{Key: corev1.LabelTopologyZone, Operator: corev1.NodeSelectorOpIn, Values: []string{zone}}},
		}}}}
	}
	b.input.Volumes = append(b.input.Volumes, pv)
	b.input.Claims = append(b.input.Claims, &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name}, Spec: corev1.PersistentVolumeClaimSpec{VolumeName: pv.Name},
	})
}

// plan makes a round of what there is, as the placement controller does, and CloudPools for its pools.
func (b *bench) plan() *rounds.Round {
	b.Helper()
	world, err := state.NewWorld(state.Objects{PlacementPolicies: b.policies}, b.clock.Now())
	if err != nil {
		b.Fatal(err)
	}
	in := b.input
	in.World, in.Location, in.Workloads, in.Namespaces = world, b.Location, b.specs, map[string]labels.Set{"shop": {}}
	in.Unavailable = func(node *corev1.Node) string {
		if reason := planning.NodeUnavailable(node); reason != "" {
			return reason
		}
		return b.Unavailable(node)
	}
	in.PoolUnavailable = b.PoolUnavailable
	for _, node := range b.nodes {
		in.Nodes = append(in.Nodes, node)
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
	result, err := planning.Build(&in)
	if err != nil {
		b.Fatal(err)
	}
	plan, err := engine.Solve(result.Snapshot, engine.Options{})
	if err != nil {
		b.Fatal(err)
	}
	for i := range result.Pools {
		pool := &v1alpha1.CloudPool{ObjectMeta: metav1.ObjectMeta{Name: result.Pools[i].Name}, Spec: v1alpha1.CloudPoolSpec{
			ClusterName: result.Pools[i].Cluster, Cloud: result.Pools[i].At.Cloud,
		}}
		_ = b.api.Create(b.Context(), pool) // it may be there
	}
	round := &rounds.Round{Time: b.clock.Now(), Input: &in, Result: result, Plan: plan, World: world}
	b.Planned(b.Context(), round)
	return round
}

// said is "STATUS REASON" of a condition of a Placement.
func (b *bench) said(name, kind string) string {
	b.Helper()
	var p v1alpha1.Placement
	if err := b.api.Get(b.Context(), client.ObjectKey{Namespace: "shop", Name: name}, &p); err != nil {
		b.Fatal(err)
	}
	if c := meta.FindStatusCondition(p.Status.Conditions, kind); c != nil {
		return string(c.Status) + " " + c.Reason
	}
	return ""
}

// outage is "STATUS REASON" of a cloud's pool.
func (b *bench) outage(cloud string) string {
	b.Helper()
	var list v1alpha1.CloudPoolList
	if err := b.api.List(b.Context(), &list); err != nil {
		b.Fatal(err)
	}
	for i := range list.Items {
		if c := meta.FindStatusCondition(list.Items[i].Status.Conditions, v1alpha1.ConditionOutage); c != nil && list.Items[i].Spec.Cloud == cloud {
			return string(c.Status) + " " + c.Reason
		}
	}
	return ""
}

// fences are the nodes with this package's taint.
func (b *bench) fences() string {
	b.Helper()
	var list corev1.NodeList
	if err := b.api.List(b.Context(), &list); err != nil {
		b.Fatal(err)
	}
	var out []string
	for i := range list.Items {
		for _, taint := range list.Items[i].Spec.Taints {
			if taint.Key == corev1.TaintNodeOutOfService {
				out = append(out, list.Items[i].Name)
			}
		}
	}
	return strings.Join(out, " ")
}
