package state

import (
	"context"
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/kube/loop"
)

// follower feeds a Live from a cluster.
type follower struct {
	live   *Live
	clock  clock.Clock
	synced []toolscache.InformerSynced // of the core objects' handlers
	loop   *loop.Loop
	// read says that Tradewind's objects have been in force once.
	read bool
	// samplesAge says whether any LatencyMap limits the age of its samples.
	samplesAge bool
}

// policyObjects are the kinds of Tradewind's own objects that a World is made from.
func policyObjects() []client.Object {
	return []client.Object{
		&v1alpha1.PlacementPolicy{}, &v1alpha1.ClusterPlacementPolicy{}, &v1alpha1.PriceList{}, &v1alpha1.LatencyMap{},
	}
}

// Follow feeds the store by the factory's informers for core objects and by watches of its own for Tradewind's objects, until
// the context ends. It returns at once; Ready says when everything has been read. Until Tradewind's CRDs are installed it
// keeps trying, and the store is not ready.
func (l *Live) Follow(ctx context.Context, config *rest.Config, factory informers.SharedInformerFactory, clock clock.Clock) error {
	f := &follower{live: l, clock: clock, loop: loop.New(clock, 0, 0)}
	for _, feed := range []struct {
		informer toolscache.SharedIndexInformer
		handler  toolscache.ResourceEventHandler
	}{
		{factory.Core().V1().Nodes().Informer(), l.nodeHandler()},
		{factory.Core().V1().Namespaces().Informer(), l.namespaceHandler()},
		{factory.Core().V1().PersistentVolumeClaims().Informer(), l.ClaimHandler()},
		{factory.Core().V1().PersistentVolumes().Informer(), l.VolumeHandler()},
		{factory.Storage().V1().StorageClasses().Informer(), l.StorageClassHandler()},
		{factory.Apps().V1().ReplicaSets().Informer(), l.controllerHandler()},
		{factory.Apps().V1().StatefulSets().Informer(), l.controllerHandler()},
		{factory.Core().V1().ReplicationControllers().Informer(), l.controllerHandler()},
		{factory.Batch().V1().Jobs().Informer(), l.controllerHandler()},
		{factory.Core().V1().Pods().Informer(), l.podHandler()},
	} {
		registration, err := feed.informer.AddEventHandler(feed.handler)
		if err != nil {
			return fmt.Errorf("watch for the state: %w", err)
		}
		f.synced = append(f.synced, registration.HasSynced)
	}
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		return fmt.Errorf("register Tradewind's types: %w", err)
	}
	config = rest.CopyConfig(config)
	config.ContentType, config.AcceptContentTypes = runtime.ContentTypeJSON, runtime.ContentTypeJSON
	go f.follow(ctx, config, scheme)
	return nil
}

const (
	retryInterval = 2 * time.Second
	// syncTimeout is how long reading all of Tradewind's objects may take before it is begun anew.
	syncTimeout = 30 * time.Second
	// ageInterval is how often samples of LatencyMaps are looked at for their age.
	ageInterval = time.Minute
)

// follow keeps the world true until the context ends.
func (f *follower) follow(ctx context.Context, config *rest.Config, scheme *runtime.Scheme) {
	var reader client.Reader
	f.loop.Run(ctx, func(ctx context.Context) loop.Next {
		if reader == nil {
			var err error
			if reader, err = f.watch(ctx, config, scheme); err != nil {
				klog.FromContext(ctx).Info("Tradewind's policies cannot be read yet; pods of its profiles wait. Are the CRDs installed (kubectl apply -f deploy/crds)?", "err", err)
				again := f.clock.Now().Add(retryInterval)
				return loop.Next{At: again, NotBefore: again}
			}
		}
		if err := f.rebuild(ctx, reader); err != nil {
			klog.FromContext(ctx).Error(err, "Reading policies, prices and round-trip times failed; the last ones stay in force")
		} else if !f.read {
			f.read = true
			go f.awaitAll(ctx)
		}
		switch now := f.clock.Now(); {
		case !f.read:
			return loop.Next{At: now.Add(retryInterval)}
		case f.samplesAge:
			return loop.Next{At: now.Add(ageInterval)}
		}
		return loop.Next{}
	})
}

// awaitAll says that the store is ready once the core objects have been read as well. A cycle then asks one flag, and not
// every informer behind its locks.
func (f *follower) awaitAll(ctx context.Context) {
	if toolscache.WaitForCacheSync(ctx.Done(), f.synced...) {
		f.live.SetReady()
	}
}

