package cycle

import (
	"context"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/component-base/metrics"
	fwk "k8s.io/kube-scheduler/framework"

	"tradewind.dev/tradewind/pkg/rules"
	"tradewind.dev/tradewind/pkg/state"
)

// Factory makes a plugin for one profile. Errors name the profile and the argument.
type Factory = func(context.Context, runtime.Object, fwk.Handle) (fwk.Plugin, error)

// Factory returns the factory of a plugin that newPlugin makes of a profile.
func (s *Shared) Factory(newPlugin func(*Profile) fwk.Plugin) Factory {
	return func(ctx context.Context, args runtime.Object, handle fwk.Handle) (fwk.Plugin, error) {
		profile, err := s.Profile(ctx, args, handle)
		if err != nil {
			return nil, err
		}
		return newPlugin(profile), nil
	}
}

// Filtering is what plugins that exclude nodes have in common.
type Filtering struct {
	*Profile
	// Counting counts the replicas of the pod's revision. A plugin whose rules are not about them never begins it, and has no
	// PreFilterExtensions.
	Counting *Counting

	name     string
	rejected metrics.CounterMetric
}

// Filtering makes it for a plugin. judge is nil when the plugin's rules are not about classes; see Counting.
func (p *Profile) Filtering(plugin string, judge func(*Replicas) func(*rules.Class) string) *Filtering {
	return &Filtering{
		Profile: p, name: plugin, rejected: rejectedNodes.WithLabelValues(plugin, p.Handle.ProfileName()),
		Counting: &Counting{Profile: p, Key: fwk.StateKey(plugin), Judge: judge},
	}
}

// Judged makes known what the plugin says of nodes; see Judge. It is called while the plugin is made.
func (f *Filtering) Judged(allows func(fwk.CycleState, *Pod, *state.Node) bool, points func(fwk.CycleState, *Pod, *state.Node) int64) {
	f.addJudge(Judge{Plugin: f.name, Rejected: f.rejected, Allows: allows, Points: points})
}

// Name implements fwk.Plugin.
func (f *Filtering) Name() string { return f.name }

// PreFilterExtensions implements fwk.PreFilterPlugin: rules that count replicas depend on what preemption would leave of them.
func (f *Filtering) PreFilterExtensions() fwk.PreFilterExtensions { return f.Counting }

// Exclude counts and returns the status of a node that a rule excludes; see Reject.
func (f *Filtering) Exclude(reason string, helpedByPreemption bool) *fwk.Status {
	f.rejected.Inc()
	return Reject(reason, helpedByPreemption)
}

// FilterClass excludes a node whose class one more replica may not go to. Replicas of one workload do not preempt each other.
func (f *Filtering) FilterClass(state fwk.CycleState, node fwk.NodeInfo) *fwk.Status {
	replicas, status := f.Counting.Read(state)
	if status != nil {
		return status
	}
	if reason := replicas.Reason(f.Candidate(node).Class); reason != "" {
		return f.Exclude(reason, false)
	}
	return nil
}

// Scoring is what plugins that also score nodes by a criterion have in common.
type Scoring struct {
	*Filtering
	criterion Criterion
}

// Scoring makes it for a plugin; see Profile.Filtering.
func (p *Profile) Scoring(plugin string, judge func(*Replicas) func(*rules.Class) string, criterion Criterion) *Scoring {
	return &Scoring{Filtering: p.Filtering(plugin, judge), criterion: criterion}
}
