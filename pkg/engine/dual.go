package engine

import (
	"math"
	"slices"
	"sync"
)

// item is workloads that choose alike: those that have one row and no limits, or one row and the same limits.
type item struct {
	row    *row
	limits *limits
	set    *cells
	n      int32   // replicas of one; 1 where there are no limits, since then each replica chooses for itself
	weight float64 // how many there are
	work   *work   // the workload, where it has calls, pins or replicas that run now
	// spot and onDemand are the multipliers of the limits on spot capacity, where the bound needs them.
	spot, onDemand float64
}

// dual searches for prices of the resources of pools that make the bound high.
type dual struct {
	m      *model
	items  []item
	relax  *relaxer
	floors *callBound

	lambda []float64 // US dollars an hour a unit, pools × dimensions
	scale  []float64 // the price of the resource itself, to measure steps in
	total  []float64 // what there is
	usage  []float64 // what is asked for
	mean   []float64 // smoothed usage
	speed  []float64
	// parts share the items out, each with scratch space of its own, so that they can be asked at the same time.
	parts []*dual
	// guide are the prices at which the softened demand at the temperature of crowding fits.
	guide []float64
	// split shares the prices of machines out, where whole machines are minimised and their prices are looked for; together are its
	// prices and lambda.
	split    *split
	together []float64
}

func newDual(m *model, items []item, floors *callBound) *dual {
	size := len(m.pools) * m.dims
	d := &dual{
		m: m, items: items, relax: newRelaxer(m), floors: floors,
		lambda: make([]float64, size), scale: make([]float64, size), total: make([]float64, size),
		usage: make([]float64, size), mean: make([]float64, size), speed: make([]float64, size),
	}
	for i := range items {
		m.dense(items[i].row)
		items[i].set = m.cellsOf(items[i].row.profile, items[i].limits)
	}
	price := func(i int) float64 {
		t, rates := m.pools[i].template, &m.pools[i].rates
		return max(rates.PerMilliCPU*float64(t[dimCPU]), rates.PerByte*float64(t[dimMemory]), rates.PerGPU*float64(t[dimGPU]))
	}
	mean := 0.0
	for i := range m.pools {
		mean += price(i) / float64(len(m.pools))
	}
	for i := range m.pools {
		pool := &m.pools[i]
		count := float64(int(pool.spare) + pool.nodes)
		for k, total := range pool.total {
			d.total[i*m.dims+k] = total
			if total > 0 {
				d.scale[i*m.dims+k] = max(price(i), mean/10, 1e-6) * count / total
			}
		}
	}
	return d
}

// mostParts is into how many parts items are split. It is fixed, so that sums are the same on every machine.
const mostParts = 8

// divide makes the parts. Items that share a row stay together.
func (d *dual) divide() {
	each := max(len(d.items)/mostParts, 1)
	for begin := 0; begin < len(d.items); {
		end := min(begin+each, len(d.items))
		for end < len(d.items) && d.items[end].row == d.items[end-1].row {
			end++
		}
		part := &dual{m: d.m, items: d.items[begin:end], relax: newRelaxer(d.m), floors: d.floors, usage: make([]float64, len(d.usage))}
		part.relax.prices = d.relax.prices
		d.parts = append(d.parts, part)
		begin = end
	}
}

// ask lets every part fill in what its items ask for, and sums that up. It returns the sum of what ask returns.
func (d *dual) ask(ask func(part *dual) float64) float64 {
	d.relax.setPrices(d.prices())
	values := make([]float64, len(d.parts))
	var running sync.WaitGroup
	for k, part := range d.parts {
		running.Go(func() {
			clear(part.usage)
			part.relax.row = nil
			values[k] = ask(part)
		})
	}
	running.Wait()
	clear(d.usage)
	sum := 0.0
	for k, part := range d.parts {
		sum += values[k]
		for i, usage := range part.usage {
			d.usage[i] += usage
		}
	}
	return sum
}

// prices are those of the resources of pools, with what of them is the price of the machines.
func (d *dual) prices() []float64 {
	if d.split == nil {
		return d.lambda
	}
	d.together = append(d.together[:0], d.lambda...)
	for k, price := range d.split.price {
		d.together[k] += price
	}
	return d.together
}

