package engine_test

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"tradewind.dev/tradewind/internal/verify"
	"tradewind.dev/tradewind/pkg/engine"
)

// option is one way to share a workload's replicas out over the pools.
type option struct {
	replicas []int // by pool
	usd      float64
}

// options lists every way that keeps the workload's own rules, cheapest first, whatever room there is.
func optionsOf(snapshot *engine.Snapshot, i int, objective engine.Objective) []option {
	roomy := *snapshot
	roomy.Pools = slices.Clone(snapshot.Pools)
	for p := range roomy.Pools {
		if !packs(&snapshot.Pools[p], []*engine.Resources{&snapshot.Workloads[i].Request}) {
			continue // no node is large enough, so that it is no domain of a skew either
		}
		// As many nodes as have room, without bounds: their price is in Allocatable, which stays.
		roomy.Pools[p].Nodes = nil
		for range hostsOf(&snapshot.Pools[p], &snapshot.Workloads[i].Request) {
			roomy.Pools[p].Nodes = append(roomy.Pools[p].Nodes, engine.Node{Free: engine.Resources{
				MilliCPU: math.MaxInt32, MemoryBytes: 1 << 50, GPUs: 1 << 20, Extended: map[string]int64{"pods": 1 << 20},
			}})
		}
		roomy.Pools[p].MaxNodes = 0
	}
	roomy.Workloads = []engine.Workload{snapshot.Workloads[i]}
	var out []option
	replicas := make([]int, len(snapshot.Pools))
	var share func(pool, left int)
	share = func(pool, left int) {
		if pool == len(replicas)-1 {
			replicas[pool] = left
			if usd, ok := judge(&roomy, replicas, objective); ok {
				out = append(out, option{slices.Clone(replicas), usd})
			}
			return
		}
		for n := 0; n <= left; n++ {
			replicas[pool] = n
			share(pool+1, left-n)
		}
	}
	share(0, snapshot.Workloads[i].Replicas)
	slices.SortFunc(out, func(a, b option) int {
		switch {
		case a.usd < b.usd:
			return -1
		case a.usd > b.usd:
			return 1
		}
		return 0
	})
	return out
}

// hostsOf is how many nodes of a pool have room for a replica, and of those that can be added.
func hostsOf(pool *engine.Pool, request *engine.Resources) int {
	n := 0
	for k := range max(len(pool.Nodes), pool.MaxNodes) {
		one := *pool
		if one.Nodes, one.MaxNodes = nil, 1; k < len(pool.Nodes) {
			one.Nodes, one.MaxNodes = pool.Nodes[k:k+1], 0
		}
		if packs(&one, []*engine.Resources{request}) {
			n++
		}
	}
	return n
}

// judge says what the only workload of a snapshot costs when shared out so, whole machines apart, and whether its rules allow that.
func judge(snapshot *engine.Snapshot, replicas []int, objective engine.Objective) (usd float64, ok bool) {
	placement := &engine.Placement{}
	for p, n := range replicas {
		if n > 0 {
			placement.Decisions = append(placement.Decisions, engine.Decision{Pool: p, Replicas: n, Nodes: []engine.NodeReplicas{{Node: 0, Replicas: n}}})
		}
	}
	plan := &engine.Plan{Placements: []*engine.Placement{placement}, Pools: make([]engine.PoolUse, len(snapshot.Pools))}
	for _, v := range verify.Check(snapshot, plan, engine.Options{}) {
		switch v.Rule {
		case "bill", "shape", "bound": // the figures are not filled in
		default:
			return 0, false
		}
	}
	bill := verify.Bill(snapshot, [][]engine.Decision{placement.Decisions}, engine.Options{})
	return objective.Total(&bill), true
}

// packs says whether replicas of several workloads fit on the nodes of a pool, by trying every node for each.
func packs(pool *engine.Pool, requests []*engine.Resources) bool {
	var nodes []engine.Resources
	for i := range pool.Nodes {
		nodes = append(nodes, pool.Nodes[i].Free)
	}
	for len(nodes) < pool.MaxNodes {
		added, daemons := pool.Allocatable, &pool.Daemons
		added.MilliCPU, added.MemoryBytes = max(added.MilliCPU-daemons.MilliCPU, 0), max(added.MemoryBytes-daemons.MemoryBytes, 0)
		added.Extended = map[string]int64{"pods": max(added.Extended["pods"]-daemons.Extended["pods"], 0)}
		nodes = append(nodes, added)
	}
	free := make([][4]int64, len(nodes))
	for i := range nodes {
		free[i] = [4]int64{nodes[i].MilliCPU, nodes[i].MemoryBytes, nodes[i].GPUs, nodes[i].Extended["pods"]}
	}
	var place func(k int) bool
	place = func(k int) bool {
		if k == len(requests) {
			return true
		}
		want := [4]int64{requests[k].MilliCPU, requests[k].MemoryBytes, requests[k].GPUs, requests[k].Extended["pods"]}
	nodes:
		for i := range free {
			for d := range want {
				if free[i][d] < want[d] {
					continue nodes
				}
			}
			for j := range i { // a node like an earlier one gives nothing new
				if free[j] == free[i] {
					continue nodes
				}
			}
			for d := range want {
				free[i][d] -= want[d]
			}
			if place(k + 1) {
				return true
			}
			for d := range want {
				free[i][d] += want[d]
			}
		}
		return false
	}
	return place(0)
}

