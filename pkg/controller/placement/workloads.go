package placement

import (
	"sigs.k8s.io/controller-runtime/pkg/client"

	"tradewind.dev/tradewind/pkg/planning"
	"tradewind.dev/tradewind/pkg/state"
	"tradewind.dev/tradewind/pkg/workload"
)

// lists are the objects as they are now, but for those that workloads are found from.
func (o *objects) lists() *state.Lists {
	return &state.Lists{
		Nodes: o.nodes.all(), Pods: o.pods.all(), Namespaces: o.namespaces.all(), ReplicaSets: o.replicaSets.all(), Claims: o.claims.all(),
		Volumes: o.volumes.all(), StorageClasses: o.classes.all(), CloudPools: o.pools.all(), PriorityClasses: o.priorities.all(),
		Quotas: o.quotas.all(),
	}
}

// workloads are those that Placements may be kept for.
func (o *objects) workloads() []workload.Workload {
	from := workload.Objects{
		Deployments: o.deployments.all(), ReplicaSets: o.replicaSets.all(), StatefulSets: o.statefulSets.all(),
		ReplicationControllers: o.replicationControllers.all(), Jobs: o.jobs.all(),
	}
	return from.All()
}

// owner is a workload.Owners.
func (o *objects) owner(namespace, replicaSet string) (workload.Key, bool) {
	set, known := o.replicaSets.get(namespace, replicaSet)
	if !known {
		return workload.Key{}, false
	}
	return workload.OfReplicaSet(set), true
}

// runningPod is what a plan looks at of a pod; nil when it takes no room.
func (o *objects) runningPod(key client.ObjectKey) *planning.Pod {
	pod, ok := o.pods.get(key.Namespace, key.Name)
	if !ok {
		return nil
	}
	out, ok := o.shapes.Pod(pod, o.owner)
	if !ok {
		return nil
	}
	return &out
}
