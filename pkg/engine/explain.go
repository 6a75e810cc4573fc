package engine

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"tradewind.dev/tradewind/pkg/printable"
	"tradewind.dev/tradewind/pkg/rules"
	"tradewind.dev/tradewind/pkg/rules/policy"
)

// Explanation is why one workload is where it is.
type Explanation struct {
	// Reasons are parallel to Placement.Decisions: why each pool was chosen.
	Reasons []string
	// Rejected are the pools that hold no replica, by pool.
	Rejected []Rejection
}

// Explain says why the workload with this index is where it is in the present plan, and why not elsewhere. It costs time in
// proportion to the number of pools, so it is asked for a workload at a time.
func (s *Solver) Explain(i int) Explanation { return s.ExplainWithout(i, nil) }

// ExplainWithout is Explain for readers who may not know the prices of the hidden pools: it names no dollars that rest on them,
// and leaves DeltaUSD of such rejections 0. Nil hides nothing.
func (s *Solver) ExplainWithout(i int, hidden func(pool int) bool) Explanation {
	w := s.works[i]
	placement := s.plan.Placements[i]
	out := Explanation{Reasons: make([]string, 0, len(placement.Decisions))}
	e := s.explainer(w)
	e.hidden = hidden
	e.hides = hidden != nil && slices.ContainsFunc(placement.Decisions, func(d Decision) bool { return hidden(d.Pool) })
	holds := make([]bool, len(s.m.pools))
	for k := range placement.Decisions {
		holds[placement.Decisions[k].Pool] = true
		out.Reasons = append(out.Reasons, e.reason(int32(placement.Decisions[k].Pool)))
	}
	if e.worst >= 0 { // with one replica of the dearest pool gone, would the limits allow one elsewhere?
		s.chooser.remove(e.worst, 1)
	}
	for p := range s.m.pools {
		if !holds[p] {
			out.Rejected = append(out.Rejected, e.rejection(int32(p)))
		}
	}
	return out
}

// explainer answers for one workload.
type explainer struct {
	s       *Solver
	w       *work
	ask     ask
	dearest float64   // price of the dearest placed replica
	worst   int32     // its pool; -1 when there is none
	open    []float64 // prices of the pools that are allowed, large enough and not too far, the lowest first
	// hidden are the pools whose prices are not for the reader; hides says that replicas are on one.
	hidden func(pool int) bool
	hides  bool
	// machines in use, where these are minimised; else nil.
	machines *machines
}

func (s *Solver) explainer(w *work) *explainer {
	e := &explainer{s: s, w: w, dearest: math.Inf(-1), worst: -1}
	e.ask = ask{row: w.row, limits: w.limits, n: w.n, stays: w.stays, room: s.room, beside: s.besideOf(w, nil)}
	if s.m.invoices() {
		e.machines = &machines{s, newTally(s.m, s.room)}
	}
	s.outgoing(w, &e.ask)
	picks := byPool(w.allocs, nil)
	s.chooser.restore(&e.ask, picks)
	for _, p := range picks {
		if price := e.saved(p.pool) - s.chooser.unevenMore(p.pool, -1); price > e.dearest {
			e.dearest, e.worst = price, p.pool
		}
	}
	s.m.dense(w.row)
	for _, i := range w.row.pools {
		if !e.ask.barred(s.m, i) {
			e.open = append(e.open, e.price(i))
		}
	}
	slices.Sort(e.open)
	return e
}

// price of one replica more on a pool; a replica that runs there already is not credited.
func (e *explainer) price(i int32) float64 {
	if e.machines != nil {
		return e.s.chooser.price(i, e.w.row.apart(e.s.m, i)) + e.machines.more(e.w, i)
	}
	return e.s.chooser.price(i, e.w.row.unit(e.s.m, i))
}

