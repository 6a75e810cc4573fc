package cycle

import (
	corev1 "k8s.io/api/core/v1"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/state"
	"tradewind.dev/tradewind/pkg/workload"
)

// everyNamespace stands for the pods of all namespaces in waitingKey.
const everyNamespace = ""

// waitingIndex finds the pods without a node by profile, and by namespace and profile. The scheduler's informer of pods has no
// index of its own: without this one every change of a plan would look at every pod of the cluster, once a profile.
const waitingIndex = "tradewind.dev/waiting"

var waitingIndexers = toolscache.Indexers{waitingIndex: waitingKeys}

func waitingKey(namespace, profile string) string { return namespace + "/" + profile }

func waitingKeys(object any) ([]string, error) {
	pod, ok := object.(*corev1.Pod)
	if !ok || pod.Spec.NodeName != "" {
		return nil, nil
	}
	profile := pod.Spec.SchedulerName
	return []string{waitingKey(everyNamespace, profile), waitingKey(pod.Namespace, profile)}, nil
}

// activateWaiting retries waiting pods of this profile when what holds them back has changed: that nothing could be decided
// before everything was read; the policies, prices and round-trip times; the number of replicas of their revision, of which spread, spot share and the places of a plan are
// shares; the plan of their workload.
func (p *Profile) activateWaiting(pods toolscache.Indexer) {
	activate := func(namespace string, helped func(*corev1.Pod) bool) {
		found, err := pods.ByIndex(waitingIndex, waitingKey(namespace, p.Handle.ProfileName()))
		if err != nil {
			klog.Background().Error(err, "Finding the pods that wait failed; they are tried again in their turn")
			return
		}
		again := map[string]*corev1.Pod{}
		for _, object := range found {
			if pod, ok := object.(*corev1.Pod); ok && helped(pod) {
				again[pod.Namespace+"/"+pod.Name] = pod
			}
		}
		if len(again) > 0 {
			p.Handle.Activate(klog.Background(), again)
		}
	}
	p.Live.OnReady(func() { activate(everyNamespace, func(*corev1.Pod) bool { return true }) })
	p.Live.OnChange(func(before, after *state.World) {
		activate(everyNamespace, func(pod *corev1.Pod) bool { return p.affected(before, after, pod) })
	})
	p.Live.OnDesired(func(revision workload.Key) {
		activate(revision.Namespace, func(pod *corev1.Pod) bool { return p.countsReplicas(revision, pod) })
	})
	p.Live.OnPlacement(func(planned workload.Key) {
		activate(planned.Namespace, func(pod *corev1.Pod) bool { return p.followsPlan(planned, pod) })
	})
}

// affected says whether another world may let the pod be placed: its rules are others, or one of them is about prices or
// round-trip times that are.
func (p *Profile) affected(before, after *state.World, pod *corev1.Pod) bool {
	old, ok := p.Live.RulesIn(before, pod)
	rules, okNow := p.Live.RulesIn(after, pod)
	switch {
	case !ok || !okNow || old.Signature != rules.Signature:
		return true
	case rules.HasMaxHourlyUSD && before.Prices != after.Prices:
		return true
	}
	return len(rules.Latency)+len(rules.TrafficLimits) > 0 && before.RoundTrips != after.RoundTrips
}

// countsReplicas says whether the pod is of the revision and has rules that depend on how many replicas it wants.
func (p *Profile) countsReplicas(revision workload.Key, pod *corev1.Pod) bool {
	if workload.Revision(pod) != revision {
		return false
	}
	rules, ok := p.Live.Rules(pod)
	return !ok || len(rules.Spread) > 0 || rules.SpotMaxPercent < 100 || len(rules.Latency) > 0 || rules.Enforcement == v1alpha1.EnforcementStrict
}

// followsPlan says whether the pod is of the workload and may go only where its plan says.
func (p *Profile) followsPlan(planned workload.Key, pod *corev1.Pod) bool {
	if p.Live.WorkloadOf(pod) != planned {
		return false
	}
	rules, ok := p.Live.Rules(pod)
	return !ok || rules.Enforcement == v1alpha1.EnforcementStrict
}
