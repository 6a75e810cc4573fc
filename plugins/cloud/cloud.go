// Package cloud is the scheduler plugin that puts pods into the locations that their policies ask for, spreads them over
// clouds, regions and zones, and limits their share of spot capacity.
package cloud

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
const Name = "TradewindCloud"

// Plugin excludes nodes outside the required locations, those where one more replica would break the spread or spot
// rules, and scores the others by the preferred locations.
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
		p := &Plugin{profile.Scoring(Name, judge, cycle.Preference)}
		p.Judged(p.Counting.Allows, cycle.Preference.Points)
		return p
	})
}

// PreFilter judges every class of nodes; it skips Filter for a pod without location, spread and spot rules.
func (p *Plugin) PreFilter(_ context.Context, state fwk.CycleState, object *corev1.Pod, nodes []fwk.NodeInfo) (*fwk.PreFilterResult, *fwk.Status) {
	pod, status := p.Pod(state, object)
	if status != nil {
		return nil, status
	}
	if !rules.HasLocationLimits(pod.Rules) {
		return nil, fwk.NewStatus(fwk.Skip)
	}
	p.Counting.Begin(state, pod, p.SkewDomains(pod.Rules, object, nodes)...)
	return nil, nil
}

func judge(replicas *cycle.Replicas) func(*rules.Class) string {
	limits := rules.NewLocationLimits(replicas.Rules, replicas.Current).Among(replicas.Domains)
	replicas.Extra = limits
	return limits.Reason
}

// Filter excludes a node in the wrong place. Preemption helps where a replica of the same workload is in the way.
func (p *Plugin) Filter(_ context.Context, state fwk.CycleState, _ *corev1.Pod, node fwk.NodeInfo) *fwk.Status {
	replicas, status := p.Counting.Read(state)
	if status != nil {
		return status
	}
	class := p.Candidate(node).Class
	reason := replicas.Reason(class)
	if limits := replicas.Extra.(*rules.LocationLimits); reason == "" && limits.ByHost() {
		reason = limits.HostReason(cycle.CountOnNode(node, replicas.Revision))
	}
	if reason != "" {
		return p.Exclude(reason, replicas.Rules.Static(class).Location == "")
	}
	return nil
}

// PostBind records where the pod went.
func (p *Plugin) PostBind(_ context.Context, state fwk.CycleState, _ *corev1.Pod, node string) {
	p.ObservePlaced(state, node)
}

// EventsToRegister retries a pod when a node in an allowed location appears, when a replica of its workload that is placed or goes
// away lets it go elsewhere, and when the nodes that its skew is counted over change.
func (p *Plugin) EventsToRegister(context.Context) ([]fwk.ClusterEventWithHint, error) {
	allowed := func(ruled *rules.Rules, node *state.Node, pod *corev1.Pod) bool {
		revision := workload.Revision(pod)
		return rules.NewLocationLimits(ruled, p.Live.Revision(revision)).Reason(node.Class) == ""
	}
	return []fwk.ClusterEventWithHint{
		{Event: fwk.ClusterEvent{Resource: fwk.Node, ActionType: cycle.NodeEvents | fwk.Delete}, QueueingHintFn: p.NodeHint(allowed)},
		{Event: fwk.ClusterEvent{Resource: fwk.Pod, ActionType: cycle.PodEvents}, QueueingHintFn: p.replicaHint()},
		p.OwnChange(),
	}, nil
}
