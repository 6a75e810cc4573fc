package state

import (
	"sync"
	"sync/atomic"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"tradewind.dev/tradewind/pkg/pricing"
	"tradewind.dev/tradewind/pkg/rules"
	"tradewind.dev/tradewind/pkg/workload"
)

// group counts the replicas of a revision or a workload. Writers exchange the view by compare-and-swap.
type group struct {
	key  workload.Key
	view atomic.Pointer[rules.View]
	// members are all live pods, placed or not; declared is what the controller wants, -1 when it does not say.
	members, declared atomic.Int64
	hosts             sync.Map // node name → *atomic.Int64
}

func newGroup(key workload.Key) *group {
	g := &group{key: key}
	g.declared.Store(-1)
	g.view.Store(&rules.View{})
	return g
}

func (g *group) current() *rules.View {
	view := *g.view.Load()
	if declared := g.declared.Load(); declared >= 0 {
		view.Desired = int(declared)
	} else {
		view.Desired = int(g.members.Load())
	}
	return &view
}

func (g *group) apply(e *entry, delta int) {
	g.members.Add(int64(delta))
	if e.class == nil {
		return
	}
	counter, ok := g.hosts.Load(e.node)
	if !ok {
		counter, _ = g.hosts.LoadOrStore(e.node, &atomic.Int64{})
	}
	now := counter.(*atomic.Int64).Add(int64(delta))
	hosts := 0
	if delta > 0 && now == 1 {
		hosts = 1
	} else if delta < 0 && now == 0 {
		hosts = -1
	}
	for {
		view := g.view.Load()
		if g.view.CompareAndSwap(view, view.With(e.class, delta, float64(delta)*e.usd, hosts)) {
			return
		}
	}
}

// entry is one live pod. It is immutable.
type entry struct {
	request  pricing.Resources
	workload *group
	revision *group
	node     string
	class    *rules.Class // nil while the pod has no node, or one that is not known
	usd      float64      // of this replica, US dollars an hour; 0 when the price is unknown
	assumed  bool         // placed by the scheduler, not yet seen as such
	made     bool         // made by Assume before the pod was seen
}

// workloads counts replicas. Every method is safe for concurrent use and none locks.
type workloads struct {
	store     *Store
	pods      sync.Map // types.UID → *entry
	workloads groups   // by name, of any kind: what is called is named so
	revisions groups
	// owners are the workloads of ReplicaSets, by the ReplicaSet's key.
	owners sync.Map
	// homeless is how many entries have a node that the store does not know.
	homeless atomic.Int64
	// onDesired are called after a revision wants another number of replicas.
	onDesired listeners[workload.Key]
}

// groups are groups by their key, a workload.Key.
type groups struct{ sync.Map }

func (g *groups) of(key workload.Key) *group {
	if known, ok := g.Load(key); ok {
		return known.(*group)
	}
	known, _ := g.LoadOrStore(key, newGroup(key))
	return known.(*group)
}

// drop forgets a group that has neither pods nor a controller.
func (g *groups) drop(unused *group) {
	if unused.members.Load() == 0 && unused.declared.Load() < 0 {
		g.CompareAndDelete(unused.key, unused)
	}
}

// Workload returns where the replicas of all workloads of a key's name are, over all their revisions; nil when there is none.
func (s *Store) Workload(key workload.Key) *rules.View {
	if known, ok := s.workloads.workloads.Load(key.AnyKind()); ok {
		return known.(*group).current()
	}
	return nil
}

// WorkloadOf is the workload that a pod is a replica of.
func (s *Store) WorkloadOf(pod *corev1.Pod) workload.Key { return workload.Of(pod, s.OwnerOf) }

// OwnerOf is the workload of a ReplicaSet; known is false when the store has not seen it. It is a workload.Owners.
func (s *Store) OwnerOf(namespace, replicaSet string) (of workload.Key, known bool) {
	found, known := s.workloads.owners.Load(workload.Key{Kind: workload.ReplicaSet, Namespace: namespace, Name: replicaSet})
	if !known {
		return workload.Key{}, false
	}
	return found.(workload.Key), true
}

// Revision returns where the replicas of a revision are.
func (s *Store) Revision(key workload.Key) *rules.View {
	if known, ok := s.workloads.revisions.Load(key); ok {
		return known.(*group).current()
	}
	return &rules.View{}
}

func (w *workloads) entryFor(pod *corev1.Pod, node string) *entry {
	e := &entry{
		request: Request(pod), workload: w.workloads.of(w.store.WorkloadOf(pod).AnyKind()), revision: w.revisions.of(workload.Revision(pod)),
	}
	e.settle(w.store, node)
	return e
}

