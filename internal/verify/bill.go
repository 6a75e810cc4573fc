package verify

import (
	"cmp"
	"math"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/pricing"
	"tradewind.dev/tradewind/pkg/rules"
)

// usable says whether a price is a number of dollars.
func usable(p pricing.Price) bool { return p.Known && p.USD >= 0 && p.USD <= 1e12 }

// Bill recomputes the bill of decisions, one list for each workload of the snapshot: pools and replicas count, what the
// decisions say of dollars does not.
func Bill(snapshot *engine.Snapshot, decisions [][]engine.Decision, options engine.Options) engine.Bill {
	plan := &engine.Plan{}
	for _, d := range decisions {
		plan.Placements = append(plan.Placements, &engine.Placement{Decisions: d})
	}
	c := newChecker(snapshot, plan, options)
	total := engine.Bill{}
	for i := range plan.Placements {
		sum := c.workload(i)
		total.Add(&sum)
	}
	return total
}

// workload computes the bill of one workload.
func (c *checker) workload(i int) engine.Bill {
	sum := engine.Bill{}
	for k := range c.plan.Placements[i].Decisions {
		bill := c.decision(i, &c.plan.Placements[i].Decisions[k])
		sum.Add(&bill)
	}
	sum.Disruption = float64(c.moved(i)) * restart(&c.snapshot.Workloads[i]) / engine.PaybackHours
	return sum
}

// findHighest finds the highest known prices, which count where there is none.
func (c *checker) findHighest() {
	for i := range c.snapshot.Pools {
		pool := &c.snapshot.Pools[i]
		if !usable(pool.Price) {
			continue
		}
		for k, amount := range chargeable(&pool.Allocatable) {
			if amount > 0 {
				c.highest[k] = max(c.highest[k], pool.Price.USD/amount)
			}
		}
	}
	if c.snapshot.Egress == nil {
		return
	}
	note := func(from *rules.Class, cloud, region string) {
		if price := c.snapshot.Egress.EgressPerGB(from.Place.Cloud, from.Place.Region, cloud, region); usable(price) {
			c.traffic = max(c.traffic, price.USD/1e9)
		}
	}
	places := map[int]*rules.Class{}
	for i := range c.snapshot.Pools {
		places[c.snapshot.Pools[i].Class.PlaceID] = c.snapshot.Pools[i].Class
	}
	for _, from := range places {
		note(from, pricing.Internet, "")
		for _, to := range places {
			note(from, to.Place.Cloud, to.Place.Region)
		}
	}
}

// compute is what one replica costs on a pool, in US dollars an hour.
func (c *checker) compute(w *engine.Workload, pool *engine.Pool) (usd float64, known bool) {
	amounts := chargeable(&pool.Allocatable)
	for k, request := range chargeable(&w.Request) {
		switch {
		case !usable(pool.Price):
			usd = max(usd, request*c.highest[k])
		case amounts[k] > 0:
			usd = max(usd, pool.Price.USD*request/amounts[k])
		}
	}
	return usd, usable(pool.Price)
}

// chargeable are the amounts that a machine's price is shared by: millicores, bytes, and GPUs with the sevenths of those that are
// cut in slices.
func chargeable(r *engine.Resources) [3]float64 {
	return [3]float64{float64(r.MilliCPU), float64(r.MemoryBytes), float64(r.GPUs) + float64(r.GPUSlices)/7}
}

func (c *checker) egressPerByte(from *rules.Class, cloud, region string) float64 {
	if c.snapshot.Egress != nil {
		if price := c.snapshot.Egress.EgressPerGB(from.Place.Cloud, from.Place.Region, cloud, region); usable(price) {
			return price.USD / 1e9
		}
	}
	return c.traffic
}

func millisecondsPriced(ms float64) float64 {
	if math.IsInf(ms, 1) {
		return engine.UnknownMilliseconds
	}
	return ms
}

// unpreferred is the weight of the terms of the preferred node affinity that nodes of a pool do not match.
func unpreferred(w *engine.Workload, pool *engine.Pool) float64 {
	sum := 0.0
	for _, term := range w.PreferredNodes {
		selector, err := nodeaffinity.NewNodeSelector(&corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{term.Preference}})
		node := &corev1.Node{}
		node.Labels = pool.Labels
		if empty := len(term.Preference.MatchExpressions)+len(term.Preference.MatchFields) == 0; err == nil && !empty && !selector.Match(node) {
			sum += float64(term.Weight)
		}
	}
	return sum
}

