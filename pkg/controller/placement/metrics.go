package placement

import (
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// planMetrics are what Prometheus hears of plans. A standby exports none of it but zeros.
type planMetrics struct {
	seconds, updateSeconds     prometheus.Histogram
	rounds                     *prometheus.CounterVec
	workloads, unplaced, gap   prometheus.Gauge
	hourlyUSD                  *prometheus.GaugeVec
	savings, moves, addedNodes prometheus.Gauge
}

func newPlanMetrics() *planMetrics {
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Name: "tradewind_placement_" + name, Help: help})
	}
	return &planMetrics{
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "tradewind_placement_planning_seconds", Help: "How long it takes to plan all workloads, in seconds.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2, 14),
		}),
		updateSeconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "tradewind_placement_update_seconds", Help: "How long it takes to plan the workloads anew that a change concerns, in seconds.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2, 14),
		}),
		rounds: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tradewind_placement_rounds_total", Help: "Plans made, by result: planned (everything), updated (the workloads that a change concerns) or failed.",
		}, []string{"result"}),
		workloads: gauge("workloads", "Number of workloads that a Placement is kept for."),
		unplaced:  gauge("unplaced_replicas", "Number of replicas for which the plan has no place."),
		gap:       gauge("gap_percent", "How far the total of the plan (compute, egress and what is valued) may be above the optimum at most, in percent."),
		hourlyUSD: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "tradewind_placement_hourly_usd", Help: "The plan in US dollars an hour, by part. Invoiced: machines (whole ones in use that are not sunk), egress. " +
				"Attributed: compute (replicas' shares of machines). Only valued: latency, interruption, disruption, preference.",
		}, []string{"part"}),
		savings:    gauge("savings_hourly_usd", "What moving the running replicas to the plan would save of their shares of machines and of egress, in US dollars an hour, over workloads of which all replicas run."),
		moves:      gauge("moves", "Number of running replicas that the plan has elsewhere."),
		addedNodes: gauge("added_nodes", "Number of nodes that the plan would have the autoscaler add."),
	}
}

// register registers the metrics; those of an earlier planner of the same process are replaced.
func (m *planMetrics) register(with prometheus.Registerer) error {
	for _, collector := range []prometheus.Collector{
		m.seconds, m.updateSeconds, m.rounds, m.workloads, m.unplaced, m.gap, m.hourlyUSD, m.savings, m.moves, m.addedNodes,
	} {
		err := with.Register(collector)
		var known prometheus.AlreadyRegisteredError
		if errors.As(err, &known) {
			with.Unregister(known.ExistingCollector)
			err = with.Register(collector)
		}
		if err != nil {
			return fmt.Errorf("register metrics: %w", err)
		}
	}
	return nil
}

func (m *planMetrics) planned(took time.Duration, err error) {
	if err != nil {
		m.rounds.WithLabelValues("failed").Inc()
		return
	}
	m.rounds.WithLabelValues("planned").Inc()
	m.seconds.Observe(took.Seconds())
}

func (m *planMetrics) updated(took time.Duration) {
	m.rounds.WithLabelValues("updated").Inc()
	m.updateSeconds.Observe(took.Seconds())
}

func (m *planMetrics) observe(s *solution, all []*wanted) {
	m.workloads.Set(float64(len(all)))
	m.gap.Set(s.plan.GapPercent)
	unplaced, savings := 0, 0.0
	for _, w := range all {
		unplaced += int(w.status.Unplaced)
		savings += w.savings
	}
	m.unplaced.Set(float64(unplaced))
	m.savings.Set(savings)
	m.moves.Set(float64(s.plan.Moves))
	added := 0
	for i := range s.plan.Pools {
		added += s.plan.Pools[i].Added
	}
	m.addedNodes.Set(float64(added))
	for part, usd := range map[string]float64{
		"machines": s.plan.Bill.Machines, "compute": s.plan.Bill.Compute, "egress": s.plan.Bill.Egress, "latency": s.plan.Bill.Latency,
		"interruption": s.plan.Bill.Interruption, "disruption": s.plan.Bill.Disruption,
		"preference": s.plan.Bill.Preference,
	} {
		m.hourlyUSD.WithLabelValues(part).Set(usd)
	}
}
