package planning

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/pricing"
)

// maxPoolNodes is the most nodes that a CloudPool may have, as its schema says.
const maxPoolNodes = 100000

// declarations are the pools that somebody declared and those that the controller found from nodes, each sorted by name.
func (b *builder) declarations() (declared, discovered []*v1alpha1.CloudPool) {
	pools := slices.Clone(b.input.Pools)
	slices.SortStableFunc(pools, func(x, y *v1alpha1.CloudPool) int { return strings.Compare(x.Name, y.Name) })
	for i, pool := range pools {
		object := "CloudPool " + pool.Name
		if i > 0 && pools[i-1].Name == pool.Name {
			b.problem(object, "metadata.name", "is there twice; one of them is left out: give each pool a name of its own")
			continue
		}
		if low, high := nodesOf(pool.Spec.MinNodes), nodesOf(pool.Spec.MaxNodes); pool.Spec.MaxNodes != nil && low > high {
			b.problem(object, "spec.minNodes", "%d is above maxNodes %d, which counts: lower minNodes, or raise maxNodes", low, high)
		}
		if pool.Labels[v1alpha1.LabelDiscovered] == "true" {
			discovered = append(discovered, pool)
		} else {
			declared = append(declared, pool)
		}
	}
	return declared, discovered
}

func nodesOf(count *int32) int {
	if count == nil {
		return 0
	}
	return int(min(max(*count, 0), maxPoolNodes))
}

// matches says whether a node belongs to a declared pool: it is where and what the declaration says, as far as that says
// anything, and has all of its labels.
func matches(pool *v1alpha1.CloudPool, n *located) bool {
	spec := &pool.Spec
	agrees := func(want, have string) bool { return want == "" || want == have }
	if spec.ClusterName != n.cluster || spec.Cloud != n.at.Cloud || !agrees(spec.Region, n.at.Region) || !agrees(spec.Zone, n.at.Zone) ||
		!agrees(spec.InstanceType, n.at.InstanceType) || n.at.CapacityType != cmp.Or(spec.CapacityType, v1alpha1.CapacityOnDemand) {
		return false
	}
	for key, value := range spec.Labels {
		if have, ok := n.node.Labels[key]; !ok || have != value {
			return false
		}
	}
	return true
}

// limit shares each declaration's limits among its groups, and makes a group of a declaration without nodes that may have
// some.
func (b *builder) limit(groups []*group, declared []*v1alpha1.CloudPool) []*group {
	of := map[*v1alpha1.CloudPool][]*group{}
	for _, g := range groups {
		if g.declared != nil {
			of[g.declared] = append(of[g.declared], g)
		}
	}
	for _, pool := range declared {
		if len(of[pool]) == 0 {
			if g := b.empty(pool); g != nil {
				groups = append(groups, g)
			}
			continue
		}
		groups = append(groups, b.grow(pool, of[pool])...)
	}
	return groups
}

// grow shares the limits of a declaration among its groups, as far as further nodes would be of them. Where its nodes are all told
// apart by what is theirs alone, it returns groups for further ones.
func (b *builder) grow(pool *v1alpha1.CloudPool, groups []*group) []*group {
	if nodesOf(pool.Spec.MaxNodes) == 0 {
		share(pool, groups, groups)
		return nil
	}
	var open, more []*group
	for _, g := range groups {
		next := b.further(g, groups)
		switch {
		case next.order == g.order:
			g.next = next.next
			open = append(open, g)
		case !slices.ContainsFunc(more, func(other *group) bool { return other.order == next.order }):
			more = append(more, next)
		}
	}
	if len(open) > 0 {
		more = nil
	}
	share(pool, groups, slices.Concat(open, more))
	return more
}

// further is the group of the nodes that could be added beside those of a group: the group itself, or one without what belongs to single
// nodes, which are their names and volumes on their own disks. all are the groups of the same pool.
func (b *builder) further(g *group, all []*group) *group {
	var nodes []*corev1.Node
	for _, other := range all {
		if other.at.Location == g.at.Location && other.at.InstanceType == g.at.InstanceType {
			for i := range other.nodes {
				nodes = append(nodes, other.nodes[i].node)
			}
		}
	}
	next := alike(nodes, &g.at)
	out := *g
	out.nodes, out.name, out.min, out.max, out.next = nil, "", 0, 0, next
	out.each = copyOf(&g.each)
	out.attaches = b.attachments.matching(next, &g.at)
	out.attachText = b.attachments.text(out.attaches)
	_, host := g.labels[corev1.LabelHostname]
	_, named := g.labels[metadataName]
	if host || named {
		out.labels = maps.Clone(g.labels)
		delete(out.labels, corev1.LabelHostname)
		delete(out.labels, metadataName)
		if host && b.everyHost {
			out.labels[corev1.LabelHostname] = addedHost
		}
	}
	if host || named || out.attachText != g.attachText {
		out.order = out.key() + " further"
	}
	return &out
}

// share gives each open group its part of what the declaration allows beyond the nodes that exist in all of them: equal parts, so that
// together they never exceed it.
func share(pool *v1alpha1.CloudPool, groups, open []*group) {
	exist := 0
	for _, g := range groups {
		exist += len(g.nodes)
	}
	low := min(nodesOf(pool.Spec.MinNodes), nodesOf(pool.Spec.MaxNodes))
	spare, missing := max(nodesOf(pool.Spec.MaxNodes)-exist, 0), max(low-exist, 0)
	for _, g := range groups {
		g.min = min(len(g.nodes), max(low, 0))
	}
	for i, g := range open {
		if part := parts(spare, len(open), i); part > 0 {
			g.max = len(g.nodes) + part
		}
		g.min = min(len(g.nodes)+parts(missing, len(open), i), max(low, 0), max(g.max, len(g.nodes)))
	}
}

