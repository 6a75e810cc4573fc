package planning

import (
	"fmt"
	"maps"
	"slices"

	"tradewind.dev/tradewind/pkg/placement"
	"tradewind.dev/tradewind/pkg/placement/engine"
)

// workload turns a workload into the engine's terms.
func (b *builder) workload(w *Workload, pods running, volumes *volumes) engine.Workload {
	spec := &w.Template.Spec
	out := engine.Workload{
		Namespace: w.Namespace, Name: w.Name, Kind: w.Kind, Replicas: w.Replicas, Request: Request(spec),
		NodeSelector: spec.NodeSelector, NodeAffinity: requiredAffinity(spec), Tolerations: spec.Tolerations,
		RestartUSD: w.RestartUSD, Hold: w.Hold,
	}
	for _, pool := range slices.Sorted(maps.Keys(pods.replicas)) {
		out.Current = append(out.Current, engine.PoolReplicas{Pool: pool, Replicas: pods.replicas[pool]})
	}
	out.Pins = b.pins(w, pods, volumes)

	set, known := b.namespace(w.Namespace)
	if !known {
		if out.Hold == "" {
			out.Hold = fmt.Sprintf("the labels of namespace %s are not known, and a policy selects namespaces by them", w.Namespace)
		}
		return out
	}
	rules := b.input.World.Rules(w.Namespace, set, w.Template.Labels)
	if len(rules.Sources) == 0 {
		return out // no policy selects it
	}
	out.Rules = rules
	out.ClientBytesPerRequest = rules.BytesPerRequest
	for _, a := range rules.Availability {
		out.Availability = append(out.Availability, engine.Availability{Survive: engine.Domain(a.Survive), MinReplicasPercent: a.MinReplicasPercent})
	}
	out.Calls = calls(w.Namespace, rules)
	return out
}

// calls joins what is scored of the traffic with the limits of all policies: where several limit calls to one workload
// the lowest counts, and limits of policies whose traffic is not scored cost nothing.
func calls(namespace string, rules *placement.Rules) []engine.Call {
	var out []engine.Call
	of := map[engine.Reference]int{}
	target := func(to engine.Reference) engine.Reference {
		if to.Namespace == "" {
			to.Namespace = namespace
		}
		return to
	}
	for i := range rules.Traffic {
		t := &rules.Traffic[i]
		to := target(engine.Reference{Namespace: t.Namespace, Name: t.Name})
		if _, twice := of[to]; twice {
			continue
		}
		of[to] = len(out)
		out = append(out, engine.Call{To: to, RequestsPerSecond: t.RequestsPerSecond, BytesPerRequest: t.BytesPerRequest})
	}
	for i := range rules.TrafficLimits {
		t := &rules.TrafficLimits[i]
		to := target(engine.Reference{Namespace: t.Namespace, Name: t.Name})
		k, ok := of[to]
		if !ok {
			k = len(out)
			of[to] = k
			out = append(out, engine.Call{To: to, LimitOnly: true})
		}
		if call := &out[k]; call.MaxMilliseconds == 0 || t.MaxMilliseconds < call.MaxMilliseconds {
			call.MaxMilliseconds = t.MaxMilliseconds
		}
	}
	return out
}
