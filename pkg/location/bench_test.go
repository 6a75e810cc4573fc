package location

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// eksNode has what EKS, Karpenter and the EBS driver put on a node.
func eksNode() *corev1.Node {
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: "ip-10-0-12-34.eu-west-1.compute.internal", Labels: map[string]string{
			"beta.kubernetes.io/arch": "amd64", "beta.kubernetes.io/instance-type": "m6i.large", "beta.kubernetes.io/os": "linux",
			"failure-domain.beta.kubernetes.io/region": "eu-west-1", "failure-domain.beta.kubernetes.io/zone": "eu-west-1a",
			"k8s.io/cloud-provider-aws": "0123456789abcdef", "karpenter.k8s.aws/instance-category": "m",
			"karpenter.k8s.aws/instance-cpu": "2", "karpenter.k8s.aws/instance-family": "m6i",
			"karpenter.k8s.aws/instance-generation": "6", "karpenter.k8s.aws/instance-hypervisor": "nitro",
			"karpenter.k8s.aws/instance-memory": "8192", "karpenter.sh/capacity-type": "spot", "karpenter.sh/initialized": "true",
			"karpenter.sh/nodepool": "default", "karpenter.sh/registered": "true", "kubernetes.io/arch": "amd64",
			"kubernetes.io/hostname": "ip-10-0-12-34.eu-west-1.compute.internal", "kubernetes.io/os": "linux",
			"node.kubernetes.io/instance-type": "m6i.large", "topology.ebs.csi.aws.com/zone": "eu-west-1a",
			"topology.k8s.aws/zone-id": "euw1-az1", "topology.kubernetes.io/region": "eu-west-1",
			"topology.kubernetes.io/zone": "eu-west-1a",
		}},
		Spec: corev1.NodeSpec{ProviderID: "aws:///eu-west-1a/i-0123456789abcdef0"},
	}
}

func BenchmarkFromNode(b *testing.B) {
	node, options := eksNode(), DefaultOptions()
	b.ReportAllocs()
	for b.Loop() {
		if n := FromNode(node, options); n.Country != "IE" {
			b.Fatal(n)
		}
	}
}

func BenchmarkFromNodePrivate(b *testing.B) {
	node, options := eksNode(), DefaultOptions()
	node.Spec.ProviderID = ""
	node.Labels["tradewind.dev/cloud"] = "lux-dc"
	node.Labels["tradewind.dev/country"] = "LU"
	node.Labels["tradewind.dev/operator-country"] = "LU"
	node.Annotations = map[string]string{"tradewind.dev/coordinates": "49.61,6.13"}
	b.ReportAllocs()
	for b.Loop() {
		if n := FromNode(node, options); n.Country != "LU" || len(n.Problems) != 0 {
			b.Fatal(n)
		}
	}
}

func BenchmarkCountrySetContains(b *testing.B) {
	set, err := ParseJurisdictions([]string{"EU"})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if !set.Contains("IE") || set.Contains("US") {
			b.Fatal(set)
		}
	}
}

func BenchmarkParseJurisdictions(b *testing.B) {
	list := []string{"EU", "CH", "GB"}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseJurisdictions(list); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkFromPersistentVolume(b *testing.B) {
	pv, options := ebsVolume("eu-west-1a"), DefaultOptions()
	b.ReportAllocs()
	for b.Loop() {
		if got := FromPersistentVolume(pv, options); len(got) != 1 || got[0].Country != "IE" {
			b.Fatal(got)
		}
	}
}
