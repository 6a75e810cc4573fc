package pricing

import (
	"time"

	"tradewind.dev/tradewind/apis/v1alpha1"
)

// Ahead says of a PriceList whose date is yet to come that its prices are in force all the same; empty for others.
func Ahead(spec *v1alpha1.PriceListSpec, now time.Time) string {
	of, err := time.Parse(time.DateOnly, spec.Date)
	if err != nil || !of.After(now.Add(24*time.Hour)) { // it may be tomorrow elsewhere
		return ""
	}
	return spec.Date + " is yet to come, and the prices are used already: the date says of when they are, not from when on; " +
		"correct it, or apply the list when they hold"
}
