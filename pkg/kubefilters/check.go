package kubefilters

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework"
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
	ctx := klog.NewContext(context.Background(), f.logger) // the filters ask nobody, so that there is nothing to cancel
	if err := f.cache.UpdateSnapshot(f.logger, f.snapshot); err != nil {
		return nil, fmt.Errorf("snapshot of the nodes: %w", err)
	}
	infos, err := f.snapshot.NodeInfos().List()
	if err != nil {
		return nil, fmt.Errorf("list the nodes: %w", err)
	}
	out := &Result{Nodes: make(map[string][]Verdict, len(infos))}
	for _, plugin := range f.enqueue {
		if status := plugin.PreEnqueue(ctx, pod); !status.IsSuccess() {
			out.Queue = append(out.Queue, verdict(plugin.Name(), status))
		}
	}
	states, narrowed := f.preFilter(ctx, pod, out)
	out.narrow(infos, narrowed)
	for i := range f.plugins {
		plugin := &f.plugins[i]
		if states[i] == nil {
			continue
		}
		for _, info := range infos {
			status := plugin.framework.RunFilterPluginsWithNominatedPods(ctx, states[i], pod, info)
			if !status.IsSuccess() {
				name := info.Node().Name
				out.Nodes[name] = append(out.Nodes[name], verdict(plugin.name, status))
			}
		}
	}
	return out, nil
}

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

func verdict(plugin string, status *fwk.Status) Verdict {
	out := Verdict{Plugin: plugin, Reasons: status.Reasons(), Final: status.Code() == fwk.UnschedulableAndUnresolvable}
	if err := status.AsError(); !status.IsRejected() && err != nil {
		out.Reasons = []string{err.Error()} // neither yes nor no: the scheduler will try again, and place nothing meanwhile
	}
	return out
}
