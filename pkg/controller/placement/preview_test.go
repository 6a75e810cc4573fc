package placement

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	nodev1 "k8s.io/api/node/v1"
	resourcev1 "k8s.io/api/resource/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/planning"
	"tradewind.dev/tradewind/pkg/planning/rounds"
	"tradewind.dev/tradewind/pkg/rules"
	"tradewind.dev/tradewind/pkg/rules/policy"
	"tradewind.dev/tradewind/pkg/state"
	"tradewind.dev/tradewind/pkg/state/files"
	"tradewind.dev/tradewind/pkg/state/informers"
)

func named(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: "shop", Name: name, UID: types.UID("uid-" + name), Generation: 1}
}

func ownedBy(name, apiVersion, kind, owner string) metav1.ObjectMeta {
	out := named(name)
	out.OwnerReferences = []metav1.OwnerReference{{
		APIVersion: apiVersion, Kind: kind, Name: owner, UID: types.UID("uid-" + owner), Controller: ptr.To(true),
	}}
	return out
}

func running(meta metav1.ObjectMeta, app, node string) *corev1.Pod {
	meta.Labels = map[string]string{"app": app, appsv1.DefaultDeploymentUniqueLabelKey: "1"}
	return &corev1.Pod{
		ObjectMeta: meta, Spec: corev1.PodSpec{NodeName: node, Containers: templateOf(app, "500m").Spec.Containers},
		Status: corev1.PodStatus{Phase: corev1.PodRunning},
	}
}

