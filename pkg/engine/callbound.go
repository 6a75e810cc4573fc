package engine

import "math"

// callBound holds what calls cost at least, and which places are too far from every place where a called workload may be.
//
// Where a caller is best served by a replica at one place, and the called workload is best off at another, both cannot have it. So
// a caller pays a toll for each replica that is served by one at a place, and the called workload gets what all replicas of the
// caller together may pay there once it has a replica at that place. In a plan callers pay no more than that, so that the sum is a
// bound whatever the tolls are: the Lagrangian relaxation of "nobody is served where there is no replica" (Erlenkotter, "A dual-based
// procedure for uncapacitated facility location", Operations Research 26(6), 1978).
type callBound struct {
	m       *model
	works   []*work
	of      map[*work]*callPart
	allowed map[*row][]bool // places where a row's replicas may be
}

// callPart is what the bound holds of a workload: the least that its calls cost and where it is too far from all that it calls, by place;
// the tolls that it pays, by call; and what it gets of its callers, by place. All are nil for nothing.
type callPart struct {
	floor  []float64
	far    []bool
	tolls  []toll
	credit []float64
}

// toll is what a caller's replicas pay at each place of a call's called workload; nil for nothing.
type toll struct {
	usd    []float64
	callee *work
	n      int32 // replicas of the caller
}

func newCallBound(m *model, works []*work) *callBound {
	b := &callBound{m: m, works: works, of: make(map[*work]*callPart, len(works)), allowed: map[*row][]bool{}}
	for _, w := range works {
		b.set(w)
	}
	return b
}

// part is what the bound holds of a workload; of one that it does not know yet, nothing.
func (b *callBound) part(w *work) *callPart {
	if known := b.of[w]; known != nil {
		return known
	}
	return new(callPart)
}

// set computes, for each place where a caller may be, the least that its calls cost wherever the called workloads may be.
func (b *callBound) set(w *work) {
	part := b.of[w]
	if part == nil {
		part = new(callPart)
		b.of[w] = part
	}
	if len(w.out) == 0 {
		part.floor, part.far = nil, nil
		return
	}
	if places := len(b.m.geo.ids); len(part.floor) != places {
		part.floor, part.far = make([]float64, places), make([]bool, places)
	}
	floor, far, own := part.floor, part.far, b.places(w.row)
	clear(floor)
	clear(far)
	for k := range w.out {
		e := &w.out[k]
		callee := b.works[e.to]
		if callee.held != "" || !callee.certain {
			continue // it may have no replica at all, and then costs and limits nothing
		}
		may, toll := b.placesOf(callee), b.tollOf(w, k)
		for from, ok := range own {
			if !ok {
				continue
			}
			if to := b.served(e, may, toll, int32(from)); to < 0 {
				far[from] = true
			} else {
				floor[from] += b.price(e, toll, int32(from), to)
			}
		}
	}
}

// tollOf are the tolls of a call; nil where there are none, or no longer: those of a workload that has changed hold no more.
func (b *callBound) tollOf(w *work, k int) []float64 {
	tolls := b.part(w).tolls
	if tolls == nil || tolls[k].callee != b.works[w.out[k].to] || w.placed() > tolls[k].n {
		return nil
	}
	return tolls[k].usd
}

// price is what a replica at a place pays for a call that is served at another, the toll included.
func (b *callBound) price(e *edge, toll []float64, from, to int32) float64 {
	usd := b.m.callUSD(e, from, to)
	if toll != nil {
		usd += toll[to]
	}
	return usd
}

// served is the place where a call of a replica at a place is served for least; -1 where all are too far.
func (b *callBound) served(e *edge, may []bool, toll []float64, from int32) int32 {
	least, best := math.Inf(1), int32(-1)
	for to, ok := range may {
		if !ok || b.m.beyond(e, from, int32(to)) {
			continue
		}
		if usd := b.price(e, toll, from, int32(to)); best < 0 || usd < least {
			least, best = usd, int32(to)
		}
	}
	return best
}

// placesOf are those where a workload's replicas may be: where its volumes are, if volumes hold all of them.
func (b *callBound) placesOf(w *work) []bool {
	may, pinned := b.places(w.row), int32(0)
	for _, p := range w.pins {
		pinned += p.n
	}
	if pinned == 0 || pinned < w.n {
		return may
	}
	out := make([]bool, len(may))
	for _, p := range w.pins {
		for i, ok := range p.only {
			if place := b.m.pools[i].place; ok && may[place] {
				out[place] = true
			}
		}
	}
	return out
}

// places are those where a row's replicas may be.
func (b *callBound) places(r *row) []bool {
	may, ok := b.allowed[r]
	if !ok {
		may = make([]bool, len(b.m.geo.ids))
		for _, i := range r.profile.allowed {
			if b.m.pools[i].holds(r.request.vector) {
				may[b.m.pools[i].place] = true
			}
		}
		b.allowed[r] = may
	}
	return may
}

// credited adds pieces that earn what callers pay for a replica at a place: one replica of each place and cell. A place in several
// cells earns it more than once, which makes the bound lower at most.
func (d *dual) credited(w *work, atPlace []float64, far []bool, out []piece) []piece {
	credit := d.floors.part(w).credit
	if credit == nil {
		return out
	}
	m, prices := d.m, d.relax.prices[w.row.request]
	set := m.cellsOf(w.row.profile, w.limits)
	cheapest := make([]piece, len(credit)*set.count)
	for j, i := range w.row.pools {
		place := m.pools[i].place
		if credit[place] <= 0 || far != nil && far[place] {
			continue
		}
		price := w.row.dense[j] + prices[i] - credit[place]
		if atPlace != nil {
			price += atPlace[place]
		}
		for k := range w.stays {
			if w.stays[k].pool == i {
				price -= w.stays[k].credit
			}
		}
		if best := &cheapest[int(place)*set.count+int(set.of[i])]; best.max == 0 || price < best.price {
			*best = piece{price, i, 1, -1}
		}
	}
	for _, p := range cheapest {
		if p.max > 0 {
			out = append(out, p)
		}
	}
	return out
}
