package files

import (
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	nodev1 "k8s.io/api/node/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	storagev1 "k8s.io/api/storage/v1"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/workload"
)

func reduceNode(from *corev1.Node) client.Object {
	out := &corev1.Node{TypeMeta: typeMeta("v1", "Node"), ObjectMeta: meta(from, from.Labels)}
	if at, ok := from.Annotations[v1alpha1.AnnotationCoordinates]; ok {
		out.Annotations = map[string]string{v1alpha1.AnnotationCoordinates: at}
	}
	out.Spec = corev1.NodeSpec{ProviderID: from.Spec.ProviderID, Unschedulable: from.Spec.Unschedulable}
	for i := range from.Spec.Taints {
		taint := &from.Spec.Taints[i]
		out.Spec.Taints = append(out.Spec.Taints, corev1.Taint{Key: taint.Key, Value: taint.Value, Effect: taint.Effect})
	}
	out.Status = corev1.NodeStatus{Capacity: from.Status.Capacity, Allocatable: from.Status.Allocatable}
	for i := range from.Status.Conditions {
		if c := &from.Status.Conditions[i]; c.Type == corev1.NodeReady {
			out.Status.Conditions = []corev1.NodeCondition{{Type: c.Type, Status: c.Status}}
		}
	}
	return out
}

func reduceNamespace(from *corev1.Namespace) client.Object {
	return &corev1.Namespace{TypeMeta: typeMeta("v1", "Namespace"), ObjectMeta: meta(from, from.Labels)}
}

func reduceDeployment(from *appsv1.Deployment) client.Object {
	out := &appsv1.Deployment{TypeMeta: typeMeta("apps/v1", "Deployment"), ObjectMeta: meta(from, nil)}
	out.Spec = appsv1.DeploymentSpec{Replicas: from.Spec.Replicas, Template: template(&from.Spec.Template)}
	return out
}

func reduceStatefulSet(from *appsv1.StatefulSet) client.Object {
	out := &appsv1.StatefulSet{TypeMeta: typeMeta("apps/v1", "StatefulSet"), ObjectMeta: meta(from, nil)}
	out.Spec = appsv1.StatefulSetSpec{Replicas: from.Spec.Replicas, Template: template(&from.Spec.Template), Ordinals: from.Spec.Ordinals}
	for i := range from.Spec.VolumeClaimTemplates {
		template := &from.Spec.VolumeClaimTemplates[i]
		claim := corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Name: template.Name}}
		claim.Spec.StorageClassName = template.Spec.StorageClassName
		claim.Spec.AccessModes = template.Spec.AccessModes
		out.Spec.VolumeClaimTemplates = append(out.Spec.VolumeClaimTemplates, claim)
	}
	return out
}

// reduceReplicaSet leaves out those of Deployments, which speak for them. What else controls ReplicaSets, as Argo Rollouts
// do, is known by these.
func reduceReplicaSet(from *appsv1.ReplicaSet) client.Object {
	if workload.OfReplicaSet(from).Kind == workload.Deployment {
		return nil
	}
	out := &appsv1.ReplicaSet{TypeMeta: typeMeta("apps/v1", "ReplicaSet"), ObjectMeta: meta(from, nil)}
	out.OwnerReferences, out.CreationTimestamp = controllerOf(from), from.CreationTimestamp
	for _, key := range workload.Annotations() {
		if value, ok := from.Annotations[key]; ok && len(out.OwnerReferences) > 0 {
			metav1.SetMetaDataAnnotation(&out.ObjectMeta, key, value)
		}
	}
	out.Spec = appsv1.ReplicaSetSpec{Replicas: from.Spec.Replicas, Template: template(&from.Spec.Template)}
	return out
}

func reduceReplicationController(from *corev1.ReplicationController) client.Object {
	if from.Spec.Template == nil || metav1.GetControllerOf(from) != nil {
		return nil
	}
	out := &corev1.ReplicationController{TypeMeta: typeMeta("v1", "ReplicationController"), ObjectMeta: meta(from, nil)}
	reduced := template(from.Spec.Template)
	out.Spec = corev1.ReplicationControllerSpec{Replicas: from.Spec.Replicas, Template: &reduced}
	return out
}

