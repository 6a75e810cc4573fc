package state

import (
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	nodev1 "k8s.io/api/node/v1"
	resourcev1 "k8s.io/api/resource/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	storagev1 "k8s.io/api/storage/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/rules"
	"tradewind.dev/tradewind/pkg/rules/policy"
	"tradewind.dev/tradewind/pkg/workload"
)

// Lists are the objects of a cluster at one time.
type Lists struct {
	Nodes                  []*corev1.Node
	Pods                   []*corev1.Pod
	Namespaces             []*corev1.Namespace
	ReplicaSets            []*appsv1.ReplicaSet
	StatefulSets           []*appsv1.StatefulSet
	ReplicationControllers []*corev1.ReplicationController
	Jobs                   []*batchv1.Job
	Claims                 []*corev1.PersistentVolumeClaim
	Volumes                []*corev1.PersistentVolume
	StorageClasses         []*storagev1.StorageClass
	// Deployments and what follows are read only on request (CollectOptions.Workloads).
	Deployments     []*appsv1.Deployment
	DaemonSets      []*appsv1.DaemonSet
	CloudPools      []*v1alpha1.CloudPool
	PriorityClasses []*schedulingv1.PriorityClass
	Quotas          []*corev1.ResourceQuota
	// Declared are workloads that only files declare, and Scales what owners of pods want whose kinds are not read; see workload.Objects.
	Declared       []workload.Workload
	Scales         map[workload.Key]workload.Scale `json:"-"`
	RuntimeClasses []*nodev1.RuntimeClass
	CSINodes       []*storagev1.CSINode
	// ResourceClaims and what follows are about devices.
	ResourceClaims         []*resourcev1.ResourceClaim
	ResourceClaimTemplates []*resourcev1.ResourceClaimTemplate
	ResourceSlices         []*resourcev1.ResourceSlice
	DeviceClasses          []*resourcev1.DeviceClass
	// Placements are the last decisions, which Tradewind's scheduler follows, and the next plan too unless another is clearly cheaper.
	Placements []*v1alpha1.Placement
	// Scheduling is read only on request (CollectOptions.Scheduling).
	Scheduling
	// Objects are Tradewind's own.
	Objects
}

// Scheduling is what kube-scheduler's filters look at besides.
type Scheduling struct {
	CSIDrivers []*storagev1.CSIDriver
	Capacities []*storagev1.CSIStorageCapacity
}

// Add adds an object to the list of its kind. Objects of other kinds are left out.
func (l *Lists) Add(object client.Object) {
	switch typed := object.(type) {
	case *corev1.Node:
		l.Nodes = append(l.Nodes, typed)
	case *corev1.Pod:
		l.Pods = append(l.Pods, typed)
	case *corev1.Namespace:
		l.Namespaces = append(l.Namespaces, typed)
	case *appsv1.Deployment:
		l.Deployments = append(l.Deployments, typed)
	case *appsv1.ReplicaSet:
		l.ReplicaSets = append(l.ReplicaSets, typed)
	case *appsv1.StatefulSet:
		l.StatefulSets = append(l.StatefulSets, typed)
	case *appsv1.DaemonSet:
		l.DaemonSets = append(l.DaemonSets, typed)
	case *corev1.ReplicationController:
		l.ReplicationControllers = append(l.ReplicationControllers, typed)
	case *batchv1.Job:
		l.Jobs = append(l.Jobs, typed)
	case *corev1.PersistentVolumeClaim:
		l.Claims = append(l.Claims, typed)
	case *corev1.PersistentVolume:
		l.Volumes = append(l.Volumes, typed)
	case *storagev1.StorageClass:
		l.StorageClasses = append(l.StorageClasses, typed)
	case *schedulingv1.PriorityClass:
		l.PriorityClasses = append(l.PriorityClasses, typed)
	case *corev1.ResourceQuota:
		l.Quotas = append(l.Quotas, typed)
	case *nodev1.RuntimeClass:
		l.RuntimeClasses = append(l.RuntimeClasses, typed)
	case *storagev1.CSINode:
		l.CSINodes = append(l.CSINodes, typed)
	case *resourcev1.ResourceClaim:
		l.ResourceClaims = append(l.ResourceClaims, typed)
	case *resourcev1.ResourceClaimTemplate:
		l.ResourceClaimTemplates = append(l.ResourceClaimTemplates, typed)
	case *resourcev1.ResourceSlice:
		l.ResourceSlices = append(l.ResourceSlices, typed)
	case *resourcev1.DeviceClass:
		l.DeviceClasses = append(l.DeviceClasses, typed)
	case *v1alpha1.CloudPool:
		l.CloudPools = append(l.CloudPools, typed)
	case *v1alpha1.PlacementPolicy:
		l.PlacementPolicies = append(l.PlacementPolicies, typed)
	case *v1alpha1.ClusterPlacementPolicy:
		l.ClusterPlacementPolicies = append(l.ClusterPlacementPolicies, typed)
	case *v1alpha1.PriceList:
		l.PriceLists = append(l.PriceLists, *typed)
	case *v1alpha1.LatencyMap:
		l.LatencyMaps = append(l.LatencyMaps, *typed)
	}
}

