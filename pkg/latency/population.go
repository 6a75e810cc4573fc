package latency

import "math"

// Population is clients and their share of all clients.
type Population struct {
	Client Client
	// SharePercent of all clients, above zero. Shares that do not add up to 100 are taken in proportion.
	SharePercent int32
}

// Expected is the mean round trip from the populations to a place, weighted by their shares. Its basis, with that
// part's source, is the worst of its parts; its date is the oldest. One unknown part makes it unknown. It allocates
// nothing. For many places compile the populations once, see [Map.Populations].
func (m *Map) Expected(populations []Population, to Place) RoundTrip {
	end := m.Place(to)
	var mean weightedMean
	for i := range populations {
		from := m.Client(populations[i].Client)
		mean.add(m.RoundTrip(&from, &end), populations[i].SharePercent)
	}
	return mean.roundTrip()
}

// weightedMean adds round trips up.
type weightedMean struct {
	sum   float64
	share int64
	worst RoundTrip
	date  string
	begun bool
}

func (w *weightedMean) add(r RoundTrip, share int32) {
	if share <= 0 {
		return
	}
	w.sum += r.Milliseconds * float64(share)
	w.share += int64(share)
	if !w.begun || r.Basis.Worse(w.worst.Basis) {
		w.worst = r
	}
	if r.Date != "" && (w.date == "" || r.Date < w.date) {
		w.date = r.Date
	}
	w.begun = true
}

func (w *weightedMean) roundTrip() RoundTrip {
	if !w.begun || !w.worst.Known() {
		return RoundTrip{}
	}
	return RoundTrip{
		Milliseconds: w.sum / float64(w.share),
		Basis:        w.worst.Basis,
		Source:       w.worst.Source,
		Date:         w.date,
	}
}

// Populations are client populations compiled against one Map: what a scoring loop over many places uses. Its methods
// allocate nothing unless they say so, and it may be shared by goroutines.
type Populations struct {
	m      *Map
	ends   []Endpoint
	shares []int32
	total  int64
}

// Populations compiles populations. Those without a share are left out.
func (m *Map) Populations(populations []Population) *Populations {
	p := &Populations{m: m, ends: make([]Endpoint, 0, len(populations)), shares: make([]int32, 0, len(populations))}
	for _, population := range populations {
		if population.SharePercent <= 0 {
			continue
		}
		p.ends = append(p.ends, m.Client(population.Client))
		p.shares = append(p.shares, population.SharePercent)
		p.total += int64(population.SharePercent)
	}
	return p
}

// Len is how many populations there are: the length of a row.
func (p *Populations) Len() int { return len(p.ends) }

// Expected is [Map.Expected] for an endpoint of the same Map.
func (p *Populations) Expected(to *Endpoint) RoundTrip {
	var mean weightedMean
	for i := range p.ends {
		mean.add(p.m.RoundTrip(&p.ends[i], to), p.shares[i])
	}
	return mean.roundTrip()
}

// appendRow appends to row the milliseconds from every population to a place, positive infinity where unknown. It
// allocates where row has no room.
func (p *Populations) appendRow(row []float64, to *Endpoint) []float64 {
	for i := range p.ends {
		r := p.m.RoundTrip(&p.ends[i], to)
		row = append(row, r.OrInfinite())
	}
	return row
}

// nearer lowers nearest to row wherever row is lower: with the rows of several places, one after the other, nearest
// becomes the round trip of every population to its nearest place. Both have [Populations.Len] elements.
func (p *Populations) nearer(nearest, row []float64) {
	for i, milliseconds := range row {
		nearest[i] = min(nearest[i], milliseconds)
	}
}

// Percentile95 is the smallest round trip in milliseconds within which at least 95 % of the clients are, given every
// population's round trip to its nearest place; positive infinity where that is unknown for more than 5 %.
func (p *Populations) Percentile95(nearest []float64) float64 {
	return p.percentile95Of(nearest, nearest)
}

// percentile95Of is Percentile95 over the lower of two rows: what it would be if the place of b were added to those
// that a is the nearest of.
func (p *Populations) percentile95Of(a, b []float64) float64 {
	return percentile95(len(p.shares), p.total, func(i int) (float64, int32) { return min(a[i], b[i]), p.shares[i] })
}

// coveredPercent is the share of the clients, 0 to 100, whose round trip is at most the given milliseconds.
func (p *Populations) coveredPercent(nearest []float64, milliseconds float64) float64 {
	if p.total == 0 {
		return 0
	}
	var covered int64
	for i, share := range p.shares {
		if nearest[i] <= milliseconds {
			covered += int64(share)
		}
	}
	return 100 * float64(covered) / float64(p.total)
}

// Weighted is a round trip that a share of the clients has.
type Weighted struct {
	// Milliseconds of the round trip; positive infinity where it is unknown, see [RoundTrip.OrInfinite].
	Milliseconds float64
	// SharePercent of the clients; those of zero or less do not count. The shares need not add up to 100.
	SharePercent int32
}

// Percentile95 is the smallest round trip in milliseconds within which at least 95 % of the share is; positive infinity
// where there is none: more than 5 % unknown, or no share at all. It allocates nothing.
func Percentile95(shares []Weighted) float64 {
	var total int64
	for i := range shares {
		total += int64(max(0, shares[i].SharePercent))
	}
	return percentile95(len(shares), total, func(i int) (float64, int32) {
		return shares[i].Milliseconds, max(0, shares[i].SharePercent)
	})
}

// percentile95 lowers the limit from value to value as long as the share within it stays at 95 % or more. With shares
// in whole percent that is at most six passes.
func percentile95(n int, total int64, at func(int) (milliseconds float64, share int32)) float64 {
	if total <= 0 {
		return math.Inf(1)
	}
	limit := math.Inf(1)
	for {
		lower, covered := math.Inf(-1), int64(0)
		// The share below the limit, and the highest round trip that is among it.
		for i := range n {
			milliseconds, share := at(i)
			if share > 0 && milliseconds < limit {
				lower = max(lower, milliseconds)
				covered += int64(share)
			}
		}
		if covered*100 < total*95 {
			return limit
		}
		limit = lower
	}
}
