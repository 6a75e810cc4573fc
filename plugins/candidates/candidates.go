// Package candidates is the scheduler plugin that chooses the nodes worth looking at for a pod: those of the best places
// that every rule allows and that have room, out of all nodes and no sample of them.
package candidates

import (
	"context"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/apis/config"

	"tradewind.dev/tradewind/plugins/cycle"
)

// Name of the plugin in a scheduler's configuration.
const Name = "TradewindCandidates"

// Plugin narrows the nodes of a cycle. Nodes of a place are alike but for their room, so that places are ranked by the
// points that Tradewind's plugins give them, and kube-scheduler filters and scores the nodes of the best place alone. It
// narrows only to nodes of which one has passed every filter of the profile; where there is none, or where it cannot tell,
// all nodes are looked at in the same cycle, with their own reasons and Kubernetes' own preemption.
type Plugin struct {
	*cycle.Profile
	runner   runner
	settings func() settings
	mu       sync.Mutex // cycles do not overlap; this makes sure
	nodes    nodes
	batch    batch
	byFree   [101][]int // nodes by the percentage of them that is free, of the choice before
	again    sync.Map   // types.UID of pods whose next attempt looks at all nodes, and since when
}

// What the event of a pod says after "0/5000 nodes are available: 1 Insufficient cpu, 4999 " where the nodes changed between the
// choice of the best and their filters.
const (
	notLookedAt  = "node(s) not looked at yet"
	lookingAtAll = "The best nodes for the pod have just been taken; it is tried again at once, on all nodes."
)

// forgotten is after how long a pod is not waited for that was to be tried again: it is gone.
const forgotten = 10 * time.Minute

// runner is what kube-scheduler's framework can do besides what its plugins are promised.
type runner interface {
	RunPreFilterPlugins(context.Context, fwk.CycleState, *corev1.Pod) (*fwk.PreFilterResult, *fwk.Status, sets.Set[string])
	ListPlugins() *config.Plugins
	TotalBatchedPods() int64
}

var (
	_ fwk.PreFilterPlugin   = &Plugin{}
	_ fwk.PostFilterPlugin  = &Plugin{}
	_ fwk.PreScorePlugin    = &Plugin{}
	_ fwk.ReservePlugin     = &Plugin{}
	_ fwk.SignPlugin        = &Plugin{}
	_ fwk.EnqueueExtensions = &Plugin{}
)

// New returns the plugin's factory. Errors name the profile and the argument.
func New(shared *cycle.Shared) func(context.Context, runtime.Object, fwk.Handle) (fwk.Plugin, error) {
	return func(ctx context.Context, args runtime.Object, handle fwk.Handle) (fwk.Plugin, error) {
		profile, err := shared.Profile(ctx, args, handle)
		if err != nil {
			return nil, err
		}
		p := &Plugin{Profile: profile}
		p.runner, _ = handle.(runner)
		p.settings = sync.OnceValue(p.readSettings)
		return p, nil
	}
}

// Name implements fwk.Plugin.
func (*Plugin) Name() string { return Name }

// attempt is what a cycle's state says of its nodes: they are being tried, or they were narrowed.
type attempt string

const (
	trying   attempt = "trying"
	narrowed attempt = "narrowed"
)

// Clone implements fwk.StateData.
func (a attempt) Clone() fwk.StateData { return a }

// PreFilter returns the nodes worth looking at. To know that one of them fits it runs the profile's PreFilter plugins in a
// state of its own, and their filters on the nodes that it ranks first.
func (p *Plugin) PreFilter(ctx context.Context, state fwk.CycleState, object *corev1.Pod, infos []fwk.NodeInfo) (*fwk.PreFilterResult, *fwk.Status) {
	all := fwk.NewStatus(fwk.Skip)
	if _, err := state.Read(Name); err == nil || p.runner == nil || len(p.Handle.Extenders()) > 0 {
		return nil, all // an extender may refuse what all plugins accept
	}
	atHand := p.foresees(ctx, object)
	if _, wide := p.again.LoadAndDelete(object.UID); wide || atHand || !p.settings().first {
		return nil, all // unless it is the first, another plugin would preempt on what the narrowed nodes say
	}
	pod, status := p.Pod(state, object)
	if status != nil {
		return nil, status
	}
	try := state.Clone()
	try.Write(Name, trying)
	others, status, _ := p.runner.RunPreFilterPlugins(ctx, try, object)
	if !status.IsSuccess() {
		return nil, all
	}
	names := p.choose(ctx, try, pod, object, infos, others)
	if p.Chosen(len(names)); names == nil {
		pod.Unprice() // of the nodes that pass all filters, which may be others
		return nil, all
	}
	state.Write(Name, narrowed)
	return &fwk.PreFilterResult{NodeNames: names}, nil
}

// PreFilterExtensions implements fwk.PreFilterPlugin: there is no filter.
func (*Plugin) PreFilterExtensions() fwk.PreFilterExtensions { return nil }

// PostFilter keeps a narrowed attempt from preempting, and has the pod tried on all nodes at once after. It is asked only
// when something else happened between the choice of the nodes and their filters, since one of them had passed.
func (p *Plugin) PostFilter(ctx context.Context, state fwk.CycleState, pod *corev1.Pod, refused fwk.NodeToStatusReader) (*fwk.PostFilterResult, *fwk.Status) {
	if _, err := state.Read(Name); err != nil {
		return nil, fwk.NewStatus(fwk.Unschedulable)
	}
	now := time.Now()
	p.again.Range(func(uid, since any) bool {
		if now.Sub(since.(time.Time)) > forgotten {
			p.again.Delete(uid) // a pod that is gone meanwhile
		}
		return true
	})
	p.again.Store(pod.UID, now)
	p.Handle.Activate(klog.FromContext(ctx), map[string]*corev1.Pod{pod.Namespace + "/" + pod.Name: pod})
	// kube-scheduler would say that the other nodes did not satisfy this plugin, as if something were wrong with them.
	if others, ok := refused.(interface{ SetAbsentNodesStatus(*fwk.Status) }); ok {
		others.SetAbsentNodesStatus(fwk.NewStatus(fwk.UnschedulableAndUnresolvable, notLookedAt))
	}
	return nil, fwk.NewStatus(fwk.UnschedulableAndUnresolvable, lookingAtAll)
}

// EventsToRegister implements fwk.EnqueueExtensions: what this plugin rejects it has tried again itself.
func (*Plugin) EventsToRegister(context.Context) ([]fwk.ClusterEventWithHint, error) { return nil, nil }