// Workloads are those of the cluster; see workload.Objects.
func (l *Lists) Workloads() []workload.Workload {
	from := workload.Objects{
		Deployments: l.Deployments, ReplicaSets: l.ReplicaSets, StatefulSets: l.StatefulSets,
		ReplicationControllers: l.ReplicationControllers, Jobs: l.Jobs, Declared: l.Declared,
		Scales: l.Scales,
	}
	if len(l.Scales) > 0 {
		from.Pods, from.StorageClass = l.Pods, l.storageClasses()
	}
	return from.All()
}

// storageClasses finds the classes of claims.
func (l *Lists) storageClasses() func(namespace, claim string) (class *string, known bool) {
	type name struct{ namespace, claim string }
	classes := make(map[name]*string, len(l.Claims))
	for _, claim := range l.Claims {
		classes[name{claim.Namespace, claim.Name}] = claim.Spec.StorageClassName
	}
	return func(namespace, claim string) (*string, bool) {
		class, known := classes[name{namespace, claim}]
		return class, known
	}
}

// Snapshot is what was known of a cluster at one time: the objects, and a Store that was fed with them.
type Snapshot struct {
	*Store
	Lists
	// Time is when it was read.
	Time time.Time
	// Gaps are what could not be read, and what is therefore less exact.
	Gaps []Gap
}

// NewSnapshot feeds a Store from lists. Errors mean a broken build; what is wrong with policies, prices and round-trip
// times is in the Store's World.
func NewSnapshot(lists Lists, options location.Options, now time.Time) (*Snapshot, error) {
	world, err := NewWorld(lists.Objects, now)
	if err != nil {
		return nil, err
	}
	store := NewStore(world, options)
	feed(lists.Namespaces, store.SetNamespace)
	feed(lists.Nodes, store.SetNode)
	feed(lists.Claims, store.SetClaim)
	feed(lists.Volumes, store.SetVolume)
	feed(lists.StorageClasses, store.SetStorageClass)
	feed(lists.ReplicaSets, func(object *appsv1.ReplicaSet) { store.SetController(object) })
	feed(lists.StatefulSets, func(object *appsv1.StatefulSet) { store.SetController(object) })
	feed(lists.ReplicationControllers, func(object *corev1.ReplicationController) { store.SetController(object) })
	feed(lists.Jobs, func(object *batchv1.Job) { store.SetController(object) })
	feed(lists.Placements, store.SetPlacement)
	feed(lists.Pods, store.SetPod)
	return &Snapshot{Store: store, Lists: lists, Time: now}, nil
}

func feed[T any](objects []T, set func(T)) {
	for _, object := range objects {
		set(object)
	}
}

// Callees are the views of the workloads that a pod's policies say it calls, in the order of the traffic; nil where a
// workload is not known. A call without a namespace stays in the pod's own.
func (s *Store) Callees(pod *corev1.Pod, traffic []policy.Traffic) []*rules.View {
	out := make([]*rules.View, len(traffic))
	for i := range traffic {
		out[i] = s.Workload(CalleeKey(pod.Namespace, &traffic[i]))
	}
	return out
}

// CalleeKey names the workload that pods of a namespace call.
func CalleeKey(namespace string, call *policy.Traffic) workload.Key {
	if call.Namespace != "" {
		namespace = call.Namespace
	}
	return workload.Key{Namespace: namespace, Name: call.Name}
}
