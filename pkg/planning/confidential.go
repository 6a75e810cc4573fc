package planning

import "slices"

// Hidden says whether a pool's price is for readers of PriceLists alone: a PriceList gives it, or it is not known and the
// highest known one is taken, which a PriceList may give.
func (r *Result) Hidden(pool int) bool {
	return r.Pools[pool].Negotiated || !r.Snapshot.Pools[pool].Price.Known && r.Confidential(false)
}

// Confidential says whether any price of the snapshot is for readers of PriceLists alone, traffic's being so or not.
func (r *Result) Confidential(traffic bool) bool {
	return traffic || slices.ContainsFunc(r.Pools, func(pool PoolInfo) bool { return pool.Negotiated })
}
