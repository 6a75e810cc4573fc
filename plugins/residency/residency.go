// Package residency is the scheduler plugin that keeps pods and their volumes under the law that their policies ask for.
package residency

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"

	"tradewind.dev/tradewind/pkg/rules"
	"tradewind.dev/tradewind/pkg/state"
	"tradewind.dev/tradewind/pkg/workload"
	"tradewind.dev/tradewind/plugins/cycle"
)

// Name of the plugin in a scheduler's configuration.
const Name = "TradewindResidency"

// Plugin excludes nodes outside the residency rules of a pod's policies. An unknown location satisfies no rule. It does
// not look at what preemption could change, so preemption never helps a pod to a place that it may not be in.
type Plugin struct{ *cycle.Filtering }

var (
	_ fwk.PreFilterPlugin   = &Plugin{}
	_ fwk.FilterPlugin      = &Plugin{}
	_ fwk.ReservePlugin     = &Plugin{}
	_ fwk.SignPlugin        = &Plugin{}
	_ fwk.EnqueueExtensions = &Plugin{}
)

// New returns the plugin's factory.
func New(shared *cycle.Shared) cycle.Factory {
	return shared.Factory(func(profile *cycle.Profile) fwk.Plugin {
		p := &Plugin{profile.Filtering(Name, nil)}
		p.Judged(allows, nil)
		return p
	})
}

// PreFilter checks the pod's volumes, which are where they are whatever node is chosen.
func (p *Plugin) PreFilter(_ context.Context, state fwk.CycleState, object *corev1.Pod, _ []fwk.NodeInfo) (*fwk.PreFilterResult, *fwk.Status) {
	pod, status := p.Pod(state, object)
	if status != nil {
		return nil, status
	}
	if len(pod.Rules.Residency) == 0 {
		return nil, fwk.NewStatus(fwk.Skip)
	}
	if reason := p.Live.VolumeReason(pod.Rules.Effective, object); reason != "" {
		return nil, cycle.Reject(reason, false)
	}
	return nil, nil
}

// PreFilterExtensions implements fwk.PreFilterPlugin: nothing here depends on other pods.
func (*Plugin) PreFilterExtensions() fwk.PreFilterExtensions { return nil }

// Filter excludes a node that is, or may be, under another law.
func (p *Plugin) Filter(_ context.Context, state fwk.CycleState, object *corev1.Pod, node fwk.NodeInfo) *fwk.Status {
	pod, status := p.Pod(state, object)
	if status != nil {
		return status
	}
	if reason := pod.Rules.Static(p.Candidate(node).Class).Residency; reason != "" {
		return p.Exclude(reason, false)
	}
	return nil
}

// allows says whether a node is under the law that the pod's rules ask for.
func allows(_ fwk.CycleState, pod *cycle.Pod, node *state.Node) bool {
	return pod.Rules.Static(node.Class).Residency == ""
}

// EventsToRegister retries a pod when a node that the rules allow appears, and when one of its volumes changes.
func (p *Plugin) EventsToRegister(context.Context) ([]fwk.ClusterEventWithHint, error) {
	allowed := func(ruled *rules.Rules, node *state.Node, _ *corev1.Pod) bool {
		return ruled.Static(node.Class).Residency == ""
	}
	return []fwk.ClusterEventWithHint{
		{Event: fwk.ClusterEvent{Resource: fwk.Node, ActionType: cycle.NodeEvents}, QueueingHintFn: p.NodeHint(allowed)},
		{Event: fwk.ClusterEvent{Resource: fwk.PersistentVolumeClaim, ActionType: fwk.Add | fwk.Update}, QueueingHintFn: p.volumeHint},
		{Event: fwk.ClusterEvent{Resource: fwk.PersistentVolume, ActionType: fwk.Add | fwk.Update}, QueueingHintFn: p.volumeHint},
		{Event: fwk.ClusterEvent{Resource: fwk.StorageClass, ActionType: fwk.Add | fwk.Update}, QueueingHintFn: p.volumeHint},
		p.OwnChange(),
	}, nil
}

// volumeHint retries a pod with volumes; one without cannot be helped by a volume.
func (p *Plugin) volumeHint(_ klog.Logger, pod *corev1.Pod, _, after any) (fwk.QueueingHint, error) {
	for i := range pod.Spec.Volumes {
		volume := &pod.Spec.Volumes[i]
		if volume.PersistentVolumeClaim == nil && volume.Ephemeral == nil {
			continue
		}
		claim, isClaim := after.(*corev1.PersistentVolumeClaim)
		if !isClaim || claim.Namespace == pod.Namespace && claim.Name == workload.ClaimName(pod, volume) {
			p.HearVolume(after)
			return fwk.Queue, nil
		}
	}
	return fwk.QueueSkip, nil
}
