package replaytest

import (
	"fmt"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
)

// Kind is a kind of rule that pods have.
type Kind struct {
	Name string
	// Planned says that plans keep it: what kube-scheduler refuses for it is a fault.
	Planned bool
	// Rarity of workloads that have it: one in so many.
	Rarity int

	cluster  func(*draw)
	workload func(*draw, *drawn)
}

// Planned are the kinds that plans keep.
func Planned() []Kind {
	var out []Kind
	for _, kind := range Kinds {
		if kind.Planned {
			out = append(out, kind)
		}
	}
	return out
}

// Kinds are all that is drawn. Whoever teaches plans one of them sets Planned.
var Kinds = []Kind{
	{Name: "node selector", Planned: true, Rarity: 4, workload: func(d *draw, w *drawn) {
		w.template.Spec.NodeSelector = map[string]string{labelDisk: pick(d, []string{"ssd", "hdd"})}
	}},
	{Name: "node affinity", Planned: true, Rarity: 4, workload: func(d *draw, w *drawn) {
		operator := pick(d, []corev1.NodeSelectorOperator{corev1.NodeSelectorOpIn, corev1.NodeSelectorOpNotIn})
		w.affinity().NodeAffinity = &corev1.NodeAffinity{RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{
			NodeSelectorTerms: []corev1.NodeSelectorTerm{{MatchExpressions: []corev1.NodeSelectorRequirement{{
				Key: corev1.LabelTopologyZone, Operator: operator, Values: []string{pick(d, places).zone, pick(d, places).zone},
			}}}},
		}}
	}},
	{Name: "preferred node affinity", Planned: true, Rarity: 4, workload: func(_ *draw, w *drawn) {
		affinity := w.affinity()
		if affinity.NodeAffinity == nil {
			affinity.NodeAffinity = &corev1.NodeAffinity{}
		}
		affinity.NodeAffinity.PreferredDuringSchedulingIgnoredDuringExecution = []corev1.PreferredSchedulingTerm{{
			Weight: 50, Preference: corev1.NodeSelectorTerm{MatchExpressions: []corev1.NodeSelectorRequirement{{
				Key: labelDisk, Operator: corev1.NodeSelectorOpIn, Values: []string{"hdd"},
			}}},
		}}
	}},
	{Name: "one node by its name, in a pool that may grow", Planned: true, Rarity: 8, workload: func(d *draw, w *drawn) {
		if len(d.lists.Nodes) > 0 {
			w.template.Spec.NodeSelector = map[string]string{corev1.LabelHostname: pick(d, d.lists.Nodes).Name}
		}
	}},
	{Name: "toleration", Planned: true, Rarity: 3, workload: func(_ *draw, w *drawn) {
		w.template.Spec.Tolerations = []corev1.Toleration{{Key: taintTeam, Operator: corev1.TolerationOpEqual, Value: "db"}}
	}},
	{Name: "limits, sidecars and overhead", Planned: true, Rarity: 3, workload: func(d *draw, w *drawn) {
		amount := func(cpu, memory string) corev1.ResourceList {
			return corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(cpu), corev1.ResourceMemory: resource.MustParse(memory)}
		}
		spec := &w.template.Spec
		spec.Containers = append(spec.Containers, corev1.Container{Name: "limits", Resources: corev1.ResourceRequirements{Limits: amount("120m", "96Mi")}})
		spec.InitContainers = []corev1.Container{
			{Name: "sidecar", RestartPolicy: ptr.To(corev1.ContainerRestartPolicyAlways), Resources: corev1.ResourceRequirements{Requests: amount("30m", "32Mi")}},
			{Name: "first", Resources: corev1.ResourceRequirements{Requests: amount(pick(d, []string{"10m", "700m"}), "16Mi")}},
		}
		spec.Overhead = amount("20m", "24Mi")
	}},
	{Name: "ephemeral storage", Planned: true, Rarity: 4, workload: func(d *draw, w *drawn) {
		w.template.Spec.Containers[0].Resources.Requests[corev1.ResourceEphemeralStorage] = resource.MustParse(pick(d, []string{"1Gi", "15Gi"}))
	}},
	{Name: "priority", Planned: true, Rarity: 4, workload: func(_ *draw, w *drawn) { w.template.Spec.PriorityClassName = "system-cluster-critical" }},
	{Name: "pods of a DaemonSet on nodes that exist", Planned: true, cluster: func(d *draw) { d.daemonSet() }},
	{Name: "pods of a DaemonSet on nodes to be added", Planned: true, cluster: func(d *draw) { d.lists.DaemonSets = append(d.lists.DaemonSets, d.agent) }},
	{Name: "disks of a cloud", Planned: true, Rarity: 3, workload: func(d *draw, w *drawn) {
		d.volumes(w, func(name string) (source corev1.CSIPersistentVolumeSource, key, value string) {
			zone := pick(d, d.lists.Nodes).Labels[corev1.LabelTopologyZone]
			source = corev1.CSIPersistentVolumeSource{Driver: "ebs.csi.aws.com", VolumeHandle: name}
			if strings.HasPrefix(zone, "europe-") {
				source = corev1.CSIPersistentVolumeSource{Driver: "pd.csi.storage.gke.io", VolumeHandle: "projects/acme/zones/" + zone + "/disks/" + name}
			}
			return source, corev1.LabelTopologyZone, zone
		})
	}},
	{Name: "volumes in a zone, of whatever cloud", Planned: true, Rarity: 4, workload: func(d *draw, w *drawn) {
		d.volumes(w, func(name string) (source corev1.CSIPersistentVolumeSource, key, value string) {
			return corev1.CSIPersistentVolumeSource{Driver: "csi.example", VolumeHandle: name}, corev1.LabelTopologyZone,
				pick(d, d.lists.Nodes).Labels[corev1.LabelTopologyZone]
		})
	}},
	{Name: "volumes on a node", Planned: true, Rarity: 4, workload: func(d *draw, w *drawn) {
		d.volumes(w, func(name string) (source corev1.CSIPersistentVolumeSource, key, value string) {
			return corev1.CSIPersistentVolumeSource{Driver: "csi.example", VolumeHandle: name}, corev1.LabelHostname, pick(d, d.lists.Nodes).Name
		})
	}},
	{Name: "a class of volumes with a topology", Planned: true, Rarity: 4, workload: func(d *draw, w *drawn) {
		if !w.stateful || len(w.claims) > 0 || len(d.lists.Nodes) == 0 {
			return
		}
		class := &storagev1.StorageClass{
			ObjectMeta: metav1.ObjectMeta{Name: "class-" + w.app}, Provisioner: "csi.example", VolumeBindingMode: ptr.To(storagev1.VolumeBindingWaitForFirstConsumer),
			AllowedTopologies: []corev1.TopologySelectorTerm{{MatchLabelExpressions: []corev1.TopologySelectorLabelRequirement{{
				Key: corev1.LabelTopologyZone, Values: []string{pick(d, d.lists.Nodes).Labels[corev1.LabelTopologyZone]},
			}}}},
		}
		d.lists.StorageClasses = append(d.lists.StorageClasses, class)
		w.claims = []corev1.PersistentVolumeClaim{{ObjectMeta: metav1.ObjectMeta{Name: "data"}, Spec: corev1.PersistentVolumeClaimSpec{
			StorageClassName: &class.Name, AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
		}}}
	}},
	{Name: "a port of the node", Planned: true, Rarity: 5, workload: func(d *draw, w *drawn) {
		w.template.Spec.Containers[0].Ports = []corev1.ContainerPort{{ContainerPort: 80, HostPort: int32(8080 + d.choose(2))}}
	}},
	{Name: "a port of a DaemonSet", Planned: true, cluster: func(d *draw) {
		d.agent.Spec.Template.Spec.Containers[0].Ports = []corev1.ContainerPort{{ContainerPort: 80, HostPort: 8080}}
		for _, pod := range d.lists.Pods {
			pod.Spec.Containers[0].Ports = []corev1.ContainerPort{{ContainerPort: 80, HostPort: 8080}}
		}
	}},
	{Name: "anti-affinity to its own on a node", Planned: true, Rarity: 4, workload: func(_ *draw, w *drawn) { w.avoid(term(corev1.LabelHostname, w.app)) }},
	{Name: "anti-affinity to its own in a zone", Planned: true, Rarity: 8, workload: func(_ *draw, w *drawn) { w.avoid(term(corev1.LabelTopologyZone, w.app)) }},
	{Name: "anti-affinity to others", Planned: true, Rarity: 5, workload: func(d *draw, w *drawn) {
		key := pick(d, []string{corev1.LabelHostname, corev1.LabelTopologyZone, labelRack})
		other := term(key, pick(d, d.apps))
		if d.one(3) {
			other.NamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"team": pick(d, []string{"shop", "bank"})}}
		}
		w.avoid(other)
	}},
	{Name: "affinity to others", Planned: true, Rarity: 6, workload: func(d *draw, w *drawn) {
		key := pick(d, []string{corev1.LabelHostname, corev1.LabelTopologyZone, corev1.LabelTopologyRegion, labelRack})
		w.affinity().PodAffinity = &corev1.PodAffinity{RequiredDuringSchedulingIgnoredDuringExecution: []corev1.PodAffinityTerm{term(key, pick(d, d.apps))}}
	}},
	{Name: "spread over zones", Planned: true, Rarity: 5, workload: func(d *draw, w *drawn) { d.spread(w, corev1.LabelTopologyZone) }},
	{Name: "spread over nodes", Planned: true, Rarity: 6, workload: func(d *draw, w *drawn) { d.spread(w, corev1.LabelHostname) }},
	{Name: "spread over racks", Planned: true, Rarity: 8, cluster: func(d *draw) {
		for i, node := range d.lists.Nodes {
			node.Labels[labelRack] = fmt.Sprintf("rack%d", i%3)
		}
	}, workload: func(d *draw, w *drawn) { d.spread(w, labelRack) }},
	{Name: "preferred anti-affinity to its own", Planned: true, Rarity: 4, workload: func(d *draw, w *drawn) {
		affinity := w.affinity()
		if affinity.PodAntiAffinity == nil {
			affinity.PodAntiAffinity = &corev1.PodAntiAffinity{}
		}
		affinity.PodAntiAffinity.PreferredDuringSchedulingIgnoredDuringExecution = []corev1.WeightedPodAffinityTerm{{
			Weight: 100, PodAffinityTerm: term(pick(d, []string{corev1.LabelTopologyZone, corev1.LabelTopologyRegion, corev1.LabelHostname}), w.app),
		}}
	}},
	{Name: "a preferred spread", Planned: true, Rarity: 4, workload: func(_ *draw, w *drawn) {
		w.template.Spec.TopologySpreadConstraints = append(w.template.Spec.TopologySpreadConstraints, corev1.TopologySpreadConstraint{
			TopologyKey: corev1.LabelTopologyZone, MaxSkew: 1, WhenUnsatisfiable: corev1.ScheduleAnyway,
			LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": w.app}},
		})
	}},
}

