package state

import (
	"slices"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"tradewind.dev/tradewind/pkg/pricing"
	"tradewind.dev/tradewind/pkg/rules"
	"tradewind.dev/tradewind/pkg/workload"
)

// group counts the replicas of a revision or a workload.
type group struct {
	view *rules.View // immutable; replaced when a replica is placed or goes
	// members are all live pods, placed or not; declared is what the controller wants, -1 when it does not say.
	members, declared int
	hosts             map[string]int // replicas by the name of their node
}

func (g *group) current() *rules.View {
	view := *g.view
	if view.Desired = g.declared; g.declared < 0 {
		view.Desired = g.members
	}
	return &view
}

func (g *group) apply(e *entry, delta int) {
	g.members += delta
	if e.class == nil {
		return
	}
	hosts := 0
	switch g.hosts[e.node] += delta; {
	case g.hosts[e.node] == 0:
		hosts = -1
		delete(g.hosts, e.node)
	case delta > 0 && g.hosts[e.node] == 1:
		hosts = 1
	}
	g.view = g.view.With(e.class, delta, float64(delta)*e.usd, hosts)
}

// entry is one live pod. It is immutable.
type entry struct {
	request  pricing.Resources
	workload workload.Key // of any kind
	revision workload.Key
	node     string
	class    *rules.Class // nil while the pod has no node, or one that is not known
	usd      float64      // of this replica, US dollars an hour; 0 when the price is unknown
	// generation is that of the pod's spec: resizing it raises it.
	generation int64
	assumed    bool // placed by the scheduler, not yet seen as such
	made       bool // made by Assume before the pod was seen
}

// workloads counts replicas. One lock guards them: a cycle takes it a few times, for about as long as an atomic map takes to
// find something, and what is counted cannot come apart.
type workloads struct {
	store     *Store
	mu        sync.RWMutex
	pods      map[types.UID]*entry
	workloads groups // by name, of any kind: what is called is named so
	revisions groups
	// byNode are the pods on each node, by its name, and bySet those of each ReplicaSet, which may get another owner.
	byNode podsBy[string]
	bySet  podsBy[workload.Key]
	// owners are the workloads of ReplicaSets, by the ReplicaSet's key.
	owners sync.Map
	// onDesired are called after a revision wants another number of replicas.
	onDesired listeners[workload.Key]
	onOwner   listeners[OwnerChange]
}

func (w *workloads) init(store *Store) {
	w.store, w.pods, w.workloads, w.revisions = store, map[types.UID]*entry{}, groups{}, groups{}
	w.byNode, w.bySet = podsBy[string]{}, podsBy[workload.Key]{}
}

// podsBy finds pods by what they are on, or of. Those that are on or of nothing, the zero value, are left out.
type podsBy[K comparable] map[K]map[types.UID]struct{}

func (p podsBy[K]) move(uid types.UID, from, to K) {
	if from == to {
		return
	}
	var nothing K
	if from != nothing {
		if delete(p[from], uid); len(p[from]) == 0 {
			delete(p, from)
		}
	}
	if to != nothing {
		if p[to] == nil {
			p[to] = map[types.UID]struct{}{}
		}
		p[to][uid] = struct{}{}
	}
}

// groups are groups by their key.
type groups map[workload.Key]*group

func (g groups) of(key workload.Key) *group {
	known, ok := g[key]
	if !ok {
		known = &group{view: &rules.View{}, declared: -1, hosts: map[string]int{}}
		g[key] = known
	}
	return known
}

// count adds an entry to its group, or takes it away, and forgets a group that has neither pods nor a controller.
func (g groups) count(key workload.Key, e *entry, delta int) {
	g.of(key).apply(e, delta)
	g.drop(key)
}

func (g groups) drop(key workload.Key) {
	if known, ok := g[key]; ok && known.members == 0 && known.declared < 0 {
		delete(g, key)
	}
}

