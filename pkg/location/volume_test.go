package location

import (
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"tradewind.dev/tradewind/apis/v1alpha1"
)

// term is a node selector term: KEY, VALUES separated by one blank, and so on.
func term(requirements ...corev1.NodeSelectorRequirement) corev1.NodeSelectorTerm {
	return corev1.NodeSelectorTerm{MatchExpressions: requirements}
}

func in(key string, values ...string) corev1.NodeSelectorRequirement {
	return corev1.NodeSelectorRequirement{Key: key, Operator: corev1.NodeSelectorOpIn, Values: values}
}

func csiVolume(driver, handle string, terms ...corev1.NodeSelectorTerm) *corev1.PersistentVolume {
	pv := &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: "pvc-1"}}
	pv.Spec.CSI = &corev1.CSIPersistentVolumeSource{Driver: driver, VolumeHandle: handle}
	if terms != nil {
		pv.Spec.NodeAffinity = &corev1.VolumeNodeAffinity{Required: &corev1.NodeSelector{NodeSelectorTerms: terms}}
	}
	return pv
}

func ebsVolume(zone string) *corev1.PersistentVolume {
	return csiVolume("ebs.csi.aws.com", "vol-0123456789abcdef0", term(in("topology.ebs.csi.aws.com/zone", zone)))
}

func withLabels(pv *corev1.PersistentVolume, set map[string]string) *corev1.PersistentVolume {
	pv.Labels = set
	return pv
}

// names is "CLOUD/REGION/ZONE COUNTRY" of every place.
func names(places []Location) []string {
	var out []string
	for _, l := range places {
		out = append(out, l.String()+" "+orUnknown(l.Country))
	}
	return out
}

