package cycle

import (
	"sync"

	"k8s.io/component-base/metrics"
	"k8s.io/component-base/metrics/legacyregistry"

	"tradewind.dev/tradewind/pkg/state"
)

var (
	rejectedNodes = metrics.NewCounterVec(&metrics.CounterOpts{
		Subsystem: "tradewind", Name: "rejected_nodes_total", StabilityLevel: metrics.ALPHA,
		Help: "Nodes that a plugin excluded for a pod.",
	}, []string{"plugin", "profile"})
	placedPods = metrics.NewCounterVec(&metrics.CounterOpts{
		Subsystem: "tradewind", Name: "placed_pods_total", StabilityLevel: metrics.ALPHA,
		Help: "Pods placed, by where.",
	}, []string{"profile", "cloud", "region", "capacity_type"})
	placedHourlyUSD = metrics.NewHistogramVec(&metrics.HistogramOpts{
		Subsystem: "tradewind", Name: "placed_pod_hourly_usd", StabilityLevel: metrics.ALPHA,
		Help:    "Compute price of the pods placed, in US dollars an hour. Pods on nodes without a known price are not in it.",
		Buckets: metrics.ExponentialBuckets(0.0001, 4, 10),
	}, []string{"profile", "cloud"})
	expectedRoundTrip = metrics.NewHistogramVec(&metrics.HistogramOpts{
		Subsystem: "tradewind", Name: "placed_pod_expected_round_trip_milliseconds", StabilityLevel: metrics.ALPHA,
		Help:    "Expected round trip of the policy's clients to the pods placed, in milliseconds, where it is known.",
		Buckets: []float64{1, 2, 5, 10, 20, 30, 50, 75, 100, 150, 200, 300},
	}, []string{"profile", "cloud"})
	preferencesUnmet = metrics.NewCounterVec(&metrics.CounterOpts{
		Subsystem: "tradewind", Name: "placed_pods_unmet_preference_total", StabilityLevel: metrics.ALPHA,
		Help: "Pods placed where a preferred location of their policy is not met.",
	}, []string{"profile", "cloud"})
	planFollowed = metrics.NewCounterVec(&metrics.CounterOpts{
		Subsystem: "tradewind", Name: "placed_pods_by_plan_total", StabilityLevel: metrics.ALPHA,
		Help: "Pods placed, by whether they went where the plan of the placement controller has room: followed, deviated, or no_plan.",
	}, []string{"profile", "plan"})
	awaitedPlans = metrics.NewCounterVec(&metrics.CounterOpts{
		Subsystem: "tradewind", Name: "awaited_plans_total", StabilityLevel: metrics.ALPHA,
		Help: "Workloads whose new pods waited for a plan of the placement controller, by what came: planned, late, or stopped where that no longer plans.",
	}, []string{"result"})
	chosenNodes = metrics.NewHistogramVec(&metrics.HistogramOpts{
		Subsystem: "tradewind", Name: "candidate_nodes", StabilityLevel: metrics.ALPHA,
		Help: "Nodes that were chosen to be filtered and scored for a pod; 0 where all were, because none could be chosen. " +
			"Pods to which kube-scheduler gives the next node of a batch are left out.",
		Buckets: []float64{0, 1, 10, 100, 1000, 10000},
	}, []string{"profile"})
	objectsInForce = metrics.NewGaugeVec(&metrics.GaugeOpts{
		Subsystem: "tradewind", Name: "objects_in_force", StabilityLevel: metrics.ALPHA,
		Help: "Policies, price lists, latency maps and placements that the scheduler has read and decides by.",
	}, []string{"kind"})
	register sync.Once
)

func registerMetrics() {
	register.Do(func() {
		legacyregistry.MustRegister(rejectedNodes, placedPods, placedHourlyUSD, expectedRoundTrip, preferencesUnmet, planFollowed, awaitedPlans, chosenNodes, objectsInForce)
	})
}

func observeWorld(change state.WorldChange) {
	for kind, objects := range change.After.Counts {
		objectsInForce.WithLabelValues(kind).Set(float64(objects))
	}
}

// Chosen records how many nodes were chosen for a pod; none where all are looked at.
func (p *Profile) Chosen(nodes int) {
	chosenNodes.WithLabelValues(p.Handle.ProfileName()).Observe(float64(nodes))
}
