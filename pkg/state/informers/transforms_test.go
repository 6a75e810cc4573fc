package informers

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"tradewind.dev/tradewind/pkg/state"
	"tradewind.dev/tradewind/pkg/workload"
)

// fullTemplate is a pod template with everything that a plan looks at, and some that it does not.
func fullTemplate() corev1.PodTemplateSpec {
	always := corev1.ContainerRestartPolicyAlways
	return corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "web"}, Annotations: map[string]string{"big": "text"}},
		Spec: corev1.PodSpec{
			Containers:     []corev1.Container{{Name: "main", Image: "i", Env: []corev1.EnvVar{{Name: "A", Value: "b"}}, Resources: requests("1")}},
			InitContainers: []corev1.Container{{Name: "mesh", Image: "i", Resources: requests("500m"), RestartPolicy: &always}, {Name: "once", Resources: requests("2")}},
			Overhead:       corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("250m")},
			NodeSelector:   map[string]string{"disk": "fast"},
			Tolerations:    []corev1.Toleration{{Key: "team", Operator: corev1.TolerationOpExists}},
			SchedulerName:  "tradewind",
			Volumes: []corev1.Volume{
				{Name: "config", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{}}},
				{Name: "data", VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "data"}}},
			},
		},
	}
}

// keeps fails when a template lost what a plan looks at, or holds much else.
func keeps(t *testing.T, what string, got *corev1.PodTemplateSpec) {
	t.Helper()
	full := fullTemplate()
	if want := state.Request(&corev1.Pod{Spec: full.Spec}); state.Request(&corev1.Pod{Spec: got.Spec}) != want {
		t.Errorf("%s requests %+v, want %+v", what, state.Request(&corev1.Pod{Spec: got.Spec}), want)
	}
	if got.Labels["app"] != "web" || got.Spec.NodeSelector["disk"] != "fast" || len(got.Spec.Tolerations) != 1 || got.Spec.SchedulerName != "tradewind" ||
		len(got.Spec.Volumes) != 1 || got.Spec.Volumes[0].Name != "data" {
		t.Errorf("%s lost something: %+v", what, got)
	}
	if got.Annotations != nil || len(got.Spec.Containers[0].Env) > 0 || got.Spec.Containers[0].Image != "" {
		t.Errorf("%s keeps too much: %+v", what, got)
	}
}

func transformed[T any](t *testing.T, transform func(any) (any, error), object T) T {
	t.Helper()
	out, err := transform(object)
	if err != nil {
		t.Fatal(err)
	}
	return out.(T)
}

