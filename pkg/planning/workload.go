package planning

import (
	"fmt"
	"maps"
	"slices"

	"tradewind.dev/tradewind/pkg/engine"
)

// workload turns a workload into the engine's terms.
func (b *builder) workload(w *Workload, pods running, volumes *volumes) engine.Workload {
	spec := &w.Template.Spec
	out := engine.Workload{
		Namespace: w.Namespace, Name: w.Name, Kind: w.Kind, Replicas: w.Replicas, Request: Request(spec),
		NodeSelector: spec.NodeSelector, NodeAffinity: requiredAffinity(spec), Tolerations: spec.Tolerations,
		RestartUSD: w.RestartUSD, Hold: w.Hold, Priority: b.priorities.of(spec),
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
	out.Availability = rules.Availability
	out.Calls = b.calls(w, rules)
	return out
}
