package policystatus

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/kube/status"
)

// Reasons of the condition InForce of a policy that the scheduler is not known to decide by.
const (
	// reasonNotRead is that of one that the scheduler has not read in this version.
	reasonNotRead = "NotRead"
	// reasonSchedulerUnknown is that of all policies while no scheduler says what it has read.
	reasonSchedulerUnknown = "SchedulerUnknown"
)

// readBy makes the condition InForce of a policy Unknown unless the scheduler decides by this version of it. So whoever waits
// for it to be True, and makes pods then, has none placed by an earlier version, or by none.
func (e *evaluator) readBy(meta *metav1.ObjectMeta, of *status.Status) {
	for i := range of.Conditions {
		condition := &of.Conditions[i]
		if condition.Type != v1alpha1.ConditionInForce || condition.Status != metav1.ConditionTrue {
			continue
		}
		switch {
		case e.heldProblem != "":
			condition.Status, condition.Reason, condition.Message = metav1.ConditionUnknown, reasonSchedulerUnknown, status.Clip(e.heldProblem, status.MaxMessage)
		case !e.held.Has(meta.UID, meta.Generation):
			condition.Status, condition.Reason = metav1.ConditionUnknown, reasonNotRead
			condition.Message = "the scheduler has not read this version of the policy yet: pods that it places now are placed as if the policy had not been made or changed"
		}
	}
}
