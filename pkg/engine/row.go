package engine

import (
	"encoding/binary"
	"math"
	"slices"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/pricing"
	"tradewind.dev/tradewind/pkg/rules"
)

// request is what one replica asks for, shared by all workloads that ask for the same.
type request struct {
	id     int
	vector []int64
	size   []float64 // vector as numbers
	priced pricing.Resources
	full   []uint32 // by pool, see room.countOf; nil where there are too many requests to remember
}

// rowKey tells apart workloads of which a replica costs something else.
type rowKey struct {
	profile, request      int
	usdPerMillisecond     float64
	bytesPerHour, restart float64
}

// row is what one replica costs on every pool, shared by all workloads that it is the same for. Only the cheapest pools are
// kept in order; the others are computed when they are needed.
type row struct {
	rowKey
	profile *profile
	request *request
	order   []int32   // pools, the cheapest first
	cost    []float64 // of a replica there
	rest    float64   // no other pool is cheaper; positive infinity when there is none
	regret  float64   // of not having one of the cheapest pools, by size
	pools   []int32   // all pools that are allowed and large enough, once dense is filled
	dense   []float64 // of a replica there
	ties    float64   // what of a replica's cost is there to decide between equals at most; filled in with dense
}

// rowLength is how many of the cheapest pools a row keeps.
const rowLength = 48

// mostRemembered is for how many pairs of request and pool it is remembered that no replica fits.
const mostRemembered = 16 << 20

func (m *model) request(w *Workload) *request {
	vector := m.vector(&w.Request)
	m.ports.want(vector, w.HostPorts)
	key := make([]byte, 0, 8*len(vector))
	for _, v := range vector {
		key = binary.AppendVarint(key, v)
	}
	key = binary.AppendVarint(key, w.Request.GPUSlices)
	if known, ok := m.requests[string(key)]; ok {
		return known
	}
	out := &request{id: len(m.requests), vector: vector, size: make([]float64, len(vector)), priced: pricing.Resources{
		MilliCPU: vector[dimCPU], MemoryBytes: vector[dimMemory], GPUs: vector[dimGPU], GPUSlices: w.Request.GPUSlices,
	}}
	for d, v := range vector {
		out.size[d] = float64(v)
	}
	if len(m.requests) < mostRemembered/max(len(m.pools), 1) {
		out.full = make([]uint32, len(m.pools))
	}
	m.requests[string(key)] = out
	return out
}

// optimizeFor of a workload under these rules.
func (m *model) optimizeFor(rules *rules.Rules) v1alpha1.OptimizeFor {
	if rules.OptimizeFor != "" {
		return rules.OptimizeFor
	}
	return m.options.OptimizeFor
}

func (m *model) row(w *Workload, p *profile) *row {
	req := m.request(w)
	key := rowKey{profile: p.id, request: req.id, restart: restartUSD(w)}
	if len(p.rules.Clients) > 0 {
		perReplica := rules.DefaultRequestsPerSecond
		if p.rules.RequestsPerSecond > 0 {
			perReplica = p.rules.RequestsPerSecond / float64(max(w.Replicas, 1))
		}
		key.usdPerMillisecond = rules.LatencyUSD(1, perReplica, m.optimizeFor(p.rules))
		key.bytesPerHour = perReplica * w.ClientBytesPerRequest * secondsPerHour
	}
	if known, ok := m.rows[key]; ok {
		return known
	}
	r := &row{rowKey: key, profile: p, request: req}
	m.fillRow(r, nil)
	m.rows[key] = r
	return r
}

const secondsPerHour = 3600.0

func restartUSD(w *Workload) float64 {
	if w.RestartUSD > 0 {
		return w.RestartUSD
	}
	return DefaultRestartUSD
}

