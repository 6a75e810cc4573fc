package location

import (
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	"tradewind.dev/tradewind/apis/v1alpha1"
)

// testNode is a node with a provider id and labels: "KEY=VALUE KEY=VALUE".
func testNode(providerID, labels string) *corev1.Node {
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n", Labels: map[string]string{}}}
	node.Spec.ProviderID = providerID
	for _, l := range strings.Fields(strings.NewReplacer(
		"REGION=", labelRegion+"=", "ZONE=", labelZone+"=", "TYPE=", labelInstanceType+"=",
		"OLDREGION=", labelRegionBeta+"=", "OLDZONE=", labelZoneBeta+"=", "OLDTYPE=", labelInstanceTypeBeta+"=",
		"CLOUD=", v1alpha1.LabelCloud+"=", "COUNTRY=", v1alpha1.LabelCountry+"=", "OPERATOR=", v1alpha1.LabelOperatorCountry+"=",
	).Replace(labels)) {
		key, value, _ := strings.Cut(l, "=")
		node.Labels[key] = value
	}
	return node
}

// aksID is the provider id of a node of AKS, whose resource group is named after a region.
func aksID(region string) string {
	return "azure:///subscriptions/0b1f/resourceGroups/mc_rg_aks_" + region +
		"/providers/Microsoft.Compute/virtualMachineScaleSets/aks-np-1-vmss/virtualMachines/0"
}

