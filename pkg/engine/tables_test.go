package engine_test

import (
	"math"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/engine/enginetest"
	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/pricing"
	"tradewind.dev/tradewind/pkg/rules/policy"
	"tradewind.dev/tradewind/pkg/workload"
)

// build makes snapshots for tables: three pools of 4 cores in three clouds, the dearer the later.
type build struct {
	*enginetest.World
	*engine.Snapshot
}

func newBuild(t fataler) *build {
	w := newWorld(t)
	b := &build{w, &engine.Snapshot{RoundTrips: w.RoundTrips, Egress: w.Prices}}
	b.pool("aws", "us-east-1", "us-east-1a", 0.10)
	b.pool("gcp", "europe-west1", "europe-west1-b", 0.20)
	b.pool("azure", "westeurope", "1", 0.30)
	return b
}

const gib = 1 << 30

func (b *build) pool(cloud, region, zone string, usd float64) *engine.Pool {
	class := b.Class(cloud, region, zone, "test.large", v1alpha1.CapacityOnDemand)
	size := engine.Resources{MilliCPU: 4000, MemoryBytes: 16 * gib}
	b.Pools = append(b.Pools, engine.Pool{
		Name: cloud, Class: class, Labels: class.Labels, Allocatable: size, Price: pricing.Price{USD: usd, Known: true},
		Nodes: []engine.Node{{Name: cloud + "-0", Free: size}, {Name: cloud + "-1", Free: size}},
	})
	return &b.Pools[len(b.Pools)-1]
}

func (b *build) workload(name string, replicas int, milliCPU int64, change ...func(*engine.Workload)) *build {
	w := engine.Workload{Namespace: "shop", Name: name, Kind: "Deployment", Replicas: replicas, Request: engine.Resources{MilliCPU: milliCPU, MemoryBytes: gib}}
	for _, c := range change {
		c(&w)
	}
	b.Workloads = append(b.Workloads, w)
	return b
}

func (b *build) policy(spec v1alpha1.PolicySpec) func(*engine.Workload) {
	rules := b.Rules(spec)
	return func(w *engine.Workload) { w.Rules = rules }
}

func calls(to string, rps, maxMilliseconds float64) func(*engine.Workload) {
	return func(w *engine.Workload) {
		w.Calls = append(w.Calls, engine.Call{To: workload.Key{Name: to}, RequestsPerSecond: rps, BytesPerRequest: 1e4, MaxMilliseconds: maxMilliseconds})
	}
}

func survive(domain location.DomainKind, percent int) func(*engine.Workload) {
	return func(w *engine.Workload) {
		w.Availability = append(w.Availability, policy.Availability{Survive: domain, MinReplicasPercent: percent})
	}
}

var eu = v1alpha1.PolicySpec{Residency: &v1alpha1.Residency{Jurisdictions: []string{"EU"}}}

func onlyCloud(cloud string) v1alpha1.PolicySpec {
	return v1alpha1.PolicySpec{Locations: &v1alpha1.Locations{Required: []metav1.LabelSelectorRequirement{
		{Key: v1alpha1.LabelCloud, Operator: "In", Values: []string{cloud}}}}}
}

// TestPlaces says where the replicas of the first workload should be, by pool.
func TestPlaces(t *testing.T) {
	for _, tt := range []struct {
		name  string
		build func(*build)
		want  []int
	}{
		{"the cheapest", func(b *build) { b.workload("web", 2, 1000) }, []int{2, 0, 0}},
		{"residency", func(b *build) { b.workload("web", 2, 1000, b.policy(eu)) }, []int{0, 2, 0}},
		{"large replicas need whole nodes", func(b *build) { b.workload("web", 3, 2500) }, []int{2, 1, 0}},
		{"survives a cloud", func(b *build) { b.workload("web", 4, 500, survive(location.DomainCloud, 50)) }, []int{2, 2, 0}},
		{"survives a cloud and a cluster", func(b *build) {
			b.Pools[1].Cluster, b.Pools[2].Cluster = "b", "b"
			b.workload("web", 4, 500, survive(location.DomainCloud, 25), survive(location.DomainCluster, 50))
		}, []int{2, 2, 0}},
		{"no cloud has many more than another", func(b *build) {
			b.workload("web", 5, 250, b.policy(v1alpha1.PolicySpec{Spread: []v1alpha1.Spread{{TopologyKey: v1alpha1.LabelCloud, MaxSkew: ptr(int32(1))}}}))
		}, []int{2, 2, 1}},
		{"the emptiest cloud limits the others", func(b *build) {
			b.Pools[2].Nodes = b.Pools[2].Nodes[:1]
			b.workload("web", 7, 1900, b.policy(v1alpha1.PolicySpec{Spread: []v1alpha1.Spread{{TopologyKey: v1alpha1.LabelCloud, MaxSkew: ptr(int32(2))}}}))
		}, []int{3, 3, 1}},
		{"stays for cents", func(b *build) {
			b.workload("web", 1, 40, func(w *engine.Workload) {
				w.Request.MemoryBytes, w.Current = gib/8, []engine.PoolReplicas{{Pool: 1, Replicas: 1}}
			})
		}, []int{0, 1, 0}},
		{"moves for more", func(b *build) {
			b.workload("web", 1, 4000, func(w *engine.Workload) { w.Current = []engine.PoolReplicas{{Pool: 2, Replicas: 1}} })
		}, []int{1, 0, 0}},
		{"volumes hold it", func(b *build) {
			b.workload("db", 3, 500, func(w *engine.Workload) {
				w.Pins = []engine.Pin{{Replicas: 1, Pools: []int{2}}}
			})
		}, []int{2, 0, 1}},
		{"near what it calls", func(b *build) {
			b.workload("web", 1, 500, calls("db", 1, 30)).workload("db", 1, 500, b.policy(eu))
		}, []int{0, 1, 0}},
		{"an unknown price is none", func(b *build) {
			b.Pools[0].Price = pricing.Price{}
			b.workload("web", 1, 500)
		}, []int{0, 1, 0}},
		{"added node by node", func(b *build) {
			b.Pools[0].Nodes, b.Pools[0].MaxNodes = nil, 2
			b.workload("web", 5, 2000)
		}, []int{4, 1, 0}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBuild(t)
			tt.build(b)
			plan := solve(t, b.Snapshot, byShares)
			got := make([]int, len(b.Pools))
			for _, d := range plan.Placements[0].Decisions {
				got[d.Pool] = d.Replicas
			}
			for i := range got {
				if got[i] != tt.want[i] {
					t.Fatalf("got %v, want %v; conflict %+v", got, tt.want, plan.Placements[0].Conflict)
				}
			}
		})
	}
}

