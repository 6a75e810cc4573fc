package kubefilters

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/client-go/informers"
	resourceslicetracker "k8s.io/dynamic-resource-allocation/resourceslice/tracker"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/features"
	schedulercache "k8s.io/kubernetes/pkg/scheduler/backend/cache"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/dynamicresources"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/nodevolumelimits"
	frameworkruntime "k8s.io/kubernetes/pkg/scheduler/framework/runtime"
	"k8s.io/kubernetes/pkg/scheduler/metrics"
	"k8s.io/kubernetes/pkg/scheduler/util/assumecache"
)

// Filters are kube-scheduler's filters over the objects of a cluster. They are not safe for concurrent use.
type Filters struct {
	close    context.CancelFunc
	logger   klog.Logger
	plugins  []plugin
	enqueue  []fwk.PreEnqueuePlugin
	cache    schedulercache.Cache
	snapshot *schedulercache.Snapshot
}

// plugin is one of the scheduler's filters in a framework of its own, so that no other's answer hides what it says, and so
// that the framework's own code sees to nominated pods and to what a plugin's PreFilter skips or narrows.
type plugin struct {
	name      string
	framework framework.Framework
	// reserves says that it keeps what a pod is given beside its node: volumes, devices.
	reserves bool
}

// New returns the filters of kube-scheduler's default profile, with the feature gates of this process. Close ends them.
// Errors name a pod without a UID or with that of another; others mean a broken build.
func New(objects Objects) (*Filters, error) {
	profile, err := defaultProfile()
	if err != nil {
		return nil, err
	}
	return NewOf(profile, objects)
}

// NewOf is New with Kubernetes' own filters of a profile. Errors name an argument of a plugin too that it does not take.
func NewOf(profile *Profile, objects Objects) (*Filters, error) {
	initMetrics()
	logger := logr.Discard()
	ctx, cancel := context.WithCancel(klog.NewContext(context.Background(), logger))
	f := &Filters{
		close: cancel, logger: logger,
		cache: schedulercache.New(ctx, 0, nil), snapshot: schedulercache.NewEmptySnapshot(),
	}
	if err := f.fill(ctx, profile, &objects); err != nil {
		cancel()
		return nil, err
	}
	return f, nil
}

func (f *Filters) fill(ctx context.Context, profile *Profile, objects *Objects) error {
	for _, node := range objects.Nodes {
		f.cache.AddNode(f.logger, node)
	}
	nominated := nominator{}
	for _, pod := range objects.Pods {
		switch {
		case pod.Spec.NodeName != "":
			if err := f.cache.AddPod(f.logger, pod); err != nil {
				return fmt.Errorf("pod %s/%s: %w", pod.Namespace, pod.Name, err)
			}
		case pod.Status.NominatedNodeName != "":
			if err := nominated.add(pod); err != nil {
				return fmt.Errorf("pod %s/%s: %w", pod.Namespace, pod.Name, err)
			}
		}
	}
	return f.start(ctx, profile, objects.informerFactory(), nominated)
}

// start makes a framework for each of the profile's plugins that filters.
func (f *Filters) start(ctx context.Context, profile *Profile, factory informers.SharedInformerFactory, nominated nominator) error {
	options := []frameworkruntime.Option{
		frameworkruntime.WithInformerFactory(factory),
		frameworkruntime.WithSnapshotSharedLister(f.snapshot),
		frameworkruntime.WithPodNominator(nominated),
		frameworkruntime.WithSharedCSIManager(nodevolumelimits.NewCSIManager(factory.Storage().V1().CSINodes().Lister())),
		frameworkruntime.WithMetricsRecorder(metrics.NewMetricsAsyncRecorder(0, time.Hour, ctx.Done())),
	}
	if utilfeature.DefaultFeatureGate.Enabled(features.DynamicResourceAllocation) {
		manager, err := devices(ctx, factory)
		if err != nil {
			return err
		}
		options = append(options, frameworkruntime.WithSharedDRAManager(manager))
	}
	registry := plugins.NewInTreeRegistry()
	for _, name := range profile.own() {
		made, err := frameworkruntime.NewFramework(ctx, registry, profile.alone(name), options...)
		if err != nil {
			return fmt.Errorf("kube-scheduler's plugin %s: %w", name, err)
		}
		f.enqueue = append(f.enqueue, made.PreEnqueuePlugins()...)
		if listed := made.ListPlugins(); len(listed.PreFilter.Enabled)+len(listed.Filter.Enabled) > 0 {
			f.plugins = append(f.plugins, plugin{name: name, framework: made, reserves: len(listed.Reserve.Enabled) > 0})
		}
	}
	return nil
}

// devices is what the filters know of devices that pods claim.
func devices(ctx context.Context, factory informers.SharedInformerFactory) (fwk.SharedDRAManager, error) {
	slices, err := resourceslicetracker.StartTracker(ctx, resourceslicetracker.Options{
		SliceInformer: factory.Resource().V1().ResourceSlices(),
	})
	if err != nil {
		return nil, fmt.Errorf("resource slices: %w", err)
	}
	claims := assumecache.NewAssumeCache(klog.FromContext(ctx), factory.Resource().V1().ResourceClaims().Informer(), "ResourceClaim", "", nil)
	return dynamicresources.NewDRAManager(ctx, claims, slices, factory), nil
}

// Close ends the filters.
func (f *Filters) Close() { f.close() }

// Assume counts a pod on a node that it fits: of two pods with one host port the first to be forgotten frees it. Claims stay
// as they are, bound or not: Bind gives them volumes. The pod must not be changed while it counts. The error names the pod: it
// counts on a node already, or has no UID.
func (f *Filters) Assume(pod *corev1.Pod, node string) error {
	assumed := *pod
	assumed.Spec.NodeName = node
	if err := f.cache.AddPod(f.logger, &assumed); err != nil {
		return fmt.Errorf("assume pod %s/%s on node %s: %w", pod.Namespace, pod.Name, node, err)
	}
	return nil
}

// Forget counts a pod no more. The error names the pod, which counts on no node.
func (f *Filters) Forget(pod *corev1.Pod) error {
	// The cache ends the process when it is told of another node than the one that it has the pod on.
	known, err := f.cache.GetPod(pod)
	if err == nil {
		err = f.cache.RemovePod(f.logger, known)
	}
	if err != nil {
		return fmt.Errorf("forget pod %s/%s: %w", pod.Namespace, pod.Name, err)
	}
	return nil
}

var metricsOnce sync.Once

// initMetrics makes the metrics that kube-scheduler's framework counts in, which nobody sees unless they are registered. In
// a scheduler they are there already.
func initMetrics() {
	metricsOnce.Do(func() {
		if metrics.PluginEvaluationTotal == nil {
			metrics.InitMetrics()
		}
	})
}
