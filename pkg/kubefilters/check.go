package kubefilters

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/names"
)

// Verdict is a plugin's No.
type Verdict struct {
	// Plugin is its name in kube-scheduler's configuration: "InterPodAffinity". It is empty where several plugins together
	// leave no node.
	Plugin string
	// Reasons are in Kubernetes' own words.
	Reasons []string
	// Final says that no other pod's leaving would help: the node is too small even when it is empty, or the wrong one.
	Final bool
	// Early says of a node that the scheduler leaves it out before it asks any filter about nodes.
	Early bool
}

// String is the reasons in one line, as they read behind a number of nodes, and as they do in the events of
// tradewind-scheduler.
func (v *Verdict) String() string { return Words(v.Plugin, v.Reasons) }

// Words puts a plugin's reasons in one line. Kubernetes names what a node is short of in any order, so they are sorted.
func Words(plugin string, reasons []string) string {
	if len(reasons) == 0 {
		return "excluded by " + plugin
	}
	return strings.Join(slices.Sorted(slices.Values(reasons)), " and ")
}

// Result is what the filters say of a pod.
type Result struct {
	// Queue is why the scheduler does not look at the pod yet: scheduling gates, claims that are not there.
	Queue []Verdict
	// Pod is what rules out every node, in the scheduler's order. A plugin that says so is not asked about nodes.
	Pod []Verdict
	// Nodes is what rules out each node, by its name, in the scheduler's order; nothing for a node that the pod fits.
	Nodes map[string][]Verdict
}

// Check asks every filter about a pod and all nodes. A pod that counts on a node is asked about as if it came in addition;
// Forget it before.
func (f *Filters) Check(pod *corev1.Pod) (*Result, error) {
	infos, err := f.infos()
	if err != nil {
		return nil, err
	}
	c := f.cycle(pod)
	c.filter(infos)
	return c.out, nil
}

// CheckOn is Check about some of the nodes. The error names a node that there is not.
func (f *Filters) CheckOn(pod *corev1.Pod, nodes ...string) (*Result, error) {
	infos, err := f.infos(nodes...)
	if err != nil {
		return nil, err
	}
	c := f.cycle(pod)
	c.filter(infos)
	return c.out, nil
}

// Bind counts a pod on a node if no filter refuses it there, and gives it what goes with the node, as the scheduler does
// before it binds: volumes to claims without one, devices. Else it returns what the filters say, and nothing has changed. Errors
// are those of CheckOn and Assume.
func (f *Filters) Bind(pod *corev1.Pod, node string) (refused []Verdict, err error) {
	infos, err := f.infos(node)
	if err != nil {
		return nil, err
	}
	c := f.cycle(pod)
	c.filter(infos)
	if refused = c.out.On(node); len(refused) > 0 {
		return refused, nil
	}
	for i := range f.plugins {
		if plugin := &f.plugins[i]; plugin.reserves && c.states[i] != nil {
			if status := plugin.framework.RunReservePluginsReserve(c.ctx, c.states[i], pod, node); !status.IsSuccess() {
				return []Verdict{verdict(plugin.name, status)}, nil
			}
		}
	}
	return nil, f.Assume(pod, node)
}

// infos are the nodes of these names as they are now, all when none is named.
func (f *Filters) infos(names ...string) ([]fwk.NodeInfo, error) {
	if err := f.cache.UpdateSnapshot(f.logger, f.snapshot); err != nil {
		return nil, fmt.Errorf("snapshot of the nodes: %w", err)
	}
	if len(names) == 0 {
		infos, err := f.snapshot.NodeInfos().List()
		if err != nil {
			return nil, fmt.Errorf("list the nodes: %w", err)
		}
		return infos, nil
	}
	infos := make([]fwk.NodeInfo, 0, len(names))
	for _, name := range names {
		info, err := f.snapshot.NodeInfos().Get(name)
		if err != nil {
			return nil, fmt.Errorf("node %s: %w", name, err)
		}
		infos = append(infos, info)
	}
	return infos, nil
}

// cycle is what is asked about one pod.
type cycle struct {
	*Filters
	ctx      context.Context
	pod      *corev1.Pod
	states   []fwk.CycleState // by plugin; nil for one that is not asked about nodes
	narrowed narrowing
	out      *Result
}

// cycle asks what does not depend on a node.
func (f *Filters) cycle(pod *corev1.Pod) *cycle {
	c := &cycle{
		Filters: f, ctx: klog.NewContext(context.Background(), f.logger), // the filters ask nobody, so that there is nothing to cancel
		pod: pod, out: &Result{},
	}
	for _, plugin := range f.enqueue {
		if status := plugin.PreEnqueue(c.ctx, pod); !status.IsSuccess() {
			c.out.Queue = append(c.out.Queue, verdict(plugin.Name(), status))
		}
	}
	c.states, c.narrowed = f.preFilter(c.ctx, pod, c.out)
	return c
}

