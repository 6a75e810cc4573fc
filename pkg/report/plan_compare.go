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
	// SavingsUSD is what this plan costs less than the base, the price of moving apart in both; SavingsPercent its share of
	// the base's bill.
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
	// DeltaUSD is what the workload costs more than in the base.
	DeltaUSD float64 `json:"deltaUSD"`
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
	ours, theirs := p.HourlyUSD.standing(), base.HourlyUSD.standing()
	c.SavingsUSD = theirs - ours
	if theirs > 0 {
		c.SavingsPercent = c.SavingsUSD / theirs * 100
	}
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

// standing is the bill without the price of moving, which is paid once.
func (b *PlanBill) standing() float64 { return b.Total - b.Disruption }

// charged is what clouds charge for: machines and traffic.
func (b *PlanBill) charged() float64 { return b.Compute + b.Egress }

func (c *PlanComparison) add(before, after *PlanPlacement) {
	of := cmp.Or(after, before)
	d := PlanDifference{Namespace: of.Namespace, Name: of.Name, Kind: of.Kind, From: []PlanShift{}, To: []PlanShift{}}
	type place struct{ cluster, pool, cloud string }
	counts := map[place]int{}
	count := func(p *PlanPlacement, sign int) (usd float64, unplaced int) {
		if p == nil {
			return 0, 0
		}
		for i := range p.Decisions {
			at := &p.Decisions[i]
			counts[place{at.Cluster, at.Pool, at.Cloud}] += sign * at.Replicas
		}
		return p.HourlyUSD.standing(), p.Unplaced
	}
	base, unplaced := count(before, -1)
	d.BaseUnplaced = unplaced
	usd, unplaced := count(after, 1)
	d.Unplaced, d.DeltaUSD = unplaced, usd-base
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
