package nodes

import (
	"fmt"
	"strings"
)

func azureProvider() *providerFacts {
	p := fresh("Ubuntu 22.04.5 LTS", shapeAzure)
	p.spot = true
	p.diskBytes = 128 * gibi // AKS' default OS disk of a machine with up to 7 virtual CPUs
	p.firstZone = func(region string) string { return region + "-1" }
	byName := suffixed("-", "[1-9]", false)
	p.zone = func(region, zone string) (string, error) {
		if len(zone) == 1 && zone >= "0" && zone <= "9" {
			if zone == "0" {
				return zone, nil // outside zones AKS sets the fault domain, a bare number
			}
			zone = region + "-" + zone // as Azure itself writes zones
		}
		return byName(region, zone)
	}
	p.siteZone = func(zone string) bool { return len(zone) == 1 }
	p.reservation = reserveAKS
	return p
}

// azureSubscription is the subscription of all nodes.
var azureSubscription = uuidOf("azure subscription")

func shapeAzure(d *draft) error {
	group := "mc_testbed_testbed_" + d.region
	pool := agentPool(d.pool.Name)
	if d.pool.Provisioner == provisionerKarpenter { // node auto-provisioning makes single machines
		d.node.Spec.ProviderID = fmt.Sprintf("azure:///subscriptions/%s/resourceGroups/%s/providers/Microsoft.Compute/virtualMachines/%s",
			azureSubscription, group, d.node.Name)
	} else {
		d.node.Spec.ProviderID = fmt.Sprintf(
			"azure:///subscriptions/%s/resourceGroups/%s/providers/Microsoft.Compute/virtualMachineScaleSets/aks-%s-%s-vmss/virtualMachines/%d",
			azureSubscription, group, pool, decimal("cluster")[:8], d.ordinal)
		d.label("agentpool", pool)
		d.label("kubernetes.azure.com/agentpool", pool)
		d.label("kubernetes.azure.com/role", "agent")
		d.label("kubernetes.io/role", "agent")
		d.label("node-role.kubernetes.io/agent", "")
	}
	d.label("kubernetes.azure.com/cluster", group)
	d.label("kubernetes.azure.com/mode", "user")
	d.label("kubernetes.azure.com/os-sku", "Ubuntu")
	d.label("kubernetes.azure.com/node-image-version", "AKSUbuntu-2204gen2containerd-202610.13.0")
	d.label("kubernetes.azure.com/storageprofile", "managed")
	d.label("kubernetes.azure.com/storagetier", "Premium_LRS")
	if strings.Contains(d.zone, "-") {
		d.label("topology.disk.csi.azure.com/zone", d.zone)
	} else {
		d.label("topology.disk.csi.azure.com/zone", "")
	}
	if d.spot() {
		d.label("kubernetes.azure.com/scalesetpriority", "spot")
		d.taint("kubernetes.azure.com/scalesetpriority", "spot")
	}
	if d.machine.gpus > 0 {
		d.label("kubernetes.azure.com/accelerator", "nvidia")
		d.label("accelerator", "nvidia")
	}
	return nil
}

// agentPool returns the name as AKS allows it: at most 12 lower-case letters and digits.
func agentPool(name string) string {
	short := strings.ReplaceAll(dashed(name), "-", "")
	if len(short) > 12 || short == "" || short[0] < 'a' {
		return "np" + digest(name)[:10]
	}
	return short
}

// aksMaxPods is AKS' default limit of pods on a node with the Azure CNI Overlay network.
// Source: Azure Kubernetes Service documentation, "Maximum pods per node".
const aksMaxPods = 250

// reserveAKS follows AKS from Kubernetes 1.29 on: memory 20 MiB for each pod that the node may have and 50 MiB, at most
// a quarter of all, and 100 MiB against eviction; CPU by the table of cores; disk 10 % against eviction.
// Source: Azure Kubernetes Service documentation, "Node resource reservations".
func reserveAKS(d *draft, memoryCapacity int64) (reservation, int64) {
	pods := int64(aksMaxPods)
	if d.pool.MaxPods != nil {
		pods = int64(*d.pool.MaxPods)
	}
	return reservation{
		milliCPU:     aksCPU(d.machine.milliCPU),
		memoryBytes:  min((20*pods+50)*mebi, memoryCapacity/4) + evictionMemory,
		storageBytes: d.diskShare(10),
	}, aksMaxPods
}

// aksCPU interpolates between the core counts of the documented table, and goes on beyond it as it ends.
func aksCPU(milliCPU int64) int64 {
	table := []struct{ cores, reserved int64 }{{0, 20}, {1, 60}, {2, 100}, {4, 140}, {8, 180}, {16, 260}, {32, 420}, {64, 740}}
	last := len(table) - 1
	i := 1
	for i < last && milliCPU > table[i].cores*1000 {
		i++
	}
	a, b := table[i-1], table[i]
	return a.reserved + (b.reserved-a.reserved)*(milliCPU-a.cores*1000)/((b.cores-a.cores)*1000)
}