// watch starts watching Tradewind's objects and returns once all have been read.
func (f *follower) watch(ctx context.Context, config *rest.Config, scheme *runtime.Scheme) (_ client.Reader, err error) {
	unsafeDisableDeepCopy := true
	ctx, cancel := context.WithCancel(ctx)
	defer func() {
		if err != nil {
			cancel()
		}
	}()
	objects, err := cache.New(config, cache.Options{
		Scheme: scheme, DefaultUnsafeDisableDeepCopy: &unsafeDisableDeepCopy, DefaultTransform: cache.TransformStripManagedFields(),
		ByObject: map[client.Object]cache.ByObject{&v1alpha1.Placement{}: {Transform: transformPlacement}},
	})
	if err != nil {
		return nil, err
	}
	go func() { _ = objects.Start(ctx) }() // returns when the context ends
	placementsRead, err := f.register(ctx, objects)
	if err != nil {
		return nil, err
	}
	waiting, done := context.WithTimeout(ctx, syncTimeout)
	defer done()
	if !objects.WaitForCacheSync(waiting) || !toolscache.WaitForCacheSync(waiting.Done(), placementsRead) {
		return nil, fmt.Errorf("not all read after %s (the reflector's messages say why)", syncTimeout)
	}
	return objects, nil
}

// transformPlacement keeps of a Placement what the scheduler follows.
func transformPlacement(object any) (any, error) {
	placement, ok := object.(*v1alpha1.Placement)
	if !ok {
		return object, nil
	}
	decisions := make([]v1alpha1.PlacementDecision, len(placement.Status.Decisions))
	for i := range placement.Status.Decisions {
		d := &placement.Status.Decisions[i]
		decisions[i] = v1alpha1.PlacementDecision{
			ClusterName: d.ClusterName, Pool: d.Pool, Cloud: d.Cloud, Region: d.Region, Zone: d.Zone,
			InstanceType: d.InstanceType, CapacityType: d.CapacityType, Replicas: d.Replicas,
		}
	}
	var said []metav1.Condition
	if planned := meta.FindStatusCondition(placement.Status.Conditions, v1alpha1.ConditionPlanned); planned != nil {
		said = []metav1.Condition{{Type: planned.Type, Status: planned.Status}}
	}
	return &v1alpha1.Placement{
		TypeMeta: placement.TypeMeta,
		ObjectMeta: metav1.ObjectMeta{
			Namespace: placement.Namespace, Name: placement.Name, UID: placement.UID, ResourceVersion: placement.ResourceVersion,
		},
		Spec:   placement.Spec,
		Status: v1alpha1.PlacementStatus{Replicas: placement.Status.Replicas, Decisions: decisions, Conditions: said},
	}, nil
}

// register watches Tradewind's objects. read says whether the store has all Placements.
func (f *follower) register(ctx context.Context, objects cache.Cache) (read toolscache.InformerSynced, err error) {
	for _, kind := range policyObjects() {
		informer, err := objects.GetInformer(ctx, kind)
		if err != nil {
			return nil, err
		}
		_, err = informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
			AddFunc:    func(any) { f.loop.Changed() },
			DeleteFunc: func(any) { f.loop.Changed() },
			UpdateFunc: func(before, after any) {
				b, okBefore := before.(client.Object)
				a, okAfter := after.(client.Object)
				if !okBefore || !okAfter || b.GetGeneration() != a.GetGeneration() {
					f.loop.Changed()
				}
			},
		})
		if err != nil {
			return nil, err
		}
	}
	informer, err := objects.GetInformer(ctx, &v1alpha1.Placement{})
	if err != nil {
		return nil, err
	}
	registration, err := informer.AddEventHandler(f.live.placementHandler())
	if err != nil {
		return nil, err
	}
	return registration.HasSynced, nil
}

// rebuild reads all objects from the watch's cache and puts them in force.
func (f *follower) rebuild(ctx context.Context, reader client.Reader) error {
	objects, err := readObjects(ctx, reader)
	if err != nil {
		return err
	}
	f.samplesAge = slices.ContainsFunc(objects.LatencyMaps, func(m v1alpha1.LatencyMap) bool { return m.Spec.MaxAge != nil })
	return f.live.PutInForce(objects, f.clock.Now())
}

// readObjects lists the objects that a World is made from.
func readObjects(ctx context.Context, reader client.Reader) (Objects, error) {
	var (
		out      Objects
		policies v1alpha1.PlacementPolicyList
		cluster  v1alpha1.ClusterPlacementPolicyList
		prices   v1alpha1.PriceListList
		maps     v1alpha1.LatencyMapList
	)
	for _, list := range []client.ObjectList{&policies, &cluster, &prices, &maps} {
		if err := reader.List(ctx, list); err != nil {
			return out, fmt.Errorf("list %T: %w", list, err)
		}
	}
	for i := range policies.Items {
		out.PlacementPolicies = append(out.PlacementPolicies, &policies.Items[i])
	}
	for i := range cluster.Items {
		out.ClusterPlacementPolicies = append(out.ClusterPlacementPolicies, &cluster.Items[i])
	}
	out.PriceLists, out.LatencyMaps = prices.Items, maps.Items
	return out, nil
}