// optimum is the least that placing every replica can cost, found by trying everything; false when it is impossible.
func optimum(snapshot *engine.Snapshot) (float64, bool) {
	options := make([][]option, len(snapshot.Workloads))
	least := make([]float64, len(snapshot.Workloads)+1)
	for i := range snapshot.Workloads {
		if options[i] = optionsOf(snapshot, i, engine.ObjectiveShares); len(options[i]) == 0 {
			return 0, false
		}
	}
	for i := len(options) - 1; i >= 0; i-- {
		least[i] = least[i+1] + options[i][0].usd
	}
	best := math.Inf(1)
	on := make([][]*engine.Resources, len(snapshot.Pools))
	var try func(i int, usd float64)
	try = func(i int, usd float64) {
		if usd+least[i] >= best-1e-12 {
			return
		}
		if i == len(options) {
			best = usd
			return
		}
		for _, o := range options[i] {
			lengths, fits := make([]int, len(on)), true
			for p, n := range o.replicas {
				lengths[p] = len(on[p])
				for range n {
					on[p] = append(on[p], &snapshot.Workloads[i].Request)
				}
				fits = fits && (n == 0 || packs(&snapshot.Pools[p], on[p]))
			}
			if fits {
				try(i+1, usd+o.usd)
			}
			for p := range on {
				on[p] = on[p][:lengths[p]]
			}
		}
	}
	try(0, 0)
	return best, !math.IsInf(best, 1)
}

// small snapshots can be tried through.
var small = bounds{pools: 5, nodes: 2, workloads: 5, replicas: 4, current: true}

// TestPlansAreOptimal compares plans of small random snapshots with the best of all plans.
func TestPlansAreOptimal(t *testing.T) { plansAreOptimal(t, small, 3000) }

// TestPlansOfWishesAreOptimal does so where replicas prefer to be apart.
func TestPlansOfWishesAreOptimal(t *testing.T) {
	wishful := small
	wishful.wishes = true
	plansAreOptimal(t, wishful, 1000)
}

func plansAreOptimal(t *testing.T, b bounds, seeds int) {
	generator := rapid.Custom(func(t *rapid.T) *engine.Snapshot { return randomSnapshot(t, b) })
	var gaps []float64
	for seed := range seeds {
		snapshot := generator.Example(seed)
		for i := range snapshot.Workloads {
			if rules := snapshot.Workloads[i].Rules; rules != nil {
				rules.Effective.Spread = slices.DeleteFunc(rules.Effective.Spread, byHost)
			}
		}
		best, possible := optimum(snapshot)
		plan := solve(t, snapshot, engine.Options{Objective: engine.ObjectiveShares})
		if !possible {
			if plan.Unplaced == 0 {
				t.Errorf("seed %d: everything is placed, which is impossible", seed)
			}
			continue
		}
		if plan.Unplaced > 0 {
			t.Errorf("seed %d: %d unplaced, though all have a place", seed, plan.Unplaced)
			continue
		}
		if plan.LowerBoundUSD > best+1e-9 {
			t.Errorf("seed %d: the bound $%g is above the optimum $%g", seed, plan.LowerBoundUSD, best)
		}
		gap := 0.0
		if best > 1e-9 {
			gap = (plan.Bill.Total()/best - 1) * 100
		}
		if gap > 1 {
			t.Errorf("seed %d: $%g, the optimum is $%g: %.2f%% above", seed, plan.Bill.Total(), best, gap)
		}
		gaps = append(gaps, gap)
	}
	slices.Sort(gaps)
	t.Logf("%d snapshots, median gap %.4f%%, worst %.4f%%", len(gaps), gaps[len(gaps)/2], gaps[len(gaps)-1])
	if len(gaps) < 100 || gaps[len(gaps)/2] > 1e-6 {
		t.Errorf("median gap %g%% over %d snapshots", gaps[len(gaps)/2], len(gaps))
	}
}
