package planning

import (
	"math"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/state"
	"tradewind.dev/tradewind/pkg/workload"
)

// podsResource is the resource that limits how many pods a node runs.
const podsResource = string(corev1.ResourcePods)

// ephemeralStorage is the disk of a node that pods without volumes write to.
const ephemeralStorage = string(corev1.ResourceEphemeralStorage)

// unlimitedPods is for nodes that do not say how many pods they run: more than anybody runs on a node.
const unlimitedPods = math.MaxInt32

// Request is what a pod of this shape asks for (see workload.Requests), and one of the pods that a node may run.
func Request(spec *corev1.PodSpec) engine.Resources {
	out := Resources(workload.Requests(spec))
	out.Extended[podsResource] = 1
	return out
}

// Resources are a resource list in the engine's terms: CPU in millicores, memory in bytes, GPUs of whatever make, and
// under Extended everything else and the GPUs by make. Huge pages are left out where there are none.
func Resources(list corev1.ResourceList) engine.Resources {
	priced := state.Resources(list)
	out := engine.Resources{
		MilliCPU: priced.MilliCPU, MemoryBytes: priced.MemoryBytes, GPUs: priced.GPUs, GPUSlices: priced.GPUSlices,
		Extended: make(map[string]int64, len(list)),
	}
	for name, quantity := range list {
		if name == corev1.ResourceCPU || name == corev1.ResourceMemory {
			continue
		}
		if value := quantity.Value(); value != 0 {
			out.Extended[string(name)] = value
		}
	}
	return out
}

// subtract takes a request away; nothing becomes negative. Every request takes the place of one pod.
func subtract(from *engine.Resources, request *engine.Resources) {
	from.MilliCPU = max(from.MilliCPU-max(request.MilliCPU, 0), 0)
	from.MemoryBytes = max(from.MemoryBytes-max(request.MemoryBytes, 0), 0)
	from.GPUs = max(from.GPUs-max(request.GPUs, 0), 0)
	for name, value := range request.Extended {
		if have, ok := from.Extended[name]; ok && name != podsResource {
			from.Extended[name] = max(have-max(value, 0), 0)
		}
	}
	from.Extended[podsResource] = max(from.Extended[podsResource]-1, 0)
}

// holds says whether a pod that requests this finds it in what is free.
func holds(free, request *engine.Resources) bool {
	if request.MilliCPU > free.MilliCPU || request.MemoryBytes > free.MemoryBytes || request.GPUs > free.GPUs {
		return false
	}
	for name, value := range request.Extended {
		if value > free.Extended[name] {
			return false
		}
	}
	return free.Extended[podsResource] > 0
}

// allocatable of a node. A kubelet that reports none lets pods have its whole capacity.
func allocatable(node *corev1.Node) engine.Resources {
	list := node.Status.Allocatable
	if len(list) == 0 {
		list = node.Status.Capacity
	}
	out := Resources(list)
	if _, ok := list[corev1.ResourcePods]; !ok {
		out.Extended[podsResource] = unlimitedPods
	}
	return out
}

// isDevice says whether a resource is one that a device plugin offers, which tells nodes apart; the amounts of disk and
// pods do not.
func isDevice(name string) bool { return strings.Contains(name, "/") }
