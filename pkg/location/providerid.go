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
	// groupRegion is the region that the name of the node's resource group ends in, where the cloud names it so by itself
	// (Azure). People may name such a group otherwise, so that it can contradict a label and not replace one.
	groupRegion string
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
	"k3s": true, "talos": true, "rke2": true, "k0s": true, "kind": true, "docker": true, "kwok": true, "minikube": true, "microk8s": true,
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
	case "azure":
		azureProvider(rest, &p)
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
	case "ibmpowervs": // ibmpowervs://REGION/ZONE/WORKSPACE/INSTANCE; the older form is ibmpowervs://CLUSTER/MACHINE
		if parts := strings.Split(rest, "/"); len(parts) == 4 {
			p.zone = parts[1]
		}
	case schemeOpenStack: // openstack:///ID or openstack://REGION/ID
		p.region = firstOfMany(rest)
	}
	return p
}

// azureProvider reads /subscriptions/ID/resourceGroups/GROUP/providers/Microsoft.Compute/…, in which case counts for
// nothing. AKS names the group of a cluster's nodes MC_GROUP_CLUSTER_REGION, cut at 80 characters, unless it is told
// another name. Machines of other providers than Microsoft.Compute (Microsoft.HybridCompute, Microsoft.AzureStackHCI) stand
// on the customer's own ground.
// Source: Azure Kubernetes Service documentation, "Frequently asked questions", node resource group.
func azureProvider(path string, p *provider) {
	group, rest, _ := strings.Cut(afterFold(path, "/resourcegroups/"), "/")
	if namespace, _, _ := strings.Cut(afterFold("/"+rest, "/providers/"), "/"); namespace != "" && !strings.EqualFold(namespace, "microsoft.compute") {
		p.cloud, p.scheme = "", "azure ("+clip(namespace)+")"
		return
	}
	const longest = 80
	at := strings.LastIndexByte(group, '_')
	if at < 0 || len(group) >= longest || len(group) < 3 || !strings.EqualFold(group[:3], "mc_") {
		return
	}
	if r, ok := tables[cloudAzure].region(group[at+1:]); ok {
		p.groupRegion = r.Name
	}
}

// afterFold is what follows the first occurrence of a part that is in lower case, whatever the case of the text; "" when
// there is none.
func afterFold(text, part string) string {
	for i := 0; i+len(part) <= len(text); i++ {
		if strings.EqualFold(text[i:i+len(part)], part) {
			return text[i+len(part):]
		}
	}
	return ""
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
