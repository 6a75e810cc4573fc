package cycle

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/rules"
	"tradewind.dev/tradewind/pkg/state"
	"tradewind.dev/tradewind/pkg/workload"
)

// waitingIndex finds the pods without a node by profile, by profile and namespace, and by profile and what controls them. The
// scheduler's informer of pods has no index of its own: without this one every change would look at every pod of the cluster.
const waitingIndex = "tradewind.dev/waiting"

var waitingIndexers = toolscache.Indexers{waitingIndex: waitingKeys}

// ofProfile, inNamespace and ofRevision are the index's keys. Names hold no line breaks.
func ofProfile(profile string) string { return profile }

func inNamespace(profile, namespace string) string { return profile + "\n" + namespace }

func ofRevision(profile string, revision workload.Key) string {
	return profile + "\n" + revision.Namespace + "\n" + revision.Kind + "\n" + revision.Name
}

func waitingKeys(object any) ([]string, error) {
	pod, ok := object.(*corev1.Pod)
	if !ok || pod.Spec.NodeName != "" {
		return nil, nil
	}
	profile := pod.Spec.SchedulerName
	return []string{ofProfile(profile), inNamespace(profile, pod.Namespace), ofRevision(profile, workload.Revision(pod))}, nil
}

// activateWaiting retries waiting pods of this profile when what holds them back has changed: that not all was read; the
// policies, prices and round-trip times; the labels of their namespace, by which policies select it; the number of replicas of
// their revision, of which spread, spot share and the places of a plan are shares; whose replicas those of a ReplicaSet are; the plan
// of their workload, or that it is waited for no longer.
func (p *Profile) activateWaiting(pods toolscache.Indexer) {
	name := p.Handle.ProfileName()
	activate := func(key string, helped func(*corev1.Pod) bool) {
		found, err := pods.ByIndex(waitingIndex, key)
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
	p.Live.OnReady(func() { activate(ofProfile(name), func(*corev1.Pod) bool { return true }) })
	p.Live.OnChange(func(change state.WorldChange) {
		activate(ofProfile(name), func(pod *corev1.Pod) bool { return p.affected(change, pod) })
	})
	p.Live.OnNamespace(func(change state.NamespaceChange) {
		activate(inNamespace(name, change.Name), func(pod *corev1.Pod) bool { return p.selectedAnew(change, pod) })
	})
	p.Live.OnDesired(func(revision workload.Key) { activate(ofRevision(name, revision), p.countsReplicas) })
	p.Live.OnOwner(func(change state.OwnerChange) {
		activate(ofRevision(name, change.Set), p.followsStrictly)
		activate(ofProfile(name), func(pod *corev1.Pod) bool {
			rules, ok := p.Live.Rules(pod)
			return !ok || calls(pod, rules, change.Workloads...)
		})
	})
	p.Live.OnPlacement(func(planned workload.Key) {
		activate(inNamespace(name, planned.Namespace), func(pod *corev1.Pod) bool { return p.followsPlan(planned, pod) })
	})
	p.awaited.onEnd = append(p.awaited.onEnd, func(of workload.Key) {
		activate(inNamespace(name, of.Namespace), func(pod *corev1.Pod) bool { return p.Live.WorkloadOf(pod) == of })
	})
}

// affected says whether another world may let the pod be placed: its rules are others, or one of them is about prices or
// round-trip times that are.
func (p *Profile) affected(change state.WorldChange, pod *corev1.Pod) bool {
	old, ok := p.Live.RulesIn(change.Before, pod)
	rules, okNow := p.Live.RulesIn(change.After, pod)
	switch {
	case !ok || !okNow || old.Signature != rules.Signature:
		return true
	case rules.HasMaxHourlyUSD && change.Before.Prices != change.After.Prices:
		return true
	}
	return change.Before.RoundTrips != change.After.RoundTrips && p.nearer(change, old, rules, pod)
}

// nearer says whether a round trip that the pod's rules limit is within its limit now and was not. No other change of round trips lets it
// be placed: most of them, as of samples that grow too old, concern nobody who waits.
func (p *Profile) nearer(change state.WorldChange, old, now *rules.Rules, pod *corev1.Pod) bool {
	if len(now.Latency)+len(now.TrafficLimits) == 0 {
		return false
	}
	callees := p.Live.Callees(pod, now.TrafficLimits)
	for _, class := range p.Live.Classes() {
		before, after := old.Static(class), now.Static(class)
		for i := range now.Latency {
			if after.Covered[i]&^before.Covered[i] != 0 {
				return true
			}
		}
		for i := range now.TrafficLimits {
			limit := &now.TrafficLimits[i]
			if callees[i] != nil && change.After.RoundTrips.Meets(limit, class, callees[i]) && !change.Before.RoundTrips.Meets(limit, class, callees[i]) {
				return true
			}
		}
	}
	return false
}

// selectedAnew says whether other policies select the pod since its namespace has other labels, or was read at last.
func (p *Profile) selectedAnew(change state.NamespaceChange, pod *corev1.Pod) bool {
	world := p.Live.World()
	if !world.Policies.SelectsNamespaces() {
		return false
	}
	rules := func(of labels.Set) string { return world.Rules(pod.Namespace, of, pod.Labels).Signature }
	return !change.Known || rules(change.Before) != rules(change.After)
}

// countsReplicas says whether the pod has rules that depend on how many replicas its revision wants.
func (p *Profile) countsReplicas(pod *corev1.Pod) bool {
	rules, ok := p.Live.Rules(pod)
	return !ok || len(rules.Spread) > 0 || rules.SpotMaxPercent < 100 || rules.SpotPoolMaxPercent > 0 || len(rules.Latency) > 0 ||
		rules.Enforcement == v1alpha1.EnforcementStrict
}

// followsPlan says whether the pod is of the workload and may go only where its plan says.
func (p *Profile) followsPlan(planned workload.Key, pod *corev1.Pod) bool {
	return p.Live.WorkloadOf(pod) == planned && p.followsStrictly(pod)
}

// followsStrictly says whether the pod may go only where the plan of its workload says.
func (p *Profile) followsStrictly(pod *corev1.Pod) bool {
	rules, ok := p.Live.Rules(pod)
	return !ok || rules.Enforcement == v1alpha1.EnforcementStrict
}