// unit is what one replica costs on a pool, calls and moves apart, in US dollars an hour: of the machine its share, or where whole
// machines count what its resources are worth there.
func (r *row) unit(m *model, i int32) float64 {
	usd := r.apart(m, i)
	pool := &m.pools[i]
	if pool.guide == nil {
		return usd + pool.rates.Hourly(r.request.priced)
	}
	for d, price := range pool.guide {
		usd += price * r.request.size[d]
	}
	return usd
}

// tie is the part of shares that counts where whole machines are minimised, so that shares decide between equals.
const tie = 1e-6

// apart is what one replica costs on a pool beside the machine, calls and moves apart, in US dollars an hour.
func (r *row) apart(m *model, i int32) float64 {
	pool, profile := &m.pools[i], r.profile
	share, usd := pool.rates.Hourly(r.request.priced), pool.restarts*r.restart
	if pool.guide != nil {
		usd += tie * share
	}
	if profile.unmet != nil {
		usd += rules.PreferenceUSD(profile.unmet[i], share)
	}
	if profile.clientMilliseconds != nil {
		usd += priced(profile.clientMilliseconds[i]) * r.usdPerMillisecond
		if profile.clientUSDPerByte != nil {
			usd += profile.clientUSDPerByte[i] * r.bytesPerHour
		}
	}
	return usd
}

// bill is unit by its parts, for a number of replicas.
func (r *row) bill(m *model, i int32, replicas float64) Bill {
	pool, profile := &m.pools[i], r.profile
	out := Bill{Compute: pool.rates.Hourly(r.request.priced) * replicas, Interruption: pool.restarts * r.restart * replicas}
	if profile.unmet != nil {
		out.Preference = rules.PreferenceUSD(profile.unmet[i], out.Compute)
	}
	if profile.clientMilliseconds != nil {
		out.Latency = priced(profile.clientMilliseconds[i]) * r.usdPerMillisecond * replicas
		if profile.clientUSDPerByte != nil {
			out.Egress = profile.clientUSDPerByte[i] * r.bytesPerHour * replicas
		}
	}
	return out
}

// priced is the milliseconds that count in a price.
func priced(milliseconds float64) float64 {
	if math.IsInf(milliseconds, 1) {
		return UnknownMilliseconds
	}
	return milliseconds
}

// fillRow keeps the cheapest pools whose nodes are large enough. prices are added to what a replica costs there, for the
// order alone; nil for none.
func (m *model) fillRow(r *row, prices []float64) {
	entries := make([]entry, 0, 2*rowLength)
	r.rest = math.Inf(1)
	limit := math.Inf(1)
	offer := func(i int32, usd float64) {
		price := usd
		if prices != nil {
			price += prices[i]
		}
		if price >= limit {
			r.rest = min(r.rest, price)
			return
		}
		entries = append(entries, entry{i, usd, price})
		if len(entries) == cap(entries) {
			slices.SortFunc(entries, dearer)
			r.rest = min(r.rest, entries[rowLength].price)
			entries = entries[:rowLength]
			limit = entries[rowLength-1].price
		}
	}
	if r.pools != nil {
		for j, i := range r.pools {
			offer(i, r.dense[j])
		}
	} else {
		for _, i := range r.profile.allowed {
			if m.pools[i].holds(r.request.vector) {
				offer(i, r.unit(m, i))
			}
		}
	}
	slices.SortFunc(entries, dearer)
	if len(entries) > rowLength {
		r.rest = min(r.rest, entries[rowLength].price)
		entries = entries[:rowLength]
	}
	if r.order == nil {
		r.order, r.cost = make([]int32, 0, len(entries)), make([]float64, 0, len(entries))
	}
	r.order, r.cost = r.order[:0], r.cost[:0]
	for _, e := range entries {
		r.order, r.cost = append(r.order, e.pool), append(r.cost, e.usd)
	}
}

// entry is a pool in the order of a row.
type entry struct {
	pool       int32
	usd, price float64
}

func dearer(a, b entry) int {
	switch {
	case a.price < b.price:
		return -1
	case a.price > b.price:
		return 1
	}
	return int(a.pool) - int(b.pool)
}
