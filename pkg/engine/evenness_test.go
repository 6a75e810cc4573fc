package engine_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/internal/verify"
	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/location"
)

// TestPreferredSpread keeps replicas apart as far as the weight pays for it. A replica takes a quarter of a machine, of $0.20 an hour in
// zone a and $0.30 in b, and in c too where there is one.
func TestPreferredSpread(t *testing.T) {
	over := func(key string, weight int32, maxSkew int) []engine.PreferredSpread {
		return []engine.PreferredSpread{{TopologyKey: key, Weight: weight, MaxSkew: maxSkew}}
	}
	zone := corev1.LabelTopologyZone
	for _, c := range []struct {
		name       string
		replicas   int
		spread     []engine.PreferredSpread
		change     func(b *build)
		want       map[string]int
		preference float64
	}{
		{"no wish", 2, nil, nil, map[string]int{"a": 2}, 0},
		{"worth more than the other zone is dearer", 2, over(zone, 60, 1), nil, map[string]int{"a": 1, "b": 1}, 0},
		{"worth less", 2, over(zone, 40, 1), nil, map[string]int{"a": 2}, 0.4 * 0.05},
		{"two wishes add up", 2, append(over(zone, 30, 0), over(zone, 30, 0)...), nil, map[string]int{"a": 1, "b": 1}, 0},
		{"one replica has nobody to keep apart from", 1, over(zone, 100, 1), nil, map[string]int{"a": 1}, 0},
		{"a second replica pays half of three's weight", 3, over(zone, 100, 1), nil, map[string]int{"a": 2, "b": 1}, 0.5 * 0.05},
		{"as many as the skew allows are free", 3, over(zone, 100, 2), nil, map[string]int{"a": 2, "b": 1}, 0},
		{"a skew that all keep", 3, over(zone, 100, 3), nil, map[string]int{"a": 3}, 0},
		{"over three zones", 6, over(zone, 100, 1), func(b *build) {
			b.machines("c", "m5.xlarge", v1alpha1.CapacityOnDemand, 0.20, 2).Name = "c"
			b.Pools[1].Price.USD = 0.201
		}, map[string]int{"a": 2, "b": 2, "c": 2}, (2*0.05 + 0.05025) / 5},
		{"a cloud", 2, over(v1alpha1.LabelCloud, 100, 1), nil, map[string]int{"a": 2}, 0.05},
		{"a label that one pool has", 2, over("rack", 100, 1), func(b *build) {
			b.Pools[1].Labels = withLabel(b.Pools[1].Labels, "rack", "r1")
		}, map[string]int{"a": 1, "b": 1}, 0},
		{"a label that nothing has", 2, over("rack", 100, 1), nil, map[string]int{"a": 2}, 0.05},
		{"the same value in another cluster", 2, over(zone, 100, 1), func(b *build) {
			b.Pools[1].Labels, b.Pools[1].Cluster = b.Pools[0].Labels, "other"
		}, map[string]int{"a": 1, "b": 1}, 0},
		{"no weight", 2, over(zone, 0, 1), nil, map[string]int{"a": 2}, 0},
		{"nodes are not told apart", 2, over(corev1.LabelHostname, 100, 1), nil, map[string]int{"a": 2}, 0},
		{"a node for each that can be added", 2, over(corev1.LabelHostname, 100, 1), func(b *build) {
			b.Pools[0].Allocatable.MilliCPU, b.Pools[0].Price.USD = 4000, 0.20
		}, map[string]int{"a": 2}, 0},
		{"one node, and another pool that is worth it", 2, over(corev1.LabelHostname, 60, 1), func(b *build) {
			b.Pools[0].MaxNodes, b.Pools[1].MaxNodes = 1, 1
		}, map[string]int{"a": 1, "b": 1}, 0},
		{"one node, and another pool that is not", 2, over(corev1.LabelHostname, 40, 1), func(b *build) {
			b.Pools[0].MaxNodes, b.Pools[1].MaxNodes = 1, 1
		}, map[string]int{"a": 2}, 0.4 * 0.05},
		{"a second node that has no room", 2, over(corev1.LabelHostname, 60, 1), func(b *build) {
			node := engine.Node{Free: b.Pools[0].Allocatable}
			full := node
			full.Free.MilliCPU = 999
			b.Pools[0].Nodes, b.Pools[0].MaxNodes = []engine.Node{node, full}, 0
		}, map[string]int{"a": 1, "b": 1}, 0},
		{"four on two nodes: two second ones of three parts", 4, over(corev1.LabelHostname, 10, 1), func(b *build) {
			b.Pools = b.Pools[:1]
		}, map[string]int{"a": 4}, 2 * 0.1 * 0.05 / 3},
		{"other zones and other nodes add up", 2, append(over(zone, 30, 1), over(corev1.LabelHostname, 30, 1)...), func(b *build) {
			b.Pools[0].MaxNodes = 1
		}, map[string]int{"a": 1, "b": 1}, 0},
		{"nobody is left out for it", 8, over(zone, 100, 1), func(b *build) {
			b.Pools[0].MaxNodes = 1
		}, map[string]int{"a": 4, "b": 4}, (4*0.05 + 4*0.075) * 6 / 4 / 7},
		{"in one zone where there is no room elsewhere", 4, over(zone, 100, 1), func(b *build) {
			b.Pools[1].MaxNodes = 0
		}, map[string]int{"a": 4}, 2 * 0.05},
		{"a rule comes first", 2, over(zone, 100, 1), func(b *build) {
			b.Workloads[0].NodeSelector = map[string]string{zone: "eu-west-1a"}
		}, map[string]int{"a": 2}, 0.05},
		{"what runs stays where moving is dearer", 2, over(zone, 60, 1), func(b *build) {
			b.Workloads[0].Current = []engine.PoolReplicas{{Pool: 0, Replicas: 2}}
			b.Workloads[0].RestartUSD = 1
		}, map[string]int{"a": 2}, 0.6 * 0.05},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBuild(t)
			b.Pools = nil
			b.machines("a", "m5.xlarge", v1alpha1.CapacityOnDemand, 0.20, 2).Name = "a"
			b.machines("b", "m5.xlarge", v1alpha1.CapacityOnDemand, 0.30, 2).Name = "b"
			b.workload("web", c.replicas, 1000, func(w *engine.Workload) { w.PreferredSpread = c.spread })
			if c.change != nil {
				c.change(b)
			}
			plan := solve(t, b.Snapshot, byShares)
			if got := onPools(plan, b.Snapshot); fmt.Sprint(got) != fmt.Sprint(c.want) {
				t.Errorf("%v, want %v", got, c.want)
			}
			if got := plan.Bill.Preference; math.Abs(got-c.preference) > 1e-9 {
				t.Errorf("preferences of $%g, want $%g", got, c.preference)
			}
		})
	}
}

