package cycle

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	fwk "k8s.io/kube-scheduler/framework"
)

// Reserve counts the pod where it is going, so that the next pod of its workload sees it. All plugins do, so that no rule of
// one rests on another being enabled; the first to be called counts.
func (p *Profile) Reserve(_ context.Context, _ fwk.CycleState, pod *corev1.Pod, node string) *fwk.Status {
	p.Live.Assume(pod, node)
	return nil
}

// Unreserve takes back Reserve.
func (p *Profile) Unreserve(_ context.Context, _ fwk.CycleState, pod *corev1.Pod, _ string) {
	p.Live.Forget(pod)
}
