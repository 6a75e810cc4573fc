package engine

import (
	"cmp"
	"slices"
)

// Displacements at most: workloads that are tried, as a share of all and at least; workloads that give way to one; and by how
// much of its cost one must gain to be tried.
//
// Above displacedBelow workloads without calls it is not worth its time: prices and single moves find all but a hundredth of a per
// cent.
const (
	displacedBelow  = 4000
	displacedShare  = 64
	leastDisplaced  = 64
	mostVictims     = 6
	worthDisplacing = 1e-3
)

// displacer moves workloads to where they would rather be when that is full, and those that are there elsewhere, as long as
// all of them together cost less. Prices of the relaxation say who gains most.
type displacer struct {
	s     *Solver
	relax *relaxer
	on    [][]int32 // workloads by pool, some of which may have left
}

// wish is what a workload would save at the prices of the relaxation if there were room.
type wish struct {
	work int32
	usd  float64
}

// displace tries the workloads that would gain most.
func (s *Solver) displace(relax *relaxer) {
	if s.expired() {
		return
	}
	d := &displacer{s: s, relax: relax, on: make([][]int32, len(s.m.pools))}
	for _, i := range s.order {
		d.note(i)
	}
	most := max(len(s.order)/displacedShare, leastDisplaced)
	if s.calls && len(s.order) <= displacedBelow {
		most = len(s.order)
	}
	wishes := d.wishes()
	for _, w := range wishes[:min(most, len(wishes))] {
		if s.expired() {
			return
		}
		d.grant(w)
	}
}

// note remembers where a workload is.
func (d *displacer) note(i int32) {
	for _, a := range d.s.works[i].allocs {
		if list := d.on[a.pool]; len(list) == 0 || list[len(list)-1] != i {
			d.on[a.pool] = append(list, i)
		}
	}
}

// movable says whether a workload may be moved as a whole.
func (w *work) movable() bool { return w.held == "" && w.n > 0 && len(w.pins) == 0 }

// shiftable says whether it may be moved replica by replica: no rule of pods looks at what is beside them.
func (w *work) shiftable() bool { return w.movable() && w.pods == nil }

// wishes lists workloads by what they would gain.
func (d *displacer) wishes() []wish {
	type key struct {
		row    *row
		limits *limits
	}
	known := map[key]float64{}
	var out []wish
	for _, i := range d.s.order {
		w := d.s.works[i]
		if !w.movable() {
			continue
		}
		k := key{w.row, w.limits}
		alone := len(w.out)+len(w.in)+len(w.stays) > 0
		ideal, ok := known[k]
		if !ok || alone {
			_, ideal = d.ideal(w)
			if !alone {
				known[k] = ideal
			}
		}
		now := d.reduced(w, byPool(w.allocs, nil))
		if gain := now - ideal; gain > worthDisplacing*now || w.placed() < w.n {
			out = append(out, wish{i, gain})
		}
	}
	slices.SortStableFunc(out, func(a, b wish) int { return cmp.Compare(b.usd, a.usd) })
	return out
}

// ideal is where a workload would be if only the prices of the relaxation limited it, and what it would pay.
func (d *displacer) ideal(w *work) ([]pick, float64) {
	s := d.s
	a := ask{row: w.row, limits: w.limits, n: w.n, stays: w.stays, lambda: d.relax.lambda}
	s.outgoing(w, &a)
	if len(w.in) > 0 {
		s.attraction(w, &a)
	}
	s.chooser.best(&a)
	picks := slices.Clone(s.chooser.picks)
	if w.support == nil {
		return picks, d.reduced(w, picks)
	}
	was := slices.Clone(w.support)
	clear(w.support)
	for _, p := range picks {
		w.support[s.m.pools[p.pool].place] += p.n
	}
	usd := d.reduced(w, picks)
	copy(w.support, was)
	return picks, usd
}

// reduced is what a workload pays on these pools, capacity at the prices of the relaxation, calls of others included. Its
// support must be theirs.
func (d *displacer) reduced(w *work, picks []pick) float64 {
	s, usd := d.s, 0.0
	var a ask
	s.outgoing(w, &a)
	for _, p := range picks {
		each := w.row.unit(s.m, p.pool) + d.relax.prices[w.row.request][p.pool]
		if a.atPlace != nil {
			each += a.atPlace[s.m.pools[p.pool].place]
		}
		usd += each * float64(p.n)
	}
	if len(w.stays) > 0 {
		usd += float64(w.moves(picks)) * w.stays[0].credit
	}
	if len(w.in) > 0 {
		usd += s.incoming(w)
	}
	return usd + s.m.uneven(w.limits, w.row, picks)
}

// moved is a workload that was lifted, and what it was before.
type moved struct {
	work    *work
	index   int32
	allocs  []alloc
	refuges []refuge
	placed  int32
	usd     float64
}

