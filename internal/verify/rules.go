package verify

import (
	"fmt"
	"maps"
	"math"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/latency"
	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/rules/policy"
)

// rules checks every hard rule of one workload.
func (c *checker) rules(i int) {
	p := c.plan.Placements[i]
	for k := range p.Decisions {
		c.place(i, &c.snapshot.Pools[p.Decisions[k].Pool])
	}
	c.spread(i)
	c.availability(i)
	c.spotAndCost(i)
	c.clients(i)
	c.calls(i)
	c.pins(i)
}

// spread checks shares, numbers of domains and skews.
func (c *checker) spread(i int) {
	w, p := &c.snapshot.Workloads[i], c.plan.Placements[i]
	for _, rule := range c.effective(i).Spread {
		domains := map[string]int{}
		for _, d := range p.Decisions {
			pool := &c.snapshot.Pools[d.Pool]
			if rule.TopologyKey == corev1.LabelHostname {
				for _, n := range d.Nodes {
					domains[fmt.Sprintf("%d/%d", d.Pool, n.Node)] += n.Replicas
				}
				continue
			}
			domains[pool.Class.Labels[rule.TopologyKey]] += d.Replicas
		}
		most := max(1, int(math.Floor(float64(w.Replicas)*float64(rule.MaxSharePercent)/100)))
		beyond, stuck := 0, 0
		if rule.TopologyKey != corev1.LabelHostname { // volumes leave some replicas no choice
			for _, n := range c.stuck(i, func(pool *engine.Pool) string { return pool.Class.Labels[rule.TopologyKey] }) {
				most, stuck = max(most, n), stuck+n-1
			}
		}
		for domain, n := range domains {
			if n > most {
				c.report(c.where(i), "spread", "%d of %d replicas in %s %s, at most %d", n, w.Replicas, rule.TopologyKey, domain, most)
			}
			beyond += n - 1
		}
		// With replicas unplaced, those that are placed must leave enough of them for the missing domains.
		if want := min(rule.MinDomains, w.Replicas); want > 0 && beyond > max(w.Replicas-want, stuck) {
			c.report(c.where(i), "spread", "%d domains of %s, want %d", len(domains), rule.TopologyKey, want)
		}
		if rule.MaxSkew > 0 {
			c.skew(i, &rule, domains)
		}
	}
}

// skew compares the fullest domain with the emptiest. Of nodes the emptiest is taken to have no replica.
func (c *checker) skew(i int, rule *policy.Spread, domains map[string]int) {
	fullest, emptiest := 0, math.MaxInt
	if rule.TopologyKey == corev1.LabelHostname {
		emptiest = 0
	} else {
		for _, k := range c.eligiblePools(i) {
			emptiest = min(emptiest, domains[c.snapshot.Pools[k].Class.Labels[rule.TopologyKey]])
		}
	}
	for _, n := range domains {
		fullest = max(fullest, n)
	}
	if len(domains) > 0 && fullest > emptiest+rule.MaxSkew {
		c.report(c.where(i), "spread", "%d replicas in a %s and %d in another, at most %d more", fullest, rule.TopologyKey, emptiest, rule.MaxSkew)
	}
}

// domainOf is the domain of a loss that a pool is in.
func domainOf(domain location.DomainKind, pool *engine.Pool) string {
	l := pool.Class.Location
	switch {
	case domain == location.DomainCluster:
		return "cluster " + pool.Cluster
	case domain == location.DomainCloud && l.Cloud != "":
		return l.Cloud
	case domain == location.DomainRegion && l.Cloud != "" && l.Region != "":
		return l.Cloud + "/" + l.Region
	case domain == location.DomainZone && l.Cloud != "" && l.Region != "" && l.Zone != "":
		return l.Cloud + "/" + l.Region + "/" + l.Zone
	}
	return ""
}

