// Package latency is the scheduler plugin that keeps pods within their policies' latency limits and prefers nodes that
// answer faster.
package latency

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	fwk "k8s.io/kube-scheduler/framework"

	"tradewind.dev/tradewind/pkg/rules"
	"tradewind.dev/tradewind/pkg/state"
	"tradewind.dev/tradewind/plugins/cycle"
)

// Name of the plugin in a scheduler's configuration.
const Name = "TradewindLatency"

// Plugin excludes nodes that would leave the 95th percentile of the clients, or a call to another workload, over its
// limit, and scores the others by their expected round trips, priced in US dollars an hour.
type Plugin struct{ *cycle.Scoring }

var (
	_ fwk.PreFilterPlugin   = &Plugin{}
	_ fwk.FilterPlugin      = &Plugin{}
	_ fwk.PreScorePlugin    = &Plugin{}
	_ fwk.ScorePlugin       = &Plugin{}
	_ fwk.ReservePlugin     = &Plugin{}
	_ fwk.PostBindPlugin    = &Plugin{}
	_ fwk.SignPlugin        = &Plugin{}
	_ fwk.EnqueueExtensions = &Plugin{}
)

// New returns the plugin's factory.
func New(shared *cycle.Shared) cycle.Factory {
	return shared.Factory(func(profile *cycle.Profile) fwk.Plugin {
		p := &Plugin{profile.Scoring(Name, judge, cycle.RoundTrips)}
		p.Judged(p.Counting.Allows, cycle.RoundTrips.Points)
		return p
	})
}

// PreFilter judges every class of nodes; it skips Filter for a pod without latency limits.
func (p *Plugin) PreFilter(_ context.Context, state fwk.CycleState, object *corev1.Pod, _ []fwk.NodeInfo) (*fwk.PreFilterResult, *fwk.Status) {
	pod, status := p.Pod(state, object)
	if status != nil {
		return nil, status
	}
	if len(pod.Rules.Latency) == 0 && len(pod.Rules.TrafficLimits) == 0 {
		return nil, fwk.NewStatus(fwk.Skip)
	}
	p.Counting.Begin(state, pod)
	return nil, nil
}

func judge(replicas *cycle.Replicas) func(*rules.Class) string {
	return rules.NewLatencyLimits(replicas.Rules, replicas.Current, replicas.LimitedCallees).Reason
}

// Filter excludes a node that is too far away.
func (p *Plugin) Filter(_ context.Context, state fwk.CycleState, _ *corev1.Pod, node fwk.NodeInfo) *fwk.Status {
	return p.FilterClass(state, node)
}

// PostBind records the pod's expected round trip.
func (p *Plugin) PostBind(_ context.Context, state fwk.CycleState, _ *corev1.Pod, node string) {
	p.ObserveRoundTrip(state, node)
}

// EventsToRegister retries a pod when a node within its limits appears, and when a replica of its own workload or of one
// that it calls is placed or goes away.
func (p *Plugin) EventsToRegister(context.Context) ([]fwk.ClusterEventWithHint, error) {
	reachable := func(ruled *rules.Rules, node *state.Node, _ *corev1.Pod) bool {
		return ruled.Static(node.Class).Latency == ""
	}
	return []fwk.ClusterEventWithHint{
		{Event: fwk.ClusterEvent{Resource: fwk.Node, ActionType: cycle.NodeEvents}, QueueingHintFn: p.NodeHint(reachable)},
		{Event: fwk.ClusterEvent{Resource: fwk.Pod, ActionType: cycle.PodEvents}, QueueingHintFn: p.PodHint(true)},
		p.OwnChange(),
	}, nil
}
