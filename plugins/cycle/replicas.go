package cycle

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	fwk "k8s.io/kube-scheduler/framework"

	"tradewind.dev/tradewind/pkg/rules"
	"tradewind.dev/tradewind/pkg/state"
	"tradewind.dev/tradewind/pkg/workload"
)

// Replicas is a plugin's state in a cycle: where the replicas of the pod's revision are, as preemption would leave them,
// and what the plugin's rules say of each class.
type Replicas struct {
	*Pod
	Current *rules.View
	// Reasons are why one more replica may not go to a class, by class ID.
	Reasons []string
	// Domains are those that skews are counted over; see rules.SkewDomains.
	Domains [][]string
	// Extra is the plugin's own, computed with the reasons.
	Extra any
}

// Clone implements fwk.StateData. Reasons are replaced, never written, when the replicas change.
func (r *Replicas) Clone() fwk.StateData {
	out := *r
	return &out
}

// Counting keeps Replicas for one plugin. It is the plugin's PreFilterExtensions.
type Counting struct {
	*Profile
	Key fwk.StateKey
	// Judge fills in Reasons and Extra from Current; nil when the plugin needs neither.
	Judge  func(*Replicas)
	latest latest[*Replicas]
}

var _ fwk.PreFilterExtensions = &Counting{}

// Begin starts the state of a cycle; domains are those of the pod's skews, if it has any.
func (c *Counting) Begin(state fwk.CycleState, pod *Pod, domains ...[]string) *Replicas {
	replicas := &Replicas{Pod: pod, Current: pod.View, Domains: domains}
	if c.Judge != nil {
		c.Judge(replicas)
	}
	state.Write(c.Key, replicas)
	c.latest.set(state, replicas)
	return replicas
}

// Read returns the state of the cycle.
func (c *Counting) Read(state fwk.CycleState) (*Replicas, *fwk.Status) {
	if replicas, ok := c.latest.of(state); ok {
		return replicas, nil
	}
	data, err := state.Read(c.Key)
	if err != nil {
		return nil, fwk.AsStatus(fmt.Errorf("plugin %s: %w", c.Key, err))
	}
	return data.(*Replicas), nil
}

// AddPod implements fwk.PreFilterExtensions.
func (c *Counting) AddPod(_ context.Context, state fwk.CycleState, _ *corev1.Pod, added fwk.PodInfo, node fwk.NodeInfo) *fwk.Status {
	return c.change(state, added.GetPod(), node, 1)
}

// RemovePod implements fwk.PreFilterExtensions.
func (c *Counting) RemovePod(_ context.Context, state fwk.CycleState, _ *corev1.Pod, removed fwk.PodInfo, node fwk.NodeInfo) *fwk.Status {
	return c.change(state, removed.GetPod(), node, -1)
}

func (c *Counting) change(cycleState fwk.CycleState, other *corev1.Pod, node fwk.NodeInfo, delta int) *fwk.Status {
	replicas, status := c.Read(cycleState)
	if status != nil {
		return status
	}
	if revision := workload.Revision(other); revision != replicas.Revision || other.DeletionTimestamp != nil {
		return nil
	}
	candidate := c.Candidate(node)
	usd, _ := candidate.HourlyUSD(state.Request(other))
	replicas.Current = replicas.Current.With(candidate.Class, delta, float64(delta)*usd, 0)
	if c.Judge != nil {
		c.Judge(replicas)
	}
	return nil
}

// CountOnNode counts the live pods of a revision on a node.
func CountOnNode(node fwk.NodeInfo, revision workload.Key) int {
	count := 0
	for _, info := range node.GetPods() {
		pod := info.GetPod()
		if pod.Namespace != revision.Namespace || pod.DeletionTimestamp != nil {
			continue
		}
		if other := workload.Revision(pod); other == revision {
			count++
		}
	}
	return count
}