// filter asks about nodes.
func (c *cycle) filter(infos []fwk.NodeInfo) {
	c.out.Nodes = make(map[string][]Verdict, len(infos))
	c.out.narrow(infos, c.narrowed)
	for i := range c.plugins {
		plugin := &c.plugins[i]
		if c.states[i] == nil {
			continue
		}
		for _, info := range infos {
			status := plugin.framework.RunFilterPluginsWithNominatedPods(c.ctx, c.states[i], c.pod, info)
			if !status.IsSuccess() {
				name := info.Node().Name
				c.out.Nodes[name] = append(c.out.Nodes[name], verdict(plugin.name, status))
			}
		}
	}
}

// On is all that keeps the pod from a node that was asked about, in the scheduler's order; nothing when it fits.
func (r *Result) On(node string) []Verdict { return slices.Concat(r.Queue, r.Pod, r.Nodes[node]) }

// narrowing is the nodes that plugins' PreFilter leaves.
type narrowing struct {
	plugins sets.Set[string]
	result  *fwk.PreFilterResult
}

// preFilter starts a cycle for each plugin; a plugin that rules out every node, or has nothing to ask of nodes, has none.
func (f *Filters) preFilter(ctx context.Context, pod *corev1.Pod, out *Result) ([]fwk.CycleState, narrowing) {
	states, narrowed := make([]fwk.CycleState, len(f.plugins)), narrowing{plugins: sets.New[string]()}
	for i := range f.plugins {
		plugin := &f.plugins[i]
		state := framework.NewCycleState()
		result, status, _ := plugin.framework.RunPreFilterPlugins(ctx, state, pod)
		if !status.IsSuccess() {
			out.Pod = append(out.Pod, verdict(plugin.name, status))
			continue
		}
		if !result.AllNodes() {
			narrowed.plugins.Insert(plugin.name)
			narrowed.result = narrowed.result.Merge(result)
		}
		if !state.GetSkipFilterPlugins().Has(plugin.name) && plugin.framework.HasFilterPlugins() {
			states[i] = state
		}
	}
	return states, narrowed
}

// narrow says of the nodes that the plugins do not leave what the scheduler says of them.
func (r *Result) narrow(infos []fwk.NodeInfo, narrowed narrowing) {
	if narrowed.plugins.Len() == 0 {
		return
	}
	list := sets.List(narrowed.plugins)
	if narrowed.result.NodeNames.Len() == 0 {
		r.Pod = append(r.Pod, Verdict{Final: true, Reasons: []string{fmt.Sprintf("node(s) didn't satisfy plugin(s) %v simultaneously", list)}})
		return
	}
	for _, info := range infos {
		if name := info.Node().Name; !narrowed.result.NodeNames.Has(name) {
			r.Nodes[name] = append(r.Nodes[name], Verdict{
				Plugin: list[0], Final: true, Early: true, Reasons: []string{fmt.Sprintf("node(s) didn't satisfy plugin(s) %v", list)},
			})
		}
	}
}

// Summary is what keeps the pod from each of some nodes, as the scheduler would say it first, with the numbers of nodes: "2
// Insufficient cpu, 1 node(s) had untolerated taint(s)". full says that one of them is only short of resources, which others of
// its pods have now.
func (r *Result) Summary(nodes ...string) (text string, full bool) {
	counts := map[string]int{}
	for _, name := range nodes {
		if verdicts := r.On(name); len(verdicts) > 0 {
			counts[verdicts[0].String()]++
			full = full || !slices.ContainsFunc(verdicts, func(v Verdict) bool { return v.Plugin != names.NodeResourcesFit || v.Final })
		}
	}
	var parts []string
	for _, reason := range slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), strings.Compare(a, b))
	}) {
		parts = append(parts, fmt.Sprintf("%d %s", counts[reason], reason))
	}
	return strings.Join(parts, ", "), full
}

func verdict(plugin string, status *fwk.Status) Verdict {
	out := Verdict{Plugin: plugin, Reasons: status.Reasons(), Final: status.Code() == fwk.UnschedulableAndUnresolvable}
	if err := status.AsError(); !status.IsRejected() && err != nil {
		out.Reasons = []string{err.Error()} // neither yes nor no: the scheduler will try again, and place nothing meanwhile
	}
	return out
}
