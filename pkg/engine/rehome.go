package engine

// worth is what a workload pays where it is, calls made and received included; much for each replica that has no place.
func (x *shifts) worth(w *work) float64 {
	x.s.m.dense(w.row)
	usd, placed := 0.0, int32(0)
	for _, a := range w.allocs {
		usd += x.unit(w.row, a.pool, w.row.unit(x.s.m, a.pool)) * float64(a.n)
		placed += a.n
	}
	usd += leftOut*float64(w.n-placed) + x.s.unevenly(w)
	if len(w.stays) > 0 {
		x.picks = byPool(w.allocs, x.picks)
		usd += float64(w.moves(x.picks)) * w.stays[0].credit
	}
	if w.support == nil {
		return usd
	}
	for k := range w.out {
		e := &w.out[k]
		for from, n := range w.support {
			if n > 0 {
				usd += float64(n) * x.s.m.callCost(e, x.s.works[e.to].support, int32(from))
			}
		}
	}
	return usd + x.received(w)
}

// drawn is how many US dollars an hour a place counts less that replicas are to come to.
const drawn = 1e4

// rehome places a workload anew that rules of pods bind to others, as many of its replicas at one place as they and room allow. It is
// false, and changes nothing, where these rules would then not be kept.
func (x *shifts) rehome(i, place int32) bool {
	s, w := x.s, x.s.works[i]
	usd, machines, before, mark := x.worth(w), x.machines, w.allocs, len(x.log)
	for _, a := range before {
		x.release(a, w.row.request.vector)
	}
	w.allocs = nil
	a := ask{bias: func(pool int32) float64 {
		if s.m.pools[pool].place == place {
			return -drawn
		}
		return 0
	}}
	if s.settle(w); w.support != nil {
		s.outgoing(w, &a)
	}
	if a.far != nil && a.far[place] { // what it calls may come along
		a.far = nil
	}
	s.put(w, &a)
	s.settle(w)
	for _, a := range w.allocs {
		x.taken(a)
	}
	x.log = append(x.log, shift{work: i, before: before, usd: x.worth(w) - usd + x.machines - machines, whole: true})
	if s.disturbs(w) || len(s.misplaced(w)) > 0 {
		x.undo(mark)
		return false
	}
	return true
}