// everyKind are objects of all kinds that a plan is made from, each with something that only one of several readers once saw.
func everyKind() []client.Object {
	going := running(ownedBy("web-going", "apps/v1", "ReplicaSet", "web-1"), "web", "a1")
	going.DeletionTimestamp, going.Finalizers = &metav1.Time{Time: metav1.Now().Rfc3339Copy().Time}, []string{"tradewind.dev/test"}
	urgent := templateOf("urgent", "1")
	urgent.Spec.PriorityClassName = "urgent"
	boxed := templateOf("boxed", "100m")
	boxed.Spec.RuntimeClassName = ptr.To("sandbox")
	boxed.Spec.ResourceClaims = []corev1.PodResourceClaim{{Name: "gpu", ResourceClaimTemplateName: ptr.To("one-gpu")}}
	lost := &v1alpha1.CloudPool{ObjectMeta: metav1.ObjectMeta{Name: "lost", UID: "uid-lost", Generation: 1}}
	lost.Spec = v1alpha1.CloudPoolSpec{Cloud: "aws", Region: "us-east-1", MaxNodes: ptr.To[int32](5), InstanceType: "m7i.large"}
	lost.Status.Conditions = []metav1.Condition{{
		Type: v1alpha1.ConditionOutage, Status: metav1.ConditionTrue, Reason: "Lost", Message: "cloud aws is lost",
		LastTransitionTime: metav1.Now().Rfc3339Copy(),
	}}
	canary := func(name string, replicas int32) *appsv1.ReplicaSet {
		return &appsv1.ReplicaSet{
			ObjectMeta: ownedBy(name, "argoproj.io/v1alpha1", "Rollout", "canary"),
			Spec:       appsv1.ReplicaSetSpec{Replicas: &replicas, Template: templateOf("canary", "300m")},
		}
	}
	return []client.Object{
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop", UID: "uid-shop", Labels: map[string]string{corev1.LabelMetadataName: "shop"}}},
		aws("a1", "eu-west-1"), aws("a2", "eu-west-1"), gcp("g1"), aws("u1", "us-east-1"), lost,
		&appsv1.Deployment{ObjectMeta: named("web"), Spec: appsv1.DeploymentSpec{Replicas: ptr.To[int32](3), Template: templateOf("web", "500m")}},
		&appsv1.ReplicaSet{ObjectMeta: ownedBy("web-1", "apps/v1", "Deployment", "web"), Spec: appsv1.ReplicaSetSpec{Replicas: ptr.To[int32](3)}},
		running(ownedBy("web-1-x", "apps/v1", "ReplicaSet", "web-1"), "web", "a1"), going,
		&appsv1.Deployment{ObjectMeta: named("urgent"), Spec: appsv1.DeploymentSpec{Replicas: ptr.To[int32](3), Template: urgent}},
		// A Rollout is seen by its ReplicaSets alone; it once was a workload for each of them.
		canary("canary-1", 2), canary("canary-2", 1),
		running(ownedBy("canary-1-x", "apps/v1", "ReplicaSet", "canary-1"), "canary", "g1"),
		// The claim of its first replica is disk-db-5: the controller once looked for disk-db-0, simulate for disk-db-5.
		&appsv1.StatefulSet{ObjectMeta: named("db"), Spec: appsv1.StatefulSetSpec{
			Replicas: ptr.To[int32](2), Ordinals: &appsv1.StatefulSetOrdinals{Start: 5}, Template: templateOf("db", "300m"),
			VolumeClaimTemplates: []corev1.PersistentVolumeClaim{{ObjectMeta: metav1.ObjectMeta{Name: "disk"}}},
		}},
		&corev1.PersistentVolumeClaim{ObjectMeta: named("disk-db-5"), Spec: corev1.PersistentVolumeClaimSpec{VolumeName: "pv"}},
		&corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: "pv", UID: "uid-pv"}, Spec: corev1.PersistentVolumeSpec{
			PersistentVolumeSource: corev1.PersistentVolumeSource{CSI: &corev1.CSIPersistentVolumeSource{
				Driver: "pd.csi.storage.gke.io", VolumeHandle: "projects/p/zones/europe-west1-b/disks/d",
			}},
			NodeAffinity: &corev1.VolumeNodeAffinity{Required: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{{
				MatchExpressions: []corev1.NodeSelectorRequirement{
					{Key: "topology.gke.io/zone", Operator: corev1.NodeSelectorOpIn, Values: []string{"europe-west1-b"}},
				},
			}}}},
		}},
		&corev1.ReplicationController{ObjectMeta: named("old"), Spec: corev1.ReplicationControllerSpec{Template: ptr.To(templateOf("old", "200m"))}},
		// drain and drill once planned both with their parallelism.
		&batchv1.Job{ObjectMeta: named("nearly"), Status: batchv1.JobStatus{Succeeded: 8}, Spec: batchv1.JobSpec{
			Parallelism: ptr.To[int32](4), Completions: ptr.To[int32](9), Template: templateOf("nearly", "200m"),
		}},
		&batchv1.Job{ObjectMeta: named("waits"), Spec: batchv1.JobSpec{
			Parallelism: ptr.To[int32](4), Suspend: ptr.To(true), Template: templateOf("waits", "200m"),
		}},
		&corev1.ResourceQuota{ObjectMeta: named("few"), Spec: corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{
			corev1.ResourcePods: resource.MustParse("10"),
		}}},
		&schedulingv1.PriorityClass{ObjectMeta: metav1.ObjectMeta{Name: "urgent", UID: "uid-urgent-class"}, Value: 1000, PreemptionPolicy: ptr.To(corev1.PreemptNever)},
		// What follows was read from files alone, or by nobody.
		&appsv1.DaemonSet{ObjectMeta: named("agent"), Spec: appsv1.DaemonSetSpec{Template: templateOf("agent", "100m")}},
		&nodev1.RuntimeClass{
			ObjectMeta: metav1.ObjectMeta{Name: "sandbox", UID: "uid-sandbox"}, Handler: "runsc",
			Overhead:   &nodev1.Overhead{PodFixed: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("50m")}},
			Scheduling: &nodev1.Scheduling{NodeSelector: map[string]string{corev1.LabelTopologyRegion: "eu-west-1"}},
		},
		&appsv1.Deployment{ObjectMeta: named("boxed"), Spec: appsv1.DeploymentSpec{Replicas: ptr.To[int32](2), Template: boxed}},
		&resourcev1.DeviceClass{ObjectMeta: metav1.ObjectMeta{Name: "gpu", UID: "uid-gpu"}, Spec: resourcev1.DeviceClassSpec{
			Selectors: []resourcev1.DeviceSelector{{CEL: &resourcev1.CELDeviceSelector{Expression: `device.driver == "gpu.example"`}}},
		}},
		&resourcev1.ResourceClaimTemplate{ObjectMeta: named("one-gpu"), Spec: resourcev1.ResourceClaimTemplateSpec{Spec: resourcev1.ResourceClaimSpec{
			Devices: resourcev1.DeviceClaim{Requests: []resourcev1.DeviceRequest{{Name: "gpu", Exactly: &resourcev1.ExactDeviceRequest{DeviceClassName: "gpu", Count: 1}}}},
		}}},
		&resourcev1.ResourceSlice{ObjectMeta: metav1.ObjectMeta{Name: "a1-gpus", UID: "uid-a1-gpus"}, Spec: resourcev1.ResourceSliceSpec{
			Driver: "gpu.example", NodeName: ptr.To("a1"), Pool: resourcev1.ResourcePool{Name: "a1", Generation: 1, ResourceSliceCount: 1},
			Devices: []resourcev1.Device{{Name: "gpu-0"}, {Name: "gpu-1"}},
		}},
		&resourcev1.ResourceClaim{
			ObjectMeta: named("taken"), Spec: resourcev1.ResourceClaimSpec{Devices: resourcev1.DeviceClaim{Requests: []resourcev1.DeviceRequest{{
				Name: "gpu", Exactly: &resourcev1.ExactDeviceRequest{DeviceClassName: "gpu", Count: 1},
			}}}},
			Status: resourcev1.ResourceClaimStatus{Allocation: &resourcev1.AllocationResult{Devices: resourcev1.DeviceAllocationResult{
				Results: []resourcev1.DeviceRequestAllocationResult{{Request: "gpu", Driver: "gpu.example", Pool: "a1", Device: "gpu-0"}},
			}}},
		},
		&storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{
			Name: "standard", UID: "uid-standard", Annotations: map[string]string{"storageclass.kubernetes.io/is-default-class": "true"},
		}, Provisioner: "pd.csi.storage.gke.io", VolumeBindingMode: ptr.To(storagev1.VolumeBindingWaitForFirstConsumer)},
		&storagev1.CSINode{ObjectMeta: metav1.ObjectMeta{Name: "g1", UID: "uid-csi-g1"}, Spec: storagev1.CSINodeSpec{Drivers: []storagev1.CSINodeDriver{{
			Name: "pd.csi.storage.gke.io", NodeID: "g1", Allocatable: &storagev1.VolumeNodeResources{Count: ptr.To[int32](15)},
		}}}},
	}
}

