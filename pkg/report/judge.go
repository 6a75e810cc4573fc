package report

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/kubefilters"
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

	volume   rules.Against
	location *rules.LocationLimits
	latency  *rules.LatencyLimits
	onHost   map[string]int
	// targets is what the plan has for the pod's workload; nil when there is none.
	targets    *state.Targets
	plan       *PlannedFor
	kubernetes *kubernetes
	profile    *kubefilters.Profile
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
// profile is that of the pod's scheduler; nil where it is not known.
func newJudge(
	snapshot *state.Snapshot, pod *corev1.Pod, ruled *rules.Rules, optimizeFor v1alpha1.OptimizeFor, profile *kubefilters.Profile,
) (*judge, error) {
	filters, err := askKubernetes(snapshot, pod, profile)
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
		volume: snapshot.VolumeAgainst(ruled.Effective, pod), onHost: map[string]int{},
		targets: snapshot.Targets(pod), kubernetes: filters, profile: profile,
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
	before, after := j.kubernetes.obstacles(object)
	v.obstacles = before
	if j.asks(pluginResidency) {
		v.add(RuleVolumeResidency, j.volume)
		v.add(RuleResidency, rules.ResidencyAgainst(j.rules.Effective, node.Class.Location)...)
	}
	if j.asks(pluginCloud) {
		locations, spread, spot := j.location.Against(node.Class)
		v.add(RuleLocation, locations...)
		v.add(RuleSpread, spread...)
		v.add(RuleSpot, spot...)
		if j.location.ByHost() {
			v.add(RuleSpread, rules.Against{Reason: j.location.HostReason(j.onHost[node.Name])})
		}
	}
	if j.asks(pluginLatency) {
		v.add(RuleLatency, j.latency.Against(node.Class)...)
	}
	if j.asks(pluginCost) {
		v.add(RuleCeiling, rules.Against{Reason: rules.CeilingReason(j.rules.Effective, j.view, v.compute, v.computeKnown), Unknown: !v.computeKnown})
	}
	if j.asks(pluginPlacement) {
		v.add(RulePlan, rules.Against{Reason: j.planReason(node)})
	}
	v.obstacles = append(v.obstacles, after...)
	return v
}

// Tradewind's plugins that filter, as schedulers' configurations name them.
const (
	pluginResidency = "TradewindResidency"
	pluginCloud     = "TradewindCloud"
	pluginLatency   = "TradewindLatency"
	pluginCost      = "TradewindCost"
	pluginPlacement = "TradewindPlacement"
)

// AsksTradewind says whether a scheduler's profile has any of Tradewind's plugins that filter.
func AsksTradewind(profile *kubefilters.Profile) bool {
	return slices.ContainsFunc([]string{pluginResidency, pluginCloud, pluginLatency, pluginCost, pluginPlacement}, profile.Filters)
}

// asks says whether the pod's scheduler asks one of Tradewind's plugins about nodes: all of them, where its profile is not known.
func (j *judge) asks(plugin string) bool { return j.profile == nil || j.profile.Filters(plugin) }

// add adds what a rule has against the node; an empty reason is none.
func (v *verdict) add(rule Rule, against ...rules.Against) {
	for _, a := range against {
		if a.Reason != "" {
			v.obstacles = append(v.obstacles, Obstacle{Rule: rule, Message: a.Reason, unknown: a.Unknown, sources: a.Sources})
		}
	}
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
