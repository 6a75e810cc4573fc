package app

import (
	"slices"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/planning"
	"tradewind.dev/tradewind/pkg/state"
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
	add := func(apiVersion, kind string, meta *metav1.ObjectMeta, replicas *int32, template *corev1.PodTemplateSpec) *planning.Workload {
		if meta.DeletionTimestamp != nil || !slices.Contains(schedulers, template.Spec.SchedulerName) {
			return nil
		}
		w := planning.Workload{APIVersion: apiVersion, Kind: kind, Namespace: meta.Namespace, Name: meta.Name, Replicas: 1, Template: template}
		if replicas != nil {
			w.Replicas = int(*replicas)
		}
		in.Workloads = append(in.Workloads, w)
		return &in.Workloads[len(in.Workloads)-1]
	}
	for _, d := range snapshot.Deployments {
		add("apps/v1", "Deployment", &d.ObjectMeta, d.Spec.Replicas, &d.Spec.Template)
	}
	for _, set := range snapshot.ReplicaSets {
		if metav1.GetControllerOfNoCopy(set) == nil {
			add("apps/v1", "ReplicaSet", &set.ObjectMeta, set.Spec.Replicas, &set.Spec.Template)
		}
	}
	for _, set := range snapshot.StatefulSets {
		w := add("apps/v1", "StatefulSet", &set.ObjectMeta, set.Spec.Replicas, &set.Spec.Template)
		if w == nil {
			continue
		}
		if set.Spec.Ordinals != nil {
			w.FirstOrdinal = int(set.Spec.Ordinals.Start)
		}
		for i := range set.Spec.VolumeClaimTemplates {
			w.ClaimTemplates = append(w.ClaimTemplates, set.Spec.VolumeClaimTemplates[i].Name)
		}
	}
	for _, job := range snapshot.Jobs {
		if !ended(job) {
			add("batch/v1", "Job", &job.ObjectMeta, job.Spec.Parallelism, &job.Spec.Template)
		}
	}
	for _, pod := range snapshot.Pods {
		if made, ok := planning.FromPod(pod); ok {
			in.Pods = append(in.Pods, made)
		}
	}
	return in
}

func ended(job *batchv1.Job) bool {
	for i := range job.Status.Conditions {
		if c := &job.Status.Conditions[i]; (c.Type == batchv1.JobComplete || c.Type == batchv1.JobFailed) && c.Status == corev1.ConditionTrue {
			return true
		}
	}
	return false
}

// staying is what all replicas cost where they run.
func staying(result *planning.Result) (engine.Bill, error) {
	snapshot := *result.Snapshot
	snapshot.Workloads = slices.Clone(snapshot.Workloads)
	for i := range snapshot.Workloads {
		snapshot.Workloads[i].Hold = "as it runs now"
	}
	plan, err := engine.Solve(&snapshot, engine.Options{})
	if err != nil {
		return engine.Bill{}, err
	}
	bill := plan.Bill
	bill.Disruption = 0
	return bill, nil
}

// keyOf names a workload of a plan.
func keyOf(w *planning.Workload) planning.WorkloadKey {
	return planning.WorkloadKey{Kind: w.Kind, Namespace: w.Namespace, Name: w.Name}
}

// withPolicy is the world with a policy more.
func withPolicy(snapshot *state.Snapshot, policy *v1alpha1.ClusterPlacementPolicy) (*state.World, error) {
	objects := snapshot.Objects
	objects.ClusterPlacementPolicies = append(slices.Clone(objects.ClusterPlacementPolicies), policy)
	return state.NewWorld(objects, snapshot.Time)
}
