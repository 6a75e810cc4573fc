package report

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	resourcehelper "k8s.io/component-helpers/resource"
	schedulinghelper "k8s.io/component-helpers/scheduling/corev1"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
	volumehelper "k8s.io/component-helpers/storage/volume"
	"k8s.io/klog/v2"

	"tradewind.dev/tradewind/pkg/state"
	"tradewind.dev/tradewind/pkg/workload"
)

// Rule is the kind of rule that excludes a node.
type Rule string

// Tradewind's rules, in the order in which the scheduler asks them, and then Kubernetes' own.
const (
	RuleVolumeResidency Rule = "volume-residency"
	RuleResidency       Rule = "residency"
	RuleLocation        Rule = "location"
	RuleSpread          Rule = "spread"
	RuleSpot            Rule = "spot"
	RuleLatency         Rule = "latency"
	RuleCeiling         Rule = "ceiling"

	RuleUnschedulable Rule = "unschedulable"
	RuleNodeName      Rule = "node-name"
	RuleTaint         Rule = "taint"
	RuleAffinity      Rule = "affinity"
	RulePorts         Rule = "ports"
	RuleFull          Rule = "full"
	RuleVolume        Rule = "volume"
)

// Obstacle is why a node cannot take the pod, in the scheduler's words, which of Kubernetes' own rules are Kubernetes' own:
// they read well behind a number of nodes.
type Obstacle struct {
	Rule    Rule   `json:"rule"`
	Message string `json:"message"`
	// short are the resources that the node has too little of; tooSmall when it would not have enough even if empty.
	short    []string
	tooSmall bool
}

// fit answers Kubernetes' own questions about a pod and a node, as the scheduler's default plugins do: cordons, node
// names, taints, node selectors and affinity, host ports, free resources, and where bound volumes can be attached.
type fit struct {
	pod      *corev1.Pod
	request  corev1.ResourceList
	affinity nodeaffinity.RequiredNodeAffinity
	ports    []hostPort
	volumes  []*corev1.PersistentVolume
	loads    map[string]*load
}

// load is what the pods on a node hold.
type load struct {
	requested corev1.ResourceList
	pods      int
	ports     []hostPort
}

type hostPort struct {
	address  string
	protocol corev1.Protocol
	port     int32
}

func newFit(snapshot *state.Snapshot, pod *corev1.Pod) *fit {
	f := &fit{
		pod: pod, request: requestsOf(pod), affinity: nodeaffinity.GetRequiredNodeAffinity(pod), ports: hostPorts(pod),
		loads: map[string]*load{},
	}
	for _, other := range snapshot.Pods {
		if other.Spec.NodeName == "" || other.UID == pod.UID || workload.Ended(other) {
			continue
		}
		on := f.loads[other.Spec.NodeName]
		if on == nil {
			on = &load{requested: corev1.ResourceList{}}
			f.loads[other.Spec.NodeName] = on
		}
		on.pods++
		on.ports = append(on.ports, hostPorts(other)...)
		for name, quantity := range requestsOf(other) {
			sum := on.requested[name]
			sum.Add(quantity)
			on.requested[name] = sum
		}
	}
	f.volumes = boundVolumes(snapshot, pod)
	return f
}

// ended says whether a pod holds no resources any more. A terminating pod still does.
func requestsOf(pod *corev1.Pod) corev1.ResourceList {
	return resourcehelper.PodRequests(pod, resourcehelper.PodResourcesOptions{})
}

func boundVolumes(snapshot *state.Snapshot, pod *corev1.Pod) []*corev1.PersistentVolume {
	var out []*corev1.PersistentVolume
	for _, name := range workload.Claims(pod) {
		for _, claim := range snapshot.Claims {
			if claim.Namespace != pod.Namespace || claim.Name != name {
				continue
			}
			for _, volume := range snapshot.Volumes {
				if volume.Name == claim.Spec.VolumeName {
					out = append(out, volume)
				}
			}
		}
	}
	return out
}

