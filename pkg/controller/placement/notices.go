package placement

import (
	"maps"
	"reflect"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	nodev1 "k8s.io/api/node/v1"
	resourcev1 "k8s.io/api/resource/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/state/informers"
	"tradewind.dev/tradewind/pkg/workload"
)

// notices are told what changed of what a plan is made from.
type notices struct {
	// everything that is planned rests on an object that changed, which is named; there is other room than was planned with; a workload
	// changed.
	everything     func(what string)
	room, workload func()
	// pod and placement are told the object: before is nil for a new one, after for one that is gone.
	pod       func(before, after *corev1.Pod)
	placement func(before, after *v1alpha1.Placement)
}

// listen tells what changes of objects.
func listen(o *informers.Objects, at location.Options, tell notices) {
	o.Placements.OnChange(tell.placement)
	o.Nodes.OnChange(watch(tell.everything, func(a, b *corev1.Node) bool { return sameNode(a, b, at) }))
	o.Pods.OnChange(func(before, after *corev1.Pod) {
		if before == nil || after == nil || !samePod(before, after) {
			tell.pod(before, after)
		}
	})
	o.Namespaces.OnChange(watch(tell.everything, func(a, b *corev1.Namespace) bool {
		return maps.Equal(a.Labels, b.Labels) && (a.DeletionTimestamp == nil) == (b.DeletionTimestamp == nil)
	}))
	o.Claims.OnChange(watch(tell.everything, func(a, b *corev1.PersistentVolumeClaim) bool { return equality.Semantic.DeepEqual(a.Spec, b.Spec) }))
	o.Volumes.OnChange(watch(tell.everything, func(a, b *corev1.PersistentVolume) bool {
		return equality.Semantic.DeepEqual(a.Spec, b.Spec) && maps.Equal(a.Labels, b.Labels)
	}))
	o.StorageClasses.OnChange(watch(tell.everything, func(a, b *storagev1.StorageClass) bool { return a.ResourceVersion == b.ResourceVersion }))
	o.CSINodes.OnChange(watch(tell.everything, func(a, b *storagev1.CSINode) bool { return equality.Semantic.DeepEqual(a.Spec, b.Spec) }))
	o.RuntimeClasses.OnChange(watch(tell.everything, func(a, b *nodev1.RuntimeClass) bool {
		return equality.Semantic.DeepEqual(a.Overhead, b.Overhead) && equality.Semantic.DeepEqual(a.Scheduling, b.Scheduling)
	}))
	o.ResourceSlices.OnChange(watch(tell.everything, sameGeneration[*resourcev1.ResourceSlice]))
	o.DeviceClasses.OnChange(watch(tell.everything, sameGeneration[*resourcev1.DeviceClass]))
	o.ResourceClaimTemplates.OnChange(watch(tell.everything, sameGeneration[*resourcev1.ResourceClaimTemplate]))
	o.ResourceClaims.OnChange(watchSome(tell.room, func(a, b *resourcev1.ResourceClaim) bool {
		return equality.Semantic.DeepEqual(a.Status.Allocation, b.Status.Allocation) && equality.Semantic.DeepEqual(a.Status.ReservedFor, b.Status.ReservedFor)
	}))
	o.DaemonSets.OnChange(watch(tell.everything, sameGeneration[*appsv1.DaemonSet]))
	o.Quotas.OnChange(watch(tell.everything, func(a, b *corev1.ResourceQuota) bool { return equality.Semantic.DeepEqual(a.Spec, b.Spec) }))
	o.PriorityClasses.OnChange(watch(tell.everything, func(a, b *schedulingv1.PriorityClass) bool {
		return a.Value == b.Value && a.GlobalDefault == b.GlobalDefault && equality.Semantic.DeepEqual(a.PreemptionPolicy, b.PreemptionPolicy)
	}))
	o.Scales.OnChange(tell.workload)
	o.Deployments.OnChange(watchSome(tell.workload, sameGeneration[*appsv1.Deployment]))
	o.ReplicaSets.OnChange(func(before, after *appsv1.ReplicaSet) {
		switch {
		case before == nil || after == nil || before.UID != after.UID || workload.OfReplicaSet(before) != workload.OfReplicaSet(after):
			tell.room() // pods that are seen already may be replicas of another workload than it seemed
		case !sameGeneration(before, after) || !maps.Equal(before.Annotations, after.Annotations):
			tell.workload()
		}
	})
	o.StatefulSets.OnChange(watchSome(tell.workload, sameGeneration[*appsv1.StatefulSet]))
	o.ReplicationControllers.OnChange(watchSome(tell.workload, sameGeneration[*corev1.ReplicationController]))
	o.Jobs.OnChange(watchSome(tell.workload, func(a, b *batchv1.Job) bool {
		return sameGeneration(a, b) && workload.ReplicasOfJob(a) == workload.ReplicasOfJob(b) && workload.JobEnded(a) == workload.JobEnded(b)
	}))
	o.CloudPools.OnChange(watch(tell.everything, func(a, b *v1alpha1.CloudPool) bool { return sameGeneration(a, b) && maps.Equal(a.Labels, b.Labels) }))
}

