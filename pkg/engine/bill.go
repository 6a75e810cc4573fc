package engine

// Objective is what a plan minimises, beside what is only valued.
type Objective string

const (
	// ObjectiveInvoice is what clouds invoice: whole machines in use that are not sunk, and traffic. Of plans that cost the same
	// the one with the least shares is taken.
	ObjectiveInvoice Objective = "invoice"
	// ObjectiveShares is what is attributed to the replicas: their shares of their machines, sunk ones too, and traffic. It is as if
	// no machine could be stopped.
	ObjectiveShares Objective = "shares"
	// DefaultObjective is what is minimised where nothing is said.
	DefaultObjective = ObjectiveShares
)

// Total is what a plan with this bill is judged by: invoice or shares, and what is valued. Nobody pays it.
func (o Objective) Total(b *Bill) float64 {
	if o == ObjectiveShares {
		return b.Total()
	}
	return b.Invoice() + b.Valued()
}

// Bill is what a plan or a part of it costs, in US dollars an hour. What is invoiced is apart from what is only valued; the
// sums of both kinds are the methods.
type Bill struct {
	// Machines are whole prices of the machines that the plan uses or adds and that are not sunk (see Pool.Sunk and
	// Snapshot.Commitments). They are of a plan as a whole: 0 in a part of it, since workloads share machines.
	Machines float64
	// Compute: each replica costs the node's price × its dominant share of the node's allocatable CPU, memory and GPUs
	// (pricing.Rates.Hourly). It attributes machines to replicas, sunk ones too.
	Compute float64
	// Egress: bytes an hour × price a gigabyte, from a caller to the called workload's nearest replica (fewest
	// milliseconds, then cheapest, then lowest place ID), and from a replica to the clients: to the internet for a country,
	// to the region for a region. A replica carries 1/Replicas of the workload's requests. Traffic whose price is not
	// known counts with the highest known price between places of the snapshot and from them to the internet.
	Egress float64
	// Latency: rules.LatencyUSD of the expected round trip of clients, and to the nearest replica of each called
	// workload.
	Latency float64
	// Interruption: on spot capacity, the hourly probability of an interruption × RestartUSD.
	Interruption float64
	// Disruption: RestartUSD ÷ PaybackHours for every replica that runs now, is still wanted, and leaves its pool.
	Disruption float64
	// Preference: rules.PreferenceUSD of the preferred locations and terms of node affinity that are not met, and of replicas that
	// prefer to be apart (PreferredSpread).
	Preference float64
}

// Invoice is what clouds charge: machines and traffic.
func (b *Bill) Invoice() float64 { return b.Machines + b.Egress }

// Share is what is attributed to the replicas: their shares of their machines, and traffic. It says what a part of a plan
// costs, as Invoice says it of a whole one.
func (b *Bill) Share() float64 { return b.Compute + b.Egress }

// Valued is what nobody charges: prices put on wishes, so that they can be weighed against money.
func (b *Bill) Valued() float64 {
	return b.Latency + b.Interruption + b.Disruption + b.Preference
}

// Total of a part of a plan: what is attributed to its replicas, and what is valued. Nobody pays it. That of a whole plan is
// Plan.Total.
func (b *Bill) Total() float64 { return b.Share() + b.Valued() }

// Staying is the total without the price of moving, which is paid once: what being somewhere costs, by which places are
// compared.
func (b *Bill) Staying() float64 { return b.Total() - b.Disruption }

// WithoutMoves is the bill but for the price of moving, which is paid once.
func (b *Bill) WithoutMoves() Bill {
	out := *b
	out.Disruption = 0
	return out
}

// Add another bill's parts.
func (b *Bill) Add(other *Bill) {
	from := other.parts()
	for i, part := range b.parts() {
		*part += *from[i]
	}
}

// parts are all amounts of a bill.
func (b *Bill) parts() [7]*float64 {
	return [...]*float64{&b.Machines, &b.Compute, &b.Egress, &b.Latency, &b.Interruption, &b.Disruption, &b.Preference}
}

// scale multiplies all parts.
func (b *Bill) scale(by float64) {
	for _, part := range b.parts() {
		*part *= by
	}
}

