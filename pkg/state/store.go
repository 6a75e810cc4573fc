package state

import (
	"hash/maphash"
	"maps"
	"sync"
	"sync/atomic"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"

	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/rules"
)

// Store holds the facts. Every method is safe for concurrent use; readers take no lock but the one on the counts of replicas.
type Store struct {
	options location.Options
	classes *classes
	nodes   sync.Map // node name → *Node
	// priced counts the changes of nodes' classes and prices.
	priced    atomic.Uint64
	index     index
	workloads workloads
	*Storage
	// placements are the plan as the scheduler follows it.
	placements placements
	namespace  sync.Map // name → labels.Set
	// onNamespace are called after a namespace was read or has other labels.
	onNamespace listeners[NamespaceChange]
	world       atomic.Pointer[World]
}

// NewStore returns an empty store over a world. options say which further node labels name the cloud.
func NewStore(world *World, options location.Options) *Store {
	s := &Store{options: options, classes: world.classes, index: index{seed: maphash.MakeSeed()}, Storage: NewStorage(options)}
	s.workloads.init(s)
	s.world.Store(world)
	return s
}

// World returns what is in force now.
func (s *Store) World() *World { return s.world.Load() }

// SetWorld puts another world in force, and prices every node anew where its prices are others. The world must not have been
// asked for a class before, unless it is a Next of one that is in force here: from now on its classes are the store's.
func (s *Store) SetWorld(world *World) {
	if world.classes != s.classes { // not written again once it is shared
		world.classes = s.classes
	}
	if before := s.world.Swap(world); before.Prices == world.Prices {
		return
	}
	s.nodes.Range(func(_, known any) bool {
		s.priceAnew(world, known.(*Node))
		return true
	})
}

// SetOptions says which further node labels name the cloud, from now on. Set them before objects arrive.
func (s *Store) SetOptions(options location.Options) { s.options, s.Storage.options = options, options }

// NamespaceChange is a namespace that was read for the first time, or has other labels than before.
type NamespaceChange struct {
	Name string
	// Known is false when it was not known before.
	Known         bool
	Before, After labels.Set
}

// SetNamespace records a namespace's labels.
func (s *Store) SetNamespace(object *corev1.Namespace) {
	change := NamespaceChange{Name: object.Name, After: object.Labels}
	if before, known := s.namespace.Swap(object.Name, change.After); known {
		change.Known, change.Before = true, before.(labels.Set)
	}
	if !change.Known || !maps.Equal(change.Before, change.After) {
		s.onNamespace.tell(change)
	}
}

// OnNamespace calls a function whenever a namespace was read for the first time, or has other labels. Listeners are not taken
// away.
func (s *Store) OnNamespace(listener func(NamespaceChange)) { s.onNamespace.add(listener) }

// DeleteNamespace forgets a namespace.
func (s *Store) DeleteNamespace(name string) { s.namespace.Delete(name) }

// NamespaceLabels returns the labels of all namespaces, by name. The labels must not be changed.
func (s *Store) NamespaceLabels() map[string]labels.Set {
	out := map[string]labels.Set{}
	s.namespace.Range(func(name, set any) bool {
		out[name.(string)] = set.(labels.Set)
		return true
	})
	return out
}

// Rules returns the rules for a pod. ok is false when a policy selects namespaces by their labels and those of the pod's
// namespace are not known yet: then nothing may be decided.
func (s *Store) Rules(pod *corev1.Pod) (rules *rules.Rules, ok bool) {
	return s.RulesIn(s.World(), pod)
}

// RulesIn is Rules in another world than the one in force.
func (s *Store) RulesIn(world *World, pod *corev1.Pod) (rules *rules.Rules, ok bool) {
	var namespaceLabels labels.Set
	if loaded, known := s.namespace.Load(pod.Namespace); known {
		namespaceLabels = loaded.(labels.Set)
	} else if world.Policies.SelectsNamespaces() {
		return nil, false
	}
	return world.Rules(pod.Namespace, namespaceLabels, pod.Labels), true
}
