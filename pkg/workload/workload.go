package workload

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Workload is a controller whose pods are alike.
type Workload struct {
	Key
	APIVersion string
	UID        types.UID
	// Replicas that should run.
	Replicas int
	// Template of the pods: labels, requests, node selector, affinity, tolerations, volumes.
	Template *corev1.PodTemplateSpec
	// ClaimTemplates are the volume claim templates of a StatefulSet.
	ClaimTemplates []ClaimTemplate
	// FirstOrdinal is the number of a StatefulSet's first replica (spec.ordinals.start).
	FirstOrdinal int
	// Members are the replicas by their pods, where these tell which claims of its own each has; nil where names and claims follow
	// from ordinals, and where there are none.
	Members []Member
	// Counted is why Replicas is the number of live pods and not what the workload says; empty where it is.
	Counted string
}

// ObjectKind is the kind of the workload's object: "StatefulSet" of a "StatefulSet.apps.kruise.io" too.
func (w *Workload) ObjectKind() string { return objectKind(w.Kind) }

// ClaimTemplate is what a claim is made from that does not exist before its pod.
type ClaimTemplate struct {
	// Name of the template, or of the pod's volume.
	Name string
	// Class is the name of the StorageClass; nil for the cluster's default one.
	Class *string
}

// Replica is the name of the pod of a StatefulSet's i-th replica.
func (w *Workload) Replica(i int) string {
	if i < len(w.Members) {
		return w.Members[i].Pod
	}
	return fmt.Sprintf("%s-%d", w.Name, w.FirstOrdinal+i)
}

// OwnClaims are the names of the PersistentVolumeClaims of a StatefulSet's i-th replica that are made for it alone.
func (w *Workload) OwnClaims(i int) []string {
	if i < len(w.Members) {
		return w.Members[i].Claims
	}
	var out []string
	for _, template := range w.ClaimTemplates {
		out = append(out, template.Name+"-"+w.Replica(i))
	}
	return out
}

// SharedClaims are the names of the PersistentVolumeClaims that all replicas have, by the template, each once. Claims that are made
// and deleted with a pod are not among them.
func (w *Workload) SharedClaims() []string {
	var out []string
	for i := range w.Template.Spec.Volumes {
		if claim := w.Template.Spec.Volumes[i].PersistentVolumeClaim; claim != nil {
			if !slices.Contains(out, claim.ClaimName) {
				out = append(out, claim.ClaimName)
			}
		}
	}
	return out
}

// PodClaims are the claims that are made and deleted with each pod (generic ephemeral volumes).
func (w *Workload) PodClaims() []ClaimTemplate {
	var out []ClaimTemplate
	for i := range w.Template.Spec.Volumes {
		volume := &w.Template.Spec.Volumes[i]
		if volume.Ephemeral != nil && volume.Ephemeral.VolumeClaimTemplate != nil {
			out = append(out, ClaimTemplate{Name: volume.Name, Class: volume.Ephemeral.VolumeClaimTemplate.Spec.StorageClassName})
		}
	}
	return out
}

// Objects are those that workloads are found from. They are not changed.
type Objects struct {
	Deployments            []*appsv1.Deployment
	ReplicaSets            []*appsv1.ReplicaSet
	StatefulSets           []*appsv1.StatefulSet
	ReplicationControllers []*corev1.ReplicationController
	Jobs                   []*batchv1.Job
	// Declared are workloads of kinds that are known by their ReplicaSets where their own objects are not read, as Argo Rollouts
	// are: what is declared counts, and not what its ReplicaSets say.
	Declared []Workload
	// Scales are how many replicas the owners want that have a scale subresource, by their keys, and Pods tell what these run.
	// StorageClass, if set, is the class of a claim.
	Scales       map[Key]Scale
	Pods         []*corev1.Pod
	StorageClass func(namespace, claim string) (class *string, known bool)
}