// TestPreferredSpreadOverNodes puts replicas on other nodes of their pool where that brings no machine more into use.
func TestPreferredSpreadOverNodes(t *testing.T) {
	const host = corev1.LabelHostname
	wish := func(maxSkew int) func(w *engine.Workload) {
		return func(w *engine.Workload) {
			w.PreferredSpread = []engine.PreferredSpread{{TopologyKey: host, Weight: 1, MaxSkew: maxSkew}}
		}
	}
	kept := func(nodes ...int) func(b *build) {
		return func(b *build) {
			for _, n := range nodes {
				b.Pools[0].Nodes[n].Kept = true
			}
		}
	}
	for _, c := range []struct {
		name     string
		replicas int
		change   func(w *engine.Workload)
		cluster  func(b *build)
		want     string // replicas by node
	}{
		{"no wish", 3, func(*engine.Workload) {}, kept(0, 1, 2), "3 0 0 0"},
		{"each on a node of its own", 3, wish(1), kept(0, 1, 2), "1 1 1 0"},
		{"no machine more", 3, wish(1), kept(0, 1), "2 1 0 0"},
		{"none at all", 3, wish(1), func(*build) {}, "3 0 0 0"},
		{"sunk machines", 3, wish(1), func(b *build) { b.Pools[0].Sunk = true }, "1 1 1 0"},
		{"as many as the skew allows", 4, wish(2), kept(0, 1, 2), "2 1 1 0"},
		{"a node without room", 3, wish(1), func(b *build) {
			kept(0, 1, 2)(b)
			b.Pools[0].Nodes[1].Free.MilliCPU = 500
		}, "2 0 1 0"},
		{"room that is kept for a loss", 3, wish(1), func(b *build) {
			kept(0, 1, 2)(b)
			b.Pools[0].Nodes = b.Pools[0].Nodes[:2] // what azure would lose has room here alone, on the second node
			b.Pools[0].Nodes[0].Free.MilliCPU = 3000
			azure := b.pool("azure", "westeurope", "1", 0.01)
			azure.Nodes = azure.Nodes[:1]
			b.workload("db", 1, 4000, survive(location.DomainCloud, 0))
		}, "3 0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBuild(t)
			b.Pools = nil
			pool := b.pool("aws", "us-east-1", "us-east-1a", 0.10)
			pool.Nodes = append(pool.Nodes, pool.Nodes[0], pool.Nodes[0])
			b.workload("web", c.replicas, 1000, c.change)
			c.cluster(b)
			solver, err := engine.NewSolver(b.Snapshot, byInvoice)
			if err != nil {
				t.Fatal(err)
			}
			look := func(when string, plan *engine.Plan) {
				t.Helper()
				for _, v := range verify.Check(b.Snapshot, plan, byInvoice) {
					t.Error(v)
				}
				got := make([]int, len(b.Pools[0].Nodes))
				for _, d := range plan.Placements[0].Decisions {
					for _, n := range d.Nodes {
						if d.Pool == 0 {
							got[n.Node] += n.Replicas
						}
					}
				}
				if strings.Trim(fmt.Sprint(got), "[]") != c.want {
					t.Errorf("%s: %v by node, want %s", when, got, c.want)
				}
				if plan.Unplaced+plan.Unrecovered() > 0 {
					t.Errorf("%s: %d unplaced, %d without room after a loss", when, plan.Unplaced, plan.Unrecovered())
				}
			}
			look("planned", solver.Plan())
			plan, err := solver.Update(0, b.Workloads[0])
			if err != nil {
				t.Fatal(err)
			}
			look("updated", plan)
		})
	}
}

