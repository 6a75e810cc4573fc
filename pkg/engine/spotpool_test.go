package engine_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/pricing"
)

// spotPool adds spot machines of a type in a zone of aws/eu-west-1, under the name of both.
func (b *build) spotPool(zone, instanceType string, usd float64, nodes int) *engine.Pool {
	return b.machines(zone, instanceType, v1alpha1.CapacitySpot, usd, nodes)
}

func (b *build) machines(zone, instanceType string, capacity v1alpha1.CapacityType, usd float64, nodes int) *engine.Pool {
	class := b.Class("aws", "eu-west-1", "eu-west-1"+zone, instanceType, capacity)
	pool := engine.Pool{
		Name: zone + " " + instanceType + " " + string(capacity), Class: class, Labels: class.Labels, Price: pricing.Price{USD: usd, Known: true},
		Allocatable: engine.Resources{MilliCPU: 4000, MemoryBytes: 16 * gib}, MaxNodes: nodes,
	}
	b.Pools = append(b.Pools, pool)
	return &b.Pools[len(b.Pools)-1]
}

func share(percent int32) v1alpha1.PolicySpec {
	return v1alpha1.PolicySpec{Cost: &v1alpha1.Cost{Spot: &v1alpha1.Spot{MaxPercent: 100, MaxPoolSharePercent: &percent}}}
}

func onPools(plan *engine.Plan, snapshot *engine.Snapshot) map[string]int {
	out := map[string]int{}
	for _, d := range plan.Placements[0].Decisions {
		out[snapshot.Pools[d.Pool].Name] += d.Replicas
	}
	return out
}

// TestSharesOfSpotPools has 400 replicas, of which all but two were on the cheapest spot pool.
func TestSharesOfSpotPools(t *testing.T) {
	for _, objective := range []engine.Objective{engine.ObjectiveShares, engine.ObjectiveInvoice} {
		b := newBuild(t)
		b.Pools = nil
		b.spotPool("a", "m5.xlarge", 0.05, 200)
		b.spotPool("a", "m5.xlarge", 0.05, 200).Labels = map[string]string{"team": "other"} // other nodes of the same pool
		b.spotPool("a", "m5a.xlarge", 0.06, 200)
		b.spotPool("b", "m5.xlarge", 0.07, 200)
		b.machines("a", "m5.xlarge", v1alpha1.CapacityOnDemand, 0.19, 200)
		b.workload("burst", 400, 500, b.policy(share(25)))
		plan := solve(t, b.Snapshot, engine.Options{Objective: objective})
		got := onPools(plan, b.Snapshot)
		want := map[string]int{"a m5.xlarge spot": 100, "a m5a.xlarge spot": 100, "b m5.xlarge spot": 100, "a m5.xlarge on-demand": 100}
		if objective == engine.ObjectiveInvoice { // 100 replicas are half a machine more than twelve
			want["b m5.xlarge spot"], want["a m5.xlarge on-demand"] = 96, 104
		}
		if !maps.Equal(got, want) {
			t.Errorf("%s: %v, want %v", objective, got, want)
		}
		if plan.LowerBoundUSD > plan.Total()*(1+1e-9) {
			t.Errorf("%s: it costs $%g, which is below the bound of $%g", objective, plan.Total(), plan.LowerBoundUSD)
		}
	}
}

// TestBoundOutsideSpotPools has a machine on demand that takes all replicas: the bound may ask for no spot pool then.
func TestBoundOutsideSpotPools(t *testing.T) {
	b := newBuild(t)
	b.Pools = nil
	b.machines("a", "m5.xlarge", v1alpha1.CapacityOnDemand, 0.10, 1)
	for _, zone := range []string{"a", "b", "c", "d"} {
		b.spotPool(zone, "m5.xlarge", 0.09, 1)
	}
	b.workload("web", 4, 900, b.policy(share(25)))
	best := solve(t, b.Snapshot, byInvoice)
	if got := onPools(best, b.Snapshot); got["a m5.xlarge on-demand"] != 4 {
		t.Errorf("%v at $%g; want all four on the one machine on demand", got, best.Total())
	}
	stopped := byInvoice
	stopped.Expired = func() bool { return true }
	if plan := solve(t, b.Snapshot, stopped); plan.LowerBoundUSD > best.Total()*(1+1e-9) || plan.Total() < 2*best.Total() {
		t.Errorf("a plan that was stopped costs $%g, the bound is $%g; want it dear, and the bound no higher than $%g", plan.Total(), plan.LowerBoundUSD, best.Total())
	}
}

