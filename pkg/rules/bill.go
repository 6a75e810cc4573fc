package rules

import (
	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/latency"
)

// Prices of one millisecond of expected round trip per million requests, in US dollars, by what a policy optimizes for.
// They are Tradewind's own scale: at Balanced, 50 ms on one request a second cost $0.018 an hour, about what half a core
// costs on demand; Cost makes milliseconds break ties only, Latency makes them outweigh any difference between clouds.
const (
	costUSDPerMillisecond     = 0.001
	balancedUSDPerMillisecond = 0.1
	latencyUSDPerMillisecond  = 10.0
)

// DefaultRequestsPerSecond of one replica is assumed where a policy names clients but not how often they call.
const DefaultRequestsPerSecond = 1.0

const (
	secondsPerHour     = 3600
	requestsPerMillion = 1e6
)

// usdPerMillisecond is the price of one millisecond of expected round trip per million requests, in US dollars. Empty
// means Balanced.
func usdPerMillisecond(optimizeFor v1alpha1.OptimizeFor) float64 {
	switch optimizeFor {
	case v1alpha1.OptimizeForCost:
		return costUSDPerMillisecond
	case v1alpha1.OptimizeForLatency:
		return latencyUSDPerMillisecond
	default:
		return balancedUSDPerMillisecond
	}
}

// LatencyUSD prices a round trip: milliseconds × requests an hour ÷ 1,000,000 × the price of a millisecond, in US
// dollars an hour.
func LatencyUSD(milliseconds, requestsPerSecond float64, optimizeFor v1alpha1.OptimizeFor) float64 {
	return milliseconds * requestsPerSecond * secondsPerHour / requestsPerMillion * usdPerMillisecond(optimizeFor)
}

// Trips are the expected round trips of one replica on a class.
type Trips struct {
	// Clients is the expected round trip of the policy's clients.
	Clients latency.RoundTrip
	// Calls are the round trips to the nearest running replica of each workload in the policy's traffic, of those alone whose round
	// trip was measured where the policy demands that; unknown where the called workload has none.
	Calls []latency.RoundTrip
	// USD is what they cost for one replica, in US dollars an hour. Known is false when a round trip that counts is not
	// known; a called workload without replicas does not count.
	USD   float64
	Known bool
}

// Trips prices the round trips of one replica of the workload on a class. callees are the views of the workloads in the
// rules' Traffic, in order; nil where a workload is not known. buffer is used for the calls.
func (r *Rules) Trips(class *Class, view *View, callees []*View, optimizeFor v1alpha1.OptimizeFor, buffer []latency.RoundTrip) Trips {
	replicas := float64(max(view.Desired, 1))
	out := Trips{Known: true, Calls: buffer[:0]}
	if len(r.Clients) > 0 {
		out.Clients = r.Static(class).Clients
		requests := DefaultRequestsPerSecond
		if r.RequestsPerSecond > 0 {
			requests = r.RequestsPerSecond / replicas
		}
		if out.Clients.Known() {
			out.USD += LatencyUSD(out.Clients.Milliseconds, requests, optimizeFor)
		} else {
			out.Known = false
		}
	}
	for i := range r.Traffic {
		var trip latency.RoundTrip
		if i < len(callees) && callees[i] != nil && len(callees[i].Classes) > 0 {
			trip = r.latency.Nearest(class, callees[i], r.Traffic[i].Measured)
			requests := DefaultRequestsPerSecond
			if r.Traffic[i].RequestsPerSecond > 0 {
				requests = r.Traffic[i].RequestsPerSecond / replicas
			}
			if trip.Known() {
				out.USD += LatencyUSD(trip.Milliseconds, requests, optimizeFor)
			} else {
				out.Known = false
			}
		}
		out.Calls = append(out.Calls, trip)
	}
	return out
}

// PreferenceUSD prices unmet location preferences: an unmet weight of 100 weighs as much as the replica itself costs
// there, so a preference of weight 10 is followed unless the preferred place is more than a tenth dearer.
func PreferenceUSD(unmet, computeUSD float64) float64 { return unmet * computeUSD }
