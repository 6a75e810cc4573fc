package planning

import (
	"reflect"
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"

	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/workload"
)

// Rebuild is what Build makes of another input, of which only the workloads that are concerned, their pods, and policies differ
// from the input that r was made from: it computes the concerned workloads anew, and those that call them, and shares the rest
// with r. changed are the indexes in Snapshot.Workloads of those that have become others. ok is false where Build must be
// asked: other workloads are planned than before, one of them selects other nodes (which makes other pools) or pods, or is selected
// by others' rules of pods, or policies look at labels of namespaces now. r stays as it is.
func (r *Result) Rebuild(input *Input, concerned map[workload.Key]bool) (next *Result, changed []int, ok bool) {
	b := *r.builder
	if len(input.Workloads) != len(b.index) || input.World.Policies.SelectsNamespaces() && !b.input.World.Policies.SelectsNamespaces() {
		return nil, nil, false
	}
	out := *r
	out.Workloads = slices.Clone(r.Workloads)
	snapshot := *r.Snapshot
	snapshot.Workloads = slices.Clone(snapshot.Workloads)
	out.Snapshot = &snapshot
	b.input, b.out, out.builder = input, &out, &b
	for i := range input.Workloads {
		w := &input.Workloads[i]
		at, known := b.index[w.Key]
		if !known || w.Template == nil || !samePodRules(w.Template, out.Workloads[at].Template) {
			return nil, nil, false
		}
		admitted := *w
		admitted.Template, _ = b.runtimes.Admit(w.Template) // what is wrong with it Build has said
		if !sameNodes(&admitted, &out.Workloads[at]) || !b.waitsAlike(&admitted, &out.Workloads[at]) {
			return nil, nil, false
		}
		out.Workloads[at] = admitted
	}
	again := b.withCallers(concerned)
	out.Unagreed = slices.DeleteFunc(slices.Clone(r.Unagreed), func(u Unagreed) bool { return again[b.callees[u.Caller]] })
	pods := b.runningOf(again)
	for i := range out.Workloads {
		if again[i] {
			var known bool
			if snapshot.Workloads[i], known = b.workload(&out.Workloads[i], pods[i]); !known {
				return nil, nil, false
			}
			snapshot.Workloads[i].PodRules = r.Snapshot.Workloads[i].PodRules
			snapshot.Workloads[i].RunsOn = pods[i].on()
		}
	}
	if len(input.Quotas) > 0 { // what one takes of a quota another lacks
		for i := range snapshot.Workloads {
			snapshot.Workloads[i].Refused, snapshot.Workloads[i].RefusedBy = 0, ""
		}
		b.refuse(b.runningOf(nil))
	}
	for i := range snapshot.Workloads {
		if !same(&snapshot.Workloads[i], &r.Snapshot.Workloads[i]) {
			changed = append(changed, i)
		}
	}
	return &out, changed, true
}

// sameNodes says whether two versions of a workload select nodes by the same labels.
func sameNodes(a, b *Workload) bool {
	return a.Template == b.Template || a.Template.Spec.NodeName == b.Template.Spec.NodeName && equality.Semantic.DeepEqual(a.Template.Spec.NodeSelector, b.Template.Spec.NodeSelector) &&
		equality.Semantic.DeepEqual(nodeAffinity(&a.Template.Spec), nodeAffinity(&b.Template.Spec))
}

// waitsAlike says whether the claims that wait for their first pod bind two versions of a workload alike.
func (b *builder) waitsAlike(one, other *Workload) bool {
	key, claim := b.awaited(one)
	otherKey, otherClaim := b.awaited(other)
	return key == otherKey && claim == otherClaim && (key == "" || one.Replicas == other.Replicas)
}

// withCallers are the concerned workloads by index, and those that call them: whether a call moves the called workload is what
// policies of both say.
func (b *builder) withCallers(concerned map[workload.Key]bool) map[int]bool {
	out := make(map[int]bool, len(concerned))
	called := make(map[workload.Key]bool, len(concerned))
	for key := range concerned {
		if i, planned := b.index[key]; planned {
			out[i] = true
			called[key.AnyKind()] = true
		}
	}
	for i := range b.out.Snapshot.Workloads {
		w := &b.out.Snapshot.Workloads[i]
		if called[workload.Key{Namespace: w.Namespace, Name: w.Name}] || // of whichever kind
			slices.ContainsFunc(w.Calls, func(call engine.Call) bool { return called[call.To] }) {
			out[i] = true
		}
	}
	return out
}

// runningOf is where the pods of some workloads are, of all of them where only is nil.
func (b *builder) runningOf(only map[int]bool) []running {
	out := make([]running, len(b.out.Workloads))
	for i := range b.input.Pods {
		pod := &b.input.Pods[i]
		w, planned := b.index[pod.Workload]
		if !planned || only != nil && !only[w] {
			continue
		}
		if at, ok := b.nodeOf(pod); ok {
			out[w].add(pod, at)
		}
	}
	return out
}

// same says whether two workloads are alike to a plan. Rules that are equal are the same object, as long as the policies that
// they were merged from are.
func same(a, b *engine.Workload) bool {
	if a.Rules != b.Rules {
		return false
	}
	x, y := *a, *b
	x.Rules, y.Rules = nil, nil
	return reflect.DeepEqual(&x, &y)
}