// settle puts the entry on a node.
func (e *entry) settle(store *Store, name string) {
	e.node, e.class, e.usd = name, nil, 0
	if node, ok := store.NodeNamed(name); ok && name != "" {
		e.class = node.Class
		e.usd, _ = node.HourlyUSD(e.request)
	}
}

// exchange replaces what is known of a pod and moves the counts by the difference. Since each replacement is told what
// exactly it replaced, concurrent ones add up.
func (w *workloads) exchange(uid types.UID, next func(before *entry) *entry) {
	for {
		loaded, existed := w.pods.Load(uid)
		var before *entry
		if existed {
			before = loaded.(*entry)
		}
		after := next(before)
		switch {
		case after == before:
			return
		case !existed:
			if _, taken := w.pods.LoadOrStore(uid, after); taken {
				continue
			}
		case after == nil:
			if !w.pods.CompareAndDelete(uid, loaded) {
				continue
			}
		default:
			if !w.pods.CompareAndSwap(uid, loaded, after) {
				continue
			}
		}
		if after != nil {
			w.count(after, 1)
		}
		if before != nil {
			w.count(before, -1)
		}
		return
	}
}

func (w *workloads) count(e *entry, delta int) {
	e.workload.apply(e, delta)
	e.revision.apply(e, delta)
	w.workloads.drop(e.workload)
	w.revisions.drop(e.revision)
	if e.node != "" && e.class == nil {
		w.homeless.Add(int64(delta))
	}
}

// SetPod records a pod that was added or changed. Pods that are terminating or have ended do not count.
func (s *Store) SetPod(pod *corev1.Pod) {
	if !workload.Live(pod) {
		s.DeletePod(pod.UID)
		return
	}
	w := &s.workloads
	w.exchange(pod.UID, func(before *entry) *entry {
		if before != nil && before.assumed && pod.Spec.NodeName == "" {
			return before
		}
		if before != nil && !before.assumed && before.node == pod.Spec.NodeName {
			return before
		}
		return w.entryFor(pod, pod.Spec.NodeName)
	})
}

// DeletePod forgets a pod.
func (s *Store) DeletePod(uid types.UID) {
	s.workloads.exchange(uid, func(*entry) *entry { return nil })
}

// Assume records that the scheduler has chosen a node for a pod, before the cluster says so. To say it again changes nothing.
func (s *Store) Assume(pod *corev1.Pod, node string) {
	w := &s.workloads
	w.exchange(pod.UID, func(before *entry) *entry {
		if before != nil && before.assumed && before.node == node {
			return before
		}
		e := w.entryFor(pod, node)
		e.assumed, e.made = true, before == nil
		return e
	})
}

// Forget takes back Assume.
func (s *Store) Forget(pod *corev1.Pod) {
	w := &s.workloads
	w.exchange(pod.UID, func(before *entry) *entry {
		if before == nil || !before.assumed {
			return before
		}
		if before.made {
			return nil
		}
		return w.settled(before, "")
	})
}

// nodeAppeared gives pods that were seen before their node its class.
func (w *workloads) nodeAppeared(node *Node) {
	if w.homeless.Load() > 0 {
		w.nodeChanged(node)
	}
}

// nodeChanged counts the pods of a node anew.
func (w *workloads) nodeChanged(node *Node) {
	w.pods.Range(func(uid, loaded any) bool {
		if loaded.(*entry).node == node.Name {
			w.resettle(uid.(types.UID))
		}
		return true
	})
}

func (w *workloads) resettle(uid types.UID) {
	w.exchange(uid, func(before *entry) *entry {
		if before == nil {
			return nil
		}
		after := w.settled(before, before.node)
		after.assumed, after.made = before.assumed, before.made
		return after
	})
}

// settled is the entry of the same pod on a node.
func (w *workloads) settled(e *entry, node string) *entry {
	out := &entry{request: e.request, workload: w.workloads.of(e.workload.key), revision: w.revisions.of(e.revision.key)}
	out.settle(w.store, node)
	return out
}

// SetDesired records how many replicas a controller wants.
func (s *Store) SetDesired(key workload.Key, replicas int) {
	changed := s.workloads.revisions.of(key)
	if changed.declared.Swap(int64(replicas)) == int64(replicas) || changed.members.Load() == 0 {
		return
	}
	s.workloads.onDesired.tell(key)
}

// OnDesired calls a function whenever a revision that has pods wants another number of replicas, so that pods can be
// tried again that were held back because the scheduler had heard of them before it heard of that number. Add listeners
// before objects arrive; they are not taken away.
func (s *Store) OnDesired(listener func(workload.Key)) { s.workloads.onDesired.add(listener) }

// DeleteDesired forgets a controller.
func (s *Store) DeleteDesired(key workload.Key) {
	if known, ok := s.workloads.revisions.Load(key); ok {
		known.(*group).declared.Store(-1)
		s.workloads.revisions.drop(known.(*group))
	}
}
