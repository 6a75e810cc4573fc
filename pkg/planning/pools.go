package planning

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
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

// located is a node with its place.
type located struct {
	node    *corev1.Node
	cluster string
	at      location.Node
}

// groups puts every node into one pool, and makes pools of declarations without nodes that may have some. The result is
// sorted and does not depend on the order of the input.
func (b *builder) groups() []*group {
	nodes := b.locate()
	declared, discovered := b.declarations()
	byKey := map[string]*group{}
	for i := range nodes {
		n := &nodes[i]
		g := b.groupOf(n, declared)
		known, ok := byKey[g.order]
		if !ok {
			known = g
			byKey[g.order] = g
		}
		known.nodes = append(known.nodes, member{node: n.node, allocatable: g.each, unavailable: b.unavailable(n.node)})
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

// locate finds out where each node is, once for each name in a cluster, in order of cluster and name: classes are
// numbered in this order.
func (b *builder) locate() []located {
	nodes := make([]located, 0, len(b.input.Nodes))
	for _, node := range b.input.Nodes {
		nodes = append(nodes, located{node: node, cluster: node.Labels[v1alpha1.LabelCluster]})
	}
	slices.SortStableFunc(nodes, func(x, y located) int {
		return cmp.Or(strings.Compare(x.cluster, y.cluster), strings.Compare(x.node.Name, y.node.Name))
	})
	nodes = slices.CompactFunc(nodes, func(x, y located) bool {
		same := x.cluster == y.cluster && x.node.Name == y.node.Name
		if same {
			b.problem("Node "+x.node.Name, "metadata.name", "is there twice; one of them is left out: give each node a name of its own")
		}
		return same
	})
	for i := range nodes {
		nodes[i].at = location.FromNode(nodes[i].node, b.input.Location)
	}
	return nodes
}

// groupOf is the group that a node belongs to, without nodes.
func (b *builder) groupOf(n *located, declared []*v1alpha1.CloudPool) *group {
	g := &group{
		cluster: n.cluster, at: n.at, class: b.input.World.Class(n.at), taints: poolTaints(n.node.Spec.Taints),
		labels: b.labelsOf(n), each: allocatable(n.node), capacity: capacityOf(n.node),
	}
	for _, pool := range declared {
		if matches(pool, n) {
			g.declared = pool
			break
		}
	}
	g.provider = providerPool(n.node.Labels)
	if g.each.MilliCPU == 0 && g.each.MemoryBytes == 0 {
		b.problem("Node "+n.node.Name, "status.allocatable", "is empty, so no pod fits on the node; give what pods can have of it: {cpu: \"2\", memory: 8Gi, pods: \"110\"}")
	}
	g.order = g.key()
	return g
}

// key tells groups apart, memory aside.
func (g *group) key() string {
	var key strings.Builder
	owner := ""
	if g.declared != nil {
		owner = g.declared.Name
	}
	fmt.Fprintf(&key, "%q %q %q %q %q %q %q %q %v", g.cluster, g.at.Cloud, g.at.Region, g.at.Zone, g.at.InstanceType, g.at.CapacityType,
		owner, g.provider, g.at.Location)
	fmt.Fprintf(&key, " law %q %q at %v cpu %020d gpu %06d", g.at.Country, g.at.OperatorCountry, g.at.Coordinates, g.each.MilliCPU, g.each.GPUs)
	for _, name := range slices.Sorted(maps.Keys(g.each.Extended)) {
		if isDevice(name) {
			fmt.Fprintf(&key, " %s %d", name, g.each.Extended[name])
		}
	}
	for i := range g.taints {
		key.WriteString(" taint " + g.taints[i].ToString())
	}
	key.WriteString(" labels " + g.labels.String())
	return key.String()
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
		for name, value := range m.allocatable.Extended {
			last.each.Extended[name] = min(last.each.Extended[name], value)
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
	query := pricing.NodeQuery{
		Cloud: g.at.Cloud, Region: g.at.Region, Zone: g.at.Zone, InstanceType: g.at.InstanceType, CapacityType: g.at.CapacityType,
		MilliCPU: g.capacity.MilliCPU, MemoryBytes: g.capacity.MemoryBytes, GPUs: g.capacity.GPUs,
	}
	out := engine.Pool{
		Cluster: g.cluster, Name: g.name, Class: g.class, Labels: g.labels, Taints: g.taints, Allocatable: g.each,
		Price: b.input.World.Prices.Node(query), Sunk: Sunk(&g.at), MinNodes: g.min, MaxNodes: g.max,
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
			why = cmp.Or(why, "node "+m.node.Name+" "+m.unavailable)
		}
	}
	if len(g.nodes) > 0 && len(out.Nodes) == 0 {
		info.Unavailable = why
	} else if b.input.PoolUnavailable != nil {
		info.Unavailable = b.input.PoolUnavailable(&info)
	}
	// Nodes that cannot be used count towards the most that the pool may have, and no node can be added to a lost pool.
	down := len(g.nodes) - len(out.Nodes)
	out.MinNodes, out.MaxNodes = max(out.MinNodes-down, 0), max(out.MaxNodes-down, 0)
	if info.Unavailable != "" {
		out.Nodes, info.Nodes, out.MinNodes, out.MaxNodes = nil, nil, 0, 0
	}
	return out, info
}
