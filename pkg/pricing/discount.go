package pricing

import (
	"cmp"
	"slices"
	"strings"
)

// discount is one entry of a PriceList, checked.
type discount struct {
	region, prefix string  // empty: all
	factor         float64 // 1 − percent / 100
	// sources are, by the source of the list price, the PriceList, the percent and that source.
	sources []string
}

// discountTable holds the discounts of one cloud and capacity type, resolved for every pair of a type and a region.
type discountTable struct {
	entries []discount
	byPair  []uint16 // 0: none; else 1 + the position in entries
}

// apply returns a list price less the discount of its pair. from is the position of the list price's source.
func (t *discountTable) apply(price Price, pair, from int) Price {
	i := t.byPair[pair]
	if i == 0 {
		return price
	}
	d := &t.entries[i-1]
	price.USD *= d.factor
	price.Source = d.sources[from]
	price.Basis = BasisDiscount
	return price
}

// newDiscountTable resolves discounts. They come in the order of their lists; the table has room for 65,535 of them, and
// the builder gives no more.
func newDiscountTable(of *cloudCatalog, entries []discount) *discountTable {
	slices.SortStableFunc(entries, func(a, b discount) int {
		if c := cmp.Compare(len(b.prefix), len(a.prefix)); c != 0 {
			return c
		}
		return cmp.Compare(len(b.region), len(a.region))
	})
	regions := of.regions.list
	table := &discountTable{entries: entries, byPair: make([]uint16, len(of.types.list)*len(regions))}
	// For each region, the entries that concern it, in order; a type takes the first whose prefix it has.
	for r, region := range regions {
		var here []uint16
		for i := range entries {
			if entries[i].concerns(of.id, region) {
				here = append(here, uint16(i))
			}
		}
		if len(here) == 0 {
			continue
		}
		for t, name := range of.types.list {
			for _, i := range here {
				if hasPrefix(name, entries[i].prefix, of.types.folded != nil) {
					table.byPair[t*len(regions)+r] = i + 1
					break
				}
			}
		}
	}
	return table
}

// concerns says whether a discount holds in a region. One for a region of AWS holds in its local and wavelength zones too.
func (d *discount) concerns(cloud, region string) bool {
	return d.region == "" || d.region == region || isEdgeZone(cloud, d.region, region)
}

func hasPrefix(name, prefix string, fold bool) bool {
	if len(name) < len(prefix) {
		return false
	}
	if fold {
		return strings.EqualFold(name[:len(prefix)], prefix)
	}
	return name[:len(prefix)] == prefix
}
