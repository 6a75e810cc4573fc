package planning

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/pricing"
	"tradewind.dev/tradewind/pkg/rules"
)

// group is the nodes of one pool while pools are made.
type group struct {
	cluster  string
	at       location.Node
	class    *rules.Class
	declared *v1alpha1.CloudPool // nil when it was found from nodes
	provider string              // the provider's own name of the node pool
	labels   labels.Set
	taints   []corev1.Taint
	each     engine.Resources // allocatable of one node
	capacity pricing.Resources
	nodes    []member
	name     string
	// min and max nodes within which it may be sized; max is 0 when no node can be added.
	min, max int
	order    string // the key, which breaks ties
	// operatingSystem as the node's labels say it.
	operatingSystem string
	// attaches are the selectors of volumes that its nodes match, and attachText tells them apart.
	attaches   []int
	attachText string
	// next is a node that would be added; nil where none is.
	next *corev1.Node
}

// member is a node of a group.
type member struct {
	node        *corev1.Node
	allocatable engine.Resources
	unavailable string
}

// memoryTolerance is by how much the allocatable memory of nodes of one pool may differ, as one part in so many:
// machines of one type differ by some pages.
const memoryTolerance = 200

// poolLabels are the labels by which clouds and provisioners name their node pools.
var poolLabels = []string{
	"eks.amazonaws.com/nodegroup", "alpha.eksctl.io/nodegroup-name", "cloud.google.com/gke-nodepool", "kubernetes.azure.com/agentpool",
	"karpenter.sh/nodepool", "karpenter.sh/provisioner-name", "doks.digitalocean.com/node-pool", "k8s.scaleway.com/pool-name",
	"nodepool", "ibm-cloud.kubernetes.io/worker-pool-name", "hcloud/node-group", "node.exoscale.net/nodepool-id",
	"oke.oraclecloud.com/node-pool-name", "cluster.x-k8s.io/pool-name", "kops.k8s.io/instancegroup",
}

// providerPool is the provider's own name of the node pool that labels speak of, or empty.
func providerPool(labels map[string]string) string {
	for _, key := range poolLabels {
		if name := labels[key]; name != "" {
			return name
		}
	}
	return ""
}

// groups puts every node into one pool, and makes pools of declarations without nodes that may have some. The result is
// sorted and does not depend on the order of the input.
func (b *builder) groups() []*group {
	nodes := b.locate()
	declared, discovered := b.declarations()
	byKey := map[string]*group{}
	for i := range nodes {
		n := nodes[i]
		pool, labels := n.declaredBy(declared), b.labelsOf(n)
		each, tail := copyOf(&n.allocatable), n.tail
		b.limitVolumes(n.node.Name, &each)
		b.devices.countDevices(n.node, &each)
		if len(each.Extended) != len(n.allocatable.Extended) {
			tail = keyTail(n.provider, n.operatingSystem, &n.at, &each, n.taints)
		}
		attaches := b.attachments.matching(n.node, &n.at)
		attachText := b.attachments.text(attaches)
		key := key(n.head, pool, tail, labels) + attachKey(attachText)
		g, ok := byKey[key]
		if !ok {
			g = b.groupOf(n, pool, labels, key)
			g.each, g.attaches, g.attachText = each, attaches, attachText
			byKey[key] = g
		}
		if n.allocatable.MilliCPU == 0 && n.allocatable.MemoryBytes == 0 {
			b.problem("Node "+n.node.Name, "status.allocatable", "is empty, so no pod fits on the node; give what pods can have of it: {cpu: \"2\", memory: 8Gi, pods: \"110\"}")
		}
		g.nodes = append(g.nodes, member{node: n.node, allocatable: each, unavailable: b.unavailable(n.node)})
	}
	var out []*group
	for _, key := range slices.Sorted(maps.Keys(byKey)) {
		out = append(out, byKey[key].split()...)
	}
	out = b.limit(out, declared)
	nameAll(out, declared, discovered)
	out = b.rediscover(out, discovered)
	slices.SortStableFunc(out, func(a, b *group) int {
		return cmp.Or(strings.Compare(a.cluster, b.cluster), strings.Compare(a.name, b.name))
	})
	return out
}

// groupOf is the group of a node, without nodes.
func (b *builder) groupOf(n *located, declared *v1alpha1.CloudPool, labels labels.Set, key string) *group {
	return &group{
		cluster: n.cluster, at: n.at, class: b.input.World.Class(n.at), declared: declared, provider: n.provider, taints: n.taints,
		labels: labels, each: n.allocatable, capacity: n.capacity, operatingSystem: n.operatingSystem, order: key,
	}
}

// key tells groups apart, memory aside. head and tail are what is known of a place and of machines whoever declares them.
func key(head string, declared *v1alpha1.CloudPool, tail string, labels labels.Set) string {
	owner := ""
	if declared != nil {
		owner = declared.Name
	}
	return head + strconv.Quote(owner) + tail + labels.String()
}

// key tells groups apart, memory aside.
func (g *group) key() string {
	tail := keyTail(g.provider, g.operatingSystem, &g.at, &g.each, g.taints)
	return key(keyHead(g.cluster, &g.at), g.declared, tail, g.labels) + attachKey(g.attachText)
}

// attachKey tells groups apart by the volumes that their nodes can attach.
func attachKey(text string) string {
	if text == "" {
		return ""
	}
	return " attaches " + text
}

func keyHead(cluster string, at *location.Node) string {
	return fmt.Sprintf("%q %q %q %q %q %q ", cluster, at.Cloud, at.Region, at.Zone, at.InstanceType, at.CapacityType)
}

