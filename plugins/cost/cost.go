// Package cost is the scheduler plugin that prefers nodes on which a pod costs less, in US dollars an hour, and keeps
// workloads under their policies' cost ceilings.
package cost

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
const Name = "TradewindCost"

// Plugin scores a node by what the pod would cost on it: the node's hourly price × the largest of the pod's shares of
// its allocatable CPU, memory and GPUs. It excludes nodes on which the workload would exceed its cost ceiling.
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
			Profile: profile, counting: &cycle.Counting{Profile: profile, Key: Name}, rejected: profile.Rejections(Name),
		}
		profile.AddJudge(cycle.Judge{Plugin: Name, Rejected: p.rejected, Allows: p.allows, Points: cycle.Compute.Points})
		return p, nil
	}
}

// Name implements fwk.Plugin.
func (*Plugin) Name() string { return Name }

// PreFilter skips Filter for a pod without a cost ceiling.
func (p *Plugin) PreFilter(_ context.Context, state fwk.CycleState, object *corev1.Pod, _ []fwk.NodeInfo) (*fwk.PreFilterResult, *fwk.Status) {
	pod, status := p.Pod(state, object)
	if status != nil {
		return nil, status
	}
	if !pod.Rules.HasMaxHourlyUSD {
		return nil, fwk.NewStatus(fwk.Skip)
	}
	p.counting.Begin(state, pod)
	return nil, nil
}

// PreFilterExtensions implements fwk.PreFilterPlugin.
func (p *Plugin) PreFilterExtensions() fwk.PreFilterExtensions { return p.counting }

// Filter excludes a node on which the workload would exceed its ceiling.
func (p *Plugin) Filter(_ context.Context, state fwk.CycleState, _ *corev1.Pod, node fwk.NodeInfo) *fwk.Status {
	replicas, status := p.counting.Read(state)
	if status != nil {
		return status
	}
	if reason := reason(replicas, p.Candidate(node)); reason != "" {
		p.rejected.Inc()
		return cycle.Reject(reason, false)
	}
	return nil
}

// allows says whether the workload would stay under its ceiling with a replica on a node.
func (p *Plugin) allows(cycleState fwk.CycleState, _ *cycle.Pod, node *state.Node) bool {
	replicas, status := p.counting.Read(cycleState)
	return status.IsSuccess() && reason(replicas, node) == ""
}

func reason(replicas *cycle.Replicas, node *state.Node) string {
	usd, known := node.HourlyUSD(replicas.Request)
	return rules.CeilingReason(replicas.Rules.Effective, replicas.Current, usd, known)
}

// PreScore implements fwk.PreScorePlugin.
func (p *Plugin) PreScore(_ context.Context, state fwk.CycleState, object *corev1.Pod, nodes []fwk.NodeInfo) *fwk.Status {
	return p.PreScoreCriterion(state, object, cycle.Compute, nodes)
}

// Score implements fwk.ScorePlugin: 100 for the cheapest node.
func (p *Plugin) Score(_ context.Context, state fwk.CycleState, object *corev1.Pod, node fwk.NodeInfo) (int64, *fwk.Status) {
	return p.ScoreCriterion(state, object, cycle.Compute, node)
}

// ScoreExtensions implements fwk.ScorePlugin: scores come normalized.
func (*Plugin) ScoreExtensions() fwk.ScoreExtensions { return nil }

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
	}, nil
}