// Workload returns where the replicas of all workloads of a key's name are, over all their revisions; nil when there is none.
func (s *Store) Workload(key workload.Key) *rules.View {
	w := &s.workloads
	w.mu.RLock()
	defer w.mu.RUnlock()
	if known, ok := w.workloads[key.AnyKind()]; ok {
		return known.current()
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
	w := &s.workloads
	w.mu.RLock()
	defer w.mu.RUnlock()
	if known, ok := w.revisions[key]; ok {
		return known.current()
	}
	return &rules.View{}
}

func (w *workloads) entryFor(pod *corev1.Pod, node string) *entry {
	e := &entry{request: Request(pod), workload: w.store.WorkloadOf(pod).AnyKind(), revision: workload.Revision(pod), generation: pod.Generation}
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

// on is the node of a pod, set the ReplicaSet that controls it. Of none they are empty.
func (e *entry) on() string {
	if e == nil {
		return ""
	}
	return e.node
}

func (e *entry) set() workload.Key {
	if e == nil || e.revision.Kind != workload.ReplicaSet {
		return workload.Key{}
	}
	return e.revision
}

// exchange replaces what is known of a pod and moves the counts by the difference.
func (w *workloads) exchange(uid types.UID, next func(before *entry) *entry) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.replace(uid, next)
}

// replace is exchange for who holds the lock.
func (w *workloads) replace(uid types.UID, next func(before *entry) *entry) {
	before := w.pods[uid]
	after := next(before)
	if after == before {
		return
	}
	w.byNode.move(uid, before.on(), after.on())
	w.bySet.move(uid, before.set(), after.set())
	if after == nil {
		delete(w.pods, uid)
	} else {
		w.pods[uid] = after
		w.count(after, 1)
	}
	if before != nil {
		w.count(before, -1)
	}
}

func (w *workloads) count(e *entry, delta int) {
	w.workloads.count(e.workload, e, delta)
	w.revisions.count(e.revision, e, delta)
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
		if before != nil && !before.assumed && before.node == pod.Spec.NodeName && before.generation == pod.Generation &&
			before.revision == workload.Revision(pod) { // a controller lets a pod go whose labels no longer match
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

// nodeChanged counts the pods of a node anew, also those that were seen before it or that were there when it had its name from another.
func (w *workloads) nodeChanged(node *Node) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for uid := range w.byNode[node.Name] {
		w.resettle(uid)
	}
}

// resettle counts a pod anew where its node is now. The caller holds the lock.
func (w *workloads) resettle(uid types.UID) {
	w.replace(uid, func(before *entry) *entry {
		after := w.settled(before, before.node)
		after.assumed, after.made = before.assumed, before.made
		return after
	})
}

// settled is the entry of the same pod on a node.
func (w *workloads) settled(e *entry, node string) *entry {
	out := &entry{request: e.request, workload: e.workload, revision: e.revision, generation: e.generation}
	out.settle(w.store, node)
	return out
}

// OwnerChange is a ReplicaSet whose replicas are another workload's than they were counted as.
type OwnerChange struct {
	Set workload.Key
	// Workloads are those that have fewer replicas now, and the one that has more; of any kind.
	Workloads []workload.Key
}

// setOwner records whose a ReplicaSet is. Its replicas are that workload's from now on, also those that were seen before: a Deployment may
// let go a ReplicaSet with its pods, and another may take it, and pods say only which ReplicaSet controls them.
func (s *Store) setOwner(set, of workload.Key) {
	w := &s.workloads
	if before, known := w.owners.Swap(set, of); known && before == of {
		return
	}
	of = of.AnyKind()
	change := OwnerChange{Set: set, Workloads: []workload.Key{of}}
	w.mu.Lock()
	for uid := range w.bySet[set] {
		w.replace(uid, func(before *entry) *entry {
			if before.workload == of {
				return before
			}
			if !slices.Contains(change.Workloads, before.workload) {
				change.Workloads = append(change.Workloads, before.workload)
			}
			after := *before
			after.workload = of
			return &after
		})
	}
	w.mu.Unlock()
	if len(change.Workloads) > 1 {
		w.onOwner.tell(change)
	}
}

// OnOwner calls a function whenever the replicas of a ReplicaSet turn out to be another workload's. Add listeners before objects arrive;
// they are not taken away.
func (s *Store) OnOwner(listener func(OwnerChange)) { s.workloads.onOwner.add(listener) }

// setDesired records how many replicas a controller wants.
func (s *Store) setDesired(key workload.Key, replicas int) {
	w := &s.workloads
	w.mu.Lock()
	changed := w.revisions.of(key)
	matters := changed.declared != replicas && changed.members > 0
	changed.declared = replicas
	w.mu.Unlock()
	if matters {
		w.onDesired.tell(key)
	}
}

// OnDesired calls a function whenever a revision that has pods wants another number of replicas, so that pods can be
// tried again that were held back because the scheduler had heard of them before it heard of that number. Add listeners
// before objects arrive; they are not taken away.
func (s *Store) OnDesired(listener func(workload.Key)) { s.workloads.onDesired.add(listener) }

// deleteDesired forgets a controller.
func (s *Store) deleteDesired(key workload.Key) {
	w := &s.workloads
	w.mu.Lock()
	defer w.mu.Unlock()
	if known, ok := w.revisions[key]; ok {
		known.declared = -1
		w.revisions.drop(key)
	}
}