func keyTail(provider, operatingSystem string, at *location.Node, each *engine.Resources, taints []corev1.Taint) string {
	var tail strings.Builder
	fmt.Fprintf(&tail, " %q %v", provider, at.Location)
	fmt.Fprintf(&tail, " law %q %q at %v cpu %020d gpu %06d", at.Country, at.OperatorCountry, at.Coordinates, each.MilliCPU, each.GPUs)
	for _, name := range slices.Sorted(maps.Keys(each.Extended)) {
		if isDevice(name) {
			fmt.Fprintf(&tail, " %s %d", name, each.Extended[name])
		}
	}
	for i := range taints {
		tail.WriteString(" taint " + taints[i].ToString())
	}
	if operatingSystem == pricing.Windows {
		tail.WriteString(" windows")
	}
	tail.WriteString(" labels ")
	return tail.String()
}

// split parts nodes whose memory differs by more than memoryTolerance, so that the price of a share is right for each.
// The smallest node stands for its pool.
func (g *group) split() []*group {
	slices.SortStableFunc(g.nodes, func(a, b member) int {
		return cmp.Or(cmp.Compare(a.allocatable.MemoryBytes, b.allocatable.MemoryBytes), strings.Compare(a.node.Name, b.node.Name))
	})
	var out []*group
	for _, m := range g.nodes {
		if len(out) == 0 || m.allocatable.MemoryBytes-out[len(out)-1].each.MemoryBytes > out[len(out)-1].each.MemoryBytes/memoryTolerance {
			part := *g
			part.nodes, part.each = nil, copyOf(&m.allocatable)
			part.capacity, part.order = capacityOf(m.node), fmt.Sprintf("%s memory %020d", g.order, m.allocatable.MemoryBytes)
			out = append(out, &part)
		}
		last := out[len(out)-1]
		last.nodes = append(last.nodes, m)
		for name, value := range last.each.Extended { // of what the other has none, each has none
			last.each.Extended[name] = min(value, m.allocatable.Extended[name])
		}
	}
	for _, part := range out {
		slices.SortFunc(part.nodes, func(a, b member) int { return strings.Compare(a.node.Name, b.node.Name) })
	}
	return out
}

func copyOf(r *engine.Resources) engine.Resources {
	out := *r
	out.Extended = maps.Clone(r.Extended)
	return out
}

func capacityOf(node *corev1.Node) pricing.Resources {
	out := allocatable(node)
	if capacity := node.Status.Capacity; len(capacity) > 0 {
		out = Resources(capacity)
	}
	return out.Priced()
}

// unavailable is why a node must not be used, or empty.
func (b *builder) unavailable(node *corev1.Node) string {
	if b.input.Unavailable == nil {
		return ""
	}
	return b.input.Unavailable(node)
}

// pool turns a group into the engine's terms.
func (b *builder) pool(g *group) (engine.Pool, PoolInfo) {
	info := PoolInfo{Index: len(b.out.Pools), Cluster: g.cluster, Name: g.name, Declared: g.declared, At: g.at}
	if g.max > len(g.nodes) {
		info.driverLabels = b.attachments.labelsFor(&g.at)
	}
	query := pricing.NodeQuery{
		Cloud: g.at.Cloud, Region: g.at.Region, Zone: g.at.Zone, InstanceType: g.at.InstanceType, CapacityType: g.at.CapacityType,
		OperatingSystem: g.operatingSystem,
		MilliCPU:        g.capacity.MilliCPU, MemoryBytes: g.capacity.MemoryBytes, GPUs: g.capacity.Cards(),
	}
	out := engine.Pool{
		Cluster: g.cluster, Name: g.name, Class: g.class, Labels: g.labels, Taints: g.taints, Allocatable: g.each,
		Price: b.input.World.Prices.Node(query), Sunk: Sunk(&g.at), MinNodes: g.min, MaxNodes: g.max,
	}
	if g.max > len(g.nodes) {
		out.Daemons, out.HostPorts = b.daemonsOf(g.next, &g.each)
	}
	info.ListPrice = b.input.World.ListPrices.Node(query)
	info.Negotiated = out.Price.Known != info.ListPrice.Known || out.Price.USD != info.ListPrice.USD
	if low, high, known := b.input.World.Prices.Catalog().Interruption(g.at.Cloud, g.at.PriceRegion(), g.at.InstanceType); known {
		out.Interruption = engine.Interruption{MonthlyPercent: (low + high) / 2, Known: true}
	}
	why := ""
	for i := range g.nodes {
		if m := &g.nodes[i]; m.unavailable == "" {
			out.Nodes = append(out.Nodes, engine.Node{Name: m.node.Name, Free: m.allocatable})
			info.Nodes = append(info.Nodes, m.node)
		} else {
			info.Closed = append(info.Closed, m.node)
			why = cmp.Or(why, "node "+m.node.Name+" "+m.unavailable)
		}
	}
	if len(g.nodes) > 0 && len(out.Nodes) == 0 {
		info.Unavailable = why
	} else if b.input.PoolUnavailable != nil {
		info.Unavailable = b.input.PoolUnavailable(&info)
	}
	out.Closed = len(g.nodes) - len(out.Nodes)
	// Nodes that cannot be used count towards the most that the pool may have, and no node can be added to a lost pool.
	out.MinNodes, out.MaxNodes = max(out.MinNodes-out.Closed, 0), max(out.MaxNodes-out.Closed, 0)
	if out.Unavailable = info.Unavailable; info.Unavailable != "" {
		out.Closed = len(g.nodes)
		info.Closed = append(info.Closed, info.Nodes...)
		out.Nodes, info.Nodes, out.MinNodes, out.MaxNodes = nil, nil, 0, 0
	}
	return out, info
}
