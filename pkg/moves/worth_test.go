package moves

import (
	"math"
	"reflect"
	"slices"
	"testing"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/latency"
	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/pricing"
	"tradewind.dev/tradewind/pkg/rules"
	"tradewind.dev/tradewind/pkg/workload"
)

// flat is a price of traffic between clouds, and of none within one.
type flat float64

func (f flat) EgressPerGB(from, _, to, _ string) pricing.Price {
	if from == to {
		return pricing.Price{Known: true}
	}
	return pricing.Price{Known: true, USD: float64(f)}
}

// clouds is a pool of 4-core nodes in each cloud, at a price an hour.
func clouds(t testing.TB, prices ...float64) *engine.Snapshot {
	matrix, err := latency.Open()
	if err != nil {
		t.Fatal(err)
	}
	times, _ := latency.New(matrix, nil, noon)
	out := &engine.Snapshot{RoundTrips: rules.NewRoundTrips(times), Egress: flat(0.05)}
	for i, at := range []location.Location{{Cloud: "aws", Region: "eu-west-1"}, {Cloud: "gcp", Region: "europe-west1"}, {Cloud: "azure", Region: "westeurope"}}[:len(prices)] {
		each := engine.Resources{MilliCPU: 4000, MemoryBytes: 16 << 30}
		class := &rules.Class{ID: i, Node: location.Node{Location: at, CapacityType: v1alpha1.CapacityOnDemand}, Place: latency.PlaceOf(at), PlaceID: i}
		class.Labels = location.LabelsOf(class.Node)
		out.Pools = append(out.Pools, engine.Pool{
			Name: at.Cloud, Class: class, Price: pricing.Price{Known: prices[i] > 0, USD: prices[i]}, Allocatable: each,
			Nodes: []engine.Node{{Name: at.Cloud + "-0", Free: each}, {Name: at.Cloud + "-1", Free: each}},
		})
	}
	return out
}

