package engine

import (
	"cmp"
	"math"
	"slices"
)

// size is the largest share of a request in what the largest nodes have.
func (m *model) sizes() map[*request]float64 {
	largest := make([]float64, m.dims)
	for i := range m.pools {
		for _, kind := range m.pools[i].kinds {
			for d, v := range kind {
				largest[d] = max(largest[d], float64(v))
			}
		}
	}
	out := make(map[*request]float64, len(m.requests))
	for _, r := range m.requests {
		for d, v := range r.size {
			if v > 0 && largest[d] > 0 {
				out[r] = max(out[r], v/largest[d])
			}
		}
	}
	return out
}

// construct places every workload, guided by the prices of the relaxation: large replicas first, since they find room
// hardest, and called workloads before their callers.
func (s *Solver) construct() {
	sizes := s.m.sizes()
	s.total = make([]float64, s.m.dims)
	for i := range s.m.pools {
		for d, v := range s.m.pools[i].total {
			s.total[d] += v
		}
	}
	s.order = s.order[:0]
	for i, w := range s.works {
		if w.held == "" && w.n > 0 {
			s.order = append(s.order, int32(i))
		}
	}
	relax := newRelaxer(s.m)
	relax.setPrices(s.lambda)
	for k, lambda := range s.lambda {
		if lambda > 0 {
			s.room.mix(int32(k / s.m.dims))
		}
	}
	crowds := map[*row][]float64{}
	hurried := len(s.order) > alwaysPlaced && !s.affords(readyByReading) // few are placed then
	for _, r := range s.m.rows {
		if hurried {
			break
		}
		s.m.dense(r)
		s.m.fillRow(r, relax.prices[r.request])
		r.regret = 0
		r.regret = s.regret(r, relax.prices[r.request], sizes[r.request])
	}
	excessive := s.excessive()
	slices.SortStableFunc(s.order, func(a, b int32) int {
		x, y := s.works[a], s.works[b]
		return cmp.Or(
			compareBool(excessive[a], excessive[b]),
			podOrder(x, y),
			cmp.Compare(tightness(y), tightness(x)),
			cmp.Compare(y.row.regret, x.row.regret),
			cmp.Compare(sizes[y.row.request], sizes[x.row.request]),
			cmp.Compare(x.row.request.id, y.row.request.id),
		)
	})
	s.anticipate(relax)
	begun := s.used()
	for k, i := range s.order {
		if k >= alwaysPlaced && s.expired() {
			s.abandon(s.order[k:])
			break
		}
		if k%keptUp == 0 {
			s.keepUp(float64(k)/float64(len(s.order)), begun)
		}
		w := s.works[i]
		if hurried {
			s.m.fillRow(w.row, nil)
		}
		a := ask{lambda: s.lambda, crowd: crowds[w.row]}
		if a.crowd == nil {
			a.crowd = make([]float64, len(s.m.pools))
			crowds[w.row] = a.crowd
		}
		if len(w.row.order) > 0 {
			first := w.row.order[0]
			a.warmth = crowding * (w.row.cost[0] + relax.prices[w.row.request][first])
		}
		s.outgoing(w, &a)
		if len(w.in) > 0 {
			s.attraction(w, &a)
		}
		s.put(w, &a)
		s.settle(w)
		for _, p := range w.allocs {
			a.crowd[p.pool] += float64(p.n)
		}
	}
	for _, r := range s.m.rows {
		if hurried {
			break
		}
		s.m.fillRow(r, nil)
	}
}

// regret is how much more a replica pays, by its size, when the cheapest pools are full: pools that hold a share of what all
// nodes hold of the resource it asks most of. It is heavy where the allowed pools hold less, the more so the less they hold.
func (s *Solver) regret(r *row, prices []float64, size float64) float64 {
	resource, most := 0, 0.0
	for d, v := range r.request.size {
		if share := v / max(s.total[d], 1); share > most {
			resource, most = d, share
		}
	}
	list := make([]entry, 0, len(r.pools))
	for j, i := range r.pools {
		list = append(list, entry{i, 0, r.dense[j] + prices[i]})
	}
	slices.SortFunc(list, dearer)
	left := scarce * s.total[resource]
	for _, e := range list {
		if left -= s.m.pools[e.pool].total[resource]; left <= 0 {
			return (e.price - list[0].price) / max(size, 1e-9)
		}
	}
	return heavy * left / max(s.total[resource], 1)
}

// keptUp is after how many workloads it is looked at whether the construction is late.
const keptUp = 8

// crowding is how much dearer a pool looks, as a share of the price, for each doubling or so of the replicas of a row on it.
const crowding = 0.01

// scarce is that share.
const scarce = 0.25

// tightness puts workloads first that have little choice: those that volumes hold in place, then those that request what
// only some nodes have, and among equals those with limits.
func tightness(w *work) int {
	if len(w.pins) > 0 {
		return 4
	}
	tight := 0
	for _, v := range w.row.request.vector[dimGPU:] {
		if v > 0 {
			tight = 2
		}
	}
	if !w.limits.free {
		tight++
	}
	return tight
}

// anticipated is how often workloads that call each other choose places before there is any room to share.
const anticipated = 2

