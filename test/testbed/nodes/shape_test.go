package nodes_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/test/testbed/nodes"
)

// one builds the first node of a pool written as YAML.
func one(t *testing.T, pool string) *corev1.Node {
	t.Helper()
	file, err := nodes.Parse([]byte("pools: [{" + pool + "}]"))
	if err != nil {
		t.Fatal(err)
	}
	built, err := nodes.Build(file.Pools, nil)
	if err != nil {
		t.Fatal(err)
	}
	return built[0]
}

// TestShapes checks what the nodes of each cloud carry. A label "-" must be absent. No other taint than those named.
func TestShapes(t *testing.T) {
	const uuid = `[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}`
	for _, c := range []struct {
		pool       string
		name       string
		providerID string // regular expression
		labels     map[string]string
		taints     string
		place      string // as pkg/location reads it: cloud/region/zone type capacity
	}{
		{
			pool:       `cloud: aws, region: eu-west-1, zone: eu-west-1b, instanceType: m7i.large, capacityType: spot`,
			name:       "aws-eu-west-1b-m7i-large-spot-0",
			providerID: `aws:///eu-west-1b/i-0[0-9a-f]{16}`,
			labels: map[string]string{
				"topology.kubernetes.io/region": "eu-west-1", "topology.kubernetes.io/zone": "eu-west-1b",
				"node.kubernetes.io/instance-type": "m7i.large", "kubernetes.io/arch": "amd64", "kubernetes.io/os": "linux",
				"kubernetes.io/hostname":         "aws-eu-west-1b-m7i-large-spot-0",
				"eks.amazonaws.com/capacityType": "SPOT", "eks.amazonaws.com/nodegroup": "aws-eu-west-1b-m7i-large-spot",
				"karpenter.sh/capacity-type": "-",
			},
			place: "aws/eu-west-1/eu-west-1b m7i.large spot",
		},
		{
			pool:   `cloud: aws, region: eu-central-1, instanceType: m7g.xlarge`,
			name:   "aws-eu-central-1a-m7g-xlarge-0",
			labels: map[string]string{"eks.amazonaws.com/capacityType": "ON_DEMAND", "kubernetes.io/arch": "arm64"},
			place:  "aws/eu-central-1/eu-central-1a m7g.xlarge on-demand",
		},
		{
			pool: `name: burst, cloud: aws, region: eu-west-1, instanceType: c6i.2xlarge, capacityType: spot, provisioner: karpenter`,
			labels: map[string]string{
				"karpenter.sh/capacity-type": "spot", "karpenter.sh/nodepool": "burst", "eks.amazonaws.com/capacityType": "-",
				"eks.amazonaws.com/nodegroup": "-", "karpenter.k8s.aws/instance-family": "c6i", "karpenter.k8s.aws/instance-size": "2xlarge",
				"karpenter.k8s.aws/instance-cpu": "8", "karpenter.k8s.aws/instance-memory": "16384",
			},
			place: "aws/eu-west-1/eu-west-1a c6i.2xlarge spot",
		},
		{
			pool:   `cloud: aws, region: eu-west-1, instanceType: c6i.2xlarge, capacityType: reserved, provisioner: karpenter`,
			labels: map[string]string{"karpenter.sh/capacity-type": "reserved"},
			place:  "aws/eu-west-1/eu-west-1a c6i.2xlarge reserved",
		},
		{
			pool:       `cloud: gcp, region: europe-west1, zone: europe-west1-c, instanceType: e2-standard-4, capacityType: spot`,
			name:       "gcp-europe-west1-c-e2-standard-4-spot-0",
			providerID: `gce://[a-z0-9-]+/europe-west1-c/gcp-europe-west1-c-e2-standard-4-spot-0`,
			labels: map[string]string{
				"cloud.google.com/gke-spot": "true", "cloud.google.com/gke-provisioning": "spot",
				"cloud.google.com/gke-nodepool": "gcp-europe-west1-c-e2-standard-4-spot", "topology.gke.io/zone": "europe-west1-c",
				"cloud.google.com/machine-family": "e2",
			},
			place: "gcp/europe-west1/europe-west1-c e2-standard-4 spot",
		},
		{
			pool:   `cloud: gcp, region: europe-west1, instanceType: n2-standard-8`,
			name:   "gcp-europe-west1-b-n2-standard-8-0",
			labels: map[string]string{"cloud.google.com/gke-spot": "-", "cloud.google.com/gke-provisioning": "standard"},
			place:  "gcp/europe-west1/europe-west1-b n2-standard-8 on-demand",
		},
		{
			pool:   `cloud: gcp, region: europe-west4, instanceType: g2-standard-8`,
			labels: map[string]string{"cloud.google.com/gke-accelerator-count": "1"},
			taints: "nvidia.com/gpu=present:NoSchedule",
			place:  "gcp/europe-west4/europe-west4-a g2-standard-8 on-demand",
		},
		{
			pool: `name: burst, cloud: azure, region: westeurope, zone: "2", instanceType: Standard_D4s_v5, capacityType: spot`,
			name: "azure-westeurope-2-standard-d4s-v5-spot-0",
			providerID: `azure:///subscriptions/` + uuid + `/resourceGroups/[a-z_]+westeurope/providers/Microsoft\.Compute/` +
				`virtualMachineScaleSets/aks-burst-[0-9]{8}-vmss/virtualMachines/0`,
			labels: map[string]string{
				"topology.kubernetes.io/zone": "westeurope-2", "kubernetes.azure.com/scalesetpriority": "spot",
				"agentpool": "burst", "kubernetes.azure.com/agentpool": "burst", "topology.disk.csi.azure.com/zone": "westeurope-2",
			},
			taints: "kubernetes.azure.com/scalesetpriority=spot:NoSchedule",
			place:  "azure/westeurope/westeurope-2 Standard_D4s_v5 spot",
		},
		{
			pool:   `cloud: azure, region: germanywestcentral, instanceType: Standard_D2s_v5`,
			labels: map[string]string{"kubernetes.azure.com/scalesetpriority": "-", "topology.kubernetes.io/zone": "germanywestcentral-1"},
			place:  "azure/germanywestcentral/germanywestcentral-1 Standard_D2s_v5 on-demand",
		},
		{
			pool:       `cloud: ovh, region: GRA11, instanceType: b3-8, cpu: 2, memory: 8Gi`,
			name:       "ovh-gra11-b3-8-0",
			providerID: `openstack://GRA11/` + uuid,
			labels:     map[string]string{"node.k8s.ovh/type": "standard", "topology.kubernetes.io/zone": "nova"},
			place:      "ovh/GRA11/nova b3-8 on-demand",
		},
		{
			pool:       `name: web, cloud: scaleway, region: fr-par, zone: fr-par-2, instanceType: PRO2-S, cpu: 4, memory: 16Gi`,
			providerID: `scaleway://instance/fr-par-2/` + uuid,
			labels:     map[string]string{"k8s.scaleway.com/pool-name": "web", "k8s.scaleway.com/managed": "true"},
			place:      "scaleway/fr-par/fr-par-2 PRO2-S on-demand",
		},
		{
			pool:       `cloud: hetzner, region: fsn1, instanceType: cx22, cpu: 2, memory: 4Gi`,
			name:       "hetzner-fsn1-dc14-cx22-0",
			providerID: `hcloud://[0-9]{9}`,
			labels:     map[string]string{"topology.kubernetes.io/zone": "fsn1-dc14", "instance.hetzner.cloud/provided-by": "cloud"},
			place:      "hetzner/fsn1/fsn1-dc14 cx22 on-demand",
		},
		{
			pool:       `cloud: ibm, region: eu-de, zone: eu-de-2, instanceType: bx2.4x16, cpu: 4, memory: 16Gi`,
			providerID: `ibm://[0-9a-f]{32}///testbed/kube-testbed-[a-z0-9-]+`,
			labels:     map[string]string{"ibm-cloud.kubernetes.io/machine-type": "bx2.4x16", "ibm-cloud.kubernetes.io/zone": "eu-de-2"},
			place:      "ibm/eu-de/eu-de-2 bx2.4x16 on-demand",
		},
		{
			pool:       `cloud: oracle, region: eu-frankfurt-1, instanceType: VM.Standard.E4.Flex, cpu: 4, memory: 16Gi, capacityType: spot`,
			providerID: `ocid1\.instance\.oc1\.eu-frankfurt-1\.a[0-9a-f]{59}`,
			labels:     map[string]string{"topology.kubernetes.io/zone": "EU-FRANKFURT-1-AD-1", "oci.oraclecloud.com/oke-is-preemptible": "true"},
			taints:     "oci.oraclecloud.com/oke-is-preemptible=present:NoSchedule",
			place:      "oracle/eu-frankfurt-1/EU-FRANKFURT-1-AD-1 VM.Standard.E4.Flex spot",
		},
		{
			pool:       `name: web, cloud: digitalocean, region: fra1, instanceType: s-2vcpu-4gb, cpu: 2, memory: 4Gi`,
			providerID: `digitalocean://[0-9]{9}`,
			labels:     map[string]string{"doks.digitalocean.com/node-pool": "web", "topology.kubernetes.io/zone": "-"},
			place:      "digitalocean/fra1/ s-2vcpu-4gb on-demand",
		},
		{
			pool:       `cloud: exoscale, region: ch-gva-2, instanceType: standard.medium, cpu: 2, memory: 4Gi`,
			providerID: `exoscale://` + uuid,
			labels:     map[string]string{"topology.kubernetes.io/zone": "-"},
			place:      "exoscale/ch-gva-2/ standard.medium on-demand",
		},
		{
			pool:       `cloud: ionos, region: de/fra, instanceType: cube-s, cpu: 2, memory: 4Gi`,
			providerID: `ionos://` + uuid,
			place:      "ionos/de-fra/ cube-s on-demand",
		},
		{
			pool:       `cloud: stackit, region: eu01, zone: eu01-2, instanceType: g2i.4, cpu: 4, memory: 16Gi`,
			providerID: `stackit://` + uuid + `/` + uuid,
			labels:     map[string]string{"worker.gardener.cloud/pool": "stackit-eu01-2-g2i-4"},
			place:      "stackit/eu01/eu01-2 g2i.4 on-demand",
		},
		{
			pool:       `cloud: upcloud, region: de-fra1, instanceType: 2xCPU-4GB, cpu: 2, memory: 4Gi`,
			providerID: `upcloud:////` + uuid,
			labels:     map[string]string{"topology.kubernetes.io/region": "de-fra1", "topology.kubernetes.io/zone": "de-fra1"},
			place:      "upcloud/de-fra1/de-fra1 2xCPU-4GB on-demand",
		},
		{
			pool: `cloud: lux-dc, region: luxembourg, zone: room-1, country: LU, operatorCountry: LU, coordinates: "49.61,6.13", ` +
				`instanceType: rack, cpu: 16, memory: 64Gi`,
			name:       "lux-dc-luxembourg-rack-0",
			providerID: ``,
			labels: map[string]string{
				"tradewind.dev/cloud": "lux-dc", "tradewind.dev/country": "LU", "tradewind.dev/operator-country": "LU",
				"topology.kubernetes.io/zone": "room-1",
			},
			place: "lux-dc/luxembourg/room-1 rack ",
		},
	} {
		t.Run(c.pool, func(t *testing.T) {
			node := one(t, c.pool)
			if c.name != "" && node.Name != c.name {
				t.Errorf("name %q, want %q", node.Name, c.name)
			}
			if c.providerID != "" && !regexp.MustCompile("^"+c.providerID+"$").MatchString(node.Spec.ProviderID) {
				t.Errorf("providerID %q, want %s", node.Spec.ProviderID, c.providerID)
			}
			for key, want := range c.labels {
				value, ok := node.Labels[key]
				if want == "-" && ok || want != "-" && value != want {
					t.Errorf("label %s: %q (there: %v), want %q", key, value, ok, want)
				}
			}
			var taints []string
			for _, taint := range node.Spec.Taints {
				taints = append(taints, taint.ToString())
			}
			if got := strings.Join(taints, ","); got != c.taints {
				t.Errorf("taints %q, want %q", got, c.taints)
			}
			place := location.FromNode(node, location.DefaultOptions())
			got := fmt.Sprintf("%s/%s/%s %s %s", place.Cloud, place.Region, place.Zone, place.InstanceType, place.CapacityType)
			if !strings.HasPrefix(got, c.place) || len(place.Problems) > 0 {
				t.Errorf("pkg/location reads %q with problems %q, want %q", got, place.Problems, c.place)
			}
		})
	}
}

