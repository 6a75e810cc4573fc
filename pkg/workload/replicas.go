package workload

import (
	"strconv"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Annotations of ReplicaSets by which their makers say how many replicas there are to be when a rollout is done, and which
// revision a ReplicaSet is.
const (
	AnnotationDeploymentReplicas = "deployment.kubernetes.io/desired-replicas"
	AnnotationRolloutReplicas    = "rollout.argoproj.io/desired-replicas"
	AnnotationRolloutRevision    = "rollout.argoproj.io/revision"
)

// Annotations are those of ReplicaSets that this package looks at.
func Annotations() []string {
	return []string{AnnotationDeploymentReplicas, AnnotationRolloutReplicas, AnnotationRolloutRevision}
}

// Declared is the revision that an object is, and how many replicas it wants. ok is false for objects that do not say.
func Declared(object metav1.Object) (key Key, replicas int, ok bool) {
	key = Key{Namespace: object.GetNamespace(), Name: object.GetName()}
	switch typed := object.(type) {
	case *appsv1.ReplicaSet:
		key.Kind = ReplicaSet
		return key, replicasOfSet(typed), true
	case *appsv1.StatefulSet:
		key.Kind = StatefulSet
		return key, orOne(typed.Spec.Replicas), true
	case *corev1.ReplicationController:
		key.Kind = ReplicationController
		return key, orOne(typed.Spec.Replicas), true
	case *batchv1.Job:
		key.Kind = Job
		return key, ReplicasOfJob(typed), true
	}
	return key, 0, false
}

// Declares says whether objects of a kind that controls pods say how many replicas they want; see Declared.
func Declares(kind string) bool {
	return kind == ReplicaSet || kind == StatefulSet || kind == ReplicationController || kind == Job
}

// replicasOfSet is how many replicas a ReplicaSet is to have when the rollout that it is part of is done; while that runs
// the ReplicaSet itself wants fewer.
func replicasOfSet(set *appsv1.ReplicaSet) int {
	if metav1.GetControllerOfNoCopy(set) == nil {
		return orOne(set.Spec.Replicas) // what a Deployment that let go of it said before holds no more
	}
	for _, key := range []string{AnnotationDeploymentReplicas, AnnotationRolloutReplicas} {
		if replicas, err := strconv.Atoi(set.Annotations[key]); err == nil && replicas >= 0 {
			return replicas
		}
	}
	return orOne(set.Spec.Replicas)
}

// ReplicasOfJob is how many pods of a Job should run now: its parallelism, but no more than completions are missing; none
// of one that is suspended or has ended. A Job without completions makes no further pods once one has succeeded.
func ReplicasOfJob(job *batchv1.Job) int {
	if JobEnded(job) || job.Spec.Suspend != nil && *job.Spec.Suspend {
		return 0
	}
	replicas := orOne(job.Spec.Parallelism)
	switch {
	case job.Spec.Completions != nil:
		replicas = min(replicas, max(int(*job.Spec.Completions-job.Status.Succeeded), 0))
	case job.Status.Succeeded > 0:
		replicas = min(replicas, int(job.Status.Active))
	}
	return replicas
}

// JobEnded says whether a Job is complete or has failed.
func JobEnded(job *batchv1.Job) bool {
	for i := range job.Status.Conditions {
		condition := &job.Status.Conditions[i]
		if (condition.Type == batchv1.JobComplete || condition.Type == batchv1.JobFailed) && condition.Status == corev1.ConditionTrue {
			return true
		}
	}
	return false
}

func orOne(replicas *int32) int {
	if replicas == nil {
		return 1
	}
	return int(*replicas)
}
