package cycle

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"

	"tradewind.dev/tradewind/pkg/rules"
	"tradewind.dev/tradewind/pkg/state"
	"tradewind.dev/tradewind/pkg/workload"
)

// NodeHint retries a waiting pod when a node appears, or changes, such that allowed becomes true of it. A pod with a skew is
// retried whenever a node changes or goes away: the emptiest domain may have been another.
func (p *Profile) NodeHint(allowed func(ruled *rules.Rules, node *state.Node, pod *corev1.Pod) bool) fwk.QueueingHintFn {
	return func(_ klog.Logger, pod *corev1.Pod, before, after any) (fwk.QueueingHint, error) {
		node, ok := after.(*corev1.Node)
		ruled, known := p.Live.Rules(pod)
		if !known || rules.LimitsSkew(ruled) {
			return fwk.Queue, nil
		}
		if !ok { // deleted
			return fwk.QueueSkip, nil
		}
		if !allowed(ruled, p.Live.Node(node), pod) {
			return fwk.QueueSkip, nil
		}
		if old, ok := before.(*corev1.Node); ok && allowed(ruled, p.Live.Node(old), pod) {
			return fwk.QueueSkip, nil
		}
		return fwk.Queue, nil
	}
}

// OwnChange retries a waiting pod when its own labels change so that other rules select it, or when it asks for less.
func (p *Profile) OwnChange() fwk.ClusterEventWithHint {
	return fwk.ClusterEventWithHint{
		Event: fwk.ClusterEvent{Resource: fwk.Pod, ActionType: fwk.UpdatePodLabel | fwk.UpdatePodScaleDown},
		QueueingHintFn: func(_ klog.Logger, pod *corev1.Pod, before, after any) (fwk.QueueingHint, error) {
			was, wasPod := before.(*corev1.Pod)
			now, isPod := after.(*corev1.Pod)
			if !wasPod || !isPod || now.UID != pod.UID {
				return fwk.QueueSkip, nil
			}
			old, oldKnown := p.Live.Rules(was)
			ruled, known := p.Live.Rules(now)
			if !oldKnown || !known || old.Signature != ruled.Signature || state.Request(was) != state.Request(now) {
				return fwk.Queue, nil
			}
			return fwk.QueueSkip, nil
		},
	}
}

// PodHint retries a waiting pod when a pod that its rules look at is placed or goes away: one of its own revision or, with
// callees, one of a workload that it calls.
func (p *Profile) PodHint(callees bool) fwk.QueueingHintFn {
	return func(_ klog.Logger, pod *corev1.Pod, before, after any) (fwk.QueueingHint, error) {
		other, ok := after.(*corev1.Pod)
		if !ok {
			if other, ok = before.(*corev1.Pod); !ok {
				return fwk.Queue, nil
			}
			// The pod may be tried before the state has heard that the other is gone, and would then wait for nothing more.
			p.Live.DeletePod(other.UID)
		} else {
			p.hearPod(other)
		}
		if workload.Revision(pod) == workload.Revision(other) {
			return fwk.Queue, nil
		}
		rules, known := p.Live.Rules(pod)
		if !known || callees && calls(pod, rules, p.Live.WorkloadOf(other).AnyKind()) {
			return fwk.Queue, nil
		}
		return fwk.QueueSkip, nil
	}
}

// calls says whether the rules of a pod limit its round trips to one of these workloads, of any kind.
func calls(pod *corev1.Pod, ruled *rules.Rules, of ...workload.Key) bool {
	for i := range ruled.TrafficLimits {
		if slices.Contains(of, state.CalleeKey(pod.Namespace, &ruled.TrafficLimits[i])) {
			return true
		}
	}
	return false
}

// hearPod gives the state a pod that a hint is about, as the scheduler's informer has it now, which knows of it before anybody is told: the
// pod that waits may be tried before the state has heard of the other, and would be counted beside too few.
func (p *Profile) hearPod(pod *corev1.Pod) {
	store := p.Handle.SharedInformerFactory().Core().V1().Pods().Informer().GetStore()
	for heard := ""; ; {
		object, exists, err := store.Get(pod)
		now, ok := object.(*corev1.Pod)
		switch {
		case err != nil || !exists || !ok || now.UID != pod.UID:
			p.Live.DeletePod(pod.UID)
			return
		case now.ResourceVersion == heard:
			return
		}
		p.Live.SetPod(now)
		if heard = now.ResourceVersion; heard == "" {
			return
		}
	}
}

// HearVolume gives the state a PersistentVolumeClaim, PersistentVolume or StorageClass that a hint is about: the pod may be tried
// before the state has heard of it, and would then wait for nothing more. One that is gone meanwhile is taken back; the
// scheduler's informers know that before anybody is told.
func (p *Profile) HearVolume(object any) {
	informers := p.Handle.SharedInformerFactory()
	switch object.(type) {
	case *corev1.PersistentVolumeClaim:
		hear(p.Live.ClaimHandler(), informers.Core().V1().PersistentVolumeClaims().Informer(), object)
	case *corev1.PersistentVolume:
		hear(p.Live.VolumeHandler(), informers.Core().V1().PersistentVolumes().Informer(), object)
	case *storagev1.StorageClass:
		hear(p.Live.StorageClassHandler(), informers.Storage().V1().StorageClasses().Informer(), object)
	}
}

func hear(handler toolscache.ResourceEventHandler, informer toolscache.SharedInformer, object any) {
	handler.OnAdd(object, false)
	if _, exists, err := informer.GetStore().Get(object); err == nil && !exists {
		handler.OnDelete(object)
	}
}

// NodeEvents are the changes of a node that can change its location, price or size.
const NodeEvents = fwk.Add | fwk.UpdateNodeLabel | fwk.UpdateNodeAnnotation | fwk.UpdateNodeTaint | fwk.UpdateNodeAllocatable

// PodEvents are the changes of other pods that can change counts of replicas.
const PodEvents = fwk.Add | fwk.Delete
