package planning

import (
	"math"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"

	"tradewind.dev/tradewind/pkg/engine"
)

// attachPrefix begins the resource by which volumes of a CSI driver are counted, as Kubernetes names it.
const attachPrefix = "attachable-volumes-csi-"

// unlimitedVolumes is for nodes that do not limit the volumes of a driver: more than anybody attaches.
const unlimitedVolumes = math.MaxInt32

// csiNames are the CSI drivers that took over from in-tree provisioners (CSI migration).
var csiNames = map[string]string{
	"kubernetes.io/aws-ebs": "ebs.csi.aws.com", "kubernetes.io/gce-pd": "pd.csi.storage.gke.io", "kubernetes.io/azure-disk": "disk.csi.azure.com",
	"kubernetes.io/azure-file": "file.csi.azure.com", "kubernetes.io/cinder": "cinder.csi.openstack.org",
	"kubernetes.io/vsphere-volume": "csi.vsphere.vmware.com", "kubernetes.io/portworx-volume": "pxd.portworx.com",
}

// csiDriver is the CSI driver of a provisioner.
func csiDriver(provisioner string) string {
	if name, moved := csiNames[provisioner]; moved {
		return name
	}
	return provisioner
}

// attachLimits is how many volumes of each driver nodes attach, by the name of the node and of the driver, and which drivers any of
// them limits.
func attachLimits(nodes []*storagev1.CSINode) (out map[string]map[string]int64, drivers map[string]bool) {
	out, drivers = map[string]map[string]int64{}, map[string]bool{}
	for _, node := range nodes {
		for i := range node.Spec.Drivers {
			driver := &node.Spec.Drivers[i]
			if driver.Allocatable == nil || driver.Allocatable.Count == nil {
				continue
			}
			if out[node.Name] == nil {
				out[node.Name] = map[string]int64{}
			}
			out[node.Name][driver.Name] = int64(max(*driver.Allocatable.Count, 0))
			drivers[driver.Name] = true
		}
	}
	return out, drivers
}

// limitVolumes adds to the resources of a node how many volumes it attaches.
func (b *builder) limitVolumes(node string, each *engine.Resources) {
	for driver := range b.known.counted {
		limit, limited := b.known.limits[node][driver]
		if !limited {
			limit = unlimitedVolumes
		}
		each.Extended[attachPrefix+driver] = limit
	}
}

// limitAdded adds to the resources of a node to be added how many volumes it will attach: as few as any node of its instance type does,
// or, where there is none, as any node does that limits them.
func (b *builder) limitAdded(instanceType string, each *engine.Resources) {
	for driver := range b.known.counted {
		alike, least := int64(unlimitedVolumes), int64(unlimitedVolumes)
		for _, node := range b.input.Nodes {
			limit, limited := b.known.limits[node.Name][driver]
			if !limited {
				continue
			}
			least = min(least, limit)
			if node.Labels[corev1.LabelInstanceTypeStable] == instanceType {
				alike = min(alike, limit)
			}
		}
		if alike == unlimitedVolumes {
			alike = least
		}
		each.Extended[attachPrefix+driver] = alike
	}
}

// attach takes away what the volumes of a pod that is planned with no workload need. A volume that several pods on the node have is
// attached once.
func (b *builder) attach(pod *Pod, at nodeAt, seen map[attached]bool) {
	if len(b.known.counted) == 0 {
		return
	}
	for _, name := range pod.Claims {
		claim := b.known.claims[claimKey{pod.Namespace, name}]
		if claim == nil || claim.Spec.VolumeName == "" {
			continue
		}
		volume := b.known.volumes[claim.Spec.VolumeName]
		if volume == nil || volume.Spec.CSI == nil || !b.known.counted[volume.Spec.CSI.Driver] || seen[attached{at, volume.Name}] {
			continue
		}
		seen[attached{at, volume.Name}] = true
		free, key := b.out.Snapshot.Pools[at.pool].Nodes[at.node].Free.Extended, attachPrefix+volume.Spec.CSI.Driver
		free[key] = max(free[key]-1, 0)
	}
}

// attached is a volume on a node.
type attached struct {
	at     nodeAt
	volume string
}
