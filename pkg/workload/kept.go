package workload

import (
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// keepAnnotations are annotations by which people keep autoscalers from evicting a pod, with the values that do; Tradewind heeds them too.
var keepAnnotations = map[string]string{"cluster-autoscaler.kubernetes.io/safe-to-evict": "false", "karpenter.sh/do-not-disrupt": "true"}

// KeepAnnotations are the names of the annotations by which people keep a pod from being evicted, sorted.
func KeepAnnotations() []string { return slices.Sorted(maps.Keys(keepAnnotations)) }

// KeptBy is the annotation that keeps a pod from being evicted; empty where none does.
func KeptBy(pod *corev1.Pod) string {
	for _, key := range KeepAnnotations() {
		if pod.Annotations[key] == keepAnnotations[key] {
			return key
		}
	}
	return ""
}