// TestPreferredSpreadBounds: what replicas pay wherever they are is in the bound, so that the plan is proven the best.
func TestPreferredSpreadBounds(t *testing.T) {
	for _, zones := range []string{"a", "ab", "abc"} {
		for _, options := range []engine.Options{byShares, byInvoice} {
			b := newBuild(t)
			b.Pools = nil
			for _, zone := range zones {
				b.machines(string(zone), "m5.xlarge", v1alpha1.CapacityOnDemand, 0.20, 2)
			}
			b.workload("web", 8, 1000, func(w *engine.Workload) {
				w.PreferredSpread = []engine.PreferredSpread{{TopologyKey: corev1.LabelTopologyZone, Weight: 100}}
			})
			plan := solve(t, b.Snapshot, options)
			most := 0.01
			if zones == "abc" && options.Objective == engine.ObjectiveInvoice {
				most = 8 // machines and wishes are bounded each for itself
			}
			if plan.Unplaced > 0 || plan.Bill.Preference == 0 || plan.GapPercent > most {
				t.Errorf("zones %s by %s: %d unplaced, preferences of $%g, a gap of %g %%; want at most %g", zones, options.Objective,
					plan.Unplaced, plan.Bill.Preference, plan.GapPercent, most)
			}
		}
	}
}