// term is of pods of an application, in the pod's own namespace.
func term(key, app string) corev1.PodAffinityTerm {
	return corev1.PodAffinityTerm{TopologyKey: key, LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": app}}}
}

// spread draws a constraint over a label.
func (d *draw) spread(w *drawn, key string) {
	constraint := corev1.TopologySpreadConstraint{
		TopologyKey: key, MaxSkew: int32(1 + d.choose(2)), WhenUnsatisfiable: corev1.DoNotSchedule,
		LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": w.app}},
	}
	if d.one(4) {
		constraint.MinDomains = ptr.To(int32(2))
	}
	if d.one(4) {
		constraint.NodeTaintsPolicy = ptr.To(corev1.NodeInclusionPolicyHonor)
	}
	if d.one(4) {
		constraint.NodeAffinityPolicy = ptr.To(corev1.NodeInclusionPolicyIgnore)
	}
	if d.one(4) && !w.stateful {
		constraint.MatchLabelKeys = []string{appsv1.DefaultDeploymentUniqueLabelKey}
	}
	w.template.Spec.TopologySpreadConstraints = append(w.template.Spec.TopologySpreadConstraints, constraint)
}

// volumes gives each replica of a StatefulSet a volume that is where at says.
func (d *draw) volumes(w *drawn, at func(name string) (source corev1.CSIPersistentVolumeSource, key, value string)) {
	if !w.stateful || len(w.claims) > 0 || len(d.lists.Nodes) == 0 {
		return
	}
	w.claims = []corev1.PersistentVolumeClaim{{ObjectMeta: metav1.ObjectMeta{Name: "data"}}}
	for i := range w.replicas {
		name := fmt.Sprintf("volume-%s-%d", w.app, i)
		source, key, value := at(name)
		d.lists.Volumes = append(d.lists.Volumes, &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: corev1.PersistentVolumeSpec{
			PersistentVolumeSource: corev1.PersistentVolumeSource{CSI: &source},
			NodeAffinity: &corev1.VolumeNodeAffinity{Required: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{{
				MatchExpressions: []corev1.NodeSelectorRequirement{{Key: key, Operator: corev1.NodeSelectorOpIn, Values: []string{value}}},
			}}}},
		}})
		d.lists.Claims = append(d.lists.Claims, &corev1.PersistentVolumeClaim{
			ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: fmt.Sprintf("data-%s-%d", w.app, i)},
			Spec:       corev1.PersistentVolumeClaimSpec{VolumeName: name, AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}},
		})
	}
}

// daemonSet makes the pods of a DaemonSet on the nodes that exist.
func (d *draw) daemonSet() {
	template := corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "agent"}}, Spec: corev1.PodSpec{
		Tolerations: []corev1.Toleration{{Operator: corev1.TolerationOpExists}},
		Containers: []corev1.Container{{Name: "agent", Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{
			corev1.ResourceCPU: resource.MustParse("100m"), corev1.ResourceMemory: resource.MustParse("128Mi"),
		}}}},
	}}
	d.agent = &appsv1.DaemonSet{ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "agent", UID: "agent"}, Spec: appsv1.DaemonSetSpec{
		Selector: &metav1.LabelSelector{MatchLabels: template.Labels}, Template: template,
	}}
	for _, node := range d.lists.Nodes {
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
			Namespace: "kube-system", Name: "agent-" + node.Name, UID: types.UID("agent-" + node.Name), Labels: template.Labels,
			OwnerReferences: []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "DaemonSet", Name: "agent", UID: "agent", Controller: ptr.To(true)}},
		}, Spec: *template.Spec.DeepCopy()}
		pod.Spec.NodeName = node.Name
		d.lists.Pods = append(d.lists.Pods, pod)
	}
}
