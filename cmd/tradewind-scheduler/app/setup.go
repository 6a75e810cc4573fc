package app

import (
	"context"
	"errors"
	"fmt"

	"k8s.io/client-go/tools/events"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"
	schedulerconfig "k8s.io/kubernetes/cmd/kube-scheduler/app/config"
	"k8s.io/kubernetes/cmd/kube-scheduler/app/options"
	"k8s.io/kubernetes/pkg/scheduler"
	"k8s.io/kubernetes/pkg/scheduler/apis/config"
	"k8s.io/kubernetes/pkg/scheduler/apis/config/scheme"
	"k8s.io/kubernetes/pkg/scheduler/framework/runtime"
	"k8s.io/utils/clock"

	"tradewind.dev/tradewind/deploy"
	"tradewind.dev/tradewind/pkg/state"
	"tradewind.dev/tradewind/plugins"
	"tradewind.dev/tradewind/plugins/cycle"
)

// setUp makes a scheduler of the options. Without --config it has the ready configuration, which kube-scheduler's own set-up
// would read from a file only: the scheduler writes none, so that a read-only root file system is enough and nothing is left
// when it is killed. As without a file in kube-scheduler, flags for the connection and the leader election hold over it.
func setUp(ctx context.Context, opts *options.Options) (*schedulerconfig.CompletedConfig, *scheduler.Scheduler, error) {
	var err error
	if opts.ComponentConfig, err = readyConfig(); err != nil {
		return nil, nil, err
	}
	if err := errors.Join(opts.Validate()...); err != nil {
		return nil, nil, err
	}
	loaded, err := opts.Config(ctx)
	if err != nil {
		return nil, nil, err
	}
	completed := loaded.Complete()
	registry := runtime.Registry{}
	var live *state.Live // nil where no profile has one of the plugins
	open := func(ctx context.Context, handle fwk.Handle) (_ *state.Live, err error) {
		live, err = cycle.Follow(ctx, handle)
		return live, err
	}
	for name, factory := range plugins.Factories(open, clock.RealClock{}) {
		if err := registry.Register(name, factory); err != nil {
			return nil, nil, err
		}
	}
	settings := &completed.ComponentConfig
	var profiles []config.KubeSchedulerProfile
	made, err := scheduler.New(ctx, completed.Client, completed.InformerFactory, completed.DynInformerFactory,
		func(profile string) events.EventRecorder { return completed.EventBroadcaster.NewRecorder(profile) },
		scheduler.WithComponentConfigVersion(settings.APIVersion),
		scheduler.WithKubeConfig(completed.KubeConfig),
		scheduler.WithProfiles(settings.Profiles...),
		scheduler.WithFrameworkOutOfTreeRegistry(registry),
		scheduler.WithExtenders(settings.Extenders...),
		scheduler.WithParallelism(settings.Parallelism),
		scheduler.WithPercentageOfNodesToScore(settings.PercentageOfNodesToScore),
		scheduler.WithPodInitialBackoffSeconds(settings.PodInitialBackoffSeconds),
		scheduler.WithPodMaxBackoffSeconds(settings.PodMaxBackoffSeconds),
		scheduler.WithPodMaxInUnschedulablePodsDuration(completed.PodMaxInUnschedulablePodsDuration),
		// As it is with the default plugins and their arguments filled in, for the log and --write-config-to.
		scheduler.WithBuildFrameworkCapturer(func(profile config.KubeSchedulerProfile) { profiles = append(profiles, profile) }),
	)
	if err != nil {
		return nil, nil, err
	}
	if live != nil {
		leads, identity := leads(&completed)
		go newReporter(completed.Client, clock.RealClock{}, live, settings.LeaderElection.ResourceNamespace, identity).run(ctx, leads)
		planner := &plannerWatch{client: completed.Client, clock: clock.RealClock{}, live: live, namespace: settings.LeaderElection.ResourceNamespace}
		go planner.run(ctx, leads)
	}
	return &completed, made, options.LogOrWriteConfig(klog.FromContext(ctx), opts.WriteConfigTo, settings, profiles)
}

// readyConfig is the configuration that the program comes with.
func readyConfig() (*config.KubeSchedulerConfiguration, error) {
	object, kind, err := scheme.Codecs.UniversalDecoder().Decode(deploy.SchedulerConfig, nil, nil)
	if err != nil {
		return nil, fmt.Errorf("the ready configuration: %w", err)
	}
	out, ok := object.(*config.KubeSchedulerConfiguration)
	if !ok {
		return nil, fmt.Errorf("the ready configuration: it is a %s", kind)
	}
	out.APIVersion = kind.GroupVersion().String()
	return out, nil
}