// TestPreferredSpreadOverMachines weighs whole machines against it: room on those in use is taken for any weight, a machine more is not
// bought for a small share of one.
func TestPreferredSpreadOverMachines(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(b *build)
		want   map[string]int
	}{
		{"both zones are paid for", func(b *build) { b.Pools[0].Sunk, b.Pools[1].Sunk = true, true }, map[string]int{"a": 2, "b": 2}},
		{"others use a machine there", func(b *build) {
			b.workload("db", 1, 1000, func(w *engine.Workload) { w.Pins = []engine.Pin{{Replicas: 1, Pools: []int{1}}} })
			b.workload("mail", 1, 1000, func(w *engine.Workload) { w.Pins = []engine.Pin{{Replicas: 1, Pools: []int{0}}} })
		}, map[string]int{"a": 2, "b": 2}},
		{"a machine more costs more than it is worth", nil, map[string]int{"a": 4}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBuild(t)
			b.Pools = nil
			b.machines("a", "m5.xlarge", v1alpha1.CapacityOnDemand, 0.20, 2).Name = "a"
			b.machines("b", "m5.xlarge", v1alpha1.CapacityOnDemand, 0.30, 2).Name = "b"
			b.workload("web", 4, 1000, func(w *engine.Workload) {
				w.PreferredSpread = []engine.PreferredSpread{{TopologyKey: corev1.LabelTopologyZone, Weight: 50, MaxSkew: 1}}
			})
			if c.change != nil {
				c.change(b)
			}
			if got := onPools(solve(t, b.Snapshot, byInvoice), b.Snapshot); fmt.Sprint(got) != fmt.Sprint(c.want) {
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
}

// TestPreferredSpreadOfUpdates keeps replicas apart that a change of their workload asks for, one after the other.
func TestPreferredSpreadOfUpdates(t *testing.T) {
	b := newBuild(t)
	b.Pools = nil
	b.machines("a", "m5.xlarge", v1alpha1.CapacityOnDemand, 0.20, 4).Name = "a"
	b.machines("b", "m5.xlarge", v1alpha1.CapacityOnDemand, 0.22, 4).Name = "b"
	b.workload("web", 1, 1000)
	solver, err := engine.NewSolver(b.Snapshot, byShares)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		replicas int
		weight   int32
		want     map[string]int
	}{
		{2, 0, map[string]int{"a": 2}}, {2, 50, map[string]int{"a": 1, "b": 1}},
		{5, 50, map[string]int{"a": 3, "b": 2}}, {3, 5, map[string]int{"a": 3}},
	} {
		next := b.Workloads[0]
		next.Replicas = c.replicas
		next.PreferredSpread = []engine.PreferredSpread{{TopologyKey: corev1.LabelTopologyZone, Weight: c.weight}}
		plan, err := solver.Update(0, next)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range verify.Check(solver.Snapshot(), plan, byShares) {
			t.Error(v)
		}
		if got := onPools(plan, solver.Snapshot()); fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%d replicas with a weight of %d: %v, want %v", c.replicas, c.weight, got, c.want)
		}
	}
}

// TestPreferredSpreadIsExplained: what a place is dearer counts what a replica would no longer pay for the others in its domain.
func TestPreferredSpreadIsExplained(t *testing.T) {
	for _, options := range []engine.Options{byShares, byInvoice} {
		b := newBuild(t)
		b.Pools = nil
		b.machines("a", "m5.xlarge", v1alpha1.CapacityOnDemand, 0.20, 2).Sunk = true
		b.machines("b", "m5.xlarge", v1alpha1.CapacityOnDemand, 0.30, 2)
		b.workload("web", 2, 1000, func(w *engine.Workload) {
			w.PreferredSpread = []engine.PreferredSpread{{TopologyKey: corev1.LabelTopologyZone, Weight: 40}}
		})
		solver, err := engine.NewSolver(b.Snapshot, options)
		if err != nil {
			t.Fatal(err)
		}
		want := 0.075 - 0.05 - 0.4*0.05
		if options.Objective == engine.ObjectiveInvoice {
			want = 0.30 - 0.4*0.05 // a machine more
		}
		rejected := solver.Explain(0).Rejected
		if len(rejected) != 1 || rejected[0].Rule != engine.RulePrice || math.Abs(rejected[0].DeltaUSD-want) > 1e-6 {
			t.Errorf("by %s: %+v, want one that is $%g dearer", options.Objective, rejected, want)
		}
	}
}