// TestFromNodeOfProviders has the nodes that every cloud and managed Kubernetes makes.
func TestFromNodeOfProviders(t *testing.T) {
	tests := map[string]struct {
		id, labels string
		// want is LOCATION COUNTRY OPERATOR TYPE CAPACITY.
		want string
	}{
		"EKS managed node group": {
			"aws:///eu-west-1a/i-0123456789abcdef0",
			"REGION=eu-west-1 ZONE=eu-west-1a TYPE=m6i.large eks.amazonaws.com/nodegroup=ng " +
				"eks.amazonaws.com/capacityType=ON_DEMAND",
			"aws/eu-west-1/eu-west-1a IE US m6i.large on-demand",
		},
		"EKS spot node group": {
			"aws:///eu-central-1b/i-0",
			"REGION=eu-central-1 ZONE=eu-central-1b TYPE=m5.large eks.amazonaws.com/capacityType=SPOT",
			"aws/eu-central-1/eu-central-1b DE US m5.large spot",
		},
		"EKS capacity block": {
			"aws:///us-east-2a/i-0",
			"REGION=us-east-2 ZONE=us-east-2a TYPE=p5.48xlarge eks.amazonaws.com/capacityType=CAPACITY_BLOCK",
			"aws/us-east-2/us-east-2a US US p5.48xlarge reserved",
		},
		"Karpenter on AWS": {
			"aws:///eu-north-1c/i-0",
			"REGION=eu-north-1 ZONE=eu-north-1c TYPE=c7g.xlarge karpenter.sh/capacity-type=spot",
			"aws/eu-north-1/eu-north-1c SE US c7g.xlarge spot",
		},
		"Karpenter reserved": {
			"aws:///eu-north-1c/i-0",
			"REGION=eu-north-1 ZONE=eu-north-1c TYPE=c7g.xlarge karpenter.sh/capacity-type=reserved",
			"aws/eu-north-1/eu-north-1c SE US c7g.xlarge reserved",
		},
		"EKS Fargate": {
			"aws:///eu-west-3a/b7c8/fargate-ip-10-0-1-1.eu-west-3.compute.internal",
			"REGION=eu-west-3 ZONE=eu-west-3a eks.amazonaws.com/compute-type=fargate",
			"aws/eu-west-3/eu-west-3a FR US - on-demand",
		},
		"AWS without labels": {
			"aws:///ap-southeast-2b/i-0",
			"",
			"aws/ap-southeast-2/ap-southeast-2b AU US - on-demand",
		},
		"AWS with old labels": {
			"aws:///eu-west-2a/i-0",
			"OLDREGION=eu-west-2 OLDZONE=eu-west-2a OLDTYPE=m4.large",
			"aws/eu-west-2/eu-west-2a GB US m4.large on-demand",
		},
		"AWS Local Zone": {
			"aws:///us-west-2-lax-1a/i-0",
			"REGION=us-west-2 ZONE=us-west-2-lax-1a TYPE=t3.medium",
			"aws/us-west-2/us-west-2-lax-1a US US t3.medium on-demand",
		},
		"AWS Local Zone abroad": {
			"aws:///eu-central-1-waw-1a/i-0",
			"REGION=eu-central-1 ZONE=eu-central-1-waw-1a",
			"aws/eu-central-1/eu-central-1-waw-1a PL US - on-demand",
		},
		"AWS Wavelength abroad": {
			"aws:///eu-west-3-wl1-cmn-wlz-1/i-0",
			"REGION=eu-west-3 ZONE=eu-west-3-wl1-cmn-wlz-1",
			"aws/eu-west-3/eu-west-3-wl1-cmn-wlz-1 MA US - on-demand",
		},
		"AWS China": {
			"aws:///cn-north-1a/i-0",
			"REGION=cn-north-1 ZONE=cn-north-1a",
			"aws/cn-north-1/cn-north-1a CN CN - on-demand",
		},
		"AWS GovCloud": {
			"aws:///us-gov-west-1a/i-0",
			"REGION=us-gov-west-1 ZONE=us-gov-west-1a",
			"aws/us-gov-west-1/us-gov-west-1a US US - on-demand",
		},
		"AWS Sovereign Cloud": {
			"aws:///eusc-de-east-1a/i-0",
			"REGION=eusc-de-east-1 ZONE=eusc-de-east-1a",
			"aws/eusc-de-east-1/eusc-de-east-1a DE US - on-demand",
		},
		"eksctl spot": {
			"aws:///eu-west-1a/i-0",
			"REGION=eu-west-1 ZONE=eu-west-1a lifecycle=Ec2Spot",
			"aws/eu-west-1/eu-west-1a IE US - spot",
		},
		"kOps spot": {
			"aws:///eu-west-1a/i-0",
			"REGION=eu-west-1 ZONE=eu-west-1a node-role.kubernetes.io/spot-worker=",
			"aws/eu-west-1/eu-west-1a IE US - spot",
		},
		"Spot Ocean": {
			"aws:///eu-west-1a/i-0",
			"REGION=eu-west-1 ZONE=eu-west-1a spotinst.io/node-lifecycle=spot",
			"aws/eu-west-1/eu-west-1a IE US - spot",
		},
		"Cast AI spot": {
			"aws:///eu-west-1a/i-0",
			"REGION=eu-west-1 ZONE=eu-west-1a scheduling.cast.ai/spot=true",
			"aws/eu-west-1/eu-west-1a IE US - spot",
		},
		"Cast AI fallback": {
			"aws:///eu-west-1a/i-0",
			"REGION=eu-west-1 ZONE=eu-west-1a scheduling.cast.ai/spot=true scheduling.cast.ai/spot-fallback=true",
			"aws/eu-west-1/eu-west-1a IE US - on-demand",
		},
		"Cluster API spot": {
			"aws:///eu-west-1a/i-0",
			"REGION=eu-west-1 ZONE=eu-west-1a cluster.x-k8s.io/interruptible=",
			"aws/eu-west-1/eu-west-1a IE US - spot",
		},
		"GKE": {
			"gce://project/europe-west1-b/gke-c-pool-1",
			"REGION=europe-west1 ZONE=europe-west1-b TYPE=e2-standard-4 cloud.google.com/gke-nodepool=p " +
				"cloud.google.com/gke-provisioning=standard topology.gke.io/zone=europe-west1-b",
			"gcp/europe-west1/europe-west1-b BE US e2-standard-4 on-demand",
		},
		"GKE spot": {
			"gce://project/europe-west4-a/n",
			"REGION=europe-west4 ZONE=europe-west4-a TYPE=n2-standard-2 cloud.google.com/gke-spot=true " +
				"cloud.google.com/gke-provisioning=spot",
			"gcp/europe-west4/europe-west4-a NL US n2-standard-2 spot",
		},
		"GKE preemptible": {
			"gce://project/asia-south1-a/n",
			"cloud.google.com/gke-preemptible=true",
			"gcp/asia-south1/asia-south1-a IN US - spot",
		},
		"GKE AI zone": {
			"gce://project/us-south1-ai1b/n",
			"REGION=us-south1 ZONE=us-south1-ai1b",
			"gcp/us-south1/us-south1-ai1b US US - on-demand",
		},
		"AKS": {
			aksID("westeurope"),
			"REGION=westeurope ZONE=westeurope-1 TYPE=Standard_D4s_v5 kubernetes.azure.com/cluster=mc " +
				"kubernetes.azure.com/scalesetpriority=regular",
			"azure/westeurope/westeurope-1 NL US Standard_D4s_v5 on-demand",
		},
		"AKS spot": {
			aksID("northeurope"),
			"REGION=northeurope ZONE=northeurope-3 kubernetes.azure.com/scalesetpriority=spot",
			"azure/northeurope/northeurope-3 IE US - spot",
		},
		"AKS with a zone only": {
			aksID("germanywestcentral"),
			"ZONE=germanywestcentral-2",
			"azure/germanywestcentral/germanywestcentral-2 DE US - on-demand",
		},
		"Azure China": {
			aksID("chinanorth3"),
			"REGION=chinanorth3 ZONE=chinanorth3-1",
			"azure/chinanorth3/chinanorth3-1 CN CN - on-demand",
		},
		"OVH managed": {
			"openstack:///1d2c",
			"REGION=GRA11 ZONE=nova TYPE=b3-16 node.k8s.ovh/type=standard",
			"ovh/GRA11/nova FR FR b3-16 on-demand",
		},
		"OVH by provider region": {
			"openstack://WAW1/1d2c",
			"TYPE=b2-7 node.k8s.ovh/type=standard",
			"ovh/WAW1 PL FR b2-7 on-demand",
		},
		"OVH in three zones": {
			"openstack:///1d2c",
			"REGION=EU-WEST-PAR ZONE=eu-west-par-a CLOUD=ovh",
			"ovh/EU-WEST-PAR/eu-west-par-a FR FR - on-demand",
		},
		"OVH US": {
			"openstack:///1d2c",
			"REGION=US-EAST-VA-1 CLOUD=ovh",
			"ovh/US-EAST-VA-1 US US - on-demand",
		},
		"Scaleway Kapsule": {
			"scaleway://instance/fr-par-1/5cd0",
			"REGION=fr-par ZONE=fr-par-1 TYPE=PRO2-S k8s.scaleway.com/pool-name=default",
			"scaleway/fr-par/fr-par-1 FR FR PRO2-S on-demand",
		},
		"Scaleway bare metal": {
			"scaleway://baremetal/nl-ams-1/5cd0",
			"",
			"scaleway/nl-ams/nl-ams-1 NL FR - on-demand",
		},
		"Scaleway by labels": {
			"",
			"REGION=pl-waw ZONE=pl-waw-2 k8s.scaleway.com/pool-name=default",
			"scaleway/pl-waw/pl-waw-2 PL FR - on-demand",
		},
		"Hetzner Cloud": {
			"hcloud://1234567",
			"REGION=fsn1 ZONE=fsn1-dc14 TYPE=cx32 instance.hetzner.cloud/provided-by=cloud " +
				"csi.hetzner.cloud/location=fsn1",
			"hetzner/fsn1/fsn1-dc14 DE DE cx32 on-demand",
		},
		"Hetzner Robot": {
			"hrobot://321",
			"REGION=hel1 ZONE=hel1-dc7 instance.hetzner.cloud/provided-by=robot",
			"hetzner/hel1/hel1-dc7 FI DE - on-demand",
		},
		"IBM VPC": {
			"ibm://4d5e///c1/kube-c1-default-0001",
			"REGION=eu-de ZONE=eu-de-2 TYPE=bx2.4x16 ibm-cloud.kubernetes.io/iaas-provider=g2 " +
				"ibm-cloud.kubernetes.io/worker-id=w",
			"ibm/eu-de/eu-de-2 DE US bx2.4x16 on-demand",
		},
		"IBM classic abroad": {
			"ibm://4d5e///c1/w1",
			"REGION=eu-de ZONE=osl01 TYPE=b3c.4x16",
			"ibm/eu-de/osl01 NO US b3c.4x16 on-demand",
		},
		"IBM classic, no region": {"ibm://4d5e///c1/w1", "ZONE=mon01", "ibm/unknown/mon01 CA US - on-demand"},
		"OKE": {
			"ocid1.instance.oc1.uk-london-1.anwgiljt",
			"REGION=uk-london-1 ZONE=UK-LONDON-1-AD-1 TYPE=VM.Standard.E4.Flex",
			"oracle/uk-london-1/UK-LONDON-1-AD-1 GB US VM.Standard.E4.Flex on-demand",
		},
		"OKE by region key": {
			"ocid1.instance.oc1.iad.anuwcljt",
			"REGION=iad ZONE=US-ASHBURN-AD-2",
			"oracle/us-ashburn-1/US-ASHBURN-AD-2 US US - on-demand",
		},
		"OKE in Phoenix": {
			"ocid1.instance.oc1.phx.anuwcljt",
			"ZONE=PHX-AD-1",
			"oracle/us-phoenix-1/PHX-AD-1 US US - on-demand",
		},
		"OKE, zone of a tenancy": {
			"oci://ocid1.instance.oc1.fra.an",
			"ZONE=Uocm:EU-FRANKFURT-1-AD-3 oci.oraclecloud.com/oke-is-preemptible=true",
			"oracle/eu-frankfurt-1/Uocm:EU-FRANKFURT-1-AD-3 DE US - spot",
		},
		"DigitalOcean": {
			"digitalocean://312345",
			"REGION=fra1 TYPE=s-4vcpu-8gb doks.digitalocean.com/node-pool=p",
			"digitalocean/fra1 DE US s-4vcpu-8gb on-demand",
		},
		"Exoscale SKS": {
			"exoscale://2f1e",
			"REGION=ch-gva-2 ZONE=ch-gva-2 TYPE=medium node.exoscale.net/nodepool-id=x",
			"exoscale/ch-gva-2/ch-gva-2 CH CH medium on-demand",
		},
		"IONOS": {
			"ionos://7a6b",
			"OLDREGION=es-vit OLDZONE=AUTO enterprise.cloud.ionos.com/datacenter-id=x",
			"ionos/es-vit/AUTO ES DE - on-demand",
		},
		"STACKIT": {
			"stackit://project/server",
			"REGION=eu01 ZONE=eu01-m TYPE=c1.3",
			"stackit/eu01/eu01-m DE DE c1.3 on-demand",
		},
		"STACKIT on OpenStack": {
			"openstack:///9c8d",
			"REGION=RegionOne ZONE=eu01-1 CLOUD=stackit",
			"stackit/eu01/eu01-1 DE DE - on-demand",
		},
		"AKS group of own name": {
			"azure:///subscriptions/0b1f/resourceGroups/mc-nodes_eastus/providers/Microsoft.Compute/virtualMachines/a",
			"REGION=westeurope",
			"azure/westeurope NL US - on-demand",
		},
		"AKS group that was cut": {
			aksID(strings.Repeat("c", 60) + "_westeurope"),
			"REGION=northeurope",
			"azure/northeurope IE US - on-demand",
		},
		"Power VS": {
			"ibmpowervs://osa/osa21/3229/809c",
			"ZONE=osa21",
			"ibm/jp-osa/osa21 JP US - on-demand",
		},
		"Power VS, older id": {"ibmpowervs://cluster/machine", "REGION=jp-osa", "ibm/jp-osa JP US - on-demand"},
		"UpCloud": {
			"upcloud:////00c1",
			"REGION=fi-hel1 ZONE=fi-hel1 TYPE=4xCPU-8GB",
			"upcloud/fi-hel1/fi-hel1 FI FI 4xCPU-8GB on-demand",
		},
		"emma": {
			"",
			"topology.emma.ms/cloud=AWS REGION=eu-west-1 ZONE=eu-west-1b",
			"aws/eu-west-1/eu-west-1b IE US - on-demand",
		},
		"cloud.provider": {
			"k3s://n1",
			"cloud.provider=google REGION=europe-west3 ZONE=europe-west3-c",
			"gcp/europe-west3/europe-west3-c DE US - on-demand",
		},
		"Talos on Hetzner": {
			"talos://metal/10.0.1.101",
			"CLOUD=hetzner REGION=nbg1 TYPE=cx32",
			"hetzner/nbg1 DE DE cx32 on-demand",
		},
		"known cloud declared": {
			"rke2://n1",
			"CLOUD=hetzner REGION=nbg1 tradewind.dev/capacity-type=reserved",
			"hetzner/nbg1 DE DE - reserved",
		},
		"OpenShift spot on GCP": {
			"gce://p/us-east1-b/n",
			"machine.openshift.io/interruptible-instance=",
			"gcp/us-east1/us-east1-b US US - spot",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			n := FromNode(testNode(test.id, test.labels), DefaultOptions())
			if got := describe(n); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
			if len(n.Problems) != 0 {
				t.Errorf("problems: %q", n.Problems)
			}
			if !n.Coordinates.Known {
				t.Error("coordinates are not known")
			}
		})
	}
}

