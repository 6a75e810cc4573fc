package performance

import (
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	"k8s.io/kubernetes/test/utils/ktesting"

	"tradewind.dev/tradewind/plugins/candidates"
	"tradewind.dev/tradewind/plugins/cloud"
	"tradewind.dev/tradewind/plugins/cost"
	"tradewind.dev/tradewind/plugins/latency"
	"tradewind.dev/tradewind/plugins/plan"
	"tradewind.dev/tradewind/plugins/residency"
)

// measured names the plugins, in the order in which the profile calls them, as figures do.
var measured = []struct{ name, figure string }{
	{residency.Name, "residency"}, {cloud.Name, "cloud"}, {latency.Name, "latency"}, {cost.Name, "cost"},
	{plan.Name, "placement"},
}

// prefiltering are those with a PreFilter.
var prefiltering = slices.Insert(slices.Clone(measured), 0, struct{ name, figure string }{candidates.Name, "candidates"})

const passes = 9 // the median of so many is the figure

// measurePlugins times the plugins of the scheduler that has just placed the pods, over its own snapshot of the nodes and
// its own inventory: another pod of a workload is filtered and scored on every node.
func measurePlugins(tCtx ktesting.TContext, r *run) error {
	pods, err := tCtx.Client().CoreV1().Pods("shop-1").List(tCtx, metav1.ListOptions{Limit: 1})
	if err != nil || len(pods.Items) == 0 {
		return fmt.Errorf("no pod to measure the plugins with: %w", err)
	}
	pod := pods.Items[0].DeepCopy()
	pod.Name, pod.UID, pod.Spec.NodeName = "one-more", "one-more", ""
	nodes, err := r.handle.SnapshotSharedLister().NodeInfos().List()
	if err != nil {
		return err
	}
	if err := planFor(tCtx, r, pod, nodes, int32(r.scenario.pods/r.scenario.workloads)); err != nil {
		return err
	}
	if err := measurePreFilter(tCtx, r, pod, nodes); err != nil {
		return err
	}
	if _, err := measureFilter(tCtx, r, framework.NewCycleState(), pod, nodes, report); err != nil {
		return err
	}
	// The workload has its replicas, so that few clouds are open to one more. The first pod of another is scored.
	pod.OwnerReferences[0].Name = "first-of-another"
	if err := planFor(tCtx, r, pod, nodes, 0); err != nil {
		return err
	}
	state := framework.NewCycleState()
	feasible, err := measureFilter(tCtx, r, state, pod, nodes, func(string, float64, string) {})
	if err != nil {
		return err
	}
	return measureScore(tCtx, r, state, pod, feasible)
}

// measurePreFilter times PreFilter in the profile's order. The first plugin pays for what all look up once a pod.
func measurePreFilter(tCtx ktesting.TContext, r *run, pod *corev1.Pod, nodes []fwk.NodeInfo) error {
	const pods = 2000
	times := make([][]float64, len(prefiltering))
	for range passes {
		sums := make([]time.Duration, len(prefiltering))
		for range pods {
			state := framework.NewCycleState()
			for i, plugin := range prefiltering {
				begin := time.Now()
				_, status := r.plugins[plugin.name].(fwk.PreFilterPlugin).PreFilter(tCtx, state, pod, nodes)
				sums[i] += time.Since(begin)
				if !status.IsSuccess() {
					return fmt.Errorf("%s: PreFilter: %w", plugin.name, status.AsError())
				}
			}
		}
		for i, sum := range sums {
			times[i] = append(times[i], float64(sum.Nanoseconds())/pods/1000)
		}
	}
	for i, plugin := range prefiltering {
		report("plugin_prefilter_"+plugin.figure, median(times[i]), "µs/pod")
	}
	return nil
}

// measureFilter times Filter on every node, and returns those that no plugin excludes.
func measureFilter(tCtx ktesting.TContext, r *run, state fwk.CycleState, pod *corev1.Pod, nodes []fwk.NodeInfo,
	report func(string, float64, string)) ([]fwk.NodeInfo, error) {
	excluded := make([]bool, len(nodes))
	for _, plugin := range measured {
		if _, status := r.plugins[plugin.name].(fwk.PreFilterPlugin).PreFilter(tCtx, state, pod, nodes); !status.IsSuccess() {
			return nil, fmt.Errorf("%s: PreFilter: %w", plugin.name, status.AsError())
		}
		filter := r.plugins[plugin.name].(fwk.FilterPlugin)
		report("plugin_filter_"+plugin.figure, perNode(nodes, func(i int, node fwk.NodeInfo) {
			if !filter.Filter(tCtx, state, pod, node).IsSuccess() {
				excluded[i] = true
			}
		}), "ns/node")
	}
	var feasible []fwk.NodeInfo
	for i, node := range nodes {
		if !excluded[i] {
			feasible = append(feasible, node)
		}
	}
	if len(feasible) == 0 || len(feasible) == len(nodes) {
		return nil, fmt.Errorf("the plugins leave %d of %d nodes: the policy does not bite", len(feasible), len(nodes))
	}
	return feasible, nil
}

// measureScore times PreScore over the feasible nodes, and Score on each of them.
func measureScore(tCtx ktesting.TContext, r *run, state fwk.CycleState, pod *corev1.Pod, nodes []fwk.NodeInfo) error {
	for _, plugin := range measured {
		scoring, ok := r.plugins[plugin.name].(fwk.ScorePlugin)
		if !ok {
			continue
		}
		begin := time.Now()
		status := r.plugins[plugin.name].(fwk.PreScorePlugin).PreScore(tCtx, state, pod, nodes)
		report("plugin_prescore_"+plugin.figure, float64(time.Since(begin).Nanoseconds())/float64(len(nodes)), "ns/node")
		if status.IsSkip() {
			continue
		}
		var failure *fwk.Status
		report("plugin_score_"+plugin.figure, perNode(nodes, func(_ int, node fwk.NodeInfo) {
			if _, status := scoring.Score(tCtx, state, pod, node); !status.IsSuccess() {
				failure = status
			}
		}), "ns/node")
		if failure != nil {
			return fmt.Errorf("%s: Score: %w", plugin.name, failure.AsError())
		}
	}
	return nil
}

// perNode is the median time that do takes on a node, in nanoseconds.
func perNode(nodes []fwk.NodeInfo, do func(int, fwk.NodeInfo)) float64 {
	times := make([]float64, 0, passes)
	for range passes {
		begin := time.Now()
		for i, node := range nodes {
			do(i, node)
		}
		times = append(times, float64(time.Since(begin).Nanoseconds())/float64(len(nodes)))
	}
	return median(times)
}
