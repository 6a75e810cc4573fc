package report

import (
	"cmp"
	"slices"
	"strings"
)

// PlanComparison is a plan beside another one, the base.
type PlanComparison struct {
	// Base says what the base is.
	Base string `json:"base"`
	// HourlyUSD, Replicas, Unplaced and Moves of the base.
	HourlyUSD PlanBill `json:"hourlyUSD"`
	Replicas  int      `json:"replicas"`
	Unplaced  int      `json:"unplaced"`
	Moves     int      `json:"moves"`
	// InvoiceSavingsUSD is what clouds would invoice less than for the base, and InvoiceSavingsPercent its share of that.
	InvoiceSavingsUSD     float64 `json:"invoiceSavingsUSD"`
	InvoiceSavingsPercent float64 `json:"invoiceSavingsPercent"`
	// SavingsUSD is how much lower the total is than the base's, the price of moving apart in both, and SavingsPercent its share
	// of that. Part of it may be what is only valued.
	SavingsUSD     float64 `json:"savingsUSD"`
	SavingsPercent float64 `json:"savingsPercent"`
	// Moved replicas are in another place than in the base; Started and Stopped are in only one of both plans.
	Moved   int `json:"moved"`
	Started int `json:"started"`
	Stopped int `json:"stopped"`
	// Workloads that differ.
	Workloads []PlanDifference `json:"workloads"`
}

// PlanDifference is a workload that is not in the same places in both plans.
type PlanDifference struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	Kind      string `json:"kind"`
	// From are the places that the plan has fewer replicas in than the base, To those with more.
	From []PlanShift `json:"from"`
	To   []PlanShift `json:"to"`
	// DeltaUSD is how much higher the workload's total is than in the base, the price of moving apart; DeltaShareUSD is the part
	// of it that is share: compute and egress.
	DeltaUSD      float64 `json:"deltaUSD"`
	DeltaShareUSD float64 `json:"deltaShareUSD"`
	// Unplaced replicas, and BaseUnplaced those of the base.
	Unplaced     int `json:"unplaced"`
	BaseUnplaced int `json:"baseUnplaced"`
}

// PlanShift is a number of replicas that a place has more or fewer.
type PlanShift struct {
	Cluster  string `json:"cluster,omitempty"`
	Pool     string `json:"pool"`
	Cloud    string `json:"cloud"`
	Replicas int    `json:"replicas"`
}

// Compare lays a plan beside a base, which name describes.
func (p *Plan) Compare(base *Plan, name string) {
	c := &PlanComparison{
		Base: name, HourlyUSD: base.HourlyUSD, Replicas: base.Replicas, Unplaced: base.Unplaced, Moves: base.Moves,
		Workloads: []PlanDifference{},
	}
	c.SavingsUSD, c.SavingsPercent = saved(base.HourlyUSD.staying(), p.HourlyUSD.staying())
	c.InvoiceSavingsUSD, c.InvoiceSavingsPercent = saved(base.HourlyUSD.Invoice, p.HourlyUSD.Invoice)
	type key struct{ kind, namespace, name string }
	before := map[key]*PlanPlacement{}
	for i := range base.Placements {
		b := &base.Placements[i]
		before[key{b.Kind, b.Namespace, b.Name}] = b
	}
	for i := range p.Placements {
		after := &p.Placements[i]
		k := key{after.Kind, after.Namespace, after.Name}
		c.add(before[k], after)
		delete(before, k)
	}
	for i := range base.Placements {
		b := &base.Placements[i]
		if _, left := before[key{b.Kind, b.Namespace, b.Name}]; left {
			c.add(b, nil)
		}
	}
	p.Comparison = c
}

// saved is how much less an amount is than another, also in percent of that.
func saved(base, plan float64) (usd, percent float64) {
	if base > 0 {
		percent = (base - plan) / base * 100
	}
	return base - plan, percent
}

// staying is the total without the price of moving, which is paid once.
func (b *PlanBill) staying() float64 { return b.Total - b.Disruption }

func (c *PlanComparison) add(before, after *PlanPlacement) {
	of := cmp.Or(after, before)
	d := PlanDifference{Namespace: of.Namespace, Name: of.Name, Kind: of.Kind, From: []PlanShift{}, To: []PlanShift{}}
	type place struct{ cluster, pool, cloud string }
	counts := map[place]int{}
	count := func(p *PlanPlacement, sign int) (unplaced int) {
		if p == nil {
			return 0
		}
		for i := range p.Decisions {
			at := &p.Decisions[i]
			counts[place{at.Cluster, at.Pool, at.Cloud}] += sign * at.Replicas
		}
		d.DeltaUSD += float64(sign) * (p.HourlyUSD.Total - p.HourlyUSD.Disruption)
		d.DeltaShareUSD += float64(sign) * p.HourlyUSD.Share
		return p.Unplaced
	}
	d.BaseUnplaced, d.Unplaced = count(before, -1), count(after, 1)
	gone, come := 0, 0
	for at, n := range counts {
		shift := PlanShift{Cluster: at.cluster, Pool: at.pool, Cloud: at.cloud, Replicas: max(n, -n)}
		if n < 0 {
			d.From = append(d.From, shift)
			gone -= n
		} else if n > 0 {
			d.To = append(d.To, shift)
			come += n
		}
	}
	c.Moved += min(gone, come)
	c.Stopped += max(gone-come, 0)
	c.Started += max(come-gone, 0)
	for _, shifts := range [][]PlanShift{d.From, d.To} {
		slices.SortFunc(shifts, func(a, b PlanShift) int {
			return cmp.Or(b.Replicas-a.Replicas, strings.Compare(a.Cluster, b.Cluster), strings.Compare(a.Pool, b.Pool))
		})
	}
	if gone+come > 0 || d.Unplaced != d.BaseUnplaced {
		c.Workloads = append(c.Workloads, d)
	}
}
