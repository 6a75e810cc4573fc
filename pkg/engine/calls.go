package engine

import "math"

// callBill is what a call costs one replica of the caller at a place, with the called replica at another, by its parts.
func (m *model) callBill(e *edge, from, to int32) (latency, egress float64) {
	return e.usdPerMillisecond * priced(m.geo.milliseconds[from][to]), e.bytesPerHour * m.geo.usdPerByte[from][to]
}

// callUSD is callBill in one sum.
func (m *model) callUSD(e *edge, from, to int32) float64 {
	latency, egress := m.callBill(e, from, to)
	return latency + egress
}

// nearest is the place of the replica that a call from a place goes to: the nearest, and the nearest with a measured round trip where
// the call's limit demands one and there is any; -1 when the called workload has no replica.
func (m *model) nearest(e *edge, support []int32, from int32) int32 {
	guess := int32(-1)
	for _, to := range m.geo.nearest[from] {
		switch {
		case support[to] <= 0:
		case !e.measured || !m.geo.guessed[from][to]:
			return to
		case guess < 0:
			guess = to
		}
	}
	return guess
}

// beyond says that a round trip does not meet the limit of a call: it is too long, or nobody measured it and the limit demands that.
func (m *model) beyond(e *edge, from, to int32) bool {
	return m.geo.milliseconds[from][to] > e.most || e.measured && m.geo.guessed[from][to]
}

// outgoing fills in what a workload's calls cost a replica at each place, and which places are too far, with the called
// workloads where they are now.
func (s *Solver) outgoing(w *work, a *ask) {
	if len(w.out) == 0 {
		return
	}
	places := len(s.m.geo.ids)
	a.atPlace = make([]float64, places)
	for k := range w.out {
		e := &w.out[k]
		support := s.works[e.to].support
		for from := range int32(places) {
			to := s.m.nearest(e, support, from)
			if to < 0 {
				break
			}
			a.atPlace[from] += s.m.callUSD(e, from, to)
			if s.m.beyond(e, from, to) {
				if a.far == nil {
					a.far = make([]bool, places)
				}
				a.far[from] = true
			}
		}
	}
}

// incoming is what the calls of others cost with a workload's replicas where they are now; positive infinity when one of
// the callers is too far.
func (s *Solver) incoming(w *work) float64 {
	sum := 0.0
	for _, in := range w.in {
		from := s.works[in.work]
		e := &from.out[in.edge]
		for place, n := range from.support {
			if n == 0 {
				continue
			}
			to := s.m.nearest(e, w.support, int32(place))
			if to < 0 {
				continue
			}
			if s.m.beyond(e, int32(place), to) {
				return math.Inf(1)
			}
			sum += float64(n) * s.m.callUSD(e, int32(place), to)
		}
	}
	return sum
}

// callersReach says that no caller is too far from a workload.
func (s *Solver) callersReach(w *work) bool { return len(w.in) == 0 || !math.IsInf(s.incoming(w), 1) }

// attraction is how much callers would save by a replica of w at each place, compared with where the nearest would be
// without it.
func (s *Solver) attraction(w *work, a *ask) {
	places := len(s.m.geo.ids)
	a.credit = make([]float64, places)
	may := w.row.places(s.m)
	for _, in := range w.in {
		from := s.works[in.work]
		e := &from.out[in.edge]
		for place, n := range from.support {
			if n == 0 {
				continue
			}
			// Compared with the worst place that is allowed: the farthest of the callers' own.
			worst := 0.0
			for other, count := range from.support {
				if count > 0 {
					worst = max(worst, s.m.callUSD(e, int32(place), int32(other)))
				}
			}
			for _, other := range may {
				worst = max(worst, s.m.callUSD(e, int32(place), other))
			}
			for to := range int32(places) {
				saving := worst - s.m.callUSD(e, int32(place), to)
				if e.limited() && !s.m.beyond(e, int32(place), to) {
					saving = heavy
				}
				if saving > 0 {
					a.credit[to] += float64(n) * saving
				}
			}
		}
	}
}

// saved is by how much the calls of others would become cheaper by one replica more of a workload at each place; nil where nobody calls it.
// More of them save no more together than each by itself.
func (s *Solver) saved(w *work) []float64 {
	if len(w.in) == 0 {
		return nil
	}
	out := make([]float64, len(s.m.geo.ids))
	for _, in := range w.in {
		from := s.works[in.work]
		e := &from.out[in.edge]
		for place, n := range from.support {
			if n == 0 {
				continue
			}
			to := s.m.nearest(e, w.support, int32(place))
			if to < 0 {
				continue
			}
			now := s.m.callUSD(e, int32(place), to)
			for other := range out {
				out[other] += float64(n) * max(now-s.m.callUSD(e, int32(place), int32(other)), 0)
			}
		}
	}
	return out
}

// places are those of the row's cheapest pools.
func (r *row) places(m *model) []int32 {
	var out []int32
	for _, i := range r.order {
		if place := m.pools[i].place; !contains(out, place) {
			out = append(out, place)
		}
	}
	return out
}
