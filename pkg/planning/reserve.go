package planning

import (
	"strings"

	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/pricing"
)

const (
	mebi = int64(1) << 20
	gibi = int64(1) << 30
)

// kubeletPods is the kubelet's default limit of pods (KubeletConfiguration, maxPods).
const kubeletPods = 110

// evictionMemory is what a kubelet keeps free before it evicts pods (KubeletConfiguration, evictionHard:
// memory.available<100Mi), which EKS, GKE and AKS set too.
const evictionMemory = 100 * mebi

// kernelShare of the memory is the kernel's page descriptors: 64 bytes for each page of 4096 (Linux,
// include/linux/mm_types.h), which the node's capacity is short of.
const kernelShare = 64

// nodeOf is what pods can have of a new node of an instance type: its size less what the kernel, the kubelet and the
// cloud's managed Kubernetes keep. For clouds that publish no formula it is what a kubelet keeps by default.
func nodeOf(instance *pricing.Instance) engine.Resources {
	memory := instance.MemoryBytes - instance.MemoryBytes/kernelShare
	cpu, keep, pods := int64(0), int64(0), int64(kubeletPods)
	switch instance.Cloud {
	case "aws":
		cpu, keep, pods = keepEKS(instance)
	case "gcp":
		cpu, keep = keepGKE(instance, memory)
	case "azure":
		cpu, keep, pods = keepAKS(instance, memory)
	}
	out := engine.Resources{
		MilliCPU: max(instance.MilliCPU-cpu, 0), MemoryBytes: max(memory-keep-evictionMemory, 0),
		Extended: map[string]int64{podsResource: pods},
	}
	if devices := int64(instance.GPUs); devices > 0 {
		name := gpuResource(instance)
		out.Extended[name] = devices
		if name != neuronResource { // as on existing nodes, where what ends in "/gpu" counts
			out.GPUs = devices
		}
	}
	return out
}

// diskOf is what pods can have of the disk of a new node, where nobody says how large it is: of the disk that the cloud's managed
// Kubernetes gives a node by default what is left by what the kubelet keeps.
//
//   - EKS: 20 GiB; a tenth is kept free before pods are evicted, and 1 GiB for the system (awslabs/amazon-eks-ami, nodeadm).
//   - GKE: 100 GB; a tenth, and the least of half of it, 6 GiB and 35 %, and 100 GiB (Google Kubernetes Engine documentation,
//     "Plan GKE Standard node sizes").
//   - AKS: 128 GiB; a tenth (Azure Kubernetes Service documentation, "Node resource reservations").
//
// Elsewhere it is the smallest of these disks with a tenth kept free, which is the kubelet's default.
func diskOf(cloud string) int64 {
	const gkeDisk = 100_000_000_000
	switch cloud {
	case "aws":
		return 20*gibi*9/10 - gibi
	case "gcp":
		return gkeDisk*9/10 - min(gkeDisk/2, 6*gibi+gkeDisk*35/100, 100*gibi)
	case "azure":
		return 128 * gibi * 9 / 10
	}
	return 20 * gibi * 9 / 10
}

// neuronResource is by what AWS's device plugin offers Inferentia and Trainium.
const neuronResource = "aws.amazon.com/neuron"

// gpuResource is the resource by which the device plugin of the instance's accelerators offers them.
func gpuResource(instance *pricing.Instance) string {
	family, _, _ := strings.Cut(instance.Type, ".")
	switch {
	case instance.Cloud != "aws":
	case strings.HasPrefix(family, "inf"), strings.HasPrefix(family, "trn"):
		return neuronResource
	case family == "g4ad":
		return "amd.com/gpu"
	}
	return "nvidia.com/gpu"
}

// steps is a tariff: of each size in turn its share, the last one of everything beyond.
type steps []struct{ size, share int64 }

// of adds up the shares, in the unit of the amount times per.
func (s steps) of(amount, per int64) int64 {
	kept := int64(0)
	for i, step := range s {
		part := amount
		if i < len(s)-1 {
			part = min(amount, step.size)
		}
		kept += part * step.share
		amount -= part
	}
	return kept / per
}

// coreShares is the CPU that EKS and GKE keep, in ten-thousandths of millicores: 6 % of the first core, 1 % of the
// second, 0.5 % of the next two and 0.25 % of the rest.
var coreShares = steps{{1000, 600}, {1000, 100}, {2000, 50}, {0, 25}}

// keepEKS follows Amazon's AMIs for EKS: coreShares of CPU; 255 MiB and 11 MiB for each pod that the network interfaces
// allow. Source: awslabs/amazon-eks-ami, nodeadm/internal/kubelet. Managed node groups limit the pods to 110 on less than
// 30 virtual CPUs and 250 on more. Source: Amazon EKS User Guide, "Choose an optimal Amazon EC2 node instance type".
func keepEKS(instance *pricing.Instance) (cpu, memory, pods int64) {
	addresses := addressesOf(instance)
	limit := int64(110)
	if instance.MilliCPU >= 30000 {
		limit = 250
	}
	return coreShares.of(instance.MilliCPU, 10000), (255 + 11*addresses) * mebi, min(addresses, limit)
}

