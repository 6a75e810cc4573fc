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
		out = append(out, daemon{key: key, demands: rules.DemandsOf(&template.Spec), request: Request(&template.Spec), ports: HostPorts(&template.Spec)})
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

// addDaemons takes the room of DaemonSets' pods that are not there yet from the nodes that exist: they will come.
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
	for p := range b.out.Pools {
		nodes := b.out.Pools[p].Nodes
		for k := range nodes {
			for i := range b.daemons {
				d := &b.daemons[i]
				if !there[on{d.key, nodeAt{p, k}}] && d.runsOn(nodes[k]) {
					node := &b.out.Snapshot.Pools[p].Nodes[k]
					subtract(&node.Free, &d.request)
					node.HostPorts = append(node.HostPorts, d.ports...)
				}
			}
		}
	}
}

// daemonsOf is what DaemonSets take of a node like this one.
func (b *builder) daemonsOf(node *corev1.Node) engine.Resources {
	out := engine.Resources{}
	for i := range b.daemons {
		d := &b.daemons[i]
		if !d.runsOn(node) {
			continue
		}
		if out.Extended == nil {
			out.Extended = map[string]int64{}
		}
		out.MilliCPU += d.request.MilliCPU
		out.MemoryBytes += d.request.MemoryBytes
		out.GPUs += d.request.GPUs
		for name, amount := range d.request.Extended {
			out.Extended[name] += amount
		}
	}
	return out
}

// daemonPortsOf are the host ports that DaemonSets take of a node like this one.
func (b *builder) daemonPortsOf(node *corev1.Node) []engine.HostPort {
	var out []engine.HostPort
	for i := range b.daemons {
		if d := &b.daemons[i]; d.runsOn(node) {
			out = append(out, d.ports...)
		}
	}
	return out
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
