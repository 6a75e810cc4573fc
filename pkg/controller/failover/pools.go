package failover

import (
	"fmt"
	"maps"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/loss"
	"tradewind.dev/tradewind/pkg/planning"
)

// reasonDoubted is what versions before wrote of pools while they were blind. That is no outage.
const reasonDoubted = "LossInDoubt"

// The reasons of a CloudPool's condition Outage.
const (
	reasonOver      = "Over"
	reasonPartly    = "Partly"
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

// absent are the pools that do not count as capacity, by their IDs. It is immutable.
type absent struct {
	outages       map[string]*outage
	stabilization time.Duration
}

// absentPools are those that do not count now. Until the first look they are what CloudPools say.
func (c *Controller) absentPools() *absent {
	if known := c.absent.Load(); known != nil {
		return known
	}
	known := &absent{outages: map[string]*outage{}, stabilization: loss.DefaultStabilization}
	for _, pool := range c.Objects.CloudPools.All() {
		if o := outageOf(outageCondition(pool)); o != nil {
			known.outages[poolID(pool)] = o
		}
	}
	return known
}

// publishOutages lets others know of the outages, once those from before are known. c.mu is held. An outage is replaced when it
// changes, so that the copy stays as it is.
func (c *Controller) publishOutages() {
	if c.loaded {
		c.absent.Store(&absent{outages: maps.Clone(c.outages), stabilization: c.stabilization})
	}
}

// load takes over what CloudPools say of outages, once. c.mu is held.
func (c *Controller) load() {
	if c.loaded {
		return
	}
	for _, pool := range c.Objects.CloudPools.All() {
		condition := outageCondition(pool)
		if condition == nil {
			continue
		}
		id := poolID(pool)
		if o := outageOf(condition); o != nil && c.outages[id] == nil {
			c.outages[id] = o
		}
		c.written[id] = *condition
	}
	c.loaded = true
}

func poolID(pool *v1alpha1.CloudPool) string {
	return planning.PoolID(pool.Spec.ClusterName, pool.Name)
}

func outageCondition(pool *v1alpha1.CloudPool) *metav1.Condition {
	return meta.FindStatusCondition(pool.Status.Conditions, v1alpha1.ConditionOutage)
}