// grant tries to make room for one workload where it would rather be, and keeps that when all together pay less.
func (d *displacer) grant(wanted wish) {
	d.exchange(wanted.work, func(all []moved) bool {
		before, after := 0.0, 0.0
		for k := range all {
			before += all[k].usd
			after += d.s.cost(all[k].work)
		}
		return cheaper(after, before)
	})
}

// exchange makes room for one workload where it would rather be. That is kept when nobody has fewer replicas placed than
// before, and accepted says so of those that were lifted, the workload first; it returns these, and nil when all is as before.
func (d *displacer) exchange(i int32, accepted func(all []moved) bool) []moved {
	s := d.s
	w := s.works[i]
	picks, _ := d.ideal(w)
	undo := []moved{d.lift(i)}
	for _, p := range picks {
		d.clear(&undo, w, p)
	}
	if len(undo) == 1 {
		d.putBack(undo)
		return nil
	}
	for k := range undo {
		v := undo[k].work
		a := ask{}
		s.outgoing(v, &a)
		if len(v.in) > 0 {
			s.attraction(v, &a)
		}
		s.put(v, &a)
		s.settle(v)
		if k > 0 && len(v.in) > 0 {
			s.again(v)
		}
		if s.reserve != nil {
			s.shelter(undo[k].index)
		}
	}
	fewer := func(u moved) bool { return u.work.placed() < u.placed || missing(u.work.refuges) > missing(u.refuges) }
	if slices.ContainsFunc(undo, fewer) || !accepted(undo) {
		d.putBack(undo)
		return nil
	}
	for k := range undo {
		d.note(undo[k].index)
	}
	return undo
}

// lift takes a workload off its nodes, gives up the room that is kept for it after a loss, and remembers what it was.
func (d *displacer) lift(i int32) moved {
	w := d.s.works[i]
	out := moved{work: w, index: i, placed: w.placed(), usd: d.s.cost(w), refuges: w.refuges}
	if d.s.reserve != nil {
		d.s.unreserve(i)
		w.refuges = nil
	}
	out.allocs = d.s.lift(w)
	return out
}

// putBack puts workloads back to what they were.
func (d *displacer) putBack(lifted []moved) {
	s := d.s
	for k := range lifted {
		if s.reserve != nil {
			s.unreserve(lifted[k].index)
		}
		s.lift(lifted[k].work)
	}
	for k := range lifted {
		u := &lifted[k]
		s.restore(u.work, u.allocs)
		u.work.refuges = u.refuges
		if s.reserve != nil {
			s.claim(u.work)
		}
	}
}

// victim is a workload that could give way, and what that would cost it by the unit of what it frees.
type victim struct {
	work int32
	usd  float64
}

// clear lifts workloads off a pool until the wanted replicas fit there, those first that lose least.
func (d *displacer) clear(undo *[]moved, w *work, p pick) {
	s := d.s
	fits := func() bool { return s.room.countOf(p.pool, w.row.request, p.n, w.limits.nodeShare()) >= p.n }
	if fits() {
		return
	}
	var list []victim
	lost := map[*row]float64{}
	live := d.on[p.pool][:0]
	for _, i := range d.on[p.pool] {
		v := s.works[i]
		n := int32(0)
		for _, a := range v.allocs {
			if a.pool == p.pool {
				n += a.n
			}
		}
		if n == 0 {
			if len(v.allocs) == 0 { // lifted at the moment
				live = append(live, i)
			}
			continue
		}
		live = append(live, i)
		if !v.movable() || v == w || v.row.profile == w.row.profile && v.row == w.row {
			continue
		}
		usd, ok := lost[v.row]
		if !ok {
			usd = d.elsewhere(v, p.pool)
			lost[v.row] = usd
		}
		if size := d.frees(v, w, p.pool) * float64(n); size > 0 {
			list = append(list, victim{i, usd * float64(n) / size})
		}
	}
	d.on[p.pool] = live
	slices.SortStableFunc(list, func(a, b victim) int { return cmp.Compare(a.usd, b.usd) })
	for _, v := range list {
		if len(*undo) > mostVictims || fits() {
			return
		}
		if len(s.works[v.work].allocs) > 0 { // noted twice and lifted already
			*undo = append(*undo, d.lift(v.work))
		}
	}
}

// frees is how much of what a replica of w wants one of v holds: the least share over resources that are short.
func (d *displacer) frees(v, w *work, pool int32) float64 {
	out := 1.0
	room := &d.s.room.pools[pool]
	for k, want := range w.row.request.vector {
		if want > 0 && want > room.upper[k]/2 {
			out = min(out, float64(v.row.request.vector[k])/float64(want))
		}
	}
	return out
}

// elsewhere is how much dearer the cheapest other pool with room is for a workload; much where there is none.
func (d *displacer) elsewhere(v *work, pool int32) float64 {
	s := d.s
	here := v.row.unit(s.m, pool)
	for k, i := range v.row.order {
		if i != pool && s.room.countOf(i, v.row.request, 1, 1) > 0 {
			return v.row.cost[k] - here
		}
	}
	return heavy
}
