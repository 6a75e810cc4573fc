package engine_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"tradewind.dev/tradewind/internal/verify"
	"tradewind.dev/tradewind/pkg/engine"
)

// lawful are the snapshots that the laws of plans are tested with: calls have laws of their own.
var lawful = bounds{pools: 4, nodes: 2, workloads: 5, replicas: 4, survive: true, pins: true, current: true, pods: true}

// sound plans a snapshot and checks the plan.
func sound(t *rapid.T, snapshot *engine.Snapshot) *engine.Plan {
	plan, err := engine.Solve(snapshot, engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range verify.Check(snapshot, plan, engine.Options{}) {
		t.Fatal(v)
	}
	return plan
}

// lessRoom takes room from a snapshot, such that its pools have nodes where they had some: a domain that is gone is none that topology
// spread constraints count.
func lessRoom(t *rapid.T, snapshot *engine.Snapshot) *engine.Snapshot {
	out := *snapshot
	out.Pools = slices.Clone(out.Pools)
	for range rapid.IntRange(1, 2).Draw(t, "cuts") {
		pool := &out.Pools[rapid.IntRange(0, len(out.Pools)-1).Draw(t, "cut")]
		switch {
		case len(pool.Nodes) > 1:
			pool.Nodes = pool.Nodes[:len(pool.Nodes)-1]
			pool.MaxNodes = min(pool.MaxNodes, len(pool.Nodes))
		case pool.MaxNodes > 1:
			pool.MaxNodes--
		}
	}
	return &out
}

// oneRuleMore gives a workload a rule that it had not.
func oneRuleMore(t *rapid.T, snapshot *engine.Snapshot) *engine.Snapshot {
	out := *snapshot
	out.Workloads = slices.Clone(out.Workloads)
	w := &out.Workloads[rapid.IntRange(0, len(out.Workloads)-1).Draw(t, "ruled")]
	if w.NodeSelector == nil && rapid.Bool().Draw(t, "selector") {
		w.NodeSelector = map[string]string{"topology.kubernetes.io/region": rapid.SampledFrom(randomPlaces).Draw(t, "region").region}
		return &out
	}
	var rules engine.PodRules
	if w.PodRules != nil {
		rules = *w.PodRules
	}
	rules.Apart = append(slices.Clone(rules.Apart), engine.PodTerm{
		TopologyKey: rapid.SampledFrom(podKeys).Draw(t, "key"), Selector: "app=x",
		PodSet: engine.PodSet{Workloads: []int{rapid.IntRange(0, len(out.Workloads)-1).Draw(t, "other")}},
	})
	w.PodRules = &rules
	return &out
}

// samePlaced says whether two plans place as many replicas of each workload.
func samePlaced(a, b *engine.Plan) bool {
	return slices.EqualFunc(a.Placements, b.Placements, func(x, y *engine.Placement) bool { return x.Unplaced == y.Unplaced })
}

// TestLessIsNoBetter takes room away, or adds a rule: where as many replicas have a place, the plan is no cheaper than one with more is
// proven to be at best, so not at all where that is the best. The other way round it says that one more place makes no plan dearer by more
// than its gap.
func TestLessIsNoBetter(t *testing.T) {
	bounds := lawful
	bounds.spreadless = true
	rapid.Check(t, func(t *rapid.T) {
		snapshot := randomSnapshot(t, bounds)
		var less *engine.Snapshot
		if rapid.Bool().Draw(t, "room") {
			less = lessRoom(t, snapshot)
		} else {
			less = oneRuleMore(t, snapshot)
		}
		more, fewer := sound(t, snapshot), sound(t, less)
		if !samePlaced(more, fewer) {
			return
		}
		if fewer.Total() < more.LowerBoundUSD-1e-9 {
			t.Fatalf("$%g/h with less, and no plan can cost less than $%g/h", fewer.Total(), more.LowerBoundUSD)
		}
	})
}
