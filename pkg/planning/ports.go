package planning

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/workload"
)

// HostPorts are the host ports of a pod of this shape in the engine's terms.
func HostPorts(spec *corev1.PodSpec) []engine.HostPort {
	var out []engine.HostPort
	for _, port := range workload.HostPorts(spec) {
		out = append(out, engine.HostPort{Protocol: string(port.Protocol), Address: port.HostIP, Number: port.HostPort})
	}
	return out
}

// wantsPorts says whether a planned workload has host ports.
func (b *builder) wantsPorts() bool {
	return slices.ContainsFunc(b.out.Workloads, func(w Workload) bool { return len(workload.HostPorts(&w.Template.Spec)) > 0 })
}
