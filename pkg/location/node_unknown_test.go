package location

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"tradewind.dev/tradewind/apis/v1alpha1"
)

// TestFromNodeNeverGuesses has nodes whose jurisdiction must stay unknown, with the words the problem must have.
func TestFromNodeNeverGuesses(t *testing.T) {
	tests := map[string]struct {
		id, labels, want, problem string
	}{
		"nothing": {
			"",
			"",
			"unknown - - - -",
			"spec.providerID is empty, and no label names it; label the node tradewind.dev/cloud=NAME",
		},
		"topology labels alone": {
			"",
			"REGION=eu-west-1 ZONE=eu-west-1a TYPE=m5.large",
			"unknown - - m5.large -",
			"the cloud is unknown",
		},
		"OpenStack alone": {
			"openstack:///1d2c",
			"REGION=GRA11 ZONE=nova",
			"unknown - - - -",
			"openstack, which names no known cloud",
		},
		"vSphere": {"vsphere://4213", "REGION=eu-west-1", "unknown - - - -", "vsphere"},
		"EKS hybrid node": {
			"eks-hybrid:///eu-west-1/c/mi-0",
			"eks.amazonaws.com/compute-type=hybrid REGION=eu-west-1",
			"unknown - - - -",
			"eks-hybrid",
		},
		"EKS hybrid node claiming AWS": {
			"eks-hybrid:///eu-west-1/c/mi-0",
			"CLOUD=aws REGION=eu-west-1",
			"unknown - - - -",
			"label tradewind.dev/cloud says the cloud is aws, but spec.providerID is of eks-hybrid",
		},
		"IBM Satellite host": {
			"ibm://4d5e///c1/w1",
			"REGION=eu-de ZONE=eu-de-1 ibm-cloud.kubernetes.io/iaas-provider=upi",
			"unknown - - - -",
			"Satellite",
		},
		"Scaleway Kosmos external node": {
			"scaleway://external/fr-par-1/5cd0",
			"REGION=fr-par",
			"unknown - - - -",
			"scaleway",
		},
		"other cloud claiming AWS": {
			"linode://123",
			"CLOUD=aws REGION=eu-west-1",
			"unknown - - - -",
			"is of linode",
		},
		"no scheme": {
			"cn-hangzhou.i-bp1",
			"REGION=cn-hangzhou",
			"unknown - - - -",
			"cn-hangzhou.i-bp1",
		},
		"country alone": {
			"",
			"COUNTRY=LU",
			"unknown - - - -",
			"counts only beside tradewind.dev/cloud",
		},
		"unread cloud label": {
			"",
			"cloud.provider=attic",
			"unknown - - - -",
			`cloud.provider is "attic", which names none either`,
		},
		"provider id against declared cloud": {
			"aws:///us-east-1a/i-0",
			"CLOUD=ovh REGION=GRA11",
			"unknown - - - -",
			"spec.providerID says the cloud is aws and label tradewind.dev/cloud says ovh",
		},
		"provider id against private cloud": {
			"aws:///us-east-1a/i-0",
			"CLOUD=lux-dc COUNTRY=LU",
			"unknown - - - -",
			"label tradewind.dev/cloud says lux-dc",
		},
		"provider id against cloud label": {
			"aws:///us-east-1a/i-0",
			"topology.emma.ms/cloud=azure",
			"unknown - - - -",
			"label topology.emma.ms/cloud says azure",
		},
		"provider id against GKE's label": {
			"aws:///us-east-1a/i-0",
			"cloud.google.com/gke-nodepool=p",
			"unknown - - - -",
			"gke-nodepool",
		},
		"provider id against a prefix": {
			"hcloud://1",
			"REGION=fsn1 k8s.scaleway.com/pool-name=p",
			"unknown - - - -",
			"k8s.scaleway.com/",
		},
		"two cloud labels": {
			"",
			"topology.emma.ms/cloud=azure cloud.provider=aws",
			"unknown - - - -",
			"remove the label that is wrong",
		},
		"private cloud against cloud label": {
			"",
			"CLOUD=lux-dc COUNTRY=LU cloud.provider=aws",
			"unknown - - - -",
			"lux-dc",
		},
		"provider zone against region label": {
			"aws:///us-east-1a/i-0",
			"REGION=eu-west-1",
			"aws - - - on-demand",
			"zone us-east-1a is not in region eu-west-1",
		},
		"provider zone against zone label": {
			"aws:///us-east-1a/i-0",
			"ZONE=eu-west-1a",
			"aws - - - on-demand",
			"spec.providerID says the zone is us-east-1a and label topology.kubernetes.io/zone says eu-west-1a",
		},
		"Wavelength Zone against zone label": {
			"aws:///eu-west-3-wl1-cmn-wlz-1/i-0",
			"REGION=eu-west-3 ZONE=eu-west-3a",
			"aws - - - on-demand",
			"neither counts",
		},
		"provider region against label": {
			"ocid1.instance.oc1.iad.x",
			"REGION=eu-frankfurt-1",
			"oracle - US - on-demand",
			"spec.providerID says the region is us-ashburn-1",
		},
		"zone label against region label": {
			"azure:///s",
			"REGION=westeurope ZONE=eastus-1",
			"azure - - - on-demand",
			"zone eastus-1 is not in region westeurope",
		},
		"AKS group against region and zone": {
			aksID("eastus"),
			"REGION=westeurope ZONE=westeurope-1",
			"azure - - - on-demand",
			"spec.providerID is of a resource group that Microsoft Azure names after the region eastus, and " +
				"label topology.kubernetes.io/region says westeurope",
		},
		"AKS group against the zone alone": {
			aksID("eastus"),
			"ZONE=westeurope-1",
			"azure - - - on-demand",
			"zone westeurope-1 is not in region eastus",
		},
		"AKS group against a private region": {
			aksID("eastus"),
			"REGION=mars COUNTRY=LU",
			"azure - - - on-demand",
			"names after the region eastus",
		},
		"AKS group in capitals": {
			"azure:///subscriptions/0b1f/resourcegroups/MC_rg_aks_EastUS/providers/microsoft.compute/virtualMachines/a",
			"REGION=westeurope",
			"azure - - - on-demand",
			"region eastus",
		},
		"Azure Arc machine": {
			"azure:///subscriptions/0b1f/resourceGroups/rg/providers/Microsoft.HybridCompute/machines/a",
			"REGION=westeurope",
			"unknown - - - -",
			"spec.providerID is of azure (Microsoft.HybridCompute), which names no known cloud",
		},
		"Azure Arc machine that says Azure": {
			"azure:///subscriptions/0b1f/resourceGroups/rg/providers/Microsoft.HybridCompute/machines/a",
			"REGION=westeurope CLOUD=azure",
			"unknown - - - -",
			"azure (Microsoft.HybridCompute)",
		},
		"Azure zone of no region": {
			"azure:///s",
			"REGION=westeurope ZONE=x-1",
			"azure/westeurope/x-1 - US - on-demand",
			"no zone x-1",
		},
		"Hetzner zone against region": {
			"hcloud://1",
			"REGION=fsn1 ZONE=ash-dc1",
			"hetzner - DE - on-demand",
			"zone ash-dc1 is not in region fsn1",
		},
		"Hetzner zone of no location": {
			"hcloud://1",
			"REGION=fsn1 ZONE=ash1-dc1",
			"hetzner/fsn1/ash1-dc1 - DE - on-demand",
			"Hetzner has no zone ash1-dc1 that this release knows",
		},
		"Hetzner zone of no form": {
			"hcloud://1",
			"REGION=fsn1 ZONE=z1",
			"hetzner/fsn1/z1 - DE - on-demand",
			"Hetzner has no zone z1 that this release knows",
		},
		"Power VS zone against region": {
			"ibmpowervs://osa/osa21/3229/809c",
			"REGION=eu-de",
			"ibm - US - on-demand",
			"zone osa21 is not in region eu-de",
		},
		"region of another cloud": {
			"aws:///eu-west-1a/i-0",
			"REGION=westeurope",
			"aws - - - on-demand",
			"zone eu-west-1a is not in region westeurope",
		},
		"new region": {
			"aws:///eu-west-9a/i-0",
			"REGION=eu-west-9 ZONE=eu-west-9a",
			"aws/eu-west-9/eu-west-9a - - - on-demand",
			"has no region eu-west-9 that this release knows; if it is right, declare its country with label " +
				"tradewind.dev/country=CODE",
		},
		"new Local Zone": {
			"aws:///us-east-1-abc-1a/i-0",
			"REGION=us-east-1 ZONE=us-east-1-abc-1a",
			"aws/us-east-1/us-east-1-abc-1a - US - on-demand",
			"may stand in another country",
		},
		"odd zone on Google Cloud": {
			"gce://p/europe-west1-bb/n",
			"REGION=europe-west1",
			"gcp/europe-west1/europe-west1-bb - US - on-demand",
			"no zone europe-west1-bb",
		},
		"no region": {
			"hcloud://1",
			"",
			"hetzner - DE - on-demand",
			"label topology.kubernetes.io/region is missing",
		},
		"region that is no name": {
			"hcloud://1",
			"REGION=fsn1/../hel1",
			"hetzner - DE - on-demand",
			"no name of a region",
		},
		"zone that is no name": {
			"hcloud://1",
			"REGION=fsn1 ZONE=a/b",
			"hetzner - DE - on-demand",
			"no name of a zone",
		},
		"declared country against region": {
			"aws:///us-east-1a/i-0",
			"REGION=us-east-1 COUNTRY=IE",
			"aws/us-east-1/us-east-1a - US - on-demand",
			"label tradewind.dev/country says \"IE\" but aws/us-east-1/us-east-1a stands in US",
		},
		"declared country against Local Zone": {
			"aws:///us-east-1-bue-1a/i-0",
			"COUNTRY=US",
			"aws/us-east-1/us-east-1-bue-1a - US - on-demand",
			"stands in AR",
		},
		"declared country that is none": {
			"aws:///eu-west-9a/i-0",
			"REGION=eu-west-9 COUNTRY=UK",
			"aws/eu-west-9/eu-west-9a - - - on-demand",
			"did you mean GB?",
		},
		"cloud that is no name": {"", "CLOUD=a/b COUNTRY=LU", "unknown - - - -", "which is no name"},
		"private without country": {
			"",
			"CLOUD=lux-dc OPERATOR=LU",
			"lux-dc - LU - on-demand",
			"label the node tradewind.dev/country=CODE",
		},
		"private with a wrong country": {
			"",
			"CLOUD=lux-dc COUNTRY=lu OPERATOR=LU",
			"lux-dc - LU - on-demand",
			"did you mean LU?",
		},
		"private with a wrong operator": {
			"",
			"CLOUD=lux-dc COUNTRY=LU OPERATOR=EU",
			"lux-dc LU - - on-demand",
			"tradewind.dev/operator-country",
		},
		"capacity labels disagree": {
			"gce://p/europe-west1-b/n",
			"karpenter.sh/capacity-type=on-demand cloud.google.com/gke-spot=true",
			"gcp/europe-west1/europe-west1-b BE US - -",
			"remove the wrong one",
		},
		"Cast AI disagrees": {
			"gce://p/europe-west1-b/n",
			"karpenter.sh/capacity-type=on-demand scheduling.cast.ai/spot=true",
			"gcp/europe-west1/europe-west1-b BE US - -",
			"remove the wrong one",
		},
		"declared capacity that is none": {
			"gce://p/europe-west1-b/n",
			"tradewind.dev/capacity-type=cheap",
			"gcp/europe-west1/europe-west1-b BE US - -",
			"set it to on-demand, spot or reserved",
		},
		"AKS without zones": {
			aksID("swedencentral"),
			"REGION=swedencentral ZONE=0 TYPE=Standard_B2s",
			"azure/swedencentral SE US Standard_B2s on-demand",
			"is 0, which is a fault domain (a rack) and no availability zone",
		},
		"AKS without zones, no region": {
			aksID("swedencentral"),
			"ZONE=2",
			"azure - - - on-demand",
			"is 2, which is a fault domain",
		},
		"Talos alone": {
			"talos://metal/10.0.1.101",
			"REGION=nbg1",
			"unknown - - - -",
			"the cloud is unknown",
		},
		"AWS Outposts rack": {
			"aws:///eu-west-1a/i-0",
			"REGION=eu-west-1 ZONE=eu-west-1a topology.ebs.csi.aws.com/outpost-id=op-0123",
			"aws/eu-west-1/eu-west-1a - US - on-demand",
			"it is of the AWS Outposts rack op-0123, which stands on a customer's ground",
		},
		"AWS Outposts rack, country not one": {
			"aws:///eu-west-1a/i-0",
			"REGION=eu-west-1 ZONE=eu-west-1a COUNTRY=UK topology.ebs.csi.aws.com/outpost-id=op-0123",
			"aws/eu-west-1/eu-west-1a - US - on-demand",
			"did you mean GB?",
		},
		"zones of one region disagree": {
			"aws:///eu-west-1a/i-0",
			"REGION=eu-west-1 ZONE=eu-west-1b",
			"aws/eu-west-1 IE US - on-demand",
			"so the zone is unknown",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			n := FromNode(testNode(test.id, test.labels), DefaultOptions())
			if got := describe(n); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
			if !strings.Contains(strings.Join(n.Problems, "\n"), test.problem) || len(n.Problems) == 0 {
				t.Errorf("problems %q do not say %q", n.Problems, test.problem)
			}
			if n.Country == "" && n.Coordinates.Known {
				t.Error("coordinates are known and the country is not")
			}
		})
	}
}

