// Package topologyspread is the scheduler plugin that scores nodes by Kubernetes' topology spread constraints as Kubernetes does, at a
// part of what it takes.
package topologyspread

import (
	"context"
	"fmt"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/apis/config"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/feature"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/podtopologyspread"
	"sigs.k8s.io/yaml"
)

// Name of the plugin in a scheduler's configuration.
const Name = "TradewindTopologySpread"

// Plugin is Kubernetes' PodTopologySpread as far as it scores, and scores the same. Of a pod with constraints that are wishes, or none of
// its own, that plugin looks at every node of the cluster, in each cycle; but only pods in the domains of the nodes that are
// scored count, and after TradewindCandidates these are few. So it is shown the nodes of these domains alone. Whether a node may
// be used at all stays with PodTopologySpread.
type Plugin struct {
	kubernetes *podtopologyspread.PodTopologySpread
	all        fwk.SharedLister
	mu         sync.Mutex // one cycle at a time uses what is shown
	shown      *shown
	domains    map[string]*domains // by label
	counted    []fwk.NodeInfo      // what counting returned last
	defaults   []corev1.TopologySpreadConstraint
}

var (
	_ fwk.PreScorePlugin = &Plugin{}
	_ fwk.ScorePlugin    = &Plugin{}
	_ fwk.SignPlugin     = &Plugin{}
)

// New is the plugin's factory. Its arguments are those of PodTopologySpread, and should be the same.
func New(ctx context.Context, object runtime.Object, handle fwk.Handle) (fwk.Plugin, error) {
	args, err := readArgs(object)
	if err != nil {
		return nil, err
	}
	p := &Plugin{all: handle.SnapshotSharedLister(), shown: &shown{}, domains: map[string]*domains{}, defaults: args.DefaultConstraints}
	if args.DefaultingType == config.SystemDefaulting { // Kubernetes' own, of which those on nodes need no other nodes
		p.defaults = []corev1.TopologySpreadConstraint{{TopologyKey: corev1.LabelTopologyZone, WhenUnsatisfiable: corev1.ScheduleAnyway}}
	}
	features := feature.NewSchedulerFeaturesFromGates(utilfeature.DefaultFeatureGate)
	inner, err := podtopologyspread.New(ctx, args, shownHandle{handle, p.shown}, features)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", Name, err)
	}
	var ok bool
	if p.kubernetes, ok = inner.(*podtopologyspread.PodTopologySpread); !ok {
		return nil, fmt.Errorf("%s: Kubernetes' plugin is a %T", Name, inner)
	}
	return p, nil
}

func readArgs(object runtime.Object) (*config.PodTopologySpreadArgs, error) {
	args := &config.PodTopologySpreadArgs{DefaultingType: config.SystemDefaulting}
	unknown, ok := object.(*runtime.Unknown)
	if !ok || unknown == nil || len(unknown.Raw) == 0 {
		return args, nil
	}
	var given struct {
		DefaultConstraints []corev1.TopologySpreadConstraint             `json:"defaultConstraints"`
		DefaultingType     config.PodTopologySpreadConstraintsDefaulting `json:"defaultingType"`
	}
	if err := yaml.UnmarshalStrict(unknown.Raw, &given); err != nil {
		return nil, fmt.Errorf("pluginConfig args of %s: %w", Name, err)
	}
	args.DefaultConstraints = given.DefaultConstraints
	if given.DefaultingType != "" {
		args.DefaultingType = given.DefaultingType
	}
	return args, nil
}

// Name implements fwk.Plugin.
func (*Plugin) Name() string { return Name }

// PreScore implements fwk.PreScorePlugin.
func (p *Plugin) PreScore(ctx context.Context, state fwk.CycleState, pod *corev1.Pod, nodes []fwk.NodeInfo) *fwk.Status {
	p.mu.Lock()
	defer p.mu.Unlock()
	defer p.shown.show(nil)
	if len(nodes) == 0 {
		return fwk.NewStatus(fwk.Skip)
	}
	// Most pods of Jobs, and those without a controller, have nothing to be spread by.
	p.shown.show(nodes[:1])
	keys := p.keys(pod)
	if status := p.kubernetes.PreScore(ctx, state, pod, nodes); !status.IsSuccess() || len(keys) == 0 {
		return status
	}
	all, err := p.all.NodeInfos().List()
	if err != nil {
		return fwk.AsStatus(fmt.Errorf("list the nodes: %w", err))
	}
	p.shown.show(p.counting(all, nodes, keys))
	return p.kubernetes.PreScore(ctx, state, pod, nodes)
}

// keys are the labels whose values are the domains of a pod's wishes; a node that is one needs no others.
func (p *Plugin) keys(pod *corev1.Pod) []string {
	constraints := pod.Spec.TopologySpreadConstraints
	if len(constraints) == 0 {
		constraints = p.defaults
	}
	var out []string
	for i := range constraints {
		if c := &constraints[i]; c.WhenUnsatisfiable == corev1.ScheduleAnyway && c.TopologyKey != corev1.LabelHostname {
			out = append(out, c.TopologyKey)
		}
	}
	return out
}

// Score implements fwk.ScorePlugin.
func (p *Plugin) Score(ctx context.Context, state fwk.CycleState, pod *corev1.Pod, node fwk.NodeInfo) (int64, *fwk.Status) {
	return p.kubernetes.Score(ctx, state, pod, node)
}

// ScoreExtensions implements fwk.ScorePlugin: Kubernetes' plugin normalizes its scores.
func (p *Plugin) ScoreExtensions() fwk.ScoreExtensions { return p.kubernetes.ScoreExtensions() }

// SignPod implements fwk.SignPlugin: PodTopologySpread signs.
func (*Plugin) SignPod(context.Context, *corev1.Pod) ([]fwk.SignFragment, *fwk.Status) {
	return nil, nil
}