// TestWhyASpotPoolTakesNoMore asks for the words of a rejection, of a conflict, and of volumes that hold replicas in one pool.
func TestWhyASpotPoolTakesNoMore(t *testing.T) {
	b := newBuild(t)
	b.Pools = nil
	b.spotPool("a", "m5.xlarge", 0.05, 10)
	b.spotPool("a", "m5.xlarge", 0.06, 10).Name = "dearer"
	b.workload("burst", 4, 500, b.policy(share(50)))
	plan := solve(t, b.Snapshot, engine.Options{})
	if p := plan.Placements[0]; p.Unplaced != 2 || !strings.Contains(p.Conflict.Message, "at most 50% of the replicas in one spot pool") {
		t.Errorf("%d without a place: %+v", p.Unplaced, p.Conflict)
	}
	onDemand := *b.Snapshot
	onDemand.Pools = slices.Clone(b.Pools)
	with := &build{b.World, &onDemand}
	with.machines("a", "m5.xlarge", v1alpha1.CapacityOnDemand, 0.19, 10)
	solver, err := engine.NewSolver(with.Snapshot, engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if why := solver.Explain(0).Rejected; len(why) != 1 || why[0].Rule != engine.RuleSpot ||
		why[0].Message != "the spot pool m5.xlarge in aws/eu-west-1/eu-west-1a has its share of the replicas already (2)" {
		t.Errorf("%+v", why)
	}
	held := func(w *engine.Workload) {
		w.Pins = []engine.Pin{{Replicas: 3, Pools: []int{0}, Volumes: []string{"claim data"}}}
	}
	b.Workloads = nil
	b.workload("db", 4, 500, b.policy(share(50)), held)
	plan = solve(t, b.Snapshot, engine.Options{})
	if p := plan.Placements[0]; p.Unplaced != 1 || len(p.Unkept) != 1 || !strings.Contains(p.Unkept[0].Message, "claim data hold replicas") {
		t.Errorf("%d without a place, unkept %+v; want what the volumes hold to be placed all the same", p.Unplaced, p.Unkept)
	}
}

// TestUnknownRatesAreNoAdvantage holds the rate that counts where nobody publishes one against all that are published.
func TestUnknownRatesAreNoAdvantage(t *testing.T) {
	catalog, highest, at := newWorld(t).Catalog, 0.0, ""
	for _, cloud := range catalog.Clouds() {
		for _, region := range catalog.Regions(cloud) {
			for _, instanceType := range catalog.Types(cloud, region) {
				low, high, known := catalog.Interruption(cloud, region, instanceType)
				if percent := (low + high) / 2; known && percent > highest {
					highest, at = percent, cloud+"/"+region+" "+instanceType
				}
			}
		}
	}
	if highest != engine.UnknownInterruptionPercent {
		t.Errorf("the highest published rate is %g%% a month (%s), and an unknown one counts as %g%%", highest, at, engine.UnknownInterruptionPercent)
	}
}

// TestAimForSpotPools has no rule on spot pools, and an aim that yields to what has no place otherwise and to what runs.
func TestAimForSpotPools(t *testing.T) {
	aim := func(w *engine.Workload) { w.SpotPoolSharePercent = 50 }
	runs := func(n int) func(*engine.Workload) {
		return func(w *engine.Workload) { w.Current = []engine.PoolReplicas{{Pool: 0, Replicas: n}} }
	}
	for _, c := range []struct {
		name   string
		pools  func(*build)
		change []func(*engine.Workload)
		want   map[string]int
	}{
		{name: "half in each", pools: func(b *build) { b.spotPool("b", "m5.xlarge", 0.06, 20) }, change: []func(*engine.Workload){aim},
			want: map[string]int{"a m5.xlarge spot": 20, "b m5.xlarge spot": 20}},
		{name: "half on demand", pools: func(b *build) { b.machines("a", "m5.xlarge", v1alpha1.CapacityOnDemand, 0.19, 20) }, change: []func(*engine.Workload){aim},
			want: map[string]int{"a m5.xlarge spot": 20, "a m5.xlarge on-demand": 20}},
		{name: "no aim", pools: func(b *build) { b.spotPool("b", "m5.xlarge", 0.06, 20) }, want: map[string]int{"a m5.xlarge spot": 40}},
		{name: "nowhere else", pools: func(*build) {}, change: []func(*engine.Workload){aim}, want: map[string]int{"a m5.xlarge spot": 40}},
		{name: "too little room elsewhere", pools: func(b *build) { b.spotPool("b", "m5.xlarge", 0.06, 1) }, change: []func(*engine.Workload){aim},
			want: map[string]int{"a m5.xlarge spot": 40}},
		{name: "most run there", pools: func(b *build) { b.spotPool("b", "m5.xlarge", 0.06, 20) }, change: []func(*engine.Workload){aim, runs(32)},
			want: map[string]int{"a m5.xlarge spot": 32, "b m5.xlarge spot": 8}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBuild(t)
			b.Pools = nil
			b.spotPool("a", "m5.xlarge", 0.05, 20)
			c.pools(b)
			b.workload("burst", 40, 500, c.change...)
			solver, err := engine.NewSolver(b.Snapshot, engine.Options{})
			if err != nil {
				t.Fatal(err)
			}
			plan := solver.Plan()
			if got := onPools(plan, b.Snapshot); !maps.Equal(got, c.want) || plan.Unplaced > 0 || plan.LowerBoundUSD > plan.Total()*(1+1e-9) {
				t.Errorf("%v, %d without a place, $%g above $%g; want %v", got, plan.Unplaced, plan.Total(), plan.LowerBoundUSD, c.want)
			}
			updated, err := solver.Update(0, b.Workloads[0])
			if err != nil {
				t.Fatal(err)
			}
			if got := onPools(updated, b.Snapshot); !maps.Equal(got, c.want) {
				t.Errorf("updated to %v, want %v", got, c.want)
			}
		})
	}
}
