package informers

import (
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"tradewind.dev/tradewind/pkg/workload"
)

// template keeps of a pod template what decides where its pods may be and what they cost.
func template(full *corev1.PodTemplateSpec) corev1.PodTemplateSpec {
	spec := &full.Spec
	return corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: full.Labels},
		Spec: corev1.PodSpec{
			Containers: containers(spec.Containers, spec.HostNetwork), InitContainers: containers(spec.InitContainers, spec.HostNetwork), Resources: spec.Resources,
			Overhead: spec.Overhead, Volumes: claims(spec.Volumes), NodeName: spec.NodeName, NodeSelector: spec.NodeSelector,
			Affinity: spec.Affinity, Tolerations: spec.Tolerations, TopologySpreadConstraints: spec.TopologySpreadConstraints,
			HostNetwork: spec.HostNetwork, SchedulerName: spec.SchedulerName, RuntimeClassName: spec.RuntimeClassName, PriorityClassName: spec.PriorityClassName,
			ActiveDeadlineSeconds: spec.ActiveDeadlineSeconds, ResourceClaims: spec.ResourceClaims,
		},
	}
}

func containers(full []corev1.Container, hostNetwork bool) []corev1.Container {
	out := make([]corev1.Container, len(full))
	for i := range full {
		out[i] = corev1.Container{
			Name: full[i].Name, Resources: full[i].Resources, RestartPolicy: full[i].RestartPolicy, Ports: workload.PortsOf(&full[i], hostNetwork),
		}
	}
	return out
}

func transformDeployment(object any) (any, error) {
	deployment, ok := object.(*appsv1.Deployment)
	if !ok {
		return object, nil
	}
	return &appsv1.Deployment{
		TypeMeta: deployment.TypeMeta, ObjectMeta: owned(&deployment.ObjectMeta),
		Spec: appsv1.DeploymentSpec{Replicas: deployment.Spec.Replicas, Template: template(&deployment.Spec.Template)},
	}, nil
}

// transformReplicaSet keeps of a Deployment's ReplicaSet only whose it is and how many it wants: there are many old ones.
func transformReplicaSet(object any) (any, error) {
	set, ok := object.(*appsv1.ReplicaSet)
	if !ok {
		return object, nil
	}
	out := &appsv1.ReplicaSet{TypeMeta: set.TypeMeta, ObjectMeta: owned(&set.ObjectMeta)}
	out.Annotations = kept(set.Annotations, workload.Annotations()...)
	out.Spec.Replicas = set.Spec.Replicas
	if owner := metav1.GetControllerOfNoCopy(set); owner == nil || owner.Kind != workload.Deployment {
		out.Spec.Template = template(&set.Spec.Template)
	}
	return out, nil
}

func transformStatefulSet(object any) (any, error) {
	set, ok := object.(*appsv1.StatefulSet)
	if !ok {
		return object, nil
	}
	out := &appsv1.StatefulSet{
		TypeMeta: set.TypeMeta, ObjectMeta: owned(&set.ObjectMeta),
		Spec: appsv1.StatefulSetSpec{Replicas: set.Spec.Replicas, Ordinals: set.Spec.Ordinals, Template: template(&set.Spec.Template)},
	}
	for i := range set.Spec.VolumeClaimTemplates {
		claim := &set.Spec.VolumeClaimTemplates[i]
		out.Spec.VolumeClaimTemplates = append(out.Spec.VolumeClaimTemplates, corev1.PersistentVolumeClaim{
			ObjectMeta: metav1.ObjectMeta{Name: claim.Name},
			Spec:       corev1.PersistentVolumeClaimSpec{StorageClassName: claim.Spec.StorageClassName},
		})
	}
	return out, nil
}

func transformReplicationController(object any) (any, error) {
	controller, ok := object.(*corev1.ReplicationController)
	if !ok {
		return object, nil
	}
	out := &corev1.ReplicationController{
		TypeMeta: controller.TypeMeta, ObjectMeta: owned(&controller.ObjectMeta),
		Spec: corev1.ReplicationControllerSpec{Replicas: controller.Spec.Replicas},
	}
	if controller.Spec.Template != nil {
		kept := template(controller.Spec.Template)
		out.Spec.Template = &kept
	}
	return out, nil
}

// transformJob keeps nothing of the template of a Job that has ended: nothing will be placed for it any more.
func transformJob(object any) (any, error) {
	job, ok := object.(*batchv1.Job)
	if !ok {
		return object, nil
	}
	out := &batchv1.Job{
		TypeMeta: job.TypeMeta, ObjectMeta: owned(&job.ObjectMeta),
		Spec: batchv1.JobSpec{
			Parallelism: job.Spec.Parallelism, Completions: job.Spec.Completions, Suspend: job.Spec.Suspend, Template: template(&job.Spec.Template),
		},
		Status: batchv1.JobStatus{Succeeded: job.Status.Succeeded},
	}
	if job.Spec.Completions == nil { // then it decides how many are to run, once one has succeeded
		out.Status.Active = job.Status.Active
	}
	if workload.JobEnded(job) {
		out.Status.Conditions, out.Spec.Template = job.Status.Conditions, corev1.PodTemplateSpec{}
	}
	return out, nil
}

func transformDaemonSet(object any) (any, error) {
	set, ok := object.(*appsv1.DaemonSet)
	if !ok {
		return object, nil
	}
	return &appsv1.DaemonSet{
		TypeMeta: set.TypeMeta, ObjectMeta: owned(&set.ObjectMeta), Spec: appsv1.DaemonSetSpec{Template: template(&set.Spec.Template)},
	}, nil
}

// transformCSINode keeps how many volumes a node attaches.
func transformCSINode(object any) (any, error) {
	node, ok := object.(*storagev1.CSINode)
	if !ok {
		return object, nil
	}
	out := &storagev1.CSINode{TypeMeta: node.TypeMeta, ObjectMeta: identity(&node.ObjectMeta)}
	for i := range node.Spec.Drivers {
		out.Spec.Drivers = append(out.Spec.Drivers, storagev1.CSINodeDriver{
			Name: node.Spec.Drivers[i].Name, Allocatable: node.Spec.Drivers[i].Allocatable,
		})
	}
	return out, nil
}

// transformClaim keeps which volume a claim has, or would get, and how many pods may use it.
func transformClaim(object any) (any, error) {
	claim, ok := object.(*corev1.PersistentVolumeClaim)
	if !ok {
		return object, nil
	}
	return &corev1.PersistentVolumeClaim{
		TypeMeta: claim.TypeMeta, ObjectMeta: identity(&claim.ObjectMeta),
		Spec: corev1.PersistentVolumeClaimSpec{
			VolumeName: claim.Spec.VolumeName, StorageClassName: claim.Spec.StorageClassName, AccessModes: claim.Spec.AccessModes,
		},
		Status: corev1.PersistentVolumeClaimStatus{Phase: claim.Status.Phase},
	}, nil
}
