package engine

import (
	"cmp"
	"math"
	"slices"
)

// finish makes the plan from where the workloads are.
func (s *Solver) finish() {
	p := &Plan{Objective: s.m.options.Objective, Placements: make([]*Placement, len(s.works)), Problems: s.m.problems}
	for i := range s.works {
		p.Placements[i] = s.placement(int32(i))
	}
	s.bounds = make([]float64, len(s.works))
	if s.boundAll(); s.imprecise() {
		s.lambda = make([]float64, len(s.lambda))
		s.boundAll()
	}
	s.plan = p
	if s.sumUp(p); p.Unplaced == 0 {
		p.boundBy(s.foundUSD())
	}
}

// foundUSD is the bound that the search for prices found, of a plan in which all replicas have a place.
func (s *Solver) foundUSD() float64 {
	usd := s.found - s.m.uncertainUSD()
	for _, w := range s.works {
		if w.held == "" && w.n > 0 {
			s.m.dense(w.row)
			usd -= float64(w.n) * w.row.ties
		}
	}
	return usd
}

// sums are what a plan's totals are made of, kept so that a changed workload changes them.
type sums struct {
	compute []float64 // of the replicas on each pool
	bound   float64
	changes int
}

// sumUp fills in what is the sum of all placements.
func (s *Solver) sumUp(p *Plan) {
	p.Bill, p.Replicas, p.Unplaced, p.Moves = Bill{}, 0, 0, 0
	p.Pools = make([]PoolUse, len(s.m.pools))
	s.sums = sums{compute: make([]float64, len(s.m.pools)), bound: -s.m.refund - s.m.uncertainUSD()}
	for i, placement := range p.Placements {
		s.count(p, placement, 1)
		s.sums.bound += s.bounds[i]
	}
	for k, lambda := range s.lambda {
		if lambda > 0 {
			s.sums.bound -= lambda * s.m.pools[k/s.m.dims].total[k%s.m.dims]
		}
	}
	for i := range p.Pools {
		s.usePool(i, &p.Pools[i])
	}
	s.conclude(p)
}

// count adds a placement to the sums of a plan, or takes it out.
func (s *Solver) count(p *Plan, placement *Placement, sign int) {
	bill := placement.Bill
	bill.scale(float64(sign))
	p.Bill.Add(&bill)
	p.Unplaced += sign * placement.Unplaced
	p.Moves += sign * placement.Moves
	for k := range placement.Decisions {
		d := &placement.Decisions[k]
		p.Replicas += sign * d.Replicas
		p.Pools[d.Pool].Replicas += sign * d.Replicas
		s.sums.compute[d.Pool] += float64(sign) * d.Bill.Compute
	}
}

// nothing is what rounding may leave of an amount that was added and taken away, in US dollars an hour.
const nothing = 1e-12

// conclude fills in the machines, the bound and the gap.
func (s *Solver) conclude(p *Plan) {
	p.Stopped = s.stopped || s.budget.cut
	s.machines(p)
	for _, part := range p.Bill.parts() {
		if math.Abs(*part) < nothing {
			*part = 0
		}
	}
	p.LowerBoundUSD = 0
	p.boundBy(max(s.sums.bound, s.wholeBound(p)))
}

// boundBy raises the plan's bound, and fills in the gap.
func (p *Plan) boundBy(usd float64) {
	total := p.Total()
	p.LowerBoundUSD = max(min(usd, total), p.LowerBoundUSD)
	p.GapPercent = 0
	switch {
	case p.LowerBoundUSD > 0:
		p.GapPercent = (total - p.LowerBoundUSD) / p.LowerBoundUSD * 100
	case total > nothing:
		p.GapPercent = math.Inf(1)
	}
}

