package report

import (
	"cmp"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/kubefilters"
	"tradewind.dev/tradewind/pkg/latency"
	"tradewind.dev/tradewind/pkg/pricing"
	"tradewind.dev/tradewind/pkg/rules"
	"tradewind.dev/tradewind/pkg/rules/policy"
	"tradewind.dev/tradewind/pkg/state"
	"tradewind.dev/tradewind/pkg/workload"
)

// ExplainOptions are what the snapshot does not hold.
type ExplainOptions struct {
	// Profiles are the schedulers with Tradewind's plugins by name, and what they optimize for where no policy says.
	Profiles map[string]v1alpha1.OptimizeFor
	// Plugins of these and of other schedulers by name. Of a pod whose scheduler is not among them the filters of kube-scheduler's
	// default profile and all of Tradewind's are asked.
	Plugins map[string]*kubefilters.Profile
	// OptimizeFor, if set, is taken instead of the profile's.
	OptimizeFor v1alpha1.OptimizeFor
	// Event is the scheduler's last event about the pod; nil when there is none or it cannot be read.
	Event *SchedulerWord
}

// errNamespaceUnknown is returned when it cannot be said which policies select a pod.
var errNamespaceUnknown = errors.New("a policy selects namespaces by label and those of the pod's namespace cannot be read; grant the verb list on namespaces")

// Explain says why a pod of the snapshot is where it is. It fails when the pod has ended, when it is not known which
// policies are in force, and when the pod's node is gone. It uses the snapshot's Store for itself while it runs.
func Explain(snapshot *state.Snapshot, pod *corev1.Pod, options ExplainOptions) (*Explanation, error) {
	if workload.Ended(pod) {
		return nil, fmt.Errorf("pod %s/%s has ended (phase %s); only pods that run or wait can be explained", pod.Namespace, pod.Name, pod.Status.Phase)
	}
	rules, ok := snapshot.Rules(pod)
	if !ok {
		return nil, fmt.Errorf("pod %s/%s: %w", pod.Namespace, pod.Name, errNamespaceUnknown)
	}
	revision := workload.Revision(pod)
	e := &Explanation{
		APIVersion: v1alpha1.GroupVersion.String(), Kind: "Explanation", Time: snapshot.Time,
		Namespace: pod.Namespace, Name: pod.Name, Workload: snapshot.WorkloadOf(pod).Name, Revision: revision.Kind + "/" + revision.Name,
		SchedulerName: pod.Spec.SchedulerName,
		OptimizeFor: cmp.Or(rules.OptimizeFor, options.OptimizeFor, options.Profiles[pod.Spec.SchedulerName],
			v1alpha1.OptimizeForBalanced),
		Policies: policiesInForce(snapshot.World().Policies, rules.Effective),
		Nodes:    len(snapshot.Nodes), Scheduler: options.Event,
	}
	j, err := newJudge(snapshot, pod, rules, e.OptimizeFor, options.Plugins[pod.Spec.SchedulerName])
	if err != nil {
		return nil, fmt.Errorf("pod %s/%s: %w", pod.Namespace, pod.Name, err)
	}
	var own *verdict
	var all, excluded, feasible []*verdict
	for _, node := range snapshot.Nodes {
		v := j.verdict(node)
		all = append(all, &v)
		switch {
		case node.Name == pod.Spec.NodeName:
			own = &v
		case len(v.obstacles) > 0:
			excluded = append(excluded, &v)
		default:
			feasible = append(feasible, &v)
		}
	}
	if pod.Spec.NodeName != "" {
		if own == nil {
			return nil, fmt.Errorf("pod %s/%s: its node %s is gone; Kubernetes deletes the pod soon, or: kubectl delete pod %s -n %s --force",
				pod.Namespace, pod.Name, pod.Spec.NodeName, pod.Name, pod.Namespace)
		}
		e.Node, e.Bill, e.NotToday = factsOf(own.node), j.bill(own), own.obstacles
	}
	j.plan = j.planned(all, own)
	e.Plan = j.plan
	e.Waits = j.kubernetes.waits()
	e.Excluded = groupExcluded(excluded)
	e.Feasible = groupFeasible(feasible, own)
	if own == nil {
		e.Remedies = j.remedies(excluded, e.Feasible)
	}
	e.Notes = j.notes(own, options)
	return e, nil
}

func policiesInForce(set *policy.Set, rules *policy.Effective) []PolicyInForce {
	out := make([]PolicyInForce, 0, len(rules.Sources))
	for _, source := range rules.Sources {
		in := PolicyInForce{Name: source.String()}
		for _, override := range rules.Overrides {
			if override.Loser == source {
				in.Overridden = append(in.Overridden, override.Field+" (by "+override.Winner.String()+")")
			}
		}
		for _, problem := range set.Problems(source) {
			in.Problems = append(in.Problems, problem.Field+": "+problem.Message)
		}
		out = append(out, in)
	}
	return out
}

func factsOf(node *state.Node) *NodeFacts {
	at := &node.Class.Node
	return &NodeFacts{
		Name: node.Name, Cloud: at.Cloud, Region: at.Region, Zone: at.Zone, Country: at.Country, OperatorCountry: at.OperatorCountry,
		InstanceType: at.InstanceType, CapacityType: at.CapacityType, Problems: node.Problems,
	}
}

