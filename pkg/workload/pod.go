package workload

import (
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	resourcehelper "k8s.io/component-helpers/resource"
)

// Ended says whether a pod has run to its end, well or badly: it takes no room any more.
func Ended(pod *corev1.Pod) bool {
	return pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
}

// Live says whether a pod counts as a replica: it runs or waits to, and is not being deleted.
func Live(pod *corev1.Pod) bool { return pod.DeletionTimestamp == nil && !Ended(pod) }

// Ready says whether a pod serves, by its condition Ready.
func Ready(pod *corev1.Pod) bool {
	for i := range pod.Status.Conditions {
		if condition := &pod.Status.Conditions[i]; condition.Type == corev1.PodReady {
			return condition.Status == corev1.ConditionTrue
		}
	}
	return false
}

// ClaimName is the PersistentVolumeClaim behind a pod's volume; empty when there is none.
func ClaimName(pod *corev1.Pod, volume *corev1.Volume) string {
	switch {
	case volume.PersistentVolumeClaim != nil:
		return volume.PersistentVolumeClaim.ClaimName
	case volume.Ephemeral != nil:
		return pod.Name + "-" + volume.Name
	}
	return ""
}

// Claims are the names of a pod's PersistentVolumeClaims.
func Claims(pod *corev1.Pod) []string {
	var out []string
	for i := range pod.Spec.Volumes {
		if name := ClaimName(pod, &pod.Spec.Volumes[i]); name != "" {
			out = append(out, name)
		}
	}
	return out
}

// Requests are what a pod of this shape asks for, as the scheduler counts: the sum over its containers with init containers
// and overhead, or what the pod as a whole asks for. What has a limit and no request asks for the limit, as the API server fills in.
func Requests(spec *corev1.PodSpec) corev1.ResourceList {
	pod := &corev1.Pod{Spec: *spec}
	pod.Spec.Containers, pod.Spec.InitContainers = withDefaults(spec.Containers), withDefaults(spec.InitContainers)
	pod.Spec.Resources = podDefaults(pod)
	return resourcehelper.PodRequests(pod, resourcehelper.PodResourcesOptions{})
}

// withDefaults are the containers with requests where there are limits. The given ones stay as they are.
func withDefaults(containers []corev1.Container) []corev1.Container {
	var out []corev1.Container
	for i := range containers {
		requests := containers[i].Resources.Requests
		for name, limit := range containers[i].Resources.Limits {
			if _, ok := requests[name]; ok {
				continue
			}
			if out == nil {
				out = slices.Clone(containers)
			}
			if requests = maps.Clone(requests); requests == nil {
				requests = corev1.ResourceList{}
			}
			requests[name] = limit
			out[i].Resources.Requests = requests
		}
	}
	if out == nil {
		return containers
	}
	return out
}

// podDefaults are the resources of a pod as a whole with requests where there are limits: what its containers ask for, and where
// none asks for anything the limit. Huge pages are never asked for by less than their limit. (Kubernetes, pkg/apis/core/v1,
// defaultPodRequests.) The given ones stay as they are.
func podDefaults(pod *corev1.Pod) *corev1.ResourceRequirements {
	given := pod.Spec.Resources
	if given == nil || len(given.Limits) == 0 {
		return given
	}
	out := *given
	if out.Requests = maps.Clone(given.Requests); out.Requests == nil {
		out.Requests = corev1.ResourceList{}
	}
	fill := func(name corev1.ResourceName, amount resource.Quantity) {
		if _, asked := out.Requests[name]; !asked && resourcehelper.IsSupportedPodLevelResource(name) {
			out.Requests[name] = amount
		}
	}
	for name, amount := range resourcehelper.AggregateContainerRequests(pod, resourcehelper.PodResourcesOptions{}) {
		if !strings.HasPrefix(string(name), corev1.ResourceHugePagesPrefix) {
			fill(name, amount)
		}
	}
	for name, limit := range given.Limits {
		fill(name, limit)
	}
	return &out
}
