package engine

import (
	"cmp"
	"math"
	"slices"
)

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
	floor   map[*work][]float64 // by place
	far     map[*work][]bool
	allowed map[*row][]bool // places where a row's replicas may be
	tolls   map[*work][]toll
	credit  map[*work][]float64 // by place
}

// toll is what a caller's replicas pay at each place of a call's called workload; nil for nothing.
type toll struct {
	usd    []float64
	callee *work
	n      int32 // replicas of the caller
}

func newCallBound(m *model, works []*work) *callBound {
	b := &callBound{
		m: m, works: works, floor: map[*work][]float64{}, far: map[*work][]bool{}, allowed: map[*row][]bool{},
		tolls: map[*work][]toll{}, credit: map[*work][]float64{},
	}
	for _, w := range works {
		b.set(w)
	}
	return b
}

// set computes, for each place of a caller, the least that its calls cost wherever the called workloads may be.
func (b *callBound) set(w *work) {
	delete(b.floor, w)
	delete(b.far, w)
	if len(w.out) == 0 {
		return
	}
	places := len(b.m.geo.ids)
	floor, far := make([]float64, places), make([]bool, places)
	for k := range w.out {
		e := &w.out[k]
		callee := b.works[e.to]
		if callee.held != "" || !callee.certain {
			continue // it may have no replica at all, and then costs and limits nothing
		}
		may, toll := b.placesOf(callee), b.tollOf(w, k)
		for from := range floor {
			if to := b.served(e, may, toll, int32(from)); to < 0 {
				far[from] = true
			} else {
				floor[from] += b.price(e, toll, int32(from), to)
			}
		}
	}
	b.floor[w], b.far[w] = floor, far
}

