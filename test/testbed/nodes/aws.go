package nodes

import (
	"fmt"
	"strings"
)

func awsProvider() *providerFacts {
	p := fresh("Amazon Linux 2023.9", shapeAWS)
	p.kubeletSuffix = "-eks-0a1b2c3"
	p.spot, p.reserved = true, true
	p.diskBytes = 20 * gibi // the default of managed node groups
	p.firstZone = func(region string) string { return region + "a" }
	p.zone = func(region, zone string) (string, error) {
		if normal := strings.ToLower(zone); strings.HasPrefix(normal, region) && len(normal) > len(region) {
			return normal, nil // eu-west-1a, but also Local Zones: us-east-1-bos-1a
		}
		return "", fmt.Errorf("%q is not a zone of %s: want such as %sa", zone, region, region)
	}
	p.reservation = reserveEKS
	return p
}

func shapeAWS(d *draft) error {
	d.node.Spec.ProviderID = "aws:///" + d.zone + "/i-0" + d.unique("instance", 16)
	d.label("k8s.io/cloud-provider-aws", digest("cluster")[:32])
	d.label("topology.ebs.csi.aws.com/zone", d.zone)
	if d.pool.Provisioner == provisionerKarpenter {
		family, size, _ := strings.Cut(d.pool.InstanceType, ".")
		d.label("karpenter.k8s.aws/ec2nodeclass", "default")
		d.label("karpenter.k8s.aws/instance-family", family)
		d.label("karpenter.k8s.aws/instance-size", size)
		d.label("karpenter.k8s.aws/instance-category", strings.TrimRight(family[:min(1, len(family))], "0123456789"))
		d.label("karpenter.k8s.aws/instance-cpu", fmt.Sprint(d.machine.milliCPU/1000))
		d.label("karpenter.k8s.aws/instance-memory", fmt.Sprint(d.machine.memoryBytes/mebi))
		return nil
	}
	capacityType := "ON_DEMAND"
	switch {
	case d.spot():
		capacityType = "SPOT"
	case d.reserved():
		capacityType = "CAPACITY_BLOCK"
	}
	d.label("eks.amazonaws.com/capacityType", capacityType)
	d.label("eks.amazonaws.com/nodegroup", d.pool.Name)
	d.label("eks.amazonaws.com/nodegroup-image", "ami-0"+digest("image/" + d.region)[:16])
	return nil
}

// reserveEKS follows Amazon's AMIs for EKS (nodeadm, and bootstrap.sh before it): CPU 6 % of the first core, 1 % of the
// second, 0.5 % of the next two and 0.25 % of the rest; memory 255 MiB and 11 MiB for each pod that the network
// interfaces allow; 1 GiB of disk; and the eviction thresholds of 100 MiB and 10 % of the disk.
// Source: awslabs/amazon-eks-ami, nodeadm/internal/kubelet.
// Managed node groups also limit the pods to 110 on less than 30 virtual CPUs and 250 on more.
// Source: Amazon EKS User Guide, "Choose an optimal Amazon EC2 node instance type".
func reserveEKS(d *draft, _ int64) (reservation, int64) {
	interfaces := eniPods(d.pool.InstanceType, d.machine.milliCPU/1000)
	limit := int64(110)
	if d.machine.milliCPU >= 30000 {
		limit = 250
	}
	return reservation{
		milliCPU:     progressiveCPU(d.machine.milliCPU),
		memoryBytes:  (255+11*interfaces)*mebi + evictionMemory,
		storageBytes: gibi + d.diskShare(10),
	}, min(interfaces, limit)
}

// eniPods returns how many pods the network interfaces of an instance type have addresses for:
// interfaces × (addresses of each − 1) + 2. Interfaces and addresses go by size, with exceptions by family.
// Source: Amazon EC2 User Guide, "Maximum IP addresses per network interface".
func eniPods(instanceType string, cores int64) int64 {
	family, size, _ := strings.Cut(instanceType, ".")
	e, ok := eniByType[instanceType]
	if !ok && strings.HasPrefix(family, "t") {
		e, ok = eniBurstable[size]
	}
	if !ok {
		e, ok = eniBySize[size]
	}
	if !ok {
		switch { // metal and sizes not listed: by the virtual CPUs
		case cores >= 64:
			e = eni{15, 50}
		case cores >= 16:
			e = eni{8, 30}
		case cores >= 4:
			e = eni{4, 15}
		default:
			e = eni{3, 10}
		}
	}
	return e.interfaces*(e.addresses-1) + 2
}

// eni is how many network interfaces an instance type has, and how many IPv4 addresses each.
type eni struct{ interfaces, addresses int64 }

var eniBySize = map[string]eni{
	"medium": {2, 4}, "large": {3, 10}, "xlarge": {4, 15}, "2xlarge": {4, 15}, "3xlarge": {4, 15}, "4xlarge": {8, 30}, "6xlarge": {8, 30},
	"8xlarge": {8, 30}, "9xlarge": {8, 30}, "10xlarge": {8, 30}, "12xlarge": {8, 30}, "16xlarge": {15, 50},
	"18xlarge": {15, 50}, "24xlarge": {15, 50}, "32xlarge": {15, 50}, "48xlarge": {15, 50},
}

var eniBurstable = map[string]eni{
	"nano": {2, 2}, "micro": {2, 2}, "small": {3, 4}, "medium": {3, 6}, "large": {3, 12}, "xlarge": {4, 15}, "2xlarge": {4, 15},
}

var eniByType = map[string]eni{
	"m4.large": {2, 10}, "m4.16xlarge": {8, 30}, "c4.8xlarge": {8, 30},
	"t2.xlarge": {3, 15}, "t2.2xlarge": {3, 15},
	"g4dn.xlarge": {3, 10}, "g4dn.2xlarge": {3, 10}, "g4dn.4xlarge": {3, 10}, "g4dn.8xlarge": {4, 15},
	"g4dn.12xlarge": {8, 30}, "g4dn.16xlarge": {4, 15},
	"g5.12xlarge": {15, 50}, "g5.16xlarge": {8, 30}, "g5.48xlarge": {7, 50},
}
