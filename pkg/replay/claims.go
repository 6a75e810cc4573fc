package replay

import (
	"cmp"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"tradewind.dev/tradewind/pkg/workload"
)

// made are the claims that are made with the pods of the tasks: a StatefulSet's own, and those that live as long as their pod.
func (c *cluster) made(tasks []*task) []*corev1.PersistentVolumeClaim {
	sets := make(map[workload.Key]*appsv1.StatefulSet, len(c.Lists.StatefulSets))
	for _, set := range c.Lists.StatefulSets {
		sets[workload.Key{Kind: workload.StatefulSet, Namespace: set.Namespace, Name: set.Name}] = set
	}
	var out []*corev1.PersistentVolumeClaim
	add := func(pod *corev1.Pod, name string, spec *corev1.PersistentVolumeClaimSpec, owners []metav1.OwnerReference) {
		if c.claims[[2]string{pod.Namespace, name}] == nil {
			out = append(out, &corev1.PersistentVolumeClaim{
				ObjectMeta: metav1.ObjectMeta{Namespace: pod.Namespace, Name: name, OwnerReferences: owners}, Spec: *spec,
			})
		}
	}
	for _, t := range tasks {
		key := c.Result.Workloads[t.workload].Key
		key.Cluster = ""
		set := sets[key]
		for _, pod := range slices.Concat(t.pods, t.spare) {
			for i := range pod.Spec.Volumes {
				volume := &pod.Spec.Volumes[i]
				switch name := workload.ClaimName(pod, volume); {
				case volume.Ephemeral != nil && volume.Ephemeral.VolumeClaimTemplate != nil:
					add(pod, name, &volume.Ephemeral.VolumeClaimTemplate.Spec, []metav1.OwnerReference{
						{APIVersion: "v1", Kind: workload.Pod, Name: pod.Name, UID: pod.UID, Controller: ptr.To(true)},
					})
				case name != "" && set != nil:
					for k := range set.Spec.VolumeClaimTemplates {
						if template := &set.Spec.VolumeClaimTemplates[k]; template.Name == volume.Name {
							add(pod, name, &template.Spec, nil)
						}
					}
				case name != "":
					for _, template := range c.Result.Workloads[t.workload].ClaimTemplates {
						if template.Name == volume.Name {
							add(pod, name, &corev1.PersistentVolumeClaimSpec{StorageClassName: template.Class}, nil)
						}
					}
				}
			}
		}
	}
	return out
}

// defaultClass marks the class of claims that name none.
// Source: Kubernetes, pkg/volume/util/storageclass.go, IsDefaultStorageClassAnnotation.
const defaultClass = "storageclass.kubernetes.io/is-default-class"

// classes are claims with the class that the API server gives them, and classes that give claims their volumes with the node: the
// volume of one that does not wait would be made before, where the class lets it be, which is all that can be known of it. Where no
// class is known at all, as in files that are to be applied to a cluster that has some, claims have one that makes volumes anywhere.
func classes(claims []*corev1.PersistentVolumeClaim, known []*storagev1.StorageClass) ([]*corev1.PersistentVolumeClaim, []*storagev1.StorageClass) {
	usual := ""
	var outClasses []*storagev1.StorageClass
	for _, class := range known {
		one := class.DeepCopy()
		one.VolumeBindingMode = ptr.To(storagev1.VolumeBindingWaitForFirstConsumer)
		outClasses = append(outClasses, one)
		if class.Annotations[defaultClass] == "true" {
			usual = class.Name
		}
	}
	some := map[string]bool{}
	outClaims := make([]*corev1.PersistentVolumeClaim, 0, len(claims))
	for _, claim := range claims {
		if none := claim.Spec.StorageClassName != nil && *claim.Spec.StorageClassName == ""; claim.Spec.VolumeName == "" && !none {
			name := ptr.Deref(claim.Spec.StorageClassName, usual)
			if len(known) == 0 {
				if name = cmp.Or(name, "standard"); !some[name] {
					some[name] = true
					outClasses = append(outClasses, &storagev1.StorageClass{
						ObjectMeta: metav1.ObjectMeta{Name: name}, Provisioner: "tradewind.dev/any",
						VolumeBindingMode: ptr.To(storagev1.VolumeBindingWaitForFirstConsumer),
					})
				}
			}
			one := *claim
			one.Spec.StorageClassName = &name
			claim = &one
		}
		outClaims = append(outClaims, claim)
	}
	return outClaims, outClasses
}
