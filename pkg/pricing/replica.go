package pricing

import "strings"

// Resources are what a pod requests or a node allocates.
type Resources struct {
	MilliCPU    int64 // thousandths of a core
	MemoryBytes int64 // bytes
	GPUs        int64 // whole GPUs
	GPUSlices   int64 // sevenths of GPUs that are offered as devices of their own (NVIDIA's MIG)
}

// slicesPerGPU is into how many parts MIG cuts a GPU: a 1g device is one of them, a 3g three. A card that has fewer (the A30 has
// four) is priced alike, since a node's price is shared among the slices that it offers.
// https://docs.nvidia.com/datacenter/tesla/mig-user-guide
const slicesPerGPU = 7

// Cards is the number of GPUs, those that are cut in slices rounded up.
func (r Resources) Cards() int64 { return r.GPUs + (r.GPUSlices+slicesPerGPU-1)/slicesPerGPU }

// MIGSlices is how many slices of a GPU a device of this resource name has ("nvidia.com/mig-3g.20gb": 3); 0 for other resources.
func MIGSlices(resource string) int64 {
	profile, ok := strings.CutPrefix(resource, "nvidia.com/mig-")
	if !ok || len(profile) < 2 || profile[0] < '1' || profile[0] > '0'+slicesPerGPU || profile[1] != 'g' && profile[1] != 'c' {
		return 0
	}
	return int64(profile[0] - '0')
}

// Rates is what a node charges for each resource, so that a replica's price is the largest of three products. It is
// computed once a node, for look-ups in the scheduling cycle.
type Rates struct {
	PerMilliCPU, PerByte, PerGPU float64 // US dollars an hour
}

// NewRates returns the rates of a node with this price, in US dollars an hour, and these allocatable resources. A resource
// of which the node allocates nothing costs nothing: no pod that requests it runs there.
func NewRates(nodeHourlyUSD float64, allocatable Resources) Rates {
	out := Rates{
		PerMilliCPU: rate(nodeHourlyUSD, allocatable.MilliCPU),
		PerByte:     rate(nodeHourlyUSD, allocatable.MemoryBytes),
		PerGPU:      rate(nodeHourlyUSD, allocatable.GPUs),
	}
	if allocatable.GPUSlices > 0 {
		out.PerGPU = rate(nodeHourlyUSD*slicesPerGPU, max(allocatable.GPUs, 0)*slicesPerGPU+allocatable.GPUSlices)
	}
	return out
}

func rate(nodeHourlyUSD float64, allocatable int64) float64 {
	if allocatable <= 0 {
		return 0
	}
	return nodeHourlyUSD / float64(allocatable)
}

// Hourly returns what a replica with these requests costs, in US dollars an hour: the node's price × the largest of the
// replica's shares of CPU, memory and GPU (its dominant share). A replica that requests nothing has no share and costs 0.
func (r Rates) Hourly(request Resources) float64 {
	// No NaN can occur here, and max on floats costs more than these comparisons.
	usd := r.PerMilliCPU * float64(request.MilliCPU)
	if memory := r.PerByte * float64(request.MemoryBytes); memory > usd {
		usd = memory
	}
	gpu := r.PerGPU * float64(request.GPUs)
	if request.GPUSlices > 0 {
		gpu += r.PerGPU * float64(request.GPUSlices) / slicesPerGPU
	}
	if gpu > usd {
		usd = gpu
	}
	return usd
}
