package workload

import (
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// The kinds of workloads that are known by themselves.
const (
	Deployment            = "Deployment"
	ReplicaSet            = "ReplicaSet"
	StatefulSet           = "StatefulSet"
	ReplicationController = "ReplicationController"
	Job                   = "Job"
	DaemonSet             = "DaemonSet"
	// Rollout is Argo Rollouts' Deployment.
	Rollout = "Rollout"
	// Pod is the kind of a pod that nothing controls: it is a workload, and a revision, of its own.
	Pod = "Pod"
)

// RolloutHashLabel is the label by which Argo Rollouts tells the ReplicaSets of a Rollout apart, as Deployments do with
// pod-template-hash.
const RolloutHashLabel = "rollouts-pod-template-hash"

// HashLabels are the labels of pods that Of looks at.
func HashLabels() []string { return []string{appsv1.DefaultDeploymentUniqueLabelKey, RolloutHashLabel} }

// Owners says whose a ReplicaSet is; known is false when it has not been read. It may be nil where none is.
type Owners func(namespace, replicaSet string) (of Key, known bool)

// Revision is the object that controls a pod directly: a ReplicaSet, StatefulSet, Job, …, or the pod itself.
func Revision(pod *corev1.Pod) Key {
	owner := metav1.GetControllerOfNoCopy(pod)
	if owner == nil {
		return Key{Kind: Pod, Namespace: pod.Namespace, Name: pod.Name}
	}
	return Key{Kind: kindOf(owner), Namespace: pod.Namespace, Name: owner.Name}
}

// groups are the API groups of the kinds that are known by themselves.
var groups = map[string]string{
	Deployment: appsv1.GroupName, ReplicaSet: appsv1.GroupName, StatefulSet: appsv1.GroupName, DaemonSet: appsv1.GroupName,
	ReplicationController: corev1.GroupName, Job: batchv1.GroupName, Rollout: "argoproj.io", nodeKind: corev1.GroupName,
}

// nodeKind controls the pods that kubelets read from files.
const nodeKind = "Node"

// kindOf is the kind of a controller.
func kindOf(owner *metav1.OwnerReference) string { return KindIn(owner.APIVersion, owner.Kind) }

// KindIn is the kind of a workload of which the object has this API version and kind: a kind that is not known by itself, such as
// OpenKruise's StatefulSet, is named with its group, as kubectl takes it ("StatefulSet.apps.kruise.io"), since other groups may
// have a kind of that name.
func KindIn(apiVersion, kind string) string {
	group, known := groups[kind]
	of, err := schema.ParseGroupVersion(apiVersion)
	if err != nil || apiVersion == "" || of.Group == "" || known && of.Group == group {
		return kind
	}
	return kind + "." + of.Group
}

// Of is the workload that a pod is a replica of: what controls it directly, and for a ReplicaSet what controls that. Of a
// ReplicaSet that has not been read it follows from the pod's labels and the ReplicaSet's name.
func Of(pod *corev1.Pod, owners Owners) Key {
	key := Revision(pod)
	if key.Kind != ReplicaSet {
		return key
	}
	if owners != nil {
		if of, known := owners(key.Namespace, key.Name); known {
			return of
		}
	}
	if name, ok := unhashed(key.Name, pod.Labels[RolloutHashLabel]); ok {
		key.Kind, key.Name = Rollout, name
	} else if name, ok := unhashed(key.Name, pod.Labels[appsv1.DefaultDeploymentUniqueLabelKey]); ok {
		key.Kind, key.Name = Deployment, name
	}
	return key
}

// unhashed is the name of a ReplicaSet without the hash that its maker put behind it; ok is false when there is none.
func unhashed(name, hash string) (string, bool) {
	if hash == "" {
		return name, false
	}
	return strings.CutSuffix(name, "-"+hash)
}

// OfReplicaSet is the workload that a ReplicaSet is a revision of: what controls it, or the ReplicaSet itself.
func OfReplicaSet(set *appsv1.ReplicaSet) Key {
	if owner := metav1.GetControllerOfNoCopy(set); owner != nil {
		return Key{Kind: kindOf(owner), Namespace: set.Namespace, Name: owner.Name}
	}
	return Key{Kind: ReplicaSet, Namespace: set.Namespace, Name: set.Name}
}

// OwnersOf are the owners of these ReplicaSets.
func OwnersOf(sets []*appsv1.ReplicaSet) Owners {
	type name struct{ namespace, name string }
	known := make(map[name]Key, len(sets))
	for _, set := range sets {
		known[name{set.Namespace, set.Name}] = OfReplicaSet(set)
	}
	return func(namespace, replicaSet string) (Key, bool) {
		of, ok := known[name{namespace, replicaSet}]
		return of, ok
	}
}

// Role is what a pod is to whatever controls it, which decides whether another one may take its place elsewhere.
type Role int

// The roles of a pod.
const (
	// Replica of a workload: when it is gone, its controller makes another.
	Replica Role = iota
	// Alone is a pod that nothing controls: nobody would make it anew.
	Alone
	// OfNode is a pod that belongs to its node: a DaemonSet's, or a static one.
	OfNode
	// OfJob is a pod of a Job, whose work another one would begin anew.
	OfJob
)

// RoleOf is the role of a pod.
func RoleOf(pod *corev1.Pod) Role {
	owner := metav1.GetControllerOfNoCopy(pod)
	if owner == nil {
		return Alone
	}
	switch kindOf(owner) {
	case DaemonSet, nodeKind:
		return OfNode
	case Job:
		return OfJob
	}
	return Replica
}
