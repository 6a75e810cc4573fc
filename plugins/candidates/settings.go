package candidates

import (
	corev1 "k8s.io/api/core/v1"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/names"

	"tradewind.dev/tradewind/plugins/cycle"
	"tradewind.dev/tradewind/plugins/topologyspread"
)

// settings are what the scheduler's configuration says of a profile's plugins.
type settings struct {
	rules   []cycle.Judge // whose plugins filter, in that order
	scores  []cycle.Judge // whose plugins score
	weights map[string]int64
	// first says that this plugin is asked before others what is to be done for a pod that fits nowhere.
	first bool
}

// readSettings is called in the first cycle: while plugins are made the framework does not know them all.
func (p *Plugin) readSettings() settings {
	out := settings{weights: map[string]int64{}}
	listed := p.runner.ListPlugins()
	out.first = len(listed.PostFilter.Enabled) > 0 && listed.PostFilter.Enabled[0].Name == Name
	for _, plugin := range listed.Filter.Enabled {
		if judge, ok := p.JudgeOf(plugin.Name); ok {
			out.rules = append(out.rules, judge)
		}
	}
	for _, plugin := range listed.Score.Enabled {
		out.weights[plugin.Name] = int64(plugin.Weight)
		if judge, ok := p.JudgeOf(plugin.Name); ok && judge.Points != nil {
			out.scores = append(out.scores, judge)
		}
	}
	return out
}

// reach is how many points a place may be behind another and still be chosen for what the pod itself prefers, nodes,
// neighbours, an even spread, or for taints that ask it to stay away: so many as the profile gives to those at most.
func (p *Plugin) reach(wanted *demand, places []place) int64 {
	var reach int64
	weights := p.settings().weights
	if affinity := wanted.pod.Spec.Affinity; affinity != nil {
		if nodes := affinity.NodeAffinity; nodes != nil && len(nodes.PreferredDuringSchedulingIgnoredDuringExecution) > 0 {
			reach += weights[names.NodeAffinity]
		}
		near, apart := affinity.PodAffinity, affinity.PodAntiAffinity
		if near != nil && len(near.PreferredDuringSchedulingIgnoredDuringExecution) > 0 ||
			apart != nil && len(apart.PreferredDuringSchedulingIgnoredDuringExecution) > 0 {
			reach += weights[names.InterPodAffinity]
		}
	}
	if len(wanted.pod.Spec.ResourceClaims) > 0 { // which may name devices in the order of preference
		reach += weights[names.DynamicResources]
	}
	for i := range wanted.pod.Spec.TopologySpreadConstraints {
		if wanted.pod.Spec.TopologySpreadConstraints[i].WhenUnsatisfiable == corev1.ScheduleAnyway {
			reach += weights[names.PodTopologySpread] + weights[topologyspread.Name]
			break
		}
	}
	for i := range places {
		if !wanted.tolerates(places[i].group.taints, corev1.TaintEffectPreferNoSchedule) {
			reach += weights[names.TaintToleration]
			break
		}
	}
	return reach * fwk.MaxNodeScore
}
