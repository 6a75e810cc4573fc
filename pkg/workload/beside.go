package workload

import (
	"cmp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// AntiAffinity is the required terms of a pod's anti-affinity to pods.
func AntiAffinity(spec *corev1.PodSpec) []corev1.PodAffinityTerm {
	if spec.Affinity == nil || spec.Affinity.PodAntiAffinity == nil {
		return nil
	}
	return spec.Affinity.PodAntiAffinity.RequiredDuringSchedulingIgnoredDuringExecution
}

// PodAffinity is the required terms of a pod's affinity to pods.
func PodAffinity(spec *corev1.PodSpec) []corev1.PodAffinityTerm {
	if spec.Affinity == nil || spec.Affinity.PodAffinity == nil {
		return nil
	}
	return spec.Affinity.PodAffinity.RequiredDuringSchedulingIgnoredDuringExecution
}

// HardSpread is the topology spread constraints that a scheduler must not break.
func HardSpread(spec *corev1.PodSpec) []corev1.TopologySpreadConstraint {
	return spread(spec, corev1.DoNotSchedule)
}

// PreferredSpread is the topology spread constraints that a scheduler scores by alone.
func PreferredSpread(spec *corev1.PodSpec) []corev1.TopologySpreadConstraint {
	return spread(spec, corev1.ScheduleAnyway)
}

func spread(spec *corev1.PodSpec, action corev1.UnsatisfiableConstraintAction) []corev1.TopologySpreadConstraint {
	var out []corev1.TopologySpreadConstraint
	for i := range spec.TopologySpreadConstraints {
		if spec.TopologySpreadConstraints[i].WhenUnsatisfiable == action {
			out = append(out, spec.TopologySpreadConstraints[i])
		}
	}
	return out
}

// PreferredAntiAffinity is the preferred terms of a pod's anti-affinity to pods.
func PreferredAntiAffinity(spec *corev1.PodSpec) []corev1.WeightedPodAffinityTerm {
	if spec.Affinity == nil || spec.Affinity.PodAntiAffinity == nil {
		return nil
	}
	return spec.Affinity.PodAntiAffinity.PreferredDuringSchedulingIgnoredDuringExecution
}

// HostPorts are the ports of its node that a pod of this shape has for itself: of each HostPort, Protocol and HostIP, sorted, each
// once. On the node's own network they are those of its containers, as the API server sets them.
func HostPorts(spec *corev1.PodSpec) []corev1.ContainerPort {
	var out []corev1.ContainerPort
	for i := range spec.Containers {
		out = append(out, PortsOf(&spec.Containers[i], spec.HostNetwork)...)
	}
	for i := range spec.InitContainers {
		if container := &spec.InitContainers[i]; container.RestartPolicy != nil && *container.RestartPolicy == corev1.ContainerRestartPolicyAlways {
			out = append(out, PortsOf(container, spec.HostNetwork)...)
		}
	}
	slices.SortFunc(out, func(a, b corev1.ContainerPort) int {
		return cmp.Or(cmp.Compare(a.HostPort, b.HostPort), strings.Compare(string(a.Protocol), string(b.Protocol)), strings.Compare(a.HostIP, b.HostIP))
	})
	return slices.Compact(out)
}

// PortsOf are the ports of its node that one container has.
func PortsOf(container *corev1.Container, hostNetwork bool) []corev1.ContainerPort {
	var out []corev1.ContainerPort
	for _, port := range container.Ports {
		number := port.HostPort
		if hostNetwork {
			number = cmp.Or(number, port.ContainerPort)
		}
		if number > 0 {
			out = append(out, corev1.ContainerPort{HostPort: number, Protocol: cmp.Or(port.Protocol, corev1.ProtocolTCP), HostIP: port.HostIP})
		}
	}
	return out
}
