// Package plan is the scheduler plugin that brings running replicas to the plan of the placement controller.
package plan

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	fwk "k8s.io/kube-scheduler/framework"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/rules"
	"tradewind.dev/tradewind/pkg/state"
	"tradewind.dev/tradewind/pkg/workload"
	"tradewind.dev/tradewind/plugins/cycle"
)

// Name of the plugin in a scheduler's configuration.
const Name = "TradewindPlacement"

// Plugin scores nodes in places that the plan has not filled, and where a policy's enforcement is Strict excludes all others.
// Replicas are counted by revision, so that a rolling update follows the plan anew. While nobody plans, the last plan
// holds; a workload without one is left to the other plugins. New pods wait a moment for the plan where one is expected.
type Plugin struct{ *cycle.Filtering }

var (
	_ fwk.PreEnqueuePlugin  = &Plugin{}
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
		p := &Plugin{profile.Filtering(Name, judge)}
		p.Judged(p.Counting.Allows, p.points)
		return p
	})
}

// PreEnqueue lets new pods wait for the plan of their workload; see cycle.Profile.AwaitsPlan. No cycle begins for them until then,
// and nothing is written of them, however many there are.
func (p *Plugin) PreEnqueue(_ context.Context, pod *corev1.Pod) *fwk.Status {
	if p.AwaitsPlan(pod) {
		return fwk.NewStatus(fwk.UnschedulableAndUnresolvable, "waiting for a plan of its workload")
	}
	return nil
}

// PreFilter judges every class of nodes. It skips Filter for a pod without a plan, or whose policy only prefers it.
func (p *Plugin) PreFilter(_ context.Context, state fwk.CycleState, object *corev1.Pod, _ []fwk.NodeInfo) (*fwk.PreFilterResult, *fwk.Status) {
	pod, status := p.Pod(state, object)
	if status != nil {
		return nil, status
	}
	if pod.Targets == nil {
		return nil, fwk.NewStatus(fwk.Skip)
	}
	p.Counting.Begin(state, pod)
	if pod.Rules.Enforcement != v1alpha1.EnforcementStrict {
		return nil, fwk.NewStatus(fwk.Skip)
	}
	return nil, nil
}

// judge says why a class is not one that the plan has not filled.
func judge(replicas *cycle.Replicas) func(*rules.Class) string {
	room := replicas.Targets.Room(replicas.Current)
	return func(class *rules.Class) string { return replicas.Targets.Reason(class, room) }
}

// points are all points where the plan has a replica more, and none elsewhere.
func (p *Plugin) points(cycleState fwk.CycleState, pod *cycle.Pod, node *state.Node) int64 {
	if pod.Targets != nil && p.Counting.Allows(cycleState, pod, node) {
		return fwk.MaxNodeScore
	}
	return 0
}

// Filter excludes a node where the plan has no replica more. Replicas of one workload do not preempt each other.
func (p *Plugin) Filter(_ context.Context, state fwk.CycleState, _ *corev1.Pod, node fwk.NodeInfo) *fwk.Status {
	return p.FilterClass(state, node)
}

// PreScore skips Score for a pod without a plan.
func (p *Plugin) PreScore(_ context.Context, state fwk.CycleState, object *corev1.Pod, _ []fwk.NodeInfo) *fwk.Status {
	pod, status := p.Pod(state, object)
	if status == nil && (pod.Targets == nil || pod.Alike) {
		return fwk.NewStatus(fwk.Skip)
	}
	return status
}

// Score implements fwk.ScorePlugin.
func (p *Plugin) Score(_ context.Context, state fwk.CycleState, object *corev1.Pod, node fwk.NodeInfo) (int64, *fwk.Status) {
	pod, status := p.Pod(state, object)
	if status != nil {
		return 0, status
	}
	return p.points(state, pod, p.Candidate(node)), nil
}

// ScoreExtensions implements fwk.ScorePlugin: scores come normalized.
func (*Plugin) ScoreExtensions() fwk.ScoreExtensions { return nil }

// PostBind records whether the pod followed the plan.
func (p *Plugin) PostBind(_ context.Context, state fwk.CycleState, _ *corev1.Pod, node string) {
	p.ObservePlan(p.Counting, state, node)
}

// SignPod tells apart, besides what the other plugins do, pods for which the plan has room in different places.
func (p *Plugin) SignPod(ctx context.Context, pod *corev1.Pod) ([]fwk.SignFragment, *fwk.Status) {
	return p.SignPlanned(ctx, pod)
}

// EventsToRegister retries a pod for a node where the plan has room, or a replica that goes; cycle.Profile does for a new plan.
func (p *Plugin) EventsToRegister(context.Context) ([]fwk.ClusterEventWithHint, error) {
	open := func(_ *rules.Rules, node *state.Node, pod *corev1.Pod) bool {
		targets := p.Live.Targets(pod)
		revision := workload.Revision(pod)
		return targets == nil || targets.Reason(node.Class, targets.Room(p.Live.Revision(revision))) == ""
	}
	return []fwk.ClusterEventWithHint{
		{Event: fwk.ClusterEvent{Resource: fwk.Node, ActionType: cycle.NodeEvents}, QueueingHintFn: p.NodeHint(open)},
		{Event: fwk.ClusterEvent{Resource: fwk.Pod, ActionType: fwk.Delete}, QueueingHintFn: p.PodHint(false)},
		p.OwnChange(),
	}, nil
}
