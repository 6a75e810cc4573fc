package engine_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"pgregory.net/rapid"

	"tradewind.dev/tradewind/internal/verify"
	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/moves"
	"tradewind.dev/tradewind/pkg/pricing"
	"tradewind.dev/tradewind/pkg/rules"
	"tradewind.dev/tradewind/pkg/rules/policy"
)

// judged is a workload with replicas somewhere, whatever its rules say of that, as all see it who judge rules.
type judged struct {
	snapshot  *engine.Snapshot
	plan      *engine.Plan
	appraiser *engine.Appraiser
	ruled     *rules.Rules
	layout    rules.Layout
}

// TestRulesAgree puts replicas anywhere and compares what the rulebook says of it with the checker of plans, which has code of
// its own, with the scheduler's filters, the mover and the engine. Each of them once judged with arithmetic of its own, and the
// mover knew no maxSkew.
func TestRulesAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		j := drawJudged(t)
		breaches := j.ruled.Breaches(&j.layout)
		found := map[string]bool{}
		for i := range breaches {
			found[string(breaches[i].Kind)] = true
			if breaches[i].Replicas <= 0 || breaches[i].Message == "" {
				t.Fatalf("%+v", breaches[i])
			}
		}
		allowed := true
		for _, d := range j.plan.Placements[0].Decisions {
			allowed = allowed && j.appraiser.Allows(0, d.Pool)
		}
		checked := j.checked()
		for kind := range found {
			if !checked[kind] {
				t.Fatalf("the rulebook finds %+v broken, the checker of plans %v", breaches, checked)
			}
		}
		if !allowed {
			if len(checked) == 0 {
				t.Fatal("a pool is not allowed, and the checker of plans finds nothing broken")
			}
			return
		}
		if !maps.Equal(found, checked) {
			t.Fatalf("the rulebook finds %+v broken, the checker of plans %v", breaches, checked)
		}
		j.mover(t, breaches)
		other := slices.ContainsFunc(breaches, func(b rules.Breach) bool { return b.Kind != rules.KindAvailability })
		if refused := j.filters(); (refused != "") != other {
			t.Fatalf("the filters say %q, the rulebook finds %+v broken", refused, breaches)
		}
		shared := slices.ContainsFunc(breaches, func(b rules.Breach) bool { return b.Kind != rules.KindCall && !overNodes(&b) })
		if accepted := j.appraiser.Accepts(0, j.plan.Placements[0].Decisions); accepted == shared {
			t.Fatalf("the engine accepts it: %t, the rulebook finds %+v broken", accepted, breaches)
		}
	})
}

func overNodes(b *rules.Breach) bool { return strings.HasPrefix(b.Key, corev1.LabelHostname) }

// drawJudged draws a snapshot with room everywhere and puts all replicas of every workload somewhere, mostly where they may be.
func drawJudged(t *rapid.T) *judged {
	j := &judged{snapshot: randomSnapshot(t, bounds{pools: 5, nodes: 2, workloads: 3, replicas: 6, calls: true, survive: true}), plan: &engine.Plan{}}
	for i := range j.snapshot.Pools {
		pool := &j.snapshot.Pools[i]
		for len(pool.Nodes) < 2 {
			pool.Nodes = append(pool.Nodes, engine.Node{})
		}
		for k := range pool.Nodes {
			pool.Nodes[k].Free = engine.Resources{MilliCPU: 1 << 40, MemoryBytes: 1 << 50, GPUs: 1 << 20, Extended: map[string]int64{"pods": 1 << 20}}
		}
	}
	for i := range j.snapshot.Workloads {
		w := &j.snapshot.Workloads[i]
		w.Refused, w.Replicas = 0, max(w.Replicas, 1)
		for k := range w.Calls {
			w.Calls[k].CallerOnly = false
		}
	}
	first := &j.snapshot.Workloads[0]
	effective := policy.Effective{SpotMaxPercent: 100}
	if first.Rules != nil {
		effective = *first.Rules.Effective
	}
	var limits []*engine.Call
	for k := range first.Calls {
		if call := &first.Calls[k]; call.MaxMilliseconds > 0 {
			limits = append(limits, call)
			effective.TrafficLimits = append(effective.TrafficLimits, policy.Traffic{
				Name: call.To.Name, MaxMilliseconds: call.MaxMilliseconds, Measured: call.Measured,
			})
		}
	}
	j.ruled = rules.NewRules(&effective, j.snapshot.RoundTrips)
	first.Rules = j.ruled
	var err error
	if j.appraiser, err = engine.NewAppraiser(j.snapshot, engine.Options{}); err != nil {
		t.Fatal(err)
	}
	for i := range j.snapshot.Workloads {
		j.plan.Placements = append(j.plan.Placements, j.drawPlacement(t, i))
	}
	j.plan.Pools = make([]engine.PoolUse, len(j.snapshot.Pools))
	j.layOut(limits)
	return j
}