// usePool fills in what a plan uses of a pool.
func (s *Solver) usePool(i int, out *PoolUse) {
	in, room := &s.m.snapshot.Pools[i], &s.room.pools[i]
	*out = PoolUse{Replicas: out.Replicas, Existing: len(in.Nodes), PriceKnown: s.m.pools[i].priced}
	for node, used := range room.used {
		switch {
		case used == 0:
		case node < out.Existing:
			out.Used++
		default:
			out.Added++
		}
	}
	if !out.PriceKnown {
		return
	}
	out.NodeUSD = in.Price.USD * float64(max(out.Existing+out.Added, min(in.MinNodes, max(in.MaxNodes, out.Existing))))
	out.IdleUSD = max(out.NodeUSD-s.sums.compute[i], 0)
}

// placement makes one workload's part of the plan.
func (s *Solver) placement(i int32) *Placement {
	w := s.works[i]
	out := &Placement{Held: w.held}
	picks := byPool(w.allocs, nil)
	slices.SortFunc(picks, func(a, b pick) int { return cmp.Or(cmp.Compare(b.n, a.n), cmp.Compare(a.pool, b.pool)) })
	var a ask
	s.outgoing(w, &a)
	moves := w.moves(picks)
	out.Moves = int(moves)
	out.Decisions = make([]Decision, 0, len(picks))
	for _, p := range picks {
		d := Decision{Pool: int(p.pool), Replicas: int(p.n), Bill: w.row.bill(s.m, p.pool, float64(p.n)), PriceKnown: s.m.pools[p.pool].priced}
		arriving := p.n
		for _, stay := range w.stays {
			if stay.pool == p.pool {
				arriving = max(p.n-stay.n, 0)
			}
		}
		if arriving = min(arriving, moves); arriving > 0 {
			d.Bill.Disruption = float64(arriving) * w.stays[0].credit
			moves -= arriving
		}
		d.Bill.Preference += s.m.unevenOn(w.limits, w.row, picks, p.pool)
		s.addCalls(w, &d)
		for _, a := range w.allocs {
			if a.pool == p.pool {
				d.Nodes = append(d.Nodes, NodeReplicas{int(a.node), int(a.n)})
			}
		}
		out.Decisions = append(out.Decisions, d)
		out.Bill.Add(&d.Bill)
	}
	out.Recoveries, out.Unkept = s.recoveries(w), s.unkept(i)
	if out.Unplaced = max(int(w.n+w.refused-w.placed()), 0); out.Unplaced > 0 {
		out.Conflict = &Conflict{Message: Unexplained}
		switch {
		case w.skipped:
			out.Conflict.Message = NotLookedAt
		case s.m.options.LateConflicts:
		case s.late == mostLate:
			out.Conflict.Message = "why was not worked out: the deadline ended the search before"
		default:
			if s.expired() {
				s.late++
			}
			out.Conflict = s.conflict(i, s.expired)
			out.Conflict.Message += s.outOfUse(w)
		}
	}
	return out
}

// mostLate is of how many workloads it is still said why replicas have no place when the search was stopped.
const mostLate = 16

// addCalls adds the price of calls to a decision, and its expected round trip.
func (s *Solver) addCalls(w *work, d *Decision) {
	from := s.m.pools[d.Pool].place
	if clients := w.row.profile.clientMilliseconds; clients != nil && !math.IsInf(clients[d.Pool], 1) {
		d.LatencyMilliseconds, d.LatencyKnown = clients[d.Pool], true
	}
	sum, weights, known := 0.0, 0.0, true
	for k := range w.out {
		e := &w.out[k]
		to := s.m.nearest(e, s.works[e.to].support, from)
		if to < 0 {
			continue
		}
		milliseconds, n := s.m.geo.milliseconds[from][to], float64(d.Replicas)
		latency, egress := s.m.callBill(e, from, to)
		d.Bill.Latency += n * latency
		d.Bill.Egress += n * egress
		if e.usdPerMillisecond > 0 {
			known = known && !math.IsInf(milliseconds, 1)
			sum += milliseconds * e.usdPerMillisecond
			weights += e.usdPerMillisecond
		}
	}
	if w.row.profile.clientMilliseconds == nil && weights > 0 && known {
		d.LatencyMilliseconds, d.LatencyKnown = sum/weights, true
	}
}

