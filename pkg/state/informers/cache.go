package informers

import (
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	resourcehelper "k8s.io/component-helpers/resource"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/workload"
)

// FieldOwner is the field manager under which the controllers write to objects of others.
const FieldOwner = "tradewind-controller"

// CacheOptions keep in memory only what the controllers look at, so that 10,000 pods cost some 20 MiB. Objects read from
// such a cache are shared: they must not be changed, nor written back.
func CacheOptions() cache.Options {
	shared := true
	return cache.Options{
		// These hold for Tradewind's objects, which cannot be named here: their CRDs may not be installed yet.
		DefaultUnsafeDisableDeepCopy: &shared,
		DefaultTransform:             cache.TransformStripManagedFields(),
		ByObject: map[client.Object]cache.ByObject{
			&corev1.Pod{}: {
				Transform: transformPod,
				// Pods that have ended are under no rule any more.
				Field: fields.AndSelectors(
					fields.OneTermNotEqualSelector("status.phase", string(corev1.PodSucceeded)),
					fields.OneTermNotEqualSelector("status.phase", string(corev1.PodFailed))),
			},
			&corev1.Node{}:                  {Transform: transformNode},
			&coordinationv1.Lease{}:         {Transform: transformLease, Namespaces: map[string]cache.Config{corev1.NamespaceNodeLease: {}}},
			&corev1.Namespace{}:             {Transform: transformNamespace},
			&corev1.PersistentVolumeClaim{}: {Transform: transformClaim},
			&storagev1.CSINode{}:            {Transform: transformCSINode},
			&appsv1.DaemonSet{}:             {Transform: transformDaemonSet},
			&appsv1.Deployment{}:            {Transform: transformDeployment},
			&appsv1.ReplicaSet{}:            {Transform: transformReplicaSet},
			&appsv1.StatefulSet{}:           {Transform: transformStatefulSet},
			&batchv1.Job{}:                  {Transform: transformJob},
			&corev1.ReplicationController{}: {Transform: transformReplicationController},
		},
	}
}

// identity is the metadata that every object keeps.
func identity(meta *metav1.ObjectMeta) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Name: meta.Name, Namespace: meta.Namespace, UID: meta.UID, ResourceVersion: meta.ResourceVersion, Generation: meta.Generation,
		Labels: meta.Labels, CreationTimestamp: meta.CreationTimestamp, DeletionTimestamp: meta.DeletionTimestamp,
	}
}

// owned is identity with the controller of an object.
func owned(meta *metav1.ObjectMeta) metav1.ObjectMeta {
	out := identity(meta)
	if owner := metav1.GetControllerOfNoCopy(meta); owner != nil {
		out.OwnerReferences = []metav1.OwnerReference{*owner}
	}
	return out
}

// transformPod keeps what a pod requests as one container, its claims, where and how it is, and what it keeps from others: ports of
// its node, and the places of pods that it must not be near.
func transformPod(object any) (any, error) {
	pod, ok := object.(*corev1.Pod)
	if !ok {
		return object, nil
	}
	out := &corev1.Pod{
		TypeMeta: pod.TypeMeta, ObjectMeta: owned(&pod.ObjectMeta),
		Spec: corev1.PodSpec{
			SchedulerName: pod.Spec.SchedulerName, NodeName: pod.Spec.NodeName, Volumes: claims(pod.Spec.Volumes),
			Containers: []corev1.Container{{Ports: workload.HostPorts(&pod.Spec), Resources: corev1.ResourceRequirements{
				Requests: resourcehelper.PodRequests(pod, resourcehelper.PodResourcesOptions{}),
			}}},
		},
		Status: corev1.PodStatus{Phase: pod.Status.Phase},
	}
	if _, tells := workload.OwnerOf(pod); tells { // what is planned for its workload, nobody else says
		out.Spec = template(&corev1.PodTemplateSpec{Spec: pod.Spec}).Spec
	} else if terms := workload.AntiAffinity(&pod.Spec); len(terms) > 0 { // which keep others away for as long as it runs
		out.Spec.Affinity = &corev1.Affinity{PodAntiAffinity: &corev1.PodAntiAffinity{RequiredDuringSchedulingIgnoredDuringExecution: terms}}
	}
	out.Annotations = kept(pod.Annotations, workload.KeepAnnotations()...)
	for i := range pod.Status.Conditions {
		if condition := &pod.Status.Conditions[i]; condition.Type == corev1.PodReady {
			out.Status.Conditions = []corev1.PodCondition{{
				Type: condition.Type, Status: condition.Status, LastTransitionTime: condition.LastTransitionTime,
			}}
		}
	}
	return out, nil
}

