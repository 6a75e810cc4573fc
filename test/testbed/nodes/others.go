package nodes

import (
	"fmt"
	"strings"
)

func ovhProvider() *providerFacts {
	p := fresh("Ubuntu 22.04.5 LTS", func(d *draft) error {
		d.node.Spec.ProviderID = "openstack://" + d.region + "/" + d.uuid("instance")
		d.label("node.k8s.ovh/type", "standard")
		d.label("nodepool", labelValue(d.pool.Name))
		d.label("topology.cinder.csi.openstack.org/zone", d.zone)
		return nil
	})
	p.siteZone = func(zone string) bool { return zone == "nova" }
	p.firstZone = func(region string) string {
		if region == "EU-WEST-PAR" || region == "EU-SOUTH-MIL" { // regions of three zones
			return strings.ToLower(region) + "-a"
		}
		return "nova" // OpenStack's name of the only zone
	}
	return p
}

func scalewayProvider() *providerFacts {
	p := fresh("Ubuntu 24.04.3 LTS", func(d *draft) error {
		id := d.uuid("instance")
		d.node.Spec.ProviderID = "scaleway://instance/" + d.zone + "/" + id
		d.label("k8s.scaleway.com/kapsule", uuidOf("cluster"))
		d.label("k8s.scaleway.com/managed", "true")
		d.label("k8s.scaleway.com/node", id)
		d.label("k8s.scaleway.com/pool", uuidOf("pool/"+d.pool.Name))
		d.label("k8s.scaleway.com/pool-name", labelValue(d.pool.Name))
		d.label("k8s.scaleway.com/runtime", "containerd")
		d.label("topology.csi.scaleway.com/zone", d.zone)
		return nil
	})
	p.firstZone = func(region string) string { return region + "-1" }
	p.zone = suffixed("-", "[1-9]", false)
	return p
}

// hetznerDataCentres are the data centres of the locations; the node controller sets them as zones.
var hetznerDataCentres = map[string]string{
	"ash": "ash-dc1", "fsn1": "fsn1-dc14", "hel1": "hel1-dc2", "hil": "hil-dc1", "nbg1": "nbg1-dc3", "sin": "sin-dc1",
}

func hetznerProvider() *providerFacts {
	p := fresh("Ubuntu 24.04.3 LTS", func(d *draft) error {
		d.node.Spec.ProviderID = "hcloud://" + decimal("instance/"+d.node.Name)
		d.label("csi.hetzner.cloud/location", d.region)
		d.label("instance.hetzner.cloud/provided-by", "cloud")
		return nil
	})
	p.firstZone = func(region string) string { return hetznerDataCentres[region] }
	p.zone = suffixed("-", "dc[0-9]+", false)
	return p
}

func ibmProvider() *providerFacts {
	p := fresh("Ubuntu 24.04.3 LTS", func(d *draft) error {
		worker := "kube-testbed-" + dashed(d.pool.Name) + "-" + d.unique("worker", 8)
		d.node.Spec.ProviderID = "ibm://" + digest("account")[:32] + "///testbed/" + worker
		d.label("ibm-cloud.kubernetes.io/machine-type", d.pool.InstanceType)
		d.label("ibm-cloud.kubernetes.io/region", d.region)
		d.label("ibm-cloud.kubernetes.io/zone", d.zone)
		d.label("ibm-cloud.kubernetes.io/iaas-provider", "g2")
		d.label("ibm-cloud.kubernetes.io/worker-pool-name", labelValue(d.pool.Name))
		d.label("ibm-cloud.kubernetes.io/worker-id", labelValue(worker))
		d.label("arch", d.machine.architecture)
		return nil
	})
	p.firstZone = func(region string) string { return region + "-1" }
	p.zone = suffixed("-", "[1-9]", false)
	return p
}

func oracleProvider() *providerFacts {
	p := fresh("Oracle Linux Server 8.10", func(d *draft) error {
		d.node.Spec.ProviderID = "ocid1.instance.oc1." + d.region + ".a" + d.unique("instance", 59)
		d.label("oci.oraclecloud.com/fault-domain", fmt.Sprintf("FAULT-DOMAIN-%d", d.ordinal%3+1))
		d.label("name", labelValue(d.pool.Name))
		if d.spot() {
			d.label("oci.oraclecloud.com/oke-is-preemptible", "true")
			d.taint("oci.oraclecloud.com/oke-is-preemptible", "present")
		}
		return nil
	})
	p.spot = true
	p.firstZone = func(region string) string { return strings.ToUpper(region) + "-AD-1" }
	p.zone = suffixed("-", "AD-[1-9]", true)
	return p
}

func digitalOceanProvider() *providerFacts {
	p := fresh("Debian GNU/Linux 12 (bookworm)", func(d *draft) error {
		d.node.Spec.ProviderID = "digitalocean://" + decimal("instance/"+d.node.Name)
		d.label("doks.digitalocean.com/managed", "true")
		d.label("doks.digitalocean.com/node-id", d.uuid("node"))
		d.label("doks.digitalocean.com/node-pool", labelValue(d.pool.Name))
		d.label("doks.digitalocean.com/node-pool-id", uuidOf("pool/"+d.pool.Name))
		d.label("region", d.region)
		return nil
	})
	p.zone = noZone("digitalocean")
	return p
}

func exoscaleProvider() *providerFacts {
	p := fresh("Ubuntu 24.04.3 LTS", func(d *draft) error {
		d.node.Spec.ProviderID = "exoscale://" + d.uuid("instance")
		d.label("node.exoscale.net/nodepool-id", uuidOf("pool/"+d.pool.Name))
		return nil
	})
	p.zone = noZone("exoscale") // what Exoscale calls a zone is set as the region
	return p
}

func ionosProvider() *providerFacts {
	p := fresh("Ubuntu 24.04.3 LTS", func(d *draft) error {
		d.node.Spec.ProviderID = "ionos://" + d.uuid("instance")
		region := strings.ReplaceAll(d.region, "/", "-") // IONOS writes de/fra, which no label can hold
		d.label("topology.kubernetes.io/region", region)
		d.label("failure-domain.beta.kubernetes.io/region", region)
		d.label("enterprise.cloud.ionos.com/datacenter-id", uuidOf("data centre/"+d.region))
		d.label("enterprise.cloud.ionos.com/node-id", d.uuid("node"))
		d.label("enterprise.cloud.ionos.com/nodepool-id", uuidOf("pool/"+d.pool.Name))
		return nil
	})
	return p
}

func stackitProvider() *providerFacts {
	p := fresh("Flatcar Container Linux", func(d *draft) error {
		d.node.Spec.ProviderID = "stackit://" + uuidOf("project") + "/" + d.uuid("instance")
		d.label("worker.gardener.cloud/pool", labelValue(d.pool.Name))
		d.label("worker.garden.sapcloud.io/group", labelValue(d.pool.Name))
		d.label("node.kubernetes.io/role", "node")
		d.label("topology.block-storage.csi.stackit.cloud/zone", d.zone)
		return nil
	})
	p.firstZone = func(region string) string { return region + "-1" }
	p.zone = suffixed("-", "[1-9m]", false)
	return p
}

func upcloudProvider() *providerFacts {
	p := fresh("Debian GNU/Linux 12 (bookworm)", func(d *draft) error {
		d.node.Spec.ProviderID = "upcloud:////" + d.uuid("instance")
		return nil
	})
	p.firstZone = func(region string) string { return region } // UpCloud groups nothing above a zone: region and zone are one
	p.zone = suffixed("", "", false)
	return p
}
