package placement

import (
	"cmp"
	"slices"
	"strings"
	"sync"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"tradewind.dev/tradewind/pkg/controller/cluster"
	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/planning"
	"tradewind.dev/tradewind/pkg/state"
)

// The kinds of workloads that Placements are kept for.
const (
	kindDeployment  = "Deployment"
	kindReplicaSet  = "ReplicaSet"
	kindStatefulSet = "StatefulSet"
	kindJob         = "Job"
)

// workload is a controller of pods with what its Placement needs to know of it.
type workload struct {
	planning.Workload
	uid types.UID
}

func (w *workload) key() planning.WorkloadKey {
	return planning.WorkloadKey{Kind: w.Kind, Namespace: w.Namespace, Name: w.Name}
}

// workloads are all Deployments, StatefulSets, Jobs that run, and ReplicaSets without a Deployment, by namespace, name and
// kind.
func (o *objects) workloads() []workload {
	var out []workload
	add := func(apiVersion, kind string, meta *metav1.ObjectMeta, replicas int, template *corev1.PodTemplateSpec) {
		if meta.DeletionTimestamp == nil {
			out = append(out, workload{planning.Workload{
				APIVersion: apiVersion, Kind: kind, Namespace: meta.Namespace, Name: meta.Name, Replicas: replicas, Template: template,
			}, meta.UID})
		}
	}
	for _, d := range o.deployments.all() {
		add("apps/v1", kindDeployment, &d.ObjectMeta, orOne(d.Spec.Replicas), &d.Spec.Template)
	}
	for _, set := range o.replicaSets.all() {
		if deploymentOf(set) == "" {
			add("apps/v1", kindReplicaSet, &set.ObjectMeta, state.DesiredOfReplicaSet(set), &set.Spec.Template)
		}
	}
	for _, set := range o.statefulSets.all() {
		add("apps/v1", kindStatefulSet, &set.ObjectMeta, orOne(set.Spec.Replicas), &set.Spec.Template)
		if set.DeletionTimestamp != nil {
			continue
		}
		for i := range set.Spec.VolumeClaimTemplates {
			last := &out[len(out)-1]
			last.ClaimTemplates = append(last.ClaimTemplates, set.Spec.VolumeClaimTemplates[i].Name)
		}
	}
	for _, job := range o.jobs.all() {
		if cluster.JobEnded(job) {
			continue
		}
		replicas := orOne(job.Spec.Parallelism)
		if job.Spec.Completions != nil {
			replicas = min(replicas, max(int(*job.Spec.Completions-job.Status.Succeeded), 0))
		}
		if job.Spec.Suspend != nil && *job.Spec.Suspend {
			replicas = 0
		}
		add("batch/v1", kindJob, &job.ObjectMeta, replicas, &job.Spec.Template)
	}
	slices.SortFunc(out, func(a, b workload) int {
		return cmp.Or(strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Name, b.Name), strings.Compare(a.Kind, b.Kind))
	})
	return out
}

func orOne(replicas *int32) int {
	if replicas == nil {
		return 1
	}
	return int(*replicas)
}

// deploymentOf is the name of the Deployment that a ReplicaSet belongs to, or empty.
func deploymentOf(set *appsv1.ReplicaSet) string {
	if owner := metav1.GetControllerOfNoCopy(set); owner != nil && owner.Kind == kindDeployment {
		return owner.Name
	}
	return ""
}

// workloadOf is the workload that a pod is a replica of; zero when it is of none.
func (o *objects) workloadOf(pod *corev1.Pod) planning.WorkloadKey {
	owner := metav1.GetControllerOfNoCopy(pod)
	if owner == nil {
		return planning.WorkloadKey{}
	}
	key := planning.WorkloadKey{Kind: owner.Kind, Namespace: pod.Namespace, Name: owner.Name}
	if owner.Kind == kindReplicaSet {
		if set, ok := o.replicaSets.get(pod.Namespace, owner.Name); ok {
			if name := deploymentOf(set); name != "" {
				key.Kind, key.Name = kindDeployment, name
			}
		}
	}
	return key
}

// runningPods are the pods that have a node and have not ended. Those that are ending take room, and are no replicas any more.
func (o *objects) runningPods() []planning.Pod {
	all := o.pods.all()
	out := make([]planning.Pod, 0, len(all))
	for _, pod := range all {
		if pod.Spec.NodeName == "" || pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed {
			continue
		}
		shape := o.shapes.of(pod)
		next := planning.Pod{
			Namespace: pod.Namespace, Name: pod.Name, Node: pod.Spec.NodeName, Request: shape.request, Claims: shape.claims,
		}
		if pod.DeletionTimestamp == nil {
			next.Workload = o.workloadOf(pod)
		}
		out = append(out, next)
	}
	return out
}

// shapes remember what pods request, since reading it takes longer than planning with it.
type shapes struct{ byUID sync.Map }

type shape struct {
	generation int64 // of the pod: resizing it raises it
	request    engine.Resources
	claims     []string
}

func (s *shapes) of(pod *corev1.Pod) *shape {
	if known, ok := s.byUID.Load(pod.UID); ok && known.(*shape).generation == pod.Generation {
		return known.(*shape)
	}
	out := &shape{generation: pod.Generation, request: planning.Request(&pod.Spec)}
	for i := range pod.Spec.Volumes {
		if name := state.ClaimName(pod, &pod.Spec.Volumes[i]); name != "" {
			out.claims = append(out.claims, name)
		}
	}
	s.byUID.Store(pod.UID, out)
	return out
}

func (s *shapes) forget(pod *corev1.Pod) { s.byUID.Delete(pod.UID) }
