package cloud

import (
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"

	"tradewind.dev/tradewind/pkg/rules"
	"tradewind.dev/tradewind/pkg/workload"
)

// replicaHint retries a waiting pod when a replica of its revision is placed or goes away such that the pod may go somewhere that it
// might not go before: most replicas that are placed only take room from the others that wait.
func (p *Plugin) replicaHint() fwk.QueueingHintFn {
	ofRevision := p.PodHint(false)
	var last answers
	return func(logger klog.Logger, pod *corev1.Pod, before, after any) (fwk.QueueingHint, error) {
		if hint, err := ofRevision(logger, pod, before, after); err != nil || hint == fwk.QueueSkip {
			return hint, err
		}
		ruled, known := p.Live.Rules(pod)
		placed, isPlaced := after.(*corev1.Pod)
		gone, isGone := before.(*corev1.Pod)
		switch {
		case !known || rules.LimitsSkew(ruled): // the emptiest domain may have become another
			return fwk.Queue, nil
		case isPlaced:
			return last.of(ruled, placed, false, func() fwk.QueueingHint { return p.placed(ruled, placed) }), nil
		case isGone:
			return last.of(ruled, gone, true, func() fwk.QueueingHint { return p.gone(ruled, gone) }), nil
		}
		return fwk.Queue, nil
	}
}

// answers remember what was said of the last change. Thousands of replicas of one revision may wait, and all are asked.
type answers struct {
	mu    sync.Mutex
	ruled *rules.Rules
	pod   *corev1.Pod
	gone  bool
	said  fwk.QueueingHint
}

func (a *answers) of(ruled *rules.Rules, pod *corev1.Pod, gone bool, ask func() fwk.QueueingHint) fwk.QueueingHint {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ruled != ruled || a.pod != pod || a.gone != gone {
		a.ruled, a.pod, a.gone, a.said = ruled, pod, gone, ask()
	}
	return a.said
}

// placed says whether a replica that was placed opens a place for others. The state may have counted it already, or not yet.
func (p *Plugin) placed(ruled *rules.Rules, replica *corev1.Pod) fwk.QueueingHint {
	node, ok := p.Live.NodeNamed(replica.Spec.NodeName)
	if !ok {
		return fwk.Queue
	}
	view := p.Live.Revision(workload.Revision(replica))
	if p.opens(ruled, view.With(node.Class, -1, 0, -1), view) || p.opens(ruled, view, view.With(node.Class, 1, 0, 1)) {
		return fwk.Queue
	}
	return fwk.QueueSkip
}

// gone says whether a replica that went opens a place for others. The state has not counted it any more since PodHint.
func (p *Plugin) gone(ruled *rules.Rules, replica *corev1.Pod) fwk.QueueingHint {
	node, ok := p.Live.NodeNamed(replica.Spec.NodeName)
	if !ok || rules.NewLocationLimits(ruled, &rules.View{}).ByHost() {
		return fwk.Queue
	}
	view := p.Live.Revision(workload.Revision(replica))
	before := view.With(node.Class, 1, 0, 1)
	more := *before
	more.Desired++ // a revision of which no controller says how many it wants, wants those that there are
	if p.opens(ruled, before, view) || p.opens(ruled, &more, view) {
		return fwk.Queue
	}
	return fwk.QueueSkip
}

func (p *Plugin) opens(ruled *rules.Rules, before, after *rules.View) bool {
	return rules.NewLocationLimits(ruled, after).Opens(rules.NewLocationLimits(ruled, before), p.Live.Classes())
}