// memoryShares is the memory that GKE keeps, in percent: 25 % of the first 4 GiB, 20 % of the next 4, 10 % of the next
// 8, 6 % of the next 112 and 2 % of the rest.
var memoryShares = steps{{4 * gibi, 25}, {4 * gibi, 20}, {8 * gibi, 10}, {112 * gibi, 6}, {0, 2}}

// keepGKE follows Google's figures: coreShares of CPU, 1060 millicores of the shared-core E2 types; memoryShares of
// memory, 255 MiB below 1 GiB. Source: Google Kubernetes Engine documentation, "Plan GKE Standard node sizes".
func keepGKE(instance *pricing.Instance, capacity int64) (cpu, memory int64) {
	cpu, memory = coreShares.of(instance.MilliCPU, 10000), memoryShares.of(capacity, 100)
	if instance.Type == "e2-micro" || instance.Type == "e2-small" || instance.Type == "e2-medium" {
		cpu = 1060
	}
	if capacity < gibi {
		memory = 255 * mebi
	}
	return cpu, memory
}

// aksPods is AKS' default limit of pods on a node with the Azure CNI Overlay network.
// Source: Azure Kubernetes Service documentation, "Maximum pods per node".
const aksPods = 250

// aksCores is the CPU that AKS keeps by cores, in millicores; in between it is interpolated.
var aksCores = []struct{ cores, keep int64 }{{0, 20}, {1, 60}, {2, 100}, {4, 140}, {8, 180}, {16, 260}, {32, 420}, {64, 740}}

// keepAKS follows AKS from Kubernetes 1.29 on: aksCores of CPU; 20 MiB of memory for each pod and 50 MiB, at most a
// quarter of all. Source: Azure Kubernetes Service documentation, "Node resource reservations".
func keepAKS(instance *pricing.Instance, capacity int64) (cpu, memory, pods int64) {
	i := 1
	for i < len(aksCores)-1 && instance.MilliCPU > aksCores[i].cores*1000 {
		i++
	}
	below, above := aksCores[i-1], aksCores[i]
	cpu = below.keep + (above.keep-below.keep)*(instance.MilliCPU-below.cores*1000)/((above.cores-below.cores)*1000)
	return cpu, min((20*aksPods+50)*mebi, capacity/4), aksPods
}

// interfaces is how many network interfaces an instance type has, and how many IPv4 addresses each.
type interfaces struct{ count, addresses int64 }

// addressesOf is how many pods the network interfaces of an instance type have addresses for: interfaces × (addresses of
// each − 1) + 2. They go by size, with exceptions by family; of sizes that are not listed by the virtual CPUs.
// Source: Amazon EC2 User Guide, "Maximum IP addresses per network interface".
func addressesOf(instance *pricing.Instance) int64 {
	family, size, _ := strings.Cut(instance.Type, ".")
	found, ok := interfacesByType[instance.Type]
	if !ok && strings.HasPrefix(family, "t") {
		found, ok = interfacesOfBurstable[size]
	}
	if !ok {
		found, ok = interfacesBySize[size]
	}
	if !ok {
		switch cores := instance.MilliCPU / 1000; {
		case cores >= 64:
			found = interfaces{15, 50}
		case cores >= 16:
			found = interfaces{8, 30}
		case cores >= 4:
			found = interfaces{4, 15}
		default:
			found = interfaces{3, 10}
		}
	}
	return found.count*(found.addresses-1) + 2
}

var interfacesBySize = map[string]interfaces{
	"medium": {2, 4}, "large": {3, 10}, "xlarge": {4, 15}, "2xlarge": {4, 15}, "3xlarge": {4, 15}, "4xlarge": {8, 30}, "6xlarge": {8, 30},
	"8xlarge": {8, 30}, "9xlarge": {8, 30}, "10xlarge": {8, 30}, "12xlarge": {8, 30}, "16xlarge": {15, 50},
	"18xlarge": {15, 50}, "24xlarge": {15, 50}, "32xlarge": {15, 50}, "48xlarge": {15, 50},
}

var interfacesOfBurstable = map[string]interfaces{
	"nano": {2, 2}, "micro": {2, 2}, "small": {3, 4}, "medium": {3, 6}, "large": {3, 12}, "xlarge": {4, 15}, "2xlarge": {4, 15},
}

var interfacesByType = map[string]interfaces{
	"m4.large": {2, 10}, "m4.16xlarge": {8, 30}, "c4.8xlarge": {8, 30},
	"t2.xlarge": {3, 15}, "t2.2xlarge": {3, 15},
	"g4dn.xlarge": {3, 10}, "g4dn.2xlarge": {3, 10}, "g4dn.4xlarge": {3, 10}, "g4dn.8xlarge": {4, 15},
	"g4dn.12xlarge": {8, 30}, "g4dn.16xlarge": {4, 15},
	"g5.12xlarge": {15, 50}, "g5.16xlarge": {8, 30}, "g5.48xlarge": {7, 50},
}
