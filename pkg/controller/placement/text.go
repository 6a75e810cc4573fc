package placement

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/engine"
)

// charged is what a bill amounts to, in US dollars an hour, without the preferences that nobody charges.
func charged(b *engine.Bill) float64 { return b.Total() - b.Preference }

// bill is a bill as a Placement shows it.
func bill(b *engine.Bill) *v1alpha1.PlacementBill {
	return &v1alpha1.PlacementBill{
		Total: dollars(charged(b)), Compute: dollars(b.Compute), Egress: dollars(b.Egress), Latency: dollars(b.Latency),
		Interruption: dollars(b.Interruption), Disruption: dollars(b.Disruption),
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
			parts = append(parts, fmt.Sprintf("and %d more places", len(s.Decisions)-most))
			break
		}
		parts = append(parts, fmt.Sprintf("%d on %s", s.Decisions[i].Replicas, s.Decisions[i].Pool))
	}
	text := strings.Join(parts, ", ")
	if s.HourlyUSD != nil {
		text += ": $" + s.HourlyUSD.Total + "/h"
		if s.PriceBasis == v1alpha1.PriceBasisList {
			text += " at list prices"
		}
	}
	return text
}
