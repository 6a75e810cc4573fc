package plugintest

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/backend/cache"
	"k8s.io/kubernetes/pkg/scheduler/framework"

	"tradewind.dev/tradewind/pkg/workload"
)

// Cycle is one scheduling cycle of a pod.
type Cycle struct {
	State  fwk.CycleState
	Pod    *corev1.Pod
	Result *fwk.PreFilterResult
	// Status of PreFilter.
	Status *fwk.Status

	cluster *Cluster
}

// Cycle begins a cycle: it takes a snapshot and runs PreFilter.
func (c *Cluster) Cycle(pod *corev1.Pod) *Cycle {
	c.t.Helper()
	var placed []*corev1.Pod
	for _, known := range c.pods {
		if known.Spec.NodeName != "" {
			placed = append(placed, known)
		}
	}
	c.snapshot.Snapshot = cache.NewSnapshot(placed, c.nodes)
	cycle := &Cycle{State: framework.NewCycleState(), Pod: pod, cluster: c}
	cycle.Result, cycle.Status, _ = c.Framework.RunPreFilterPlugins(c.t.Context(), cycle.State, pod)
	return cycle
}

// Clone is the cycle on a copy of its state, as preemption works on.
func (c *Cycle) Clone() *Cycle {
	out := *c
	out.State = c.State.Clone()
	return &out
}

// Revision is what the pod counts under.
func (c *Cycle) Revision() workload.Key {
	return workload.Revision(c.Pod)
}

// Node is a node as the cycle's snapshot has it.
func (c *Cycle) Node(name string) fwk.NodeInfo {
	c.cluster.t.Helper()
	node, err := c.cluster.snapshot.NodeInfos().Get(name)
	if err != nil {
		c.cluster.t.Fatal(err)
	}
	return node
}

// Filter is what the filters say of a node.
func (c *Cycle) Filter(node string) *fwk.Status {
	return c.cluster.Framework.RunFilterPlugins(c.cluster.t.Context(), c.State, c.Pod, c.Node(node))
}

// Refused is why each node is refused, by its name; those that are not are not in it.
func (c *Cycle) Refused() map[string]string {
	out := map[string]string{}
	for _, node := range c.cluster.nodes {
		if status := c.Filter(node.Name); !status.IsSuccess() {
			out[node.Name] = strings.Join(status.Reasons(), " and ")
		}
	}
	return out
}

// Add and Remove change the cycle's state as preemption does when it tries what other pods hinder.
func (c *Cycle) Add(pod *corev1.Pod, node string) *fwk.Status {
	info := c.info(pod)
	return c.cluster.Framework.RunPreFilterExtensionAddPod(c.cluster.t.Context(), c.State, c.Pod, info, c.Node(node))
}

// Remove is the opposite of Add.
func (c *Cycle) Remove(pod *corev1.Pod, node string) *fwk.Status {
	info := c.info(pod)
	return c.cluster.Framework.RunPreFilterExtensionRemovePod(c.cluster.t.Context(), c.State, c.Pod, info, c.Node(node))
}

func (c *Cycle) info(pod *corev1.Pod) fwk.PodInfo {
	c.cluster.t.Helper()
	info, err := framework.NewPodInfo(pod)
	if err != nil {
		c.cluster.t.Fatal(err)
	}
	return info
}

// Scores are the points that each plugin gives the nodes that are not refused, weighted as the profile does: by node and
// plugin. A plugin that was skipped is not in it.
func (c *Cycle) Scores() map[string]map[string]int64 {
	c.cluster.t.Helper()
	var feasible []fwk.NodeInfo
	for _, node := range c.cluster.nodes {
		if c.Filter(node.Name).IsSuccess() {
			feasible = append(feasible, c.Node(node.Name))
		}
	}
	ctx := c.cluster.t.Context()
	if status := c.cluster.Framework.RunPreScorePlugins(ctx, c.State, c.Pod, feasible); !status.IsSuccess() {
		c.cluster.t.Fatal(status.AsError())
	}
	scored, status := c.cluster.Framework.RunScorePlugins(ctx, c.State, c.Pod, feasible)
	if !status.IsSuccess() {
		c.cluster.t.Fatal(status.AsError())
	}
	out := map[string]map[string]int64{}
	for _, node := range scored {
		out[node.Name] = map[string]int64{}
		for _, score := range node.Scores {
			out[node.Name][score.Name] = score.Score
		}
	}
	return out
}

// Reserve chooses a node, as the scheduler does at the end of a cycle.
func (c *Cycle) Reserve(node string) *fwk.Status {
	return c.cluster.Framework.RunReservePluginsReserve(c.cluster.t.Context(), c.State, c.Pod, node)
}

// Unreserve takes back Reserve.
func (c *Cycle) Unreserve(node string) {
	c.cluster.Framework.RunReservePluginsUnreserve(c.cluster.t.Context(), c.State, c.Pod, node)
}

// Bound tells the plugins that the pod was bound.
func (c *Cycle) Bound(node string) {
	c.cluster.Framework.RunPostBindPlugins(c.cluster.t.Context(), c.State, c.Pod, node)
}

// Hints asks the plugins' hints whether an event may help the waiting pod: the names of the plugins that say so.
func (c *Cluster) Hints(event fwk.ClusterEvent, pod *corev1.Pod, before, after any) map[string]bool {
	c.t.Helper()
	out := map[string]bool{}
	for name, plugin := range c.Plugins {
		registering, ok := plugin.(fwk.EnqueueExtensions)
		if !ok {
			continue
		}
		events, err := registering.EventsToRegister(c.t.Context())
		if err != nil {
			c.t.Fatal(err)
		}
		for _, registered := range events {
			if registered.Event.Resource != event.Resource || registered.Event.ActionType&event.ActionType == 0 {
				continue
			}
			hint, err := registered.QueueingHintFn(klog.Background(), pod, before, after)
			if err != nil {
				c.t.Fatal(err)
			}
			if hint == fwk.Queue {
				out[name] = true
			}
		}
	}
	return out
}
