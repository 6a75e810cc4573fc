package cycle

import (
	fwk "k8s.io/kube-scheduler/framework"
)

// ObservePlaced counts a pod that was bound, by cloud, region and capacity type.
func (p *Profile) ObservePlaced(state fwk.CycleState, node string) {
	candidate, ok := p.Live.NodeNamed(node)
	if !ok {
		return
	}
	class, profile := candidate.Class, p.Handle.ProfileName()
	placedPods.WithLabelValues(profile, known(class.Cloud), known(class.Region), known(string(class.CapacityType))).Inc()
	if pod, found := p.bound(state); found && pod.Rules.Static(class).UnmetPreference > 0 {
		preferencesUnmet.WithLabelValues(profile, known(class.Cloud)).Inc()
	}
}

// ObserveCost records what a pod that was bound costs.
func (p *Profile) ObserveCost(state fwk.CycleState, node string) {
	pod, found := p.bound(state)
	candidate, ok := p.Live.NodeNamed(node)
	if !found || !ok {
		return
	}
	if usd, priced := candidate.HourlyUSD(pod.Request); priced {
		placedHourlyUSD.WithLabelValues(p.Handle.ProfileName(), known(candidate.Class.Cloud)).Observe(usd)
	}
}

// ObserveRoundTrip records the expected round trip of the clients of a pod that was bound.
func (p *Profile) ObserveRoundTrip(state fwk.CycleState, node string) {
	pod, found := p.bound(state)
	candidate, ok := p.Live.NodeNamed(node)
	if !found || !ok || len(pod.Rules.Clients) == 0 {
		return
	}
	if trip := pod.Rules.Static(candidate.Class).Clients; trip.Known() {
		expectedRoundTrip.WithLabelValues(p.Handle.ProfileName(), known(candidate.Class.Cloud)).Observe(trip.Milliseconds)
	}
}

// ObservePlan records whether a pod that was bound went where the plan has room. The counting's reasons say where it has
// none.
func (p *Profile) ObservePlan(counting *Counting, state fwk.CycleState, node string) {
	outcome := "no_plan"
	if pod, found := p.bound(state); found && pod.Targets != nil {
		candidate, ok := p.Live.NodeNamed(node)
		replicas, status := counting.Read(state)
		if !ok || !status.IsSuccess() {
			return
		}
		if outcome = "followed"; replicas.Reason(candidate.Class) != "" {
			outcome = "deviated"
		}
	}
	planFollowed.WithLabelValues(p.Handle.ProfileName(), outcome).Inc()
}

func (p *Profile) bound(state fwk.CycleState) (*Pod, bool) {
	data, err := state.Read(podKey)
	if err != nil {
		return nil, false
	}
	pod, ok := data.(*Pod)
	return pod, ok
}

func known(value string) string {
	if value == "" {
		return "unknown"
	}
	return value
}