func describe(n Node) string {
	or := func(s string) string {
		if s == "" {
			return "-"
		}
		return s
	}
	return strings.Join([]string{n.String(), or(n.Country), or(n.OperatorCountry), or(n.InstanceType), or(string(n.CapacityType))}, " ")
}

func TestLabelsOf(t *testing.T) {
	n := FromNode(testNode("aws:///eu-west-1a/i-0", "REGION=eu-west-1 ZONE=eu-west-1a TYPE=m5.large karpenter.sh/capacity-type=spot"), DefaultOptions())
	want := map[string]string{
		v1alpha1.LabelCloud: "aws", v1alpha1.LabelCountry: "IE", v1alpha1.LabelOperatorCountry: "US",
		v1alpha1.LabelCapacityType: "spot", labelRegion: "eu-west-1", labelZone: "eu-west-1a", labelInstanceType: "m5.large",
	}
	got := LabelsOf(n)
	if len(got) != len(want) {
		t.Errorf("got %v, want %v", got, want)
	}
	for k, v := range want {
		if got[k] != v {
			t.Errorf("%s: got %q, want %q", k, got[k], v)
		}
	}
	if got := LabelsOf(Node{}); len(got) != 0 {
		t.Errorf("labels of an unknown node: %v", got)
	}
}