func (j *judged) drawPlacement(t *rapid.T, i int) *engine.Placement {
	var pools []int
	anywhere := rapid.IntRange(0, 3).Draw(t, "anywhere") == 0
	for p := range j.snapshot.Pools {
		if anywhere || j.appraiser.Allows(i, p) {
			pools = append(pools, p)
		}
	}
	if len(pools) == 0 {
		pools = []int{0}
	}
	at := map[[2]int]int{}
	for range j.snapshot.Workloads[i].Replicas {
		pool := rapid.SampledFrom(pools).Draw(t, "pool")
		at[[2]int{pool, rapid.IntRange(0, len(j.snapshot.Pools[pool].Nodes)-1).Draw(t, "node")}]++
	}
	out := &engine.Placement{}
	for p := range j.snapshot.Pools {
		d := engine.Decision{Pool: p}
		for n := range j.snapshot.Pools[p].Nodes {
			if count := at[[2]int{p, n}]; count > 0 {
				d.Replicas += count
				d.Nodes = append(d.Nodes, engine.NodeReplicas{Node: n, Replicas: count})
			}
		}
		if d.Replicas > 0 {
			out.Decisions = append(out.Decisions, d)
		}
	}
	return out
}

// layOut is the first workload as the rulebook sees it.
func (j *judged) layOut(limits []*engine.Call) {
	w := &j.snapshot.Workloads[0]
	j.layout = rules.Layout{Replicas: w.Replicas, Survive: w.Availability}
	for _, d := range j.plan.Placements[0].Decisions {
		pool := &j.snapshot.Pools[d.Pool]
		group := rules.Group{Class: pool.Class, Cluster: pool.Cluster, Replicas: d.Replicas}
		group.HourlyUSD, _ = j.hourlyUSD(pool)
		for _, node := range d.Nodes {
			group.Hosts = append(group.Hosts, node.Replicas)
		}
		j.layout.Groups = append(j.layout.Groups, group)
	}
	var classes []*rules.Class
	for p := range j.snapshot.Pools {
		if j.appraiser.Allows(0, p) {
			classes = append(classes, j.snapshot.Pools[p].Class)
		}
	}
	j.layout.Open = rules.SkewDomains(j.ruled, classes)
	for _, call := range limits {
		var callee *rules.View
		for i := 1; i < len(j.snapshot.Workloads); i++ {
			other := &j.snapshot.Workloads[i]
			if other.Name == call.To.Name && (other.Namespace == call.To.Namespace || call.To.Namespace == "" && other.Namespace == w.Namespace) {
				callee = &rules.View{}
				for _, d := range j.plan.Placements[i].Decisions {
					callee = callee.With(j.snapshot.Pools[d.Pool].Class, d.Replicas, 0, 0)
				}
			}
		}
		j.layout.Callees = append(j.layout.Callees, callee)
	}
}

func (j *judged) hourlyUSD(pool *engine.Pool) (usd float64, known bool) {
	candidate := rules.Candidate{Price: pool.Price, Rates: pricing.NewRates(pool.Price.USD, pool.Allocatable.Priced())}
	return candidate.HourlyUSD(j.snapshot.Workloads[0].Request.Priced())
}

// checked are the kinds of rules that the checker of plans finds broken by the first workload.
func (j *judged) checked() map[string]bool {
	w, out := &j.snapshot.Workloads[0], map[string]bool{}
	for _, v := range verify.Check(j.snapshot, j.plan, engine.Options{}) {
		room := strings.HasSuffix(v.Message, "recovered") // where it would go after a loss is not drawn
		if v.Where == w.Kind+" "+w.Namespace+"/"+w.Name && v.Rule != "bill" && v.Rule != "shape" && !room {
			out[v.Rule] = true
		}
	}
	return out
}

// mover compares with what the mover takes for broken: the same, but for ceilings and nodes.
func (j *judged) mover(t *rapid.T, breaches []rules.Breach) {
	pools, at := map[string]*engine.Pool{}, map[string]int{}
	for i := range j.snapshot.Pools {
		pools[j.snapshot.Pools[i].Name] = &j.snapshot.Pools[i]
	}
	for _, d := range j.plan.Placements[0].Decisions {
		at[j.snapshot.Pools[d.Pool].Name] = d.Replicas
	}
	want := slices.DeleteFunc(slices.Clone(breaches), func(b rules.Breach) bool { return b.Kind == rules.KindCost || overNodes(&b) })
	if got := moves.NewJudge(j.appraiser, 0, pools, j.layout.Callees).Breaches(at); !slices.Equal(got, want) {
		t.Fatalf("the mover finds %+v broken, the rulebook %+v", got, want)
	}
}

// filters take one replica away from each node and say why it could not come back, or are empty.
func (j *judged) filters() string {
	for k, d := range j.plan.Placements[0].Decisions {
		pool := &j.snapshot.Pools[d.Pool]
		for _, node := range d.Nodes {
			view := &rules.View{Desired: j.layout.Replicas}
			for other, group := range j.layout.Groups {
				n, hosts := group.Replicas, len(group.Hosts)
				if other == k {
					n--
					if node.Replicas == 1 {
						hosts--
					}
				}
				view = view.With(group.Class, n, group.HourlyUSD*float64(n), hosts)
			}
			usd, known := j.hourlyUSD(pool)
			limits := rules.NewLocationLimits(j.ruled, view).Among(j.layout.Open)
			for _, reason := range []string{
				limits.Reason(pool.Class), limits.HostReason(node.Replicas - 1), rules.NewLatencyLimits(j.ruled, view, j.layout.Callees).Reason(pool.Class),
				rules.CeilingReason(j.ruled.Effective, view, usd, known),
			} {
				if reason != "" {
					return reason
				}
			}
		}
	}
	return ""
}
