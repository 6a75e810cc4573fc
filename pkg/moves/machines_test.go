package moves

import (
	"math"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/rules"
	"tradewind.dev/tradewind/pkg/rules/policy"
)

var byInvoice = engine.Options{Objective: engine.ObjectiveInvoice}

// onNodes is a workload of one-core replicas, one on each of some nodes of a pool.
func onNodes(name string, pool int, nodes ...int) engine.Workload {
	out := on(name, pool, len(nodes))
	for _, node := range nodes {
		out.RunsOn = append(out.RunsOn, engine.PodsAt{Pool: pool, Node: node, Pods: 1})
	}
	return out
}

func invoiced(t testing.TB, snapshot *engine.Snapshot, plan *engine.Plan, may func(int) bool) map[int]Worth {
	t.Helper()
	appraiser, err := engine.NewAppraiser(snapshot, byInvoice)
	if err != nil {
		t.Fatal(err)
	}
	return Worths(appraiser, plan, may)
}

func anyMay(int) bool { return true }

// TestWorthOfMachines: what a move saves is what is invoiced less, of whole machines.
func TestWorthOfMachines(t *testing.T) {
	first := func(i int) bool { return i == 0 }
	for _, tt := range []struct {
		name  string
		build func(s *engine.Snapshot)
		plan  []int
		may   func(int) bool
		money float64 // that the first workload's move saves
		group []int
	}{
		{name: "into room of a machine in use", plan: []int{1, 1}, money: 4, group: []int{0}},
		{name: "onto a machine that stands empty", build: func(s *engine.Snapshot) {
			s.Workloads[1] = onNodes("shop", 2, 0)
		}, plan: []int{1, 2}, money: 2, group: []int{0}},
		{name: "into a machine in use beside an empty one", build: func(s *engine.Snapshot) {
			s.Pools[1].Nodes = slices.Insert(s.Pools[1].Nodes, 0, engine.Node{Name: "gcp-1", Free: s.Pools[1].Allocatable})
			s.Workloads[1] = onNodes("shop", 1, 1)
		}, plan: []int{1, 1}, money: 4, group: []int{0}},
		{name: "from a machine on which another stays", build: func(s *engine.Snapshot) {
			s.Workloads = append(s.Workloads, onNodes("stays", 0, 0))
		}, plan: []int{1, 1, 0},
			money: 0, group: []int{0}},
		{name: "together with the other on the machine", build: func(s *engine.Snapshot) {
			s.Workloads = append(s.Workloads, onNodes("cart", 0, 0))
		}, plan: []int{1, 1, 1},
			money: 4, group: []int{0, 2}},
		{name: "a replica of the other on the machine is on its way", build: func(s *engine.Snapshot) {
			s.Workloads = append(s.Workloads, onNodes("cart", 0, 0))
			s.Workloads[2].Replicas = 2
		}, plan: []int{1, 1, 1}, money: 4, group: []int{0}},
		{name: "together with one that makes room", build: func(s *engine.Snapshot) {
			s.Pools[1].Nodes[0].Free.MilliCPU, s.Pools[2].Sunk = 2000, true
			s.Workloads = append(s.Workloads, onNodes("ad", 1, 0))
		}, plan: []int{1, 1, 2}, money: 4, group: []int{0, 2}},
		{name: "the one that would make room may not move", build: func(s *engine.Snapshot) {
			s.Pools[1].Nodes[0].Free.MilliCPU, s.Pools[2].Sunk = 2000, true
			s.Workloads = append(s.Workloads, onNodes("ad", 1, 0))
		}, plan: []int{1, 1, 2}, may: first, money: 2, group: []int{0}},
		{name: "the other on the machine may not move", build: func(s *engine.Snapshot) {
			s.Workloads = append(s.Workloads, onNodes("cart", 0, 0))
		}, plan: []int{1, 1, 1},
			may: first, money: 0, group: []int{0}},
		{name: "what stays on the machine is no planned workload", build: func(s *engine.Snapshot) {
			s.Pools[0].Nodes[0].Kept = true
		}, plan: []int{1, 1}, money: 0, group: []int{0}},
		{name: "the machine is sunk", build: func(s *engine.Snapshot) {
			s.Pools[0].Sunk = true
		}, plan: []int{1, 1}, money: 0, group: []int{0}},
		{name: "a commitment covers it", build: func(s *engine.Snapshot) {
			s.Commitments = []engine.Commitment{{Pools: []int{0}, Nodes: 1}}
		}, plan: []int{1, 1}, money: 0, group: []int{0}},
		{name: "its pool has no fewer machines", build: func(s *engine.Snapshot) {
			s.Pools[0].MinNodes = 2
		}, plan: []int{1, 1}, money: 0, group: []int{0}},
		{name: "from two machines", build: func(s *engine.Snapshot) {
			s.Workloads[0] = onNodes("web", 0, 0, 1)
		}, plan: []int{1, 1}, money: 8, group: []int{0}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			snapshot := clouds(t, 4, 2, 3)
			snapshot.Pools[1].Nodes = snapshot.Pools[1].Nodes[:1]
			snapshot.Workloads = []engine.Workload{onNodes("web", 0, 0), onNodes("shop", 1, 0)}
			if tt.build != nil {
				tt.build(snapshot)
			}
			may := tt.may
			if may == nil {
				may = anyMay
			}
			worth := invoiced(t, snapshot, to(snapshot, tt.plan...), may)[0]
			if !near(worth.MoneyUSD, tt.money) || !near(worth.SavingsUSD, tt.money) || !slices.Equal(worth.Group, tt.group) {
				t.Errorf("%+v, want $%g saved by %v", worth, tt.money, tt.group)
			}
		})
	}
}