// decision computes the bill of one decision, moves apart.
func (c *checker) decision(i int, d *engine.Decision) engine.Bill {
	w, rules := &c.snapshot.Workloads[i], c.effective(i)
	pool := &c.snapshot.Pools[d.Pool]
	n, replicas := float64(d.Replicas), float64(min(max(w.Replicas, 1), mostReplicas))
	optimize := rules.OptimizeFor
	if optimize == "" {
		optimize = c.options.OptimizeFor
	}
	perMillisecondHour := map[v1alpha1.OptimizeFor]float64{"Cost": 0.001, "Latency": 10, "Balanced": 0.1, "": 0.1}[optimize] * 3600 / 1e6
	each, _ := c.compute(w, pool)
	bill := engine.Bill{Compute: each * n}
	for _, preference := range rules.Preferred {
		if !preference.Requirement.Matches(pool.Class.Labels) {
			bill.Preference += float64(preference.Weight) / 100 * each * n
		}
	}
	bill.Preference += unpreferred(w, pool)/100*each*n + c.crowded(i, d.Pool)*each*n
	if len(rules.Clients) > 0 {
		requests := 1.0
		if rules.RequestsPerSecond > 0 {
			requests = rules.RequestsPerSecond / replicas
		}
		shares, ms, perByte := 0.0, 0.0, 0.0
		for _, population := range rules.Clients {
			share := float64(population.SharePercent)
			shares += share
			ms += share * c.snapshot.RoundTrips.FromClient(population.Client, pool.Class.Place).OrInfinite()
			cloud, region := pricing.Internet, ""
			if place, ok := population.Client.Place(); ok {
				cloud, region = place.Cloud, place.Region
			}
			perByte += share * c.egressPerByte(pool.Class, cloud, region)
		}
		bill.Latency += n * requests * millisecondsPriced(ms/shares) * perMillisecondHour
		if w.ClientBytesPerRequest > 0 && w.ClientBytesPerRequest <= 1e12 {
			bill.Egress += n * requests * 3600 * w.ClientBytesPerRequest * perByte / shares
		}
	}
	for k := range w.Calls {
		c.addCall(i, &w.Calls[k], pool, n, replicas, perMillisecondHour, &bill)
	}
	if !firm(pool) {
		percent := pool.Interruption.MonthlyPercent
		if !pool.Interruption.Known || !(percent >= 0 && percent <= 100) {
			percent = engine.UnknownInterruptionPercent
		}
		bill.Interruption = n * percent / 100 / engine.HoursPerMonth * restart(w)
	}
	return bill
}

func (c *checker) addCall(i int, call *engine.Call, pool *engine.Pool, n, replicas, perMillisecondHour float64, bill *engine.Bill) {
	callee := c.callee(i, call)
	if callee == nil || call.LimitOnly {
		return
	}
	requests := 1.0
	if call.RequestsPerSecond > 0 {
		requests = call.RequestsPerSecond / replicas
	}
	bestMs, bestPerByte, bestID, found, told := 0.0, 0.0, 0, false, false
	for _, to := range callee.Decisions {
		class := c.snapshot.Pools[to.Pool].Class
		ms, perByte, tells := c.trip(pool.Class, class), c.egressPerByte(pool.Class, class.Place.Cloud, class.Place.Region), c.tells(call, pool.Class, class)
		if tells != told && found {
			if told {
				continue
			}
			found = false // one whose round trip counts goes before all others
		}
		if !found || ms < bestMs || ms == bestMs && (perByte < bestPerByte || perByte == bestPerByte && class.PlaceID < bestID) {
			bestMs, bestPerByte, bestID, found, told = ms, perByte, class.PlaceID, true, tells
		}
	}
	bill.Latency += n * requests * millisecondsPriced(bestMs) * perMillisecondHour
	bill.Egress += n * requests * 3600 * call.BytesPerRequest * bestPerByte
}

func restart(w *engine.Workload) float64 {
	if w.RestartUSD > 0 && w.RestartUSD <= 1e12 {
		return w.RestartUSD
	}
	return engine.DefaultRestartUSD
}

// mostReplicas of a workload count on a pool; a larger number is taken to be a mistake.
const mostReplicas = 1 << 24

// current is how many replicas run on each pool, and on all; what no pool could have is left out.
func (c *checker) current(i int) (byPool map[int]int, all int) {
	byPool = map[int]int{}
	for _, r := range c.snapshot.Workloads[i].Current {
		if r.Pool >= 0 && r.Pool < len(c.snapshot.Pools) && r.Replicas > 0 && r.Replicas <= mostReplicas {
			byPool[r.Pool] += r.Replicas
			all += r.Replicas
		}
	}
	return byPool, all
}

// moved is how many replicas leave the pool that they run on.
func (c *checker) moved(i int) int {
	w, p := &c.snapshot.Workloads[i], c.plan.Placements[i]
	current, running := c.current(i)
	stay := 0
	for _, d := range p.Decisions {
		stay += min(d.Replicas, current[d.Pool])
	}
	return max(min(running, max(w.Replicas, 0), placedOf(p))-stay, 0)
}