func hostPorts(pod *corev1.Pod) []hostPort {
	var out []hostPort
	containers := pod.Spec.Containers
	for i := range pod.Spec.InitContainers {
		if policy := pod.Spec.InitContainers[i].RestartPolicy; policy != nil && *policy == corev1.ContainerRestartPolicyAlways {
			containers = append(slices.Clip(containers), pod.Spec.InitContainers[i])
		}
	}
	for i := range containers {
		for _, port := range containers[i].Ports {
			if port.HostPort > 0 {
				protocol := port.Protocol
				if protocol == "" {
					protocol = corev1.ProtocolTCP
				}
				out = append(out, hostPort{port.HostIP, protocol, port.HostPort})
			}
		}
	}
	return out
}

func (p hostPort) conflicts(other hostPort) bool {
	everywhere := func(address string) bool { return address == "" || address == "0.0.0.0" }
	return p.port == other.port && p.protocol == other.protocol &&
		(p.address == other.address || everywhere(p.address) || everywhere(other.address))
}

// obstacles are all of Kubernetes' reasons why the node cannot take the pod, in the scheduler's order.
func (f *fit) obstacles(node *corev1.Node) []Obstacle {
	var out []Obstacle
	tolerated := schedulinghelper.TolerationsTolerateTaint(klog.Background(), f.pod.Spec.Tolerations, &corev1.Taint{
		Key: corev1.TaintNodeUnschedulable, Effect: corev1.TaintEffectNoSchedule,
	}, false)
	if node.Spec.Unschedulable && !tolerated {
		out = append(out, Obstacle{Rule: RuleUnschedulable, Message: "node(s) were unschedulable"})
	}
	taint, untolerated := schedulinghelper.FindMatchingUntoleratedTaint(klog.Background(), node.Spec.Taints, f.pod.Spec.Tolerations,
		func(taint *corev1.Taint) bool {
			cordon := node.Spec.Unschedulable && taint.Key == corev1.TaintNodeUnschedulable // named above
			return !cordon && (taint.Effect == corev1.TaintEffectNoSchedule || taint.Effect == corev1.TaintEffectNoExecute)
		}, false)
	if untolerated {
		out = append(out, Obstacle{Rule: RuleTaint, Message: taintMessage + taint.ToString()})
	}
	if matches, err := f.affinity.Match(node); err != nil || !matches {
		out = append(out, Obstacle{Rule: RuleAffinity, Message: "node(s) didn't match Pod's node affinity/selector"})
	}
	on := f.loads[node.Name]
	if on == nil {
		on = &load{}
	}
	if slices.ContainsFunc(f.ports, func(p hostPort) bool { return slices.ContainsFunc(on.ports, p.conflicts) }) {
		out = append(out, Obstacle{Rule: RulePorts, Message: "node(s) didn't have free ports for the requested pod ports"})
	}
	if full, ok := f.full(node, on); ok {
		out = append(out, full)
	}
	for _, volume := range f.volumes {
		if volumehelper.CheckNodeAffinity(volume, node.Labels) != nil {
			out = append(out, Obstacle{Rule: RuleVolume, Message: "node(s) didn't match PersistentVolume's node affinity"})
			break
		}
	}
	return out
}

func (f *fit) full(node *corev1.Node, on *load) (Obstacle, bool) {
	out := Obstacle{Rule: RuleFull}
	pods := node.Status.Allocatable[corev1.ResourcePods]
	if int64(on.pods)+1 > pods.Value() {
		out.short = append(out.short, string(corev1.ResourcePods))
		out.tooSmall = pods.Value() < 1
	}
	for name, wanted := range f.request {
		allocatable, used := node.Status.Allocatable[name], on.requested[name]
		free := allocatable.DeepCopy()
		free.Sub(used)
		if wanted.Sign() > 0 && wanted.Cmp(free) > 0 {
			out.short = append(out.short, string(name))
			out.tooSmall = out.tooSmall || wanted.Cmp(allocatable) > 0
		}
	}
	slices.Sort(out.short)
	words := make([]string, len(out.short))
	for i, name := range out.short {
		words[i] = "Insufficient " + name
		if name == string(corev1.ResourcePods) {
			words[i] = "Too many pods"
		}
	}
	out.Message = strings.Join(words, " and ")
	return out, len(out.short) > 0
}

// taintMessage precedes a taint.
const taintMessage = "node(s) had untolerated taint(s): "
