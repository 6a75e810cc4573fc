package candidates

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	fwk "k8s.io/kube-scheduler/framework"

	"tradewind.dev/tradewind/pkg/pricing"
	"tradewind.dev/tradewind/pkg/rules"
	"tradewind.dev/tradewind/pkg/state"
)

// nodes are those of the scheduler's snapshot, by what makes them alike, kept from one cycle to the next: only what has
// changed is looked at again. The zero value is ready for use.
type nodes struct {
	infos  []fwk.NodeInfo
	priced uint64
	groups []group
	rooms  []room
}

// group is nodes that are alike in all but their room and how much memory they have: no rule or taint tells them apart, nor does
// the price of a core. Machines of one type differ by some KiB of memory, so that a byte costs a little more on one than on another.
type group struct {
	kind
	node    *state.Node // any of them
	taints  []corev1.Taint
	members []int
	// leastPerByte and mostPerByte are the bounds of what a byte of memory costs, in US dollars an hour.
	leastPerByte, mostPerByte float64
}

// kind is what makes nodes one group.
type kind struct {
	class  *rules.Class
	rates  pricing.Rates // but for memory
	priced bool
	marks  string // the taints as text
}

// costsAlike says whether a pod costs the same on all nodes of a group: because they are the same, or since it is not its memory that it
// costs.
func (g *group) costsAlike(request pricing.Resources) bool {
	return g.leastPerByte == g.mostPerByte || g.mostPerByte*float64(request.MemoryBytes) <= g.rates.Hourly(request)
}

// join adds a node's price of memory to the bounds.
func (g *group) join(facts *state.Node) {
	g.leastPerByte, g.mostPerByte = min(g.leastPerByte, facts.Rates.PerByte), max(g.mostPerByte, facts.Rates.PerByte)
}

// room is what one node has left, as the scheduler counts it.
type room struct {
	generation       int64
	object           *corev1.Node
	facts            *state.Node
	group            int
	milliCPU, memory int64
	pods             int
	// free is the percentage of CPU and memory that nothing asks for, the mean of both.
	free int
}

// refresh makes the nodes those of a snapshot.
func (n *nodes) refresh(store *state.Store, infos []fwk.NodeInfo) {
	priced := store.Priced()
	if len(infos) == len(n.infos) && len(infos) > 0 && &infos[0] == &n.infos[0] && priced == n.priced && n.update(store) {
		return
	}
	n.infos, n.priced, n.groups, n.rooms = infos, priced, nil, make([]room, len(infos))
	groups := map[kind]int{}
	for i, info := range infos {
		facts := store.Node(info.Node())
		key := kindOf(facts, info.Node())
		at, ok := groups[key]
		if !ok {
			at = len(n.groups)
			groups[key] = at
			perByte := facts.Rates.PerByte
			n.groups = append(n.groups, group{kind: key, node: facts, taints: taintsOf(info.Node()), leastPerByte: perByte, mostPerByte: perByte})
		}
		n.groups[at].members = append(n.groups[at].members, i)
		n.groups[at].join(facts)
		n.rooms[i].group, n.rooms[i].facts = at, facts
		n.rooms[i].read(info)
	}
}

// update looks at the nodes that have changed. It returns false when one of them is not of its group any more.
func (n *nodes) update(store *state.Store) bool {
	for i, info := range n.infos {
		known := &n.rooms[i]
		if info.GetGeneration() == known.generation {
			continue
		}
		if object := info.Node(); object != known.object {
			of := &n.groups[known.group]
			if known.facts = store.Node(object); kindOf(known.facts, object) != of.kind {
				return false
			}
			of.join(known.facts)
		}
		known.read(info)
	}
	return true
}

func (r *room) read(info fwk.NodeInfo) {
	allocatable, requested, counted := info.GetAllocatable(), info.GetRequested(), info.GetNonZeroRequested()
	r.generation, r.object = info.GetGeneration(), info.Node()
	r.milliCPU = allocatable.GetMilliCPU() - requested.GetMilliCPU()
	r.memory = allocatable.GetMemory() - requested.GetMemory()
	r.pods = allocatable.GetAllowedPodNumber() - len(info.GetPods())
	r.free = (percentFree(allocatable.GetMilliCPU(), counted.GetMilliCPU()) +
		percentFree(allocatable.GetMemory(), counted.GetMemory())) / 2
}

func percentFree(allocatable, requested int64) int {
	if allocatable <= 0 || requested >= allocatable {
		return 0
	}
	return int(float64(allocatable-requested) / float64(allocatable) * 100)
}

func kindOf(facts *state.Node, object *corev1.Node) kind {
	out := kind{class: facts.Class, rates: facts.Rates, priced: facts.Price.Known}
	out.rates.PerByte = 0
	if taints := taintsOf(object); len(taints) > 0 {
		texts := make([]string, len(taints))
		for i := range taints {
			texts[i] = taints[i].ToString()
		}
		out.marks = strings.Join(texts, ",")
	}
	return out
}

// taintsOf are a node's taints; a cordoned node has one that Kubernetes' filter takes it to have.
func taintsOf(node *corev1.Node) []corev1.Taint {
	if !node.Spec.Unschedulable {
		return node.Spec.Taints
	}
	return append([]corev1.Taint{{Key: corev1.TaintNodeUnschedulable, Effect: corev1.TaintEffectNoSchedule}}, node.Spec.Taints...)
}