// TestDeclared checks what a file adds to and takes from what the cloud sets.
func TestDeclared(t *testing.T) {
	node := one(t, `cloud: aws, region: eu-west-1, instanceType: m7i.large, namePrefix: blue, maxPods: 20, `+
		`labels: {team: a, eks.amazonaws.com/capacityType: ""}, annotations: {note: b}, taints: [{key: k, value: v, effect: NoExecute}], `+
		`cpu: 3, memory: 10Gi, gpus: 1`)
	if node.Name != "blue-0" || node.Labels["team"] != "a" || node.Annotations["note"] != "b" {
		t.Errorf("name %q, labels %v, annotations %v", node.Name, node.Labels, node.Annotations)
	}
	if _, there := node.Labels["eks.amazonaws.com/capacityType"]; there {
		t.Error("an empty label does not remove the cloud's")
	}
	if len(node.Spec.Taints) != 1 || node.Spec.Taints[0].ToString() != "k=v:NoExecute" {
		t.Errorf("taints %v", node.Spec.Taints)
	}
	capacity := node.Status.Capacity
	gpus := capacity["nvidia.com/gpu"]
	if capacity.Cpu().Value() != 3 || capacity.Pods().Value() != 20 || gpus.Value() != 1 {
		t.Errorf("capacity %v", capacity)
	}
}

