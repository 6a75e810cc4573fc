package planning

import (
	"cmp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"tradewind.dev/tradewind/apis/v1alpha1"
)

// recognise finds the groups of pools that were discovered before, so that these keep their names, and the limits that people set
// there, whatever other pools appear. A CloudPool describes a group of its place, machines and provider's node pool. Of several
// the one is taken that differs least in taints, in labels and in size; of CloudPools that differ as little the oldest.
func recognise(groups []*group, discovered []*v1alpha1.CloudPool) map[*group]*v1alpha1.CloudPool {
	type match struct {
		group                 *group
		pool                  *v1alpha1.CloudPool
		taints, labels, host  int
		memoryBytes, milliCPU int64
	}
	var matches []match
	for _, pool := range discovered {
		size, taints := allocatable(&corev1.Node{Status: corev1.NodeStatus{Allocatable: pool.Spec.Allocatable}}), poolTaints(pool.Spec.Taints)
		for _, g := range groups {
			if !describes(&pool.Spec, g) {
				continue
			}
			m := match{group: g, pool: pool, memoryBytes: distance(size.MemoryBytes, g.each.MemoryBytes), milliCPU: distance(size.MilliCPU, g.each.MilliCPU)}
			if !slices.Equal(taints, g.taints) {
				m.taints = 1
			}
			if g.host() != "" { // further nodes would be of another
				m.host = 1
			}
			for key, value := range g.labels {
				if have, known := pool.Spec.Labels[key]; known && have != value {
					m.labels++
				}
			}
			matches = append(matches, m)
		}
	}
	slices.SortStableFunc(matches, func(a, b match) int {
		return cmp.Or(cmp.Compare(a.taints, b.taints), cmp.Compare(a.labels, b.labels), cmp.Compare(a.host, b.host), cmp.Compare(a.memoryBytes, b.memoryBytes),
			cmp.Compare(a.milliCPU, b.milliCPU), a.pool.CreationTimestamp.Compare(b.pool.CreationTimestamp.Time),
			strings.Compare(a.pool.Name, b.pool.Name), strings.Compare(a.group.order, b.group.order))
	})
	out, given := map[*group]*v1alpha1.CloudPool{}, map[*v1alpha1.CloudPool]bool{}
	for _, m := range matches {
		if out[m.group] == nil && !given[m.pool] {
			out[m.group], given[m.pool] = m.pool, true
		}
	}
	return out
}

// describes says whether a CloudPool that was found from nodes may be of a group.
func describes(spec *v1alpha1.CloudPoolSpec, g *group) bool {
	return g.declared == nil && spec.ClusterName == g.cluster && spec.Cloud == g.at.Cloud && spec.Region == g.at.Region &&
		spec.Zone == g.at.Zone && spec.InstanceType == g.at.InstanceType && spec.CapacityType == g.at.CapacityType &&
		providerPool(spec.Labels) == g.provider
}

func distance(a, b int64) int64 { return max(a-b, b-a) }
