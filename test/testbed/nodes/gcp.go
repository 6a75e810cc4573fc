package nodes

import (
	"fmt"
	"strings"
)

func gcpProvider() *providerFacts {
	p := fresh("Container-Optimized OS from Google", shapeGCP)
	p.kubeletSuffix = "-gke.1000"
	p.spot, p.reserved = true, true
	p.diskBytes = 100 * gibi // GKE's default boot disk
	p.firstZone = func(region string) string {
		if region == "europe-west1" || region == "us-east1" { // the two regions without a zone a
			return region + "-b"
		}
		return region + "-a"
	}
	p.zone = suffixed("-", "[a-z]", false)
	p.reservation = reserveGKE
	return p
}

// gkeMaxPods is GKE's default limit of pods on a node of a Standard cluster.
const gkeMaxPods = 110

func shapeGCP(d *draft) error {
	d.node.Spec.ProviderID = "gce://tradewind-testbed/" + d.zone + "/" + d.node.Name
	pool := labelValue(d.pool.Name)
	d.label("cloud.google.com/gke-nodepool", pool)
	d.label("cloud.google.com/gke-boot-disk", "pd-balanced")
	d.label("cloud.google.com/gke-container-runtime", "containerd")
	d.label("cloud.google.com/gke-os-distribution", "cos")
	d.label("cloud.google.com/gke-stack-type", "IPV4")
	d.label("cloud.google.com/gke-logging-variant", "DEFAULT")
	d.label("cloud.google.com/gke-max-pods-per-node", fmt.Sprint(gkeMaxPods))
	d.label("cloud.google.com/gke-cpu-scaling-level", fmt.Sprint(d.machine.milliCPU/1000))
	d.label("cloud.google.com/gke-memory-gb-scaling-level", fmt.Sprint(d.machine.memoryBytes/gibi))
	family, _, _ := strings.Cut(d.pool.InstanceType, "-")
	d.label("cloud.google.com/machine-family", family)
	d.label("topology.gke.io/zone", d.zone)
	d.node.Annotations["container.googleapis.com/instance_id"] = decimal("instance/"+d.node.Name) + decimal("instance2/"+d.node.Name)
	provisioning := "standard"
	switch {
	case d.spot(): // GKE itself sets no taint on nodes of a spot pool
		provisioning = "spot"
		d.label("cloud.google.com/gke-spot", "true")
	case d.reserved():
		provisioning = "reservation"
		d.label("cloud.google.com/reservation-name", pool)
	}
	d.label("cloud.google.com/gke-provisioning", provisioning)
	if d.machine.gpus > 0 {
		d.label("cloud.google.com/gke-accelerator", "nvidia-"+labelValue(strings.ToLower(d.machine.gpuModel)))
		d.label("cloud.google.com/gke-accelerator-count", fmt.Sprint(d.machine.gpus))
		d.taint("nvidia.com/gpu", "present")
	}
	return nil
}

// reserveGKE follows Google's figures: CPU 6 % of the first core, 1 % of the second, 0.5 % of the next two and 0.25 %
// of the rest, and 1060 millicores of the shared-core E2 types; memory 25 % of the first 4 GiB, 20 % of the next 4,
// 10 % of the next 8, 6 % of the next 112 and 2 % of the rest (255 MiB below 1 GiB), and 100 MiB against eviction; disk
// 10 % against eviction, and the least of half the disk, 35 % and 6 GiB, and 100 GiB.
// Source: Google Kubernetes Engine documentation, "Plan GKE Standard node sizes".
func reserveGKE(d *draft, memoryCapacity int64) (reservation, int64) {
	milliCPU := progressiveCPU(d.machine.milliCPU)
	switch d.pool.InstanceType {
	case "e2-micro", "e2-small", "e2-medium":
		milliCPU = 1060
	}
	disk := d.diskBytes()
	return reservation{
		milliCPU:     milliCPU,
		memoryBytes:  gkeMemory(memoryCapacity) + evictionMemory,
		storageBytes: d.diskShare(10) + min(disk/2, disk*35/100+6*gibi, 100*gibi),
	}, gkeMaxPods
}

func gkeMemory(capacity int64) int64 {
	if capacity < gibi {
		return 255 * mebi
	}
	reserved, rest := int64(0), capacity
	for _, step := range []struct{ size, percent int64 }{{4 * gibi, 25}, {4 * gibi, 20}, {8 * gibi, 10}, {112 * gibi, 6}, {rest, 2}} {
		part := min(rest, step.size)
		reserved += part * step.percent / 100
		rest -= part
	}
	return reserved
}
