package report

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"tradewind.dev/tradewind/pkg/kubefilters"
	"tradewind.dev/tradewind/pkg/rules"
	"tradewind.dev/tradewind/pkg/state"
	"tradewind.dev/tradewind/pkg/workload"
)

// ruleOf names the rules of kube-scheduler's plugins.
var ruleOf = map[string]Rule{
	"NodeUnschedulable": RuleUnschedulable, "NodeName": RuleNodeName, "TaintToleration": RuleTaint, "NodeAffinity": RuleAffinity,
	"NodePorts": RulePorts, "NodeResourcesFit": RuleFull, "VolumeRestrictions": RuleVolume, "NodeVolumeLimits": RuleVolume,
	"VolumeBinding": RuleVolume, "VolumeZone": RuleVolume, "PodTopologySpread": RuleTopologySpread,
	"InterPodAffinity": RulePodAffinity, "DynamicResources": RuleDevices,
}

// readBy says which kinds of objects a rule rests on. Where one of them may not be read, what its filters say is not true.
var readBy = map[Rule][]string{
	RuleVolume: {
		"persistentvolumeclaims", "persistentvolumes", "storageclasses.storage.k8s.io", "csinodes.storage.k8s.io",
		"csidrivers.storage.k8s.io", "csistoragecapacities.storage.k8s.io",
	},
	RuleDevices: {"resourceclaims.resource.k8s.io", "resourceslices.resource.k8s.io", "deviceclasses.resource.k8s.io"},
}

// kubernetes is what kube-scheduler's own filters say of a pod and every node.
type kubernetes struct {
	pod    *corev1.Pod
	result *kubefilters.Result
	// blind are the rules that nothing can be said of, and what may not be read.
	blind map[Rule]string
}

// askKubernetes runs the filters of a profile for a pod as if it had no node; those of the default one where none is given.
func askKubernetes(snapshot *state.Snapshot, pod *corev1.Pod, profile *kubefilters.Profile) (*kubernetes, error) {
	pods := make([]*corev1.Pod, 0, len(snapshot.Pods))
	for _, other := range snapshot.Pods {
		if other.UID != pod.UID && !workload.Ended(other) {
			pods = append(pods, other)
		}
	}
	objects := kubefilters.Objects{
		Nodes: snapshot.Nodes, Pods: pods, Namespaces: snapshot.Namespaces,
		Claims: snapshot.Claims, Volumes: snapshot.Volumes, StorageClasses: snapshot.StorageClasses,
		CSINodes: snapshot.CSINodes, CSIDrivers: snapshot.CSIDrivers, Capacities: snapshot.Capacities,
		ResourceClaims: snapshot.ResourceClaims, ResourceSlices: snapshot.ResourceSlices, DeviceClasses: snapshot.DeviceClasses,
	}
	filtersOf := kubefilters.New
	if profile != nil {
		filtersOf = func(objects kubefilters.Objects) (*kubefilters.Filters, error) {
			return kubefilters.NewOf(profile, objects)
		}
	}
	filters, err := filtersOf(objects)
	if err != nil {
		return nil, fmt.Errorf("kube-scheduler's filters: %w", err)
	}
	defer filters.Close()
	waiting := pod
	if pod.Spec.NodeName != "" {
		waiting = pod.DeepCopy()
		waiting.Spec.NodeName = ""
	}
	result, err := filters.Check(waiting)
	if err != nil {
		return nil, fmt.Errorf("kube-scheduler's filters: %w", err)
	}
	return &kubernetes{pod: pod, result: result, blind: blindRules(snapshot.Gaps, append(pods, pod))}, nil
}

// blindRules are the rules that rest on what may not be read. Namespaces matter where a pod selects them by label.
func blindRules(gaps []state.Gap, pods []*corev1.Pod) map[Rule]string {
	out := map[Rule]string{}
	for _, gap := range gaps {
		for rule, resources := range readBy {
			if !gap.Missing && slices.Contains(resources, gap.Resource) {
				out[rule] = strings.TrimPrefix(out[rule]+", "+gap.Resource, ", ")
			}
		}
		if gap.Resource == "namespaces" && slices.ContainsFunc(pods, selectsNamespaces) {
			out[RulePodAffinity] = gap.Resource
		}
	}
	return out
}

