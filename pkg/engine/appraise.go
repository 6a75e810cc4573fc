package engine

import "slices"

// Appraiser says what workloads of a snapshot cost wherever they are, and where they may be. It plans nothing, and answers by the
// arithmetic that plans are made with. It is safe for concurrent use.
type Appraiser struct {
	m     *model
	works []*work
}

// NewAppraiser reads a snapshot. options are those of the plan that is appraised. Errors are those of Solve.
func NewAppraiser(snapshot *Snapshot, options Options) (*Appraiser, error) {
	m, err := newModel(snapshot, options)
	if err != nil {
		return nil, err
	}
	a := &Appraiser{m: m}
	for i := range snapshot.Workloads {
		w, _ := m.newWork(i, &snapshot.Workloads[i])
		w.out = slices.Concat(w.out, w.own)
		a.works = append(a.works, w)
	}
	return a, nil
}

// Appraiser appraises the solver's snapshot, with all updates so far; after the next one it is no longer of use.
func (s *Solver) Appraiser() *Appraiser { return &Appraiser{s.m, slices.Clone(s.works)} }

// Snapshot is the one that is appraised.
func (a *Appraiser) Snapshot() *Snapshot { return a.m.snapshot }

// Objective is that of the plans that are appraised.
func (a *Appraiser) Objective() Objective { return a.m.options.Objective }

// Allows says whether a replica of a workload may be on a pool as far as that depends on the pool alone, and whether a node of
// it, an existing one or one that can be added, is large enough.
func (a *Appraiser) Allows(workload, pool int) bool {
	row := a.works[workload].row
	return a.m.allows(row.profile, int32(pool)) && a.m.pools[pool].holds(row.request.vector)
}

// Bill is what the replicas of a workload cost on the pools that the decisions of where name for it, in US dollars an hour, with
// those of the workloads that it calls on the pools that where names for these. Of decisions pools and replicas count.
func (a *Appraiser) Bill(workload int, where func(workload int) []Decision) Bill {
	w := a.works[workload]
	var out Bill
	var picks []pick
	for _, d := range where(workload) {
		picks = append(picks, pick{int32(d.Pool), int32(d.Replicas)})
		part := w.row.bill(a.m, int32(d.Pool), float64(d.Replicas))
		out.Add(&part)
	}
	out.Preference += a.m.unevenBill(w.limits, w.row, picks)
	if moves := w.moves(picks); moves > 0 {
		out.Disruption = float64(moves) * w.stays[0].credit
	}
	for k := range w.out {
		e := &w.out[k]
		support := a.support(where(int(e.to)))
		for _, p := range picks {
			from := a.m.pools[p.pool].place
			if to := a.m.nearest(e, support, from); to >= 0 {
				latency, egress := a.m.callBill(e, from, to)
				out.Latency += latency * float64(p.n)
				out.Egress += egress * float64(p.n)
			}
		}
	}
	return out
}

// support counts replicas by place.
func (a *Appraiser) support(at []Decision) []int32 {
	out := make([]int32, len(a.m.geo.ids))
	for _, d := range at {
		out[a.m.pools[d.Pool].place] += int32(d.Replicas)
	}
	return out
}