func TestFromNodeDeclared(t *testing.T) {
	node := testNode("vsphere://4213", "CLOUD=lux-dc COUNTRY=LU OPERATOR=DE REGION=lu-1 ZONE=lu-1a TYPE=r640 tradewind.dev/capacity-type=reserved k8s.scaleway.com/pool-name=p")
	node.Annotations = map[string]string{v1alpha1.AnnotationCoordinates: "49.61, 6.13"}
	n := FromNode(node, DefaultOptions())
	if got, want := describe(n), "lux-dc/lu-1/lu-1a LU DE r640 reserved"; got != want || len(n.Problems) != 0 {
		t.Errorf("got %s %q, want %s", got, n.Problems, want)
	}
	if want := (Coordinates{49.61, 6.13, true}); n.Coordinates != want {
		t.Errorf("coordinates: got %v, want %v", n.Coordinates, want)
	}

	node.Annotations[v1alpha1.AnnotationCoordinates] = "49,61"
	if n := FromNode(node, DefaultOptions()); n.Coordinates != (Coordinates{49, 61, true}) {
		t.Errorf("coordinates: got %v", n.Coordinates)
	}
	for _, bad := range []string{"", "49.61", "91,6", "49,181", "NaN,6", "49,Inf", "a,b", "1,2,3"} {
		node.Annotations[v1alpha1.AnnotationCoordinates] = bad
		if n := FromNode(node, DefaultOptions()); n.Coordinates.Known || len(n.Problems) != 1 || !strings.Contains(n.Problems[0], v1alpha1.AnnotationCoordinates) {
			t.Errorf("coordinates %q: got %v, %q", bad, n.Coordinates, n.Problems)
		}
	}

	// A region this release does not know can be declared, the operator cannot.
	n = FromNode(testNode("aws:///eu-west-9a/i-0", "REGION=eu-west-9 COUNTRY=PT OPERATOR=PT"), DefaultOptions())
	if got, want := describe(n), "aws/eu-west-9/eu-west-9a PT - - on-demand"; got != want || len(n.Problems) != 0 {
		t.Errorf("got %s %q, want %s", got, n.Problems, want)
	}
	// What the controller writes back changes nothing.
	n = FromNode(testNode("gce://p/europe-west1-b/n", "CLOUD=gcp COUNTRY=BE"), DefaultOptions())
	if got, want := describe(n), "gcp/europe-west1/europe-west1-b BE US - on-demand"; got != want || len(n.Problems) != 0 {
		t.Errorf("got %s %q, want %s", got, n.Problems, want)
	}
	if n := FromNode(nil, DefaultOptions()); n.Location != (Location{}) {
		t.Errorf("nil node: %v", n)
	}
}

