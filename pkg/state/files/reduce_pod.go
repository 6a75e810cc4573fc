package files

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/state"
	"tradewind.dev/tradewind/pkg/workload"
)

// labelKeys are the keys of pods' labels that something looks at.
type labelKeys map[string]bool

// selected are the keys of pods' labels that a plan looks at: those by which pods say which others they must be near or apart from,
// and those that say whose a pod is.
func selected(lists *state.Lists) labelKeys {
	out := labelKeys{v1alpha1.LabelCluster: true}
	for _, key := range workload.HashLabels() {
		out[key] = true
	}
	for _, w := range lists.Workloads() {
		out.add(&w.Template.Spec)
	}
	for _, set := range lists.DaemonSets {
		out.add(&set.Spec.Template.Spec)
	}
	for _, pod := range lists.Pods {
		out.add(&pod.Spec)
	}
	return out
}

func (k labelKeys) add(spec *corev1.PodSpec) {
	selector := func(s *metav1.LabelSelector) {
		if s == nil {
			return
		}
		for key := range s.MatchLabels {
			k[key] = true
		}
		for i := range s.MatchExpressions {
			k[s.MatchExpressions[i].Key] = true
		}
	}
	keys := func(lists ...[]string) {
		for _, list := range lists {
			for _, key := range list {
				k[key] = true
			}
		}
	}
	for _, term := range required(affinity(spec.Affinity)) {
		selector(term.LabelSelector)
		keys(term.MatchLabelKeys, term.MismatchLabelKeys)
	}
	for _, constraint := range spreads(spec.TopologySpreadConstraints) {
		selector(constraint.LabelSelector)
		keys(constraint.MatchLabelKeys)
	}
}

// required are the terms of what pods must be near, and apart from.
func required(a *corev1.Affinity) []corev1.PodAffinityTerm {
	var out []corev1.PodAffinityTerm
	if a != nil && a.PodAffinity != nil {
		out = append(out, a.PodAffinity.RequiredDuringSchedulingIgnoredDuringExecution...)
	}
	if a != nil && a.PodAntiAffinity != nil {
		out = append(out, a.PodAntiAffinity.RequiredDuringSchedulingIgnoredDuringExecution...)
	}
	return out
}

// pod keeps pods that take room on a node, with the labels that something looks at.
func (k labelKeys) pod(from *corev1.Pod) client.Object {
	if from.Spec.NodeName == "" || workload.Ended(from) {
		return nil
	}
	set := map[string]string{}
	for key, value := range from.Labels {
		if k[key] {
			set[key] = value
		}
	}
	out := &corev1.Pod{TypeMeta: typeMeta("v1", "Pod"), ObjectMeta: meta(from, set), Spec: podSpec(&from.Spec)}
	// Where a pod runs is settled: what it asked of nodes says nothing any more, but which pods it keeps away.
	out.Spec.NodeSelector, out.Spec.Tolerations, out.Spec.TopologySpreadConstraints = nil, nil, nil
	if away := out.Spec.Affinity; away != nil && away.PodAntiAffinity != nil {
		out.Spec.Affinity = &corev1.Affinity{PodAntiAffinity: away.PodAntiAffinity}
	} else {
		out.Spec.Affinity = nil
	}
	out.OwnerReferences, out.DeletionTimestamp = controllerOf(from), from.DeletionTimestamp
	return out
}

// affinity keeps what an affinity requires; nil when that is nothing.
func affinity(from *corev1.Affinity) *corev1.Affinity {
	if from == nil {
		return nil
	}
	out := &corev1.Affinity{}
	if nodes := from.NodeAffinity; nodes != nil && nodes.RequiredDuringSchedulingIgnoredDuringExecution != nil {
		out.NodeAffinity = &corev1.NodeAffinity{RequiredDuringSchedulingIgnoredDuringExecution: nodes.RequiredDuringSchedulingIgnoredDuringExecution}
	}
	if pods := from.PodAffinity; pods != nil && len(pods.RequiredDuringSchedulingIgnoredDuringExecution) > 0 {
		out.PodAffinity = &corev1.PodAffinity{RequiredDuringSchedulingIgnoredDuringExecution: pods.RequiredDuringSchedulingIgnoredDuringExecution}
	}
	if pods := from.PodAntiAffinity; pods != nil && len(pods.RequiredDuringSchedulingIgnoredDuringExecution) > 0 {
		out.PodAntiAffinity = &corev1.PodAntiAffinity{RequiredDuringSchedulingIgnoredDuringExecution: pods.RequiredDuringSchedulingIgnoredDuringExecution}
	}
	if *out == (corev1.Affinity{}) {
		return nil
	}
	return out
}

// spreads keeps the constraints that pods wait for.
func spreads(from []corev1.TopologySpreadConstraint) []corev1.TopologySpreadConstraint {
	var out []corev1.TopologySpreadConstraint
	for i := range from {
		if from[i].WhenUnsatisfiable == corev1.DoNotSchedule {
			out = append(out, from[i])
		}
	}
	return out
}

// ports keeps the numbers of ports, without their names.
func ports(from []corev1.ContainerPort) []corev1.ContainerPort {
	var out []corev1.ContainerPort
	for i := range from {
		out = append(out, corev1.ContainerPort{
			ContainerPort: from[i].ContainerPort, HostPort: from[i].HostPort, HostIP: from[i].HostIP, Protocol: from[i].Protocol,
		})
	}
	return out
}
