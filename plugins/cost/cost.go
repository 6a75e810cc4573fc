// Package cost is the scheduler plugin that prefers nodes on which a pod costs less, in US dollars an hour, and keeps
// workloads under their policies' cost ceilings.
package cost

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	fwk "k8s.io/kube-scheduler/framework"

	"tradewind.dev/tradewind/pkg/rules"
	"tradewind.dev/tradewind/pkg/state"
	"tradewind.dev/tradewind/pkg/workload"
	"tradewind.dev/tradewind/plugins/cycle"
)

// Name of the plugin in a scheduler's configuration.
const Name = "TradewindCost"

// Plugin scores a node by what the pod would cost on it: the node's hourly price × the largest of the pod's shares of
// its allocatable CPU, memory and GPUs. It excludes nodes on which the workload would exceed its cost ceiling.
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
		p := &Plugin{profile.Scoring(Name, nil, cycle.Compute)}
		p.Judged(p.allows, cycle.Compute.Points)
		return p
	})
}

// PreFilter skips Filter for a pod without a cost ceiling.
func (p *Plugin) PreFilter(_ context.Context, state fwk.CycleState, object *corev1.Pod, _ []fwk.NodeInfo) (*fwk.PreFilterResult, *fwk.Status) {
	pod, status := p.Pod(state, object)
	if status != nil {
		return nil, status
	}
	if !pod.Rules.HasMaxHourlyUSD {
		return nil, fwk.NewStatus(fwk.Skip)
	}
	p.Counting.Begin(state, pod)
	return nil, nil
}

// Filter excludes a node on which the workload would exceed its ceiling.
func (p *Plugin) Filter(_ context.Context, state fwk.CycleState, _ *corev1.Pod, node fwk.NodeInfo) *fwk.Status {
	replicas, status := p.Counting.Read(state)
	if status != nil {
		return status
	}
	if reason := reason(replicas, p.Candidate(node)); reason != "" {
		return p.Exclude(reason, false)
	}
	return nil
}

// allows says whether the workload would stay under its ceiling with a replica on a node.
func (p *Plugin) allows(cycleState fwk.CycleState, _ *cycle.Pod, node *state.Node) bool {
	replicas, status := p.Counting.Read(cycleState)
	return status.IsSuccess() && reason(replicas, node) == ""
}

func reason(replicas *cycle.Replicas, node *state.Node) string {
	usd, known := node.HourlyUSD(replicas.Request)
	return rules.CeilingReason(replicas.Rules.Effective, replicas.Current, usd, known)
}

// PostBind records what the pod costs.
func (p *Plugin) PostBind(_ context.Context, state fwk.CycleState, _ *corev1.Pod, node string) {
	p.ObserveCost(state, node)
}

// EventsToRegister retries a pod when a node appears or changes its price or size, or a replica of its workload goes.
func (p *Plugin) EventsToRegister(context.Context) ([]fwk.ClusterEventWithHint, error) {
	affordable := func(ruled *rules.Rules, node *state.Node, pod *corev1.Pod) bool {
		revision := workload.Revision(pod)
		usd, known := node.HourlyUSD(state.Request(pod))
		return rules.CeilingReason(ruled.Effective, p.Live.Revision(revision), usd, known) == ""
	}
	return []fwk.ClusterEventWithHint{
		{Event: fwk.ClusterEvent{Resource: fwk.Node, ActionType: cycle.NodeEvents}, QueueingHintFn: p.NodeHint(affordable)},
		{Event: fwk.ClusterEvent{Resource: fwk.Pod, ActionType: fwk.Delete}, QueueingHintFn: p.PodHint(false)},
		p.OwnChange(),
	}, nil
}
