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

	reason func(*rules.Class) string
}

// Reason is why one more replica may not go to a class, or empty; of a class that was first seen after the reasons were
// computed, too.
func (r *Replicas) Reason(class *rules.Class) string {
	if class.ID < len(r.Reasons) {
		return r.Reasons[class.ID]
	}
	return r.reason(class)
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
	// Judge returns what says of a class, given Current, why one more replica may not go there; it may fill in Extra. It is
	// nil when the plugin's rules are not about classes.
	Judge  func(*Replicas) func(*rules.Class) string
	latest latest[*Replicas]
}

var _ fwk.PreFilterExtensions = &Counting{}

// Begin starts the state of a cycle; domains are those of the pod's skews, if it has any.
func (c *Counting) Begin(state fwk.CycleState, pod *Pod, domains ...[]string) *Replicas {
	replicas := &Replicas{Pod: pod, Current: pod.View, Domains: domains}
	c.judge(replicas)
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

// Allows says whether one more replica may go to a node, as far as the class of the node decides it.
func (c *Counting) Allows(cycleState fwk.CycleState, _ *Pod, node *state.Node) bool {
	replicas, status := c.Read(cycleState)
	return status.IsSuccess() && replicas.Reason(node.Class) == ""
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
	c.judge(replicas)
	return nil
}

// judge computes the reasons of all classes.
func (c *Counting) judge(replicas *Replicas) {
	if c.Judge == nil {
		return
	}
	classes := c.Live.Classes()
	replicas.reason, replicas.Reasons = c.Judge(replicas), make([]string, len(classes))
	for i, class := range classes {
		replicas.Reasons[i] = replicas.reason(class)
	}
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
