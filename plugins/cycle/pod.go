package cycle

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	fwk "k8s.io/kube-scheduler/framework"

	"tradewind.dev/tradewind/pkg/pricing"
	"tradewind.dev/tradewind/pkg/rules"
	"tradewind.dev/tradewind/pkg/state"
	"tradewind.dev/tradewind/pkg/workload"
)

const podKey fwk.StateKey = "tradewind.dev/pod"

// Pod is what the plugins know of the pod being scheduled. It is immutable but for the scores, which the first PreScore
// of the cycle fills in.
type Pod struct {
	Rules    *rules.Rules
	Request  pricing.Resources
	Revision workload.Key
	// View is where the replicas of the pod's revision are.
	View *rules.View
	// Callees and LimitedCallees are the views of the workloads in the rules' Traffic and TrafficLimits.
	Callees, LimitedCallees []*rules.View
	// Targets is what the plan has for the pod's workload; nil when there is none.
	Targets *state.Targets

	// Alike says that the nodes to choose from have all the same points of Tradewind's plugins together, so that none of
	// these needs to score them.
	Alike bool

	scores *scores
}

// Clone implements fwk.StateData.
func (p *Pod) Clone() fwk.StateData {
	out := *p
	return &out
}

// Pod looks up what the plugins need to know of a pod, once a cycle.
func (p *Profile) Pod(cycleState fwk.CycleState, pod *corev1.Pod) (*Pod, *fwk.Status) {
	if known, ok := p.latest.of(cycleState); ok {
		return known, nil
	}
	if known, err := cycleState.Read(podKey); err == nil {
		return known.(*Pod), nil
	}
	if !p.Live.Ready() {
		return nil, fwk.AsStatus(errNotReady)
	}
	rules, ok := p.Live.Rules(pod)
	if !ok {
		return nil, fwk.AsStatus(errNotReady)
	}
	revision := workload.Revision(pod)
	out := &Pod{
		Rules: rules, Request: state.Request(pod), Revision: revision, View: p.Live.Revision(revision),
		Targets: p.Live.Targets(pod),
	}
	if len(rules.Traffic) > 0 {
		out.Callees = p.Live.Callees(pod, rules.Traffic)
	}
	if len(rules.TrafficLimits) > 0 {
		out.LimitedCallees = p.Live.Callees(pod, rules.TrafficLimits)
	}
	cycleState.Write(podKey, out)
	p.latest.set(cycleState, out)
	return out, nil
}

// SignPod returns the fragment that tells apart pods under different rules, for opportunistic batching. All plugins return
// the same one; the framework keeps it once.
func (p *Profile) SignPod(_ context.Context, pod *corev1.Pod) ([]fwk.SignFragment, *fwk.Status) {
	if !p.Live.Ready() {
		return nil, fwk.NewStatus(fwk.Unschedulable, "policies are not read yet")
	}
	rules, ok := p.Live.Rules(pod)
	if !ok {
		return nil, fwk.NewStatus(fwk.Unschedulable, "policies are not read yet")
	}
	revision := workload.Revision(pod)
	if revision.Kind == workload.Pod {
		revision.Name = ""
	}
	return []fwk.SignFragment{{Key: "tradewind.dev/Rules()", Value: []string{
		rules.Signature, pod.Namespace, revision.Kind, revision.Name,
	}}}, nil
}

// SignPlanned is SignPod with a second fragment for a pod that there is a plan for: where the plan has room.
func (p *Profile) SignPlanned(ctx context.Context, pod *corev1.Pod) ([]fwk.SignFragment, *fwk.Status) {
	fragments, status := p.SignPod(ctx, pod)
	if targets := p.Live.Targets(pod); status.IsSuccess() && targets != nil {
		revision := workload.Revision(pod)
		fragments = append(fragments, fwk.SignFragment{Key: "tradewind.dev/Plan()", Value: targets.Open(p.Live.Revision(revision))})
	}
	return fragments, status
}

// Candidate returns the facts of a node.
func (p *Profile) Candidate(node fwk.NodeInfo) *state.Node { return p.Live.Node(node.Node()) }

// Reject is the status of a node that a rule excludes. Rules about the node alone cannot be helped by preemption.
func Reject(reason string, helpedByPreemption bool) *fwk.Status {
	if helpedByPreemption {
		return fwk.NewStatus(fwk.Unschedulable, reason)
	}
	return fwk.NewStatus(fwk.UnschedulableAndUnresolvable, reason)
}
