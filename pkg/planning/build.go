package planning

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/workload"
)

// Build makes a snapshot from objects. It does not depend on their order. What is wrong with one of them is in the
// result's Problems and the rest is planned; it fails only without a World.
func Build(input *Input) (*Result, error) {
	if input.World == nil {
		return nil, errors.New("planning: Input.World is nil; make one with state.NewWorld")
	}
	b := &builder{
		input: input,
		out: &Result{
			PoolOf:   make(map[string]int, len(input.Nodes)),
			Snapshot: &engine.Snapshot{RoundTrips: input.World.RoundTrips, Egress: input.World.Prices},
		},
		nodes:       make(map[nodeKey]nodeAt, len(input.Nodes)),
		attachments: newAttachments(), runtimes: workload.RuntimeClassesOf(input.RuntimeClasses),
	}
	b.workloads()
	b.priorities = newPriorities(input.PriorityClasses)
	b.known = b.volumes()
	b.refer()
	b.devices = b.readDevices()
	b.survey()
	b.daemons = b.readDaemons()
	for _, g := range b.groups() {
		pool, info := b.pool(g)
		b.attachments.assign(info.Index, g.attaches)
		for _, m := range g.nodes {
			b.nodes[nodeKey{g.cluster, m.node.Name}] = nodeAt{pool: info.Index, node: -1}
			if _, taken := b.out.PoolOf[m.node.Name]; !taken {
				b.out.PoolOf[m.node.Name] = info.Index
			}
		}
		for i := range pool.Nodes {
			b.nodes[nodeKey{g.cluster, pool.Nodes[i].Name}] = nodeAt{pool: info.Index, node: i}
		}
		b.out.Snapshot.Pools = append(b.out.Snapshot.Pools, pool)
		b.out.Pools = append(b.out.Pools, info)
	}
	b.commit()
	pods := b.pods()
	b.growth()
	b.addDaemons()
	b.out.builder = b
	for i := range b.out.Workloads {
		planned, _ := b.workload(&b.out.Workloads[i], pods[i]) // pools were made knowing of all volumes
		b.out.Snapshot.Workloads = append(b.out.Snapshot.Workloads, planned)
	}
	b.keepRunning()
	b.podRules()
	for i := range b.out.Snapshot.Workloads {
		b.out.Snapshot.Workloads[i].RunsOn = pods[i].on()
	}
	b.refuse(pods)
	slices.SortStableFunc(b.out.Problems, func(x, y Problem) int {
		return cmp.Or(strings.Compare(x.Object, y.Object), strings.Compare(x.Field, y.Field), strings.Compare(x.Message, y.Message))
	})
	return b.out, nil
}

// builder is one call of Build or Rebuild.
type builder struct {
	input *Input
	out   *Result
	known *volumes
	// attachments are how volumes tell nodes apart; surveyed says that pools are made by them.
	attachments *attachments
	surveyed    bool
	runtimes    workload.RuntimeClasses
	daemons     []daemon
	devices     *devices // nil where nobody claims any
	// haveClaim are the pods of an input by the claims that they have.
	haveClaim map[claimKey][]int
	claimsOf  *Input
	// index finds a planned workload in out.Workloads.
	index map[workload.Key]int
	// callees finds the workload that calls to a name go to.
	callees    map[workload.Key]int
	priorities priorities
	decided    *decided // nil until it is asked for
	nodes      map[nodeKey]nodeAt
	// keys are the node labels that workloads and pools select by; hosts the names of nodes that they select, unless
	// everyHost is set.
	keys, hosts map[string]bool
	// names are the names of nodes that workloads ask for or keep off: by spec.nodeName, or a field of their node affinity.
	names     map[string]bool
	everyHost bool
	// awaiting are the workloads that share a claim which waits for a volume, by claim; nil until it is asked for.
	awaiting map[claimKey][]int
}

// nodeKey names a node: two clusters may have one of the same name.
type nodeKey struct{ cluster, name string }

// nodeAt is where a node is in the snapshot; node is -1 when it must not be used.
type nodeAt struct{ pool, node int }

func (b *builder) problem(object, field, format string, arguments ...any) {
	b.out.Problems = append(b.out.Problems, Problem{Object: object, Field: field, Message: fmt.Sprintf(format, arguments...)})
}