// machines fills in what the machines of a plan cost. Of those that are committed as many are sunk as the commitments cover, in the
// order of the pools.
func (s *Solver) machines(p *Plan) {
	used := make([]int, len(p.Pools))
	for i := range p.Pools {
		used[i] = p.Pools[i].Used + p.Pools[i].Added
	}
	paid := covered(s.m.snapshot.Commitments, func(pool int) int { return used[pool] })
	p.Bill.Machines = 0
	for i := range p.Pools {
		use, pool := &p.Pools[i], &s.m.snapshot.Pools[i]
		use.MachinesUSD = 0
		if use.PriceKnown && !pool.Sunk {
			use.MachinesUSD = pool.Price.USD * float64(used[i]-paid[i])
		}
		p.Bill.Machines += use.MachinesUSD
	}
}

// covered is how many of the machines in use of each pool commitments cover.
func covered(commitments []Commitment, used func(pool int) int) map[int]int {
	out := make(map[int]int, len(commitments))
	for _, c := range commitments {
		left := max(c.Nodes, 0)
		for _, pool := range c.Pools {
			n := min(left, used(pool)-out[pool])
			out[pool] += n
			left -= n
		}
	}
	return out
}

// machineUSD is what one more machine of a pool costs that is in use and that no commitment covers: 0 where it is sunk. Where the
// price is not known it is as much as the dearest known machine would cost that has as much of every resource.
func (m *model) machineUSD(i int) float64 {
	in, p := &m.snapshot.Pools[i], &m.pools[i]
	switch {
	case in.Sunk || m.options.Objective == ObjectiveShares:
		return 0
	case p.priced:
		return in.Price.USD
	}
	t := p.template
	return max(p.rates.PerMilliCPU*float64(t[dimCPU]), p.rates.PerByte*float64(t[dimMemory]), p.rates.PerGPU*float64(t[dimGPU]))
}

// tally counts machines in use, and what they cost more than is paid in any case: those that others keep in use are left out.
type tally struct {
	m    *model
	used []int32
	// committed are the pools that commitments are of, and committedUSD what those that these do not cover cost.
	committed    []bool
	committedUSD float64
}

func newTally(m *model, r *room) *tally {
	t := &tally{m: m, used: make([]int32, len(m.pools)), committed: make([]bool, len(m.pools))}
	for i := range r.pools {
		for node, n := range r.pools[i].used {
			if n > 0 && !m.pools[i].keeps(int32(node)) {
				t.used[i]++
			}
		}
	}
	for _, c := range m.snapshot.Commitments {
		for _, pool := range c.Pools {
			t.committed[pool] = true
		}
	}
	t.committedUSD = t.sum()
	return t
}

// sum of what the machines of committed pools cost.
func (t *tally) sum() float64 {
	if len(t.m.snapshot.Commitments) == 0 {
		return 0
	}
	paid := covered(t.m.snapshot.Commitments, func(pool int) int { return int(t.used[pool]) })
	usd := 0.0
	for i, committed := range t.committed {
		if committed {
			usd += t.m.pools[i].machine * float64(int(t.used[i])-paid[i])
		}
	}
	return usd
}

// keeps says that others keep a node in use.
func (p *pool) keeps(node int32) bool { return int(node) < len(p.kept) && p.kept[node] }

// change counts a node that comes into use, with by 1, or goes, with -1, and returns by how much all machines cost more.
func (t *tally) change(pool, node, by int32) float64 {
	p := &t.m.pools[pool]
	if p.keeps(node) {
		return 0
	}
	usd := 0.0
	if int(node) >= p.nodes && p.machine > 0 {
		usd = t.m.snapshot.GrowthUSD * float64(by)
	}
	t.used[pool] += by
	if !t.committed[pool] {
		return usd + p.machine*float64(by)
	}
	before := t.committedUSD
	t.committedUSD = t.sum()
	return usd + t.committedUSD - before
}

// next is what it would cost to bring a node into use.
func (t *tally) next(pool, node int32) float64 {
	usd := t.change(pool, node, 1)
	t.change(pool, node, -1)
	return usd
}

// uncertainUSD is by how much a total may be lower than what the search counts: machines without a known price are in no bill.
func (m *model) uncertainUSD() float64 {
	sum := 0.0
	for i := range m.pools {
		if p := &m.pools[i]; !p.priced && p.machine > 0 {
			sum += p.machine * float64(p.nodes+int(p.spare))
		}
	}
	return sum
}