// watch signals the changes of objects that are not the same to a plan, by kind and name.
func watch[T client.Object](signal func(what string), same func(before, after T) bool) func(before, after T) {
	return func(before, after T) {
		var none T
		switch kind := reflect.TypeFor[T]().Elem().Name(); {
		case any(before) == any(none):
			signal(kind + " " + after.GetName() + " is new")
		case any(after) == any(none):
			signal(kind + " " + before.GetName() + " is gone")
		case before.GetUID() != after.GetUID() || !same(before, after):
			signal(kind + " " + after.GetName() + " changed")
		}
	}
}

// watchSome is watch where nobody asks which object it was.
func watchSome[T client.Object](signal func(), same func(before, after T) bool) func(before, after T) {
	return watch(func(string) { signal() }, same)
}

// sameGeneration says whether two versions of an object differ in nothing but their status.
func sameGeneration[T client.Object](before, after T) bool {
	return before.GetGeneration() == after.GetGeneration() && (before.GetDeletionTimestamp() == nil) == (after.GetDeletionTimestamp() == nil)
}

// sameNode says whether two versions of a node are alike to a plan. The cache leaves heartbeats out.
func sameNode(before, after *corev1.Node, at location.Options) bool {
	return (before.DeletionTimestamp == nil) == (after.DeletionTimestamp == nil) && sameLabels(before, after, at) &&
		maps.Equal(before.Annotations, after.Annotations) && equality.Semantic.DeepEqual(before.Spec, after.Spec) &&
		equality.Semantic.DeepEqual(before.Status, after.Status)
}

// sameLabels says whether two versions of a node differ in no label, or in those alone that say where it is known to be anyway: when the
// controller is installed it writes them to every node, one after the other.
func sameLabels(before, after *corev1.Node, at location.Options) bool {
	if maps.Equal(before.Labels, after.Labels) {
		return true
	}
	was := location.FromNode(before, at)
	known := location.LabelsOf(was)
	for key := range before.Labels {
		if _, still := after.Labels[key]; !still {
			return false
		}
	}
	for key, value := range after.Labels {
		had, labelled := before.Labels[key]
		if labelled && had != value || !labelled && (known[key] == "" || known[key] != value) {
			return false
		}
	}
	return reflect.DeepEqual(was, location.FromNode(after, at))
}

// samePod says whether two versions of a pod say the same to a plan. The labels of replicas are those of their templates there; of pods that
// are of no workload, or of a DaemonSet, rules of others look at their own, and those of kinds that are not read are their workload's. One
// whose labels no longer match is let go by its controller, and is no replica any more.
func samePod(before, after *corev1.Pod) bool {
	role := workload.RoleOf(after)
	_, tells := workload.OwnerOf(after)
	labelled := role != workload.Alone && role != workload.OfNode && !tells || maps.Equal(before.Labels, after.Labels)
	return labelled && before.UID == after.UID && workload.Revision(before) == workload.Revision(after) &&
		before.Spec.NodeName == after.Spec.NodeName && before.Status.Phase == after.Status.Phase &&
		before.Generation == after.Generation && (before.DeletionTimestamp == nil) == (after.DeletionTimestamp == nil) &&
		workload.Ready(before) == workload.Ready(after)
}