func TestFromPersistentVolume(t *testing.T) {
	inTree := func(set map[string]string, source corev1.PersistentVolumeSource) *corev1.PersistentVolume {
		return &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Labels: set}, Spec: corev1.PersistentVolumeSpec{PersistentVolumeSource: source}}
	}
	pdHandle := "projects/p/zones/europe-west1-b/disks/d"
	tests := map[string]struct {
		volume  *corev1.PersistentVolume
		want    []string
		follows bool
	}{
		"nil": {nil, nil, false},
		"EBS": {ebsVolume("eu-west-1a"), []string{"aws/eu-west-1/eu-west-1a IE"}, false},
		"EBS Auto Mode": {
			csiVolume("ebs.csi.eks.amazonaws.com", "vol-1", term(in(labelZone, "eu-central-1b"))),
			[]string{"aws/eu-central-1/eu-central-1b DE"},
			false,
		},
		"EBS in a Local Zone abroad": {
			ebsVolume("us-east-1-bue-1a"),
			[]string{"aws/us-east-1/us-east-1-bue-1a AR"},
			false,
		},
		"EBS of an Outposts rack": {csiVolume("ebs.csi.aws.com", "vol-1", term(in("topology.ebs.csi.aws.com/zone", "eu-west-1a"), in(labelOutpost, "op-0123"))),
			[]string{"aws/eu-west-1/eu-west-1a unknown"}, false},
		"Azure disk outside zones": {csiVolume("disk.csi.azure.com", "disk", term(in(labelRegion, "westeurope"), in(labelZone, "0"))),
			[]string{"azure/westeurope NL"}, false},
		"EBS without affinity": {csiVolume("ebs.csi.aws.com", "vol-1"), []string{"aws unknown"}, true},
		"EBS in a new Local Zone, declared": {
			withLabels(ebsVolume("us-east-1-abc-1a"), map[string]string{v1alpha1.LabelCountry: "CR"}),
			[]string{"aws/unknown/us-east-1-abc-1a CR"},
			false,
		},
		"EFS": {csiVolume("efs.csi.aws.com", "fs-1"), []string{"aws unknown"}, false},
		"EFS declared": {
			withLabels(csiVolume("efs.csi.aws.com", "fs-1"), map[string]string{labelRegion: "eu-south-1"}),
			[]string{"aws/eu-south-1 IT"},
			false,
		},
		"PD": {
			csiVolume("pd.csi.storage.gke.io", pdHandle, term(in("topology.gke.io/zone", "europe-west1-b"))),
			[]string{"gcp/europe-west1/europe-west1-b BE"},
			false,
		},
		"PD by handle only": {
			csiVolume("pd.csi.storage.gke.io", pdHandle),
			[]string{"gcp/europe-west1/europe-west1-b BE"},
			false,
		},
		"PD handle against affinity": {
			csiVolume("pd.csi.storage.gke.io", pdHandle, term(in("topology.gke.io/zone", "us-east4-a"))),
			[]string{"gcp unknown"},
			false,
		},
		"regional PD": {
			csiVolume("pd.csi.storage.gke.io", "projects/p/regions/europe-west3/disks/d", term(in("topology.gke.io/zone", "europe-west3-a", "europe-west3-b"))),
			[]string{"gcp/europe-west3/europe-west3-a DE", "gcp/europe-west3/europe-west3-b DE"},
			false,
		},
		"Filestore": {
			csiVolume("filestore.csi.storage.gke.io", "modeInstance/europe-west9-a/pvc-1/vol1"),
			[]string{"gcp/europe-west9/europe-west9-a FR"},
			false,
		},
		"Azure zonal disk": {
			csiVolume("disk.csi.azure.com", "/subscriptions/s/d", term(in("topology.disk.csi.azure.com/zone", "westeurope-2"))),
			[]string{"azure/westeurope/westeurope-2 NL"},
			false,
		},
		"Azure disk without a zone": {
			csiVolume("disk.csi.azure.com", "/subscriptions/s/d", term(in("topology.disk.csi.azure.com/zone", ""))),
			[]string{"azure unknown"},
			true,
		},
		"Scaleway": {
			csiVolume("csi.scaleway.com", "fr-par-1/1", term(in("topology.csi.scaleway.com/zone", "fr-par-1"))),
			[]string{"scaleway/fr-par/fr-par-1 FR"},
			false,
		},
		"Hetzner": {
			csiVolume("csi.hetzner.cloud", "1234", term(in("csi.hetzner.cloud/location", "hel1"))),
			[]string{"hetzner/hel1 FI"},
			false,
		},
		"DigitalOcean": {
			csiVolume("dobs.csi.digitalocean.com", "u", term(in("region", "fra1"))),
			[]string{"digitalocean/fra1 DE"},
			false,
		},
		"Exoscale": {
			csiVolume("csi.exoscale.com", "u", term(in("topology.csi.exoscale.com/zone", "ch-dk-2"))),
			[]string{"exoscale/ch-dk-2/ch-dk-2 CH"},
			false,
		},
		"UpCloud": {
			csiVolume("storage.csi.upcloud.com", "u", term(in("region", "fi-hel2"))),
			[]string{"upcloud/fi-hel2 FI"},
			false,
		},
		"IONOS names only its data centre": {
			csiVolume("cloud.ionos.com", "u", term(in("enterprise.cloud.ionos.com/datacenter-id", "u"))),
			[]string{"ionos unknown"},
			true,
		},
		"OpenStack is not guessed": {
			csiVolume("cinder.csi.openstack.org", "u", term(in("topology.cinder.csi.openstack.org/zone", "nova"))),
			nil,
			false,
		},
		"OpenStack declared as OVH": {
			withLabels(csiVolume("cinder.csi.openstack.org", "u", term(in("topology.cinder.csi.openstack.org/zone", "nova"))), map[string]string{v1alpha1.LabelCloud: "ovh", labelRegion: "GRA11"}),
			[]string{"ovh/GRA11/nova FR"},
			false,
		},
		"alternatives": {csiVolume("ebs.csi.aws.com", "v", term(in("topology.ebs.csi.aws.com/zone", "eu-west-1a")), term(in("topology.ebs.csi.aws.com/zone", "us-east-1a", "eu-west-1a"))),
			[]string{"aws/eu-west-1/eu-west-1a IE", "aws/us-east-1/us-east-1a US"}, false},
		"one alternative unknown": {csiVolume("ebs.csi.aws.com", "v", term(in("topology.ebs.csi.aws.com/zone", "eu-west-1a")), term(in("example.com/rack", "7"))),
			[]string{"aws/eu-west-1/eu-west-1a IE", "aws unknown"}, false},
		"an empty term matches nothing": {
			csiVolume("ebs.csi.aws.com", "v", term(in(labelZone, "eu-west-1a")), term()),
			[]string{"aws/eu-west-1/eu-west-1a IE"},
			false,
		},
		"zone excluded by another requirement": {csiVolume("ebs.csi.aws.com", "v", term(in(labelZone, "eu-west-1a", "us-east-1a"), in("topology.ebs.csi.aws.com/zone", "eu-west-1a"))),
			[]string{"aws/eu-west-1/eu-west-1a IE"}, false},
		"requirements that exclude each other": {
			csiVolume("ebs.csi.aws.com", "v", term(in(labelZone, "eu-west-1a"), in("topology.ebs.csi.aws.com/zone", "us-east-1a"))),
			nil,
			false,
		},
		"zone in one of several regions": {
			csiVolume("ebs.csi.aws.com", "v", term(in(labelZone, "eu-west-1a"), in(labelRegion, "eu-west-1", "us-east-1"))),
			[]string{"aws/eu-west-1/eu-west-1a IE"},
			false,
		},
		"zone in none of several regions": {
			csiVolume("ebs.csi.aws.com", "v", term(in(labelZone, "eu-west-1a"), in(labelRegion, "eu-west-2", "us-east-1"))),
			[]string{"aws unknown"},
			false,
		},
		"zone against region": {
			csiVolume("ebs.csi.aws.com", "v", term(in(labelZone, "us-east-1a"), in(labelRegion, "eu-west-1"))),
			[]string{"aws unknown"},
			false,
		},
		"driver against label": {
			withLabels(ebsVolume("eu-west-1a"), map[string]string{v1alpha1.LabelCloud: "gcp"}),
			nil,
			false,
		},
		"driver against private label": {
			withLabels(ebsVolume("eu-west-1a"), map[string]string{v1alpha1.LabelCloud: "lux", v1alpha1.LabelCountry: "LU"}),
			nil,
			false,
		},
		"declared country against the zone": {
			withLabels(ebsVolume("us-east-1a"), map[string]string{v1alpha1.LabelCountry: "IE"}),
			[]string{"aws/us-east-1/us-east-1a unknown"},
			false,
		},
		"label against affinity": {
			withLabels(ebsVolume("us-east-1a"), map[string]string{labelZone: "eu-west-1a"}),
			nil,
			false,
		},
		"unknown driver": {
			csiVolume("csi.example.com", "u", term(in(labelZone, "eu-west-1a"))),
			nil,
			false,
		},
		"unknown driver, declared": {
			withLabels(csiVolume("driver.longhorn.io", "u"), map[string]string{v1alpha1.LabelCloud: "lux-dc", v1alpha1.LabelCountry: "LU", labelRegion: "lu-1"}),
			[]string{"lux-dc/lu-1 LU"},
			false,
		},
		"declared by affinity": {
			csiVolume("rook-ceph.rbd.csi.ceph.com", "u", term(in(v1alpha1.LabelCloud, "lux-dc"), in(v1alpha1.LabelCountry, "LU"), in(labelZone, "a", "b"))),
			[]string{"lux-dc/unknown/a LU", "lux-dc/unknown/b LU"},
			false,
		},
		"two data centres by affinity": {
			csiVolume("rook-ceph.rbd.csi.ceph.com", "u", term(in(v1alpha1.LabelCloud, "lux-dc", "paris-dc"))),
			[]string{"lux-dc unknown", "paris-dc unknown"},
			false,
		},
		"local": {
			&corev1.PersistentVolume{Spec: corev1.PersistentVolumeSpec{PersistentVolumeSource: corev1.PersistentVolumeSource{Local: &corev1.LocalVolumeSource{Path: "/d"}}}},
			nil,
			true,
		},
		"bound to hosts": {
			csiVolume("csi.example.com", "u", term(in(corev1.LabelHostname, "n1"))),
			nil,
			true,
		},
		"bound to a host in one alternative": {
			csiVolume("csi.example.com", "u", term(in(corev1.LabelHostname, "n1")), term(in("rack", "1"))),
			nil,
			false,
		},
		"in-tree EBS": {
			inTree(nil, corev1.PersistentVolumeSource{AWSElasticBlockStore: &corev1.AWSElasticBlockStoreVolumeSource{VolumeID: "aws://eu-west-3b/vol-1"}}),
			[]string{"aws/eu-west-3/eu-west-3b FR"},
			false,
		},
		"in-tree regional PD": {inTree(map[string]string{labelZoneBeta: "europe-west1-b__europe-west1-c", labelRegionBeta: "europe-west1"}, corev1.PersistentVolumeSource{GCEPersistentDisk: &corev1.GCEPersistentDiskVolumeSource{PDName: "d"}}),
			[]string{"gcp/europe-west1/europe-west1-b BE", "gcp/europe-west1/europe-west1-c BE"}, false},
		"in-tree Azure disk": {
			inTree(map[string]string{labelRegion: "northeurope"}, corev1.PersistentVolumeSource{AzureDisk: &corev1.AzureDiskVolumeSource{}}),
			[]string{"azure/northeurope IE"},
			false,
		},
		"NFS": {
			inTree(nil, corev1.PersistentVolumeSource{NFS: &corev1.NFSVolumeSource{Server: "10.0.0.1"}}),
			nil,
			false,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := FromPersistentVolume(test.volume, DefaultOptions())
			if !slices.Equal(names(got), test.want) {
				t.Errorf("places: got %q, want %q", names(got), test.want)
			}
			if follows := FollowsNode(test.volume); follows != test.follows {
				t.Errorf("follows its node: got %v, want %v", follows, test.follows)
			}
		})
	}
}

