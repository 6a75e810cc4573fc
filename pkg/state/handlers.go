package state

import (
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/cache"
)

// Handler turns a pair of functions into an informer's event handler. An object whose deletion was missed arrives inside
// a tombstone.
func Handler[T any](set, remove func(T)) cache.ResourceEventHandler {
	return cache.ResourceEventHandlerFuncs{
		AddFunc: func(object any) {
			if typed, ok := object.(T); ok {
				set(typed)
			}
		},
		UpdateFunc: func(_, object any) {
			if typed, ok := object.(T); ok {
				set(typed)
			}
		},
		DeleteFunc: func(object any) {
			if tombstone, ok := object.(cache.DeletedFinalStateUnknown); ok {
				object = tombstone.Obj
			}
			if typed, ok := object.(T); ok {
				remove(typed)
			}
		},
	}
}

// NodeHandler feeds nodes to the store.
func (s *Store) NodeHandler() cache.ResourceEventHandler {
	return Handler(s.SetNode, func(node *corev1.Node) { s.DeleteNode(node.Name) })
}

// PodHandler feeds pods to the store.
func (s *Store) PodHandler() cache.ResourceEventHandler {
	return Handler(s.SetPod, func(pod *corev1.Pod) { s.DeletePod(pod.UID) })
}

// NamespaceHandler feeds namespaces to the store.
func (s *Store) NamespaceHandler() cache.ResourceEventHandler {
	return Handler(s.SetNamespace, func(namespace *corev1.Namespace) { s.DeleteNamespace(namespace.Name) })
}

// ClaimHandler feeds PersistentVolumeClaims to the store.
func (s *Store) ClaimHandler() cache.ResourceEventHandler {
	return Handler(s.SetClaim, func(claim *corev1.PersistentVolumeClaim) { s.DeleteClaim(claim.Namespace, claim.Name) })
}

// VolumeHandler feeds PersistentVolumes to the store.
func (s *Store) VolumeHandler() cache.ResourceEventHandler {
	return Handler(s.SetVolume, func(volume *corev1.PersistentVolume) { s.DeleteVolume(volume.Name) })
}

// StorageClassHandler feeds StorageClasses to the store.
func (s *Store) StorageClassHandler() cache.ResourceEventHandler {
	return Handler(s.SetStorageClass, func(class *storagev1.StorageClass) { s.DeleteStorageClass(class.Name) })
}

// ControllerHandler feeds how many replicas controllers want to the store: ReplicaSets, StatefulSets,
// ReplicationControllers and Jobs.
func (s *Store) ControllerHandler() cache.ResourceEventHandler {
	return Handler(s.SetController, s.DeleteController)
}

// SetController records how many replicas a ReplicaSet, StatefulSet, ReplicationController or Job wants. Other kinds are
// ignored: their replicas are counted.
func (s *Store) SetController(object metav1.Object) {
	if key, replicas, ok := controllerOf(object); ok {
		s.SetDesired(key, replicas)
	}
}

// DeleteController forgets a controller.
func (s *Store) DeleteController(object metav1.Object) {
	if key, _, ok := controllerOf(object); ok {
		s.DeleteDesired(key)
	}
}

func controllerOf(object metav1.Object) (RevisionKey, int, bool) {
	key := RevisionKey{Namespace: object.GetNamespace(), Name: object.GetName()}
	switch typed := object.(type) {
	case *appsv1.ReplicaSet:
		key.Kind = "ReplicaSet"
		return key, DesiredOfReplicaSet(typed), true
	case *appsv1.StatefulSet:
		key.Kind = "StatefulSet"
		return key, desired(typed.Spec.Replicas), true
	case *corev1.ReplicationController:
		key.Kind = "ReplicationController"
		return key, desired(typed.Spec.Replicas), true
	case *batchv1.Job:
		key.Kind = "Job"
		return key, desired(typed.Spec.Parallelism), true
	}
	return key, 0, false
}
