package workload

import (
	"slices"
	"strconv"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Made is the pod of the i-th replica as its controller makes it of the template, and the API server takes it: with the labels
// that tell replicas and revisions apart, requests where there are limits, and a StatefulSet's own claims. Names of pods that the
// API server would make up end in the replica's number. What it shares with the template must not be changed.
func (w *Workload) Made(i int) *corev1.Pod {
	name := w.Replica(i)
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: w.Namespace, Name: name, UID: types.UID("made/" + w.Key.String() + "/" + strconv.Itoa(i)), Labels: w.labels(i),
			OwnerReferences: []metav1.OwnerReference{{APIVersion: w.APIVersion, Kind: w.ObjectKind(), Name: w.Name, UID: w.UID, Controller: new(bool)}},
		},
		Spec: w.Template.Spec,
	}
	*pod.OwnerReferences[0].Controller = true
	claims := w.OwnClaims(i)
	for k, template := range w.ClaimTemplates {
		if k == 0 {
			pod.Spec.Volumes = slices.Clone(pod.Spec.Volumes)
		}
		pod.Spec.Volumes = slices.DeleteFunc(pod.Spec.Volumes, func(volume corev1.Volume) bool { return volume.Name == template.Name })
		pod.Spec.Volumes = append(pod.Spec.Volumes, corev1.Volume{Name: template.Name, VolumeSource: corev1.VolumeSource{
			PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: claims[k]},
		}})
	}
	Admit(pod)
	return pod
}

// Anew is the pod that comes for one that goes: asking of nodes and of other pods what the template says, with the name, labels,
// containers and claims of the one that goes, into which admission may have put more than the template has. Volumes that go with
// their pod are left out: the new pod gets others.
func (w *Workload) Anew(gone *corev1.Pod) *corev1.Pod {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: gone.Namespace, Name: gone.Name, UID: "anew/" + gone.UID, Labels: gone.Labels, OwnerReferences: gone.OwnerReferences,
		},
		Spec: w.Template.Spec,
	}
	pod.Spec.NodeName, pod.Spec.Overhead, pod.Spec.Resources = "", gone.Spec.Overhead, gone.Spec.Resources
	pod.Spec.Containers, pod.Spec.InitContainers = gone.Spec.Containers, gone.Spec.InitContainers
	pod.Spec.Volumes = slices.DeleteFunc(slices.Clone(gone.Spec.Volumes), func(v corev1.Volume) bool { return v.Ephemeral != nil })
	Admit(pod)
	return pod
}

// labels are those of the i-th replica's pod.
func (w *Workload) labels(i int) map[string]string {
	out := make(map[string]string, len(w.Template.Labels)+2)
	for key, value := range w.Template.Labels {
		out[key] = value
	}
	set := func(key, value string) {
		if _, given := out[key]; !given {
			out[key] = value
		}
	}
	switch w.Kind {
	case StatefulSet:
		out[appsv1.StatefulSetPodNameLabel] = w.Replica(i)
		out[appsv1.PodIndexLabel] = strconv.Itoa(w.FirstOrdinal + i)
	case Deployment:
		set(appsv1.DefaultDeploymentUniqueLabelKey, "made")
	case Rollout:
		set(RolloutHashLabel, "made")
	case Job:
		out[batchv1.JobNameLabel] = w.Name
	}
	return out
}

// Admit fills in of a pod what the API server does, as far as a scheduler looks at it: requests where there are limits, the ports
// of a pod that shares its node's network, and the selectors that matchLabelKeys and mismatchLabelKeys stand for.
// Sources: Kubernetes, pkg/apis/core/v1/defaults.go and pkg/registry/core/pod/strategy.go.
func Admit(pod *corev1.Pod) {
	spec := &pod.Spec
	spec.Containers, spec.InitContainers = withDefaults(spec.Containers), withDefaults(spec.InitContainers)
	if spec.HostNetwork {
		spec.Containers, spec.InitContainers = withHostPorts(spec.Containers), withHostPorts(spec.InitContainers)
	}
	spec.Resources = podDefaults(pod)
	spec.Affinity = withLabelKeys(spec.Affinity, pod.Labels)
}

// withHostPorts are the containers with a port of the node for each of theirs. The given ones stay as they are.
func withHostPorts(containers []corev1.Container) []corev1.Container {
	out := slices.Clone(containers)
	for i := range out {
		out[i].Ports = slices.Clone(out[i].Ports)
		for k := range out[i].Ports {
			if port := &out[i].Ports[k]; port.HostPort == 0 {
				port.HostPort = port.ContainerPort
			}
		}
	}
	return out
}

// withLabelKeys is an affinity with the selectors that label keys of its terms stand for. The given one stays as it is. Of topology
// spread constraints kube-scheduler reads the keys itself.
func withLabelKeys(affinity *corev1.Affinity, labels map[string]string) *corev1.Affinity {
	if affinity == nil {
		return nil
	}
	out := *affinity
	if pods := affinity.PodAffinity; pods != nil && hasLabelKeys(pods.RequiredDuringSchedulingIgnoredDuringExecution) {
		out.PodAffinity = pods.DeepCopy()
		selectLabelKeys(out.PodAffinity.RequiredDuringSchedulingIgnoredDuringExecution, labels)
	}
	if pods := affinity.PodAntiAffinity; pods != nil && hasLabelKeys(pods.RequiredDuringSchedulingIgnoredDuringExecution) {
		out.PodAntiAffinity = pods.DeepCopy()
		selectLabelKeys(out.PodAntiAffinity.RequiredDuringSchedulingIgnoredDuringExecution, labels)
	}
	return &out
}

func hasLabelKeys(terms []corev1.PodAffinityTerm) bool {
	return slices.ContainsFunc(terms, func(term corev1.PodAffinityTerm) bool {
		return len(term.MatchLabelKeys)+len(term.MismatchLabelKeys) > 0
	})
}

func selectLabelKeys(terms []corev1.PodAffinityTerm, labels map[string]string) {
	for i := range terms {
		term := &terms[i]
		if term.LabelSelector == nil { // which matches no pod
			continue
		}
		add := func(keys []string, operator metav1.LabelSelectorOperator) {
			for _, key := range keys {
				if value, ok := labels[key]; ok {
					term.LabelSelector.MatchExpressions = append(term.LabelSelector.MatchExpressions,
						metav1.LabelSelectorRequirement{Key: key, Operator: operator, Values: []string{value}})
				}
			}
		}
		add(term.MatchLabelKeys, metav1.LabelSelectorOpIn)
		add(term.MismatchLabelKeys, metav1.LabelSelectorOpNotIn)
	}
}
