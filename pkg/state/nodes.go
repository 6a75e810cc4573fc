package state

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/latency"
	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/pricing"
	"tradewind.dev/tradewind/pkg/rules"
	"tradewind.dev/tradewind/pkg/workload"
)

// Node is what is known of one node. It is immutable.
type Node struct {
	// object is the object these facts were computed from. It comes first, to be in one cache line with what is asked for.
	object *corev1.Node
	rules.Candidate
	// Problems say why something about its location is unknown or contradictory, in words, with the remedy.
	Problems []string
	// Windows says that the node runs Windows, of which the catalog has no prices.
	Windows bool
}

// classKey is what makes two nodes one class.
type classKey struct {
	location     location.Location
	instanceType string
	capacityType v1alpha1.CapacityType
}

// classes interns classes and places.
type classes struct {
	mu     sync.Mutex // taken only when a class is seen for the first time
	byKey  sync.Map   // classKey → *rules.Class
	places map[latency.Place]int
	all    atomic.Pointer[[]*rules.Class]
}

func (c *classes) intern(found location.Node) *rules.Class {
	key := classKey{location: found.Location, instanceType: found.InstanceType, capacityType: found.CapacityType}
	if known, ok := c.byKey.Load(key); ok {
		return known.(*rules.Class)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if known, ok := c.byKey.Load(key); ok {
		return known.(*rules.Class)
	}
	found.Problems = nil
	place := latency.PlaceOf(found.Location)
	if c.places == nil {
		c.places = map[latency.Place]int{}
	}
	placeID, ok := c.places[place]
	if !ok {
		placeID = len(c.places)
		c.places[place] = placeID
	}
	all := slices.Clone(c.list())
	class := &rules.Class{
		ID: len(all), Node: found, Labels: location.LabelsOf(found), Place: place, PlaceID: placeID,
	}
	all = append(all, class)
	c.all.Store(&all)
	c.byKey.Store(key, class)
	return class
}

func (c *classes) list() []*rules.Class {
	if all := c.all.Load(); all != nil {
		return *all
	}
	return nil
}

// Classes are all classes seen so far, by their ID.
func (s *Store) Classes() []*rules.Class { return s.classes.list() }

// Node returns the facts of exactly this object. They are ready when the store has seen it, and computed otherwise, so
// that a decision is never made from another version of the node than the caller's.
func (s *Store) Node(object *corev1.Node) *Node {
	if node := s.index.find(object); node != nil {
		return node
	}
	if known, ok := s.nodes.Load(object.Name); ok {
		if node := known.(*Node); node.object == object {
			return node
		}
	}
	return s.derive(s.World(), object)
}

// NodeNamed returns the newest facts of a node.
func (s *Store) NodeNamed(name string) (*Node, bool) {
	known, ok := s.nodes.Load(name)
	if !ok {
		return nil, false
	}
	return known.(*Node), true
}

func (s *Store) derive(world *World, object *corev1.Node) *Node {
	found := location.FromNode(object, s.options)
	class := s.classes.intern(found)
	node := &Node{Candidate: rules.Candidate{Name: object.Name, Class: class}, Problems: found.Problems, object: object}
	node.Windows = pricing.OperatingSystem(object.Labels) == pricing.Windows
	capacity := Resources(object.Status.Capacity)
	node.Price = world.Prices.Node(pricing.NodeQuery{
		Cloud: found.Cloud, Region: found.Region, Zone: found.Zone,
		InstanceType: found.InstanceType, CapacityType: found.CapacityType,
		OperatingSystem: pricing.OperatingSystem(object.Labels),
		MilliCPU:        capacity.MilliCPU, MemoryBytes: capacity.MemoryBytes, GPUs: capacity.Cards(),
	})
	if node.Price.Known {
		node.Rates = pricing.NewRates(node.Price.USD, Resources(object.Status.Allocatable))
	}
	return node
}

// SetNode records a node that was added or changed.
func (s *Store) SetNode(object *corev1.Node) {
	for {
		world := s.World()
		node := s.derive(world, object)
		previous, existed := s.nodes.Swap(object.Name, node)
		if existed {
			s.nodeReplaced(previous.(*Node), node)
		} else {
			s.keepIndexed(node)
			s.workloads.nodeChanged(node)
		}
		if s.World() == world {
			return
		}
	}
}

// priceAnew computes the facts of a node in another world, unless somebody else has just done so.
func (s *Store) priceAnew(world *World, before *Node) {
	node := s.derive(world, before.object)
	if s.nodes.CompareAndSwap(node.Name, before, node) {
		s.nodeReplaced(before, node)
	}
}

func (s *Store) nodeReplaced(before, node *Node) {
	s.index.remove(before)
	s.keepIndexed(node)
	if before.Class != node.Class || before.Price.USD != node.Price.USD || before.Rates != node.Rates {
		s.workloads.nodeChanged(node)
		s.priced.Add(1)
	}
}

// Priced is another number whenever the class or the price of a node that was there before has changed since the number was
// asked for. What was derived from nodes under the same number needs to be derived anew only for nodes that are other objects.
func (s *Store) Priced() uint64 { return s.priced.Load() }

// keepIndexed puts a node that has just become the newest into the index, and takes it out again when it is not the
// newest any more.
func (s *Store) keepIndexed(node *Node) {
	s.index.add(node)
	if newest, ok := s.NodeNamed(node.Name); !ok || newest != node {
		s.index.remove(node)
	}
}

// DeleteNode forgets a node. The replicas on it count until their pods are gone.
func (s *Store) DeleteNode(name string) {
	if known, ok := s.nodes.LoadAndDelete(name); ok {
		s.index.remove(known.(*Node))
	}
}

// Resources are the CPU in millicores, memory in bytes and number of GPUs of a resource list. Every extended resource
// whose name ends in "/gpu" counts as GPUs, the devices of NVIDIA's MIG as slices of them.
func Resources(list corev1.ResourceList) pricing.Resources {
	out := pricing.Resources{MilliCPU: list.Cpu().MilliValue(), MemoryBytes: list.Memory().Value()}
	for name, quantity := range list {
		if isGPU(name) {
			out.GPUs += value(quantity)
		} else if slices := pricing.MIGSlices(string(name)); slices > 0 {
			out.GPUSlices += slices * value(quantity)
		}
	}
	return out
}

func value(quantity resource.Quantity) int64 { return quantity.Value() }

func isGPU(name corev1.ResourceName) bool { return strings.HasSuffix(string(name), "/gpu") }

// Request is what a pod asks for: the sum over its containers with init containers and overhead, as the scheduler counts.
func Request(pod *corev1.Pod) pricing.Resources {
	return Resources(workload.Requests(&pod.Spec))
}
