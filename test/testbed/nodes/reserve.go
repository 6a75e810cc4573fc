package nodes

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// reservation is what a node keeps back from pods: for the kubelet and the system, and against eviction.
type reservation struct {
	milliCPU     int64 // thousandths of a virtual CPU
	memoryBytes  int64
	storageBytes int64
}

// evictionMemory is the memory that the kubelet keeps free before it evicts pods: the default of
// KubeletConfiguration's evictionHard (memory.available<100Mi), which EKS, GKE and AKS set too.
const evictionMemory = 100 * mebi

// defaultMaxPods is the kubelet's default limit of pods (KubeletConfiguration's maxPods).
const defaultMaxPods = 110

// kubeletDefaults is what a kubelet keeps back that nobody has configured: nothing for the system, 100 MiB of memory
// and 10 % of the disk against eviction. It stands for the providers that publish no formula.
func kubeletDefaults(d *draft, _ int64) (reservation, int64) {
	return reservation{memoryBytes: evictionMemory, storageBytes: d.diskShare(10)}, defaultMaxPods
}

// progressiveCPU is the CPU in millicores that EKS and GKE reserve: 6 % of the first core, 1 % of the second, 0.5 % of
// the next two and 0.25 % of the rest.
func progressiveCPU(milliCPU int64) int64 {
	tenThousandths, rest := int64(0), milliCPU
	for _, step := range []struct{ size, share int64 }{{1000, 600}, {1000, 100}, {2000, 50}, {rest, 25}} {
		part := min(rest, step.size)
		tenThousandths += part * step.share
		rest -= part
	}
	return tenThousandths / 10000
}

func (d *draft) diskBytes() int64 { return d.facts.diskBytes }

func (d *draft) diskShare(percent int64) int64 { return d.diskBytes() * percent / 100 }

// kernelMemory is what the kernel keeps of a machine's memory for itself at the least: a page descriptor of 64 bytes for
// each page of 4096 (struct page, Linux, include/linux/mm_types.h). Firmware and the kernel's code take some more,
// which no provider publishes.
func kernelMemory(bytes int64) int64 { return bytes / 64 }

// capacityAndReserved returns the node's capacity, and what of it pods cannot have.
func (d *draft) capacityAndReserved(p *providerFacts) (capacity, reserved corev1.ResourceList) {
	memory := (d.machine.memoryBytes - kernelMemory(d.machine.memoryBytes)) / kibi * kibi
	keep, pods := p.reservation(d, memory)
	if d.pool.MaxPods != nil {
		pods = int64(*d.pool.MaxPods)
	}
	capacity = corev1.ResourceList{
		corev1.ResourceCPU:              *resource.NewMilliQuantity(d.machine.milliCPU, resource.DecimalSI),
		corev1.ResourceMemory:           *resource.NewQuantity(memory, resource.BinarySI),
		corev1.ResourceEphemeralStorage: *resource.NewQuantity(d.diskBytes(), resource.BinarySI),
		corev1.ResourcePods:             *resource.NewQuantity(pods, resource.DecimalSI),
		"hugepages-1Gi":                 *resource.NewQuantity(0, resource.DecimalSI),
		"hugepages-2Mi":                 *resource.NewQuantity(0, resource.DecimalSI),
	}
	if d.machine.gpus > 0 {
		capacity[d.accelerator()] = *resource.NewQuantity(d.machine.gpus, resource.DecimalSI)
	}
	reserved = corev1.ResourceList{
		corev1.ResourceCPU:              *resource.NewMilliQuantity(keep.milliCPU, resource.DecimalSI),
		corev1.ResourceMemory:           *resource.NewQuantity(keep.memoryBytes/kibi*kibi, resource.BinarySI),
		corev1.ResourceEphemeralStorage: *resource.NewQuantity(keep.storageBytes/kibi*kibi, resource.BinarySI),
	}
	return capacity, reserved
}

// accelerator returns the resource by which the device plugin of the machine's accelerators offers them.
func (d *draft) accelerator() corev1.ResourceName {
	if d.pool.Cloud == "aws" {
		family, _, _ := strings.Cut(d.pool.InstanceType, ".")
		switch {
		case strings.HasPrefix(family, "inf"), strings.HasPrefix(family, "trn"):
			return "aws.amazon.com/neuron"
		case family == "g4ad":
			return "amd.com/gpu"
		}
	}
	return gpuResource
}

// labelValue shortens a name to what a label may hold.
func labelValue(name string) string {
	name = dashed(name)
	if len(name) > 63 {
		return name[:52] + "-" + digest(name)[:10]
	}
	return name
}