// boundAll computes what each workload pays at the prices of the relaxation for as many replicas as are placed; once the time is up as if
// nothing limited where they are.
func (s *Solver) boundAll() {
	for _, w := range s.works {
		w.certain = len(w.allocs) > 0
	}
	s.dual = newDual(s.m, nil, s.floors())
	copy(s.dual.lambda, s.lambda)
	s.dual.relax.setPrices(s.dual.lambda)
	d := s.dual
	type key struct {
		row    *row
		limits *limits
		n      int32
	}
	known := map[key]float64{}
	if s.calls {
		s.charge(d)
	}
	for i, w := range s.works {
		if s.over() {
			s.boundSingly(i)
			return
		}
		k := key{w.row, w.limits, w.placed()}
		alone := len(w.stays) > 0 || len(w.pins) > 0 || len(w.out)+len(w.in) > 0 || w.held != ""
		if value, ok := known[k]; ok && !alone {
			s.bounds[i] = value
			continue
		}
		s.bounds[i] = s.boundOne(w, d)
		if !alone {
			known[k] = s.bounds[i]
		}
	}
}

// boundSingly is boundAll from a workload on as if each replica could be where it costs least: as fast as can be.
func (s *Solver) boundSingly(from int) {
	known := map[*row]float64{}
	for i := from; i < len(s.works); i++ {
		w := s.works[i]
		if len(w.allocs) == 0 || w.held != "" {
			s.bounds[i] = s.boundOne(w, s.dual)
			continue
		}
		least, ok := known[w.row]
		if !ok {
			s.m.dense(w.row)
			prices := s.dual.relax.prices[w.row.request]
			least = math.Inf(1)
			for j, pool := range w.row.pools {
				least = min(least, w.row.dense[j]+prices[pool])
			}
			if least -= w.row.ties; math.IsInf(least, 1) {
				least = 0
			}
			known[w.row] = least
		}
		s.bounds[i] = least * float64(w.placed())
	}
}

// precise is how many times as much as the replicas cost the parts of the bound may be, that are added and subtracted: sixteen
// digits leave ten of the difference then.
const precise = 1e6

// imprecise says that the parts of the bound are so large that their difference means nothing: where more is asked for than
// there is, prices of the relaxation rise without end. Without prices the bound is low, and true.
func (s *Solver) imprecise() bool {
	parts, cost := s.dual.charge(), 1.0
	for i, w := range s.works {
		parts += math.Abs(s.bounds[i])
		cost += w.usd
	}
	return !(parts <= precise*cost)
}

// floors is the least that calls cost; nil without calls.
func (s *Solver) floors() *callBound {
	if !s.calls {
		return nil
	}
	return newCallBound(s.m, s.works)
}

// boundOne computes one workload's part of the bound.
func (s *Solver) boundOne(w *work, d *dual) float64 {
	placed := w.placed()
	if placed == 0 {
		return 0
	}
	if w.held != "" {
		return s.heldBound(w)
	}
	s.m.dense(w.row)
	it := item{row: w.row, limits: w.limits, n: placed, weight: 1, work: w, set: s.m.cellsOf(w.row.profile, w.limits)}
	best := d.demand(&it, nil)
	if it.limits.limitsSpot() && !it.limits.tree.spot && len(w.pins) == 0 {
		best = max(best, d.priceSpot(&it))
	}
	if len(w.stays) > 0 {
		best += float64(min(w.moving, placed)) * w.stays[0].credit
	}
	return best - float64(placed)*w.row.ties + s.leastUneven(w)
}

// heldBound is what a held workload costs where it is, calls apart, at the prices of the relaxation.
func (s *Solver) heldBound(w *work) float64 {
	sum := w.usd - float64(w.placed())*w.row.ties
	for _, a := range w.allocs {
		for d, size := range w.row.request.size {
			sum += s.lambda[int(a.pool)*s.m.dims+d] * size * float64(a.n)
		}
	}
	return sum
}

// Plan is the present plan.
func (s *Solver) Plan() *Plan { return s.plan }