// TestResourceGroupContradicts: for any two regions, a node of AKS is in a country only where its label says the region that
// its resource group is named after.
func TestResourceGroupContradicts(t *testing.T) {
	regions := Regions(cloudAzure)
	rapid.Check(t, func(r *rapid.T) {
		group, label := rapid.SampledFrom(regions).Draw(r, "group"), rapid.SampledFrom(regions).Draw(r, "label")
		labels := "REGION=" + label.Name
		if rapid.Bool().Draw(r, "zone") {
			labels += " ZONE=" + label.Name + "-1"
		}
		n := FromNode(testNode(aksID(group.Name), labels), DefaultOptions())
		switch {
		case group.Name != label.Name && (n.Country != "" || n.Region != "" || len(n.Problems) == 0):
			r.Fatalf("group of %s, label %s: %v, problems %q", group.Name, label.Name, n, n.Problems)
		case group.Name == label.Name && n.Country != label.Country:
			r.Fatalf("group and label of %s: %v, problems %q", label.Name, n, n.Problems)
		}
	})
}

// TestOutpost: a machine of an Outposts rack is in the country that is declared, whatever its zone says, and at no known point.
func TestOutpost(t *testing.T) {
	for country, want := range map[string]string{"DE": "DE", "IE": "IE"} {
		n := FromNode(testNode("aws:///eu-west-1a/i-0", "REGION=eu-west-1 ZONE=eu-west-1a COUNTRY="+country+" topology.ebs.csi.aws.com/outpost-id=op-0123"), DefaultOptions())
		if n.Country != want || n.OperatorCountry != "US" || n.Coordinates.Known || n.Zone != "eu-west-1a" || len(n.Problems) != 0 {
			t.Errorf("%s: %+v", country, n)
		}
	}
	reads := DefaultOptions().Reads()
	if !slices.Equal(reads.Narrowing, []string{labelOutpost}) || slices.Contains(reads.Labels, labelOutpost) {
		t.Errorf("narrowing %q, labels %q", reads.Narrowing, reads.Labels)
	}
}

// TestStrangeZone: a country can be declared for a zone that the provider id holds, not for one that only a label has.
func TestStrangeZone(t *testing.T) {
	n := FromNode(testNode("aws:///us-east-1-abc-1a/i-0", "REGION=us-east-1 COUNTRY=CR"), DefaultOptions())
	if n.Country != "CR" || n.Coordinates.Known || len(n.Problems) != 0 {
		t.Errorf("declared: %+v", n)
	}
	n = FromNode(testNode("k3s://n", "CLOUD=aws REGION=us-east-1 ZONE=us-east-1-abc-1a COUNTRY=CR"), DefaultOptions())
	if n.Country != "" || len(n.Problems) != 1 || !strings.Contains(n.Problems[0], "correct label topology.kubernetes.io/zone") {
		t.Errorf("by label: %+v", n)
	}
}
