package planning

import (
	"slices"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/pricing"
)

// Sunk says whether nobody can stop paying for a machine, so that it is in no invoice whether it is used or not: it stands in a
// private data centre (a cloud that the built-in table does not have), or its capacity is reserved, which is paid in advance.
// Machines that a PriceList's commitments cover are sunk too, as many as these say: see Invoiced.
func Sunk(at *location.Node) bool {
	_, public := location.LookupCloud(at.Cloud)
	return !public || at.CapacityType == v1alpha1.CapacityReserved
}

// Invoiced tells machines that are invoiced from those that are sunk, one machine after the other.
type Invoiced struct {
	prices *pricing.Prices
	left   []int
}

// NewInvoiced counts against the commitments of these prices.
func NewInvoiced(prices *pricing.Prices) *Invoiced {
	out := &Invoiced{prices: prices}
	for _, c := range prices.Commitments() {
		out.left = append(out.left, c.Count)
	}
	return out
}

// Next says whether one more machine that is in use is invoiced.
func (v *Invoiced) Next(at *location.Node) bool {
	if Sunk(at) {
		return false
	}
	if i := v.prices.Committed(queryOf(at)); i >= 0 && v.left[i] > 0 {
		v.left[i]--
		return false
	}
	return true
}

// queryOf asks for machines like one; its size is left out.
func queryOf(at *location.Node) *pricing.NodeQuery {
	return &pricing.NodeQuery{Cloud: at.Cloud, Region: at.Region, Zone: at.Zone, InstanceType: at.InstanceType, CapacityType: at.CapacityType}
}

// commit notes which machines of the snapshot's pools the commitments of the prices in force cover.
func (b *builder) commit() {
	prices := b.input.World.Prices
	all := prices.Commitments()
	pools := make([][]int, len(all))
	for i := range b.out.Pools {
		if at := &b.out.Pools[i].At; !Sunk(at) {
			if k := prices.Committed(queryOf(at)); k >= 0 {
				pools[k] = append(pools[k], i)
			}
		}
	}
	for k := range all {
		if len(pools[k]) > 0 {
			b.out.Snapshot.Commitments = append(b.out.Snapshot.Commitments, engine.Commitment{Pools: pools[k], Nodes: all[k].Count})
		}
	}
}

// growth is what a machine that is added must save beside its own price, in US dollars an hour: the price of the cheapest that stands
// empty, so that none is added beside it unless that saves more than one machine; 0 where none stands empty. Where nobody but the plan's
// workloads is on a node it counts as empty, since the plan may empty it.
func (b *builder) growth() {
	for i := range b.out.Snapshot.Pools {
		pool := &b.out.Snapshot.Pools[i]
		empty := slices.ContainsFunc(pool.Nodes, func(node engine.Node) bool { return !node.Kept })
		if usd := pool.Price.USD; empty && pool.Price.Known && !pool.Sunk && (b.out.Snapshot.GrowthUSD == 0 || usd < b.out.Snapshot.GrowthUSD) {
			b.out.Snapshot.GrowthUSD = usd
		}
	}
}
