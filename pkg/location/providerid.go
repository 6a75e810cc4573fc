package location

import "strings"

// provider is what a node's spec.providerID says.
type provider struct {
	// scheme is what stands before "://"; "" when the node has no provider id.
	scheme string
	// cloud is the known cloud that it names, or "".
	cloud string
	// region and zone are the ones in it, "" where that cloud puts none there.
	region, zone string
	// neutral is true when it says nothing of the cloud: there is none, or it is a Kubernetes distribution's.
	neutral bool
}

// schemes are the provider id schemes of the known clouds, as their cloud controller managers and Cluster API providers
// write them. OpenStack's is missing on purpose: OVHcloud is one of many clouds that use it.
var schemes = map[string]string{
	"aws":          cloudAWS,
	"gce":          cloudGCP,
	"azure":        cloudAzure,
	"scaleway":     cloudScaleway,
	"hcloud":       cloudHetzner,
	"hrobot":       cloudHetzner,
	"ibm":          cloudIBM,
	"ibmvpc":       cloudIBM,
	"ibmpowervs":   cloudIBM,
	"oci":          cloudOracle,
	"digitalocean": cloudDigitalOcean,
	"exoscale":     cloudExoscale,
	"ionos":        cloudIONOS,
	"stackit":      cloudSTACKIT,
	"upcloud":      cloudUpCloud,
}

// neutralSchemes are of distributions that run anywhere.
var neutralSchemes = map[string]bool{
	"k3s": true, "rke2": true, "k0s": true, "kind": true, "docker": true, "kwok": true, "minikube": true, "microk8s": true,
}

// openstackClouds are the known clouds that run on OpenStack, so that a node of theirs may carry its scheme.
var openstackClouds = map[string]bool{cloudOVH: true, cloudSTACKIT: true}

const schemeOpenStack = "openstack"

// parseProviderID reads spec.providerID. What it does not understand it leaves unknown.
func parseProviderID(id string) provider {
	if id == "" {
		return provider{neutral: true}
	}
	if strings.HasPrefix(id, "ocid1.") {
		return oracleProvider(id)
	}
	scheme, rest, ok := strings.Cut(id, "://")
	if !ok {
		return provider{scheme: clip(id)}
	}
	p := provider{scheme: scheme, cloud: schemes[scheme], neutral: neutralSchemes[scheme]}
	switch scheme {
	case "aws": // aws:///ZONE/INSTANCE, for Fargate aws:///ZONE/ID/NAME
		p.zone = firstOfMany(strings.TrimPrefix(rest, "/"))
	case "gce": // gce://PROJECT/ZONE/INSTANCE
		_, rest, _ = strings.Cut(rest, "/")
		p.zone = firstOfMany(rest)
	case "scaleway": // scaleway://instance/ZONE/ID; what is not Scaleway's own hardware has another first word
		kind, rest, _ := strings.Cut(rest, "/")
		if kind != "instance" && kind != "baremetal" {
			p.cloud = ""
			break
		}
		p.zone = firstOfMany(rest)
	case "oci":
		if strings.HasPrefix(rest, "ocid1.") {
			return oracleProvider(rest)
		}
	case schemeOpenStack: // openstack:///ID or openstack://REGION/ID
		p.region = firstOfMany(rest)
	}
	return p
}

// firstOfMany is the part of a path before its first slash; "" when there is no slash.
func firstOfMany(path string) string {
	first, _, ok := strings.Cut(path, "/")
	if !ok {
		return ""
	}
	return first
}

// oracleProvider reads an Oracle Cloud id: ocid1.KIND.REALM.REGION.UNIQUE, where the region is its name or its key.
func oracleProvider(id string) provider {
	p := provider{scheme: "oci", cloud: cloudOracle}
	rest := id
	for range 3 {
		_, rest, _ = strings.Cut(rest, ".")
	}
	p.region, _, _ = strings.Cut(rest, ".")
	return p
}

// allows says whether a node with this provider id can be in a known cloud that only labels name.
func (p provider) allows(cloud string) bool {
	return p.neutral || p.cloud == cloud || p.scheme == schemeOpenStack && openstackClouds[cloud]
}