// value asks every item what it chooses at the present prices. It fills in usage and returns the value of the relaxation.
func (d *dual) value() float64 { return d.ask((*dual).hard) - d.charge() }

// hard adds what the items choose to usage and returns what they pay.
func (d *dual) hard() float64 {
	sum := 0.0
	for i := range d.items {
		it := &d.items[i]
		if it.work == nil {
			d.relax.scan(it.row, it.set)
		}
		sum += d.demand(it, d.usage) * it.weight
	}
	return sum
}

// charge is the price of everything there is.
func (d *dual) charge() float64 {
	sum := 0.0
	if d.split != nil {
		sum = d.split.refund()
	}
	for k, total := range d.total {
		sum += d.lambda[k] * total
	}
	return sum
}

// demand adds what an item chooses to usage and returns what one of its workloads pays. The relaxer must have scanned its
// row, unless it stands for one workload.
func (d *dual) demand(it *item, usage []float64) float64 {
	x, w := d.relax, it.work
	if w == nil {
		return d.choose(it, it.n, nil, usage)
	}
	atPlace, far := d.atPlace(w), d.far(w)
	if len(w.pins) == 0 {
		x.scanFor(it.row, it.set, atPlace, far)
		return d.choose(it, it.n, d.staying(w, atPlace, far), usage)
	}
	// Pinned replicas and the others are relaxed to not share limits. Where some have no place it may be the pinned ones.
	sum, left, missing := 0.0, it.n, w.n-it.n
	for _, p := range w.pins {
		n := min(max(p.n-missing, 0), left)
		left -= n
		only := d.pinnedPlaces(p, far)
		x.scanFor(it.row, it.set, atPlace, only)
		sum += d.choose(it, n, d.staying(w, atPlace, only), usage)
	}
	x.scanFor(it.row, it.set, atPlace, far)
	return sum + d.choose(it, left, d.staying(w, atPlace, far), usage)
}

// atPlace is the least that a workload's calls cost a replica at each place; nil for nothing.
func (d *dual) atPlace(w *work) []float64 {
	if d.floors == nil {
		return nil
	}
	return d.floors.part(w).floor
}

// far are the places that are too far from everywhere that a called workload may be; nil for none.
func (d *dual) far(w *work) []bool {
	if d.floors == nil {
		return nil
	}
	return d.floors.part(w).far
}

// pinnedPlaces are the places that a pin excludes; it tells places apart, not zones, so it excludes too little at most.
func (d *dual) pinnedPlaces(p pin, far []bool) []bool {
	out := make([]bool, len(d.m.geo.ids))
	for i := range out {
		out[i] = true
	}
	for i, ok := range p.only {
		if place := d.m.pools[i].place; ok && (far == nil || !far[place]) {
			out[place] = false
		}
	}
	return out
}

// staying are the pieces of replicas that may stay where they are.
func (d *dual) staying(w *work, atPlace []float64, far []bool) []piece {
	var out []piece
	for k := range w.stays {
		i := w.stays[k].pool
		place := d.m.pools[i].place
		if far != nil && far[place] || !d.m.allows(w.row.profile, i) || !d.m.pools[i].holds(w.row.request.vector) {
			continue
		}
		price := w.row.unit(d.m, i) + d.relax.prices[w.row.request][i] - w.stays[k].credit
		if atPlace != nil {
			price += atPlace[place]
		}
		out = append(out, piece{price, i, w.stays[k].n, -1})
	}
	if d.floors == nil || len(w.pins) > 0 {
		return out
	}
	return d.credited(w, atPlace, far, out)
}

// choose shares n replicas out at the scanned prices.
func (d *dual) choose(it *item, n int32, extra []piece, usage []float64) float64 {
	x, l := d.relax, it.limits
	switch {
	case n == 0:
		return 0
	case l.free && len(extra) == 0:
		x.one(it.set, n)
	case !l.limitsSpot() || l.tree.spot:
		x.share(it.set, l, n, 0, extra)
	default:
		// The limit on spot replicas is priced: + spot·(spot − limit) + onDemand·(others − limit).
		x.share(it.set, l, n, it.spot-it.onDemand, extra)
		x.sum += it.onDemand*float64(x.placed) - it.spot*float64(l.spot) - it.onDemand*float64(l.onDemand)
		d.moveSpot(it)
	}
	if usage != nil {
		dims := d.m.dims
		for _, p := range x.picks {
			for k, size := range it.row.request.size {
				usage[int(p.pool)*dims+k] += size * it.weight * float64(p.n)
			}
		}
	}
	return x.sum
}

