package planning

import (
	"fmt"
	"maps"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"tradewind.dev/tradewind/pkg/engine"
)

// NewNode is the i-th node that a plan adds to a pool, from 0, as kube-scheduler will see it: with the labels that the pool's nodes
// have in common, or those that its declaration gives them, a name of its own, the pool's taints, and what the plan counts on that
// a node lets pods have.
func (r *Result) NewNode(pool, i int) *corev1.Node {
	info, planned := &r.Pools[pool], &r.Snapshot.Pools[pool]
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{}}}
	if len(info.Nodes) > 0 {
		node.Labels = maps.Clone(info.Nodes[0].Labels)
		for _, other := range info.Nodes[1:] {
			maps.DeleteFunc(node.Labels, func(key, value string) bool { return other.Labels[key] != value })
		}
	} else if info.Declared != nil {
		node = nodeFor(&info.Declared.Spec)
	}
	if node.Labels == nil {
		node.Labels = map[string]string{}
	}
	for key, value := range planned.Labels {
		setDefault(node.Labels, key, value)
	}
	for key, value := range info.driverLabels {
		setDefault(node.Labels, key, value)
	}
	delete(node.Labels, metadataName) // a name of its own comes
	node.Name = fmt.Sprintf("%s-new-%d", info.Name, i+1)
	node.Labels[corev1.LabelHostname] = node.Name
	node.Spec.Taints = planned.Taints
	node.Status.Allocatable = list(&planned.Allocatable)
	node.Status.Capacity = node.Status.Allocatable
	return node
}

// list is Resources as a resource list.
func list(r *engine.Resources) corev1.ResourceList {
	out := corev1.ResourceList{
		corev1.ResourceCPU: *resource.NewMilliQuantity(r.MilliCPU, resource.DecimalSI), corev1.ResourceMemory: *resource.NewQuantity(r.MemoryBytes, resource.BinarySI),
	}
	for name, value := range r.Extended {
		out[corev1.ResourceName(name)] = *resource.NewQuantity(value, resource.DecimalSI)
	}
	return out
}