// TestMistakes checks that errors name the pool and the field.
func TestMistakes(t *testing.T) {
	for pool, want := range map[string]string{
		`region: eu-west-1`: "pools[0].cloud: must not be empty",
		`cloud: AWS, region: eu-west-1, instanceType: m7i.large`:                                    "pools[0].cloud: \"AWS\"",
		`cloud: aws, region: eu-west-9, instanceType: m7i.large`:                                    "pools[0].region: \"eu-west-9\" is not a region of aws",
		`cloud: aws, region: eu-west-1`:                                                             "pools[0].instanceType: must not be empty",
		`cloud: aws, region: eu-west-1, instanceType: m99.large`:                                    "pools[0].instanceType: the catalog does not list \"m99.large\" in aws eu-west-1",
		`cloud: aws, region: eu-west-1, zone: eu-west-2a, instanceType: m7i.large`:                  "pools[0].zones[0]: \"eu-west-2a\" is not a zone of eu-west-1",
		`cloud: aws, region: eu-west-1, zone: a, zones: [b], instanceType: m7i.large`:               "zone or zones, not both",
		`cloud: azure, region: westeurope, zones: ["1", north], instanceType: Standard_D4s_v5`:      "pools[0].zones[1]",
		`cloud: digitalocean, region: fra1, zone: a, instanceType: s, cpu: 1, memory: 1Gi`:          "have no zone",
		`cloud: aws, region: eu-west-1, instanceType: m7i.large, capacityType: cheap`:               "pools[0].capacityType: \"cheap\"",
		`cloud: azure, region: westeurope, instanceType: Standard_D4s_v5, capacityType: reserved`:   "nothing that says reserved",
		`cloud: hetzner, region: fsn1, instanceType: cx22, cpu: 1, memory: 1Gi, capacityType: spot`: "nothing that says spot",
		`cloud: aws, region: eu-west-1, instanceType: m7i.large, count: 0`:                          "pools[0].count: 0",
		`cloud: aws, region: eu-west-1, instanceType: m7i.large, count: 1000000`:                    "pools[0].count: 1000000",
		`cloud: aws, region: eu-west-1, instanceType: m7i.large, provisioner: magic`:                "pools[0].provisioner",
		`cloud: aws, region: eu-west-1, instanceType: m7i.large, country: FR`:                       "pools[0].country: is declared for private data centres only",
		`cloud: dc, country: XX, cpu: 1, memory: 1Gi`:                                               "pools[0].country: \"XX\"",
		`cloud: dc, coordinates: "91,0", cpu: 1, memory: 1Gi`:                                       "pools[0].coordinates",
		`cloud: dc`:                                                                          "pools[0].cpu and .memory: needed",
		`cloud: dc, cpu: -1, memory: 1Gi`:                                                    "pools[0].cpu: -1",
		`cloud: dc, cpu: 1, memory: 1`:                                                       "pools[0].memory: 1",
		`cloud: dc, cpu: 1, memory: 1Gi, gpus: -1`:                                           "pools[0].gpus: -1",
		`cloud: dc, cpu: 1, memory: 1Gi, architecture: z80`:                                  "pools[0].architecture: \"z80\"",
		`cloud: dc, cpu: 1, memory: 1Gi, maxPods: 0`:                                         "pools[0].maxPods: 0",
		`cloud: dc, cpu: 1, memory: 1Gi, namePrefix: A_B`:                                    "pools[0].namePrefix",
		`cloud: dc, cpu: 1, memory: 1Gi, region: "not a label"`:                              "label",
		`name: a, cloud: dc, cpu: 1, memory: 1Gi}, {name: a, cloud: dc, cpu: 1, memory: 1Gi`: "pools[1].name: \"a\" is used twice",
	} {
		t.Run(pool, func(t *testing.T) {
			file, err := nodes.Parse([]byte("pools: [{" + pool + "}]"))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := nodes.Build(file.Pools, nil); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("error %v, want one with %q", err, want)
			}
		})
	}
}

