// Package cloud is the scheduler plugin that puts pods into the locations that their policies ask for, spreads them over
// clouds, regions and zones, and limits their share of spot capacity.
package cloud

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/component-base/metrics"
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
type Plugin struct {
	*cycle.Profile
	counting *cycle.Counting
	rejected metrics.CounterMetric
}

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

// New returns the plugin's factory. Errors name the profile and the argument.
func New(shared *cycle.Shared) func(context.Context, runtime.Object, fwk.Handle) (fwk.Plugin, error) {
	return func(ctx context.Context, args runtime.Object, handle fwk.Handle) (fwk.Plugin, error) {
		profile, err := shared.Profile(ctx, args, handle)
		if err != nil {
			return nil, err
		}
		p := &Plugin{
			Profile: profile, rejected: profile.Rejections(Name),
			counting: &cycle.Counting{Profile: profile, Key: Name, Judge: judge},
		}
		profile.AddJudge(cycle.Judge{Plugin: Name, Rejected: p.rejected, Allows: p.counting.Allows, Points: cycle.Preference.Points})
		return p, nil
	}
}

// Name implements fwk.Plugin.
func (*Plugin) Name() string { return Name }

// PreFilter judges every class of nodes; it skips Filter for a pod without location, spread and spot rules.
func (p *Plugin) PreFilter(_ context.Context, state fwk.CycleState, object *corev1.Pod, nodes []fwk.NodeInfo) (*fwk.PreFilterResult, *fwk.Status) {
	pod, status := p.Pod(state, object)
	if status != nil {
		return nil, status
	}
	if !rules.HasLocationLimits(pod.Rules) {
		return nil, fwk.NewStatus(fwk.Skip)
	}
	p.counting.Begin(state, pod, p.SkewDomains(pod.Rules, object, nodes)...)
	return nil, nil
}

// PreFilterExtensions implements fwk.PreFilterPlugin: spread and spot share depend on the workload's replicas.
func (p *Plugin) PreFilterExtensions() fwk.PreFilterExtensions { return p.counting }

func judge(replicas *cycle.Replicas) func(*rules.Class) string {
	limits := rules.NewLocationLimits(replicas.Rules, replicas.Current).Among(replicas.Domains)
	replicas.Extra = limits
	return limits.Reason
}

// Filter excludes a node in the wrong place. Preemption helps where a replica of the same workload is in the way.
func (p *Plugin) Filter(_ context.Context, state fwk.CycleState, _ *corev1.Pod, node fwk.NodeInfo) *fwk.Status {
	replicas, status := p.counting.Read(state)
	if status != nil {
		return status
	}
	class := p.Candidate(node).Class
	reason := replicas.Reason(class)
	if limits := replicas.Extra.(*rules.LocationLimits); reason == "" && limits.ByHost() {
		reason = limits.HostReason(cycle.CountOnNode(node, replicas.Revision))
	}
	if reason != "" {
		p.rejected.Inc()
		return cycle.Reject(reason, replicas.Rules.Static(class).Location == "")
	}
	return nil
}

// PreScore implements fwk.PreScorePlugin.
func (p *Plugin) PreScore(_ context.Context, state fwk.CycleState, object *corev1.Pod, nodes []fwk.NodeInfo) *fwk.Status {
	return p.PreScoreCriterion(state, object, cycle.Preference, nodes)
}

// Score implements fwk.ScorePlugin: 100 where every preferred location is met.
func (p *Plugin) Score(_ context.Context, state fwk.CycleState, object *corev1.Pod, node fwk.NodeInfo) (int64, *fwk.Status) {
	return p.ScoreCriterion(state, object, cycle.Preference, node)
}

// ScoreExtensions implements fwk.ScorePlugin: scores come normalized.
func (*Plugin) ScoreExtensions() fwk.ScoreExtensions { return nil }

// PostBind records where the pod went.
func (p *Plugin) PostBind(_ context.Context, state fwk.CycleState, _ *corev1.Pod, node string) {
	p.ObservePlaced(state, node)
}

// EventsToRegister retries a pod when a node in an allowed location appears, when a replica of its workload is placed or goes
// away, and when the nodes that its skew is counted over change.
func (p *Plugin) EventsToRegister(context.Context) ([]fwk.ClusterEventWithHint, error) {
	allowed := func(ruled *rules.Rules, node *state.Node, pod *corev1.Pod) bool {
		revision := workload.Revision(pod)
		return rules.NewLocationLimits(ruled, p.Live.Revision(revision)).Reason(node.Class) == ""
	}
	return []fwk.ClusterEventWithHint{
		{Event: fwk.ClusterEvent{Resource: fwk.Node, ActionType: cycle.NodeEvents | fwk.Delete}, QueueingHintFn: p.NodeHint(allowed)},
		{Event: fwk.ClusterEvent{Resource: fwk.Pod, ActionType: cycle.PodEvents}, QueueingHintFn: p.PodHint(false)},
	}, nil
}