// saved is the price of one replica that is on a pool.
func (e *explainer) saved(i int32) float64 {
	if e.machines != nil {
		return e.s.chooser.price(i, e.w.row.apart(e.s.m, i)) + e.machines.less(e.w, i)
	}
	return e.price(i)
}

func (e *explainer) reason(i int32) string {
	if !e.s.m.pools[i].priced && e.w.held == "" && !e.hides {
		return "the best found, at a price that is not known: the highest known one counts"
	}
	if e.machines != nil && e.w.held == "" && !e.hides {
		text := e.machineReason(i)
		switch {
		case e.ask.stayCredit(i) > 0:
			text += "; runs here already"
		case len(e.w.pins) > 0:
			text += "; near its volumes"
		}
		return text
	}
	price := e.price(i)
	cheaper, _ := slices.BinarySearch(e.open, price-improvement)
	text := fmt.Sprintf("$%.4g/h a replica", price)
	switch {
	case e.w.held != "":
		return "kept where it runs: " + e.w.held
	case e.hides:
		return "the best found, at a price that only readers of PriceLists may see"
	case cheaper == 0:
		return text + ", the least of " + printable.Number(len(e.w.row.pools), "allowed pool", "allowed pools")
	case e.ask.stayCredit(i) > 0:
		return text + "; runs here already, and moving would not pay for itself"
	case len(e.w.pins) > 0:
		return text + "; near its volumes"
	case len(e.w.limits.even) > 0:
		return fmt.Sprintf("%s, the least with room within the limits for replicas that prefer to be apart: %s full, beyond a limit or "+
			"near others of them", text, printable.Number(cheaper, "cheaper pool is", "cheaper pools are"))
	default:
		return fmt.Sprintf("%s, the least with room within the limits: %s full or beyond a limit", text,
			printable.Number(cheaper, "cheaper pool is", "cheaper pools are"))
	}
}

// rejection is why a pool holds no replica. A replica of the dearest pool must be out of the chooser.
func (e *explainer) rejection(i int32) Rejection {
	s, w := e.s, e.w
	out := Rejection{Pool: int(i)}
	if out.Rule, out.Message = s.m.excluded(w.row.profile, i); out.Rule != "" {
		if out.Rule == RuleVolume { // the profile is that of others too
			out.Message = volumesElsewhere(w.volumes)
		}
		return out
	}
	if rule, ok := w.bars(i); ok {
		out.Rule, out.Message = rule.Rule, rule.Message
		return out
	}
	if pool := &s.m.snapshot.Pools[i]; pool.Unavailable != "" && len(pool.Nodes) == 0 {
		out.Rule, out.Message = RuleUnavailable, pool.Unavailable
		return out
	}
	if !s.m.pools[i].holds(w.row.request.vector) {
		out.Rule, out.Message = RuleSize, "no node is large enough for "+s.requestText(w.row.request)
		return out
	}
	if e.ask.far != nil && e.ask.far[s.m.pools[i].place] {
		out.Rule, out.Message = RuleCall, s.farText(w, s.m.pools[i].place)
		return out
	}
	if e.ask.beside.bars(i) {
		rule := e.ask.beside.reasons[i].conflict()
		out.Rule, out.Message = rule.Rule, rule.Message
		return out
	}
	delta := e.price(i) + s.chooser.unevenMore(i, 1)
	if e.worst >= 0 {
		delta -= e.dearest
	}
	if s.room.countOf(i, w.row.request, 1, 1) == 0 {
		out.Rule, out.Message = RuleCapacity, "no node has room for a replica"
		return out
	}
	if s.chooser.fits(i, 1) == 0 {
		out.Rule, out.Message = RulePodAffinity, "rules of pods leave it no node that has room for a replica"
		return out
	}
	if s.chooser.allowance(i) <= 0 {
		out.Rule, out.Message = s.chooser.blocker(i)
	} else {
		out.Rule, out.DeltaUSD = RulePrice, delta
		out.Message = fmt.Sprintf("$%.4g/h dearer a replica", delta)
		if e.machines != nil && e.machines.more(w, i) > 0 {
			out.Message += ", which needs a machine more"
		}
		switch {
		case e.hides || e.hidden != nil && e.hidden(int(i)):
			out.DeltaUSD, out.Message = 0, "dearer, or moving there costs more than it saves"
		case delta > -improvement && delta < improvement, delta <= 0 && e.machines != nil && delta >= -improvement:
			out.Message = "no dearer a replica, but was not chosen"
		case delta <= 0:
			out.Message = fmt.Sprintf("$%.4g/h cheaper a replica, but moving there costs more than it saves, or was not found", -delta)
		}
	}
	return out
}

