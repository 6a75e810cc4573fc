package cycle

import (
	"k8s.io/component-base/metrics"
	fwk "k8s.io/kube-scheduler/framework"

	"tradewind.dev/tradewind/pkg/state"
)

// Judge is what a plugin says of nodes before any of them is filtered or scored. Filter and Score of the plugin ask the same
// functions, in the state of the cycle after PreFilter.
type Judge struct {
	Plugin string
	// Allows says whether the plugin's Filter lets a pod onto nodes like this one, but for what only single nodes decide.
	Allows func(fwk.CycleState, *Pod, *state.Node) bool
	// Points are the plugin's Score; nil when it has none.
	Points func(fwk.CycleState, *Pod, *state.Node) int64
	// Rejected counts the nodes that the plugin excludes.
	Rejected metrics.CounterMetric
}

// addJudge makes known what a plugin of the profile says of nodes. It is called while the plugin is made.
func (p *Profile) addJudge(judge Judge) { p.judges = append(p.judges, judge) }

// JudgeOf returns that of a plugin; ok is false when the plugin is not of Tradewind.
func (p *Profile) JudgeOf(plugin string) (judge Judge, ok bool) {
	for _, judge := range p.judges {
		if judge.Plugin == plugin {
			return judge, true
		}
	}
	return Judge{}, false
}
