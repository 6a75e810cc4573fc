package planning

import (
	"cmp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/pricing"
)

// located is what a plan looks at of one version of a node: where and what it is, whatever anybody selects, and whatever prices and
// policies are in force. It is immutable.
type located struct {
	node    *corev1.Node
	cluster string
	at      location.Node
	// labels are those of its location.
	labels   labels.Set
	provider string // the provider's own name of the node pool
	// operatingSystem as the node's labels say it.
	operatingSystem string
	taints          []corev1.Taint
	allocatable     engine.Resources
	capacity        pricing.Resources
	// head and tail of the keys of its groups.
	head, tail string
}

func locatedAt(node *corev1.Node, options location.Options) *located {
	n := &located{
		node: node, cluster: node.Labels[v1alpha1.LabelCluster], at: location.FromNode(node, options), provider: providerPool(node.Labels),
		taints: poolTaints(node.Spec.Taints), allocatable: allocatable(node), capacity: capacityOf(node),
		operatingSystem: pricing.OperatingSystem(node.Labels),
	}
	n.labels = location.LabelsOf(n.at)
	n.head, n.tail = keyHead(n.cluster, &n.at), keyTail(n.provider, n.operatingSystem, &n.at, &n.allocatable, n.taints)
	return n
}

// declaredBy is the first of some CloudPools that the node belongs to; nil when it belongs to none.
func (n *located) declaredBy(declared []*v1alpha1.CloudPool) *v1alpha1.CloudPool {
	if i := slices.IndexFunc(declared, func(pool *v1alpha1.CloudPool) bool { return matches(pool, n) }); i >= 0 {
		return declared[i]
	}
	return nil
}

// locate finds out where each node is, once for each name in a cluster, in order of cluster and name: classes are
// numbered in this order.
func (b *builder) locate() []*located {
	nodes := b.input.shapes.locate(b.input.Nodes, b.input.Location)
	slices.SortStableFunc(nodes, func(x, y *located) int {
		return cmp.Or(strings.Compare(x.cluster, y.cluster), strings.Compare(x.node.Name, y.node.Name))
	})
	return slices.CompactFunc(nodes, func(x, y *located) bool {
		same := x.cluster == y.cluster && x.node.Name == y.node.Name
		if same {
			b.problem("Node "+x.node.Name, "metadata.name", "is there twice; one of them is left out: give each node a name of its own")
		}
		return same
	})
}

// places are where the nodes of the latest plan are, with the cloud labels by which that was found out.
type places struct {
	cloudLabels []string
	of          map[*corev1.Node]*located
}

// locate is where nodes are, in their order. It remembers that of these nodes until it is asked again: an object of an informer is
// never changed, so that another version of a node is another object.
func (s *Shapes) locate(nodes []*corev1.Node, options location.Options) []*located {
	out := make([]*located, 0, len(nodes))
	options = options.Compile()
	if s == nil {
		for _, node := range nodes {
			out = append(out, locatedAt(node, options))
		}
		return out
	}
	before := s.places.Load()
	if before == nil || !slices.Equal(before.cloudLabels, options.CloudLabels) {
		before = &places{}
	}
	now := &places{cloudLabels: options.CloudLabels, of: make(map[*corev1.Node]*located, len(nodes))}
	for _, node := range nodes {
		n := before.of[node]
		if n == nil {
			n = locatedAt(node, options)
		}
		now.of[node] = n
		out = append(out, n)
	}
	s.places.Store(now)
	return out
}
