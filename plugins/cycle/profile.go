// Package cycle is what Tradewind's scheduler plugins share: one inventory for all profiles of a scheduler, and for each
// scheduling cycle the pod's rules, request and workload, looked up once.
package cycle

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/informers"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/utils/clock"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/state"
	"tradewind.dev/tradewind/pkg/workload"
)

// Opener returns the state of the cluster that a scheduler works on. Plugins are made before any object is read.
type Opener func(ctx context.Context, handle fwk.Handle) (*state.Live, error)

// Follow is the Opener that follows the cluster, by the scheduler's informers and connection.
func Follow(ctx context.Context, handle fwk.Handle) (*state.Live, error) {
	live, err := state.NewLive(location.DefaultOptions(), time.Now())
	if err != nil {
		return nil, err
	}
	return live, live.Follow(ctx, handle.KubeConfig(), handle.SharedInformerFactory(), clock.RealClock{})
}

// Shared is what the plugins of all profiles of one scheduler share.
type Shared struct {
	open       Opener
	clock      clock.WithDelayedExecution
	mu         sync.Mutex
	schedulers map[informers.SharedInformerFactory]*scheduler
}

// scheduler is one scheduler: all profiles with the same informers.
type scheduler struct {
	live     *state.Live
	awaited  *awaited
	labels   cloudLabels
	profiles map[string]*Profile
	cycles   atomic.Int64
}

// NewShared returns what the plugins of a scheduler share, over the state that open returns.
func NewShared(open Opener, clock clock.WithDelayedExecution) *Shared {
	return &Shared{open: open, clock: clock, schedulers: map[informers.SharedInformerFactory]*scheduler{}}
}

// Profile is one profile of a scheduler. Its plugins hold it.
type Profile struct {
	Live   *state.Live
	Handle fwk.Handle
	// Cycles counts those that TradewindCandidates has begun, over all profiles of the scheduler.
	Cycles      *atomic.Int64
	optimizeFor v1alpha1.OptimizeFor
	latest      latest[*Pod]
	judges      []Judge
	awaited     *awaited
}

// Profile returns the profile that a plugin is made for, with the arguments of its pluginConfig. Errors name the profile and
// the argument.
func (s *Shared) Profile(ctx context.Context, object runtime.Object, handle fwk.Handle) (*Profile, error) {
	registerMetrics()
	s.mu.Lock()
	defer s.mu.Unlock()
	profile, err := s.profile(ctx, object, handle)
	if err != nil {
		return nil, fmt.Errorf("profile %s: %w", handle.ProfileName(), err)
	}
	return profile, nil
}

func (s *Shared) profile(ctx context.Context, object runtime.Object, handle fwk.Handle) (*Profile, error) {
	args, err := readArgs(object)
	if err != nil {
		return nil, err
	}
	of, err := s.scheduler(ctx, handle)
	if err != nil {
		return nil, err
	}
	if err := of.labels.add(args.CloudLabels); err != nil {
		return nil, err
	}
	options, err := of.labels.options()
	if err != nil {
		return nil, err
	}
	of.live.SetOptions(options)
	profile, ok := of.profiles[handle.ProfileName()]
	if !ok {
		profile = &Profile{Live: of.live, Handle: handle, Cycles: &of.cycles, awaited: of.awaited}
		of.profiles[handle.ProfileName()] = profile
		profile.activateWaiting(handle.SharedInformerFactory().Core().V1().Pods().Informer().GetIndexer())
	}
	profile.optimizeFor, err = optimize(profile.optimizeFor, args.OptimizeFor)
	return profile, err
}

func (s *Shared) scheduler(ctx context.Context, handle fwk.Handle) (*scheduler, error) {
	factory := handle.SharedInformerFactory()
	if known, ok := s.schedulers[factory]; ok {
		return known, nil
	}
	if err := factory.Core().V1().Pods().Informer().AddIndexers(waitingIndexers); err != nil {
		return nil, fmt.Errorf("index the waiting pods: %w", err)
	}
	live, err := s.open(ctx, handle)
	if err != nil {
		return nil, err
	}
	live.OnChange(observeWorld)
	live.OnPlacement(func(workload.Key) { objectsInForce.WithLabelValues("Placement").Set(float64(live.Planned())) })
	known := &scheduler{live: live, awaited: newAwaited(live, s.clock), labels: cloudLabels{}, profiles: map[string]*Profile{}}
	s.schedulers[factory] = known
	return known, nil
}

// OptimizeFor is what a pod under these rules is optimized for: its policy's word, else the profile's.
func (p *Profile) OptimizeFor(ofPolicy v1alpha1.OptimizeFor) v1alpha1.OptimizeFor {
	if ofPolicy != "" {
		return ofPolicy
	}
	return p.optimizeFor
}

// errNotReady makes a pod wait and be tried again.
var errNotReady = errors.New("tradewind has not read its policies yet (are the CRDs of tradewind.dev installed and may the scheduler list them?)")