func TestOptions(t *testing.T) {
	if err := DefaultOptions().Validate(); err != nil {
		t.Errorf("default options: %v", err)
	}
	for entry, want := range map[string]string{
		"":                    "write KEY, KEY=CLOUD or PREFIX/*=CLOUD",
		"=aws":                "no label key",
		"example.com/*":       "does not say which cloud",
		"/*=aws":              "no label key",
		"example.com/c=attic": "names no known cloud",
		"example.com/c*d=aws": "no label key",
		"a b":                 "no label key",
		"example.com/cloud=":  "names no known cloud",
	} {
		err := Options{CloudLabels: []string{"good", entry}}.Validate()
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "cloudLabels[1]") {
			t.Errorf("%q: got %v, want %q", entry, err, want)
		}
	}
	if err := (Options{CloudLabels: make([]string, maxCloudLabels+1)}).Validate(); err == nil {
		t.Error("too many entries are accepted")
	}
	node := testNode("", "example.com/c=aws REGION=eu-west-1")
	if n := FromNode(node, DefaultOptions()); n.Cloud != "" {
		t.Errorf("label that is not listed: %v", n)
	}
	for _, entry := range []string{"example.com/c", "example.com/c=aws", "example.com/*=aws"} {
		options := Options{CloudLabels: []string{"", entry, entry}}
		if n := FromNode(node, options); n.Country != "IE" {
			t.Errorf("%s: got %v", entry, n)
		}
		if n := FromNode(node, options.Compile()); n.Country != "IE" {
			t.Errorf("%s, compiled: got %v", entry, n)
		}
	}
	// A caller's change of the default list counts.
	options := DefaultOptions()
	options.CloudLabels[0] = "example.com/c"
	if n := FromNode(node, options); n.Country != "IE" {
		t.Errorf("changed defaults: got %v", n)
	}
	if n := FromNode(node, DefaultOptions()); n.Cloud != "" {
		t.Errorf("the defaults were changed: %v", n)
	}
	if len(capacityRules) > maxCapacityRules {
		t.Errorf("%d capacity rules in %d slots", len(capacityRules), maxCapacityRules)
	}
}