// workloads sorts the workloads and leaves out what cannot be planned.
func (b *builder) workloads() {
	all := slices.Clone(b.input.Workloads)
	slices.SortStableFunc(all, func(x, y Workload) int { return x.Compare(y.Key) })
	b.index = make(map[workload.Key]int, len(all))
	b.callees = make(map[workload.Key]int, len(all))
	for i := range all {
		w := &all[i]
		switch _, taken := b.index[w.Key]; {
		case taken:
			b.problem(w.String(), "metadata.name", "is there twice; one of them is left out: give each a name of its own")
		case w.Template == nil:
			b.problem(w.String(), "spec.template", "is missing; the workload is left out")
		default:
			b.index[w.Key] = len(b.out.Workloads)
			to := workload.Key{Namespace: w.Namespace, Name: w.Name}
			if _, taken := b.callees[to]; !taken { // as the engine takes the first of a name
				b.callees[to] = len(b.out.Workloads)
			}
			b.out.Workloads = append(b.out.Workloads, b.admit(w))
		}
	}
}

// admit is a workload with the template as admission changes its pods.
func (b *builder) admit(w *Workload) Workload {
	out := *w
	var err error
	if out.Template, err = b.runtimes.Admit(w.Template); err != nil {
		b.problem(w.String(), "spec.template.spec.nodeSelector", "%s", err)
	}
	return out
}

// refer notes which node labels anybody selects by.
func (b *builder) refer() {
	b.keys, b.hosts, b.names = map[string]bool{}, map[string]bool{}, map[string]bool{}
	for i := range b.out.Workloads {
		spec := &b.out.Workloads[i].Template.Spec
		for key, value := range spec.NodeSelector {
			b.selects(key, true, value)
		}
		if spec.NodeName != "" {
			b.names[spec.NodeName] = true
		}
		for _, term := range nodeTerms(spec) {
			for _, field := range term.MatchFields {
				for _, name := range field.Values {
					b.names[name] = true
				}
			}
			for _, requirement := range term.MatchExpressions {
				listed := requirement.Operator == corev1.NodeSelectorOpIn || requirement.Operator == corev1.NodeSelectorOpNotIn
				b.selects(requirement.Key, listed, requirement.Values...)
			}
		}
	}
	b.referPods()
	for i := range b.out.Workloads {
		if key, _ := b.awaited(&b.out.Workloads[i]); key != "" {
			b.selects(key, true)
		}
	}
	for _, pool := range b.input.Pools {
		if pool.Labels[v1alpha1.LabelDiscovered] == "true" {
			continue // its labels are what its nodes have alike, some of them by chance
		}
		for key := range pool.Spec.Labels {
			if key != corev1.LabelHostname {
				b.keys[key] = true
			}
		}
	}
}

func (b *builder) selects(key string, listed bool, values ...string) {
	if key != corev1.LabelHostname {
		b.keys[key] = true
		return
	}
	b.everyHost = b.everyHost || !listed
	for _, value := range values {
		b.hosts[value] = true
	}
}

// nodeTerms are the terms of a pod's node affinity, the required ones and the preferred ones.
func nodeTerms(spec *corev1.PodSpec) []corev1.NodeSelectorTerm {
	affinity := nodeAffinity(spec)
	if affinity == nil {
		return nil
	}
	var out []corev1.NodeSelectorTerm
	if required := affinity.RequiredDuringSchedulingIgnoredDuringExecution; required != nil {
		out = append(out, required.NodeSelectorTerms...)
	}
	for _, term := range affinity.PreferredDuringSchedulingIgnoredDuringExecution {
		out = append(out, term.Preference)
	}
	return out
}

func nodeAffinity(spec *corev1.PodSpec) *corev1.NodeAffinity {
	if spec.Affinity == nil {
		return nil
	}
	return spec.Affinity.NodeAffinity
}

func requiredAffinity(spec *corev1.PodSpec) *corev1.NodeSelector {
	if affinity := nodeAffinity(spec); affinity != nil {
		return affinity.RequiredDuringSchedulingIgnoredDuringExecution
	}
	return nil
}

// preferredNodes are the preferred terms, with demands on the names of nodes as demands on a label; see byName.
func preferredNodes(spec *corev1.PodSpec) []corev1.PreferredSchedulingTerm {
	affinity := nodeAffinity(spec)
	if affinity == nil {
		return nil
	}
	var out []corev1.PreferredSchedulingTerm
	for _, term := range affinity.PreferredDuringSchedulingIgnoredDuringExecution {
		named := byName(&corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{term.Preference}})
		out = append(out, corev1.PreferredSchedulingTerm{Weight: term.Weight, Preference: named.NodeSelectorTerms[0]})
	}
	return out
}

