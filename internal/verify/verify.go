// Package verify recomputes every rule and every dollar of a plan from its snapshot, with code of its own: it shares
// the types of package engine and the data behind them (prices, round trips, sets of countries), nothing of the solver.
package verify

import (
	"fmt"
	"math"

	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/latency"
	"tradewind.dev/tradewind/pkg/rules"
	"tradewind.dev/tradewind/pkg/rules/policy"
	"tradewind.dev/tradewind/pkg/workload"
)

// Violation is something in a plan that breaks a rule, or a figure that is not what it should be.
type Violation struct {
	// Where is "Deployment shop/web", "pool CLUSTER/NAME" or "plan".
	Where string
	// Rule is the kind of rule, or "bill", "shape", "bound".
	Rule string
	// Message says what is and what should be.
	Message string
}

// String is all three in one line.
func (v Violation) String() string { return v.Where + ": " + v.Rule + ": " + v.Message }

// maxViolations are reported; the rest is left out.
const maxViolations = 100

type checker struct {
	snapshot   *engine.Snapshot
	plan       *engine.Plan
	options    engine.Options
	violations []Violation
	names      map[workload.Key]int
	pools      map[string][]int // see eligiblePools
	// highest known prices: US dollars an hour a unit of CPU, memory and GPU, and US dollars a byte of traffic
	highest [3]float64
	traffic float64
}

// Check returns what is wrong with a plan of a snapshot; nothing when it is sound. The options are those it was solved with.
func Check(snapshot *engine.Snapshot, plan *engine.Plan, options engine.Options) []Violation {
	c := newChecker(snapshot, plan, options)
	if len(plan.Placements) != len(snapshot.Workloads) || len(plan.Pools) != len(snapshot.Pools) {
		c.report("plan", "shape", "%d placements for %d workloads, %d pools for %d", len(plan.Placements), len(snapshot.Workloads),
			len(plan.Pools), len(snapshot.Pools))
		return c.violations
	}
	for i := range plan.Placements {
		if !c.shape(i) {
			return c.violations // nothing else can be computed
		}
	}
	c.capacity()
	c.pods()
	for i, p := range plan.Placements {
		if p.Held != "" {
			c.held(i)
			continue
		}
		c.rules(i)
	}
	c.bills()
	c.recoveries()
	return c.violations
}

func newChecker(snapshot *engine.Snapshot, plan *engine.Plan, options engine.Options) *checker {
	c := &checker{snapshot: snapshot, plan: plan, options: options, names: map[workload.Key]int{}, pools: map[string][]int{}}
	for i := range snapshot.Workloads {
		w := &snapshot.Workloads[i]
		if name := (workload.Key{Namespace: w.Namespace, Name: w.Name}); c.absent(name) {
			c.names[name] = i
		}
	}
	c.findHighest()
	return c
}

func (c *checker) absent(name workload.Key) bool {
	_, ok := c.names[name]
	return !ok
}

func (c *checker) report(where, rule, format string, args ...any) {
	if len(c.violations) < maxViolations {
		c.violations = append(c.violations, Violation{where, rule, fmt.Sprintf(format, args...)})
	}
}

func (c *checker) where(i int) string {
	w := &c.snapshot.Workloads[i]
	return w.Kind + " " + w.Namespace + "/" + w.Name
}

func (c *checker) effective(i int) *policy.Effective {
	if rules := c.snapshot.Workloads[i].Rules; rules != nil {
		return rules.Effective
	}
	return &policy.Effective{SpotMaxPercent: 100}
}

func placedOf(p *engine.Placement) int {
	n := 0
	for _, d := range p.Decisions {
		n += d.Replicas
	}
	return n
}

// shape checks that numbers add up.
func (c *checker) shape(i int) bool {
	w, p := &c.snapshot.Workloads[i], c.plan.Placements[i]
	if p == nil {
		c.report(c.where(i), "shape", "there is no placement")
		return false
	}
	seen := map[int]bool{}
	for k, d := range p.Decisions {
		if d.Pool < 0 || d.Pool >= len(c.snapshot.Pools) || d.Replicas <= 0 || seen[d.Pool] {
			c.report(c.where(i), "shape", "decision %d: %d replicas on pool %d (twice: %v)", k, d.Replicas, d.Pool, seen[d.Pool])
			return false
		}
		seen[d.Pool] = true
		pool := &c.snapshot.Pools[d.Pool]
		sum, nodes := 0, map[int]bool{}
		for _, n := range d.Nodes {
			if n.Node < 0 || n.Node >= max(len(pool.Nodes), pool.MaxNodes) || n.Replicas <= 0 || nodes[n.Node] {
				c.report(c.where(i), "shape", "%d replicas on node %d of pool %s", n.Replicas, n.Node, pool.Name)
				return false
			}
			nodes[n.Node] = true
			sum += n.Replicas
		}
		if sum != d.Replicas {
			c.report(c.where(i), "shape", "%d replicas on the nodes of pool %s, %d on the pool", sum, pool.Name, d.Replicas)
			return false
		}
	}
	wanted := w.Replicas
	if p.Held == "" && placedOf(p)+p.Unplaced != wanted {
		c.report(c.where(i), "shape", "%d placed and %d unplaced of %d", placedOf(p), p.Unplaced, wanted)
	}
	if p.Held == "" && placedOf(p) > wanted-min(max(w.Refused, 0), wanted) {
		c.report(c.where(i), "quota", "%d placed of %d, of which %d cannot run", placedOf(p), wanted, w.Refused)
	}
	if (p.Unplaced > 0) != (p.Conflict != nil) {
		c.report(c.where(i), "shape", "%d unplaced, conflict %v", p.Unplaced, p.Conflict)
	}
	return true
}