func skewMessage(key string, skew int32) string {
	return fmt.Sprintf("one %s more would hold over %s more than the emptiest one", wordOf(key), printable.Number(skew, "replica", "replicas"))
}

// wordOf is what people call the domains of a topology key.
func wordOf(key string) string { return cmp.Or(policy.LocationKeys[key], "value of "+key) }

// blocker is the limit that allows no replica more on a pool.
func (c *chooser) blocker(i int32) (Rule, string) {
	a, l := c.ask, c.ask.limits
	for k := range c.caps {
		limit := &c.caps[k]
		axis := &c.m.axes[limit.axis]
		if axis.of[i] < 0 {
			if limit.open {
				continue
			}
			return limit.rule, "without the label " + limit.key
		}
		if c.counts[limit.axis][axis.of[i]] >= limit.max {
			if limit.rule == RuleAvailability {
				return RuleAvailability, fmt.Sprintf("%s %s has %s already, and no more may be lost at once", limit.key, axis.names[axis.of[i]],
					printable.Number(limit.max, "replica", "replicas"))
			}
			if limit.rule == RuleSpot {
				return limit.rule, fmt.Sprintf("the spot pool %s has its share of the replicas already (%d)", axis.names[axis.of[i]], limit.max)
			}
			if limit.skew > 0 {
				return limit.rule, skewMessage(limit.key, limit.skew)
			}
			if limit.rule == RulePodAntiAffinity {
				return limit.rule, fmt.Sprintf("%s %s has a replica already, and pod anti-affinity lets it have one", wordOf(limit.key), axis.names[axis.of[i]])
			}
			return RuleSpread, fmt.Sprintf("%s %s has its share of the replicas already (%d)", policy.LocationKeys[limit.key], axis.names[axis.of[i]], limit.max)
		}
	}
	for k := range c.mins {
		need := &c.mins[k]
		if c.extras[k] >= need.extras {
			if need.skew > 0 {
				return need.rule, skewMessage(need.key, need.skew)
			}
			return RuleSpread, fmt.Sprintf("in a %s that has a replica (policy wants %d)", policy.LocationKeys[need.key], need.need)
		}
	}
	skews := l.skews
	if a.beside.levels() {
		skews = slices.Concat(skews, a.beside.skews)
	}
	for k := range skews {
		if s := &skews[k]; c.evenly(i, skews[k:k+1]) <= 0 {
			return s.rule, skewMessage(c.m.axes[s.axis].key, s.max)
		}
	}
	if c.m.pools[i].spot && c.spot >= l.spot {
		return RuleSpot, fmt.Sprintf("spot capacity has its share of the replicas already (%d)", l.spot)
	}
	if !c.m.pools[i].spot && c.placed-c.spot >= l.onDemand {
		return RuleSpot, "not on spot capacity, which the policy waits for"
	}
	if c.usd+c.m.pools[i].rates.Hourly(a.row.request.priced) > l.ceiling+rules.CeilingTolerance {
		return RuleCost, fmt.Sprintf("over the ceiling of $%g/h", l.ceiling)
	}
	if len(l.covered) > 0 {
		return RuleLatency, "leaves clients without a replica in time"
	}
	return RuleCapacity, "every replica has a place"
}
