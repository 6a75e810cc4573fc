package placement

import (
	"context"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"tradewind.dev/tradewind/apis/applyv1alpha1"
	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/kube/apply"
	"tradewind.dev/tradewind/pkg/state"
)

// reasonNotPlanned is why a Placement that somebody made says nothing.
const reasonNotPlanned = "NotPlanned"

// disown says of a Placement that somebody made by hand, and that no plan speaks of, why it says nothing. It is not deleted: it is
// taken for the plan's once its workload is planned.
func (p *Planner) disown(ctx context.Context, object *v1alpha1.Placement) error {
	of := state.PlacementOf(object)
	message := "there is no " + of.String() + " that a policy selects; delete this Placement, or make them"
	if name := state.PlacementName(of.Kind, of.Name); object.Name != name {
		message = "the Placement of " + of.String() + " is " + name + ", which the controller makes; delete this one"
	}
	condition := metav1.Condition{
		Type: v1alpha1.ConditionPlanned, Status: metav1.ConditionFalse, Reason: reasonNotPlanned, Message: message,
		ObservedGeneration: object.Generation, LastTransitionTime: metav1.NewTime(p.clock.Now().Truncate(1e9)),
	}
	if said := meta.FindStatusCondition(object.Status.Conditions, condition.Type); said != nil {
		if said.Status == condition.Status {
			condition.LastTransitionTime = said.LastTransitionTime
		}
		if equality.Semantic.DeepEqual(*said, condition) {
			return nil
		}
	}
	status := v1alpha1.PlacementStatus{Conditions: []metav1.Condition{condition}}
	says, err := apply.As[applyv1alpha1.PlacementStatusApplyConfiguration](&status)
	if err != nil {
		return err
	}
	written, err := apply.Status(ctx, p.client, applyv1alpha1.Placement(object.Name, object.Namespace).WithStatus(says), fieldOwner)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err == nil {
		p.written.wrote(client.ObjectKeyFromObject(object), written.GetUID(), written.GetResourceVersion(), &status)
	}
	return err
}
