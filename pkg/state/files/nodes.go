package files

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/planning"
)

// controlPlaneHealthy is the condition by which the Cluster Inventory API says that a cluster answers.
const controlPlaneHealthy = "ControlPlaneHealthy"

// clusterUnavailable says why no pool of a cluster can be used: its ClusterProfile says that the cluster does not answer.
func (s *Scenario) clusterUnavailable(pool *planning.PoolInfo) string {
	profile := s.Clusters[pool.Cluster]
	if profile == nil {
		return ""
	}
	for i := range profile.Status.Conditions {
		if c := &profile.Status.Conditions[i]; c.Type == controlPlaneHealthy && c.Status == metav1.ConditionFalse {
			return fmt.Sprintf("cluster %s is not healthy: %s", pool.Cluster, c.Message)
		}
	}
	return ""
}

// clusters warns of names of clusters that no ClusterProfile has: slips of the keyboard make clusters of their own.
func (b *assembly) clusters() {
	known := strings.Join(slices.Sorted(maps.Keys(b.out.Clusters)), ", ")
	for _, object := range b.set.Objects {
		name, field := "", "metadata.labels["+v1alpha1.LabelCluster+"]"
		switch typed := object.Value.(type) {
		case *corev1.Node:
			name = typed.Labels[v1alpha1.LabelCluster]
		case *v1alpha1.CloudPool:
			name, field = typed.Spec.ClusterName, "spec.clusterName"
		default:
			continue
		}
		if b.out.Clusters[name] == nil {
			b.warn(object, field, fmt.Sprintf("%q is none of the clusters that the files have a ClusterProfile of: %s", name, known))
		}
	}
}
