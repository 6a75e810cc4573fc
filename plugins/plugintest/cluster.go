// Package plugintest runs Tradewind's plugins in kube-scheduler's own framework, over the nodes, pods and policies that a
// test describes. Only the watches are left out: the state is fed with the objects themselves.
package plugintest

import (
	"context"
	"slices"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apiruntime "k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/informers"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/events"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/apis/config"
	"k8s.io/kubernetes/pkg/scheduler/apis/config/scheme"
	"k8s.io/kubernetes/pkg/scheduler/backend/cache"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/defaultbinder"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/queuesort"
	"k8s.io/kubernetes/pkg/scheduler/framework/runtime"
	"k8s.io/kubernetes/pkg/scheduler/metrics"
	"k8s.io/utils/clock"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/deploy"
	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/state"
	"tradewind.dev/tradewind/plugins"
	"tradewind.dev/tradewind/plugins/candidates"
	"tradewind.dev/tradewind/plugins/cycle"
)

// Now is when everything happens.
var Now = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

// Cluster is what one profile of a scheduler sees. Its plugins are those of the profile tradewind as it is shipped, unless
// the test changes the profile.
type Cluster struct {
	Framework framework.Framework
	Plugins   map[string]fwk.Plugin
	Live      *state.Live
	// Woken are the pods that were taken out of waiting, by "namespace/name", since the test last emptied it.
	Woken []string
	// Clock is the plugins', and Events are what they say.
	Clock  *Clock
	Events chan string

	t        testing.TB
	objects  state.Objects
	nodes    []*corev1.Node
	pods     []*corev1.Pod
	informer informers.SharedInformerFactory
	snapshot *snapshot
	// factories of the plugins of all profiles.
	factories map[string]cycle.Factory
	// generation of what was put in force last.
	generation int64
}

// snapshot is the scheduler's view of nodes and pods, taken anew for each cycle.
type snapshot struct{ *cache.Snapshot }

// New returns an empty cluster of which everything has been read.
func New(t testing.TB, change ...func(*config.KubeSchedulerProfile)) *Cluster {
	t.Helper()
	c := Unread(t, change...)
	c.inForce()
	c.Live.SetReady()
	return c
}

