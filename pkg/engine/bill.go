package engine

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
	// Preference: rules.PreferenceUSD of the preferred locations that are not met.
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

// Total is what a plan minimises: shares and what is valued. Nobody pays it.
func (b *Bill) Total() float64 { return b.Share() + b.Valued() }

// Staying is the total without the price of moving, which is paid once: what being somewhere costs, by which places are
// compared.
func (b *Bill) Staying() float64 { return b.Total() - b.Disruption }

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
	p.Bill.Machines = 0
	in := func(pool int) float64 { return float64(p.Pools[pool].Used + p.Pools[pool].Added) }
	paid := make(map[int]float64, len(s.m.snapshot.Commitments))
	for _, c := range s.m.snapshot.Commitments {
		left := float64(max(c.Nodes, 0))
		for _, pool := range c.Pools {
			covered := min(left, in(pool)-paid[pool])
			paid[pool] += covered
			left -= covered
		}
	}
	for i := range p.Pools {
		use, pool := &p.Pools[i], &s.m.snapshot.Pools[i]
		use.MachinesUSD = 0
		if use.PriceKnown && !pool.Sunk {
			use.MachinesUSD = pool.Price.USD * (in(i) - paid[i])
		}
		p.Bill.Machines += use.MachinesUSD
	}
}
