package rebalance

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"

	"tradewind.dev/tradewind/pkg/loss"
	"tradewind.dev/tradewind/pkg/moves"
	"tradewind.dev/tradewind/pkg/rules"
	"tradewind.dev/tradewind/pkg/state"
	"tradewind.dev/tradewind/pkg/workload"
)

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
	s.Rules, s.Circumstances = v.judge(i), v.circumstances(i)
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
		if at, known := v.machines[pod.Spec.NodeName]; known {
			r.Emptied = slices.Contains(v.worth[i].Emptied, at)
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

// circumstances are what decides in which of some pools a replacement comes up: the rules, what a replica asks for, and the
// prices and nodes of the pools. Each is put together once.
func (v *view) circumstances(i int) func(pools ...string) string {
	known := map[string]string{}
	return func(pools ...string) string {
		key := strings.Join(pools, " ")
		if _, ok := known[key]; !ok {
			known[key] = v.circumstancesOf(i, pools)
		}
		return known[key]
	}
}

func (v *view) circumstancesOf(i int, pools []string) string {
	text := fnv.New128a()
	planned := &v.round.Result.Snapshot.Workloads[i]
	if planned.Rules != nil {
		fmt.Fprint(text, planned.Rules.Signature)
	}
	if template, err := json.Marshal(v.round.Result.Workloads[i].Template); err == nil { // which the API server sent as JSON
		fmt.Fprintf(text, "\n%s", template)
	}
	for _, name := range pools {
		at, ok := v.poolNames[name]
		if !ok {
			continue
		}
		price := &v.round.Result.Snapshot.Pools[at].Price
		fmt.Fprintf(text, "\n%s %t %g", name, price.Known, price.USD)
		for _, node := range v.round.Result.Pools[at].Nodes {
			fmt.Fprintf(text, "\n%s %s %t %s", node.Name, node.UID, node.Spec.Unschedulable, labels.Set(node.Labels))
			for k := range node.Spec.Taints {
				fmt.Fprint(text, " ", node.Spec.Taints[k].ToString())
			}
			for _, resource := range slices.Sorted(maps.Keys(node.Status.Allocatable)) {
				quantity := node.Status.Allocatable[resource]
				fmt.Fprintf(text, " %s=%s", resource, quantity.String())
			}
		}
	}
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
	if key := workload.KeptBy(pod); key != "" {
		return "the annotation " + key + " keeps it"
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