func appraise(t testing.TB, snapshot *engine.Snapshot) *engine.Appraiser {
	t.Helper()
	appraiser, err := engine.NewAppraiser(snapshot, engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return appraiser
}

// on is a workload of one-core replicas that run on a pool.
func on(name string, pool, replicas int, calls ...engine.Call) engine.Workload {
	return engine.Workload{
		Namespace: "shop", Name: name, Kind: "Deployment", Replicas: replicas, Request: engine.Resources{MilliCPU: 1000, MemoryBytes: 1 << 30},
		Current: []engine.PoolReplicas{{Pool: pool, Replicas: replicas}}, Calls: calls,
	}
}

// to is a plan that has each workload on one pool.
func to(snapshot *engine.Snapshot, pools ...int) *engine.Plan {
	plan := &engine.Plan{}
	for i, pool := range pools {
		w := &snapshot.Workloads[i]
		placement := &engine.Placement{Decisions: []engine.Decision{{Pool: pool, Replicas: w.Replicas}}}
		if pool != w.Current[0].Pool {
			placement.Moves = w.Replicas
		}
		plan.Placements = append(plan.Placements, placement)
	}
	return plan
}

func near(a, b float64) bool { return math.Abs(a-b) < 1e-9 }

func TestWorth(t *testing.T) {
	snapshot := clouds(t, 4, 2)
	snapshot.Workloads = []engine.Workload{on("web", 0, 2)}
	worth := newValuer(appraise(t, snapshot), to(snapshot, 1)).Value([]int{0})[0]
	if !worth.Known || !near(worth.TotalUSD, 2) || !near(worth.SavingsUSD, 1) || worth.Moved != 2 || worth.Replicas != 2 {
		t.Errorf("two replicas of a quarter of a $4 node, moved to one of $2: %+v", worth)
	}
	snapshot = clouds(t, 4, 0)
	snapshot.Workloads = []engine.Workload{on("web", 0, 2)}
	if worth := newValuer(appraise(t, snapshot), to(snapshot, 1)).Value([]int{0})[0]; worth.Known {
		t.Errorf("a price is missing: %+v", worth)
	}
}

// TestWorthOfCalls checks that workloads that call each other are valued together where both may move, and that the calls
// of one that may not move are counted.
func TestWorthOfCalls(t *testing.T) {
	// 1,000 calls a second of 10 kB: 36 GB an hour, $1.80 between clouds.
	calls := engine.Call{To: workload.Key{Name: "cart"}, RequestsPerSecond: 1000, BytesPerRequest: 10_000}
	snapshot := clouds(t, 4, 2)
	snapshot.Workloads = []engine.Workload{on("web", 0, 2, calls), on("cart", 0, 2)}
	v := newValuer(appraise(t, snapshot), to(snapshot, 1, 1))
	both := v.Value([]int{0, 1})
	if !reflect.DeepEqual(both[0], both[1]) || both[0].SavingsUSD < 1.9 || both[0].Replicas != 4 {
		t.Errorf("both: %+v, %+v", both[0], both[1])
	}
	for _, alone := range []int{0, 1} {
		if worth := v.Value([]int{alone})[alone]; worth.SavingsUSD > 1-1.8+0.01 {
			t.Errorf("workload %d alone leaves the other behind: %+v", alone, worth)
		}
	}
}

// TestPercentOfTotal: what a move costs where callers stay behind read as a saving of less than nothing, hundreds of times what there is.
func TestPercentOfTotal(t *testing.T) {
	calls := engine.Call{To: workload.Key{Name: "cart"}, RequestsPerSecond: 10_000, BytesPerRequest: 10_000}
	snapshot := clouds(t, 4, 2)
	snapshot.Workloads = []engine.Workload{on("web", 0, 2, calls), on("cart", 0, 2)}
	alone := newValuer(appraise(t, snapshot), to(snapshot, 1, 1)).Value([]int{1})[1]
	if alone.SavingsUSD > -7*alone.TotalUSD || alone.Percent() != 0 {
		t.Errorf("%+v saves %g %%", alone, alone.Percent())
	}
	for _, tt := range []struct{ total, savings, want float64 }{
		{4, 1, 25}, {4, 0, 0}, {4, -1, 0}, {4, 4, 100}, {4, 9, 100}, {1e-12, 1, 100}, {0, 1, 0}, {-1, 1, 0},
	} {
		if got := (&Worth{TotalUSD: tt.total, SavingsUSD: tt.savings}).Percent(); got != tt.want {
			t.Errorf("$%g of $%g is %g %%, want %g %%", tt.savings, tt.total, got, tt.want)
		}
	}
}

// TestWorthOfCallsThatAreNotAgreed checks that such a call is the caller's affair: it neither keeps what is called nor moves it.
func TestWorthOfCallsThatAreNotAgreed(t *testing.T) {
	calls := engine.Call{To: workload.Key{Name: "cart"}, RequestsPerSecond: 1000, BytesPerRequest: 10_000, CallerOnly: true}
	snapshot := clouds(t, 4, 2)
	snapshot.Workloads = []engine.Workload{on("web", 0, 2, calls), on("cart", 0, 2)}
	both := newValuer(appraise(t, snapshot), to(snapshot, 1, 1)).Value([]int{0, 1})
	if !near(both[1].SavingsUSD, 1) || both[1].Replicas != 2 {
		t.Errorf("what is called: %+v", both[1])
	}
	if both[0].SavingsUSD > 1-1.8+0.01 || both[0].Replicas != 2 {
		t.Errorf("the caller leaves it behind: %+v", both[0])
	}
}

// BenchmarkValue values 10,000 workloads that all may move.
func BenchmarkValue(b *testing.B) {
	snapshot := clouds(b, 4, 2)
	var movable, pools []int
	for i := range 10_000 {
		snapshot.Workloads = append(snapshot.Workloads, on("web", 0, 3))
		movable, pools = append(movable, i), append(pools, 1)
	}
	plan := to(snapshot, pools...)
	b.ReportAllocs()
	for b.Loop() {
		if worth := newValuer(appraise(b, snapshot), plan).Value(movable); len(worth) != len(movable) {
			b.Fatal(len(worth))
		}
	}
}

// TestWorths checks that what a workload's move brings is said alike of those that move and of those that could: a status said what
// a workload saves by itself, and the mover what it saves together with those that it calls.
func TestWorths(t *testing.T) {
	calls := engine.Call{To: workload.Key{Name: "cart"}, RequestsPerSecond: 1000, BytesPerRequest: 10_000}
	snapshot := clouds(t, 4, 2)
	snapshot.Workloads = []engine.Workload{on("web", 0, 2, calls), on("cart", 0, 2), on("stays", 1, 1), on("few", 0, 2)}
	plan := to(snapshot, 1, 1, 1, 1)
	plan.Placements[3].Decisions[0].Replicas = 1 // one of two has no place
	for _, tt := range []struct {
		name      string
		may       []int
		web, cart float64 // saved in money
	}{
		{"both move", []int{0, 1}, 2, 2},
		{"neither may, both could", nil, 2, 2},
		{"the caller moves alone", []int{0}, 1 - 1.8, 2},
	} {
		worths := Worths(appraise(t, snapshot), plan, func(i int) bool { return slices.Contains(tt.may, i) })
		if len(worths) != 2 || math.Abs(worths[0].MoneyUSD-tt.web) > 1e-9 || math.Abs(worths[1].MoneyUSD-tt.cart) > 1e-9 {
			t.Errorf("%s: %+v", tt.name, worths)
		}
	}
}

func TestWorthInWords(t *testing.T) {
	for want, worth := range map[string]Worth{
		"$0.1235 an hour": {SavingsUSD: 0.12346, MoneyUSD: 0.12346},
		"$0.1000 an hour (and $0.0200 of what is only valued)":  {SavingsUSD: 0.12, MoneyUSD: 0.1},
		"-$0.0500 an hour (and $0.1000 of what is only valued)": {SavingsUSD: 0.05, MoneyUSD: -0.05},
	} {
		if got := worth.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
