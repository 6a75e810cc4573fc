package kubefilters

import (
	"cmp"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/component-helpers/storage/volume"
)

// Objects are what the filters look at. Those of Services and controllers are not among them: the default profile's spread
// constraints, which select by them, are preferences. The objects are read as long as the Filters are in use and must not
// be changed.
type Objects struct {
	Nodes []*corev1.Node
	// Pods count on the nodes that they have, or that the scheduler nominated for them. Those that have ended must not be
	// among them. Each has a UID of its own.
	Pods       []*corev1.Pod
	Namespaces []*corev1.Namespace

	Claims         []*corev1.PersistentVolumeClaim
	Volumes        []*corev1.PersistentVolume
	StorageClasses []*storagev1.StorageClass
	CSINodes       []*storagev1.CSINode
	CSIDrivers     []*storagev1.CSIDriver
	Capacities     []*storagev1.CSIStorageCapacity

	ResourceClaims []*resourcev1.ResourceClaim
	ResourceSlices []*resourcev1.ResourceSlice
	DeviceClasses  []*resourcev1.DeviceClass
}

// Settled are claims and volumes as they are once Kubernetes has seen to them, of which only what they say themselves is known,
// without the marks that its controllers leave: a claim that names its volume is bound to it, and a volume that no claim has is
// available.
func Settled(claims []*corev1.PersistentVolumeClaim, pvs []*corev1.PersistentVolume) ([]*corev1.PersistentVolumeClaim, []*corev1.PersistentVolume) {
	taken := map[string]bool{}
	outClaims, outVolumes := slices.Clone(claims), slices.Clone(pvs)
	for i, claim := range claims {
		if claim.Spec.VolumeName == "" {
			continue
		}
		taken[claim.Spec.VolumeName] = true
		if !metav1.HasAnnotation(claim.ObjectMeta, volume.AnnBindCompleted) {
			outClaims[i] = claim.DeepCopy()
			metav1.SetMetaDataAnnotation(&outClaims[i].ObjectMeta, volume.AnnBindCompleted, "yes")
		}
	}
	for i, pv := range pvs {
		if pv.Status.Phase == "" && pv.Spec.ClaimRef == nil && !taken[pv.Name] {
			outVolumes[i] = pv.DeepCopy()
			outVolumes[i].Status.Phase = corev1.VolumeAvailable
		}
	}
	return outClaims, outVolumes
}

// informerFactory returns informers that have the objects and are never started, so that nobody asks an API server.
func (o *Objects) informerFactory() informers.SharedInformerFactory {
	factory := informers.NewSharedInformerFactory(nil, 0)
	fill(factory, &corev1.Node{}, o.Nodes)
	fill(factory, &corev1.Pod{}, o.Pods)
	fill(factory, &corev1.Namespace{}, o.Namespaces)
	fill(factory, &corev1.PersistentVolumeClaim{}, versioned(o.Claims, (*corev1.PersistentVolumeClaim).DeepCopy))
	fill(factory, &corev1.PersistentVolume{}, versioned(o.Volumes, (*corev1.PersistentVolume).DeepCopy))
	fill(factory, &storagev1.StorageClass{}, o.StorageClasses)
	fill(factory, &storagev1.CSINode{}, o.CSINodes)
	fill(factory, &storagev1.CSIDriver{}, o.CSIDrivers)
	fill(factory, &storagev1.CSIStorageCapacity{}, o.Capacities)
	fill(factory, &resourcev1.ResourceClaim{}, versioned(o.ResourceClaims, (*resourcev1.ResourceClaim).DeepCopy))
	fill(factory, &resourcev1.ResourceSlice{}, o.ResourceSlices)
	fill(factory, &resourcev1.DeviceClass{}, o.DeviceClasses)
	return factory
}

// versioned are the objects with what an API server gives each: what filters take note of in an object they keep by its
// version, and claims of devices by their UID.
func versioned[T metav1.Object](objects []T, copyOf func(T) T) []T {
	out := make([]T, len(objects))
	for i, object := range objects {
		if out[i] = object; object.GetResourceVersion() == "" || object.GetUID() == "" {
			out[i] = copyOf(object)
			out[i].SetResourceVersion(cmp.Or(object.GetResourceVersion(), "1"))
			out[i].SetUID(cmp.Or(object.GetUID(), types.UID(object.GetNamespace()+"/"+object.GetName())))
		}
	}
	return out
}

// fill makes the factory's informer of a kind one that has the objects. The first informer of a kind stays the factory's.
func fill[T runtime.Object](factory informers.SharedInformerFactory, kind runtime.Object, objects []T) {
	informer := &filledInformer{cache.NewSharedIndexInformer(&cache.ListWatch{}, kind, 0,
		cache.Indexers{cache.NamespaceIndex: cache.MetaNamespaceIndexFunc})}
	for _, object := range objects {
		_ = informer.GetIndexer().Add(object) // fails for objects without metadata alone
	}
	factory.InformerFor(kind, func(kubernetes.Interface, time.Duration) cache.SharedIndexInformer { return informer })
}

// filledInformer tells every handler at once of what it has. A real informer would when it is started.
type filledInformer struct{ cache.SharedIndexInformer }

// AddEventHandler implements cache.SharedInformer.
func (f *filledInformer) AddEventHandler(handler cache.ResourceEventHandler) (cache.ResourceEventHandlerRegistration, error) {
	for _, object := range f.GetStore().List() {
		handler.OnAdd(object, true)
	}
	return f.SharedIndexInformer.AddEventHandler(handler)
}
