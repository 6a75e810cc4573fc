package rebalance

import (
	"fmt"
	"hash/fnv"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"tradewind.dev/tradewind/pkg/loss"
	"tradewind.dev/tradewind/pkg/moves"
	"tradewind.dev/tradewind/pkg/rules"
	"tradewind.dev/tradewind/pkg/state"
	"tradewind.dev/tradewind/pkg/state/informers"
	"tradewind.dev/tradewind/pkg/workload"
)

// keeps are the values by which informers.KeepAnnotations keep a pod from being evicted.
var keeps = [...]string{"false", "true"}

// situation is what a decision about a workload is made from.
func (v *view) situation(i int) *moves.Situation {
	planned, w := &v.round.Result.Snapshot.Workloads[i], &v.round.Result.Workloads[i]
	s := &moves.Situation{
		Now: v.now, Wanted: planned.Replicas, Plan: v.plans[i], Serial: w.Kind == workload.StatefulSet,
		Stabilization: loss.DefaultStabilization, Hold: v.hold, Pause: v.pause, Worth: v.worth[i],
	}
	rules := planned.Rules
	if rules != nil {
		s.Policy, s.Drained, s.Stabilization = rules.Rebalance, rules.Drained, loss.Stabilization(rules.Failover)
	}
	s.Away, s.Return = v.away(i)
	s.Replicas = v.replicas(i, rules)
	s.Rules, s.Circumstances = v.judge(i), func() string { return v.circumstances(i) }
	placement := v.round.Plan.Placements[i]
	s.Unplaced = placement.Unplaced
	switch {
	case s.Hold != "":
	case placement.Held != "":
		s.Hold = placement.Held
	case w.Hold != "":
		s.Hold = w.Hold
	case v.revisions(i) > 1:
		s.Hold = "a rollout is in progress"
	}
	if _, counted := v.worth[i]; !counted {
		s.Worth.Partial = true
	}
	return s
}

// revisions is how many controllers the pods of a workload have: more than one while a Deployment rolls out.
func (v *view) revisions(i int) int {
	revisions := map[workload.Key]bool{}
	for _, pod := range v.pods[i] {
		revisions[workload.Revision(pod.Pod)] = true
	}
	return len(revisions)
}

// replicas are the live pods of a workload with what their places break.
func (v *view) replicas(i int, rules *rules.Rules) []moves.Replica {
	out := make([]moves.Replica, 0, len(v.pods[i]))
	for k := range v.pods[i] {
		pod := &v.pods[i][k]
		r := moves.Replica{
			ID: string(pod.UID), Name: pod.Name, Pool: v.poolOf(pod.Spec.NodeName), Ready: workload.Ready(pod.Pod), Created: pod.CreationTimestamp.Time,
			Fixed: v.fixed(pod.Pod), Fits: v.fits(pod),
		}
		if r.Pool != "" {
			r.Breaks, r.Draining = moves.Broken(rules, v.enginePools[r.Pool].Class, v.drains)
		}
		out = append(out, r)
	}
	return out
}

// judge judges places of a workload; nil when no policy selects it.
func (v *view) judge(i int) *moves.Judge {
	planned := &v.round.Result.Snapshot.Workloads[i]
	if planned.Rules == nil {
		return nil
	}
	callees := make([]*rules.View, len(planned.Rules.TrafficLimits))
	for k := range planned.Rules.TrafficLimits {
		if at, ok := v.named[state.CalleeKey(planned.Namespace, &planned.Rules.TrafficLimits[k])]; ok {
			callees[k] = moves.View(&v.round.Result.Snapshot.Workloads[at], v.enginePools, v.counts(at))
		}
	}
	return moves.NewJudge(v.appraiser, i, v.enginePools, callees)
}

// circumstances are what decides where a replacement comes up: the rules, the plan, and of the pools that it names the nodes
// and the replicas of other workloads there.
func (v *view) circumstances(i int) string {
	text := fnv.New128a()
	if rules := v.round.Result.Snapshot.Workloads[i].Rules; rules != nil {
		fmt.Fprint(text, rules.Signature)
	}
	for _, name := range slices.Sorted(maps.Keys(v.plans[i])) {
		fmt.Fprintf(text, "\n%s %d", name, v.plans[i][name])
		for _, node := range v.round.Result.Pools[v.poolNames[name]].Nodes {
			fmt.Fprintf(text, " %s %t", node.Name, node.Spec.Unschedulable)
			for k := range node.Spec.Taints {
				fmt.Fprint(text, " ", node.Spec.Taints[k].ToString())
			}
		}
	}
	var others []string
	for k := range v.pods {
		for _, pod := range v.pods[k] {
			if name := v.poolOf(pod.Spec.NodeName); k != i && v.plans[i][name] > 0 {
				others = append(others, string(pod.UID))
			}
		}
	}
	slices.Sort(others)
	fmt.Fprint(text, "\n", others)
	return string(text.Sum(nil))
}

// fixed says why a pod is never moved; empty when it may be.
func (v *view) fixed(pod *corev1.Pod) string {
	switch workload.RoleOf(pod) {
	case workload.Alone:
		return "it has no controller that would make it anew"
	case workload.OfNode:
		return "it belongs to its node"
	case workload.OfJob:
		return "pods of Jobs are not moved"
	case workload.Replica:
	}
	if !slices.Contains(v.SchedulerNames, pod.Spec.SchedulerName) {
		return fmt.Sprintf("scheduler %q places it, not Tradewind's", pod.Spec.SchedulerName)
	}
	for i, key := range informers.KeepAnnotations {
		if pod.Annotations[key] == keeps[i] {
			return "the annotation " + key + " keeps it"
		}
	}
	if node := v.nodes[pod.Spec.NodeName]; node != nil {
		for i := range node.Status.Conditions {
			if c := &node.Status.Conditions[i]; c.Type == corev1.NodeReady && c.Status != corev1.ConditionTrue {
				return "its node is not ready"
			}
		}
	}
	return ""
}
