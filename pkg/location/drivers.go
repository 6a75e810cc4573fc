package location

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// driver is a storage driver of a known cloud.
type driver struct {
	cloud string
	// shared is true for file and object storage, which is reached over the network from anywhere. The others are
	// disks: they attach to machines of their own zone or region only.
	shared bool
}

// drivers are the storage drivers that only one cloud has, by CSI driver name or in-tree provisioner. Cinder is missing
// on purpose: it is OpenStack's.
var drivers = map[string]driver{
	"ebs.csi.aws.com":                  {cloud: cloudAWS},
	"ebs.csi.eks.amazonaws.com":        {cloud: cloudAWS},
	"kubernetes.io/aws-ebs":            {cloud: cloudAWS},
	"efs.csi.aws.com":                  {cloud: cloudAWS, shared: true},
	"fsx.csi.aws.com":                  {cloud: cloudAWS, shared: true},
	"fsx.openzfs.csi.aws.com":          {cloud: cloudAWS, shared: true},
	"s3.csi.aws.com":                   {cloud: cloudAWS, shared: true},
	"pd.csi.storage.gke.io":            {cloud: cloudGCP},
	"kubernetes.io/gce-pd":             {cloud: cloudGCP},
	"filestore.csi.storage.gke.io":     {cloud: cloudGCP, shared: true},
	"gcsfuse.csi.storage.gke.io":       {cloud: cloudGCP, shared: true},
	"lustre.csi.storage.gke.io":        {cloud: cloudGCP, shared: true},
	"parallelstore.csi.storage.gke.io": {cloud: cloudGCP, shared: true},
	"disk.csi.azure.com":               {cloud: cloudAzure},
	"kubernetes.io/azure-disk":         {cloud: cloudAzure},
	"file.csi.azure.com":               {cloud: cloudAzure, shared: true},
	"kubernetes.io/azure-file":         {cloud: cloudAzure, shared: true},
	"blob.csi.azure.com":               {cloud: cloudAzure, shared: true},
	"csi.scaleway.com":                 {cloud: cloudScaleway},
	"filestorage.csi.scaleway.com":     {cloud: cloudScaleway, shared: true},
	"csi.hetzner.cloud":                {cloud: cloudHetzner},
	"vpc.block.csi.ibm.io":             {cloud: cloudIBM},
	"vpc.file.csi.ibm.io":              {cloud: cloudIBM, shared: true},
	"blockvolume.csi.oraclecloud.com":  {cloud: cloudOracle},
	"oracle.com/oci":                   {cloud: cloudOracle},
	"fss.csi.oraclecloud.com":          {cloud: cloudOracle, shared: true},
	"dobs.csi.digitalocean.com":        {cloud: cloudDigitalOcean},
	"csi.exoscale.com":                 {cloud: cloudExoscale},
	"cloud.ionos.com":                  {cloud: cloudIONOS},
	"block-storage.csi.stackit.cloud":  {cloud: cloudSTACKIT},
	"storage.csi.upcloud.com":          {cloud: cloudUpCloud},
}

// sharedDrivers reach storage over the network that may be anywhere, and belong to no cloud.
var sharedDrivers = map[string]bool{
	"nfs.csi.k8s.io": true, "smb.csi.k8s.io": true, "cluster.local/nfs-subdir-external-provisioner": true,
	"k8s-sigs.io/nfs-subdir-external-provisioner": true, "ru.yandex.s3.csi": true, "org.democratic-csi.nfs": true,
}

// localProvisioners make volumes of the node's own disks.
var localProvisioners = map[string]bool{
	"kubernetes.io/no-provisioner": true, "rancher.io/local-path": true, "topolvm.io": true, "topolvm.cybozu.com": true,
	"local.csi.openebs.io": true, "openebs.io/local": true, "zfs.csi.openebs.io": true, "kubernetes.io/host-path": true,
	"k8s.io/minikube-hostpath": true, "docker.io/hostpath": true,
}

// zoneKeys and regionKeys are the node labels by which storage drivers say where a volume can be used.
var (
	zoneKeys = map[string]bool{
		labelZone:                                true,
		labelZoneBeta:                            true,
		"topology.ebs.csi.aws.com/zone":          true,
		"topology.gke.io/zone":                   true,
		"topology.disk.csi.azure.com/zone":       true,
		"topology.csi.scaleway.com/zone":         true,
		"topology.csi.exoscale.com/zone":         true,
		"topology.cinder.csi.openstack.org/zone": true,
	}
	regionKeys = map[string]bool{
		labelRegion:                  true,
		labelRegionBeta:              true,
		"csi.hetzner.cloud/location": true,
		"region":                     true, // the drivers of DigitalOcean and UpCloud
	}
	hostKeys = map[string]bool{
		corev1.LabelHostname: true, "topology.topolvm.io/node": true, "openebs.io/nodename": true, "metadata.name": true,
	}
)

// volumeSource is what the source of a volume says of it.
type volumeSource struct {
	name  string
	known driver
	// region and zone are in the handle of some clouds' volumes.
	region, zone string
	// local is true for the node's own disks.
	local bool
}

func sourceOf(pv *corev1.PersistentVolume) volumeSource {
	spec := &pv.Spec
	switch {
	case spec.CSI != nil:
		s := volumeSource{name: spec.CSI.Driver, known: drivers[spec.CSI.Driver], local: localProvisioners[spec.CSI.Driver]}
		s.region, s.zone = handlePlace(spec.CSI.Driver, spec.CSI.VolumeHandle)
		return s
	case spec.AWSElasticBlockStore != nil: // VOLUME or aws://ZONE/VOLUME
		s := volumeSource{name: "kubernetes.io/aws-ebs", known: drivers["kubernetes.io/aws-ebs"]}
		if rest, ok := strings.CutPrefix(spec.AWSElasticBlockStore.VolumeID, "aws://"); ok {
			s.zone = firstOfMany(rest)
		}
		return s
	case spec.GCEPersistentDisk != nil:
		return volumeSource{name: "kubernetes.io/gce-pd", known: drivers["kubernetes.io/gce-pd"]}
	case spec.AzureDisk != nil:
		return volumeSource{name: "kubernetes.io/azure-disk", known: drivers["kubernetes.io/azure-disk"]}
	case spec.AzureFile != nil:
		return volumeSource{name: "kubernetes.io/azure-file", known: drivers["kubernetes.io/azure-file"]}
	case spec.Local != nil, spec.HostPath != nil:
		return volumeSource{local: true}
	}
	return volumeSource{}
}

// handlePlace reads the region or zone in a CSI volume handle, of the drivers that put one there.
func handlePlace(name, handle string) (region, zone string) {
	switch name {
	case "pd.csi.storage.gke.io": // projects/P/zones/ZONE/disks/D or projects/P/regions/REGION/disks/D
		part := strings.Split(handle, "/")
		if len(part) == 6 && part[0] == "projects" {
			switch part[2] {
			case "zones":
				return "", part[3]
			case "regions":
				return part[3], ""
			}
		}
	case "filestore.csi.storage.gke.io": // MODE/ZONE/INSTANCE/SHARE
		if part := strings.Split(handle, "/"); len(part) == 4 {
			return "", part[1]
		}
	case "csi.scaleway.com": // ZONE/ID
		return "", firstOfMany(handle)
	}
	return "", ""
}
