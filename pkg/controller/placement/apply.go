package placement

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	applymetav1 "k8s.io/client-go/applyconfigurations/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"tradewind.dev/tradewind/apis/applyv1alpha1"
	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/planning"
)

// fieldOwner is the field manager of what the planner writes to Placements. Others write further fields of their statuses
// under names of their own.
const fieldOwner client.FieldOwner = "tradewind-placement"

// configurationOf is a workload's Placement without its status.
func configurationOf(key client.ObjectKey, w *planning.Workload) *applyv1alpha1.PlacementApplyConfiguration {
	owner := applymetav1.OwnerReference().WithAPIVersion(w.APIVersion).WithKind(w.ObjectKind()).WithName(w.Name).WithUID(w.UID).WithController(true)
	of := applyv1alpha1.PlacementWorkload().WithAPIVersion(w.APIVersion).WithKind(w.ObjectKind()).WithName(w.Name)
	return applyv1alpha1.Placement(key.Name, key.Namespace).WithLabels(labelsOf(w)).WithOwnerReferences(owner).
		WithSpec(applyv1alpha1.PlacementSpec().WithWorkload(of))
}

func labelsOf(w *planning.Workload) map[string]string {
	const longest = 63
	labels := map[string]string{v1alpha1.LabelWorkloadKind: w.ObjectKind()}
	if len(w.Name) <= longest {
		labels[v1alpha1.LabelWorkloadName] = w.Name
	}
	return labels
}

// labelled says whether a Placement has the labels and the owner of a workload.
func labelled(object *v1alpha1.Placement, w *planning.Workload) bool {
	for key, value := range labelsOf(w) {
		if object.Labels[key] != value {
			return false
		}
	}
	owner := metav1.GetControllerOfNoCopy(object)
	return owner != nil && owner.UID == w.UID && len(object.OwnerReferences) == 1
}