// bills recomputes every dollar.
func (c *checker) bills() {
	total, replicas, unplaced, moves := engine.Bill{}, 0, 0, 0
	idle := make([]float64, len(c.snapshot.Pools))
	for i, p := range c.plan.Placements {
		for k := range p.Decisions {
			d := &p.Decisions[k]
			want := c.decision(i, d)
			want.Disruption = d.Bill.Disruption
			c.same(c.where(i)+" on pool "+c.snapshot.Pools[d.Pool].Name, &want, &d.Bill)
			idle[d.Pool] += want.Compute
			replicas += d.Replicas
			if _, known := c.compute(&c.snapshot.Workloads[i], &c.snapshot.Pools[d.Pool]); known != d.PriceKnown {
				c.report(c.where(i), "bill", "price of pool %d known: %v", d.Pool, known)
			}
		}
		moved := c.moved(i)
		if moved != p.Moves {
			c.report(c.where(i), "bill", "%d moves, the plan says %d", moved, p.Moves)
		}
		sum := c.workload(i)
		c.same(c.where(i), &sum, &p.Bill)
		total.Add(&sum)
		unplaced += p.Unplaced
		moves += moved
	}
	total.Machines = c.machines()
	c.same("plan", &total, &c.plan.Bill)
	if replicas != c.plan.Replicas || unplaced != c.plan.Unplaced || moves != c.plan.Moves {
		c.report("plan", "shape", "%d placed, %d unplaced, %d moves; the plan says %d, %d, %d", replicas, unplaced, moves, c.plan.Replicas,
			c.plan.Unplaced, c.plan.Moves)
	}
	for i := range c.plan.Pools {
		use := &c.plan.Pools[i]
		if use.PriceKnown && !near(use.IdleUSD, max(use.NodeUSD-idle[i], 0)) {
			c.report("pool "+c.snapshot.Pools[i].Name, "bill", "$%g idle, the plan says $%g", use.NodeUSD-idle[i], use.IdleUSD)
		}
	}
	score := total.Egress + total.Latency + total.Interruption + total.Disruption + total.Preference
	want := cmp.Or(c.options.Objective, engine.DefaultObjective)
	if want == engine.ObjectiveInvoice {
		score += total.Machines
	} else {
		score += total.Compute
	}
	if c.plan.Objective != want {
		c.report("plan", "shape", "minimises %q, asked for was %q", c.plan.Objective, want)
	}
	if c.plan.LowerBoundUSD > score+1e-6*max(score, 1) || c.plan.LowerBoundUSD < 0 {
		c.report("plan", "bound", "the bound $%g is above the total $%g", c.plan.LowerBoundUSD, score)
	}
	if c.plan.LowerBoundUSD > 0 && !near(c.plan.GapPercent, max((score/c.plan.LowerBoundUSD-1)*100, 0)) &&
		math.Abs(c.plan.GapPercent-(score/c.plan.LowerBoundUSD-1)*100) > 1e-4 {
		c.report("plan", "bound", "gap %g%%, total $%g over bound $%g", c.plan.GapPercent, score, c.plan.LowerBoundUSD)
	}
}

func (c *checker) same(where string, want, have *engine.Bill) {
	for _, part := range []struct {
		name       string
		want, have float64
	}{
		{"machines", want.Machines, have.Machines}, {"compute", want.Compute, have.Compute}, {"egress", want.Egress, have.Egress},
		{"latency", want.Latency, have.Latency},
		{"interruption", want.Interruption, have.Interruption}, {"disruption", want.Disruption, have.Disruption},
		{"preference", want.Preference, have.Preference},
	} {
		if !near(part.want, part.have) {
			c.report(where, "bill", "%s $%g, the plan says $%g", part.name, part.want, part.have)
		}
	}
}

// machines adds up whole prices of the machines that hold a replica of the plan and that are not sunk, machine by machine, and
// checks what the plan says of each pool.
func (c *checker) machines() float64 {
	inUse := make([]map[int]bool, len(c.snapshot.Pools))
	for _, p := range c.plan.Placements {
		for _, d := range p.Decisions {
			for _, n := range d.Nodes {
				if inUse[d.Pool] == nil {
					inUse[d.Pool] = map[int]bool{}
				}
				inUse[d.Pool][n.Node] = true
			}
		}
	}
	sunk := make([]int, len(c.snapshot.Pools))
	for _, commitment := range c.snapshot.Commitments {
		left := commitment.Nodes
		for _, pool := range commitment.Pools {
			for left > 0 && sunk[pool] < len(inUse[pool]) {
				sunk[pool]++
				left--
			}
		}
	}
	sum := 0.0
	for i := range c.snapshot.Pools {
		pool, usd := &c.snapshot.Pools[i], 0.0
		if usable(pool.Price) && !pool.Sunk {
			usd = pool.Price.USD * float64(len(inUse[i])-sunk[i])
		}
		if !near(usd, c.plan.Pools[i].MachinesUSD) {
			c.report("pool "+pool.Name, "bill", "machines cost $%g, the plan says $%g", usd, c.plan.Pools[i].MachinesUSD)
		}
		sum += usd
	}
	return sum
}
