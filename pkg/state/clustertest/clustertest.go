// Package clustertest makes states of a cluster for the tests of controllers.
package clustertest

import (
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/state"
	"tradewind.dev/tradewind/pkg/state/cluster"
)

// noon is when the states are of.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// Cluster is nodes, pods and Tradewind's objects.
type Cluster struct {
	t       testing.TB
	objects state.Objects
	nodes   []*corev1.Node
	pods    []pods
}

type pods struct {
	namespace, scheduler string
	labels               map[string]string
	count                int
}

// New returns an empty cluster.
func New(t testing.TB) *Cluster { return &Cluster{t: t} }

// Policy adds a PlacementPolicy whose spec is YAML. Later ones are younger.
func (c *Cluster) Policy(namespace, name, spec string) *Cluster {
	c.t.Helper()
	object := &v1alpha1.PlacementPolicy{ObjectMeta: c.meta(namespace, name)}
	c.read(spec, &object.Spec)
	c.objects.PlacementPolicies = append(c.objects.PlacementPolicies, object)
	return c
}

// ClusterPolicy adds a ClusterPlacementPolicy whose spec is YAML.
func (c *Cluster) ClusterPolicy(name, spec string) *Cluster {
	c.t.Helper()
	object := &v1alpha1.ClusterPlacementPolicy{ObjectMeta: c.meta("", name)}
	c.read(spec, &object.Spec)
	c.objects.ClusterPlacementPolicies = append(c.objects.ClusterPlacementPolicies, object)
	return c
}

// PriceList adds a PriceList whose spec is YAML.
func (c *Cluster) PriceList(name, spec string) *Cluster {
	c.t.Helper()
	object := v1alpha1.PriceList{ObjectMeta: c.meta("", name)}
	c.read(spec, &object.Spec)
	c.objects.PriceLists = append(c.objects.PriceLists, object)
	return c
}

// LatencyMap adds a LatencyMap whose spec is YAML.
func (c *Cluster) LatencyMap(name, spec string) *Cluster {
	c.t.Helper()
	object := v1alpha1.LatencyMap{ObjectMeta: c.meta("", name)}
	c.read(spec, &object.Spec)
	c.objects.LatencyMaps = append(c.objects.LatencyMaps, object)
	return c
}

func (c *Cluster) meta(namespace, name string) metav1.ObjectMeta {
	age := len(c.objects.PlacementPolicies) + len(c.objects.ClusterPlacementPolicies)
	return metav1.ObjectMeta{
		Namespace: namespace, Name: name, UID: types.UID(namespace + "/" + name), Generation: 1,
		CreationTimestamp: metav1.NewTime(noon.Add(time.Duration(age) * time.Second)),
	}
}

func (c *Cluster) read(text string, into any) {
	c.t.Helper()
	if err := yaml.UnmarshalStrict([]byte(text), into); err != nil {
		c.t.Fatalf("%v in\n%s", err, text)
	}
}

// AWS adds nodes of AWS in a zone ("eu-west-1a").
func (c *Cluster) AWS(count int, zone, instanceType string) *Cluster {
	return c.node(count, "aws:///"+zone+"/i-0123456789abcdef0", map[string]string{
		corev1.LabelTopologyRegion: zone[:len(zone)-1], corev1.LabelTopologyZone: zone, corev1.LabelInstanceTypeStable: instanceType,
	})
}

// AWSSpot adds spot nodes of AWS in a zone.
func (c *Cluster) AWSSpot(count int, zone, instanceType string) *Cluster {
	return c.node(count, "aws:///"+zone+"/i-0123456789abcdef0", map[string]string{
		corev1.LabelTopologyRegion: zone[:len(zone)-1], corev1.LabelTopologyZone: zone, corev1.LabelInstanceTypeStable: instanceType,
		"eks.amazonaws.com/capacityType": "SPOT",
	})
}

// Private adds nodes of a private data centre, operated from its own country.
func (c *Cluster) Private(count int, name, region, country string) *Cluster {
	return c.node(count, "", map[string]string{
		v1alpha1.LabelCloud: name, v1alpha1.LabelCountry: country, v1alpha1.LabelOperatorCountry: country,
		corev1.LabelTopologyRegion: region, corev1.LabelTopologyZone: region + "-1",
	})
}

// Unknown adds nodes of which nothing is known.
func (c *Cluster) Unknown(count int) *Cluster { return c.node(count, "", nil) }

func (c *Cluster) node(count int, providerID string, labels map[string]string) *Cluster {
	for range count {
		c.nodes = append(c.nodes, &corev1.Node{
			ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("node-%d", len(c.nodes)), Labels: labels},
			Spec:       corev1.NodeSpec{ProviderID: providerID},
			Status: corev1.NodeStatus{Capacity: corev1.ResourceList{
				corev1.ResourceCPU: resource.MustParse("4"), corev1.ResourceMemory: resource.MustParse("16Gi"),
			}},
		})
	}
	return c
}

// Pods adds pods of a scheduler with the label app.
func (c *Cluster) Pods(count int, namespace, app, scheduler string) *Cluster {
	c.pods = append(c.pods, pods{namespace, scheduler, map[string]string{"app": app}, count})
	return c
}

// State returns the cluster as it is now.
func (c *Cluster) State() *cluster.State {
	c.t.Helper()
	world, err := state.NewWorld(c.objects, noon)
	if err != nil {
		c.t.Fatal(err)
	}
	store := state.NewStore(world, location.DefaultOptions())
	cycleState := &cluster.State{Time: noon, World: world, Objects: c.objects}
	for _, object := range c.nodes {
		node := store.Node(object)
		found := false
		for i := range cycleState.Nodes {
			group := &cycleState.Nodes[i]
			if group.Class == node.Class && group.Windows == node.Windows && group.PriceKnown == node.Price.Known && group.PriceSource == node.Price.Source {
				group.Count++
				group.HourlyUSD += node.Price.USD
				found = true
			}
		}
		if !found {
			cycleState.Nodes = append(cycleState.Nodes, cluster.NodeGroup{
				Class: node.Class, Windows: node.Windows, PriceKnown: node.Price.Known, PriceSource: node.Price.Source, Count: 1, HourlyUSD: node.Price.USD,
			})
		}
	}
	for _, group := range c.pods {
		if rules := world.Rules(group.namespace, nil, group.labels); len(rules.Sources) > 0 {
			cycleState.Pods = append(cycleState.Pods, cluster.PodGroup{Rules: rules, Scheduler: group.scheduler, Count: group.count})
		}
	}
	return cycleState
}
