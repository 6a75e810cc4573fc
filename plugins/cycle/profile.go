// Package cycle is what Tradewind's scheduler plugins share: one inventory for all profiles of a scheduler, and for each
// scheduling cycle the pod's rules, request and workload, looked up once.
package cycle

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/informers"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/utils/clock"
	"sigs.k8s.io/yaml"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/state"
)

// Args configure the plugins of one profile (pluginConfig in the scheduler's configuration). Any of the plugins takes
// them; they hold for all of the profile.
type Args struct {
	// OptimizeFor is what the profile's pods are optimized for where no policy says: Cost, Latency or Balanced.
	OptimizeFor v1alpha1.OptimizeFor `json:"optimizeFor,omitempty"`
	// CloudLabels are further node labels that name the cloud.
	CloudLabels []string `json:"cloudLabels,omitempty"`
}

// Shared is what the plugins of all profiles of one scheduler share. The zero value is ready for use.
type Shared struct {
	mu       sync.Mutex
	live     map[informers.SharedInformerFactory]*state.Live
	profiles map[profileKey]*Profile
}

type profileKey struct {
	factory informers.SharedInformerFactory
	name    string
}

// Profile is one profile of a scheduler. Its plugins hold it.
type Profile struct {
	Live        *state.Live
	Handle      fwk.Handle
	optimizeFor v1alpha1.OptimizeFor
	latest      latest[*Pod]
}

// Profile returns the profile that a plugin is made for, with the arguments of its pluginConfig.
func (s *Shared) Profile(ctx context.Context, object runtime.Object, handle fwk.Handle) (*Profile, error) {
	registerMetrics()
	args, err := readArgs(object)
	if err != nil {
		return nil, fmt.Errorf("profile %s: %w", handle.ProfileName(), err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	factory := handle.SharedInformerFactory()
	key := profileKey{factory, handle.ProfileName()}
	profile, ok := s.profiles[key]
	if !ok {
		live, err := s.liveFor(ctx, handle, args)
		if err != nil {
			return nil, err
		}
		if s.profiles == nil {
			s.profiles = map[profileKey]*Profile{}
		}
		profile = &Profile{Live: live, Handle: handle}
		s.profiles[key] = profile
		profile.activateWaiting(factory.Core().V1().Pods().Informer().GetIndexer())
	}
	if args.OptimizeFor != "" {
		profile.optimizeFor = args.OptimizeFor
	}
	return profile, nil
}

func (s *Shared) liveFor(ctx context.Context, handle fwk.Handle, args Args) (*state.Live, error) {
	factory := handle.SharedInformerFactory()
	if live, ok := s.live[factory]; ok {
		return live, nil
	}
	options := location.DefaultOptions()
	if len(args.CloudLabels) > 0 {
		options.CloudLabels = append(options.CloudLabels, args.CloudLabels...)
		if err := options.Validate(); err != nil {
			return nil, fmt.Errorf("profile %s: pluginConfig args: cloudLabels: %w", handle.ProfileName(), err)
		}
	}
	if err := factory.Core().V1().Pods().Informer().AddIndexers(waitingIndexers); err != nil {
		return nil, fmt.Errorf("index the waiting pods: %w", err)
	}
	live, err := state.NewLive(ctx, handle.KubeConfig(), factory, options.Compile(), clock.RealClock{})
	if err != nil {
		return nil, err
	}
	live.OnChange(observeWorld)
	live.OnPlacement(func(state.PlacementKey) { objectsInForce.WithLabelValues("Placement").Set(float64(live.Planned())) })
	if s.live == nil {
		s.live = map[informers.SharedInformerFactory]*state.Live{}
	}
	s.live[factory] = live
	return live, nil
}

func readArgs(object runtime.Object) (Args, error) {
	var args Args
	unknown, ok := object.(*runtime.Unknown)
	if !ok || unknown == nil || len(unknown.Raw) == 0 {
		return args, nil
	}
	if err := yaml.UnmarshalStrict(unknown.Raw, &args); err != nil {
		return args, fmt.Errorf("pluginConfig args: %w", err)
	}
	switch args.OptimizeFor {
	case "", v1alpha1.OptimizeForCost, v1alpha1.OptimizeForLatency, v1alpha1.OptimizeForBalanced:
		return args, nil
	}
	return args, fmt.Errorf("pluginConfig args: optimizeFor: %q is none of Cost, Latency, Balanced", args.OptimizeFor)
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
