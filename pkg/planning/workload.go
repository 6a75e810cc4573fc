package planning

import (
	"fmt"
	"maps"
	"slices"

	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/rules"
)

// workload turns a workload into the engine's terms. ok is false where pools were made without knowing of a volume of it.
func (b *builder) workload(w *Workload, pods running) (out engine.Workload, ok bool) {
	spec := &w.Template.Spec
	out = engine.Workload{
		Namespace: w.Namespace, Name: w.Name, Kind: w.Kind, Replicas: w.Replicas, Request: Request(spec),
		NodeSelector: nodeSelector(spec), NodeAffinity: byName(requiredAffinity(spec)), Tolerations: spec.Tolerations,
		PreferredNodes: preferredNodes(spec), PreferredSpread: b.preferredSpread(w),
		HostPorts: HostPorts(spec), RestartUSD: w.RestartUSD, Hold: w.Hold,
		SpotPoolSharePercent: rules.SpotPoolAimPercent,
	}
	priority := b.priorities.of(spec)
	out.Priority, out.PreemptsNobody = priority.value, priority.patient
	for _, pool := range slices.Sorted(maps.Keys(pods.replicas)) {
		out.Current = append(out.Current, engine.PoolReplicas{Pool: pool, Replicas: pods.replicas[pool]})
	}
	out.Planned = b.planned(w.Key)
	set, known := b.namespace(w.Namespace)
	if !known {
		if out.Hold == "" {
			out.Hold = fmt.Sprintf("the labels of namespace %s are not known, and a policy selects namespaces by them", w.Namespace)
		}
		ok = b.hold(w, &pods, nil, &out)
		return out, ok
	}
	ruled := b.input.World.Rules(w.Namespace, set, w.Template.Labels)
	if len(ruled.Sources) == 0 {
		ok = b.hold(w, &pods, nil, &out) // no policy selects it
		return out, ok
	}
	ok = b.hold(w, &pods, ruled.Effective, &out)
	out.Rules = ruled
	out.ClientBytesPerRequest = ruled.BytesPerRequest
	out.Availability = ruled.Availability
	out.Calls = b.calls(w, ruled)
	return out, ok
}
