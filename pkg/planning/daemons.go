package planning

import (
	"maps"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/rules"
	"tradewind.dev/tradewind/pkg/workload"
)

// daemon is a DaemonSet.
type daemon struct {
	key     workload.Key
	demands *rules.Demands
	request engine.Resources
	ports   []engine.HostPort
	// priority of its pods, and whether they take room from others with a lower one.
	priority priority
}

// readDaemons reads the DaemonSets, as admission changes their pods.
func (b *builder) readDaemons() []daemon {
	out := make([]daemon, 0, len(b.input.DaemonSets))
	for _, set := range b.input.DaemonSets {
		if set.DeletionTimestamp != nil {
			continue
		}
		key := workload.Key{Kind: workload.DaemonSet, Namespace: set.Namespace, Name: set.Name}
		template, err := b.runtimes.Admit(&set.Spec.Template)
		if err != nil {
			b.problem(key.String(), "spec.template.spec.nodeSelector", "%s", err)
			continue
		}
		out = append(out, daemon{
			key: key, demands: rules.DemandsOf(&template.Spec), request: Request(&template.Spec), ports: HostPorts(&template.Spec),
			priority: b.priorities.of(&template.Spec),
		})
	}
	return out
}

// runsOn says whether the pods of a DaemonSet run on a node. They tolerate the taints of a node's state.
func (d *daemon) runsOn(node *corev1.Node) bool {
	as := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: node.Name, Labels: node.Labels}}
	as.Spec.Taints = poolTaints(node.Spec.Taints)
	kind, _ := d.demands.Excluded(as)
	return kind == ""
}

// addDaemons takes the room of DaemonSets' pods that are not there yet from the nodes that exist: they will come, where a node is large
// enough for them beside the replicas that run there and that they do not preempt.
func (b *builder) addDaemons() {
	if len(b.daemons) == 0 {
		return
	}
	type on struct {
		of workload.Key
		at nodeAt
	}
	there := map[on]bool{}
	for i := range b.input.Pods {
		pod := &b.input.Pods[i]
		if pod.Workload.Kind != workload.DaemonSet {
			continue
		}
		if at, ok := b.nodeOf(pod); ok {
			there[on{pod.Workload, at}] = true
		}
	}
	beside := b.replicasOn()
	for p := range b.out.Pools {
		nodes := b.out.Pools[p].Nodes
		for k := range nodes {
			at := nodeAt{p, k}
			for i := range b.daemons {
				d := &b.daemons[i]
				node := &b.out.Snapshot.Pools[p].Nodes[k]
				if !there[on{d.key, at}] && d.runsOn(nodes[k]) && d.comes(&node.Free, beside[at]) {
					subtract(&node.Free, &d.request)
					node.HostPorts = append(node.HostPorts, d.ports...)
				}
			}
		}
	}
}

// replica is what a replica of a planned workload requests that runs, and its priority.
type replica struct {
	request  *engine.Resources
	priority int32
}

// replicasOn are the replicas of planned workloads on each node.
func (b *builder) replicasOn() map[nodeAt][]replica {
	out := map[nodeAt][]replica{}
	for i := range b.input.Pods {
		pod := &b.input.Pods[i]
		w, planned := b.index[pod.Workload]
		if at, ok := b.nodeOf(pod); planned && ok && at.node >= 0 {
			out[at] = append(out[at], replica{&pod.Request, b.priorities.of(&b.out.Workloads[w].Template.Spec).value})
		}
	}
	return out
}

// comes says whether a pod of the DaemonSet finds room on a node with so much free, on which these replicas run: it waits for those that it
// does not preempt.
func (d *daemon) comes(free *engine.Resources, beside []replica) bool {
	left := copyOf(free)
	for _, r := range beside {
		if d.priority.patient || r.priority >= d.priority.value {
			subtract(&left, r.request)
		}
	}
	return holds(&left, &d.request)
}

// daemonsOf is what DaemonSets take of a node like this one, which has so much, and the host ports that they have there. Those that it
// cannot hold take nothing.
func (b *builder) daemonsOf(node *corev1.Node, each *engine.Resources) (out engine.Resources, ports []engine.HostPort) {
	left := copyOf(each)
	for i := range b.daemons {
		d := &b.daemons[i]
		if !d.runsOn(node) || !holds(&left, &d.request) {
			continue
		}
		subtract(&left, &d.request)
		if out.Extended == nil {
			out.Extended = map[string]int64{}
		}
		out.MilliCPU += d.request.MilliCPU
		out.MemoryBytes += d.request.MemoryBytes
		out.GPUs += d.request.GPUs
		for name, amount := range d.request.Extended {
			out.Extended[name] += amount
		}
		ports = append(ports, d.ports...)
	}
	return out, ports
}

// alike is a node with what nodes of a place have in common but for their names.
func alike(nodes []*corev1.Node, at *location.Node) *corev1.Node {
	known := location.LabelsOf(*at)
	out := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Labels: maps.Clone(known)}}
	for i, node := range nodes {
		if i == 0 {
			maps.Copy(out.Labels, node.Labels)
			out.Spec.Taints = node.Spec.Taints
		}
		maps.DeleteFunc(out.Labels, func(key, value string) bool {
			has, ok := node.Labels[key]
			if !ok {
				has = known[key]
			}
			return has != value || value != "" && (value == node.Name || value == node.Labels[corev1.LabelHostname])
		})
	}
	return out
}
