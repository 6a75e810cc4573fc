package app

import (
	"slices"

	"k8s.io/apimachinery/pkg/labels"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/planning"
	"tradewind.dev/tradewind/pkg/state"
	"tradewind.dev/tradewind/pkg/workload"
)

// defaultSchedulers are the names of tradewind-scheduler's profiles.
var defaultSchedulers = []string{"tradewind", "tradewind-cost", "tradewind-latency"}

// liveInput is what a plan of a live cluster is made from: the workloads that Tradewind's profiles place. All other pods
// take room.
func liveInput(snapshot *state.Snapshot, world *state.World, options location.Options, schedulers []string) *planning.Input {
	in := &planning.Input{
		World: world, Location: options, Nodes: snapshot.Nodes, Pools: snapshot.CloudPools, Namespaces: map[string]labels.Set{},
		Claims: snapshot.Claims, Volumes: snapshot.Volumes, Classes: snapshot.StorageClasses, Unavailable: planning.NodeUnavailable,
	}
	for _, namespace := range snapshot.Namespaces {
		in.Namespaces[namespace.Name] = labels.Set(namespace.Labels)
	}
	from := workload.Objects{
		Deployments: snapshot.Deployments, ReplicaSets: snapshot.ReplicaSets, StatefulSets: snapshot.StatefulSets,
		ReplicationControllers: snapshot.ReplicationControllers, Jobs: snapshot.Jobs,
	}
	for _, w := range from.All() {
		if slices.Contains(schedulers, w.Template.Spec.SchedulerName) {
			in.Workloads = append(in.Workloads, planning.Workload{Workload: w})
		}
	}
	for _, pod := range snapshot.Pods {
		if made, ok := planning.FromPod(pod, snapshot.OwnerOf); ok {
			in.Pods = append(in.Pods, made)
		}
	}
	return in
}

// staying is the bill of all replicas where they run, in US dollars an hour.
func staying(result *planning.Result) (float64, error) {
	snapshot := *result.Snapshot
	snapshot.Workloads = slices.Clone(snapshot.Workloads)
	for i := range snapshot.Workloads {
		snapshot.Workloads[i].Hold = "as it runs now"
	}
	plan, err := engine.Solve(&snapshot, engine.Options{})
	if err != nil {
		return 0, err
	}
	return plan.Bill.Total() - plan.Bill.Disruption, nil
}

// withPolicy is the world with a policy more.
func withPolicy(snapshot *state.Snapshot, policy *v1alpha1.ClusterPlacementPolicy) (*state.World, error) {
	objects := snapshot.Objects
	objects.ClusterPlacementPolicies = append(slices.Clone(objects.ClusterPlacementPolicies), policy)
	return state.NewWorld(objects, snapshot.Time)
}