// reduceJob leaves out Jobs that have ended.
func reduceJob(from *batchv1.Job) client.Object {
	if workload.JobEnded(from) {
		return nil
	}
	out := &batchv1.Job{TypeMeta: typeMeta("batch/v1", "Job"), ObjectMeta: meta(from, nil)}
	out.Spec = batchv1.JobSpec{Parallelism: from.Spec.Parallelism, Completions: from.Spec.Completions, Suspend: from.Spec.Suspend, Template: template(&from.Spec.Template)}
	out.Status.Succeeded, out.Status.Active = from.Status.Succeeded, from.Status.Active
	return out
}

// reduceDaemonSet keeps what the pods of a DaemonSet take of nodes, whatever their namespace: they run on those to be added too.
func reduceDaemonSet(from *appsv1.DaemonSet) client.Object {
	out := &appsv1.DaemonSet{TypeMeta: typeMeta("apps/v1", "DaemonSet"), ObjectMeta: meta(from, nil)}
	out.Spec.Template = template(&from.Spec.Template)
	return out
}

// controllerOf is the reference to what controls an object, if anything does.
func controllerOf(object metav1.Object) []metav1.OwnerReference {
	owner := metav1.GetControllerOf(object)
	if owner == nil {
		return nil
	}
	return []metav1.OwnerReference{{APIVersion: owner.APIVersion, Kind: owner.Kind, Name: owner.Name, UID: owner.UID, Controller: owner.Controller}}
}

// handlesWithPlaces are the drivers that put the place into the handle of a volume.
var handlesWithPlaces = []string{"pd.csi.storage.gke.io", "filestore.csi.storage.gke.io", "csi.scaleway.com"}

// reduceVolume keeps where a volume is: its driver, affinity and labels.
func reduceVolume(from *corev1.PersistentVolume) client.Object {
	out := &corev1.PersistentVolume{TypeMeta: typeMeta("v1", "PersistentVolume"), ObjectMeta: meta(from, from.Labels)}
	out.Spec.NodeAffinity, out.Spec.StorageClassName = from.Spec.NodeAffinity, from.Spec.StorageClassName
	if claim := from.Spec.ClaimRef; claim != nil { // others are for claims that have none yet
		out.Spec.ClaimRef = &corev1.ObjectReference{Kind: claim.Kind, Namespace: claim.Namespace, Name: claim.Name}
	}
	source := &out.Spec.PersistentVolumeSource
	switch spec := &from.Spec; {
	case spec.CSI != nil:
		source.CSI = &corev1.CSIPersistentVolumeSource{Driver: spec.CSI.Driver, VolumeHandle: "left-out"}
		if slices.Contains(handlesWithPlaces, spec.CSI.Driver) {
			source.CSI.VolumeHandle = spec.CSI.VolumeHandle
		}
	case spec.AWSElasticBlockStore != nil:
		source.AWSElasticBlockStore = &corev1.AWSElasticBlockStoreVolumeSource{VolumeID: spec.AWSElasticBlockStore.VolumeID}
	case spec.GCEPersistentDisk != nil:
		source.GCEPersistentDisk = &corev1.GCEPersistentDiskVolumeSource{PDName: "left-out"}
	case spec.AzureDisk != nil:
		source.AzureDisk = &corev1.AzureDiskVolumeSource{DiskName: "left-out", DataDiskURI: "left-out"}
	case spec.AzureFile != nil:
		source.AzureFile = &corev1.AzureFilePersistentVolumeSource{ShareName: "left-out", SecretName: "left-out"}
	case spec.Local != nil, spec.HostPath != nil:
		source.Local = &corev1.LocalVolumeSource{Path: "/left-out"}
	}
	return out
}

func reduceClaim(from *corev1.PersistentVolumeClaim) client.Object {
	out := &corev1.PersistentVolumeClaim{TypeMeta: typeMeta("v1", "PersistentVolumeClaim"), ObjectMeta: meta(from, nil)}
	out.Spec = corev1.PersistentVolumeClaimSpec{
		VolumeName: from.Spec.VolumeName, StorageClassName: from.Spec.StorageClassName, AccessModes: from.Spec.AccessModes,
	}
	return out
}

// placeParameters of a StorageClass say where it makes volumes; others may name secrets.
var placeParameters = []string{"zone", "zones", "region", "location"}

