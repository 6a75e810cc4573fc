package planning

import (
	"fmt"
	"reflect"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"pgregory.net/rapid"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/state"
)

// TestWhatIsRememberedChangesNothing plans again and again while nodes come, change and go: the snapshot is the one that is made
// without a memory.
func TestWhatIsRememberedChangesNothing(t *testing.T) {
	w := world(t, state.Objects{})
	rapid.Check(t, func(t *rapid.T) {
		input, _, _ := randomInput(t)
		input.World, input.shapes = w, &Shapes{}
		for range rapid.IntRange(1, 4).Draw(t, "plans") {
			for i, node := range input.Nodes {
				switch rapid.IntRange(0, 5).Draw(t, "happens") {
				case 0:
					changed := node.DeepCopy()
					changed.Labels["eks.amazonaws.com/nodegroup"] = "other"
					changed.Status.Allocatable = quantities(fmt.Sprint(rapid.IntRange(0, 4).Draw(t, "cores")), "6Gi")
					input.Nodes[i] = changed
				case 1:
					other := awsNode(node.Name, "eu-west-1b")
					input.Nodes[i] = other
				}
			}
			if rapid.Bool().Draw(t, "a node goes") {
				input.Nodes = slices.Delete(slices.Clone(input.Nodes), 0, min(1, len(input.Nodes)))
			}
			forgetful := *input
			forgetful.shapes = nil
			got, err := Build(input)
			if err != nil {
				t.Fatal(err)
			}
			want, err := Build(&forgetful)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got.Snapshot.Pools, want.Snapshot.Pools) || !reflect.DeepEqual(got.Pools, want.Pools) ||
				!reflect.DeepEqual(got.PoolOf, want.PoolOf) || !reflect.DeepEqual(got.Problems, want.Problems) {
				t.Fatalf("with what is remembered:\n%+v\nwithout:\n%+v", got.Snapshot.Pools, want.Snapshot.Pools)
			}
		}
	})
}

func TestNodesAreLocatedOnce(t *testing.T) {
	a, b := awsNode("a", "eu-west-1a"), awsNode("b", "eu-west-1b")
	known, options := &Shapes{}, location.DefaultOptions()
	first := known.locate([]*corev1.Node{a, b}, options)
	if again := known.locate([]*corev1.Node{a, b}, options); again[0] != first[0] || again[1] != first[1] {
		t.Error("nodes that are as they were are located anew")
	}
	moved := awsNode("b", "eu-west-1c")
	if again := known.locate([]*corev1.Node{a, moved}, options); again[0] != first[0] || again[1].at.Zone != "eu-west-1c" {
		t.Errorf("another version of a node is in %s", again[1].at.Location)
	}
	if known.locate([]*corev1.Node{a}, options); len(known.places.Load().of) != 1 {
		t.Errorf("%d nodes are remembered, of which one is left", len(known.places.Load().of))
	}
	options.CloudLabels = append(options.CloudLabels, "shop.example/provider")
	if again := known.locate([]*corev1.Node{a}, options); again[0] == first[0] {
		t.Error("by other cloud labels a node is where it was by those before")
	}
}

// TestPricesAreThoseInForce remembers where a node is, and not what it costs.
func TestPricesAreThoseInForce(t *testing.T) {
	input := Input{Nodes: []*corev1.Node{awsNode("a", "eu-west-1a")}, shapes: &Shapes{}}
	for _, price := range []string{"0.5", "0.25"} {
		list := v1alpha1.PriceList{}
		list.Name, list.Spec.Instances = "ours", []v1alpha1.InstancePrice{{Cloud: "aws", InstanceType: "m7i.large", HourlyUSD: resource.MustParse(price)}}
		input.World = world(t, state.Objects{PriceLists: []v1alpha1.PriceList{list}})
		if got := build(t, &input).Snapshot.Pools[0].Price; fmt.Sprint(got.USD) != price {
			t.Errorf("the node costs %v, want %s", got, price)
		}
	}
}
