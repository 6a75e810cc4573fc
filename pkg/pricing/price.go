// Package pricing knows what nodes and traffic cost: the built-in catalog of AWS, Google Cloud, Azure and European providers, and
// the PriceLists that override it. Every figure carries its source and date. Unknown is an answer of its own, never zero.
package pricing

import "tradewind.dev/tradewind/apis/v1alpha1"

// Basis says what a price rests on.
type Basis uint8

// The bases.
const (
	// BasisUnknown means that there is no price.
	BasisUnknown Basis = iota
	// BasisList is a list price of the built-in catalog.
	BasisList
	// BasisDiscount is a list price less a discount of a PriceList.
	BasisDiscount
	// BasisOverride is a price that a PriceList gives.
	BasisOverride
	// BasisResources is computed from the prices by resource that a PriceList gives.
	BasisResources
)

// String returns the basis in one word.
func (b Basis) String() string {
	switch b {
	case BasisList:
		return "list"
	case BasisDiscount:
		return "discount"
	case BasisOverride:
		return "override"
	case BasisResources:
		return "resources"
	default:
		return "unknown"
	}
}

// Price is a price with its origin. The zero value is an unknown price.
type Price struct {
	// USD is in US dollars an hour for nodes, and US dollars a gigabyte (10^9 bytes) for traffic. 0 when unknown.
	USD float64
	// Known is false when nobody states the price. A known price may be 0: traffic inside a region, for instance.
	Known bool
	// Source names the project, page or PriceList that states the price.
	Source string
	// Date the price is of: YYYY-MM or YYYY-MM-DD; empty when the PriceList gives none.
	Date string
	// Basis says what the price rests on.
	Basis Basis
}

// Internet is the destination of traffic that leaves for clients on the internet.
const Internet = "internet"

// capacityIndex numbers the capacity types of which the catalog may have prices.
func capacityIndex(capacity v1alpha1.CapacityType) (int, bool) {
	key := capacityKey(capacity)
	return int(key), key == 0 || key == 1
}

// capacityKey numbers the capacity types that an entry can price; -1 is none of them.
func capacityKey(capacity v1alpha1.CapacityType) int8 {
	switch capacity {
	case v1alpha1.CapacityOnDemand:
		return 0
	case v1alpha1.CapacitySpot:
		return 1
	case v1alpha1.CapacityReserved:
		return 2
	default:
		return -1
	}
}
