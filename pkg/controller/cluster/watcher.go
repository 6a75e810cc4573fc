package cluster

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/admission"
	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/state"
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
	store     *state.Store
	clock     clock.WithTicker
	observers []Observer
	sources   []informed
	// changed signals a change that may wait for others, rushed one of policies, prices or round-trip times.
	changed, rushed chan struct{}
	pods            *pods
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
	ages    bool // whether a LatencyMap limits the age of its samples
}

// informed is a kind of objects that the watcher is fed with.
type informed struct {
	kind   string
	synced toolscache.InformerSynced
}

// NewWatcher returns a watcher for observers. options say which further node labels name the cloud.
func NewWatcher(options location.Options, clock clock.WithTicker, observers ...Observer) (*Watcher, error) {
	world, err := state.NewWorld(state.Objects{}, clock.Now())
	if err != nil {
		return nil, err
	}
	w := &Watcher{
		store: state.NewStore(world, options), clock: clock, observers: observers,
		changed: make(chan struct{}, 1), rushed: make(chan struct{}, 1), pods: newPods(), nodes: map[string]struct{}{},
	}
	w.stale.Store(true)
	w.admission.Store(&admission.State{})
	return w, nil
}

func (w *Watcher) signal() {
	select {
	case w.changed <- struct{}{}:
	default:
	}
}

// SetAdmission takes note of which admission policies are in force.
func (w *Watcher) SetAdmission(state admission.State) {
	w.admission.Store(&state)
	w.signal()
}

// Watch feeds the watcher from a cache made with CacheOptions. The CRDs of Tradewind must be installed.
func (w *Watcher) Watch(ctx context.Context, objects cache.Cache) error {
	feeds := map[client.Object]toolscache.ResourceEventHandler{
		&corev1.Node{}:      typed(w.setNode, w.deleteNode),
		&corev1.Namespace{}: typed(w.setNamespace, w.deleteNamespace),
		&corev1.Pod{}:       typed(w.setPod, w.deletePod),
	}
	for _, kind := range []client.Object{
		&v1alpha1.PlacementPolicy{}, &v1alpha1.ClusterPlacementPolicy{}, &v1alpha1.PriceList{}, &v1alpha1.LatencyMap{},
	} {
		feeds[kind] = typed(w.setRules, func(client.Object) { w.invalidate() })
	}
	for kind, handler := range feeds {
		name := strings.ToLower(reflect.TypeOf(kind).Elem().Name())
		informer, err := objects.GetInformer(ctx, kind, cache.BlockUntilSynced(false))
		if err != nil {
			return fmt.Errorf("watch %s objects: %w", name, err)
		}
		registration, err := informer.AddEventHandler(handler)
		if err != nil {
			return fmt.Errorf("watch %s objects: %w", name, err)
		}
		w.sources = append(w.sources, informed{name, registration.HasSynced})
	}
	return nil
}

// Unread are the kinds of objects that have not been read yet; none once the watcher is ready.
func (w *Watcher) Unread() []string {
	var kinds []string
	for _, source := range w.sources {
		if !source.synced() {
			kinds = append(kinds, source.kind)
		}
	}
	slices.Sort(kinds)
	return kinds
}

// typed makes an event handler. before is nil for an object that was added. An object whose deletion was missed arrives
// inside a tombstone.
func typed[T client.Object](set func(before, after T), remove func(T)) toolscache.ResourceEventHandler {
	return toolscache.ResourceEventHandlerFuncs{
		AddFunc: func(object any) {
			if after, ok := object.(T); ok {
				var none T
				set(none, after)
			}
		},
		UpdateFunc: func(old, object any) {
			before, okBefore := old.(T)
			if after, ok := object.(T); ok && okBefore {
				set(before, after)
			}
		},
		DeleteFunc: func(object any) {
			if tombstone, ok := object.(toolscache.DeletedFinalStateUnknown); ok {
				object = tombstone.Obj
			}
			if gone, ok := object.(T); ok {
				remove(gone)
			}
		},
	}
}

func (w *Watcher) setNode(_, after *corev1.Node) {
	w.mu.Lock()
	defer w.mu.Unlock()
	known, existed := w.store.NodeNamed(after.Name)
	w.store.SetNode(after)
	w.nodes[after.Name] = struct{}{}
	if now, ok := w.store.NodeNamed(after.Name); ok && existed && now.Class == known.Class && now.Price == known.Price {
		return
	}
	w.signal()
}

func (w *Watcher) deleteNode(node *corev1.Node) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.store.DeleteNode(node.Name)
	delete(w.nodes, node.Name)
	w.signal()
}

