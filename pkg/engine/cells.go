package engine

import (
	"encoding/binary"
	"math"
)

// cells partition the pools into those that the limits of a workload cannot tell apart. In the relaxation pools have no
// capacity, so that of each cell only the cheapest pool counts.
type cells struct {
	of    []uint16 // by pool; noCell for pools that the profile does not allow
	count int
	// domains are, for each cell, its domain on the axis of each cap and then of each min.
	domains [][]int32
	spot    []bool
}

const noCell = math.MaxUint16

// cellsOf returns the partition for the limits under which the cheapest first is best.
func (m *model) cellsOf(p *profile, l *limits) *cells {
	key := binary.AppendUvarint(nil, uint64(p.id))
	for _, c := range l.tree.caps {
		key = binary.AppendUvarint(key, uint64(c.axis))
	}
	key = append(key, 0xff, 0xff)
	for _, c := range l.tree.mins {
		key = binary.AppendUvarint(key, uint64(c.axis))
	}
	spot := l.limitsSpot()
	if spot {
		key = append(key, 0xff, 0xfe)
	}
	if known, ok := m.cellSets[string(key)]; ok {
		return known
	}
	out := &cells{of: make([]uint16, len(m.pools))}
	for i := range out.of {
		out.of[i] = noCell
	}
	ids := map[string]uint16{}
	for _, i := range p.allowed {
		var name []byte
		var domains []int32
		for _, c := range l.tree.caps {
			domains = append(domains, m.axes[c.axis].of[i])
		}
		for _, c := range l.tree.mins {
			domains = append(domains, m.axes[c.axis].of[i])
		}
		for _, d := range domains {
			name = binary.AppendVarint(name, int64(d))
		}
		if spot && m.pools[i].spot {
			name = append(name, 0xff)
		}
		id, ok := ids[string(name)]
		if !ok {
			if out.count == noCell {
				return nil
			}
			id = uint16(out.count)
			ids[string(name)] = id
			out.count++
			out.domains = append(out.domains, domains)
			out.spot = append(out.spot, m.pools[i].spot)
		}
		out.of[i] = id
	}
	m.cellSets[string(key)] = out
	return out
}

// limitsSpot says whether the limits tell spot capacity apart.
func (l *limits) limitsSpot() bool { return l.spot < l.n || l.onDemand < l.n }

// relaxer finds what workloads choose when pools have no capacity. It is scratch space.
type relaxer struct {
	m      *model
	lambda []float64
	prices map[*request][]float64 // by pool: lambda × request
	low    []float64              // by cell
	best   []int32                // by cell, the cheapest pool
	heap   []piece
	counts [][]int32 // by cap and min, by domain
	picks  []pick
	cells  []int32 // of the picks
	// row and set are those that low and best are of, at the present prices; nil where they are of nothing that could be asked for again.
	row    *row
	set    *cells
	sum    float64
	spot   int32
	placed int32
	credit []bool
	// of soften: weights of the row's pools, sums of weights and demand by cell
	weight, whole, demand []float64
}

func newRelaxer(m *model) *relaxer { return &relaxer{m: m, prices: map[*request][]float64{}} }

// setPrices makes these the prices of resources.
func (x *relaxer) setPrices(lambda []float64) {
	x.lambda, x.row = lambda, nil
	for _, r := range x.m.requests {
		x.priceOf(r)
	}
}

// priceOf computes what a request costs on every pool at the prices of resources.
func (x *relaxer) priceOf(r *request) {
	x.row = nil
	prices := x.prices[r]
	if prices == nil {
		prices = make([]float64, len(x.m.pools))
		x.prices[r] = prices
	}
	dims := x.m.dims
	for i := range prices {
		sum := 0.0
		for d, size := range r.size {
			sum += x.lambda[i*dims+d] * size
		}
		prices[i] = sum
	}
}

// dense fills in what a replica costs on every pool that is allowed and large enough.
func (m *model) dense(r *row) {
	if r.pools != nil {
		return
	}
	r.pools, r.ties = make([]int32, 0, len(r.profile.allowed)), 0
	r.dense = r.dense[:0]
	for _, i := range r.profile.allowed {
		if m.pools[i].holds(r.request.vector) {
			r.pools = append(r.pools, i)
			r.dense = append(r.dense, r.unit(m, i))
			if m.invoices() {
				r.ties = max(r.ties, tie*m.pools[i].rates.Hourly(r.request.priced))
			}
		}
	}
}

// scan finds the cheapest pool of each cell at the present prices.
func (x *relaxer) scan(r *row, set *cells) {
	if x.row == r && x.set == set {
		return
	}
	x.row, x.set = r, set
	if len(x.low) < set.count {
		x.low, x.best = make([]float64, set.count), make([]int32, set.count)
	}
	low, best := x.low[:set.count], x.best[:set.count]
	for i := range low {
		low[i], best[i] = math.Inf(1), -1
	}
	of, prices, dense := set.of, x.prices[r.request], r.dense
	for j, i := range r.pools {
		c := of[i]
		if price := dense[j] + prices[i]; price < low[c] {
			low[c], best[c] = price, i
		}
	}
}

