package engine

import (
	"fmt"
	"math"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"tradewind.dev/tradewind/pkg/rules"
)

// PreferredSpread says that few of a workload's replicas should be in one domain: a preferred term of pod anti-affinity that selects
// the workload's own pods, or a topology spread constraint that says ScheduleAnyway and counts them. It has a price, and keeps nobody
// off a place: of the replicas in one domain the first MaxSkew pay nothing, the next pays Weight percent of what it costs there
// divided by Replicas − MaxSkew, the one after it twice that, and so on, so that the last one pays the whole weight where all
// replicas are in one domain. The replicas of a domain share what they pay together. Pods of others are not counted.
type PreferredSpread struct {
	// TopologyKey is the label of nodes whose values are the domains, of each cluster its own. The nodes of a cluster without it are one
	// domain together. Of the hostname it is the least that they can pay on a pool, shared out evenly over its nodes: see hostsOf. They
	// are put on other nodes of their pool where that costs nothing.
	TopologyKey string
	// Weight from 1 to 100, as that of preferred terms of node affinity; of several with one key they add up. Others count as none.
	Weight int32
	// MaxSkew replicas of a domain pay nothing; 0 counts as 1.
	MaxSkew int
}

// evenness is a PreferredSpread of a workload in dense form.
type evenness struct {
	axis   int
	weight float64 // from 0 to 1
	free   int32   // replicas of a domain that pay nothing
	n      int32   // replicas that the workload wants
	hosts  []int32 // nodes of each pool, which are the domains; nil where these are not nodes
}

// parts is how many times the weight replicas in one domain pay together, each of what it costs there.
func (e *evenness) parts(n int32) float64 {
	if n <= e.free {
		return 0
	}
	over := float64(n - e.free)
	return over * (over + 1) / 2 / float64(e.n-e.free)
}

// unmet is which part of the weight each of n replicas in one domain of the axis leaves unmet, in the mean.
func (e *evenness) unmet(domain, n int32) float64 {
	if n <= e.free {
		return 0
	}
	return e.over(e.domains(domain), n) / float64(n)
}

// usd is what n replicas in one domain of the axis pay that cost so much there.
func (e *evenness) usd(domain, n int32, share float64) float64 {
	return rules.PreferenceUSD(e.weight*e.unmet(domain, n), share)
}

// evennessOf reads the preferred spreads of a workload, those that can never be unmet left out. One with a single domain counts, so that a
// place more makes no plan dearer.
func (m *model) evennessOf(w *Workload, r *request) []evenness {
	var out []evenness
	for k := range w.PreferredSpread {
		p := &w.PreferredSpread[k]
		free, n := max(p.MaxSkew, 1), min(w.Replicas, maxReplicas)
		if p.TopologyKey == "" || p.Weight < 1 || p.Weight > 100 || free >= n {
			continue
		}
		e := evenness{weight: float64(p.Weight) / 100, free: int32(free), n: int32(n)}
		if p.TopologyKey == corev1.LabelHostname {
			e.axis, e.hosts = m.poolAxis(), m.hostsOf(r)
		} else {
			e.axis = m.wishAxis(p.TopologyKey)
		}
		out = append(out, e)
	}
	return out
}

// weighed are those of the prices of replicas that are not apart which some pool of a profile can have.
func (m *model) weighed(all []evenness, p *profile) []evenness {
	var out []evenness
	for k := range all {
		e := &all[k]
		if e.hosts == nil || slices.ContainsFunc(p.allowed, func(i int32) bool { return int64(e.hosts[i])*int64(e.free) < int64(e.n) }) {
			out = append(out, *e)
		}
	}
	return out
}

// wishAxis is the axis of a label of nodes by whose values replicas prefer to be apart: all pools have a domain.
func (m *model) wishAxis(key string) int {
	return m.axis("wish "+key, func(p int) (string, bool) {
		pool := &m.snapshot.Pools[p]
		value, known := pool.Labels[key]
		return fmt.Sprintf("%s/%t/%s", pool.Cluster, known, value), true
	})
}

