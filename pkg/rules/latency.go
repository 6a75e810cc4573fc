package rules

import (
	"fmt"
	"math"
	"sync"
	"sync/atomic"

	"tradewind.dev/tradewind/pkg/latency"
	"tradewind.dev/tradewind/pkg/rules/policy"
)

// RoundTrips answers round-trip times between classes and keeps each answer. Safe for concurrent use.
type RoundTrips struct {
	times *latency.Map
	pairs atomic.Pointer[[][]latency.RoundTrip] // by PlaceID; an unset pair has milliseconds -1
	grow  sync.Mutex                            // taken only when a pair of places is seen for the first time
}

// NewRoundTrips wraps a latency map.
func NewRoundTrips(times *latency.Map) *RoundTrips {
	r := &RoundTrips{times: times}
	r.pairs.Store(&[][]latency.RoundTrip{})
	return r
}

// Between is the round trip between two classes.
func (r *RoundTrips) Between(a, b *Class) latency.RoundTrip {
	known := *r.pairs.Load()
	if a.PlaceID < len(known) && b.PlaceID < len(known[a.PlaceID]) {
		if pair := known[a.PlaceID][b.PlaceID]; pair.Milliseconds >= 0 {
			return pair
		}
	}
	computed := r.times.Between(a.Place, b.Place)
	if !computed.Known() {
		computed.Milliseconds = 0
	}
	r.grow.Lock()
	defer r.grow.Unlock()
	known = *r.pairs.Load()
	grown := make([][]latency.RoundTrip, max(len(known), a.PlaceID+1))
	copy(grown, known)
	row := make([]latency.RoundTrip, max(len(grown[a.PlaceID]), b.PlaceID+1))
	for i := copy(row, grown[a.PlaceID]); i < len(row); i++ {
		row[i].Milliseconds = -1
	}
	row[b.PlaceID] = computed
	grown[a.PlaceID] = row
	r.pairs.Store(&grown)
	return computed
}

// Measured says that the round trip between two classes is known and no estimate from the distance: somebody measured it, or it is
// what is documented of the one region that both are in.
func (r *RoundTrips) Measured(a, b *Class) bool {
	trip := r.Between(a, b)
	oneRegion := a.PlaceID == b.PlaceID && a.Place.Cloud != "" && a.Place.Region != ""
	return trip.Known() && (trip.Basis != latency.BasisEstimate || oneRegion)
}

// Nearest is the round trip from a class to the nearest replica of a workload, of those alone whose round trip was measured if the
// call demands that; unknown when it has none, or none whose round trip is known.
func (r *RoundTrips) Nearest(from *Class, callee *View, measured bool) latency.RoundTrip {
	trip, _ := r.nearest(from, callee, measured)
	return trip
}

// nearest is Nearest with the class of the replica; nil where the round trip is unknown.
func (r *RoundTrips) nearest(from *Class, callee *View, measured bool) (best latency.RoundTrip, at *Class) {
	for i := range callee.Classes {
		to := callee.Classes[i].Class
		if trip := r.Between(from, to); trip.Known() && (at == nil || trip.Milliseconds < best.Milliseconds) && (!measured || r.Measured(from, to)) {
			best, at = trip, to
		}
	}
	return best, at
}

// Meets says that the replicas of a called workload are near enough to a class for the limit of a call.
func (r *RoundTrips) Meets(limit *policy.Traffic, from *Class, callee *View) bool {
	return r.Nearest(from, callee, limit.Measured).OrInfinite() <= limit.MaxMilliseconds
}

// FromClient is the round trip from a client population to a place.
func (r *RoundTrips) FromClient(client latency.Client, to latency.Place) latency.RoundTrip {
	return r.times.FromClient(client, to)
}

// expected is the mean round trip over populations, weighted by their shares. It is unknown as soon as one is.
func (r *RoundTrips) expected(populations []latency.Population, place latency.Place) latency.RoundTrip {
	return r.times.Expected(populations, place)
}

