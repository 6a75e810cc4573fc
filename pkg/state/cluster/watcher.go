package cluster

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/admission"
	"tradewind.dev/tradewind/pkg/kube/loop"
	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/state"
	"tradewind.dev/tradewind/pkg/state/informers"
)

const (
	// settle is how long a change waits for others that come with it.
	settle = 200 * time.Millisecond
	// rush is how long one of policies, prices or round-trip times waits, which people look at: long enough for objects that are
	// applied together to be seen together.
	rush = 10 * time.Millisecond
	// rest is how many times as long as an observation took it rests after it, so that observing takes at most a fifth of
	// one processor however large the cluster is; rushRest is the same before one of a rushed change, which takes at most half.
	rest     = 4
	rushRest = 1
	// retryInterval is how long a failed observation waits before it is tried again.
	retryInterval = 2 * time.Second
	// readInterval is how often is looked whether everything has been read, warnInterval how often a log says that it
	// has not.
	readInterval = 50 * time.Millisecond
	warnInterval = 10 * time.Second
	// ageInterval is how often samples of LatencyMaps are looked at for their age.
	ageInterval = time.Minute
)

// Observer is told the state of the cluster after changes. Observe is called from one goroutine.
type Observer interface {
	Observe(ctx context.Context, state *State)
}

// Watcher keeps an inventory true and tells observers.
type Watcher struct {
	from      *informers.Objects
	store     *state.Store
	clock     clock.Clock
	observers []Observer
	// loop is pressed by a change of policies, prices or round-trip times.
	loop *loop.Loop
	pods *pods
	// namespaces is the version of the namespaces' labels.
	namespaces atomic.Uint64
	// stale says that policies, prices or round-trip times changed since the world was made.
	stale atomic.Bool
	// admission is what was last told of the admission policies.
	admission atomic.Pointer[admission.State]

	mu    sync.Mutex // over changes of nodes and of the world, which prices them
	nodes map[string]struct{}

	// Only Start uses these.
	objects state.Objects
	ages    bool      // whether a LatencyMap limits the age of its samples
	agesAt  time.Time // when these are looked at, though nothing changes; zero when not
}

// NewWatcher returns a watcher of objects, for observers. options say which further node labels name the cloud.
func NewWatcher(from *informers.Objects, options location.Options, clock clock.Clock, observers ...Observer) (*Watcher, error) {
	world, err := state.NewWorld(state.Objects{}, clock.Now())
	if err != nil {
		return nil, err
	}
	w := &Watcher{
		from: from, store: state.NewStore(world, options), clock: clock, observers: observers,
		loop: loop.New(clock, settle, rush), pods: newPods(), nodes: map[string]struct{}{},
	}
	w.stale.Store(true)
	w.admission.Store(&admission.State{})
	from.Nodes.OnChange(w.node)
	from.Namespaces.OnChange(w.namespace)
	from.Pods.OnChange(w.pod)
	from.PlacementPolicies.OnChange(ruled[*v1alpha1.PlacementPolicy](w))
	from.ClusterPlacementPolicies.OnChange(ruled[*v1alpha1.ClusterPlacementPolicy](w))
	from.PriceLists.OnChange(ruled[*v1alpha1.PriceList](w))
	from.LatencyMaps.OnChange(ruled[*v1alpha1.LatencyMap](w))
	return w, nil
}

func (w *Watcher) signal() { w.loop.Changed() }

// SetAdmission takes note of which admission policies are in force.
func (w *Watcher) SetAdmission(state admission.State) {
	w.admission.Store(&state)
	w.signal()
}

func (w *Watcher) node(before, after *corev1.Node) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if after == nil {
		w.store.DeleteNode(before.Name)
		delete(w.nodes, before.Name)
		w.signal()
		return
	}
	known, existed := w.store.NodeNamed(after.Name)
	w.store.SetNode(after)
	w.nodes[after.Name] = struct{}{}
	if now, ok := w.store.NodeNamed(after.Name); ok && existed && now.Class == known.Class && now.Price == known.Price {
		return
	}
	w.signal()
}

func (w *Watcher) namespace(before, after *corev1.Namespace) {
	if after == nil {
		w.store.DeleteNamespace(before.Name)
		w.namespaces.Add(1)
		w.signal()
		return
	}
	w.store.SetNamespace(after)
	if before == nil || !maps.Equal(before.Labels, after.Labels) {
		w.namespaces.Add(1)
		w.signal()
	}
}

func (w *Watcher) pod(before, after *corev1.Pod) {
	if after == nil {
		if w.pods.remove(before.UID) {
			w.signal()
		}
		return
	}
	if before != nil {
		if alike(before, after) {
			return
		}
		if before.UID != after.UID && w.pods.remove(before.UID) {
			w.signal()
		}
	}
	if w.pods.set(after) {
		w.signal()
	}
}

