// Package cycle is what Tradewind's scheduler plugins share: one inventory for all profiles of a scheduler, and for each
// scheduling cycle the pod's rules, request and workload, looked up once.
package cycle

import (
	"context"
	"errors"
	"fmt"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/informers"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/utils/clock"
	"sigs.k8s.io/yaml"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/inventory"
	"tradewind.dev/tradewind/pkg/location"
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
	live     map[informers.SharedInformerFactory]*inventory.Live
	profiles map[profileKey]*Profile
}

type profileKey struct {
	factory informers.SharedInformerFactory
	name    string
}

// Profile is one profile of a scheduler. Its plugins hold it.
type Profile struct {
	Live        *inventory.Live
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
		profile.activateOnChange(factory.Core().V1().Pods().Lister())
		profile.activateOnDesired(factory.Core().V1().Pods().Lister())
		profile.activateOnPlacement(factory.Core().V1().Pods().Lister())
	}
	if args.OptimizeFor != "" {
		profile.optimizeFor = args.OptimizeFor
	}
	return profile, nil
}

func (s *Shared) liveFor(ctx context.Context, handle fwk.Handle, args Args) (*inventory.Live, error) {
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
	live, err := inventory.NewLive(ctx, handle.KubeConfig(), factory, options.Compile(), clock.RealClock{})
	if err != nil {
		return nil, err
	}
	live.OnChange(observeWorld)
	live.OnPlacement(func(inventory.PlacementKey) { objectsInForce.WithLabelValues("Placement").Set(float64(live.Planned())) })
	if s.live == nil {
		s.live = map[informers.SharedInformerFactory]*inventory.Live{}
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

// activateOnChange retries waiting pods of this profile when the policies, prices or round-trip times that hold them
// back have changed.
func (p *Profile) activateOnChange(pods corelisters.PodLister) {
	p.Live.OnChange(func(before, after *inventory.World) {
		waiting, err := pods.List(labels.Everything())
		if err != nil {
			return
		}
		activate := map[string]*corev1.Pod{}
		for _, pod := range waiting {
			if pod.Spec.NodeName != "" || pod.Spec.SchedulerName != p.Handle.ProfileName() || !p.affected(before, after, pod) {
				continue
			}
			activate[pod.Namespace+"/"+pod.Name] = pod
		}
		if len(activate) > 0 {
			p.Handle.Activate(klog.Background(), activate)
		}
	})
}

func (p *Profile) affected(before, after *inventory.World, pod *corev1.Pod) bool {
	old, ok := p.Live.RulesIn(before, pod)
	rules, okNow := p.Live.RulesIn(after, pod)
	if !ok || !okNow {
		return true
	}
	return old.Signature != rules.Signature || rules.HasMaxHourlyUSD || len(rules.Latency)+len(rules.TrafficLimits) > 0
}

// activateOnDesired retries the waiting pods of a revision when it wants another number of replicas: spread, spot share and
// the places of a plan are shares of that number.
func (p *Profile) activateOnDesired(pods corelisters.PodLister) {
	p.Live.OnDesired(func(revision inventory.RevisionKey) {
		found, err := pods.Pods(revision.Namespace).List(labels.Everything())
		if err != nil {
			return
		}
		activate := map[string]*corev1.Pod{}
		for _, pod := range found {
			if pod.Spec.NodeName != "" || pod.Spec.SchedulerName != p.Handle.ProfileName() {
				continue
			}
			rules, ok := p.Live.Rules(pod)
			if _, of := inventory.KeysOf(pod); of == revision && (!ok || len(rules.Spread) > 0 || rules.SpotMaxPercent < 100 || len(rules.Latency) > 0 ||
				rules.Enforcement == v1alpha1.EnforcementStrict) {
				activate[pod.Namespace+"/"+pod.Name] = pod
			}
		}
		if len(activate) > 0 {
			p.Handle.Activate(klog.Background(), activate)
		}
	})
}

// activateOnPlacement retries the waiting pods of a workload when the plan that holds them back has changed.
func (p *Profile) activateOnPlacement(pods corelisters.PodLister) {
	p.Live.OnPlacement(func(workload inventory.PlacementKey) {
		found, err := pods.Pods(workload.Namespace).List(labels.Everything())
		if err != nil {
			return
		}
		activate := map[string]*corev1.Pod{}
		for _, pod := range found {
			if pod.Spec.NodeName != "" || pod.Spec.SchedulerName != p.Handle.ProfileName() || !workload.IsOf(pod) {
				continue
			}
			if rules, ok := p.Live.Rules(pod); !ok || rules.Enforcement == v1alpha1.EnforcementStrict {
				activate[pod.Namespace+"/"+pod.Name] = pod
			}
		}
		if len(activate) > 0 {
			p.Handle.Activate(klog.Background(), activate)
		}
	})
}