// covered holds a bit for each population that reaches the place within the limit.
func (r *RoundTrips) covered(limit *policy.Latency, place latency.Place) uint64 {
	if limit.Broken {
		return 0
	}
	mask := uint64(0)
	for i, population := range limit.Populations {
		if i < 64 && reaches(limit, r.times.FromClient(population.Client, place)) {
			mask |= 1 << i
		}
	}
	return mask
}

// reaches says whether a round trip meets a limit.
func reaches(limit *policy.Latency, trip latency.RoundTrip) bool {
	return trip.OrInfinite() <= limit.MaxMilliseconds && !(limit.Measured && trip.Basis == latency.BasisEstimate)
}

// Estimated says that the replicas of a workload on some classes meet a limit of its rules, and that they would not if only what
// somebody measured counted: it names a round trip that is an estimate. Empty where measurements meet the limit, or nothing does.
func (r *Rules) Estimated(index int, classes []*Class) string {
	limit := r.Latency[index]
	if limit.Measured || limit.Broken {
		return ""
	}
	meets := func() bool {
		covered := uint64(0)
		for _, class := range classes {
			covered |= r.latency.covered(&limit, class.Place)
		}
		return Uncovered(&limit, covered) == 0
	}
	if !meets() {
		return ""
	}
	if limit.Measured = true; meets() {
		return ""
	}
	limit.Measured = false
	for _, population := range limit.Populations {
		for _, class := range classes {
			trip := r.latency.times.FromClient(population.Client, class.Place)
			if trip.Basis == latency.BasisEstimate && reaches(&limit, trip) {
				return fmt.Sprintf("the limit of %g ms is met by estimates only: nobody measured the %.0f ms from %s to %s; a LatencyMap can give what is true, "+
					"and figures: Measured in spec.latency demands it", limit.MaxMilliseconds, trip.Milliseconds, population.Client, class.Place)
			}
		}
	}
	return ""
}

// EstimatedCall says that replicas on some classes are within a limit of their calls to a workload, and that some of them would not be
// if only what somebody measured counted: it names a round trip that is an estimate from the distance. What is documented of one
// region is none. Empty where measurements meet the limit, or nothing does.
func (r *RoundTrips) EstimatedCall(maxMilliseconds float64, callee string, from, to []*Class) string {
	text := ""
	for _, class := range from {
		guess, met := "", false
		for _, other := range to {
			trip := r.Between(class, other)
			switch {
			case trip.OrInfinite() > maxMilliseconds:
			case r.Measured(class, other):
				met = true
			default:
				guess = fmt.Sprintf("the limit of %g ms to %s is met by an estimate only: nobody measured the %.0f ms from %s to %s; a LatencyMap can "+
					"give what is true, and figures: Measured in spec.traffic demands it", maxMilliseconds, callee, trip.Milliseconds, class.Place, other.Place)
			}
		}
		if !met && text == "" {
			text = guess
		}
	}
	return text
}

// overReason says why no population reaches a place in time; unknown says that a round trip that is not known, or that nobody
// measured, could.
func (r *RoundTrips) overReason(limit *policy.Latency, place latency.Place) (reason string, unknown bool) {
	if limit.Broken {
		return "held back: " + limit.Source.String() + " names a client location that cannot be read", false
	}
	for _, population := range limit.Populations {
		if !r.times.FromClient(population.Client, place).Known() {
			return "without a known round trip from " + population.Client.String() + " (a LatencyMap can give it)", true
		}
		if trip := r.times.FromClient(population.Client, place); limit.Measured && trip.Basis == latency.BasisEstimate && trip.Milliseconds <= limit.MaxMilliseconds {
			return "without a measured round trip from " + population.Client.String() + " (a LatencyMap can give it)", true
		}
	}
	return fmt.Sprintf("over %g ms from %s", limit.MaxMilliseconds, clientNames(limit.Populations, ^uint64(0))), false
}

// clientNames lists the populations whose bit is set, the three first ones by name.
func clientNames(populations []latency.Population, mask uint64) string {
	const named = 3
	text, count := "", 0
	for i, population := range populations {
		if mask&(1<<i) == 0 {
			continue
		}
		count++
		if count > named {
			continue
		}
		if text != "" {
			text += ", "
		}
		text += population.Client.String()
	}
	if count > named {
		text += fmt.Sprintf(" and %d more", count-named)
	}
	return text
}

