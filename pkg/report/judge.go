package report

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/pricing"
	"tradewind.dev/tradewind/pkg/rules"
	"tradewind.dev/tradewind/pkg/state"
	"tradewind.dev/tradewind/pkg/workload"
)

// judge says of each node what the scheduler would say of it for one pod that has no node yet.
type judge struct {
	snapshot    *state.Snapshot
	pod         *corev1.Pod
	rules       *rules.Rules
	request     pricing.Resources
	revision    workload.Key
	view        *rules.View
	callees     []*rules.View
	optimizeFor v1alpha1.OptimizeFor

	volume   string
	location *rules.LocationLimits
	latency  *rules.LatencyLimits
	onHost   map[string]int
	// targets is what the plan has for the pod's workload; nil when there is none.
	targets    *state.Targets
	kubernetes *kubernetes
}

// verdict is a node, what excludes it, and what the pod would cost there.
type verdict struct {
	object *corev1.Node
	node   *state.Node
	// obstacles are all reasons against the node, in the scheduler's order; none when it is feasible.
	obstacles []Obstacle

	compute      float64
	computeKnown bool
	trips        rules.Trips
	preference   float64
}

// newJudge prepares the rules for a pod as if it had no node: its own replica counts nowhere.
func newJudge(snapshot *state.Snapshot, pod *corev1.Pod, ruled *rules.Rules, optimizeFor v1alpha1.OptimizeFor) (*judge, error) {
	filters, err := askKubernetes(snapshot, pod)
	if err != nil {
		return nil, err
	}
	if pod.Spec.NodeName != "" {
		pending := pod.DeepCopy()
		pending.Spec.NodeName = ""
		snapshot.SetPod(pending)
		defer snapshot.SetPod(pod)
	}
	revision := workload.Revision(pod)
	j := &judge{
		snapshot: snapshot, pod: pod, rules: ruled, request: state.Request(pod), revision: revision,
		view: snapshot.Revision(revision), callees: snapshot.Callees(pod, ruled.Traffic), optimizeFor: optimizeFor,
		volume: snapshot.VolumeReason(ruled.Effective, pod), onHost: map[string]int{},
		targets: snapshot.Targets(pod), kubernetes: filters,
	}
	j.location = rules.NewLocationLimits(ruled, j.view)
	if rules.LimitsSkew(ruled) {
		j.location.Among(snapshot.SkewDomains(ruled, pod, slices.Values(snapshot.Nodes)))
	}
	j.latency = rules.NewLatencyLimits(ruled, j.view, snapshot.Callees(pod, ruled.TrafficLimits))
	for _, other := range snapshot.Pods {
		if other.UID == pod.UID || other.Spec.NodeName == "" || !workload.Live(other) {
			continue
		}
		if workload.Revision(other) == revision {
			j.onHost[other.Spec.NodeName]++
		}
	}
	return j, nil
}

// verdict asks every rule about a node.
func (j *judge) verdict(object *corev1.Node) verdict {
	node := j.snapshot.Node(object)
	v := verdict{object: object, node: node}
	v.compute, v.computeKnown = node.HourlyUSD(j.request)
	v.trips = j.rules.Trips(node.Class, j.view, j.callees, j.optimizeFor, nil)
	v.preference = rules.PreferenceUSD(j.rules.Static(node.Class).UnmetPreference, v.compute)
	add := func(rule Rule, reason string) {
		if reason != "" {
			v.obstacles = append(v.obstacles, Obstacle{Rule: rule, Message: reason})
		}
	}
	before, after := j.kubernetes.obstacles(object)
	v.obstacles = before
	add(RuleVolumeResidency, j.volume)
	for _, reason := range rules.ResidencyReasons(j.rules.Effective, node.Class.Location) {
		add(RuleResidency, reason)
	}
	add(j.locationReason(node))
	add(RuleLatency, j.latency.Reason(node.Class))
	add(RuleCeiling, rules.CeilingReason(j.rules.Effective, j.view, v.compute, v.computeKnown))
	add(RulePlan, j.planReason(node))
	v.obstacles = append(v.obstacles, after...)
	return v
}

// locationReason says which of the location, spread and spot rules excludes a node.
func (j *judge) locationReason(node *state.Node) (Rule, string) {
	reason := j.location.Reason(node.Class)
	switch {
	case reason == "" && j.location.ByHost():
		return RuleSpread, j.location.HostReason(j.onHost[node.Name])
	case reason == j.rules.Static(node.Class).Location:
		return RuleLocation, reason
	case reason == rules.SpotReason(j.rules.Effective, j.view, node.Class):
		return RuleSpot, reason
	}
	return RuleSpread, reason
}

// total is the bill that the scheduler compares, in US dollars an hour; known is false when a part of it is not known.
func (v *verdict) total() (usd float64, known bool) {
	return v.compute + v.trips.USD + v.preference, v.computeKnown && v.trips.Known
}

// clientsMilliseconds is the expected round trip of the clients, and callsMilliseconds the mean one of the calls to
// workloads that run.
func (v *verdict) clientsMilliseconds() (float64, bool) {
	return v.trips.Clients.Milliseconds, v.trips.Clients.Known()
}

func (v *verdict) callsMilliseconds() (float64, bool) {
	sum, calls := 0.0, 0
	for _, trip := range v.trips.Calls {
		if trip.Known() {
			sum += trip.Milliseconds
			calls++
		}
	}
	if calls == 0 {
		return 0, false
	}
	return sum / float64(calls), true
}