// tollOf are the tolls of a call; nil where there are none, or no longer: those of a workload that has changed hold no more.
func (b *callBound) tollOf(w *work, k int) []float64 {
	tolls := b.tolls[w]
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
		if !ok || b.m.geo.milliseconds[from][to] > e.most {
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

// Tolls of an application are changed this often, less where there are many workloads. A change is that part of the step that would
// close the gap if the bound were a straight line (Polyak), halved after so many that raised nothing.
const (
	tollsOfOne   = 150
	tollsOfAll   = 120_000
	fewestTolls  = 10
	tollStep     = 1.0
	tollPatience = 5
)

// charge finds tolls that raise the bound of each application.
func (s *Solver) charge(d *dual) {
	apps := s.applications()
	calling := 0
	for _, app := range apps {
		calling += len(app)
	}
	rounds := min(max(tollsOfAll/max(calling, 1), fewestTolls), tollsOfOne)
	least := map[*row][]float64{}
	for _, app := range apps {
		if s.expired() {
			return
		}
		t := &tolling{s: s, d: d, b: d.floors, least: least}
		t.raise(app, rounds)
	}
}

// tolling changes the tolls of one application.
type tolling struct {
	s     *Solver
	d     *dual
	b     *callBound
	app   []int32
	tolls map[*work][]toll // of the best bound so far
	slope map[*work][][]float64
	at    map[*work][]int32 // replicas by place of what workloads choose
	least map[*row][]float64
	first []option // places, for the first replica there
}

// raise changes tolls for some rounds and keeps those with the highest bound.
func (t *tolling) raise(app []int32, rounds int) {
	t.app, t.tolls, t.slope, t.at = app, map[*work][]toll{}, map[*work][][]float64{}, map[*work][]int32{}
	places := len(t.s.m.geo.ids)
	charged := false
	for _, i := range app {
		t.at[t.s.works[i]] = make([]int32, places)
	}
	for _, i := range app {
		w := t.s.works[i]
		for k := range w.out {
			callee := t.s.works[w.out[k].to]
			known := toll{callee: callee, n: w.placed()}
			if t.at[callee] != nil && callee.certain && w.placed() > 0 {
				known.usd = make([]float64, places)
				charged = true
			}
			t.b.tolls[w] = append(t.b.tolls[w], known)
			t.slope[w] = append(t.slope[w], make([]float64, places))
		}
	}
	if !charged {
		return
	}
	goal, best := t.goal(), math.Inf(-1)
	step, failures := tollStep, 0
	for range rounds {
		if t.s.expired() {
			break
		}
		value := t.value()
		if value > best {
			best, failures = value, 0
			for _, i := range app {
				w := t.s.works[i]
				t.tolls[w] = slices.Clone(t.b.tolls[w])
				for k := range t.tolls[w] {
					t.tolls[w][k].usd = slices.Clone(t.tolls[w][k].usd)
				}
			}
		} else if failures++; failures >= tollPatience {
			step, failures = step/2, 0
		}
		if !t.move(step * (goal - value)) {
			break
		}
	}
	for _, i := range app {
		w := t.s.works[i]
		t.b.tolls[w] = t.tolls[w]
	}
	t.collect()
}

// goal is what the application pays in the plan, capacity at the prices of the relaxation.
func (t *tolling) goal() float64 {
	sum := 0.0
	for _, i := range t.app {
		w := t.s.works[i]
		sum += t.s.paid(w)
		for _, a := range w.allocs {
			sum += t.d.relax.prices[w.row.request][a.pool] * float64(a.n)
		}
	}
	return sum
}

// collect adds up what called workloads get, and what callers pay at least.
func (t *tolling) collect() {
	for _, i := range t.app {
		delete(t.b.credit, t.s.works[i])
	}
	for _, i := range t.app {
		w := t.s.works[i]
		for k := range t.b.tolls[w] {
			toll := &t.b.tolls[w][k]
			if toll.usd == nil {
				continue
			}
			credit := t.b.credit[toll.callee]
			if credit == nil {
				credit = make([]float64, len(toll.usd))
				t.b.credit[toll.callee] = credit
			}
			for place, usd := range toll.usd {
				credit[place] += usd * float64(toll.n)
			}
		}
		t.b.set(w)
	}
}

// value is the bound of the application at the present tolls. It fills in by how much it would rise with each of them.
func (t *tolling) value() float64 {
	t.collect()
	sum := 0.0
	for _, i := range t.app {
		w := t.s.works[i]
		at := t.at[w]
		clear(at)
		if w.placed() == 0 {
			continue
		}
		sum += t.pays(w, at)
	}
	for _, i := range t.app {
		w := t.s.works[i]
		for k := range w.out {
			t.incline(w, k)
		}
	}
	return sum
}

// pays is what a workload pays at least at the present tolls. It counts its replicas by place, where they would be then.
func (t *tolling) pays(w *work, at []int32) float64 {
	if w.limits.free && len(w.stays)+len(w.pins) == 0 && w.held == "" {
		return t.paysFree(w, at)
	}
	if w.held != "" {
		return t.s.heldBound(w)
	}
	m := t.s.m
	m.dense(w.row)
	it := item{row: w.row, limits: w.limits, n: w.placed(), weight: 1, work: w, set: m.cellsOf(w.row.profile, w.limits)}
	usd := t.d.demand(&it, nil)
	for _, p := range t.d.relax.picks {
		at[m.pools[p.pool].place] += p.n
	}
	return usd
}

// paysFree is pays where nothing limits where replicas are: all of them are at the cheapest place, but for those that earn more than
// they are dearer by being the first of another.
func (t *tolling) paysFree(w *work, at []int32) float64 {
	least, floor, far, credit := t.leastOf(w.row), t.b.floor[w], t.b.far[w], t.b.credit[w]
	price := func(place int) float64 {
		switch {
		case far != nil && far[place]:
			return math.Inf(1)
		case floor != nil:
			return least[place] + floor[place]
		}
		return least[place]
	}
	best := 0
	for place := range least {
		if price(place) < price(best) {
			best = place
		}
	}
	each, n := price(best), w.placed()
	t.first = t.first[:0]
	for place, usd := range credit {
		if first := price(place) - usd; usd > 0 && first < each {
			t.first = append(t.first, option{int32(place), first})
		}
	}
	slices.SortFunc(t.first, func(a, b option) int { return cmp.Or(cmp.Compare(a.usd, b.usd), cmp.Compare(a.pool, b.pool)) })
	sum := 0.0
	for _, first := range t.first[:min(len(t.first), int(n))] {
		sum += first.usd
		at[first.pool]++
		n--
	}
	at[best] += n
	if n > 0 {
		sum += each * float64(n)
	}
	return sum
}

// leastOf is what a replica of a row pays at least at each place, capacity at the prices of the relaxation; calls apart.
func (t *tolling) leastOf(r *row) []float64 {
	if known, ok := t.least[r]; ok {
		return known
	}
	m, prices := t.s.m, t.d.relax.prices[r.request]
	m.dense(r)
	out := make([]float64, len(m.geo.ids))
	for place := range out {
		out[place] = math.Inf(1)
	}
	for j, i := range r.pools {
		place := m.pools[i].place
		out[place] = min(out[place], r.dense[j]+prices[i])
	}
	t.least[r] = out
	return out
}

// incline fills in the slope of the tolls of one call.
func (t *tolling) incline(w *work, k int) {
	toll, slope := &t.b.tolls[w][k], t.slope[w][k]
	if toll.usd == nil {
		return
	}
	for place, n := range t.at[toll.callee] {
		slope[place] = 0
		if n > 0 {
			slope[place] = -float64(toll.n)
		}
	}
	may := t.b.placesOf(toll.callee)
	for from, n := range t.at[w] {
		if n == 0 {
			continue
		}
		if to := t.b.served(&w.out[k], may, toll.usd, int32(from)); to >= 0 {
			slope[to] += float64(n)
		}
	}
}

// move changes all tolls along their slopes, so that the bound would rise by this much were it straight; false when it is flat.
func (t *tolling) move(by float64) bool {
	square := 0.0
	each := func(visit func(usd, slope *float64)) {
		for _, i := range t.app {
			w := t.s.works[i]
			for k := range w.out {
				for place := range t.b.tolls[w][k].usd {
					visit(&t.b.tolls[w][k].usd[place], &t.slope[w][k][place])
				}
			}
		}
	}
	each(func(usd, slope *float64) {
		if *usd > 0 || *slope > 0 {
			square += *slope * *slope
		}
	})
	if square == 0 || by <= 0 {
		return false
	}
	each(func(usd, slope *float64) { *usd = max(*usd+by/square**slope, 0) })
	return true
}

// credited adds pieces that earn what callers pay for a replica at a place: one replica of each place and cell. A place in several
// cells earns it more than once, which makes the bound lower at most.
func (d *dual) credited(w *work, atPlace []float64, far []bool, out []piece) []piece {
	credit := d.floors.credit[w]
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