// wishes tells apart limits by the preferred spreads of workloads.
func wishes(w *Workload) string {
	if len(w.PreferredSpread) == 0 {
		return ""
	}
	var out strings.Builder
	for k := range w.PreferredSpread {
		p := &w.PreferredSpread[k]
		fmt.Fprintf(&out, "%q %d %d;", p.TopologyKey, p.Weight, p.MaxSkew)
	}
	return out.String()
}

// share is what a replica costs on a pool by what it takes of a machine, of which preferences are a part.
func (r *row) share(m *model, i int32) float64 { return m.pools[i].rates.Hourly(r.request.priced) }

// uneven is what replicas pay that prefer to be in other domains than each other.
func (m *model) uneven(l *limits, r *row, picks []pick) float64 {
	usd := 0.0
	for k := range l.even {
		usd += m.unevenBy(&l.even[k], r, picks)
	}
	return usd
}

// unevenBy is what they pay for one of the prices.
func (m *model) unevenBy(e *evenness, r *row, picks []pick) float64 {
	usd, of := 0.0, m.axes[e.axis].of
	for j, p := range picks {
		same := func(q pick) bool { return of[q.pool] == of[p.pool] }
		if slices.ContainsFunc(picks[:j], same) {
			continue
		}
		n, share := int32(0), 0.0
		for _, q := range picks[j:] {
			if same(q) {
				n += q.n
				share += float64(q.n) * r.share(m, q.pool)
			}
		}
		usd += e.usd(of[p.pool], n, share)
	}
	return usd
}

// unevenBill is what they pay wherever they are.
func (m *model) unevenBill(l *limits, r *row, picks []pick) float64 {
	usd := 0.0
	for k := range l.apartness {
		usd += m.unevenBy(&l.apartness[k], r, picks)
	}
	return usd
}

// unevenOn is what of that the replicas on one of the pools pay.
func (m *model) unevenOn(l *limits, r *row, picks []pick, pool int32) float64 {
	usd := 0.0
	for k := range l.apartness {
		e := &l.apartness[k]
		of, n, here := m.axes[e.axis].of, int32(0), int32(0)
		for _, p := range picks {
			if of[p.pool] == of[pool] {
				n += p.n
			}
			if p.pool == pool {
				here += p.n
			}
		}
		usd += e.usd(of[pool], n, float64(here)*r.share(m, pool))
	}
	return usd
}

// unevenly is what a workload pays for it where it is.
func (s *Solver) unevenly(w *work) float64 {
	if len(w.limits.even) == 0 {
		return 0
	}
	return s.m.uneven(w.limits, w.row, byPool(w.allocs, nil))
}

// leastUneven is the least that the replicas of a workload that are placed pay wherever they are: were they shared out evenly over all
// domains that they may be in or are in, where the cheapest place is.
func (s *Solver) leastUneven(w *work) float64 {
	usd := 0.0
	for k := range w.limits.even {
		e := &w.limits.even[k]
		of, share := s.m.axes[e.axis].of, math.Inf(1)
		some, count := make([]bool, len(s.m.axes[e.axis].names)), int32(0)
		note := func(i int32) {
			if share = min(share, w.row.share(s.m, i)); !some[of[i]] {
				some[of[i]] = true
				count = min(count+e.domains(of[i]), maxReplicas)
			}
		}
		for _, i := range w.row.pools {
			note(i)
		}
		for j := range w.stays {
			note(w.stays[j].pool)
		}
		for j := range w.allocs {
			note(w.allocs[j].pool)
		}
		if count > 0 {
			usd += rules.PreferenceUSD(e.weight*e.over(count, w.placed()), share)
		}
	}
	return usd
}

// over is how many times the weight n replicas pay that are shared out evenly over so many domains.
func (e *evenness) over(domains, n int32) float64 {
	each, more := n/domains, n%domains
	return float64(domains-more)*e.parts(each) + float64(more)*e.parts(each+1)
}

// uneven is what the picks pay.
func (c *chooser) uneven() float64 {
	usd := 0.0
	for k := range c.ask.limits.even {
		e := &c.ask.limits.even[k]
		for _, p := range c.picks {
			domain := c.m.axes[e.axis].of[p.pool]
			usd += e.usd(domain, c.counts[e.axis][domain], float64(p.n)*c.ask.row.share(c.m, p.pool))
		}
	}
	return usd
}