// TestUnderCeiling: a workload whose shares of machines are over its ceiling goes where they are not, also where others keep its machine in use.
func TestUnderCeiling(t *testing.T) {
	for _, tt := range []struct {
		name    string
		ceiling float64
		build   func(s *engine.Snapshot)
		plan    []int
		percent float64
	}{
		{name: "over it, and under it by the plan", ceiling: 0.8, plan: []int{2, 0, 2}, percent: 25},
		{name: "under it", ceiling: 1.5, plan: []int{2, 0, 2}},
		{name: "over it there too", ceiling: 0.5, plan: []int{2, 0, 2}},
		{name: "a machine more is invoiced", ceiling: 0.8, plan: []int{2, 0, 1}, build: func(s *engine.Snapshot) { s.Workloads[2] = onNodes("shop", 1, 0) }},
		{name: "a price is not known", ceiling: 0.8, plan: []int{2, 0, 2}, build: func(s *engine.Snapshot) { s.Pools[2].Price.Known = false }},
		{name: "no ceiling", plan: []int{2, 0, 2}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			snapshot := clouds(t, 4, 2, 3)
			snapshot.Workloads = []engine.Workload{onNodes("web", 0, 0), onNodes("stays", 0, 0), onNodes("shop", 2, 0)}
			snapshot.Workloads[0].Rules = rules.NewRules(&policy.Effective{
				SpotMaxPercent: 100, HasMaxHourlyUSD: tt.ceiling > 0, MaxHourlyUSD: tt.ceiling,
			}, snapshot.RoundTrips)
			if tt.build != nil {
				tt.build(snapshot)
			}
			worth := invoiced(t, snapshot, to(snapshot, tt.plan...), anyMay)[0]
			if !near(worth.CeilingPercent, tt.percent) {
				t.Errorf("%+v, want %g %%", worth, tt.percent)
			}
		})
	}
}

// TestTotalOfMachines: workloads carry the price of the machines that they share, and no more is saved than that.
func TestTotalOfMachines(t *testing.T) {
	snapshot := clouds(t, 4, 2)
	snapshot.Pools[1].Nodes = snapshot.Pools[1].Nodes[:1]
	snapshot.Workloads = []engine.Workload{onNodes("web", 0, 0), onNodes("cart", 0, 0), onNodes("shop", 1, 0)}
	worth := invoiced(t, snapshot, to(snapshot, 1, 1, 1), anyMay)[1]
	if !near(worth.TotalUSD, 4) || !near(worth.Percent(), 100) || !reflect.DeepEqual(worth.Emptied, []engine.Machine{{}}) {
		t.Errorf("%+v", worth)
	}
}

// TestSavingsAreInvoiced: by any plan of any cluster, what is said to be saved is the price of machines that nothing is
// on any more but what the same saving counts as moved; and all savings together are no more than is invoiced now.
func TestSavingsAreInvoiced(outer *testing.T) {
	rapid.Check(outer, func(t *rapid.T) {
		snapshot := cloudsOf(outer, t)
		plan, err := engine.Solve(snapshot, byInvoice)
		if err != nil {
			t.Fatal(err)
		}
		if rapid.Bool().Draw(t, "any plan") { // not only good ones
			for i := range plan.Placements {
				next := *plan.Placements[i]
				pool := rapid.IntRange(0, 2).Draw(t, "pool")
				next.Decisions = []engine.Decision{{Pool: pool, Replicas: snapshot.Workloads[i].Replicas}}
				plan.Placements[i] = &next
			}
		}
		appraiser, err := engine.NewAppraiser(snapshot, byInvoice)
		if err != nil {
			t.Fatal(err)
		}
		all, seen, moved := 0.0, map[int]bool{}, map[int]bool{}
		worths := Worths(appraiser, plan, anyMay)
		for i, worth := range worths {
			moved[i] = worth.SavingsUSD > 0
		}
		for i, worth := range worths {
			freed := 0.0
			for _, at := range worth.Emptied {
				freed += snapshot.Pools[at.Pool].Price.USD
				for k := range snapshot.Workloads {
					stays := slices.ContainsFunc(snapshot.Workloads[k].RunsOn, func(on engine.PodsAt) bool {
						return on.Pool == at.Pool && on.Node == at.Node
					})
					if stays && !slices.Contains(worth.Group, k) && !moved[k] {
						t.Fatalf("machine %v becomes empty by %v, and workload %d stays on it", at, worth.Group, k)
					}
				}
			}
			if worth.MoneyUSD > freed+1e-9 {
				t.Fatalf("workload %d saves $%g, the machines that become empty cost $%g: %+v", i, worth.MoneyUSD, freed, worth)
			}
			if worth.SavingsUSD > 0 && !seen[worth.Group[0]] {
				seen[worth.Group[0]] = true
				all += worth.MoneyUSD
			}
		}
		now := 0.0
		for _, usd := range appraiser.Occupancy().Attributed() {
			now += usd
		}
		if all > now+1e-9 {
			t.Fatalf("$%g are saved of $%g", all, now)
		}
	})
}

