package workload_test

import (
	"maps"
	"reflect"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"tradewind.dev/tradewind/pkg/workload"
)

// TestMade checks what controllers and the API server make of a template, which stays as it is.
func TestMade(t *testing.T) {
	w := workload.Workload{
		Key: key(workload.StatefulSet, "db"), APIVersion: "apps/v1", Replicas: 3, FirstOrdinal: 5, ClaimTemplates: []workload.ClaimTemplate{{Name: "disk"}},
		Template: &corev1.PodTemplateSpec{
			ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "db", "slot": "blue"}},
			Spec: corev1.PodSpec{
				HostNetwork: true,
				Containers: []corev1.Container{{
					Resources: corev1.ResourceRequirements{Limits: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("2")}},
					Ports:     []corev1.ContainerPort{{ContainerPort: 80}, {ContainerPort: 81, HostPort: 8081}},
				}},
				Volumes: []corev1.Volume{{Name: "config"}, {Name: "disk"}},
				Affinity: &corev1.Affinity{PodAntiAffinity: &corev1.PodAntiAffinity{RequiredDuringSchedulingIgnoredDuringExecution: []corev1.PodAffinityTerm{{
					LabelSelector: &metav1.LabelSelector{}, MatchLabelKeys: []string{"slot", "none"}, MismatchLabelKeys: []string{"app"},
				}}}},
			},
		},
	}
	before := w.Template.DeepCopy()
	pod := w.Made(1)
	if pod.Name != "db-6" || pod.Namespace != "shop" || pod.UID == w.Made(2).UID || workload.Of(pod, nil) != w.Key {
		t.Errorf("it is %s/%s %s of %s", pod.Namespace, pod.Name, pod.UID, workload.Of(pod, nil))
	}
	if claims := workload.Claims(pod); !slices.Equal(claims, []string{"disk-db-6"}) || len(pod.Spec.Volumes) != 2 {
		t.Errorf("claims %v of %d volumes", claims, len(pod.Spec.Volumes))
	}
	want := map[string]string{"app": "db", "slot": "blue", "statefulset.kubernetes.io/pod-name": "db-6", "apps.kubernetes.io/pod-index": "6"}
	if !maps.Equal(pod.Labels, want) {
		t.Errorf("labels %v, want %v", pod.Labels, want)
	}
	c := &pod.Spec.Containers[0]
	if c.Resources.Requests.Cpu().Value() != 2 || c.Ports[0].HostPort != 80 || c.Ports[1].HostPort != 8081 {
		t.Errorf("container %+v", c)
	}
	expressions := []metav1.LabelSelectorRequirement{
		{Key: "slot", Operator: metav1.LabelSelectorOpIn, Values: []string{"blue"}}, {Key: "app", Operator: metav1.LabelSelectorOpNotIn, Values: []string{"db"}},
	}
	term := &pod.Spec.Affinity.PodAntiAffinity.RequiredDuringSchedulingIgnoredDuringExecution[0]
	if !reflect.DeepEqual(term.LabelSelector.MatchExpressions, expressions) {
		t.Errorf("it keeps away from %+v", term.LabelSelector)
	}
	if !reflect.DeepEqual(before, w.Template) {
		t.Error("the template was changed")
	}
}

// TestAnew makes the pod that comes for another: placed by the template, and as large as the one that goes, whatever admission put in.
func TestAnew(t *testing.T) {
	w := workload.Workload{Key: key(workload.Deployment, "web"), Template: &corev1.PodTemplateSpec{Spec: corev1.PodSpec{
		NodeSelector: map[string]string{"disk": "ssd"}, Containers: []corev1.Container{{Name: "main"}},
	}}}
	gone := &corev1.Pod{ObjectMeta: meta("web-1-x", "ReplicaSet", "web-1")}
	gone.UID, gone.Labels = "gone", map[string]string{"pod-template-hash": "1"}
	gone.Spec = corev1.PodSpec{
		NodeName: "a", NodeSelector: map[string]string{"disk": "hdd"}, Containers: []corev1.Container{{Name: "main"}, {Name: "injected"}},
		Volumes: []corev1.Volume{
			{Name: "data", VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "data"}}},
			{Name: "cache", VolumeSource: corev1.VolumeSource{Ephemeral: &corev1.EphemeralVolumeSource{}}},
		},
	}
	pod := w.Anew(gone)
	if pod.Spec.NodeName != "" || pod.UID == gone.UID || pod.Spec.NodeSelector["disk"] != "ssd" || len(pod.Spec.Containers) != 2 ||
		pod.Labels["pod-template-hash"] != "1" || !slices.Equal(workload.Claims(pod), []string{"data"}) {
		t.Errorf("it is %+v", pod)
	}
	if len(gone.Spec.Volumes) != 2 || gone.Spec.NodeName != "a" {
		t.Error("the one that goes was changed")
	}
}
