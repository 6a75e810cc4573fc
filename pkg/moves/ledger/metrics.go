package ledger

import "github.com/prometheus/client_golang/prometheus"

// moved counts replicas that were moved, by the reason that status.moved gives.
var moved = prometheus.NewCounterVec(prometheus.CounterOpts{
	Name: "tradewind_moved_replicas_total", Help: "Replicas that Tradewind moved, by reason: Rebalance, Rule, Drain, Failback, Failover.",
}, []string{"reason"})

// Metrics are what this package counts.
func Metrics() prometheus.Collector { return moved }
