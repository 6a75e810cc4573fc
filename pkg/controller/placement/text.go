package placement

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/printable"
)

// bill is what a workload costs as its Placement shows it.
func bill(b *engine.Bill) *v1alpha1.PlacementBill {
	return &v1alpha1.PlacementBill{
		Total: dollars(b.Total()), Share: dollars(b.Share()), Valued: dollars(b.Valued()), Compute: dollars(b.Compute), Egress: dollars(b.Egress),
		Latency: dollars(b.Latency), Interruption: dollars(b.Interruption), Disruption: dollars(b.Disruption), Preference: dollars(b.Preference),
	}
}

// dollars writes an amount to a millionth of a dollar.
func dollars(usd float64) string {
	rounded := math.Round(usd*1e6) / 1e6
	if rounded == 0 {
		return "0"
	}
	return strconv.FormatFloat(rounded, 'f', -1, 64)
}

// summary says in words where replicas belong: "3 on aws-eu-west-1-m7i.large, 2 on gcp-…: $0.21/h".
func summary(s *v1alpha1.PlacementStatus) string {
	if len(s.Decisions) == 0 {
		return "no replica is wanted"
	}
	const most = 6
	parts := make([]string, 0, len(s.Decisions))
	for i := range s.Decisions {
		if i == most {
			parts = append(parts, "and "+printable.Number(len(s.Decisions)-most, "more place", "more places"))
			break
		}
		parts = append(parts, fmt.Sprintf("%d on %s", s.Decisions[i].Replicas, s.Decisions[i].Pool))
	}
	text := strings.Join(parts, ", ")
	if s.PriceBasis == v1alpha1.PriceBasisUnknown {
		text += ": a price is not known"
	}
	if s.HourlyUSD != nil {
		text += ": $" + s.HourlyUSD.Share + "/h"
		if s.PriceBasis == v1alpha1.PriceBasisList {
			text += " at list prices"
		}
	}
	return text
}
