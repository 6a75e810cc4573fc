package informers

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	nodev1 "k8s.io/api/node/v1"
	resourcev1 "k8s.io/api/resource/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/state"
	"tradewind.dev/tradewind/pkg/workload"
)

// Objects are what controllers decide from, a table a kind.
type Objects struct {
	Nodes          *Table[*corev1.Node]
	Pods           *Table[*corev1.Pod]
	Namespaces     *Table[*corev1.Namespace]
	Claims         *Table[*corev1.PersistentVolumeClaim]
	Volumes        *Table[*corev1.PersistentVolume]
	StorageClasses *Table[*storagev1.StorageClass]
	CSINodes       *Table[*storagev1.CSINode]
	RuntimeClasses *Table[*nodev1.RuntimeClass]
	DaemonSets     *Table[*appsv1.DaemonSet]
	// ResourceClaims and what follows are about devices. Clusters of older versions do not know these kinds: the tables stay empty.
	ResourceClaims         *Table[*resourcev1.ResourceClaim]
	ResourceClaimTemplates *Table[*resourcev1.ResourceClaimTemplate]
	ResourceSlices         *Table[*resourcev1.ResourceSlice]
	DeviceClasses          *Table[*resourcev1.DeviceClass]
	Deployments            *Table[*appsv1.Deployment]
	ReplicaSets            *Table[*appsv1.ReplicaSet]
	StatefulSets           *Table[*appsv1.StatefulSet]
	ReplicationControllers *Table[*corev1.ReplicationController]
	Jobs                   *Table[*batchv1.Job]
	// Leases are those that kubelets renew, by the names of their nodes.
	Leases          *Table[*coordinationv1.Lease]
	Quotas          *Table[*corev1.ResourceQuota]
	PriorityClasses *Table[*schedulingv1.PriorityClass]
	// CloudPools, Placements and what follows are Tradewind's own.
	CloudPools               *Table[*v1alpha1.CloudPool]
	Placements               *Table[*v1alpha1.Placement]
	PlacementPolicies        *Table[*v1alpha1.PlacementPolicy]
	ClusterPlacementPolicies *Table[*v1alpha1.ClusterPlacementPolicy]
	PriceLists               *Table[*v1alpha1.PriceList]
	LatencyMaps              *Table[*v1alpha1.LatencyMap]
	// Scales are those of workloads of other kinds, which only their pods tell of.
	Scales *Scales

	sources []source
}

// source is a kind of objects that is read.
type source struct {
	kind   string
	synced toolscache.InformerSynced
}

// New returns empty tables, which Watch fills.
func New() *Objects {
	return &Objects{
		Nodes: newTable[*corev1.Node](), Pods: newTable[*corev1.Pod](), Namespaces: newTable[*corev1.Namespace](),
		Claims: newTable[*corev1.PersistentVolumeClaim](), Volumes: newTable[*corev1.PersistentVolume](),
		StorageClasses: newTable[*storagev1.StorageClass](), CSINodes: newTable[*storagev1.CSINode](),
		RuntimeClasses: newTable[*nodev1.RuntimeClass](), DaemonSets: newTable[*appsv1.DaemonSet](),
		ResourceClaims: newTable[*resourcev1.ResourceClaim](), ResourceClaimTemplates: newTable[*resourcev1.ResourceClaimTemplate](),
		ResourceSlices: newTable[*resourcev1.ResourceSlice](), DeviceClasses: newTable[*resourcev1.DeviceClass](), Deployments: newTable[*appsv1.Deployment](),
		ReplicaSets: newTable[*appsv1.ReplicaSet](), StatefulSets: newTable[*appsv1.StatefulSet](),
		ReplicationControllers: newTable[*corev1.ReplicationController](), Jobs: newTable[*batchv1.Job](),
		Leases: newTable[*coordinationv1.Lease](),
		Quotas: newTable[*corev1.ResourceQuota](), PriorityClasses: newTable[*schedulingv1.PriorityClass](),
		CloudPools: newTable[*v1alpha1.CloudPool](), Placements: newTable[*v1alpha1.Placement](),
		PlacementPolicies:        newTable[*v1alpha1.PlacementPolicy](),
		ClusterPlacementPolicies: newTable[*v1alpha1.ClusterPlacementPolicy](),
		PriceLists:               newTable[*v1alpha1.PriceList](), LatencyMaps: newTable[*v1alpha1.LatencyMap](),
		Scales: newScales(),
	}
}

