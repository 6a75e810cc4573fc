package files

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"tradewind.dev/tradewind/pkg/state"
	"tradewind.dev/tradewind/pkg/workload"
)

// Scaled is what is read of an object of a group of others than Kubernetes that has a number of replicas and the template of their
// pods, as OpenKruise's CloneSet has.
type Scaled struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Spec              ScaledSpec `json:"spec"`
}

// ScaledSpec is the spec of a Scaled.
type ScaledSpec struct {
	Replicas             *int32                         `json:"replicas"`
	Template             corev1.PodTemplateSpec         `json:"template"`
	VolumeClaimTemplates []corev1.PersistentVolumeClaim `json:"volumeClaimTemplates,omitempty"`
}

// scaledKind is how these objects are read.
var scaledKind = &kindInfo{namespaced: true, new: of[Scaled](), lenient: true}

// isScaled says whether an object is one.
func isScaled(object map[string]any) bool {
	version, _ := object["apiVersion"].(string)
	kind, _ := object["kind"].(string)
	if !custom(groupOf(version)) || strings.HasSuffix(kind, "Template") {
		return false
	}
	_, counted, err := unstructured.NestedInt64(object, "spec", "replicas")
	if err != nil || !counted {
		return false
	}
	containers, found, err := unstructured.NestedFieldNoCopy(object, "spec", "template", "spec", "containers")
	list, ok := containers.([]any)
	return err == nil && found && ok && len(list) > 0
}

// scaled adds these objects to the workloads, but for those that have a workload make their pods that the files hold.
func (b *assembly) scaled() {
	makers := map[workload.Key]bool{}
	note := func(object metav1.Object) {
		if owner := metav1.GetControllerOf(object); owner != nil {
			makers[workload.Key{Kind: workload.KindIn(owner.APIVersion, owner.Kind), Namespace: object.GetNamespace(), Name: owner.Name}] = true
		}
	}
	for _, object := range b.lists.Deployments {
		note(object)
	}
	for _, object := range b.lists.StatefulSets {
		note(object)
	}
	b.lists.Scales = map[workload.Key]workload.Scale{}
	for _, object := range b.set.Objects {
		from, ok := object.Value.(*Scaled)
		key := workload.Key{Kind: object.Kind, Namespace: object.Namespace, Name: object.Name}
		if !ok || object.Refused || makers[key] || from.DeletionTimestamp != nil {
			continue
		}
		w := workload.Workload{Key: key, APIVersion: from.APIVersion, UID: from.UID, Replicas: int(*from.Spec.Replicas), Template: &from.Spec.Template}
		for i := range from.Spec.VolumeClaimTemplates {
			claim := &from.Spec.VolumeClaimTemplates[i]
			w.ClaimTemplates = append(w.ClaimTemplates, workload.ClaimTemplate{Name: claim.Name, Class: claim.Spec.StorageClassName})
		}
		b.lists.Declared = append(b.lists.Declared, w)
		b.lists.Scales[key] = workload.Scale{Replicas: w.Replicas}
	}
}

// reduceScaled are the workloads whose own objects are not read, as such objects.
func reduceScaled(lists *state.Lists, wanted func(namespace string) bool) ([]client.Object, error) {
	if len(lists.Scales) == 0 {
		return nil, nil
	}
	var out []client.Object
	for _, w := range lists.Workloads() {
		if _, scales := lists.Scales[w.Key]; !scales || !wanted(w.Namespace) {
			continue
		}
		replicas := int32(w.Replicas)
		object := &Scaled{
			TypeMeta: typeMeta(w.APIVersion, w.ObjectKind()), ObjectMeta: metav1.ObjectMeta{Namespace: w.Namespace, Name: w.Name},
			Spec: ScaledSpec{Replicas: &replicas, Template: template(w.Template)},
		}
		for _, claim := range w.ClaimTemplates {
			object.Spec.VolumeClaimTemplates = append(object.Spec.VolumeClaimTemplates, corev1.PersistentVolumeClaim{
				ObjectMeta: metav1.ObjectMeta{Name: claim.Name}, Spec: corev1.PersistentVolumeClaimSpec{StorageClassName: claim.Class},
			})
		}
		fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
		if err != nil {
			return nil, err
		}
		out = append(out, &unstructured.Unstructured{Object: fields})
	}
	return out, nil
}