// TestParse checks mistakes in the file itself.
func TestParse(t *testing.T) {
	for text, want := range map[string]string{
		"":                                 "no pools",
		"pools: [{clod: aws}]":             `unknown field "pools[0].clod"`,
		"pools: 3":                         "pools",
		"pools: [{cpu: many}]":             "quantities",
		"pools: []\npools: []":             "already set",
		"clusters: [{pools: []}]":          "clusters[0].name: must not be empty",
		"clusters: [{name: a}, {name: a}]": `clusters[1].name: "a" is used twice`,
		"pools: [{count: many}]":           "count",
		"\tpools":                          "yaml",
	} {
		if _, err := nodes.Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want one with %q", text, err, want)
		}
	}
	if _, err := nodes.Read("no-such-file.yaml"); err == nil {
		t.Error("a file that does not exist is read")
	}
}

// TestClusterPools checks which cluster gets which pools.
func TestClusterPools(t *testing.T) {
	file, err := nodes.Parse([]byte(`
pools: [{cloud: common}]
clusters: [{name: own, pools: [{cloud: special}]}, {name: empty}]
`))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range file.ClusterPools([]string{"extra", "own"}) {
		clouds := ""
		for _, p := range c.Pools {
			clouds += p.Cloud
		}
		got = append(got, c.Name+":"+clouds)
	}
	if want := "own:special empty: extra:common"; strings.Join(got, " ") != want {
		t.Errorf("clusters %v, want %s", got, want)
	}
	if alone := (nodes.File{}).ClusterPools(nil); len(alone) != 1 || alone[0].Name != "main" {
		t.Errorf("without any name: %v, want one cluster named main", alone)
	}
}
