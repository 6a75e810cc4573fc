package rules

import (
	"fmt"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/rules/policy"
)

// SpotPool is spot capacity that a cloud takes back together: that of one instance type in one zone.
type SpotPool struct{ Cloud, Region, Zone, InstanceType string }

// String is "m7i.large in aws/eu-west-1/eu-west-1a".
func (p SpotPool) String() string {
	at := location.Location{Cloud: p.Cloud, Region: p.Region, Zone: p.Zone}.String()
	if p.InstanceType == "" {
		return "unknown type in " + at
	}
	return p.InstanceType + " in " + at
}

// SpotPool is the one that the nodes of this class are of; spot is false where the cloud does not take them back. Nodes of which
// the zone or the type is not known are taken to be of one pool, so that nothing is an advantage by being unknown.
func (c *Class) SpotPool() (pool SpotPool, spot bool) {
	if !c.Spot() {
		return SpotPool{}, false
	}
	return SpotPool{c.Cloud, c.Region, c.Zone, c.InstanceType}, true
}

// spotReason is why one more replica may not go to a class under the policy's limits on spot capacity, or empty. Of n desired
// replicas, n × limit / 100, rounded down, may be on spot capacity, and so many but at least one in one spot pool. Where the
// policy waits for spot capacity, so many are kept for it; the others do not wait.
func spotReason(rules *policy.Effective, view *View, class *Class) string {
	if !limitsSpot(rules) {
		return ""
	}
	pool, onSpot := class.SpotPool()
	placed, spot, beside := 0, 0, 0
	for i := range view.Classes {
		entry := &view.Classes[i]
		placed += entry.Replicas
		if at, ok := entry.Class.SpotPool(); ok {
			spot += entry.Replicas
			if at == pool {
				beside += entry.Replicas
			}
		}
	}
	desired := max(view.Desired, placed+1)
	switch {
	case onSpot && spot+1 > MostOnSpot(rules, desired):
		if forbidsSpot(rules) {
			return reasonSpotForbidden
		}
		return fmt.Sprintf("on spot capacity, which has its %d%% of the replicas", rules.SpotMaxPercent)
	case onSpot && beside+1 > MostInSpotPool(rules, desired):
		return fmt.Sprintf("in the spot pool %s, which has its %d%% of the replicas", pool, rules.SpotPoolMaxPercent)
	case !onSpot && placed-spot+1 > MostOffSpot(rules, desired):
		return reasonSpotAwaited
	}
	return ""
}

// limitsSpot says whether the rules limit spot capacity, or wait for it.
func limitsSpot(rules *policy.Effective) bool {
	return rules.SpotMaxPercent < 100 || rules.SpotFallback == v1alpha1.SpotFallbackWait || rules.SpotPoolMaxPercent > 0
}

// SpotPoolAimPercent is the share of a workload's replicas in one spot pool that plans aim at where no policy limits it, and beyond
// which they say so. It is what spec.availability wants left of them by default. It is no limit: one may leave replicas without a place.
const SpotPoolAimPercent = 50

// TakenTogether is the spot pool that holds over half of n replicas, and how many; 0 where none does, where it is one replica, and
// where the rules limit it. Nil rules limit nothing.
func TakenTogether(rules *policy.Effective, n int, at []ClassReplicas) (pool SpotPool, replicas int) {
	if rules != nil && rules.SpotPoolMaxPercent > 0 {
		return SpotPool{}, 0
	}
	counts := map[SpotPool]int{}
	for i := range at {
		if in, spot := at[i].Class.SpotPool(); spot {
			if counts[in] += at[i].Replicas; counts[in] > max(1, n*SpotPoolAimPercent/100) {
				pool, replicas = in, counts[in]
			}
		}
	}
	return pool, replicas
}