// labelsOf are the labels of a node that anybody selects by: its own, and those of its location. The name of a host
// counts only where a workload asks for this very host; it then is a pool of its own.
func (b *builder) labelsOf(n *located) labels.Set {
	out := labels.Set{}
	for key := range b.keys {
		if value, ok := n.node.Labels[key]; ok {
			out[key] = value
		}
	}
	for key, value := range n.labels {
		if _, ok := out[key]; !ok && b.keys[key] {
			out[key] = value
		}
	}
	if host, ok := n.node.Labels[corev1.LabelHostname]; ok && (b.everyHost || b.hosts[host]) {
		out[corev1.LabelHostname] = host
	}
	if b.names[n.node.Name] {
		out[metadataName] = n.node.Name
	}
	return out
}

// byName is a node affinity with its demands on the names of nodes as demands on a label that pools of such nodes have. The given one
// stays as it is.
func byName(selector *corev1.NodeSelector) *corev1.NodeSelector {
	if selector == nil || !slices.ContainsFunc(selector.NodeSelectorTerms, func(t corev1.NodeSelectorTerm) bool { return len(t.MatchFields) > 0 }) {
		return selector
	}
	out := selector.DeepCopy()
	for i := range out.NodeSelectorTerms {
		term := &out.NodeSelectorTerms[i]
		term.MatchExpressions, term.MatchFields = append(term.MatchExpressions, term.MatchFields...), nil
	}
	return out
}

// nodeSelector is a pod's node selector, with the node that it names itself.
func nodeSelector(spec *corev1.PodSpec) map[string]string {
	if spec.NodeName == "" {
		return spec.NodeSelector
	}
	out := maps.Clone(spec.NodeSelector)
	if out == nil {
		out = map[string]string{}
	}
	out[metadataName] = spec.NodeName
	return out
}

// running is where the pods of one workload are.
type running struct {
	replicas map[int]int         // by pool
	nodes    map[string]nodeName // of the pod by its name
}

func (r *running) add(pod *Pod, at nodeAt) {
	if r.replicas == nil {
		r.replicas, r.nodes = map[int]int{}, map[string]nodeName{}
	}
	r.replicas[at.pool]++
	r.nodes[pod.Name] = nodeName{at, pod.Node}
}

// on counts the pods by node, but for nodes that must not be used.
func (r *running) on() []engine.PodsAt {
	count := map[nodeAt]int{}
	for _, at := range r.nodes {
		if at.node >= 0 {
			count[at.nodeAt]++
		}
	}
	return inOrder(count)
}

// nodeName is a node that a pod runs on.
type nodeName struct {
	nodeAt
	name string
}

// pods counts every pod once: as a replica of a planned workload where it runs, or as room that is taken.
func (b *builder) pods() []running {
	out := make([]running, len(b.out.Workloads))
	seen := map[attached]bool{}
	ports := b.wantsPorts()
	for i := range b.input.Pods {
		pod := &b.input.Pods[i]
		at, ok := b.nodeOf(pod)
		if !ok {
			continue
		}
		if w, planned := b.index[pod.Workload]; planned {
			out[w].add(pod, at)
			continue
		}
		if at.node >= 0 {
			node := &b.out.Snapshot.Pools[at.pool].Nodes[at.node]
			subtract(&node.Free, &pod.Request)
			node.Kept = node.Kept || pod.Stays
			b.attach(pod, at, seen)
			if ports {
				node.HostPorts = append(node.HostPorts, pod.HostPorts...)
			}
		}
	}
	return out
}

// nodeOf finds the node of a pod.
func (b *builder) nodeOf(pod *Pod) (nodeAt, bool) {
	if at, ok := b.nodes[nodeKey{pod.Cluster, pod.Node}]; ok {
		return at, true
	}
	pool, ok := b.out.PoolOf[pod.Node]
	if !ok || pod.Cluster != "" {
		return nodeAt{}, false
	}
	at, ok := b.nodes[nodeKey{b.out.Pools[pool].Cluster, pod.Node}]
	return at, ok
}

// namespace returns the labels of a workload's namespace; ok is false when a policy selects by them and they are not
// known.
func (b *builder) namespace(name string) (labels.Set, bool) {
	set, known := b.input.Namespaces[name]
	return set, known || !b.input.World.Policies.SelectsNamespaces()
}