// TestWorkloadTransforms checks that the cache keeps of workloads what plans look at.
func TestWorkloadTransforms(t *testing.T) {
	replicas := int32(3)
	meta := metav1.ObjectMeta{
		Namespace: "shop", Name: "web", UID: "u", Generation: 7, Annotations: map[string]string{"big": "text", workload.AnnotationDeploymentReplicas: "5"},
		ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "kubectl"}},
	}
	deployment := transformed(t, transformDeployment, &appsv1.Deployment{ObjectMeta: meta, Spec: appsv1.DeploymentSpec{Replicas: &replicas, Template: fullTemplate()}})
	keeps(t, "Deployment", &deployment.Spec.Template)
	if *deployment.Spec.Replicas != 3 || deployment.UID != "u" || deployment.Generation != 7 || deployment.ManagedFields != nil || deployment.Annotations != nil {
		t.Errorf("got %+v", deployment)
	}

	set := &appsv1.ReplicaSet{ObjectMeta: meta, Spec: appsv1.ReplicaSetSpec{Replicas: &replicas, Template: fullTemplate()}}
	alone := transformed(t, transformReplicaSet, set)
	keeps(t, "ReplicaSet", &alone.Spec.Template)
	if _, got, _ := workload.Declared(alone); got != 3 {
		t.Errorf("it wants %d replicas; what a Deployment said that let go of it does not count", got)
	}
	set.OwnerReferences = []metav1.OwnerReference{{Kind: "Other", Name: "other"}, {Kind: "Deployment", Name: "web", Controller: ptr.To(true)}}
	owned := transformed(t, transformReplicaSet, set)
	if _, got, _ := workload.Declared(owned); len(owned.Spec.Template.Spec.Containers) > 0 || got != 5 ||
		len(owned.OwnerReferences) != 1 || owned.OwnerReferences[0].Name != "web" {
		t.Errorf("of a Deployment's ReplicaSet is kept %+v", owned)
	}

	stateful := transformed(t, transformStatefulSet, &appsv1.StatefulSet{ObjectMeta: meta, Spec: appsv1.StatefulSetSpec{
		Replicas: &replicas, Template: fullTemplate(), VolumeClaimTemplates: []corev1.PersistentVolumeClaim{{
			ObjectMeta: metav1.ObjectMeta{Name: "disk", Labels: map[string]string{"a": "b"}}, Spec: corev1.PersistentVolumeClaimSpec{StorageClassName: ptr.To("fast")},
		}},
	}})
	keeps(t, "StatefulSet", &stateful.Spec.Template)
	if claims := stateful.Spec.VolumeClaimTemplates; len(claims) != 1 || claims[0].Name != "disk" || *claims[0].Spec.StorageClassName != "fast" || claims[0].Labels != nil {
		t.Errorf("its claims are %+v", stateful.Spec.VolumeClaimTemplates)
	}

	job := &batchv1.Job{ObjectMeta: meta, Spec: batchv1.JobSpec{Parallelism: &replicas, Template: fullTemplate()}, Status: batchv1.JobStatus{Succeeded: 2}}
	running := transformed(t, transformJob, job)
	keeps(t, "Job", &running.Spec.Template)
	if running.Status.Succeeded != 2 || workload.JobEnded(running) {
		t.Errorf("got %+v", running)
	}
	job.Status.Conditions = []batchv1.JobCondition{{Type: batchv1.JobFailed, Status: corev1.ConditionTrue}}
	if ended := transformed(t, transformJob, job); !workload.JobEnded(ended) || len(ended.Spec.Template.Spec.Containers) > 0 {
		t.Errorf("of a Job that failed is kept %+v", ended)
	}

	claim := transformed(t, transformClaim, &corev1.PersistentVolumeClaim{ObjectMeta: meta, Spec: corev1.PersistentVolumeClaimSpec{
		VolumeName: "pv", StorageClassName: ptr.To("fast"), Selector: &metav1.LabelSelector{},
	}})
	if claim.Spec.VolumeName != "pv" || *claim.Spec.StorageClassName != "fast" || claim.Spec.Selector != nil {
		t.Errorf("got %+v", claim)
	}
	for _, transform := range []func(any) (any, error){transformPod, transformNode, transformNamespace, transformDeployment, transformReplicaSet, transformStatefulSet, transformJob, transformClaim} {
		if got, err := transform("a tombstone"); got != "a tombstone" || err != nil {
			t.Errorf("something else becomes %v, %v", got, err)
		}
	}
}

// TestPodsThatTellOfTheirWorkload: of pods whose workload is read the cache keeps little, and of others what is planned for these.
func TestPodsThatTellOfTheirWorkload(t *testing.T) {
	for apiVersion, whole := range map[string]bool{"apps/v1": false, "apps.kruise.io/v1beta1": true} {
		full := fullTemplate()
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
			Namespace: "shop", Name: "db-0", UID: "p", Labels: full.Labels,
			OwnerReferences: []metav1.OwnerReference{{APIVersion: apiVersion, Kind: workload.StatefulSet, Name: "db", UID: "u", Controller: ptr.To(true)}},
		}, Spec: full.Spec}
		pod.Spec.NodeName = "a"
		kept := transformed(t, transformPod, pod)
		if whole {
			keeps(t, "pod", &corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: kept.Labels}, Spec: kept.Spec})
		} else if kept.Spec.NodeSelector != nil || kept.Spec.Tolerations != nil {
			t.Errorf("of a pod of %s is kept %+v", apiVersion, kept.Spec)
		}
		if kept.Spec.NodeName != "a" || state.Request(kept) != state.Request(pod) {
			t.Errorf("of a pod of %s: node %q, requests %+v", apiVersion, kept.Spec.NodeName, state.Request(kept))
		}
	}
}