// held checks that nothing of a held workload moved.
func (c *checker) held(i int) {
	current, _ := c.current(i)
	for _, d := range c.plan.Placements[i].Decisions {
		if d.Replicas > current[d.Pool] {
			c.report(c.where(i), "hold", "%d replicas on pool %d where %d run", d.Replicas, d.Pool, current[d.Pool])
		}
	}
}

// amounts are resources by name.
func amounts(r *engine.Resources) map[string]int64 {
	out := map[string]int64{"cpu": max(r.MilliCPU, 0), "memory": max(r.MemoryBytes, 0), "gpu": max(r.GPUs, 0)}
	for name, v := range r.Extended {
		out["extended "+name] = max(v, 0)
	}
	return out
}

// fresh is what replicas can have of a node that is added.
func fresh(pool *engine.Pool) map[string]int64 {
	out := amounts(&pool.Allocatable)
	for name, v := range amounts(&pool.Daemons) {
		out[name] = max(out[name]-v, 0)
	}
	return out
}

// capacity checks every node in every resource, and what the plan says of pools.
func (c *checker) capacity() {
	type node struct{ pool, node int }
	load := map[node]map[string]int64{}
	for i, p := range c.plan.Placements {
		request := amounts(&c.snapshot.Workloads[i].Request)
		for _, d := range p.Decisions {
			for _, n := range d.Nodes {
				at := node{d.Pool, n.Node}
				if load[at] == nil {
					load[at] = map[string]int64{}
				}
				for name, v := range request {
					load[at][name] += v * int64(n.Replicas)
				}
			}
		}
	}
	used, added := make([]int, len(c.snapshot.Pools)), make([]int, len(c.snapshot.Pools))
	for at, amount := range load {
		pool := &c.snapshot.Pools[at.pool]
		have, name := fresh(pool), fmt.Sprintf("added node %d", at.node)
		if at.node < len(pool.Nodes) {
			have, name = amounts(&pool.Nodes[at.node].Free), "node "+pool.Nodes[at.node].Name
			used[at.pool]++
		} else {
			added[at.pool]++
		}
		for resource, v := range amount {
			if v > have[resource] {
				c.report("pool "+pool.Cluster+"/"+pool.Name, "capacity", "%s: %d of %s placed, %d free", name, v, resource, have[resource])
			}
		}
	}
	for i := range c.snapshot.Pools {
		pool, use := &c.snapshot.Pools[i], &c.plan.Pools[i]
		where := "pool " + pool.Cluster + "/" + pool.Name
		if use.Used != used[i] || use.Added != added[i] || use.Existing != len(pool.Nodes) {
			c.report(where, "shape", "%d used, %d added of %d nodes; the plan says %d, %d of %d", used[i], added[i], len(pool.Nodes),
				use.Used, use.Added, use.Existing)
		}
		if len(pool.Nodes)+added[i] > max(pool.MaxNodes, len(pool.Nodes)) {
			c.report(where, "capacity", "%d nodes, at most %d", len(pool.Nodes)+added[i], pool.MaxNodes)
		}
		nodes := max(len(pool.Nodes)+added[i], min(pool.MinNodes, max(pool.MaxNodes, len(pool.Nodes))))
		if use.PriceKnown && !near(use.NodeUSD, pool.Price.USD*float64(nodes)) {
			c.report(where, "bill", "nodes cost $%g, the plan says $%g", pool.Price.USD*float64(nodes), use.NodeUSD)
		}
	}
}

// near allows for the order in which numbers were added.
func near(a, b float64) bool {
	return math.Abs(a-b) <= 1e-9+1e-6*max(math.Abs(a), math.Abs(b))
}

func (c *checker) trip(a, b *rules.Class) float64 {
	return c.snapshot.RoundTrips.Between(a, b).OrInfinite()
}

// tells says that the round trip between two classes may be held against the limit of a call: one that demands measured figures counts no
// estimate from the distance, and no unknown region as one.
func (c *checker) tells(call *engine.Call, a, b *rules.Class) bool {
	if !call.Measured || call.MaxMilliseconds <= 0 {
		return true
	}
	switch c.snapshot.RoundTrips.Between(a, b).Basis {
	case latency.BasisUnknown:
		return false
	case latency.BasisEstimate:
		return a.Place == b.Place && a.Place.Cloud != "" && a.Place.Region != ""
	}
	return true
}
