package files

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/planning"
	"tradewind.dev/tradewind/pkg/workload"
)

// daemon takes the room of a DaemonSet's pods from the nodes that it runs on, unless its pods are in the files.
func (b *assembly) daemon(set *appsv1.DaemonSet) {
	key := workload.Key{Kind: workload.DaemonSet, Namespace: set.Namespace, Name: set.Name}
	if b.running[key] {
		return
	}
	spec := &set.Spec.Template.Spec
	request := planning.Request(spec)
	runs := planning.RunsDaemons(spec)
	for _, node := range b.out.Nodes {
		if !runs(node) {
			continue
		}
		b.out.Pods = append(b.out.Pods, planning.Pod{
			Namespace: set.Namespace, Name: set.Name + "-" + node.Name, Node: node.Name, Cluster: node.Labels[v1alpha1.LabelCluster],
			Workload: key, Request: request,
		})
	}
}

// controlPlaneHealthy is the condition by which the Cluster Inventory API says that a cluster answers.
const controlPlaneHealthy = "ControlPlaneHealthy"

// ClusterUnavailable says why no pool of a cluster can be used: its ClusterProfile says that the cluster does not answer.
func (s *Scenario) ClusterUnavailable(pool *planning.PoolInfo) string {
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
