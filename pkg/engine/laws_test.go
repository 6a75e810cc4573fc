package engine_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"tradewind.dev/tradewind/pkg/engine"
)

// lawful are the snapshots that the laws of plans are tested with: calls have laws of their own.
var lawful = bounds{pools: 4, nodes: 2, workloads: 5, replicas: 4, survive: true, pins: true, current: true, pods: true, wishes: true}

// followed is a snapshot in which everything runs where a plan has it, on nodes that exist.
func followed(snapshot *engine.Snapshot, plan *engine.Plan) *engine.Snapshot {
	out := *snapshot
	out.Workloads, out.Pools = slices.Clone(out.Workloads), slices.Clone(out.Pools)
	numbers := make([][]int, len(out.Pools)) // of the added nodes
	for _, placement := range plan.Placements {
		for k := range placement.Decisions {
			d := &placement.Decisions[k]
			for _, n := range d.Nodes {
				if n.Node >= len(snapshot.Pools[d.Pool].Nodes) && !slices.Contains(numbers[d.Pool], n.Node) {
					numbers[d.Pool] = append(numbers[d.Pool], n.Node)
				}
			}
		}
	}
	for i := range out.Pools {
		pool := &out.Pools[i]
		slices.Sort(numbers[i])
		pool.Nodes = slices.Clip(pool.Nodes)
		for range numbers[i] {
			free := pool.Allocatable
			free.MilliCPU, free.MemoryBytes = max(free.MilliCPU-pool.Daemons.MilliCPU, 0), max(free.MemoryBytes-pool.Daemons.MemoryBytes, 0)
			free.Extended = map[string]int64{"pods": free.Extended["pods"] - pool.Daemons.Extended["pods"]}
			pool.Nodes = append(pool.Nodes, engine.Node{Name: "added", Free: free, HostPorts: pool.HostPorts})
		}
	}
	for i, placement := range plan.Placements {
		w := &out.Workloads[i]
		w.Current, w.RunsOn = nil, nil
		for k := range placement.Decisions {
			d := &placement.Decisions[k]
			w.Current = append(w.Current, engine.PoolReplicas{Pool: d.Pool, Replicas: d.Replicas})
			for _, n := range d.Nodes {
				node := n.Node
				if existing := len(snapshot.Pools[d.Pool].Nodes); node >= existing {
					node = existing + slices.Index(numbers[d.Pool], node)
				}
				w.RunsOn = append(w.RunsOn, engine.PodsAt{Pool: d.Pool, Node: node, Pods: n.Replicas})
			}
		}
	}
	return &out
}

// sound plans a snapshot and checks the plan.
func sound(t *rapid.T, snapshot *engine.Snapshot) *engine.Plan {
	return solved(t, snapshot, engine.Options{})
}

// TestAPlanOfAPlanMovesNothing plans what a plan asks for again when all of it runs. Where everything has a place, and would have one after
// each loss, it stays there.
func TestAPlanOfAPlanMovesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		bounds := lawful
		bounds.calls = rapid.Bool().Draw(t, "calling")
		snapshot := randomSnapshot(t, bounds)
		plan := sound(t, snapshot)
		if plan.Unplaced > 0 || plan.Unrecovered() > 0 {
			return
		}
		again := sound(t, followed(snapshot, plan))
		if again.Moves > 0 || again.Unplaced > 0 || again.Unrecovered() > 0 {
			t.Fatalf("%d moves and %d unplaced for $%g/h, after $%g/h with a gap of %g %%", again.Moves, again.Unplaced, again.Total(), plan.Total(), plan.GapPercent)
		}
	})
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