// outage is an Availability that knows what the condition of the CloudPool lost says.
type outage struct{}

func (outage) Unavailable(*corev1.Node) string { return "" }
func (outage) PoolUnavailable(pool *planning.PoolInfo) string {
	if pool.Name == "lost" {
		return "cloud aws is lost"
	}
	return ""
}
func (outage) Doubts() rounds.Doubts { return rounds.Doubts{} }

// cached is an object as the controller's cache keeps it.
func cached(t *testing.T, object client.Object) client.Object {
	t.Helper()
	for kind, options := range informers.CacheOptions().ByObject {
		if reflect.TypeOf(kind) == reflect.TypeOf(object) && options.Transform != nil {
			out, err := options.Transform(object.DeepCopyObject())
			if err != nil {
				t.Fatal(err)
			}
			return out.(client.Object)
		}
	}
	return object
}

// seen shows objects to the planner.
func (b *bench) seen(objects []client.Object) {
	b.Helper()
	for _, object := range objects {
		switch typed := object.(type) {
		case *corev1.Node:
			b.objects.Nodes.Set(typed)
		case *corev1.Namespace:
			b.objects.Namespaces.Set(typed)
		case *corev1.Pod:
			b.objects.Pods.Set(typed)
		case *appsv1.Deployment:
			b.objects.Deployments.Set(typed)
		case *appsv1.ReplicaSet:
			b.objects.ReplicaSets.Set(typed)
		case *appsv1.StatefulSet:
			b.objects.StatefulSets.Set(typed)
		case *corev1.ReplicationController:
			b.objects.ReplicationControllers.Set(typed)
		case *batchv1.Job:
			b.objects.Jobs.Set(typed)
		case *corev1.PersistentVolumeClaim:
			b.objects.Claims.Set(typed)
		case *corev1.PersistentVolume:
			b.objects.Volumes.Set(typed)
		case *corev1.ResourceQuota:
			b.objects.Quotas.Set(typed)
		case *schedulingv1.PriorityClass:
			b.objects.PriorityClasses.Set(typed)
		case *v1alpha1.CloudPool:
			b.objects.CloudPools.Set(typed)
		case *appsv1.DaemonSet:
			b.objects.DaemonSets.Set(typed)
		case *nodev1.RuntimeClass:
			b.objects.RuntimeClasses.Set(typed)
		case *storagev1.StorageClass:
			b.objects.StorageClasses.Set(typed)
		case *storagev1.CSINode:
			b.objects.CSINodes.Set(typed)
		case *resourcev1.DeviceClass:
			b.objects.DeviceClasses.Set(typed)
		case *resourcev1.ResourceSlice:
			b.objects.ResourceSlices.Set(typed)
		case *resourcev1.ResourceClaim:
			b.objects.ResourceClaims.Set(typed)
		case *resourcev1.ResourceClaimTemplate:
			b.objects.ResourceClaimTemplates.Set(typed)
		default:
			b.Fatalf("no table for %T", object)
		}
	}
}