// bill is what the pod costs on a node.
func (j *judge) bill(v *verdict) *Bill {
	b := &Bill{Preferences: Amount{HourlyUSD: &v.preference}}
	price := v.node.Price
	if v.computeKnown {
		compute, whole := v.compute, price.USD
		b.Compute = amount(compute, price)
		b.NodeHourlyUSD = &whole
		share := 0.0
		if whole > 0 {
			share = 100 * compute / whole
		}
		b.NodeSharePercent = &share
	} else {
		b.Compute = Amount{Reason: unpricedReason(v.node)}
	}
	if v.trips.Known {
		valued := v.trips.USD + v.preference
		b.RoundTrips, b.Valued = Amount{HourlyUSD: &v.trips.USD}, Amount{HourlyUSD: &valued}
	} else {
		b.RoundTrips = Amount{Reason: "a round trip is not known; a LatencyMap can give it"}
		b.Valued = b.RoundTrips
	}
	if total, known := v.total(); known {
		b.Total = Amount{HourlyUSD: &total}
	} else {
		b.Total = Amount{Reason: cmp.Or(b.Compute.Reason, b.RoundTrips.Reason)}
	}
	class := v.node.Class
	for _, population := range j.rules.Clients {
		b.Clients = append(b.Clients, ClientTrip{
			Location: population.Client.String(), SharePercent: population.SharePercent,
			Milliseconds: milliseconds(j.snapshot.World().RoundTrips.FromClient(population.Client, class.Place),
				"no figure from "+population.Client.String()+"; a LatencyMap can give it"),
		})
	}
	if len(j.rules.Clients) > 0 {
		expected := milliseconds(v.trips.Clients, "the round trip of some clients is not known")
		b.Expected = &expected
	}
	b.Calls = j.calls(v.trips.Calls)
	for _, preference := range j.rules.Preferred {
		if !preference.Requirement.Matches(class.Labels) {
			b.Unmet = append(b.Unmet, UnmetPreference{Preference: preference.Text, Weight: preference.Weight})
		}
	}
	return b
}

func (j *judge) calls(trips []latency.RoundTrip) []CallTrip {
	var out []CallTrip
	for i := range j.rules.Traffic {
		call := &j.rules.Traffic[i]
		key := state.CalleeKey(j.pod.Namespace, call)
		trip := CallTrip{To: key.Namespace + "/" + key.Name, RequestsPerSecond: call.RequestsPerSecond}
		if j.callees[i] != nil {
			trip.Replicas = j.callees[i].Placed()
		}
		reason := "the round trip to its replicas is not known"
		switch {
		case trip.Replicas == 0:
			reason = "no replica of it runs"
		case call.Measured:
			reason = "nobody measured the round trip to its replicas; a LatencyMap can give it"
		}
		for l := range j.rules.TrafficLimits {
			limit := &j.rules.TrafficLimits[l]
			if state.CalleeKey(j.pod.Namespace, limit) != key {
				continue
			}
			trip.LimitMilliseconds = lower(trip.LimitMilliseconds, limit)
			if limit.Measured {
				trip.MeasuredLimitMilliseconds = lower(trip.MeasuredLimitMilliseconds, limit)
			}
		}
		trip.Milliseconds = milliseconds(trips[i], reason)
		out = append(out, trip)
	}
	return out
}

// lower is the lower of two limits; the first is nil for none.
func lower(milliseconds *float64, limit *policy.Traffic) *float64 {
	if milliseconds == nil || limit.MaxMilliseconds < *milliseconds {
		return &limit.MaxMilliseconds
	}
	return milliseconds
}

// notes say what the explanation leaves out.
func (j *judge) notes(own *verdict, options ExplainOptions) []string {
	var notes []string
	if _, ours := options.Profiles[j.pod.Spec.SchedulerName]; !ours && len(options.Profiles) > 0 {
		notes = append(notes, fmt.Sprintf("schedulerName is %q, which is none of Tradewind's profiles: policies do not hold for this pod, "+
			"and what is said here is what tradewind-scheduler would do; set schedulerName: tradewind in the pod template", j.pod.Spec.SchedulerName))
	}
	if own != nil {
		for _, problem := range own.node.Problems {
			notes = append(notes, "node "+own.node.Name+": "+problem)
		}
	}
	notes = append(notes, j.kubernetes.notes()...)
	if j.request == (pricing.Resources{}) {
		notes = append(notes, "the pod requests no CPU, memory or GPU, so its share of any node is nothing; give it requests")
	}
	if counted := rules.HasLocationLimits(j.rules) || len(j.rules.Latency) > 0 || j.rules.HasMaxHourlyUSD; counted && j.view.Desired > 1 {
		notes = append(notes, fmt.Sprintf("spread, spot share, latency and ceiling are counted over the %d of %s that %s has besides this pod",
			j.view.Placed(), count(j.view.Desired, "wanted replica"), j.revision.Kind+"/"+j.revision.Name))
	}
	return notes
}