// Coverage is one latency limit over the replicas of a workload as they are now: the 95th percentile of the clients
// must have a replica within the limit, so together the replicas must cover populations that hold 95 % of the clients.
type Coverage struct {
	limit *policy.Latency
	index int
	// running is covered by the replicas that run; remaining replicas come after the one being placed.
	running   uint64
	remaining int
}

// coveredPercent of the clients must reach a replica in time: a limit is one on the 95th percentile of the round trips.
const coveredPercent = 95

// newCoverage prepares the limit with this index in the rules' Latency.
func newCoverage(rules *Rules, index int, view *View) Coverage {
	placed := view.Placed()
	c := Coverage{limit: &rules.Latency[index], index: index, remaining: max(view.Desired, placed+1) - placed - 1}
	for i := range view.Classes {
		c.running |= rules.Static(view.Classes[i].Class).Covered[index]
	}
	return c
}

// Reason is why one more replica may not go to a class, or empty: it reaches no population in time, or it leaves more
// populations without a replica in time than there are replicas still to be placed.
func (c *Coverage) Reason(static *Static) string {
	if static.Covered[c.index] == 0 {
		return static.Latency
	}
	after := c.running | static.Covered[c.index]
	if c.missing(after) <= c.remaining {
		return ""
	}
	// Uncovered populations that this class could have covered but does not.
	return fmt.Sprintf("over %g ms from %s", c.limit.MaxMilliseconds, clientNames(c.limit.Populations, ^after))
}

// missing is the least number of further populations that must be covered to reach 95 % of the clients.
func (c *Coverage) missing(covered uint64) int { return Uncovered(c.limit, covered) }

// Uncovered is the least number of further populations that must be reached within a limit, so that 95 % of the clients are,
// when those whose bit is set are already.
func Uncovered(limit *policy.Latency, covered uint64) int {
	const largest = 100
	total, have := int64(0), int64(0)
	var open [largest + 1]uint8 // populations that are not reached, by their share
	for i := range limit.Populations {
		share := max(limit.Populations[i].SharePercent, 0)
		total += int64(share)
		switch {
		case i >= 64:
		case covered&(1<<i) != 0:
			have += int64(share)
		default:
			open[min(share, largest)]++
		}
	}
	missing := 0
	for share := largest; share > 0; share-- {
		for ; open[share] > 0; open[share]-- {
			if have*100 >= total*coveredPercent {
				return missing
			}
			have += int64(share)
			missing++
		}
	}
	return missing
}

// CallReason is why a class is too far from the running replicas of the workloads that it calls, or empty. A called
// workload without running replicas limits nothing.
func CallReason(rules *Rules, class *Class, callees []*View) string {
	for i := range rules.TrafficLimits {
		if reason, _ := rules.callReason(i, class, callees); reason != "" {
			return reason
		}
	}
	return ""
}

// callReason is CallReason for the limit with this index; unknown says that no round trip to a replica is known, or that nobody
// measured one that could meet the limit.
func (r *Rules) callReason(i int, class *Class, callees []*View) (reason string, unknown bool) {
	if i >= len(callees) || callees[i] == nil || len(callees[i].Classes) == 0 {
		return "", false
	}
	limit := &r.TrafficLimits[i]
	if r.latency.Meets(limit, class, callees[i]) {
		return "", false
	}
	nearest, at := r.latency.nearest(class, callees[i], false)
	switch trip := nearest.OrInfinite(); {
	case trip <= limit.MaxMilliseconds:
		return fmt.Sprintf("without a measured round trip from %s to %s in %s (a LatencyMap can give it)", class.Place, limit.Name, at.Place), true
	case math.IsInf(trip, 1):
		return "without a known round trip to " + limit.Name + " (a LatencyMap can give it)", true
	}
	return fmt.Sprintf("over %g ms from %s", limit.MaxMilliseconds, limit.Name), false
}
