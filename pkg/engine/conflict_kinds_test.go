package engine_test

import (
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"pgregory.net/rapid"

	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/rules"
	"tradewind.dev/tradewind/pkg/rules/policy"
)

// onlyUnder is a snapshot of one workload with no other rules than those of a conflict.
func onlyUnder(snapshot *engine.Snapshot, kept []engine.ConflictRule) *engine.Snapshot {
	holds := func(kind engine.Rule, word string) bool {
		return slices.ContainsFunc(kept, func(r engine.ConflictRule) bool { return r.Rule == kind && strings.Contains(r.Message, word) })
	}
	out := *snapshot
	w := snapshot.Workloads[0]
	if !holds(engine.RuleNodeSelector, "") {
		w.NodeSelector = nil
	}
	if !holds(engine.RuleTaint, "") {
		w.Tolerations = []corev1.Toleration{{Operator: corev1.TolerationOpExists}}
	}
	if w.Rules != nil {
		ruled := *w.Rules.Effective
		if !holds(engine.RuleResidency, "") {
			ruled.Residency = nil
		}
		if !holds(engine.RuleLocation, "") {
			ruled.Required = nil
		}
		if !holds(engine.RuleLatency, "") {
			ruled.Latency = nil
		}
		if !holds(engine.RuleSpot, "spot capacity") {
			ruled.SpotMaxPercent, ruled.SpotFallback = 100, ""
		}
		if !holds(engine.RuleSpot, "in one spot pool") {
			ruled.SpotPoolMaxPercent = 0
		}
		if !holds(engine.RuleCost, "") {
			ruled.HasMaxHourlyUSD = false
		}
		ruled.Spread = slices.DeleteFunc(slices.Clone(ruled.Spread), func(s policy.Spread) bool {
			return !holds(engine.RuleSpread, policy.LocationKeys[s.TopologyKey])
		})
		w.Rules = rules.NewRules(&ruled, snapshot.RoundTrips)
	}
	out.Workloads = []engine.Workload{w}
	return &out
}

// TestConflictsOfEveryKind compares conflicts of rules of every kind with trying every way to share the replicas out: there is
// none under the rules of a conflict, and one as soon as any of them is left out.
func TestConflictsOfEveryKind(t *testing.T) {
	generator := rapid.Custom(func(t *rapid.T) *engine.Snapshot {
		return randomSnapshot(t, bounds{pools: 5, nodes: 2, workloads: 1, replicas: 4})
	})
	kinds := map[engine.Rule]int{}
	for seed := range 4000 {
		snapshot := generator.Example(seed)
		w := &snapshot.Workloads[0]
		w.Replicas, w.Refused = w.Replicas-w.Refused, 0 // what a quota refuses has no place under any rules
		if rules := w.Rules; rules != nil {
			rules.Effective.Spread = slices.DeleteFunc(rules.Effective.Spread, byHost)
		}
		conflict := solve(t, snapshot, engine.Options{}).Placements[0].Conflict
		if conflict == nil {
			continue
		}
		rules := conflict.Rules
		if rules[0].Rule == engine.RuleSize || rules[0].Rule == engine.RuleCapacity {
			rules = nil // on empty nodes, without any rule
		}
		if _, possible := optimum(onlyUnder(snapshot, rules)); possible {
			t.Errorf("seed %d: there is a place under %v", seed, conflict)
		}
		for k := range rules {
			kinds[rules[k].Rule]++
			if _, possible := optimum(onlyUnder(snapshot, slices.Delete(slices.Clone(rules), k, k+1))); !possible {
				t.Errorf("seed %d: without %q there is no place either: %v", seed, rules[k].Message, conflict)
			}
		}
	}
	for _, kind := range []engine.Rule{engine.RuleResidency, engine.RuleLocation, engine.RuleTaint, engine.RuleNodeSelector, engine.RuleSpread, engine.RuleSpot,
		engine.RuleLatency, engine.RuleCost} {
		if kinds[kind] < 10 {
			t.Errorf("%s was in %d conflicts, want some", kind, kinds[kind])
		}
	}
}
