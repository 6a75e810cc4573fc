package planning

import (
	"slices"

	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/rules"
	"tradewind.dev/tradewind/pkg/rules/policy"
	"tradewind.dev/tradewind/pkg/workload"
)

// calls joins what is scored of the traffic with the limits of all policies: where several limit calls to one workload the
// lowest counts, and limits of policies whose traffic is not scored cost nothing. What the called workload's side has agreed
// to is kept apart from what it has not, and limits that demand measured figures from others: each must hold.
func (b *builder) calls(w *Workload, rules *rules.Rules) []engine.Call {
	type key struct {
		to                   workload.Key
		callerOnly, measured bool
	}
	var out []engine.Call
	of, scored := map[key]int{}, map[key]bool{}
	call := func(t *policy.Traffic) (k int, at key) {
		to := workload.Key{Namespace: t.Namespace, Name: t.Name}
		if to.Namespace == "" {
			to.Namespace = w.Namespace
		}
		at = key{to, !b.agreed(w, t, to), t.Measured}
		k, known := of[at]
		if !known {
			k = len(out)
			of[at] = k
			out = append(out, engine.Call{To: to, CallerOnly: at.callerOnly, LimitOnly: true, Measured: at.measured})
		}
		return k, key{to: to, callerOnly: at.callerOnly}
	}
	for i := range rules.Traffic {
		t := &rules.Traffic[i]
		if k, at := call(t); !scored[at] {
			scored[at] = true
			out[k].LimitOnly, out[k].RequestsPerSecond, out[k].BytesPerRequest = false, t.RequestsPerSecond, t.BytesPerRequest
		}
	}
	for i := range rules.TrafficLimits {
		t := &rules.TrafficLimits[i]
		k, _ := call(t)
		if out[k].MaxMilliseconds == 0 || t.MaxMilliseconds < out[k].MaxMilliseconds {
			out[k].MaxMilliseconds = t.MaxMilliseconds
		}
	}
	return out
}

// agreed says whether a call may move the workload that it goes to, and notes it where it may not. Nobody can agree for a
// workload that is not there, or whose policies are not known.
func (b *builder) agreed(w *Workload, call *policy.Traffic, to workload.Key) bool {
	callee := &policy.Effective{}
	i, found := b.callees[to]
	if found {
		of := &b.out.Workloads[i]
		if set, known := b.namespace(of.Namespace); known {
			callee = b.input.World.Rules(of.Namespace, set, of.Template.Labels).Effective
		}
	}
	if callee.Agreed(call, w.Namespace, w.Name, to.Namespace) {
		return true
	}
	next := Unagreed{Source: call.Source, Caller: workload.Key{Namespace: w.Namespace, Name: w.Name}, Callee: to}
	if found && !slices.Contains(b.out.Unagreed, next) {
		b.out.Unagreed = append(b.out.Unagreed, next)
	}
	return false
}
