package placement

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/planning"
	"tradewind.dev/tradewind/pkg/workload"
)

// objects are what plans are made from, as informers over a cache made with cluster.CacheOptions report them.
type objects struct {
	nodes        *table[*corev1.Node]
	pods         *table[*corev1.Pod]
	shapes       planning.Shapes
	namespaces   *table[*corev1.Namespace]
	claims       *table[*corev1.PersistentVolumeClaim]
	volumes      *table[*corev1.PersistentVolume]
	classes      *table[*storagev1.StorageClass]
	deployments  *table[*appsv1.Deployment]
	replicaSets  *table[*appsv1.ReplicaSet]
	statefulSets *table[*appsv1.StatefulSet]
	jobs         *table[*batchv1.Job]
	// replicationControllers are what there were before ReplicaSets.
	replicationControllers *table[*corev1.ReplicationController]
	quotas                 *table[*corev1.ResourceQuota]
	priorities             *table[*schedulingv1.PriorityClass]
	pools                  *table[*v1alpha1.CloudPool]
	placements             *table[*v1alpha1.Placement]
}

// notices are told what changed of what a plan is made from.
type notices struct {
	// everything that is planned rests on an object that changed; there is other room than was planned with; a workload changed.
	everything, room, workload func()
	// pod and placement are told the object: before is nil for a new one, after for one that is gone.
	pod       func(before, after *corev1.Pod)
	placement func(before, after *v1alpha1.Placement)
}

// newObjects returns empty tables.
func newObjects(tell notices) *objects {
	o := &objects{placements: newTable(tell.placement)}
	o.nodes = newTable(watch(tell.everything, sameNode))
	o.pods = newTable(func(before, after *corev1.Pod) {
		if after == nil || before != nil && before.UID != after.UID {
			o.shapes.Forget(before)
		}
		if before == nil || after == nil || !samePod(before, after) {
			tell.pod(before, after)
		}
	})
	o.namespaces = newTable(watch(tell.everything, func(a, b *corev1.Namespace) bool { return maps.Equal(a.Labels, b.Labels) }))
	o.claims = newTable(watch(tell.everything, func(a, b *corev1.PersistentVolumeClaim) bool { return equality.Semantic.DeepEqual(a.Spec, b.Spec) }))
	o.volumes = newTable(watch(tell.everything, func(a, b *corev1.PersistentVolume) bool { return equality.Semantic.DeepEqual(a.Spec, b.Spec) }))
	o.classes = newTable(watch(tell.everything, func(a, b *storagev1.StorageClass) bool { return a.ResourceVersion == b.ResourceVersion }))
	o.quotas = newTable(watch(tell.everything, func(a, b *corev1.ResourceQuota) bool { return equality.Semantic.DeepEqual(a.Spec, b.Spec) }))
	o.priorities = newTable(watch(tell.everything, func(a, b *schedulingv1.PriorityClass) bool {
		return a.Value == b.Value && a.GlobalDefault == b.GlobalDefault
	}))
	o.deployments = newTable(watch(tell.workload, sameGeneration[*appsv1.Deployment]))
	o.replicaSets = newTable(func(before, after *appsv1.ReplicaSet) {
		switch {
		case before == nil || after == nil || before.UID != after.UID:
			tell.room() // pods that are seen already may be replicas of another workload than it seemed
		case !sameGeneration(before, after) || !maps.Equal(before.Annotations, after.Annotations):
			tell.workload()
		}
	})
	o.statefulSets = newTable(watch(tell.workload, sameGeneration[*appsv1.StatefulSet]))
	o.replicationControllers = newTable(watch(tell.workload, sameGeneration[*corev1.ReplicationController]))
	o.jobs = newTable(watch(tell.workload, func(a, b *batchv1.Job) bool {
		return sameGeneration(a, b) && workload.ReplicasOfJob(a) == workload.ReplicasOfJob(b) && workload.JobEnded(a) == workload.JobEnded(b)
	}))
	o.pools = newTable(watch(tell.everything, func(a, b *v1alpha1.CloudPool) bool { return sameGeneration(a, b) && maps.Equal(a.Labels, b.Labels) }))
	return o
}

// watch signals the changes of objects that are not the same to a plan.
func watch[T client.Object](signal func(), same func(before, after T) bool) func(before, after T) {
	return func(before, after T) {
		var none T
		if any(before) == any(none) || any(after) == any(none) || before.GetUID() != after.GetUID() || !same(before, after) {
			signal()
		}
	}
}

// sameGeneration says whether two versions of an object differ in nothing but their status.
func sameGeneration[T client.Object](before, after T) bool {
	return before.GetGeneration() == after.GetGeneration() && (before.GetDeletionTimestamp() == nil) == (after.GetDeletionTimestamp() == nil)
}

// sameNode says whether two versions of a node are alike to a plan. The cache leaves heartbeats out.
func sameNode(before, after *corev1.Node) bool {
	return (before.DeletionTimestamp == nil) == (after.DeletionTimestamp == nil) && maps.Equal(before.Labels, after.Labels) &&
		maps.Equal(before.Annotations, after.Annotations) && equality.Semantic.DeepEqual(before.Spec, after.Spec) &&
		equality.Semantic.DeepEqual(before.Status, after.Status)
}

func samePod(before, after *corev1.Pod) bool {
	return before.UID == after.UID && before.Spec.NodeName == after.Spec.NodeName && before.Status.Phase == after.Status.Phase &&
		before.Generation == after.Generation && (before.DeletionTimestamp == nil) == (after.DeletionTimestamp == nil) &&
		workload.Ready(before) == workload.Ready(after)
}

// source is a kind of objects that is read from a cache.
type source struct {
	kind   string
	synced toolscache.InformerSynced
}

// watch feeds the tables from a cache.
func (o *objects) watch(ctx context.Context, from cache.Cache) ([]source, error) {
	var sources []source
	for kind, handler := range map[client.Object]toolscache.ResourceEventHandler{
		&corev1.Node{}: o.nodes.handler(), &corev1.Pod{}: o.pods.handler(), &corev1.Namespace{}: o.namespaces.handler(),
		&corev1.PersistentVolumeClaim{}: o.claims.handler(), &corev1.PersistentVolume{}: o.volumes.handler(),
		&storagev1.StorageClass{}: o.classes.handler(), &corev1.ResourceQuota{}: o.quotas.handler(),
		&schedulingv1.PriorityClass{}: o.priorities.handler(), &appsv1.Deployment{}: o.deployments.handler(),
		&appsv1.ReplicaSet{}: o.replicaSets.handler(), &appsv1.StatefulSet{}: o.statefulSets.handler(), &batchv1.Job{}: o.jobs.handler(),
		&corev1.ReplicationController{}: o.replicationControllers.handler(),
		&v1alpha1.CloudPool{}:           o.pools.handler(), &v1alpha1.Placement{}: o.placements.handler(),
	} {
		name := strings.ToLower(reflect.TypeOf(kind).Elem().Name())
		informer, err := from.GetInformer(ctx, kind, cache.BlockUntilSynced(false))
		if err != nil {
			return nil, fmt.Errorf("watch %s objects: %w", name, err)
		}
		registration, err := informer.AddEventHandler(handler)
		if err != nil {
			return nil, fmt.Errorf("watch %s objects: %w", name, err)
		}
		sources = append(sources, source{name, registration.HasSynced})
	}
	return sources, nil
}