// availability checks what is left after any one loss.
func (c *checker) availability(i int) {
	w, p := &c.snapshot.Workloads[i], c.plan.Placements[i]
	for _, rule := range w.Availability {
		lost := map[string]int{}
		for _, d := range p.Decisions {
			lost[domainOf(rule.Survive, &c.snapshot.Pools[d.Pool])] += d.Replicas
		}
		most := 0
		for _, n := range c.stuck(i, func(pool *engine.Pool) string { return domainOf(rule.Survive, pool) }) {
			most = max(most, n)
		}
		for domain, n := range lost {
			if n <= most {
				continue // volumes leave so many no choice
			}
			// Of the replicas wanted, those in other domains (placed or still to be placed there) must be enough.
			if (w.Replicas-n)*100 < w.Replicas*rule.MinReplicasPercent {
				c.report(c.where(i), "availability", "%d of %d replicas in %s, %d%% must be left", n, w.Replicas, domain, rule.MinReplicasPercent)
			}
		}
	}
}

func (c *checker) spotAndCost(i int) {
	w, p, rules := &c.snapshot.Workloads[i], c.plan.Placements[i], c.effective(i)
	spot, other, usd := 0, 0, 0.0
	together := map[string]int{}
	for _, d := range p.Decisions {
		pool := &c.snapshot.Pools[d.Pool]
		if firm(pool) {
			other += d.Replicas
		} else {
			spot += d.Replicas
			together[takenTogether(pool)] += d.Replicas
		}
		each, _ := c.compute(w, pool)
		usd += each * float64(d.Replicas)
	}
	most := int(math.Floor(float64(w.Replicas) * float64(rules.SpotMaxPercent) / 100))
	if spot > most {
		c.report(c.where(i), "spot", "%d of %d replicas on spot capacity, at most %d", spot, w.Replicas, most)
	}
	if rules.SpotPoolMaxPercent > 0 {
		held := c.stuck(i, takenTogether)
		for name, n := range together {
			if n > max(1, w.Replicas*rules.SpotPoolMaxPercent/100, slices.Max(append(slices.Collect(maps.Values(held)), 0))) {
				c.report(c.where(i), "spot", "%d of %d replicas in the spot pool %s, at most %d%%", n, w.Replicas, name, rules.SpotPoolMaxPercent)
			}
		}
	}
	if rules.SpotFallback == "Wait" && other > w.Replicas-most {
		c.report(c.where(i), "spot", "%d replicas not on spot capacity, %d must wait for it", other, most)
	}
	if rules.HasMaxHourlyUSD && usd > rules.MaxHourlyUSD+1e-6 {
		c.report(c.where(i), "cost", "$%g/h, ceiling $%g/h", usd, rules.MaxHourlyUSD)
	}
}

// takenTogether names the instance type and the zone of a pool of spot nodes; empty for other pools.
func takenTogether(pool *engine.Pool) string {
	if firm(pool) {
		return ""
	}
	at := pool.Class.Location
	return fmt.Sprintf("%s of %s/%s/%s", pool.Class.InstanceType, at.Cloud, at.Region, at.Zone)
}

// clients checks that 95 % of the clients of each limit have a replica in time.
func (c *checker) clients(i int) {
	p := c.plan.Placements[i]
	for _, limit := range c.effective(i).Latency {
		total, reached := 0, 0
		var missed []int
		for _, population := range limit.Populations {
			best := math.Inf(1)
			for _, d := range p.Decisions {
				trip := c.snapshot.RoundTrips.FromClient(population.Client, c.snapshot.Pools[d.Pool].Class.Place)
				if limit.Measured && trip.Basis == latency.BasisEstimate {
					continue // nobody measured it
				}
				best = min(best, trip.OrInfinite())
			}
			total += int(population.SharePercent)
			if best <= limit.MaxMilliseconds {
				reached += int(population.SharePercent)
			} else {
				missed = append(missed, int(population.SharePercent))
			}
		}
		if p.Unplaced == 0 && len(p.Decisions) > 0 && reached*100 < total*95 {
			c.report(c.where(i), "latency", "%d of %d clients within %g ms; missed %v", reached, total, limit.MaxMilliseconds, missed)
		}
	}
}

// callee is the placement that a call goes to; nil when it has no replica.
func (c *checker) callee(i int, call *engine.Call) *engine.Placement {
	name := call.To
	if name.Namespace == "" {
		name.Namespace = c.snapshot.Workloads[i].Namespace
	}
	to, ok := c.names[name]
	if !ok || to == i || len(c.plan.Placements[to].Decisions) == 0 {
		return nil
	}
	if !(call.RequestsPerSecond >= 0 && call.BytesPerRequest >= 0 && call.MaxMilliseconds >= 0) ||
		call.RequestsPerSecond > 1e12 || call.BytesPerRequest > 1e12 || math.IsInf(call.MaxMilliseconds, 0) {
		return nil
	}
	return c.plan.Placements[to]
}