// ruled takes note of a policy, price list or latency map. A change of its status changes nothing here.
func ruled[T client.Object](w *Watcher) func(before, after T) {
	return func(before, after T) {
		var none T
		if any(before) == any(none) || any(after) == any(none) || before.GetUID() != after.GetUID() || before.GetGeneration() != after.GetGeneration() {
			w.invalidate()
		}
	}
}

func (w *Watcher) invalidate() {
	w.stale.Store(true)
	w.loop.Press()
}

// Start tells the observers the state of the cluster, once all objects have been read and after changes, until the context ends.
func (w *Watcher) Start(ctx context.Context) error {
	w.waitUntilRead(ctx)
	w.loop.Run(ctx, w.observe)
	return nil
}

// observe tells the observers the state.
func (w *Watcher) observe(ctx context.Context) loop.Next {
	began := w.clock.Now()
	if !w.agesAt.IsZero() && !began.Before(w.agesAt) {
		w.stale.Store(true)
		w.agesAt = time.Time{}
	}
	pause := time.Duration(0)
	state, err := w.state()
	if err != nil {
		klog.FromContext(ctx).Error(err, "Reading policies, prices and round-trip times failed; statuses stay as they are")
		pause = retryInterval
		w.invalidate()
	} else {
		for _, observer := range w.observers {
			observer.Observe(ctx, state)
		}
	}
	now := w.clock.Now()
	took := now.Sub(began)
	switch {
	case !w.ages:
		w.agesAt = time.Time{}
	case w.agesAt.IsZero():
		w.agesAt = now.Add(ageInterval)
	}
	return loop.Next{At: w.agesAt, NotBefore: now.Add(max(pause, rest*took)), PressedNotBefore: now.Add(max(pause, rushRest*took))}
}

// waitUntilRead returns when all objects have been read, or the context has ended.
func (w *Watcher) waitUntilRead(ctx context.Context) {
	began := w.clock.Now()
	warned := began
	for unread := w.from.Unread(); len(unread) > 0 && ctx.Err() == nil; unread = w.from.Unread() {
		if now := w.clock.Now(); now.Sub(warned) >= warnInterval {
			warned = now
			klog.FromContext(ctx).Info("Objects have not been read yet; may the controller list and watch them?",
				"kinds", unread, "waited", now.Sub(began).Round(time.Second))
		}
		select {
		case <-ctx.Done():
		case <-w.clock.After(readInterval):
		}
	}
}

// state puts a new world in force where it is stale, and says how the cluster is.
func (w *Watcher) state() (*State, error) {
	if w.stale.Swap(false) {
		if err := w.rebuild(); err != nil {
			w.stale.Store(true)
			return nil, err
		}
	}
	world := w.store.World()
	return &State{
		Time: w.clock.Now(), World: world, Objects: w.objects, Nodes: w.nodeGroups(),
		Pods:       w.pods.underRules(w.store, world, w.namespaces.Load()),
		Namespaces: w.store.NamespaceLabels(), Admission: *w.admission.Load(),
	}, nil
}

func (w *Watcher) rebuild() error {
	objects := w.from.Rules()
	world, err := w.store.World().Next(objects, w.clock.Now())
	if err != nil {
		return err
	}
	w.objects, w.ages = objects, slices.ContainsFunc(objects.LatencyMaps, func(m v1alpha1.LatencyMap) bool { return m.Spec.MaxAge != nil })
	w.mu.Lock()
	defer w.mu.Unlock()
	w.store.SetWorld(world)
	return nil
}

func (w *Watcher) nodeGroups() []NodeGroup {
	w.mu.Lock()
	names := slices.Sorted(maps.Keys(w.nodes)) // sorted, so that sums of prices come out the same each time
	w.mu.Unlock()
	type groupKey struct {
		class               int
		windows, priceKnown bool
		source              string
	}
	groups := map[groupKey]*NodeGroup{}
	for _, name := range names {
		node, ok := w.store.NodeNamed(name)
		if !ok {
			continue
		}
		key := groupKey{node.Class.ID, node.Windows, node.Price.Known, node.Price.Source}
		group, ok := groups[key]
		if !ok {
			group = &NodeGroup{Class: node.Class, Windows: node.Windows, PriceKnown: node.Price.Known, PriceSource: node.Price.Source}
			groups[key] = group
		}
		group.Count++
		if node.Price.Known {
			group.HourlyUSD += node.Price.USD
		}
	}
	out := make([]NodeGroup, 0, len(groups))
	for _, group := range groups {
		out = append(out, *group)
	}
	slices.SortFunc(out, func(a, b NodeGroup) int {
		first := func(b bool) int {
			if b {
				return 0
			}
			return 1
		}
		return cmp.Or(cmp.Compare(a.Class.ID, b.Class.ID), first(a.PriceKnown)-first(b.PriceKnown), first(!a.Windows)-first(!b.Windows),
			cmp.Compare(a.PriceSource, b.PriceSource))
	})
	return out
}