// selectsNamespaces says whether what a pod requires of others is about pods of namespaces with certain labels.
func selectsNamespaces(pod *corev1.Pod) bool {
	affinity := pod.Spec.Affinity
	if affinity == nil {
		return false
	}
	var terms []corev1.PodAffinityTerm
	if affinity.PodAffinity != nil {
		terms = append(terms, affinity.PodAffinity.RequiredDuringSchedulingIgnoredDuringExecution...)
	}
	if affinity.PodAntiAffinity != nil {
		terms = append(terms, affinity.PodAntiAffinity.RequiredDuringSchedulingIgnoredDuringExecution...)
	}
	return slices.ContainsFunc(terms, func(term corev1.PodAffinityTerm) bool {
		return term.NamespaceSelector != nil && len(term.NamespaceSelector.MatchLabels)+len(term.NamespaceSelector.MatchExpressions) > 0
	})
}

// obstacles are Kubernetes' reasons why the node cannot take the pod: those for which the scheduler does not ask Tradewind's
// filters any more, and those that it comes to after them.
func (k *kubernetes) obstacles(node *corev1.Node) (before, after []Obstacle) {
	for i := range k.result.Pod {
		before = k.add(before, node, &k.result.Pod[i])
	}
	ofPod := len(before)
	for i := range k.result.Nodes[node.Name] {
		found := &k.result.Nodes[node.Name][i]
		rule := ruleOf[found.Plugin]
		switch {
		case slices.ContainsFunc(before[:ofPod], func(o Obstacle) bool { return o.Rule == rule }):
			// What is wrong with the pod's claims everywhere is named; other plugins trip over it.
		case found.Early:
			before = k.add(before, node, found)
		default:
			after = k.add(after, node, found)
		}
	}
	return before, after
}

func (k *kubernetes) add(to []Obstacle, node *corev1.Node, found *kubefilters.Verdict) []Obstacle {
	rule, known := ruleOf[found.Plugin]
	if !known {
		rule = RuleOther
	}
	if _, blind := k.blind[rule]; blind {
		return to
	}
	out := Obstacle{Rule: rule, Message: found.String(), Plugin: found.Plugin, reasons: found.Reasons, final: found.Final}
	if rule == RuleTaint {
		switch taint, found := k.taint(node); {
		case found:
			out.Taints = []string{taint.ToString()}
		case node.Spec.Unschedulable:
			return to // the cordon's own taint, which is named as such
		}
	}
	if slices.ContainsFunc(to, func(o Obstacle) bool { return o.Message == out.Message }) {
		return to // several plugins look up the claims of a pod
	}
	return append(to, out)
}

// taint is the first that the pod does not tolerate, but for that of a cordon.
func (k *kubernetes) taint(node *corev1.Node) (corev1.Taint, bool) {
	return rules.DemandsOf(&k.pod.Spec).UntoleratedOf(node.Spec.Taints, func(taint *corev1.Taint) bool {
		cordon := node.Spec.Unschedulable && taint.Key == corev1.TaintNodeUnschedulable
		return !cordon && rules.KeepsOff(taint)
	})
}

// waits is why the scheduler does not look at the pod yet.
func (k *kubernetes) waits() []string {
	out := make([]string, 0, len(k.result.Queue))
	for i := range k.result.Queue {
		if rule, known := ruleOf[k.result.Queue[i].Plugin]; !known || k.blind[rule] == "" {
			out = append(out, k.result.Queue[i].String())
		}
	}
	return out
}

// notes say what is left out because it may not be read.
func (k *kubernetes) notes() []string {
	var out []string
	for rule, what := range k.blind {
		out = append(out, fmt.Sprintf("Kubernetes' rules of the kind %s are not counted here: %s may not be listed", rule, what))
	}
	slices.Sort(out)
	return out
}