// TestReads: what FromNode reads is in Reads, so that a guard made from it leaves nothing out. Every label that changes the
// answer for some node must be there; those of drivers and people must not.
func TestReads(t *testing.T) {
	options := DefaultOptions()
	options.CloudLabels = append(options.CloudLabels, "example.com/cloud", "example.com/on-azure=azure", "nodes.example.com/*=ovh")
	reads := options.Reads()
	for _, key := range []string{
		labelRegion, labelZone, labelRegionBeta, labelZoneBeta, labelInstanceType, labelInstanceTypeBeta, labelIBMInfrastructure,
		v1alpha1.LabelCloud, v1alpha1.LabelCountry, v1alpha1.LabelOperatorCountry, v1alpha1.LabelCapacityType,
		labelCastSpot, labelCastSpotFallback, "karpenter.sh/capacity-type", "cloud.provider", "example.com/cloud", "example.com/on-azure",
	} {
		if !slices.Contains(reads.Labels, key) {
			t.Errorf("label %s is read, and not in Reads", key)
		}
	}
	for _, rule := range capacityRules {
		if !slices.Contains(reads.Labels, rule.key) {
			t.Errorf("label %s is read, and not in Reads", rule.key)
		}
	}
	if !slices.Contains(reads.Prefixes, "nodes.example.com/") || !slices.Contains(reads.Prefixes, "k8s.scaleway.com/") || len(reads.Annotations) != 1 {
		t.Errorf("prefixes %q, annotations %q", reads.Prefixes, reads.Annotations)
	}
	rapid.Check(t, func(r *rapid.T) {
		base := realNodes[rapid.IntRange(0, len(realNodes)-1).Draw(r, "node")]
		node := testNode(base.id, base.labels)
		before := FromNode(node, options)
		key := rapid.SampledFrom([]string{
			"topology.ebs.csi.aws.com/zone", "topology.gke.io/zone", "topology.disk.csi.azure.com/zone", "csi.hetzner.cloud/location",
			"kubernetes.io/hostname", "example.com/team", "nodes.example.com", "karpenter.sh/nodepool", "tradewind.dev/enforce",
		}).Draw(r, "key")
		node.Labels[key] = rapid.SampledFrom([]string{"", "aws", "eu-west-1a", "spot", "US", "ash"}).Draw(r, "value")
		if after := FromNode(node, options); after.Location != before.Location || after.CapacityType != before.CapacityType || after.InstanceType != before.InstanceType {
			r.Fatalf("label %s=%s turned %v into %v, and is not in Reads", key, node.Labels[key], before, after)
		}
	})
}