func reduceStorageClass(from *storagev1.StorageClass) client.Object {
	out := &storagev1.StorageClass{
		TypeMeta: typeMeta("storage.k8s.io/v1", "StorageClass"), ObjectMeta: meta(from, from.Labels), Provisioner: from.Provisioner,
		VolumeBindingMode: from.VolumeBindingMode, AllowedTopologies: from.AllowedTopologies,
	}
	if from.Annotations[defaultClass] == "true" || from.Annotations[defaultClassBeta] == "true" {
		out.Annotations, out.CreationTimestamp = map[string]string{defaultClass: "true"}, from.CreationTimestamp
	}
	for key, value := range from.Parameters {
		if slices.Contains(placeParameters, strings.ToLower(key)) {
			if out.Parameters == nil {
				out.Parameters = map[string]string{}
			}
			out.Parameters[key] = value
		}
	}
	return out
}

// The annotations that make a StorageClass the default one.
const (
	defaultClass     = "storageclass.kubernetes.io/is-default-class"
	defaultClassBeta = "storageclass.beta.kubernetes.io/is-default-class"
)

// reduceCSINode keeps how many volumes a node attaches.
func reduceCSINode(from *storagev1.CSINode) client.Object {
	out := &storagev1.CSINode{TypeMeta: typeMeta("storage.k8s.io/v1", "CSINode"), ObjectMeta: meta(from, nil)}
	for i := range from.Spec.Drivers {
		driver := &from.Spec.Drivers[i]
		out.Spec.Drivers = append(out.Spec.Drivers, storagev1.CSINodeDriver{
			Name: driver.Name, NodeID: "left-out", TopologyKeys: driver.TopologyKeys, Allocatable: driver.Allocatable,
		})
	}
	return out
}

func reduceRuntimeClass(from *nodev1.RuntimeClass) client.Object {
	return &nodev1.RuntimeClass{
		TypeMeta: typeMeta("node.k8s.io/v1", "RuntimeClass"), ObjectMeta: meta(from, nil), Handler: from.Handler,
		Overhead: from.Overhead, Scheduling: from.Scheduling,
	}
}

// own is the metadata of Tradewind's objects: when a policy was created says which one wins.
func own(from metav1.Object) metav1.ObjectMeta {
	out := meta(from, nil)
	out.CreationTimestamp = from.GetCreationTimestamp()
	for _, key := range []string{v1alpha1.LabelDiscovered, v1alpha1.LabelDrain} {
		if value, ok := from.GetLabels()[key]; ok {
			out.Labels = map[string]string{key: value}
		}
	}
	return out
}

func ownType(kind string) metav1.TypeMeta { return typeMeta(v1alpha1.GroupVersion.String(), kind) }

func reducePolicy(from *v1alpha1.PlacementPolicy) client.Object {
	return &v1alpha1.PlacementPolicy{TypeMeta: ownType("PlacementPolicy"), ObjectMeta: own(from), Spec: from.Spec}
}

func reduceClusterPolicy(from *v1alpha1.ClusterPlacementPolicy) client.Object {
	return &v1alpha1.ClusterPlacementPolicy{TypeMeta: ownType("ClusterPlacementPolicy"), ObjectMeta: own(from), Spec: from.Spec}
}

// reducePool keeps of its status why the pool does not count as capacity now.
func reducePool(from *v1alpha1.CloudPool) client.Object {
	out := &v1alpha1.CloudPool{TypeMeta: ownType("CloudPool"), ObjectMeta: own(from), Spec: from.Spec}
	if said := apimeta.FindStatusCondition(from.Status.Conditions, v1alpha1.ConditionOutage); said != nil && said.Status == metav1.ConditionTrue {
		out.Status.Conditions = []metav1.Condition{*said}
	}
	return out
}

func reduceQuota(from *corev1.ResourceQuota) client.Object {
	return &corev1.ResourceQuota{TypeMeta: typeMeta("v1", "ResourceQuota"), ObjectMeta: meta(from, nil), Spec: from.Spec}
}

func reducePriorityClass(from *schedulingv1.PriorityClass) client.Object {
	return &schedulingv1.PriorityClass{
		TypeMeta: typeMeta("scheduling.k8s.io/v1", "PriorityClass"), ObjectMeta: meta(from, nil), Value: from.Value, GlobalDefault: from.GlobalDefault,
		PreemptionPolicy: from.PreemptionPolicy,
	}
}

func reducePrices(from *v1alpha1.PriceList) client.Object {
	return &v1alpha1.PriceList{TypeMeta: ownType("PriceList"), ObjectMeta: own(from), Spec: from.Spec}
}

func reduceLatency(from *v1alpha1.LatencyMap) client.Object {
	return &v1alpha1.LatencyMap{TypeMeta: ownType("LatencyMap"), ObjectMeta: own(from), Spec: from.Spec}
}