// spotSteps halve the interval that the price of spot capacity is in.
const spotSteps = 24

// priceSpot finds the price of the limits on spot capacity that makes the bound of one workload highest, and returns the
// bound. Its row must have been scanned. A
// positive price is that of a replica on spot capacity, a negative one of a replica not on it; as a function of it the bound
// is concave, so that its slope tells on which side the best one is.
func (d *dual) priceSpot(it *item) float64 {
	most := 2 * it.row.spread()
	for _, c := range d.relax.low[:it.set.count] {
		if !math.IsInf(c, 1) {
			most = max(most, 2*c)
		}
	}
	extra := d.staying(it.work, d.atPlace(it.work), d.far(it.work))
	best, low, high := math.Inf(-1), -most, most
	for range spotSteps {
		price := (low + high) / 2
		it.spot, it.onDemand = max(price, 0), max(-price, 0)
		best = max(best, d.choose(it, it.n, extra, nil))
		spot, others := d.relax.spot, d.relax.placed-d.relax.spot
		if price >= 0 && spot > it.limits.spot || price < 0 && others <= it.limits.onDemand {
			low = price
		} else {
			high = price
		}
	}
	return best
}

// moveSpot moves an item's multipliers of the limits on spot capacity by one step.
func (d *dual) moveSpot(it *item) {
	x, l := d.relax, it.limits
	step := it.row.spread() / float64(max(l.n, 1))
	it.spot = max(it.spot+step*float64(x.spot-l.spot), 0)
	it.onDemand = max(it.onDemand+step*float64(x.placed-x.spot-l.onDemand), 0)
}

// spread is by how much prices differ among the row's cheapest pools.
func (r *row) spread() float64 {
	if len(r.cost) == 0 {
		return 0
	}
	return (r.cost[len(r.cost)-1] - r.cost[0]) / 8
}

// The search in two parts. In the first prices move by the softened demand, damped and with momentum, while the temperature
// falls from warmest to crowding, stays there for a while, and falls on to coldest. In the second they move by steps along the
// smoothed overload.
const (
	warmest       = 0.4
	coldest       = 0.001
	cooled        = 0.4 // part of the first part after which the temperature is that of crowding
	steady        = 0.8 // and that after which it falls on
	damping       = 0.5
	momentum      = 0.7
	coolingRounds = 0.9 // share of the rounds of the first part
	smoothing     = 0.15
	patience      = 6    // steps without a better bound before the step is shortened
	firstStep     = 0.01 // of the second part
	shorten       = 1.6  // by this factor
	lengthen      = 1.1  // and lengthened by this one after a better bound
	shortestStep  = 1e-3 // at which the search ends
	longestStep   = 2.0
	steepest      = 2.0 // a relative overload beyond it counts as this much
	worthwhile    = 1e-4
)

