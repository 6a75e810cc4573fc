package enginetest

import (
	"cmp"
	"fmt"
	"slices"

	"tradewind.dev/tradewind/internal/verify"
	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/rules"
	"tradewind.dev/tradewind/pkg/workload"
)

// site is a place and one of the pools there, by which round trips and traffic are priced.
type site struct {
	pool  int
	class *rules.Class
}

// sitesOf are the places where a workload may be.
func (p *program) sitesOf(w int) []site {
	var out []site
	for pool := range p.snapshot.Pools {
		class := p.snapshot.Pools[pool].Class
		known := func(s site) bool { return s.class.PlaceID == class.PlaceID }
		if verify.Eligible(p.snapshot, w, pool) && !slices.ContainsFunc(out, known) {
			out = append(out, site{pool, class})
		}
	}
	return out
}

// at are the terms of a workload's replicas at a place.
func (p *program) at(w int, factor float64, s site) []string {
	return p.on(w, factor, func(pool int) bool { return p.snapshot.Pools[pool].Class.PlaceID == s.class.PlaceID })
}

// calls prices and limits the calls of a workload. c_w_k_i_j is how many of its replicas at place i have their nearest replica of the
// called workload at place j; o_v_j says that workload v has a replica at place j.
func (p *program) calls(w int) {
	for k := range p.snapshot.Workloads[w].Calls {
		to := p.called(w, k)
		if to < 0 || to == w {
			continue
		}
		p.call(w, k, to)
	}
}

// called is the workload that a call goes to; -1 where there is none.
func (p *program) called(w, k int) int {
	name := p.snapshot.Workloads[w].Calls[k].To
	return slices.IndexFunc(p.snapshot.Workloads, func(v engine.Workload) bool {
		return v.Name == name.Name && v.Namespace == cmp.Or(name.Namespace, p.snapshot.Workloads[w].Namespace)
	})
}

func (p *program) call(w, k, to int) {
	call := &p.snapshot.Workloads[w].Calls[k]
	from, callee := p.sitesOf(w), p.sitesOf(to)
	n := float64(p.snapshot.Workloads[w].Replicas)
	served := make([][]string, len(callee))
	for i, at := range from {
		order := p.byNearness(at, callee)
		terms := p.at(w, -1, at)
		usd := make([]float64, len(callee))
		for j, other := range callee {
			usd[j] = p.callPrice(w, k, to, at, other)
			if limit := call.MaxMilliseconds; limit > 0 && (p.milliseconds(at, other) > limit || !p.tells(call, at, other)) {
				continue
			}
			c := fmt.Sprintf("c_%d_%d_%d_%d", w, k, i, j)
			p.objective = append(p.objective, term(usd[j], c))
			terms = append(terms, term(1, c))
			served[j] = append(served[j], term(1, c))
			// A farther replica that would be cheaper to reach is not called while there is a nearer one.
			for _, nearer := range order[:slices.Index(order, j)] {
				if usd[nearer] > usd[j] && p.tells(call, at, callee[nearer]) {
					p.row([]string{term(1, c), term(n, p.open(to, nearer, callee[nearer]))}, "<=", n)
				}
			}
		}
		p.row(terms, "=", 0)
	}
	for j := range callee {
		if len(served[j]) > 0 {
			p.row(append(served[j], term(-n, p.open(to, j, callee[j]))), "<=", 0)
		}
	}
}

// byNearness orders places as callers at another prefer them: the fewest milliseconds, then the cheapest traffic, then by number.
func (p *program) byNearness(from site, to []site) []int {
	order := make([]int, len(to))
	for j := range order {
		order[j] = j
	}
	slices.SortFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(p.milliseconds(from, to[a]), p.milliseconds(from, to[b])),
			cmp.Compare(p.perGB(from, to[a]), p.perGB(from, to[b])), cmp.Compare(to[a].class.PlaceID, to[b].class.PlaceID))
	})
	return order
}

// tells says that a call may go from one place to another as far as its limit demands a round trip that somebody measured.
func (p *program) tells(call *engine.Call, from, to site) bool {
	return !call.Measured || call.MaxMilliseconds == 0 || p.snapshot.RoundTrips.Measured(from.class, to.class)
}

func (p *program) milliseconds(from, to site) float64 {
	return p.snapshot.RoundTrips.Between(from.class, to.class).OrInfinite()
}

func (p *program) perGB(from, to site) float64 {
	return p.snapshot.Egress.EgressPerGB(from.class.Place.Cloud, from.class.Place.Region, to.class.Place.Cloud, to.class.Place.Region).USD
}

// open is the variable that says whether a workload has a replica at a place.
func (p *program) open(w, j int, s site) string {
	name := fmt.Sprintf("o_%d_%d", w, j)
	if !p.opened[name] {
		p.opened[name] = true
		p.binary = append(p.binary, name)
		p.row(append(p.at(w, 1, s), term(-1, name)), ">=", 0)
		p.row(append(p.at(w, 1, s), term(-float64(p.snapshot.Workloads[w].Replicas), name)), "<=", 0)
	}
	return name
}

// callPrice is the bill of one call of one replica at a place, with the called replica at another.
func (p *program) callPrice(w, k, to int, from, at site) float64 {
	caller, callee := p.snapshot.Workloads[w], p.snapshot.Workloads[to]
	callee.Calls = nil
	pair := *p.snapshot
	bill := func(calls []engine.Call) float64 {
		caller.Calls = calls
		pair.Workloads = []engine.Workload{caller, callee}
		bill := verify.Bill(&pair, [][]engine.Decision{{{Pool: from.pool, Replicas: 1}}, {{Pool: at.pool, Replicas: 1}}}, engine.Options{})
		return bill.Total()
	}
	call := caller.Calls[k]
	call.To = workload.Key{Namespace: callee.Namespace, Name: callee.Name}
	return bill([]engine.Call{call}) - bill(nil)
}
