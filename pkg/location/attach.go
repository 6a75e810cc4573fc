package location

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// AttachesIn is the cloud whose machines alone the volumes of a storage driver attach to, by the name of a CSI driver or of an in-tree
// provisioner; empty for storage that is reached over the network, and for drivers that are of no one cloud.
func AttachesIn(driver string) string {
	if known := drivers[driver]; !known.shared {
		return known.cloud
	}
	return ""
}

// VolumeTopology is the label of nodes by which those are told apart that can attach a volume which a provisioner makes for a pod: one
// node, or the nodes of a zone or region. It is empty for storage that is reached over the network, and for drivers that are of no one cloud.
func VolumeTopology(provisioner string) string {
	switch cloud := AttachesIn(provisioner); {
	case localProvisioners[provisioner]:
		return corev1.LabelHostname
	case cloud == cloudHetzner || cloud == cloudDigitalOcean || cloud == cloudUpCloud:
		return corev1.LabelTopologyRegion
	case cloud != "":
		return corev1.LabelTopologyZone
	}
	return ""
}

// topologyClouds are the clouds whose nodes carry a storage driver's own label; nodes of any cloud may carry others.
var topologyClouds = map[string][]string{
	"topology.ebs.csi.aws.com/zone":    {cloudAWS},
	"topology.gke.io/zone":             {cloudGCP},
	"topology.disk.csi.azure.com/zone": {cloudAzure},
	"topology.csi.scaleway.com/zone":   {cloudScaleway},
	"topology.csi.exoscale.com/zone":   {cloudExoscale},
	"csi.hetzner.cloud/location":       {cloudHetzner},
	"region":                           {cloudDigitalOcean, cloudUpCloud},
}

// TopologyLabel is the value of the label by which a storage driver says where a node's volumes can be, as the driver will set it on a
// node there; ok is false for labels that no known driver sets, or not on nodes of that cloud.
func TopologyLabel(key string, at Location) (value string, ok bool) {
	if clouds, limited := topologyClouds[key]; limited && !slices.Contains(clouds, at.Cloud) {
		return "", false
	}
	switch {
	case zoneKeys[key]:
		// Azure's driver writes an empty value on machines outside zones.
		return at.Zone, at.Zone != "" || at.Cloud == cloudAzure && key == "topology.disk.csi.azure.com/zone"
	case regionKeys[key]:
		return at.Region, at.Region != ""
	}
	return "", false
}