// search moves prices until rounds have passed or stop says so, and keeps those with the highest bound. pace is which part of the time
// allowed has passed: where that is ahead of the rounds there are fewer of them, and the temperature falls as far. The second
// part is a subgradient method with smoothed directions, after Barahona and Anbil, "The volume algorithm", Mathematical
// Programming 87(3), 2000.
func (d *dual) search(rounds int, stop func() bool, pace func() float64) float64 {
	d.divide()
	if stop() {
		d.relax.setPrices(d.prices())
		return 0
	}
	best := d.value()
	if !d.overloaded() && d.split == nil {
		return best
	}
	kept, split := append([]float64(nil), d.lambda...), d.split
	if split != nil {
		split = split.clone()
	}
	warm := int(coolingRounds * float64(rounds))
	for round := range warm {
		ahead := pace() / coolingRounds
		if stop() || ahead > 1 {
			break
		}
		at := max(float64(round)/float64(max(warm-1, 1)), ahead)
		temperature := crowding
		switch {
		case at < cooled:
			temperature = warmest * math.Pow(crowding/warmest, at/cooled)
		case at > steady:
			temperature = crowding * math.Pow(coldest/crowding, (at-steady)/(1-steady))
			if d.guide == nil {
				d.guide = slices.Clone(d.lambda)
			}
		}
		d.soft(temperature)
		d.settle(temperature)
		if d.split != nil {
			d.split.move(d.usage)
		}
	}
	if value := d.value(); value > best {
		best = value
		copy(kept, d.lambda)
		split = d.split
	}
	d.split = split
	copy(d.mean, d.usage)
	step, failures := firstStep, 0
	for range rounds - warm {
		if stop() || step < shortestStep {
			break
		}
		d.move(kept, step)
		value := d.value()
		for k, v := range d.usage {
			d.mean[k] += smoothing * (v - d.mean[k])
		}
		if value > best {
			if value > best*(1+worthwhile) {
				step = min(step*lengthen, longestStep)
			}
			best, failures = value, 0
			copy(kept, d.lambda)
			continue
		}
		if failures++; failures >= patience {
			step, failures = step/shorten, 0
		}
	}
	copy(d.lambda, kept)
	return best
}

// soft asks every item what it would choose if prices were only roughly known (see relaxer.soften): then what is asked for
// changes little when prices do. It fills in usage.
func (d *dual) soft(temperature float64) {
	d.ask(func(part *dual) float64 {
		part.soften(temperature)
		return 0
	})
}

func (d *dual) soften(temperature float64) {
	var row *row // of which the demand of what chooses alike is to be shared out
	var set *cells
	spill := func() {
		if row != nil {
			d.relax.spill(row, set, d.usage)
		}
		row = nil
	}
	for i := range d.items {
		it := &d.items[i]
		if it.work != nil {
			d.demand(it, d.usage)
			continue
		}
		d.relax.scan(it.row, it.set)
		if it.row != row || it.set != set {
			spill()
			row, set = it.row, it.set
			d.relax.soften(row, set, temperature)
		}
		d.demand(it, nil)
		for _, p := range d.relax.picks {
			d.relax.demand[set.of[p.pool]] += it.weight * float64(p.n)
		}
	}
	spill()
}

// settle moves prices by as much as makes the softened demand fit, were each price the only one to move: with demand
// proportional to exp(−price ÷ (temperature × price level)) that is temperature × level × log(overload) (the scaling
// step of Sinkhorn and Knopp's algorithm).
func (d *dual) settle(temperature float64) {
	dims := d.m.dims
	for i := range d.m.pools {
		tightest, most := -1, 0.0
		for k := i * dims; k < (i+1)*dims; k++ {
			if total := d.total[k]; total > 0 && d.usage[k] > total*(1+most) {
				tightest, most = k, d.usage[k]/total-1
			}
		}
		for k := i * dims; k < (i+1)*dims; k++ {
			total := d.total[k]
			if total <= 0 || k != tightest && (d.usage[k] >= total || d.lambda[k] == 0) {
				continue
			}
			change := max(math.Log(max(d.usage[k], 1e-9*total)/total), -3)
			d.speed[k] += damping * temperature * change
		}
		for k := i * dims; k < (i+1)*dims; k++ {
			if d.speed[k] == 0 {
				continue
			}
			if d.lambda[k] = (d.lambda[k]+d.scale[k])*math.Exp(d.speed[k]) - d.scale[k]; d.lambda[k] <= 0 {
				d.lambda[k], d.speed[k] = 0, 0
			}
			d.speed[k] *= momentum
		}
	}
}

// move sets prices a step away from others along the smoothed overload.
func (d *dual) move(from []float64, step float64) {
	for k := range d.lambda {
		total := d.total[k]
		if total <= 0 {
			continue
		}
		overload := min(d.mean[k]/total-1, steepest)
		d.lambda[k] = max((from[k]+d.scale[k])*math.Exp(step*overload)-d.scale[k], 0)
	}
}

// overloaded says whether more is asked for than there is anywhere.
func (d *dual) overloaded() bool {
	for k, total := range d.total {
		if d.usage[k] > total*(1+1e-9) {
			return true
		}
	}
	return false
}