// All are the workloads of a cluster, by namespace, name and kind: Deployments, StatefulSets, Jobs that have not ended,
// ReplicaSets and ReplicationControllers that nothing controls, and what controls ReplicaSets besides Deployments, as Argo
// Rollouts do, and the owners of pods that have a scale subresource. What is being deleted is none any more.
func (o *Objects) All() []Workload {
	var out []Workload
	add := func(apiVersion, kind string, meta *metav1.ObjectMeta, replicas int, template *corev1.PodTemplateSpec) *Workload {
		out = append(out, Workload{
			Key: Key{Kind: kind, Namespace: meta.Namespace, Name: meta.Name}, APIVersion: apiVersion, UID: meta.UID,
			Replicas: replicas, Template: template,
		})
		return &out[len(out)-1]
	}
	apps, batch := appsv1.SchemeGroupVersion.String(), batchv1.SchemeGroupVersion.String()
	for _, d := range o.Deployments {
		if d.DeletionTimestamp == nil {
			add(apps, Deployment, &d.ObjectMeta, orOne(d.Spec.Replicas), &d.Spec.Template)
		}
	}
	for _, set := range o.StatefulSets {
		if set.DeletionTimestamp != nil {
			continue
		}
		w := add(apps, StatefulSet, &set.ObjectMeta, orOne(set.Spec.Replicas), &set.Spec.Template)
		for i := range set.Spec.VolumeClaimTemplates {
			claim := &set.Spec.VolumeClaimTemplates[i]
			w.ClaimTemplates = append(w.ClaimTemplates, ClaimTemplate{Name: claim.Name, Class: claim.Spec.StorageClassName})
		}
		if set.Spec.Ordinals != nil {
			w.FirstOrdinal = int(set.Spec.Ordinals.Start)
		}
	}
	for _, c := range o.ReplicationControllers {
		if c.DeletionTimestamp == nil && c.Spec.Template != nil && metav1.GetControllerOfNoCopy(c) == nil {
			add(corev1.SchemeGroupVersion.String(), ReplicationController, &c.ObjectMeta, orOne(c.Spec.Replicas), c.Spec.Template)
		}
	}
	for _, job := range o.Jobs {
		if job.DeletionTimestamp == nil && !JobEnded(job) {
			add(batch, Job, &job.ObjectMeta, ReplicasOfJob(job), &job.Spec.Template)
		}
	}
	controlled := map[Key][]*appsv1.ReplicaSet{}
	for _, set := range o.ReplicaSets {
		switch key := OfReplicaSet(set); {
		case set.DeletionTimestamp != nil || key.Kind == Deployment: // which speaks for it
		case metav1.GetControllerOfNoCopy(set) == nil:
			add(apps, ReplicaSet, &set.ObjectMeta, replicasOfSet(set), &set.Spec.Template)
		default:
			controlled[key] = append(controlled[key], set)
		}
	}
	for i := range o.Declared {
		if _, scales := o.Scales[o.Declared[i].Key]; !scales {
			out = append(out, o.Declared[i])
		}
		delete(controlled, o.Declared[i].Key)
	}
	for key, sets := range controlled {
		out = append(out, fromRevisions(key, sets))
	}
	if len(o.Scales) > 0 {
		out = append(out, o.scaled()...)
	}
	slices.SortFunc(out, func(a, b Workload) int { return a.Compare(b.Key) })
	return out
}

// fromRevisions is a workload as its ReplicaSets tell: replicas as the newest says of the whole, or all that they want
// together, and the newest's template.
func fromRevisions(key Key, sets []*appsv1.ReplicaSet) Workload {
	newest := slices.MaxFunc(sets, func(a, b *appsv1.ReplicaSet) int {
		return cmp.Or(cmp.Compare(revision(a), revision(b)), a.CreationTimestamp.Compare(b.CreationTimestamp.Time), cmp.Compare(a.Name, b.Name))
	})
	owner := metav1.GetControllerOfNoCopy(newest)
	out := Workload{Key: key, APIVersion: owner.APIVersion, UID: owner.UID, Template: &newest.Spec.Template}
	if _, said := newest.Annotations[AnnotationRolloutReplicas]; said {
		out.Replicas = replicasOfSet(newest)
		return out
	}
	for _, set := range sets {
		out.Replicas += orOne(set.Spec.Replicas)
	}
	return out
}

// revision is the number that Argo Rollouts give a ReplicaSet; 0 when there is none.
func revision(set *appsv1.ReplicaSet) int {
	number, err := strconv.Atoi(set.Annotations[AnnotationRolloutRevision])
	if err != nil {
		return 0
	}
	return number
}