// calls checks the limits of calls.
func (c *checker) calls(i int) {
	w := &c.snapshot.Workloads[i]
	for k := range w.Calls {
		callee := c.callee(i, &w.Calls[k])
		if callee == nil || w.Calls[k].MaxMilliseconds <= 0 {
			continue
		}
		for _, d := range c.plan.Placements[i].Decisions {
			best := math.Inf(1)
			for _, to := range callee.Decisions {
				if from, to := c.snapshot.Pools[d.Pool].Class, c.snapshot.Pools[to.Pool].Class; c.tells(&w.Calls[k], from, to) {
					best = min(best, c.trip(from, to))
				}
			}
			if best > w.Calls[k].MaxMilliseconds {
				c.report(c.where(i), "call", "%g ms from pool %s to %s, at most %g, measured %t", best, c.snapshot.Pools[d.Pool].Name,
					w.Calls[k].To.Name, w.Calls[k].MaxMilliseconds, w.Calls[k].Measured)
			}
		}
	}
}

// pins checks that the replicas can be matched with the volumes that hold them: with replicas unplaced, as many pins may
// be left over.
func (c *checker) pins(i int) {
	w, p := &c.snapshot.Workloads[i], c.plan.Placements[i]
	if len(w.Pins) == 0 {
		return
	}
	pinned := 0
	flow := newMatching(len(w.Pins), len(p.Decisions))
	for k := range w.Pins {
		n := min(max(w.Pins[k].Replicas, 0), w.Replicas-pinned)
		pinned += n
		flow.supply[k] = n
		for j, d := range p.Decisions {
			flow.linked[k][j] = slices.Contains(w.Pins[k].Pools, d.Pool)
		}
	}
	for j, d := range p.Decisions {
		flow.room[j] = d.Replicas
	}
	if matched := flow.run(); matched < pinned-p.Unplaced {
		c.report(c.where(i), "volume", "%d of %d pinned replicas are where their volumes are", matched, pinned)
	}
}

// stuck is how many replicas of a workload volumes hold in each domain, such that no pool outside it would do.
func (c *checker) stuck(i int, domain func(pool *engine.Pool) string) map[string]int {
	w, out := &c.snapshot.Workloads[i], map[string]int{}
	count := func(pools []int, replicas int) {
		found := map[string]bool{}
		for _, k := range pools {
			if k >= 0 && k < len(c.snapshot.Pools) {
				found[domain(&c.snapshot.Pools[k])] = true
			}
		}
		for name := range found {
			if len(found) == 1 && name != "" {
				out[name] += replicas
			}
		}
	}
	free := w.Replicas
	for k := range w.Pins {
		free -= w.Pins[k].Replicas
		count(w.Pins[k].Pools, w.Pins[k].Replicas)
	}
	if w.Attachable != nil && free > 0 {
		count(w.Attachable, free)
	}
	return out
}

// matching is a flow from pins to decisions.
type matching struct {
	supply, room []int
	linked       [][]bool
	flow         [][]int
}

func newMatching(pins, decisions int) *matching {
	m := &matching{supply: make([]int, pins), room: make([]int, decisions)}
	for range pins {
		m.linked, m.flow = append(m.linked, make([]bool, decisions)), append(m.flow, make([]int, decisions))
	}
	return m
}

// run finds a largest flow by augmenting paths, one replica at a time.
func (m *matching) run() int {
	total := 0
	for k := range m.supply {
		for ; m.supply[k] > 0 && m.augment(k, make([]bool, len(m.room))); m.supply[k]-- {
			total++
		}
	}
	return total
}

func (m *matching) augment(k int, seen []bool) bool {
	for j, linked := range m.linked[k] {
		if !linked || seen[j] {
			continue
		}
		seen[j] = true
		if m.room[j] > 0 {
			m.room[j]--
			m.flow[k][j]++
			return true
		}
		for other := range m.flow {
			if m.flow[other][j] > 0 && m.augment(other, seen) {
				m.flow[other][j]--
				m.flow[k][j]++
				return true
			}
		}
	}
	return false
}