// Watch fills the tables from a cache made with CacheOptions, and keeps them true. The CRDs of Tradewind must be installed.
func (o *Objects) Watch(ctx context.Context, from cache.Cache) error {
	for kind, handler := range map[client.Object]toolscache.ResourceEventHandler{
		&corev1.Node{}: o.Nodes.handler(), &corev1.Pod{}: o.Pods.handler(), &corev1.Namespace{}: o.Namespaces.handler(),
		&corev1.PersistentVolumeClaim{}: o.Claims.handler(), &corev1.PersistentVolume{}: o.Volumes.handler(),
		&storagev1.StorageClass{}: o.StorageClasses.handler(), &storagev1.CSINode{}: o.CSINodes.handler(),
		&nodev1.RuntimeClass{}: o.RuntimeClasses.handler(), &appsv1.DaemonSet{}: o.DaemonSets.handler(),
		&resourcev1.ResourceClaim{}: o.ResourceClaims.handler(), &resourcev1.ResourceClaimTemplate{}: o.ResourceClaimTemplates.handler(),
		&resourcev1.ResourceSlice{}: o.ResourceSlices.handler(), &resourcev1.DeviceClass{}: o.DeviceClasses.handler(), &corev1.ResourceQuota{}: o.Quotas.handler(),
		&schedulingv1.PriorityClass{}: o.PriorityClasses.handler(), &appsv1.Deployment{}: o.Deployments.handler(),
		&appsv1.ReplicaSet{}: o.ReplicaSets.handler(), &appsv1.StatefulSet{}: o.StatefulSets.handler(), &batchv1.Job{}: o.Jobs.handler(),
		&corev1.ReplicationController{}: o.ReplicationControllers.handler(), &coordinationv1.Lease{}: o.Leases.handler(),
		&v1alpha1.CloudPool{}: o.CloudPools.handler(), &v1alpha1.Placement{}: o.Placements.handler(),
		&v1alpha1.PlacementPolicy{}: o.PlacementPolicies.handler(), &v1alpha1.ClusterPlacementPolicy{}: o.ClusterPlacementPolicies.handler(),
		&v1alpha1.PriceList{}: o.PriceLists.handler(), &v1alpha1.LatencyMap{}: o.LatencyMaps.handler(),
	} {
		name := strings.ToLower(reflect.TypeOf(kind).Elem().Name())
		informer, err := from.GetInformer(ctx, kind, cache.BlockUntilSynced(false))
		if err != nil && meta.IsNoMatchError(err) && newer(kind) {
			continue
		}
		if err != nil {
			return fmt.Errorf("watch %s objects: %w", name, err)
		}
		registration, err := informer.AddEventHandler(handler)
		if err != nil {
			return fmt.Errorf("watch %s objects: %w", name, err)
		}
		o.sources = append(o.sources, source{name, registration.HasSynced})
	}
	return nil
}

// newer says whether clusters of older versions do not know a kind, and nothing is missing there.
func newer(kind client.Object) bool {
	switch kind.(type) {
	case *resourcev1.ResourceClaim, *resourcev1.ResourceClaimTemplate, *resourcev1.ResourceSlice, *resourcev1.DeviceClass:
		return true
	}
	return false
}

// Unread are the kinds of objects that have not been read yet; none once all have been.
func (o *Objects) Unread() []string {
	var kinds []string
	for _, source := range o.sources {
		if !source.synced() {
			kinds = append(kinds, source.kind)
		}
	}
	slices.Sort(kinds)
	return kinds
}

// Rules are the objects that a World is made from, as they are now.
func (o *Objects) Rules() state.Objects {
	out := state.Objects{PlacementPolicies: o.PlacementPolicies.All(), ClusterPlacementPolicies: o.ClusterPlacementPolicies.All()}
	for _, list := range o.PriceLists.All() {
		out.PriceLists = append(out.PriceLists, *list)
	}
	for _, latencies := range o.LatencyMaps.All() {
		out.LatencyMaps = append(out.LatencyMaps, *latencies)
	}
	return out
}

// Lists are the objects that a plan is made from as they are now, but for those that workloads are found from alone.
func (o *Objects) Lists() *state.Lists {
	return &state.Lists{
		Nodes: o.Nodes.All(), Pods: o.Pods.All(), Namespaces: o.Namespaces.All(), ReplicaSets: o.ReplicaSets.All(),
		Claims: o.Claims.All(), Volumes: o.Volumes.All(), StorageClasses: o.StorageClasses.All(), CloudPools: o.CloudPools.All(),
		PriorityClasses: o.PriorityClasses.All(), Quotas: o.Quotas.All(), CSINodes: o.CSINodes.All(),
		RuntimeClasses: o.RuntimeClasses.All(), DaemonSets: o.DaemonSets.All(),
		ResourceClaims: o.ResourceClaims.All(), ResourceClaimTemplates: o.ResourceClaimTemplates.All(), ResourceSlices: o.ResourceSlices.All(),
		DeviceClasses: o.DeviceClasses.All(), Placements: o.Placements.All(),
	}
}

// Await adds something to what must be read before anything is decided: Unread names it until it has been.
func (o *Objects) Await(what string, read func() bool) {
	o.sources = append(o.sources, source{what, read})
}

// Workloads are those of the cluster; see workload.Objects.
func (o *Objects) Workloads() []workload.Workload {
	from := workload.Objects{
		Deployments: o.Deployments.All(), ReplicaSets: o.ReplicaSets.All(), StatefulSets: o.StatefulSets.All(),
		ReplicationControllers: o.ReplicationControllers.All(), Jobs: o.Jobs.All(), Scales: o.Scales.All(), StorageClass: o.storageClass,
	}
	if len(from.Scales) == 0 {
		return from.All()
	}
	runs := map[workload.Key]bool{}
	for _, pod := range o.Pods.All() {
		if of, ok := workload.OwnerOf(pod); ok {
			from.Pods = append(from.Pods, pod)
			runs[of.Key] = true
		}
	}
	from.Declared = o.Scales.declared(runs)
	out := from.All()
	o.Scales.remember(out)
	return out
}

// storageClass is the class of a claim.
func (o *Objects) storageClass(namespace, name string) (class *string, known bool) {
	claim, known := o.Claims.Get(namespace, name)
	if !known {
		return nil, false
	}
	return claim.Spec.StorageClassName, true
}

// OwnerOf is the workload of a ReplicaSet; known is false when it has not been seen. It is a workload.Owners.
func (o *Objects) OwnerOf(namespace, replicaSet string) (of workload.Key, known bool) {
	set, known := o.ReplicaSets.Get(namespace, replicaSet)
	if !known {
		return workload.Key{}, false
	}
	return workload.OfReplicaSet(set), true
}