// TestConflicts says which rules keep the first workload from being placed.
func TestConflicts(t *testing.T) {
	two := ptr(int32(2))
	for _, tt := range []struct {
		name  string
		build func(*build)
		want  []engine.Rule
	}{
		{"larger than any node", func(b *build) { b.workload("web", 1, 5000) }, []engine.Rule{engine.RuleSize}},
		{"more than all nodes", func(b *build) { b.workload("web", 7, 3000) }, []engine.Rule{engine.RuleCapacity}},
		{"residency against location", func(b *build) {
			spec := onlyCloud("aws")
			spec.Residency = eu.Residency
			b.workload("web", 1, 100, b.policy(spec))
		}, []engine.Rule{engine.RuleResidency, engine.RuleLocation}},
		{"one cloud cannot survive itself", func(b *build) {
			b.workload("web", 2, 100, b.policy(onlyCloud("gcp")), survive(location.DomainCloud, 50))
		}, []engine.Rule{engine.RuleAvailability, engine.RuleLocation}},
		{"spread wider than allowed", func(b *build) {
			spec := onlyCloud("gcp")
			spec.Spread = []v1alpha1.Spread{{TopologyKey: v1alpha1.LabelCloud, MinDomains: two}}
			b.workload("web", 2, 100, b.policy(spec))
		}, []engine.Rule{engine.RuleLocation, engine.RuleSpread}},
		{"a selector that nothing has", func(b *build) {
			b.workload("web", 1, 100, func(w *engine.Workload) { w.NodeSelector = map[string]string{"disk": "fast"} })
		}, []engine.Rule{engine.RuleNodeSelector}},
		{"others take the room", func(b *build) {
			b.workload("web", 1, 3000, b.policy(onlyCloud("gcp")))
			for _, name := range []string{"x", "y"} {
				b.workload(name, 1, 4000, b.policy(onlyCloud("gcp")), func(w *engine.Workload) {
					w.Pins = []engine.Pin{{Replicas: 1, Pools: []int{1}}}
				})
			}
		}, []engine.Rule{engine.RuleCapacity, engine.RuleLocation}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBuild(t)
			tt.build(b)
			plan := solve(t, b.Snapshot, engine.Options{})
			conflict := plan.Placements[0].Conflict
			if conflict == nil {
				t.Fatalf("everything is placed: %+v", plan.Placements[0])
			}
			var got []engine.Rule
			for _, r := range conflict.Rules {
				got = append(got, r.Rule)
			}
			if len(got) != len(tt.want) {
				t.Fatalf("got %v, want %v: %s", got, tt.want, conflict.Message)
			}
			for i := range got {
				if got[i] != tt.want[i] {
					t.Fatalf("got %v, want %v: %s", got, tt.want, conflict.Message)
				}
			}
		})
	}
}

