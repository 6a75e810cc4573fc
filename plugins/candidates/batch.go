package candidates

import (
	"bytes"
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	fwk "k8s.io/kube-scheduler/framework"
)

// batch foresees for which pods kube-scheduler has a node at hand, so that none need be chosen. Of pods that are alike
// and of which one fills a node it scores the nodes once, and gives the next in their order to the next pod
// (opportunistic batching), which it says after PreFilter only. Where batch is wrong all nodes are looked at, which
// takes longer and is no worse. The zero value foresees nothing.
type batch struct {
	cycle     int64            // the profile's last; they are counted over all profiles of the scheduler
	given     int64            // to how many pods kube-scheduler had given the next node before that cycle
	foreseen  bool             // that it would in that cycle
	wrong     int64            // the last cycle that was not foreseen rightly; 0 where none was
	left      int              // how many nodes kube-scheduler has in its order
	scored    time.Time        // when they were scored
	pod       *corev1.Pod      // for which they were scored
	signature fwk.PodSignature // of that pod, once it was asked for
	node      string           // where the last pod went
}

const (
	// batchAge is how long an order is counted on; kube-scheduler's own limit is half a second.
	batchAge = 450 * time.Millisecond
	// mistrust is for how many cycles nothing is foreseen after a mistake: that takes as long as it takes to choose
	// nodes some ten times.
	mistrust = 100
)

// begin counts a cycle, before which kube-scheduler had given so many pods the next node. It says whether the next node
// may be this pod's: the last pod got one, none came in between, and there are more that are not too old.
func (b *batch) begin(cycle, given int64, now time.Time) bool {
	got := given > b.given
	if b.foreseen && !got {
		b.wrong = b.cycle
	}
	if got {
		b.left--
	}
	follows := got && cycle == b.cycle+1
	b.cycle, b.given, b.foreseen = cycle, given, false
	return follows && b.left > 0 && now.Sub(b.scored) < batchAge && (b.wrong == 0 || cycle-b.wrong > mistrust)
}

// foresees says whether kube-scheduler will give the next node to the pod whose cycle begins: it may, the pod is like
// the last one, and where that went has no room for it. PreFilter asks it once a cycle.
func (p *Plugin) foresees(ctx context.Context, pod *corev1.Pod) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	b := &p.batch
	if !b.begin(p.Cycles.Add(1), p.runner.TotalBatchedPods(), time.Now()) || pod.Status.NominatedNodeName != "" {
		return false
	}
	info, err := p.Handle.SnapshotSharedLister().NodeInfos().Get(b.node)
	if err != nil {
		return false
	}
	var left room
	if left.read(info); newDemand(pod, nil).hasRoom(&left, info) {
		return false
	}
	if b.signature == nil {
		b.signature = p.Handle.SignPod(ctx, b.pod, false)
	}
	b.foreseen = bytes.Equal(b.signature, p.Handle.SignPod(ctx, pod, false))
	return b.foreseen
}

// PreScore implements fwk.PreScorePlugin: kube-scheduler scores nodes where it has none at hand, and keeps their order
// for the next pods.
func (p *Plugin) PreScore(_ context.Context, _ fwk.CycleState, pod *corev1.Pod, nodes []fwk.NodeInfo) *fwk.Status {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.batch.left, p.batch.scored, p.batch.pod, p.batch.signature = len(nodes)-1, time.Now(), pod, nil
	return fwk.NewStatus(fwk.Skip)
}

// Reserve implements fwk.ReservePlugin: besides what all plugins do it remembers the node.
func (p *Plugin) Reserve(ctx context.Context, state fwk.CycleState, pod *corev1.Pod, node string) *fwk.Status {
	p.mu.Lock()
	p.batch.node = node
	p.mu.Unlock()
	return p.Profile.Reserve(ctx, state, pod, node)
}