// unevenMore is by how much more the picks pay with t replicas more on a pool; less with a negative number.
func (c *chooser) unevenMore(i, t int32) float64 {
	usd := 0.0
	for k := range c.ask.limits.even {
		e := &c.ask.limits.even[k]
		domain := c.m.axes[e.axis].of[i]
		n, share := c.counts[e.axis][domain], c.shares[e.axis][domain]
		usd += e.usd(domain, n+t, share+float64(t)*c.ask.row.share(c.m, i)) - e.usd(domain, n, share)
	}
	return usd
}

// unevenMoved is by how much more they pay with replicas moved from a pool to another.
func (c *chooser) unevenMoved(from, to, n int32) float64 {
	usd := 0.0
	for k := range c.ask.limits.even {
		e := &c.ask.limits.even[k]
		of := c.m.axes[e.axis].of
		counts, shares := c.counts[e.axis], c.shares[e.axis]
		leaves, comes := float64(n)*c.ask.row.share(c.m, from), float64(n)*c.ask.row.share(c.m, to)
		here, there := of[from], of[to]
		if here == there {
			usd += e.usd(here, counts[here], shares[here]-leaves+comes) - e.usd(here, counts[here], shares[here])
			continue
		}
		usd += e.usd(here, counts[here]-n, shares[here]-leaves) - e.usd(here, counts[here], shares[here])
		usd += e.usd(there, counts[there]+n, shares[there]+comes) - e.usd(there, counts[there], shares[there])
	}
	return usd
}

// makeShares makes the sums by domain for the axes of an ask.
func (c *chooser) makeShares(even []evenness) {
	for k := range even {
		for len(c.shares) <= even[k].axis {
			c.shares = append(c.shares, nil)
		}
		if axis := even[k].axis; c.shares[axis] == nil {
			c.shares[axis] = make([]float64, len(c.m.axes[axis].names))
		}
	}
}

// countShares keeps the sums by domain of what the picks cost by what they take of machines, when t replicas are put on a pool.
func (c *chooser) countShares(i, t int32) {
	for k := range c.ask.limits.even {
		axis := c.ask.limits.even[k].axis
		if slices.ContainsFunc(c.ask.limits.even[:k], func(e evenness) bool { return e.axis == axis }) {
			continue // counted already
		}
		domain := c.m.axes[axis].of[i]
		if c.shares[axis][domain] += float64(t) * c.ask.row.share(c.m, i); c.counts[axis][domain] == 0 {
			c.shares[axis][domain] = 0 // of rounding nothing is left over
		}
	}
}

// evenSteps are into how many steps the replicas of a workload are split at least that prefer to be apart.
const evenSteps = 256

// drainEvenly is drain where a replica is the dearer the more there are in its domain: one after the other goes where it costs least
// with those that have a place. No replica costs less than its piece, so that pieces leave the heap as they are needed.
func (c *chooser) drainEvenly() {
	a, open := c.ask, c.open[:0]
	defer func() { c.open = open }()
	for step := max(a.n/evenSteps, 1); c.placed < a.n; {
		best, price := -1, 0.0
		for k := 0; ; k++ {
			if k == len(open) {
				if len(c.heap) == 0 || best >= 0 && c.heap[0].price >= price {
					break
				}
				open = append(open, c.heap.pop())
			}
			p := &open[k]
			if best >= 0 && p.price >= price {
				break
			}
			if p.max <= 0 || c.placedTwice(p) {
				continue
			}
			if now := p.price + c.unevenMore(p.pool, 1); best < 0 || now < price {
				best, price = k, now
			}
		}
		if best < 0 {
			return
		}
		p := &open[best]
		t := min(p.max, step, c.allowance(p.pool))
		if t > 0 && a.room != nil {
			already := c.on(p.pool)
			t = c.fits(p.pool, already+t) - already
		}
		if t <= 0 {
			p.max = 0
			continue
		}
		p.max -= t
		if p.place >= 0 {
			c.credited[p.place] = true
		}
		c.add(p.pool, t, price)
	}
}

// placedTwice says that a piece is of a banned pool, or of a place whose credit was earned already.
func (c *chooser) placedTwice(p *piece) bool {
	return contains(c.banned, p.pool) || p.place >= 0 && c.credited[p.place]
}
