package nodes

import (
	"fmt"

	"tradewind.dev/tradewind/pkg/pricing"
)

// machine is the size of a machine, as it is sold.
type machine struct {
	milliCPU     int64
	memoryBytes  int64
	gpus         int64
	gpuModel     string
	architecture string
}

const (
	kibi = int64(1) << 10
	mebi = int64(1) << 20
	gibi = int64(1) << 30
)

// maxMemory is more than any machine has.
const maxMemory = int64(1) << 50

// machine returns the size of the pool's machines: from the catalog, with what the file gives in its place.
func (p *Pool) machine() (machine, error) {
	m := machine{architecture: "amd64"}
	known := false
	if p.InstanceType != "" {
		catalog, err := pricing.Open()
		if err != nil {
			return machine{}, fmt.Errorf(".instanceType: reading the price catalog: %w", err)
		}
		var instance pricing.Instance
		if instance, known = catalog.Instance(p.Cloud, p.Region, p.InstanceType); known {
			m = machine{instance.MilliCPU, instance.MemoryBytes, int64(instance.GPUs), instance.GPUModel, instance.Architecture}
		}
	}
	if !known && (p.CPU == nil || p.Memory == nil) {
		if p.InstanceType == "" {
			return machine{}, fmt.Errorf(".cpu and .memory: needed where there is no instanceType")
		}
		return machine{},
			fmt.Errorf(".instanceType: the catalog does not list %q in %s %s: correct it, or give cpu and memory", p.InstanceType, p.Cloud, p.Region)
	}
	if p.CPU != nil {
		if m.milliCPU = p.CPU.MilliValue(); m.milliCPU < 1 || m.milliCPU > 1e7 {
			return machine{}, fmt.Errorf(".cpu: %s: want more than 0 and at most 10000", p.CPU)
		}
	}
	if p.Memory != nil {
		if m.memoryBytes = p.Memory.Value(); m.memoryBytes < 64*mebi || m.memoryBytes > maxMemory {
			return machine{}, fmt.Errorf(".memory: %s: want 64Mi to 1Pi", p.Memory)
		}
	}
	if p.GPUs != nil {
		if m.gpus = int64(*p.GPUs); m.gpus < 0 || m.gpus > 1024 {
			return machine{}, fmt.Errorf(".gpus: %d: want 0 to 1024", *p.GPUs)
		}
	}
	if p.GPUModel != "" {
		m.gpuModel = p.GPUModel
	}
	switch p.Architecture {
	case "":
	case "amd64", "arm64":
		m.architecture = p.Architecture
	default:
		return machine{}, fmt.Errorf(".architecture: %q: want amd64 or arm64", p.Architecture)
	}
	if p.MaxPods != nil && (*p.MaxPods < 1 || *p.MaxPods > 10000) {
		return machine{}, fmt.Errorf(".maxPods: %d: want 1 to 10000", *p.MaxPods)
	}
	return m, nil
}