// parts is the i-th of n nearly equal parts, the larger ones first.
func parts(total, n, i int) int {
	part := total / n
	if i < total%n {
		part++
	}
	return part
}

// empty is the group of a pool that has no nodes; nil when it can have none.
func (b *builder) empty(pool *v1alpha1.CloudPool) *group {
	spec := &pool.Spec
	if nodesOf(spec.MaxNodes) == 0 {
		return nil
	}
	object := "CloudPool " + pool.Name
	node := nodeFor(spec)
	at := location.FromNode(node, location.Options{})
	g := &group{
		cluster: spec.ClusterName, at: at, class: b.input.World.Class(at), declared: pool, taints: poolTaints(spec.Taints),
		min: min(nodesOf(spec.MinNodes), nodesOf(spec.MaxNodes)), max: nodesOf(spec.MaxNodes),
	}
	instance, known := b.input.World.Prices.Catalog().Instance(at.Cloud, at.PriceRegion(), spec.InstanceType)
	switch {
	case len(spec.Allocatable) > 0:
		g.each = allocatable(&corev1.Node{Status: corev1.NodeStatus{Allocatable: spec.Allocatable}})
		g.capacity = g.each.Priced()
	case known:
		g.each = nodeOf(&instance)
	default:
		b.problem(object, "spec.allocatable", "is needed: no node of the pool exists, and the catalog has no %q in %s; the pool is left out",
			spec.InstanceType, at.Location)
		return nil
	}
	if g.each.Extended[ephemeralStorage] == 0 {
		g.each.Extended[ephemeralStorage] = diskOf(at.Cloud)
	}
	b.limitAdded(spec.InstanceType, &g.each)
	if known {
		g.capacity = pricing.Resources{MilliCPU: instance.MilliCPU, MemoryBytes: instance.MemoryBytes, GPUs: int64(instance.GPUs)}
		setDefault(node.Labels, corev1.LabelArchStable, instance.Architecture)
	}
	everyNode(node.Labels)
	g.next, g.attaches = node, b.attachments.matching(node, &at)
	g.attachText = b.attachments.text(g.attaches)
	g.operatingSystem = pricing.OperatingSystem(node.Labels)
	g.labels = b.labelsOf(&located{node: node, labels: location.LabelsOf(at)})
	g.order = g.key() + " declared"
	return g
}

// nodeFor is a node as the declaration describes it.
func nodeFor(spec *v1alpha1.CloudPoolSpec) *corev1.Node {
	return &corev1.Node{ObjectMeta: metav1.ObjectMeta{Labels: LabelsOfPool(spec)}, Spec: corev1.NodeSpec{Taints: spec.Taints}}
}

// LabelsOfPool are the labels of the nodes of a pool as its declaration describes them.
func LabelsOfPool(spec *v1alpha1.CloudPoolSpec) labels.Set {
	set := labels.Set{}
	for key, value := range spec.Labels {
		set[key] = value
	}
	for key, value := range map[string]string{
		v1alpha1.LabelCloud: spec.Cloud, corev1.LabelTopologyRegion: spec.Region, corev1.LabelTopologyZone: spec.Zone,
		corev1.LabelInstanceTypeStable: spec.InstanceType, v1alpha1.LabelCapacityType: string(cmp.Or(spec.CapacityType, v1alpha1.CapacityOnDemand)),
	} {
		if value != "" {
			set[key] = value
		}
	}
	if _, known := location.LookupCloud(spec.Cloud); !known {
		for key, value := range map[string]string{v1alpha1.LabelCountry: spec.Country, v1alpha1.LabelOperatorCountry: spec.OperatorCountry} {
			if value != "" {
				set[key] = value
			}
		}
	}
	return set
}

// addedHost is the host name of nodes that do not exist yet: every node has one.
const addedHost = "node-to-be-added"

// everyNode adds the labels that kubelets and clouds set on every node: the machine's, which is one of the most common kind where nobody
// says which, and the deprecated ones beside those in force.
func everyNode(set map[string]string) {
	setDefault(set, corev1.LabelOSStable, string(corev1.Linux))
	setDefault(set, corev1.LabelArchStable, "amd64")
	setDefault(set, corev1.LabelHostname, addedHost)
	for _, label := range []struct{ deprecated, key string }{
		{"beta.kubernetes.io/os", corev1.LabelOSStable}, {"beta.kubernetes.io/arch", corev1.LabelArchStable},
		{corev1.LabelInstanceType, corev1.LabelInstanceTypeStable}, {corev1.LabelFailureDomainBetaZone, corev1.LabelTopologyZone},
		{corev1.LabelFailureDomainBetaRegion, corev1.LabelTopologyRegion},
	} {
		setDefault(set, label.deprecated, set[label.key])
	}
}

func setDefault(set map[string]string, key, value string) {
	if _, ok := set[key]; !ok && value != "" {
		set[key] = value
	}
}

// rediscover lays the limits of pools that the controller found over the groups of their names: people set them there
// too. One that has lost all its nodes and may have some again is a pool without nodes.
func (b *builder) rediscover(groups []*group, discovered []*v1alpha1.CloudPool) []*group {
	type key struct{ cluster, name string }
	byName := map[key]*group{}
	for _, g := range groups {
		byName[key{g.cluster, g.name}] = g
	}
	for _, pool := range discovered {
		g := byName[key{pool.Spec.ClusterName, pool.Name}]
		switch {
		case g == nil:
			if g = b.empty(pool); g != nil {
				g.name = pool.Name
				groups = append(groups, g)
			}
		case g.declared == nil:
			b.grow(pool, []*group{g}) // nodes that are added beside one that is told apart by its name are of no pool yet
		}
	}
	return groups
}
