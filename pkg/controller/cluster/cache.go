package cluster

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"tradewind.dev/tradewind/apis/v1alpha1"
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
			&corev1.Node{}:      {Transform: transformNode},
			&corev1.Namespace{}: {Transform: transformNamespace},
		},
	}
}

// identity is the metadata that every object keeps.
func identity(meta *metav1.ObjectMeta) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Name: meta.Name, Namespace: meta.Namespace, UID: meta.UID, ResourceVersion: meta.ResourceVersion,
		Labels: meta.Labels, DeletionTimestamp: meta.DeletionTimestamp,
	}
}

func transformPod(object any) (any, error) {
	pod, ok := object.(*corev1.Pod)
	if !ok {
		return object, nil
	}
	return &corev1.Pod{
		TypeMeta: pod.TypeMeta, ObjectMeta: identity(&pod.ObjectMeta),
		Spec:   corev1.PodSpec{SchedulerName: pod.Spec.SchedulerName},
		Status: corev1.PodStatus{Phase: pod.Status.Phase},
	}, nil
}

func transformNamespace(object any) (any, error) {
	namespace, ok := object.(*corev1.Namespace)
	if !ok {
		return object, nil
	}
	return &corev1.Namespace{TypeMeta: namespace.TypeMeta, ObjectMeta: identity(&namespace.ObjectMeta)}, nil
}

// transformNode keeps what a node's location and price follow from, and which of its fields these controllers wrote.
func transformNode(object any) (any, error) {
	node, ok := object.(*corev1.Node)
	if !ok {
		return object, nil
	}
	out := &corev1.Node{
		TypeMeta: node.TypeMeta, ObjectMeta: identity(&node.ObjectMeta),
		Spec:   corev1.NodeSpec{ProviderID: node.Spec.ProviderID},
		Status: corev1.NodeStatus{Capacity: node.Status.Capacity, Allocatable: node.Status.Allocatable},
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