// TestWhatWasTriedIsUndone: what moving workloads brings is the same again after other moves were tried and undone.
func TestWhatWasTriedIsUndone(outer *testing.T) {
	rapid.Check(outer, func(t *rapid.T) {
		snapshot := cloudsOf(outer, t)
		appraiser, err := engine.NewAppraiser(snapshot, byInvoice)
		if err != nil {
			t.Fatal(err)
		}
		occupancy := appraiser.Occupancy()
		move := func(some []int, pool int) engine.Turnover {
			return occupancy.Move(some, func(i int) []engine.Decision {
				return []engine.Decision{{Pool: pool, Replicas: snapshot.Workloads[i].Replicas}}
			})
		}
		workloads := rapid.SliceOfDistinct(rapid.IntRange(0, len(snapshot.Workloads)-1), func(i int) int { return i })
		some, pool, before := workloads.Draw(t, "some"), rapid.IntRange(0, 2).Draw(t, "pool"), occupancy.Attributed()
		first := move(some, pool)
		occupancy.Undo()
		move(workloads.Draw(t, "others"), rapid.IntRange(0, 2).Draw(t, "other pool"))
		occupancy.Undo()
		again := move(some, pool)
		occupancy.Undo()
		if !near(first.SavedUSD, again.SavedUSD) || !slices.Equal(first.Emptied, again.Emptied) {
			t.Fatalf("%+v, then %+v", first, again)
		}
		if after := occupancy.Attributed(); !slices.EqualFunc(before, after, near) {
			t.Fatalf("they carry %v, then %v", before, after)
		}
	})
}

// cloudsOf are workloads anywhere on the machines of three clouds.
func cloudsOf(tb testing.TB, t *rapid.T) *engine.Snapshot {
	price := func() float64 { return math.Round(rapid.Float64Range(0.5, 4).Draw(t, "price")*100) / 100 }
	snapshot := clouds(tb, price(), price(), price())
	free := [3][2]int{{4, 4}, {4, 4}, {4, 4}}
	for i := range rapid.IntRange(1, 6).Draw(t, "workloads") {
		w := on(string(rune('a'+i)), 0, 0)
		w.Current = nil
		for range rapid.IntRange(1, 3).Draw(t, "replicas") {
			pool, node := rapid.IntRange(0, 2).Draw(t, "pool"), rapid.IntRange(0, 1).Draw(t, "node")
			if free[pool][node] == 0 {
				continue
			}
			free[pool][node]--
			w.Replicas++
			w.Current = append(w.Current, engine.PoolReplicas{Pool: pool, Replicas: 1})
			w.RunsOn = append(w.RunsOn, engine.PodsAt{Pool: pool, Node: node, Pods: 1})
		}
		snapshot.Workloads = append(snapshot.Workloads, w)
	}
	if rapid.Bool().Draw(t, "sunk") {
		snapshot.Pools[2].Sunk = true
	}
	return snapshot
}

// TestReplicasOnMachinesThatBecomeEmptyLeaveFirst: others would leave theirs in use, and the saving would not come.
func TestReplicasOnMachinesThatBecomeEmptyLeaveFirst(t *testing.T) {
	s := dear(func(s *Situation) {
		s.Plan = map[string]int{"a": 8, "b": 2}
		s.Replicas[3].Ready, s.Replicas[5].Emptied, s.Replicas[7].Emptied = false, true, true
		s.Policy = allow(10, "3")
	})
	var left []string
	for _, move := range (&Memory{}).Decide(s, fill{}).Moves {
		left = append(left, move.Replica.Name)
	}
	if want := []string{"web-05", "web-07"}; !slices.Equal(left, want) {
		t.Errorf("%v leave, want %v", left, want)
	}
}