// soften weighs the pools of each cell by how near their price is to the lowest one: by exp(−(price − lowest) ÷ (temperature ×
// lowest)). The row must have been scanned.
func (x *relaxer) soften(r *row, set *cells, temperature float64) {
	x.weight = append(x.weight[:0], make([]float64, len(r.pools))...)
	x.whole = append(x.whole[:0], make([]float64, set.count)...)
	x.demand = append(x.demand[:0], make([]float64, set.count)...)
	prices := x.prices[r.request]
	const negligible = 7.0
	for j, i := range r.pools {
		c := set.of[i]
		low := x.low[c]
		if beyond := r.dense[j] + prices[i] - low; beyond <= negligible*temperature*low {
			w := 1.0
			if beyond > 0 {
				w = math.Exp(-beyond / (temperature * low))
			}
			x.weight[j] = w
			x.whole[c] += w
		}
	}
}

// spill shares the demand of each cell out over its pools by their weights.
func (x *relaxer) spill(r *row, set *cells, usage []float64) {
	dims := x.m.dims
	for j, i := range r.pools {
		if w := x.weight[j]; w > 0 {
			c := set.of[i]
			if x.demand[c] == 0 {
				continue
			}
			n := x.demand[c] * w / x.whole[c]
			for k, size := range r.request.size {
				usage[int(i)*dims+k] += size * n
			}
		}
	}
}

// scanFor is scan for a workload with prices of its own: calls by place, and places that are too far; nil for none.
func (x *relaxer) scanFor(r *row, set *cells, atPlace []float64, far []bool) {
	if atPlace == nil && far == nil {
		x.scan(r, set)
		return
	}
	x.row = nil
	if len(x.low) < set.count {
		x.low, x.best = make([]float64, set.count), make([]int32, set.count)
	}
	low, best := x.low[:set.count], x.best[:set.count]
	for i := range low {
		low[i], best[i] = math.Inf(1), -1
	}
	prices := x.prices[r.request]
	for j, i := range r.pools {
		place := x.m.pools[i].place
		if far != nil && far[place] {
			continue
		}
		price := r.dense[j] + prices[i]
		if atPlace != nil {
			price += atPlace[place]
		}
		if c := set.of[i]; price < low[c] {
			low[c], best[c] = price, i
		}
	}
}

// one is the choice of a workload without limits: all replicas on the cheapest pool.
func (x *relaxer) one(set *cells, n int32) {
	x.picks, x.sum, x.placed, x.spot = x.picks[:0], 0, 0, 0
	if set.count > 0 && x.best[0] >= 0 {
		x.picks = append(x.picks, pick{x.best[0], n})
		x.sum, x.placed = x.low[0]*float64(n), n
	}
}

// share shares n replicas out over the scanned cells, the cheapest first. spotPrice is added on spot capacity. stays are
// further pieces with their own price.
func (x *relaxer) share(set *cells, l *limits, n int32, spotPrice float64, extra []piece) {
	x.picks, x.cells, x.sum, x.placed, x.spot = x.picks[:0], x.cells[:0], 0, 0, 0
	x.heap = x.heap[:0]
	for c := range set.count {
		if x.best[c] >= 0 {
			price := x.low[c]
			if set.spot[c] {
				price += spotPrice
			}
			x.heap = append(x.heap, piece{price, x.best[c], maxReplicas, -1})
		}
	}
	for _, p := range extra {
		if x.m.pools[p.pool].spot {
			p.price += spotPrice
		}
		x.heap = append(x.heap, p)
	}
	h := pieces(x.heap)
	h.heapify()
	caps, mins := l.tree.caps, l.tree.mins
	for len(x.counts) < len(caps)+len(mins) {
		x.counts = append(x.counts, nil)
	}
	for k, c := range caps {
		x.counts[k] = grow(x.counts[k], len(x.m.axes[c.axis].names))
	}
	for k, c := range mins {
		x.counts[len(caps)+k] = grow(x.counts[len(caps)+k], len(x.m.axes[c.axis].names))
	}
	var extras [8]int32
	for x.placed < n && len(h) > 0 {
		top := h.pop()
		c := set.of[top.pool]
		domains := set.domains[c]
		t := min(n-x.placed, top.max)
		for k := range caps {
			t = min(t, caps[k].max-x.counts[k][domains[k]])
		}
		for k := range mins {
			count := x.counts[len(caps)+k][domains[len(caps)+k]]
			t = min(t, mins[k].extras-extras[k]+max(mins[k].base-count, 0))
		}
		if l.tree.spot {
			if set.spot[c] {
				t = min(t, l.spot-x.spot)
			} else {
				t = min(t, l.onDemand-(x.placed-x.spot))
			}
		}
		if top.place >= 0 && x.credit[top.place] || t <= 0 {
			continue
		}
		if top.place >= 0 {
			x.credit[top.place] = true
		}
		for k := range caps {
			x.counts[k][domains[k]] += t
		}
		for k := range mins {
			count := &x.counts[len(caps)+k][domains[len(caps)+k]]
			extras[k] += mins[k].beyond(*count+t) - mins[k].beyond(*count)
			*count += t
		}
		x.picks = append(x.picks, pick{top.pool, t})
		x.cells = append(x.cells, int32(c))
		x.sum += top.price * float64(t)
		x.placed += t
		if x.m.pools[top.pool].spot {
			x.spot += t
		}
	}
	for _, c := range x.cells {
		for k, domain := range set.domains[c] {
			x.counts[k][domain] = 0
		}
	}
	if x.credit != nil {
		clear(x.credit)
	}
}

// grow makes a slice of zeros at least this long; one that is long enough is already zero.
func grow(s []int32, n int) []int32 {
	if len(s) < n {
		return make([]int32, n)
	}
	return s
}
