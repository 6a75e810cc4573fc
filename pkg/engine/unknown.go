package engine

import (
	"cmp"
	"math"
	"slices"

	"tradewind.dev/tradewind/pkg/pricing"
	"tradewind.dev/tradewind/pkg/rules"
	"tradewind.dev/tradewind/pkg/rules/policy"
)

// UnknownTraffic is traffic of a plan of which the price or the round trip is not known, so that a guess is in the bill.
type UnknownTraffic struct {
	// From and To are classes of the places between which it goes; To is nil for traffic to clients.
	From, To *rules.Class
	// Price says that no price is known: the highest known one counts, AssumedUSDPerGB (US dollars for 10^9 bytes).
	Price           bool
	AssumedUSDPerGB float64
	// RoundTrip says that no round trip of a call is known: UnknownMilliseconds count.
	RoundTrip bool
}

// UnknownTraffic lists the traffic of the plan of which something is not known, each pair of places once, in their order.
func (s *Solver) UnknownTraffic() []UnknownTraffic {
	type pair struct{ from, to int32 }
	const clients = int32(-1)
	found := map[pair]UnknownTraffic{}
	note := func(from, to int32, price, roundTrip bool) {
		if !price && !roundTrip {
			return
		}
		known := found[pair{from, to}]
		known.From, known.Price, known.RoundTrip = s.m.geo.classes[from], known.Price || price, known.RoundTrip || roundTrip
		if to != clients {
			known.To = s.m.geo.classes[to]
		}
		known.AssumedUSDPerGB = s.m.geo.assumedPerByte * bytesPerGB
		found[pair{from, to}] = known
	}
	for _, w := range s.works {
		for _, a := range w.allocs {
			from := s.m.pools[a.pool].place
			if p := w.row.profile; p.clientUSDPerByte != nil {
				note(from, clients, s.m.clientsUnknown(p.rules.Effective, s.m.pools[a.pool].class), false)
			}
			for k := range w.out {
				e := &w.out[k]
				to := s.m.nearest(e, s.works[e.to].support, from)
				if to < 0 {
					continue
				}
				class := s.m.geo.classes[to]
				price := e.bytesPerHour > 0 && s.m.geo.egress(s.m.geo.classes[from], class.Place.Cloud, class.Place.Region) < 0
				note(from, to, price, math.IsInf(s.m.geo.milliseconds[from][to], 1))
			}
		}
	}
	keys := make([]pair, 0, len(found))
	for key := range found {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b pair) int { return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to)) })
	out := make([]UnknownTraffic, len(keys))
	for k, key := range keys {
		out[k] = found[key]
	}
	return out
}

// clientsUnknown says whether the price of traffic from a class to any of the populations is not known.
func (m *model) clientsUnknown(rules *policy.Effective, from *rules.Class) bool {
	for _, population := range rules.Clients {
		cloud, region := pricing.Internet, ""
		if place, ok := population.Client.Place(); ok {
			cloud, region = place.Cloud, place.Region
		}
		if m.geo.egress(from, cloud, region) < 0 {
			return true
		}
	}
	return false
}
