package placement

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"tradewind.dev/tradewind/apis/v1alpha1"
)

// FieldOwner is the field manager of what the planner writes to Placements. Others write further fields of their statuses
// under names of their own.
const FieldOwner client.FieldOwner = "tradewind-placement"

// metadataOf are the labels and the owner of a workload's Placement.
func metadataOf(w *workload) map[string]any {
	return map[string]any{
		"labels": labelsOf(w),
		"ownerReferences": []any{map[string]any{
			"apiVersion": w.APIVersion, "kind": w.Kind, "name": w.Name, "uid": string(w.uid), "controller": true,
		}},
	}
}

func labelsOf(w *workload) map[string]any {
	const longest = 63
	labels := map[string]any{v1alpha1.LabelWorkloadKind: w.Kind}
	if len(w.Name) <= longest {
		labels[v1alpha1.LabelWorkloadName] = w.Name
	}
	return labels
}

// labelled says whether a Placement has the labels and the owner of a workload.
func labelled(object *v1alpha1.Placement, w *workload) bool {
	for key, value := range labelsOf(w) {
		if object.Labels[key] != value {
			return false
		}
	}
	owner := metav1.GetControllerOfNoCopy(object)
	return owner != nil && owner.UID == w.uid && len(object.OwnerReferences) == 1
}