// plannedFrom is what the engine is given of an input, without what is made anew each time.
func plannedFrom(t *testing.T, input *planning.Input) *engine.Snapshot {
	t.Helper()
	result, err := planning.Build(input)
	if err != nil {
		t.Fatal(err)
	}
	for _, problem := range result.Problems {
		t.Errorf("problem: %s", problem)
	}
	out := &engine.Snapshot{Pools: result.Snapshot.Pools, Workloads: result.Snapshot.Workloads}
	for i := range out.Pools {
		out.Pools[i].Class = &rules.Class{Node: out.Pools[i].Class.Node}
	}
	for i := range out.Workloads {
		if ruled := out.Workloads[i].Rules; ruled != nil {
			out.Workloads[i].Rules = &rules.Rules{Effective: &policy.Effective{Sources: ruled.Sources}}
		}
	}
	return out
}

func sameSnapshot(t *testing.T, what string, got, want *engine.Snapshot) {
	t.Helper()
	if len(got.Pools) != len(want.Pools) || len(got.Workloads) != len(want.Workloads) {
		t.Fatalf("%s: %d pools and %d workloads, the controller has %d and %d", what,
			len(got.Pools), len(got.Workloads), len(want.Pools), len(want.Workloads))
	}
	for i := range want.Pools {
		if !reflect.DeepEqual(got.Pools[i], want.Pools[i]) {
			t.Errorf("%s: pool\n%+v, the controller has\n%+v", what, got.Pools[i], want.Pools[i])
		}
	}
	for i := range want.Workloads {
		if !reflect.DeepEqual(got.Workloads[i], want.Workloads[i]) {
			t.Errorf("%s: workload\n%+v, the controller has\n%+v", what, got.Workloads[i], want.Workloads[i])
		}
	}
}

