package failover

import (
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"tradewind.dev/tradewind/apis/v1alpha1"
)

// reasonDoubted is what versions before wrote of pools while they were blind. That is no outage.
const reasonDoubted = "LossInDoubt"

// The reasons of a CloudPool's condition Outage.
const (
	reasonOver      = "Over"
	reasonLost      = "Lost"
	reasonReturning = "Returning"
	reasonTakenBack = "TakenBack"
)

// outage is why a pool does not count as capacity.
type outage struct {
	// taken says that spot capacity was taken back, else a domain was lost; since then.
	taken bool
	since time.Time
	// domain that was lost ("cloud aws"); empty when another process saw it.
	domain string
	// back is when its nodes were all ready again; zero while they are not.
	back time.Time
}

// ends is when the pool counts again; zero while that is open.
func (o *outage) ends(stabilization time.Duration) time.Time {
	switch {
	case o.taken:
		return o.since.Add(stabilization)
	case o.back.IsZero():
		return time.Time{}
	}
	return o.back.Add(stabilization)
}

// text says why the pool does not count, and when it counts again.
func (o *outage) text(stabilization time.Duration) string {
	since := o.since.UTC().Format(time.RFC3339)
	if ends := o.ends(stabilization); !ends.IsZero() {
		counts := "it counts again at " + ends.UTC().Format(time.RFC3339)
		if o.taken {
			return fmt.Sprintf("spot capacity was taken back at %s; %s if no more is", since, counts)
		}
		return fmt.Sprintf("lost at %s and back since %s; %s if it stays", since, o.back.UTC().Format(time.RFC3339), counts)
	}
	what := o.domain
	if what == "" {
		what = "all of it"
	}
	return fmt.Sprintf("%s is lost since %s", what, since)
}

// condition is the pool's condition Outage. Its transition time is when the outage began, also when it began anew.
func (o *outage) condition(stabilization time.Duration, now time.Time) metav1.Condition {
	if o == nil {
		return metav1.Condition{
			Type: v1alpha1.ConditionOutage, Status: metav1.ConditionFalse, Reason: reasonOver,
			Message: "the pool counts as capacity again", LastTransitionTime: metav1.NewTime(now),
		}
	}
	out := metav1.Condition{
		Type: v1alpha1.ConditionOutage, Status: metav1.ConditionTrue, Reason: reasonLost,
		Message: o.text(stabilization), LastTransitionTime: metav1.NewTime(o.since),
	}
	switch {
	case o.taken:
		out.Reason = reasonTakenBack
	case !o.back.IsZero():
		out.Reason = reasonReturning
	}
	return out
}

// outageOf takes over what another process wrote; nil when the pool was available.
func outageOf(condition *metav1.Condition) *outage {
	if condition == nil || condition.Status != metav1.ConditionTrue || condition.Reason == reasonDoubted {
		return nil
	}
	return &outage{taken: condition.Reason == reasonTakenBack, since: condition.LastTransitionTime.Time}
}
