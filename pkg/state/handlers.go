package state

import (
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/cache"

	"tradewind.dev/tradewind/pkg/workload"
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

// nodeHandler feeds nodes to the store.
func (s *Store) nodeHandler() cache.ResourceEventHandler {
	return Handler(s.SetNode, func(node *corev1.Node) { s.DeleteNode(node.Name) })
}

// podHandler feeds pods to the store.
func (s *Store) podHandler() cache.ResourceEventHandler {
	return Handler(s.SetPod, func(pod *corev1.Pod) { s.DeletePod(pod.UID) })
}

// namespaceHandler feeds namespaces to the store.
func (s *Store) namespaceHandler() cache.ResourceEventHandler {
	return Handler(s.SetNamespace, func(namespace *corev1.Namespace) { s.DeleteNamespace(namespace.Name) })
}

// ClaimHandler feeds PersistentVolumeClaims to the store.
func (s *Store) ClaimHandler() cache.ResourceEventHandler {
	return Handler(s.SetClaim, s.deleteClaim)
}

// VolumeHandler feeds PersistentVolumes to the store.
func (s *Store) VolumeHandler() cache.ResourceEventHandler {
	return Handler(s.SetVolume, s.deleteVolume)
}

// StorageClassHandler feeds StorageClasses to the store.
func (s *Store) StorageClassHandler() cache.ResourceEventHandler {
	return Handler(s.SetStorageClass, s.deleteStorageClass)
}

// controllerHandler feeds how many replicas controllers want to the store: ReplicaSets, StatefulSets,
// ReplicationControllers and Jobs.
func (s *Store) controllerHandler() cache.ResourceEventHandler {
	return Handler(s.SetController, s.deleteController)
}

// SetController records how many replicas a ReplicaSet, StatefulSet, ReplicationController or Job wants, and whose a
// ReplicaSet is. Other kinds are ignored: their replicas are counted.
func (s *Store) SetController(object metav1.Object) {
	key, replicas, ok := workload.Declared(object)
	if !ok {
		return
	}
	if set, isSet := object.(*appsv1.ReplicaSet); isSet {
		s.setOwner(key, workload.OfReplicaSet(set))
	}
	s.setDesired(key, replicas)
}

// deleteController forgets a controller. Replicas that a ReplicaSet leaves count as they did until they say that nothing controls them.
func (s *Store) deleteController(object metav1.Object) {
	if key, _, ok := workload.Declared(object); ok {
		s.workloads.owners.Delete(key)
		s.deleteDesired(key)
	}
}
