package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	nodev1 "k8s.io/api/node/v1"
	policyv1 "k8s.io/api/policy/v1"
	resourcev1 "k8s.io/api/resource/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/discovery"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/controller/admissionwatch"
	"tradewind.dev/tradewind/pkg/controller/cloudpool"
	"tradewind.dev/tradewind/pkg/controller/clustermetrics"
	"tradewind.dev/tradewind/pkg/controller/nodelabels"
	"tradewind.dev/tradewind/pkg/controller/overridestatus"
	"tradewind.dev/tradewind/pkg/controller/placement"
	"tradewind.dev/tradewind/pkg/controller/policystatus"
	"tradewind.dev/tradewind/pkg/controller/schedulerwatch"
	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/planning/rounds"
	"tradewind.dev/tradewind/pkg/state"
	"tradewind.dev/tradewind/pkg/state/cluster"
	"tradewind.dev/tradewind/pkg/state/informers"
	"tradewind.dev/tradewind/pkg/state/scales"
)

// run works until the context ends.
func run(ctx context.Context, o *options) error {
	config, err := o.config()
	if err != nil {
		return err
	}
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		corev1.AddToScheme, appsv1.AddToScheme, batchv1.AddToScheme, storagev1.AddToScheme, v1alpha1.AddToScheme,
		nodev1.AddToScheme, resourcev1.AddToScheme, coordinationv1.AddToScheme, policyv1.AddToScheme, admissionv1.AddToScheme, schedulingv1.AddToScheme,
	} {
		if err := add(scheme); err != nil {
			return fmt.Errorf("register types: %w", err)
		}
	}
	serving := metricsserver.Options{BindAddress: o.metricsAddress, SecureServing: o.metricsSecure, CertDir: o.metricsCertificates}
	if o.metricsSecure {
		serving.FilterProvider = protected
	}
	mgr, err := manager.New(config, manager.Options{
		Scheme: scheme, Logger: klog.FromContext(ctx), BaseContext: func() context.Context { return ctx },
		Cache: informers.CacheOptions(), Metrics: serving, HealthProbeBindAddress: o.probeAddress,
		LeaderElection: o.leaderElect, LeaderElectionID: state.PlannerLease, LeaderElectionNamespace: o.leaderElectNamespace,
		// By this the scheduler knows that somebody plans, and whether new pods had better wait for the plan.
		LeaderElectionLabels:          map[string]string{state.ObjectiveLabel: o.objective},
		LeaderElectionReleaseOnCancel: true,
		LeaseDuration:                 &o.leaseDuration, RenewDeadline: &o.renewDeadline, RetryPeriod: &o.retryTime,
	})
	if err != nil {
		return fmt.Errorf("set up the manager: %w", err)
	}
	served, err := discovery.NewDiscoveryClientForConfigAndClient(config, mgr.GetHTTPClient())
	if err != nil {
		return fmt.Errorf("set up the discovery of CRDs: %w", err)
	}
	work := &work{mgr: mgr, options: o, crds: crds{served}}
	if err := errors.Join(
		mgr.Add(work),
		mgr.AddHealthzCheck("ping", healthz.Ping),
		mgr.AddReadyzCheck("objects-read", work.ready),
	); err != nil {
		return fmt.Errorf("set up the manager: %w", err)
	}
	return mgr.Start(ctx)
}

// work is what the leader does.
type work struct {
	mgr     manager.Manager
	options *options
	crds    crds
	// obstacle is what keeps the leader from working; nil when nothing does, or on a standby.
	obstacle atomic.Pointer[func() error]
}

// ready implements healthz.Checker.
func (w *work) ready(*http.Request) error {
	if obstacle := w.obstacle.Load(); obstacle != nil {
		return (*obstacle)()
	}
	return nil
}

// Start implements manager.Runnable.
func (w *work) Start(ctx context.Context) error {
	w.awaitCRDs(ctx)
	if ctx.Err() != nil {
		return nil
	}
	collector := &clustermetrics.Collector{}
	policies, err := policystatus.New(w.mgr, w.options.schedulerNames)
	if err != nil {
		return err
	}
	overrides, err := overridestatus.New(w.mgr)
	if err != nil {
		return err
	}
	if w.options.labelNodes {
		if _, err := nodelabels.New(w.mgr, w.options.location()); err != nil {
			return err
		}
	}
	if err := errors.Join(metrics.Registry.Register(collector), metrics.Registry.Register(policies)); err != nil {
		return fmt.Errorf("register metrics: %w", err)
	}
	objects := informers.New()
	planner, movers, err := w.planner(objects, policies)
	if err != nil {
		return err
	}
	watcher, err := cluster.NewWatcher(objects, w.options.location(), clock.RealClock{}, collector, planner, policies, overrides)
	if err != nil {
		return err
	}
	guards, err := admissionwatch.New(admissionwatch.Options{
		Reader: w.mgr.GetAPIReader(), Clock: clock.RealClock{}, Location: w.options.location(),
		SchedulerNames: w.options.schedulerNames, Report: watcher.SetAdmission,
	})
	if err != nil {
		return err
	}
	guards.Look(ctx) // before the first statuses are written
	if err := w.mgr.Add(guards); err != nil {
		return fmt.Errorf("start looking at admission policies: %w", err)
	}
	read := schedulerwatch.New(schedulerwatch.Options{
		Reader: w.mgr.GetAPIReader(), Clock: clock.RealClock{}, Namespace: w.options.schedulerNamespace, Report: policies.SetHeld,
	})
	read.Look(ctx)
	if err := w.mgr.Add(read); err != nil {
		return fmt.Errorf("start looking which policies the scheduler has read: %w", err)
	}
	reader, err := scales.NewReader(w.mgr.GetConfig(), w.mgr.GetHTTPClient())
	if err != nil {
		return err
	}
	feed := scales.NewFeed(objects, reader, clock.RealClock{})
	if err := objects.Watch(ctx, w.mgr.GetCache()); err != nil {
		return err
	}
	if err := w.mgr.Add(feed); err != nil {
		return fmt.Errorf("start reading scales: %w", err)
	}
	// Only now: what is not watched yet would be taken for read, and the pools that were lost before for usable.
	if err := w.mgr.Add(planner); err != nil {
		return fmt.Errorf("start planning: %w", err)
	}
	if err := movers.start(w.mgr, planner.Replan); err != nil {
		return err
	}
	unread := func() error {
		if kinds := objects.Unread(); len(kinds) > 0 {
			return fmt.Errorf("not read yet: %s (may the controller list and watch them?)", strings.Join(kinds, ", "))
		}
		return nil
	}
	w.obstacle.Store(&unread)
	return watcher.Start(ctx)
}

// planner makes what keeps Placements and CloudPools, and what moves replicas. What follows plans joins its listeners, and what
// knows of lost capacity its availability.
func (w *work) planner(objects *informers.Objects, policies rounds.Listener) (*placement.Planner, *movers, error) {
	pools := cloudpool.New(w.mgr.GetClient(), clock.RealClock{})
	if err := w.mgr.Add(pools); err != nil {
		return nil, nil, fmt.Errorf("start keeping pools: %w", err)
	}
	movers, err := w.newMovers(objects)
	if err != nil {
		return nil, nil, err
	}
	planner, err := placement.New(w.mgr, placement.Options{
		Objects: objects, Location: w.options.location(), Objective: engine.Objective(w.options.objective), Availability: movers.failover,
		Listeners: []rounds.Listener{pools, policies, movers.failover, movers.rebalance},
	})
	return planner, movers, err
}