// anticipate guesses where workloads that call others, or are called, will be: where they would be if only the prices of the
// relaxation limited them. Construction then places one near another that has no place yet.
func (s *Solver) anticipate(relax *relaxer) {
	if !s.calls {
		return
	}
	for range anticipated {
		for _, i := range s.order {
			w := s.works[i]
			if len(w.in)+len(w.out) == 0 {
				continue
			}
			if s.expired() {
				return
			}
			a := ask{row: w.row, limits: w.limits, n: w.n, stays: w.stays, lambda: relax.lambda}
			s.outgoing(w, &a)
			a.far = nil // what it calls may still come nearer
			if len(w.in) > 0 {
				s.attraction(w, &a)
			}
			s.chooser.best(&a)
			clear(w.support)
			for _, p := range s.chooser.picks {
				w.support[s.m.pools[p.pool].place] += p.n
			}
		}
	}
}

// improve places workloads again at the true prices, one at a time, as long as that lowers the bill. Of workloads that call
// each other those are tried again whose callers or called workloads have moved.
func (s *Solver) improve() {
	tried := s.triedInVain()
	defer s.rememberVain(tried)
	for range s.rounds() {
		changed := false
		for _, i := range s.order {
			if s.expired() {
				return
			}
			w := s.works[i]
			if tried[i] && len(w.in)+len(w.out) > 0 {
				continue
			}
			if tried[i] = true; !s.hopeful(w) || !s.again(w) {
				continue
			}
			changed, tried[i] = true, false
			for _, in := range w.in {
				tried[in.work] = false
			}
			for k := range w.out {
				tried[w.out[k].to] = false
			}
		}
		if !changed {
			return
		}
	}
}

// hopeful says whether a workload might cost less elsewhere: whether any pool with room is cheaper than the dearest one used, with what
// its calls cost there, and what its callers would save by a replica there.
func (s *Solver) hopeful(w *work) bool {
	if len(w.stays)+len(w.pins) > 0 || w.placed() < w.n {
		return true
	}
	if linked := len(w.out)+len(w.in) > 0; linked && (w.pods != nil || math.IsInf(s.cost(w), 1)) {
		return true
	}
	if s.unevenly(w) > 0 {
		return true
	}
	var a ask
	s.outgoing(w, &a)
	saved, dearest := s.saved(w), 0.0
	there := func(i int32, usd float64) float64 {
		if a.atPlace != nil {
			usd += a.atPlace[s.m.pools[i].place]
		}
		return usd
	}
	for _, a := range w.allocs {
		dearest = max(dearest, there(a.pool, w.row.unit(s.m, a.pool)))
	}
	for j, i := range w.row.pools {
		usd := there(i, w.row.dense[j])
		if saved != nil {
			usd -= saved[s.m.pools[i].place]
		}
		if usd < dearest-1e-9 && !a.barred(s.m, i) && s.room.countOf(i, w.row.request, 1, 1) > 0 {
			return true
		}
	}
	return false
}

// again places one workload anew and keeps that when more replicas are placed, or as many for less. A workload that others
// call is also tried near its callers.
func (s *Solver) again(w *work) bool {
	if s.anew(w, func(a *ask) { s.outgoing(w, a) }) {
		return true
	}
	if len(w.in) > 0 && s.anew(w, func(a *ask) { s.outgoing(w, a); s.attraction(w, a) }) {
		return true
	}
	return s.calls && len(w.stays) == 0 && len(s.works) <= many && s.asIfItRan(w)
}

// asIfItRan places one workload anew as it would be if it ran where it is. A plan that is made from the present one tries that, and is
// to find nothing better.
func (s *Solver) asIfItRan(w *work) bool {
	var stays []stay
	for _, p := range byPool(w.allocs, nil) {
		stays = append(stays, stay{p.pool, p.n, w.row.restart / PaybackHours})
	}
	place := func(prepare func(a *ask)) bool {
		return s.anew(w, func(a *ask) { prepare(a); w.stays = stays })
	}
	if place(func(a *ask) { s.outgoing(w, a) }) {
		return true
	}
	return len(w.in) > 0 && place(func(a *ask) { s.outgoing(w, a); s.attraction(w, a) })
}

// anew places one workload as an ask says and keeps that when it is better.
func (s *Solver) anew(w *work, prepare func(*ask)) bool {
	placed, usd := w.placed(), s.cost(w)
	was, stays := s.lift(w), w.stays
	a := ask{}
	prepare(&a)
	s.put(w, &a)
	w.stays = stays
	s.settle(w)
	if now := w.placed(); now > placed || now == placed && s.cost(w) < usd-1e-9 {
		return true
	}
	s.restore(w, was)
	return false
}

// cost of a workload with what it pays for calls and what its callers pay to reach it.
func (s *Solver) cost(w *work) float64 {
	usd := w.usd
	if s.disturbs(w) {
		return math.Inf(1)
	}
	if !s.calls {
		return usd
	}
	var a ask
	s.outgoing(w, &a)
	for place, n := range w.support {
		if n > 0 && a.atPlace != nil {
			usd += float64(n) * a.atPlace[place]
		}
	}
	return usd + s.incoming(w)
}