// TestBadInput is reported by object and field, moves nothing that runs, and leaves the rest planned.
func TestBadInput(t *testing.T) {
	runs := func(w *engine.Workload) { w.Current = []engine.PoolReplicas{{Pool: 2, Replicas: 1}} }
	for _, tt := range []struct {
		name   string
		change func(*engine.Workload)
		want   string
		held   bool
	}{
		{"negative request", func(w *engine.Workload) { w.Request.MilliCPU = -1 }, "Request.MilliCPU", true},
		{"absurd request", func(w *engine.Workload) { w.Request.MemoryBytes = math.MaxInt64 }, "Request.MemoryBytes", true},
		{"negative replicas", func(w *engine.Workload) { w.Replicas = -3 }, "Replicas", true},
		{"absurd replicas", func(w *engine.Workload) { w.Replicas = math.MaxInt }, "Replicas", true},
		{"not a domain", survive("planet", 50), "Availability[0].Survive", true},
		{"not a share", survive(location.DomainCloud, 100), "Availability[0].MinReplicasPercent", true},
		{"not a number", func(w *engine.Workload) { w.RestartUSD = math.NaN() }, "RestartUSD", false},
		{"no such pool", func(w *engine.Workload) { w.Current = append(w.Current, engine.PoolReplicas{Pool: 9, Replicas: 1}) }, "Current[1]", false},
		{"calls nobody", calls("ghost", 1, 0), "Calls[0].To", false},
		{"calls itself", calls("bad", 1, 0), "Calls[0].To", false},
		{"calls absurdly", func(w *engine.Workload) {
			w.Calls = []engine.Call{{To: workload.Key{Name: "good"}, RequestsPerSecond: math.Inf(1)}}
		}, "Calls[0]", false},
		{"more pins than replicas", func(w *engine.Workload) {
			w.Pins = []engine.Pin{{Replicas: 5, Pools: []int{2}}}
		}, "Pins[0].Replicas", false},
		{"unknown jurisdiction", func(*engine.Workload) {}, "", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBuild(t)
			b.workload("bad", 1, 100, runs, tt.change).workload("good", 2, 100)
			if tt.want == "" {
				b.policy(v1alpha1.PolicySpec{Residency: &v1alpha1.Residency{Jurisdictions: []string{"Atlantis"}}})(&b.Workloads[0])
			}
			plan := solve(t, b.Snapshot, engine.Options{})
			found := tt.want == ""
			for _, p := range plan.Problems {
				found = found || p.Object == "Deployment shop/bad" && p.Field == tt.want
			}
			if !found {
				t.Errorf("no problem of %s in %v", tt.want, plan.Problems)
			}
			bad := plan.Placements[0]
			if (bad.Held != "") != tt.held {
				t.Errorf("held %q", bad.Held)
			}
			absurd := strings.HasPrefix(tt.want, "Request.Memory") // it cannot be anywhere
			if tt.held && !absurd && (len(bad.Decisions) != 1 || bad.Decisions[0].Pool != 2) {
				t.Errorf("it moved: %+v", bad.Decisions)
			}
			if plan.Placements[1].Unplaced != 0 {
				t.Errorf("the other workload is unplaced: %+v", plan.Placements[1])
			}
		})
	}
}

func TestCyclicCalls(t *testing.T) {
	b := newBuild(t)
	b.workload("a", 2, 500, calls("b", 10, 20)).workload("b", 2, 500, calls("c", 10, 20)).workload("c", 2, 500, calls("a", 10, 20), b.policy(eu))
	plan := solve(t, b.Snapshot, engine.Options{})
	if plan.Unplaced > 0 {
		t.Errorf("%d unplaced: %+v", plan.Unplaced, plan.Placements[0].Conflict)
	}
	for i, p := range plan.Placements {
		for _, d := range p.Decisions {
			if d.Pool == 0 {
				t.Errorf("workload %d is in America, c must be in the EU", i)
			}
		}
	}
}

// TestSameSnapshotSamePlan solves a snapshot with full pools twice.
func TestSameSnapshotSamePlan(t *testing.T) {
	snapshot := production(t, 30, 400, 0.7, 1)
	first, second := solve(t, snapshot, engine.Options{}), solve(t, snapshot, engine.Options{})
	if first.Bill != second.Bill || first.LowerBoundUSD != second.LowerBoundUSD {
		t.Errorf("$%v and $%v", first.Bill, second.Bill)
	}
	for i := range first.Placements {
		for k, d := range first.Placements[i].Decisions {
			if other := second.Placements[i].Decisions[k]; other.Pool != d.Pool || other.Replicas != d.Replicas {
				t.Fatalf("workload %d: %+v and %+v", i, d, other)
			}
		}
	}
}

// TestExplain names a reason for every pool.
func TestExplain(t *testing.T) {
	b := newBuild(t)
	b.workload("web", 3, 2500, b.policy(eu))
	solver, err := engine.NewSolver(b.Snapshot, byShares)
	if err != nil {
		t.Fatal(err)
	}
	e := solver.Explain(0)
	if len(e.Reasons) != 2 || !strings.Contains(e.Reasons[0], "the least of 2 allowed pools") {
		t.Errorf("reasons %q", e.Reasons)
	}
	if len(e.Rejected) != 1 || e.Rejected[0].Pool != 0 || e.Rejected[0].Rule != engine.RuleResidency || e.Rejected[0].Message != "outside residency EU" {
		t.Errorf("rejected %+v", e.Rejected)
	}
}