// TestPreviewIsThePlan plans one cluster as the controller does from its caches, as the commands do that read the cluster, and as
// simulate does from what snapshot writes. They once put together what a plan is made from each for itself: commands planned
// what a scheduler places and not what a policy selects, none but simulate heeded ordinals, and none of them quotas.
func TestPreviewIsThePlan(t *testing.T) {
	selecting := func(name, app string) *v1alpha1.PlacementPolicy {
		out := &v1alpha1.PlacementPolicy{ObjectMeta: named(name)}
		out.Spec.WorkloadSelector.MatchLabels = map[string]string{"app": app}
		return out
	}
	calls := selecting("web", "web")
	calls.Spec.Traffic = []v1alpha1.Traffic{{To: v1alpha1.WorkloadReference{Name: "db"}, RequestsPerSecond: 5}}
	for name, policies := range map[string]state.Objects{
		"all are selected": {ClusterPlacementPolicies: []*v1alpha1.ClusterPlacementPolicy{{
			ObjectMeta: metav1.ObjectMeta{Name: "all", UID: "uid-all", Generation: 1},
		}}},
		"some are": {PlacementPolicies: []*v1alpha1.PlacementPolicy{calls, selecting("canary", "canary"), selecting("nearly", "nearly")}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.options.Availability = outage{}
			b.world = policies
			b.inForce()
			var objects []client.Object
			for _, object := range everyKind() {
				objects = append(objects, cached(t, object))
			}
			b.seen(objects)
			want := plannedFrom(t, b.gather(b.Planner.world.Load()).input)
			replicas := map[string]int{}
			for i := range want.Workloads {
				w := &want.Workloads[i]
				replicas[w.Kind+" "+w.Name] = w.Replicas
				if w.Name == "db" && (len(w.Pins) != 2 || len(w.Pins[0].Pools) != 1 || !slices.Equal(w.Pins[0].Pools, w.Pins[1].Pools) ||
					w.Pins[0].Made == w.Pins[1].Made || w.Request.Extended["attachable-volumes-csi-pd.csi.storage.gke.io"] != 1) {
					t.Errorf("the StatefulSet, with one volume and one to be made of the default class, has pins %+v and asks for %v", w.Pins, w.Request.Extended)
				}
				if w.Name == "boxed" && (w.Request.MilliCPU != 150 || w.Request.Extended["devices of class gpu"] != 1 || len(w.NodeSelector) != 1) {
					t.Errorf("what a RuntimeClass adds and the devices that are claimed: %+v", w)
				}
				if w.Name == "urgent" && (w.Priority != 1000 || !w.PreemptsNobody) {
					t.Errorf("priority %d, preempts nobody %t", w.Priority, w.PreemptsNobody)
				}
			}
			if replicas["Rollout canary"] != 3 || replicas["Job nearly"] != 1 {
				t.Errorf("the controller plans %v", replicas)
			}

			scheme := runtime.NewScheme()
			for _, add := range []func(*runtime.Scheme) error{v1alpha1.AddToScheme, clientgoscheme.AddToScheme} {
				if err := add(scheme); err != nil {
					t.Fatal(err)
				}
			}
			all := everyKind()
			for _, policy := range policies.PlacementPolicies {
				all = append(all, policy.DeepCopy())
			}
			for _, policy := range policies.ClusterPlacementPolicies {
				all = append(all, policy.DeepCopy())
			}
			api := fake.NewClientBuilder().WithScheme(scheme).WithObjects(all...).Build()
			read, err := state.Collect(t.Context(), api, state.CollectOptions{Location: location.DefaultOptions(), Workloads: true}, b.clock.Now())
			if err != nil {
				t.Fatal(err)
			}
			live := planning.From(&read.Lists, read.World(), location.DefaultOptions(), nil)
			live.Select(read.Workloads(), nil)
			sameSnapshot(t, "commands", plannedFrom(t, live), want)
			if len(policies.PlacementPolicies) > 0 {
				return // simulate plans also what no policy selects
			}

			folder := t.TempDir()
			written, err := files.Snapshot(&read.Lists, files.SnapshotOptions{AccountIDs: true})
			if err != nil {
				t.Fatal(err)
			}
			for _, file := range written {
				if err := os.WriteFile(filepath.Join(folder, file.Name), file.Data, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			set, err := files.Read([]string{folder}, nil, files.Options{})
			if err != nil {
				t.Fatal(err)
			}
			scenario, err := set.Scenario(location.DefaultOptions(), b.clock.Now())
			if err != nil {
				t.Fatal(err)
			}
			for _, problem := range scenario.Problems {
				t.Errorf("problem: %s", problem)
			}
			sameSnapshot(t, "simulate", plannedFrom(t, scenario.Input), want)
		})
	}
}
