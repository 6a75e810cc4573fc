package engine

import (
	"cmp"
	"math"
	"slices"
	"sync"
)

// Tolls of an application are changed this often, less where there are many workloads. A change is that part of the step that would
// close the gap if the bound were a straight line (Polyak), halved after so many that raised nothing.
const (
	tollsOfOne   = 150
	tollsOfAll   = 120_000
	fewestTolls  = 10
	tollStep     = 1.0
	tollPatience = 5
)

// charge finds tolls that raise the bound of each application, of several at once.
func (s *Solver) charge(d *dual) {
	apps := s.applications()
	calling := 0
	for _, app := range apps {
		calling += len(app)
		for _, i := range app {
			s.m.dense(s.works[i].row)
			s.m.cellsOf(s.works[i].row.profile, s.works[i].limits)
		}
	}
	rounds := min(max(tollsOfAll/max(calling, 1), fewestTolls), tollsOfOne)
	var next sync.Mutex // held to ask whether to stop, and for the next application
	expired := func() bool {
		next.Lock()
		defer next.Unlock()
		return s.tolled()
	}
	take := func() []int32 {
		next.Lock()
		defer next.Unlock()
		if len(apps) == 0 || s.tolled() {
			return nil
		}
		app := apps[0]
		apps = apps[1:]
		return app
	}
	var running sync.WaitGroup
	for range min(mostParts, len(apps)) {
		running.Go(func() {
			part := &dual{m: s.m, relax: newRelaxer(s.m), floors: d.floors}
			part.relax.prices = d.relax.prices
			t := &tolling{s: s, d: part, b: d.floors, expired: expired, least: map[*row][]float64{}}
			for app := take(); app != nil; app = take() {
				t.raise(app, rounds)
			}
		})
	}
	running.Wait()
}

// tolling changes the tolls of one application.
type tolling struct {
	s       *Solver
	d       *dual
	b       *callBound
	expired func() bool
	app     []int32
	tolls   map[*work][]toll // of the best bound so far
	slope   map[*work][][]float64
	at      map[*work][]int32 // replicas by place of what workloads choose
	least   map[*row][]float64
	first   []option // places, for the first replica there
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
			part := t.b.of[w]
			part.tolls = append(part.tolls, known)
			t.slope[w] = append(t.slope[w], make([]float64, places))
		}
	}
	if !charged {
		return
	}
	goal, best := t.goal(), math.Inf(-1)
	step, failures := tollStep, 0
	for range rounds {
		if t.expired() {
			break
		}
		value := t.value()
		if value > best {
			best, failures = value, 0
			for _, i := range app {
				w := t.s.works[i]
				t.tolls[w] = slices.Clone(t.b.of[w].tolls)
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
		t.b.of[w].tolls = t.tolls[w]
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
		clear(t.b.of[t.s.works[i]].credit)
	}
	for _, i := range t.app {
		w := t.s.works[i]
		for k := range t.b.of[w].tolls {
			toll := &t.b.of[w].tolls[k]
			if toll.usd == nil {
				continue
			}
			callee := t.b.of[toll.callee]
			if callee.credit == nil {
				callee.credit = make([]float64, len(toll.usd))
			}
			for place, usd := range toll.usd {
				callee.credit[place] += usd * float64(toll.n)
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
	least, part := t.leastOf(w.row), t.b.of[w]
	floor, far, credit := part.floor, part.far, part.credit
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
	toll, slope := &t.b.of[w].tolls[k], t.slope[w][k]
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
				for place := range t.b.of[w].tolls[k].usd {
					visit(&t.b.of[w].tolls[k].usd[place], &t.slope[w][k][place])
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
