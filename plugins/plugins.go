// Package plugins registers Tradewind's plugins with kube-scheduler.
package plugins

import (
	"k8s.io/utils/clock"

	"tradewind.dev/tradewind/plugins/candidates"
	"tradewind.dev/tradewind/plugins/cloud"
	"tradewind.dev/tradewind/plugins/cost"
	"tradewind.dev/tradewind/plugins/cycle"
	"tradewind.dev/tradewind/plugins/latency"
	"tradewind.dev/tradewind/plugins/plan"
	"tradewind.dev/tradewind/plugins/residency"
	"tradewind.dev/tradewind/plugins/topologyspread"
)

// Factories returns the plugins' factories by name. The plugins of all profiles of one scheduler share one state, which open
// returns: cycle.Follow, for one that follows the cluster.
func Factories(open cycle.Opener, clock clock.WithDelayedExecution) map[string]cycle.Factory {
	shared := cycle.NewShared(open, clock)
	return map[string]cycle.Factory{
		candidates.Name:     candidates.New(shared),
		residency.Name:      residency.New(shared),
		cloud.Name:          cloud.New(shared),
		latency.Name:        latency.New(shared),
		cost.Name:           cost.New(shared),
		plan.Name:           plan.New(shared),
		topologyspread.Name: topologyspread.New,
	}
}