func TestFromStorageClass(t *testing.T) {
	waits, immediate := storagev1.VolumeBindingWaitForFirstConsumer, storagev1.VolumeBindingImmediate
	allowed := func(key string, values ...string) []corev1.TopologySelectorTerm {
		return []corev1.TopologySelectorTerm{{MatchLabelExpressions: []corev1.TopologySelectorLabelRequirement{{Key: key, Values: values}}}}
	}
	tests := map[string]struct {
		class      *storagev1.StorageClass
		want       []string
		restricted bool
	}{
		"nil": {nil, nil, true},
		"waits for the pod": {
			&storagev1.StorageClass{Provisioner: "ebs.csi.aws.com", VolumeBindingMode: &waits},
			nil,
			false,
		},
		"does not wait": {
			&storagev1.StorageClass{Provisioner: "ebs.csi.aws.com", VolumeBindingMode: &immediate},
			nil,
			true,
		},
		"does not wait by default": {&storagev1.StorageClass{Provisioner: "ebs.csi.aws.com"}, nil, true},
		"local": {
			&storagev1.StorageClass{Provisioner: "kubernetes.io/no-provisioner", VolumeBindingMode: &waits},
			nil,
			false,
		},
		"unknown driver that waits": {
			&storagev1.StorageClass{Provisioner: "driver.longhorn.io", VolumeBindingMode: &waits},
			nil,
			false,
		},
		"network storage": {
			&storagev1.StorageClass{Provisioner: "efs.csi.aws.com", VolumeBindingMode: &waits},
			nil,
			true,
		},
		"NFS": {
			&storagev1.StorageClass{Provisioner: "nfs.csi.k8s.io", VolumeBindingMode: &waits},
			nil,
			true,
		},
		"NFS, declared": {
			&storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{v1alpha1.LabelCloud: "lux-dc", v1alpha1.LabelCountry: "LU"}}, Provisioner: "nfs.csi.k8s.io"},
			[]string{"lux-dc LU"},
			true,
		},
		"allowed zones": {
			&storagev1.StorageClass{Provisioner: "ebs.csi.aws.com", VolumeBindingMode: &waits, AllowedTopologies: allowed("topology.ebs.csi.aws.com/zone", "eu-west-1a", "us-east-1a")},
			[]string{"aws/eu-west-1/eu-west-1a IE", "aws/us-east-1/us-east-1a US"}, true},
		"allowed zones of an unknown driver": {
			&storagev1.StorageClass{Provisioner: "csi.example.com", VolumeBindingMode: &waits, AllowedTopologies: allowed(labelZone, "eu-west-1a")},
			nil,
			true,
		},
		"Azure location": {
			&storagev1.StorageClass{Provisioner: "file.csi.azure.com", VolumeBindingMode: &immediate, Parameters: map[string]string{"location": "francecentral"}},
			[]string{"azure/francecentral FR"},
			true,
		},
		"zones parameter": {
			&storagev1.StorageClass{Provisioner: "kubernetes.io/gce-pd", Parameters: map[string]string{"zones": "europe-west1-b, europe-west1-c"}},
			[]string{"gcp/europe-west1/europe-west1-b BE", "gcp/europe-west1/europe-west1-c BE"}, true},
		"parameter against topology": {
			&storagev1.StorageClass{Provisioner: "disk.csi.azure.com", Parameters: map[string]string{"location": "eastus"}, AllowedTopologies: allowed("topology.disk.csi.azure.com/zone", "westeurope-1")},
			[]string{"azure unknown"},
			true,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, restricted := FromStorageClass(test.class, DefaultOptions())
			if !slices.Equal(names(got), test.want) || restricted != test.restricted {
				t.Errorf("got %q, %v; want %q, %v", names(got), restricted, test.want, test.restricted)
			}
		})
	}
}