// kept are those of the annotations that have these keys; nil when there is none.
func kept(annotations map[string]string, keys ...string) map[string]string {
	var out map[string]string
	for _, key := range keys {
		if value, ok := annotations[key]; ok {
			if out == nil {
				out = map[string]string{}
			}
			out[key] = value
		}
	}
	return out
}

// claims are the volumes that are claims, without what is provisioned for them.
func claims(volumes []corev1.Volume) []corev1.Volume {
	var out []corev1.Volume
	for i := range volumes {
		volume := &volumes[i]
		if volume.PersistentVolumeClaim != nil || volume.Ephemeral != nil {
			out = append(out, corev1.Volume{Name: volume.Name, VolumeSource: corev1.VolumeSource{
				PersistentVolumeClaim: volume.PersistentVolumeClaim, Ephemeral: volume.Ephemeral,
			}})
		}
	}
	return out
}

func transformNamespace(object any) (any, error) {
	namespace, ok := object.(*corev1.Namespace)
	if !ok {
		return object, nil
	}
	return &corev1.Namespace{TypeMeta: namespace.TypeMeta, ObjectMeta: identity(&namespace.ObjectMeta)}, nil
}

// transformLease keeps when a node's lease was renewed, and how long that holds.
func transformLease(object any) (any, error) {
	lease, ok := object.(*coordinationv1.Lease)
	if !ok {
		return object, nil
	}
	return &coordinationv1.Lease{
		TypeMeta:   lease.TypeMeta,
		ObjectMeta: metav1.ObjectMeta{Name: lease.Name, Namespace: lease.Namespace, UID: lease.UID, ResourceVersion: lease.ResourceVersion},
		Spec:       coordinationv1.LeaseSpec{RenewTime: lease.Spec.RenewTime, LeaseDurationSeconds: lease.Spec.LeaseDurationSeconds},
	}, nil
}

// transformNode keeps what a node's location, price and use follow from, and which of its fields these controllers wrote.
func transformNode(object any) (any, error) {
	node, ok := object.(*corev1.Node)
	if !ok {
		return object, nil
	}
	out := &corev1.Node{
		TypeMeta: node.TypeMeta, ObjectMeta: identity(&node.ObjectMeta),
		Spec:   corev1.NodeSpec{ProviderID: node.Spec.ProviderID, Unschedulable: node.Spec.Unschedulable, Taints: node.Spec.Taints},
		Status: corev1.NodeStatus{Capacity: node.Status.Capacity, Allocatable: node.Status.Allocatable},
	}
	for i := range node.Status.Conditions { // without the time of the last heartbeat, so that one changes nothing
		if condition := &node.Status.Conditions[i]; condition.Type == corev1.NodeReady {
			out.Status.Conditions = []corev1.NodeCondition{{
				Type: condition.Type, Status: condition.Status, Reason: condition.Reason, LastTransitionTime: condition.LastTransitionTime,
			}}
		}
	}
	if text, declared := node.Annotations[v1alpha1.AnnotationCoordinates]; declared {
		out.Annotations = map[string]string{v1alpha1.AnnotationCoordinates: text}
	}
	for _, entry := range node.ManagedFields {
		if entry.Manager == FieldOwner && entry.Subresource == "" {
			out.ManagedFields = append(out.ManagedFields, entry)
		}
	}
	return out, nil
}
