package state

import (
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"tradewind.dev/tradewind/apis/v1alpha1"
)

// TestSkewDomains leaves out what no replica could use.
func TestSkewDomains(t *testing.T) {
	change := func(name, region string, changes ...func(*corev1.Node)) *corev1.Node {
		node := awsNode(name, region, "m5.large")
		for _, c := range changes {
			c(node)
		}
		return node
	}
	nodes := []*corev1.Node{
		change("a", "eu-west-1"), change("b", "eu-west-1"),
		change("tainted", "eu-west-2", func(n *corev1.Node) {
			n.Spec.Taints = []corev1.Taint{{Key: corev1.TaintNodeUnreachable, Effect: corev1.TaintEffectNoSchedule}}
		}),
		change("small", "eu-west-3", func(n *corev1.Node) { n.Status.Allocatable[corev1.ResourceCPU] = resource.MustParse("100m") }),
		change("other", "eu-north-1", func(n *corev1.Node) { n.Labels["disk"] = "slow" }),
		change("abroad", "us-east-1"),
		change("tolerable", "eu-central-1", func(n *corev1.Node) {
			n.Spec.Taints = []corev1.Taint{{Key: "busy", Effect: corev1.TaintEffectPreferNoSchedule}}
		}),
	}
	s := newStore(t, Objects{PlacementPolicies: []*v1alpha1.PlacementPolicy{{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "even"},
		Spec: v1alpha1.PolicySpec{
			Residency: &v1alpha1.Residency{Jurisdictions: []string{"EU"}},
			Spread:    []v1alpha1.Spread{{TopologyKey: corev1.LabelTopologyRegion, MaxSkew: ptr.To(int32(1))}},
		},
	}}})
	for _, node := range nodes {
		s.SetNode(node)
	}
	pod := replica("1", "web", "new", "")
	pod.Spec.Affinity = &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{
		NodeSelectorTerms: []corev1.NodeSelectorTerm{{MatchExpressions: []corev1.NodeSelectorRequirement{
			{Key: "disk", Operator: corev1.NodeSelectorOpNotIn, Values: []string{"slow"}},
		}}},
	}}}
	rules, ok := s.Rules(pod)
	if !ok {
		t.Fatal("no rules")
	}
	got := s.SkewDomains(rules, pod, slices.Values(nodes))
	if want := []string{"eu-west-1", "eu-central-1"}; len(got) != 1 || !slices.Equal(got[0], want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
