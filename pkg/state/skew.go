package state

import (
	"iter"

	corev1 "k8s.io/api/core/v1"
	resourcehelper "k8s.io/component-helpers/resource"

	"tradewind.dev/tradewind/pkg/rules"
)

// SkewDomains are the domains that the skews of a pod's rules are counted over (see rules.SkewDomains): of nodes that its
// policies, node selector, affinity and tolerations allow, and that are large enough for it when empty. Of a class that has
// one such node no further one is looked at.
func (s *Store) SkewDomains(ruled *rules.Rules, pod *corev1.Pod, nodes iter.Seq[*corev1.Node]) [][]string {
	demands := rules.DemandsOf(&pod.Spec)
	request := resourcehelper.PodRequests(pod, resourcehelper.PodResourcesOptions{})
	seen := make([]bool, len(s.Classes()))
	var classes []*rules.Class
	for object := range nodes {
		node := s.Node(object)
		id := node.Class.ID
		if id < len(seen) && seen[id] || ruled.HasMaxHourlyUSD && !node.Price.Known || !suits(object, demands, request) {
			continue
		}
		if id < len(seen) {
			seen[id] = true
		}
		classes = append(classes, node.Class)
	}
	return rules.SkewDomains(ruled, classes)
}

// suits says whether a pod could run on a node if it were empty.
func suits(node *corev1.Node, demands *rules.Demands, request corev1.ResourceList) bool {
	for name, want := range request {
		if have, ok := node.Status.Allocatable[name]; !want.IsZero() && (!ok || have.Cmp(want) < 0) {
			return false
		}
	}
	kind, _ := demands.Excluded(node)
	return kind == ""
}
