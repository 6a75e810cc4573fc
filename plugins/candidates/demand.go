package candidates

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	fwk "k8s.io/kube-scheduler/framework"

	"tradewind.dev/tradewind/pkg/rules"
	"tradewind.dev/tradewind/pkg/workload"
)

// demand is what a pod needs of a node. It leaves out nodes that cannot do, before the filters say so of the few that are
// looked at: it may let a node pass that a filter refuses, but never the other way round.
type demand struct {
	pod              *corev1.Pod
	milliCPU, memory int64
	others           map[corev1.ResourceName]int64
	rules            *rules.Demands
	among            sets.Set[string] // what the PreFilter plugins of others leave; nil for all nodes
}

func newDemand(pod *corev1.Pod, among sets.Set[string]) *demand {
	d := &demand{pod: pod, rules: rules.DemandsOf(&pod.Spec), among: among}
	for name, quantity := range workload.Requests(&pod.Spec) {
		switch name {
		case corev1.ResourceCPU:
			d.milliCPU = quantity.MilliValue()
		case corev1.ResourceMemory:
			d.memory = quantity.Value()
		default:
			if d.others == nil {
				d.others = map[corev1.ResourceName]int64{}
			}
			d.others[name] = quantity.Value()
		}
	}
	return d
}

// tolerates says whether the pod tolerates the taints of an effect.
func (d *demand) tolerates(taints []corev1.Taint, effects ...corev1.TaintEffect) bool {
	return len(taints) == 0 || d.rules.MayTolerate(taints, func(taint *corev1.Taint) bool { return slices.Contains(effects, taint.Effect) })
}

// fits says whether a node has the room, and is one that the pod selects.
func (d *demand) fits(left *room, info fwk.NodeInfo) bool {
	return d.hasRoom(left, info) && (d.among == nil || d.among.Has(info.Node().Name)) && d.rules.Selects(info.Node())
}

// hasRoom says whether a node has the room.
func (d *demand) hasRoom(left *room, info fwk.NodeInfo) bool {
	if left.pods < 1 || d.milliCPU > 0 && left.milliCPU < d.milliCPU || d.memory > 0 && left.memory < d.memory {
		return false
	}
	for name, quantity := range d.others {
		if quantity > 0 && quantity > leftOf(name, info) {
			return false
		}
	}
	return true
}

func leftOf(name corev1.ResourceName, info fwk.NodeInfo) int64 {
	if name == corev1.ResourceEphemeralStorage {
		return info.GetAllocatable().GetEphemeralStorage() - info.GetRequested().GetEphemeralStorage()
	}
	return info.GetAllocatable().GetScalarResources()[name] - info.GetRequested().GetScalarResources()[name]
}
