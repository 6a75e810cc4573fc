package status

import (
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"tradewind.dev/tradewind/apis/v1alpha1"
)

// Status is what an object's status should say.
type Status struct {
	// UID and Generation of the object that it speaks of.
	UID        types.UID
	Generation int64
	// Conditions that it sets. Conditions of other types are left as they are, but for those that are Absent.
	Conditions []metav1.Condition
	// Absent are types of conditions that the object should not have.
	Absent []string
	// Counts in the order of Fields.Counts.
	Counts []int32
}

// Fields point at the parts of an object's status.
type Fields struct {
	Conditions         *[]metav1.Condition
	ObservedGeneration *int64
	Counts             []*int32
}

// FieldsOfPolicy points into a policy's status. The counts are the selected pods and the allowed nodes.
func FieldsOfPolicy(status *v1alpha1.PolicyStatus) Fields {
	return Fields{&status.Conditions, &status.ObservedGeneration, []*int32{&status.SelectedPods, &status.AllowedNodes}}
}

// FieldsOfOverride points into the status of a PriceList or LatencyMap. The count is its entries.
func FieldsOfOverride(status *v1alpha1.OverrideStatus) Fields {
	return Fields{&status.Conditions, &status.ObservedGeneration, []*int32{&status.Entries}}
}

// Equal says whether two statuses say the same.
func (s *Status) Equal(other *Status) bool {
	return s.speaksOf(other.UID, other.Generation) && slices.Equal(s.Counts, other.Counts) && slices.Equal(s.Conditions, other.Conditions)
}

func (s *Status) speaksOf(uid types.UID, generation int64) bool {
	return s.UID == uid && s.Generation == generation
}

// sameVerdicts says whether two statuses differ in counts and wording at most.
func (s *Status) sameVerdicts(other *Status) bool {
	return s.speaksOf(other.UID, other.Generation) && slices.EqualFunc(s.Conditions, other.Conditions, func(a, b metav1.Condition) bool {
		return a.Type == b.Type && a.Status == b.Status && a.Reason == b.Reason
	})
}

// apply writes the status into an object's and says whether that changed it. Turned are the conditions that a person
// should hear of: those that turned bad or good again, those that are still bad after the object was changed, and that a
// policy is in force at last.
func (s *Status) apply(to Fields) (changed bool, turned []metav1.Condition) {
	edited := *to.ObservedGeneration != s.Generation
	changed = edited
	*to.ObservedGeneration = s.Generation
	for i, count := range s.Counts {
		if *to.Counts[i] != count {
			*to.Counts[i], changed = count, true
		}
	}
	conditions := slices.Clone(*to.Conditions) // the object's own may be shared with a cache
	for _, condition := range s.Conditions {
		condition.ObservedGeneration = s.Generation
		before := meta.FindStatusCondition(conditions, condition.Type)
		wasBad := before != nil && bad(before)
		if bad(&condition) && (!wasBad || edited) || good(&condition) && (wasBad || awaited(before)) {
			turned = append(turned, condition)
		}
		if meta.SetStatusCondition(&conditions, condition) {
			changed = true
		}
	}
	for _, kind := range s.Absent {
		if meta.RemoveStatusCondition(&conditions, kind) {
			changed = true
		}
	}
	*to.Conditions = conditions
	return changed, turned
}

// awaited says whether a condition was one that people wait for: that a policy is in force, which is not known until the
// scheduler has read it.
func awaited(before *metav1.Condition) bool {
	return before != nil && before.Type == v1alpha1.ConditionInForce && before.Status == metav1.ConditionUnknown
}

// bad says whether a condition is one that a person should hear of.
func bad(condition *metav1.Condition) bool {
	switch {
	case condition.Type == v1alpha1.ConditionOverridden:
		return condition.Status == metav1.ConditionTrue
	case condition.Reason == v1alpha1.ReasonNamespacesNotEnforced:
		return false
	}
	return condition.Status == metav1.ConditionFalse
}

// good says whether a condition is what it should be. One that is not known is neither good nor bad.
func good(condition *metav1.Condition) bool {
	return !bad(condition) && condition.Status != metav1.ConditionUnknown
}