func (w *Watcher) setNamespace(before, after *corev1.Namespace) {
	w.store.SetNamespace(after)
	if before == nil || !maps.Equal(before.Labels, after.Labels) {
		w.namespaces.Add(1)
		w.signal()
	}
}

func (w *Watcher) deleteNamespace(namespace *corev1.Namespace) {
	w.store.DeleteNamespace(namespace.Name)
	w.namespaces.Add(1)
	w.signal()
}

func (w *Watcher) setPod(before, after *corev1.Pod) {
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

func (w *Watcher) deletePod(pod *corev1.Pod) {
	if w.pods.remove(pod.UID) {
		w.signal()
	}
}

// setRules takes note of a policy, price list or latency map. A change of its status changes nothing here.
func (w *Watcher) setRules(before, after client.Object) {
	if before == nil || before.GetUID() != after.GetUID() || before.GetGeneration() != after.GetGeneration() {
		w.invalidate()
	}
}

func (w *Watcher) invalidate() {
	w.stale.Store(true)
	select {
	case w.rushed <- struct{}{}:
	default:
	}
}

// Start tells the observers the state of the cluster, at once and after changes, until the context ends. reader reads
// Tradewind's objects from the cache that was given to Watch.
func (w *Watcher) Start(ctx context.Context, reader client.Reader) error {
	w.waitUntilRead(ctx)
	for ctx.Err() == nil {
		began := w.clock.Now()
		pause := time.Duration(0)
		state, err := w.state(ctx, reader)
		if err != nil {
			klog.FromContext(ctx).Error(err, "Reading policies, prices and round-trip times failed; statuses stay as they are")
			pause = retryInterval
			w.invalidate()
		} else {
			for _, observer := range w.observers {
				observer.Observe(ctx, state)
			}
		}
		w.wait(ctx, w.clock.Since(began), pause)
	}
	return nil
}

// waitUntilRead returns when all objects have been read, or the context has ended.
func (w *Watcher) waitUntilRead(ctx context.Context) {
	began := w.clock.Now()
	warned := began
	for unread := w.Unread(); len(unread) > 0 && ctx.Err() == nil; unread = w.Unread() {
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

// wait returns once a change has settled, or when samples may have become too old. It rests after an observation that took so
// long, and at least for a pause.
func (w *Watcher) wait(ctx context.Context, took, pause time.Duration) {
	began := w.clock.Now()
	var aged <-chan time.Time
	if w.ages {
		aged = w.clock.After(ageInterval)
	}
	rushed := false
	select {
	case <-ctx.Done():
		return
	case <-w.changed:
	case <-w.rushed:
		rushed = true
	case <-aged:
		w.stale.Store(true)
	}
	after := func(settle time.Duration, rest time.Duration) <-chan time.Time {
		return w.clock.After(max(settle, max(pause, rest*took)-w.clock.Since(began)))
	}
	if !rushed {
		select {
		case <-ctx.Done():
			return
		case <-w.rushed:
		case <-after(settle, rest):
			return
		}
	}
	select {
	case <-ctx.Done():
	case <-after(rush, rushRest):
	}
}

// state puts a new world in force where it is stale, and says how the cluster is.
func (w *Watcher) state(ctx context.Context, reader client.Reader) (*State, error) {
	for _, channel := range []chan struct{}{w.changed, w.rushed} { // what was signalled until now is seen below
		select {
		case <-channel:
		default:
		}
	}
	if w.stale.Swap(false) {
		if err := w.rebuild(ctx, reader); err != nil {
			w.stale.Store(true)
			return nil, err
		}
	}
	world := w.store.World()
	return &State{
		World: world, Objects: w.objects, Nodes: w.nodeGroups(),
		Pods:       w.pods.underRules(w.store, world, w.namespaces.Load()),
		Namespaces: w.store.NamespaceLabels(), Admission: *w.admission.Load(),
	}, nil
}

func (w *Watcher) rebuild(ctx context.Context, reader client.Reader) error {
	objects, err := state.ReadObjects(ctx, reader)
	if err != nil {
		return err
	}
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
		class      int
		priceKnown bool
	}
	groups := map[groupKey]*NodeGroup{}
	for _, name := range names {
		node, ok := w.store.NodeNamed(name)
		if !ok {
			continue
		}
		key := groupKey{node.Class.ID, node.Price.Known}
		group, ok := groups[key]
		if !ok {
			group = &NodeGroup{Class: node.Class, PriceKnown: node.Price.Known}
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
		known := 0
		if a.PriceKnown != b.PriceKnown {
			known = 1
			if a.PriceKnown {
				known = -1
			}
		}
		return cmp.Or(cmp.Compare(a.Class.ID, b.Class.ID), known)
	})
	return out
}
