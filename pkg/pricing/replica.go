package pricing

// Resources are what a pod requests or a node allocates.
type Resources struct {
	MilliCPU    int64 // thousandths of a core
	MemoryBytes int64 // bytes
	GPUs        int64 // whole GPUs
}

// Rates is what a node charges for each resource, so that a replica's price is the largest of three products. It is
// computed once a node, for look-ups in the scheduling cycle.
type Rates struct {
	PerMilliCPU, PerByte, PerGPU float64 // US dollars an hour
}

// NewRates returns the rates of a node with this price, in US dollars an hour, and these allocatable resources. A resource
// of which the node allocates nothing costs nothing: no pod that requests it runs there.
func NewRates(nodeHourlyUSD float64, allocatable Resources) Rates {
	return Rates{
		PerMilliCPU: rate(nodeHourlyUSD, allocatable.MilliCPU),
		PerByte:     rate(nodeHourlyUSD, allocatable.MemoryBytes),
		PerGPU:      rate(nodeHourlyUSD, allocatable.GPUs),
	}
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
	if gpu := r.PerGPU * float64(request.GPUs); gpu > usd {
		usd = gpu
	}
	return usd
}

// ReplicaHourly returns what a replica costs on a node, in US dollars an hour. See Rates.Hourly.
func ReplicaHourly(nodeHourlyUSD float64, request, allocatable Resources) float64 {
	return NewRates(nodeHourlyUSD, allocatable).Hourly(request)
}