// Unread is New before anything was read.
func Unread(t testing.TB, change ...func(*config.KubeSchedulerProfile)) *Cluster {
	t.Helper()
	metrics.Register()
	live, err := state.NewLive(location.DefaultOptions(), Now)
	if err != nil {
		t.Fatal(err)
	}
	c := &Cluster{t: t, Live: live, Plugins: map[string]fwk.Plugin{}, snapshot: &snapshot{cache.NewEmptySnapshot()}, Clock: newClock(), Events: make(chan string, 100)}
	profile := shipped(t)
	for _, edit := range change {
		edit(profile)
	}
	c.informer = informers.NewSharedInformerFactory(nil, 0) // never started
	c.factories = plugins.Factories(func(context.Context, fwk.Handle) (*state.Live, error) { return live, nil }, c.Clock)
	c.Framework, err = c.framework(t.Context(), profile, c.Plugins)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Another makes the plugins of one more profile of the same scheduler.
func (c *Cluster) Another(name string, change ...func(*config.KubeSchedulerProfile)) error {
	c.t.Helper()
	profile := shipped(c.t)
	profile.SchedulerName = name
	for _, edit := range change {
		edit(profile)
	}
	_, err := c.framework(c.t.Context(), profile, map[string]fwk.Plugin{})
	return err
}

// framework makes the plugins of a profile, and notes them by name.
func (c *Cluster) framework(ctx context.Context, profile *config.KubeSchedulerProfile, made map[string]fwk.Plugin) (framework.Framework, error) {
	registry := runtime.Registry{queuesort.Name: queuesort.New, defaultbinder.Name: defaultbinder.New}
	for name, factory := range c.factories {
		registry[name] = func(ctx context.Context, args apiruntime.Object, handle fwk.Handle) (fwk.Plugin, error) {
			plugin, err := factory(ctx, args, handle)
			made[name] = plugin
			return plugin, err
		}
	}
	return runtime.NewFramework(ctx, registry, profile,
		runtime.WithInformerFactory(c.informer), runtime.WithSnapshotSharedLister(c.snapshot), runtime.WithPodActivator(c),
		runtime.WithEventRecorder(&events.FakeRecorder{Events: c.Events}), runtime.WithLogger(klog.Logger{}))
}

// shipped is the profile tradewind of the configuration that the scheduler comes with, with no more of Kubernetes' own plugins
// than a profile must have. It does not narrow the nodes, since tests ask about every one of them.
func shipped(t testing.TB) *config.KubeSchedulerProfile {
	t.Helper()
	object, _, err := scheme.Codecs.UniversalDecoder().Decode(deploy.SchedulerConfig, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	profile := object.(*config.KubeSchedulerConfiguration).Profiles[0].DeepCopy()
	ours := plugins.Factories(nil, clock.RealClock{})
	delete(ours, candidates.Name)
	profile.Plugins.PreFilter, profile.Plugins.PostFilter = config.PluginSet{}, config.PluginSet{}
	profile.Plugins.MultiPoint.Enabled = slices.DeleteFunc(profile.Plugins.MultiPoint.Enabled, func(p config.Plugin) bool {
		_, known := ours[p.Name]
		return !known && p.Name != queuesort.Name && p.Name != defaultbinder.Name
	})
	return profile
}

// Activate implements fwk.PodActivator.
func (c *Cluster) Activate(_ klog.Logger, pods map[string]*corev1.Pod) {
	for name := range pods {
		c.Woken = append(c.Woken, name)
	}
	slices.Sort(c.Woken)
}

// inForce puts Tradewind's objects in force.
func (c *Cluster) inForce() {
	c.t.Helper()
	if err := c.Live.PutInForce(c.objects, Now); err != nil {
		c.t.Fatal(err)
	}
}

// Set adds or replaces objects, as informers tell of them.
func (c *Cluster) Set(objects ...any) *Cluster {
	c.t.Helper()
	for _, object := range objects {
		switch typed := object.(type) {
		case *corev1.Node:
			c.nodes = put(c.nodes, typed, func(n *corev1.Node) string { return n.Name })
			c.Live.SetNode(typed)
		case *corev1.Pod:
			c.pods = put(c.pods, typed, func(p *corev1.Pod) string { return string(p.UID) })
			c.Listed(typed).Live.SetPod(typed)
		case *corev1.Namespace:
			c.Live.SetNamespace(typed)
		case *appsv1.ReplicaSet:
			c.Live.SetController(typed)
		case *batchv1.Job:
			c.Live.SetController(typed)
		case *corev1.PersistentVolumeClaim:
			c.Listed(typed).Live.SetClaim(typed)
		case *corev1.PersistentVolume:
			c.Listed(typed).Live.SetVolume(typed)
		case *storagev1.StorageClass:
			c.Listed(typed).Live.SetStorageClass(typed)
		case *v1alpha1.Placement:
			c.Live.SetPlacement(typed)
		default:
			c.t.Fatalf("the state is not fed with %T", object)
		}
	}
	return c
}

// Listed adds or replaces objects in the scheduler's informers, of which the state has not heard yet.
func (c *Cluster) Listed(objects ...any) *Cluster {
	c.t.Helper()
	core := c.informer.Core().V1()
	for _, object := range objects {
		var informer toolscache.SharedIndexInformer
		switch object.(type) {
		case *corev1.Pod:
			informer = core.Pods().Informer()
		case *corev1.PersistentVolumeClaim:
			informer = core.PersistentVolumeClaims().Informer()
		case *corev1.PersistentVolume:
			informer = core.PersistentVolumes().Informer()
		case *storagev1.StorageClass:
			informer = c.informer.Storage().V1().StorageClasses().Informer()
		default:
			c.t.Fatalf("the informers of a test do not list %T", object)
		}
		if err := informer.GetIndexer().Add(object); err != nil {
			c.t.Fatal(err)
		}
	}
	return c
}

// Delete takes pods away.
func (c *Cluster) Delete(pods ...*corev1.Pod) *Cluster {
	for _, pod := range pods {
		c.pods = slices.DeleteFunc(c.pods, func(known *corev1.Pod) bool { return known.UID == pod.UID })
		c.Live.DeletePod(pod.UID)
	}
	return c
}

func put[T any](all []T, object T, name func(T) string) []T {
	if i := slices.IndexFunc(all, func(known T) bool { return name(known) == name(object) }); i >= 0 {
		all[i] = object
		return all
	}
	return append(all, object)
}
