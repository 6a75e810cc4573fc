package state

import (
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/latency"
	"tradewind.dev/tradewind/pkg/rules"
	"tradewind.dev/tradewind/pkg/rules/policy"
)

// version identifies what an object asks for, whatever its status says.
type version struct {
	uid        types.UID
	generation int64
}

// origin is what the parts of a World were made from that the next one may share.
type origin struct {
	prices, maps []version
	// ages says that a LatencyMap limits the age of its samples, so that the round trips depend on the time.
	ages bool
	// samples are how many of their samples count. With time fewer do, as they get too old, and more, as they are of the future no longer;
	// of the same maps as many that are too old, and that are of the future, are the same.
	samples latency.Stats
}

// versions are those of a list, sorted. ok is false where objects have none, as those of files.
func versions[T any, P interface {
	*T
	client.Object
}](list []T) (out []version, ok bool) {
	for i := range list {
		object := P(&list[i])
		if object.GetUID() == "" || object.GetGeneration() == 0 {
			return nil, false
		}
		out = append(out, version{object.GetUID(), object.GetGeneration()})
	}
	slices.SortFunc(out, func(a, b version) int {
		if a.uid < b.uid {
			return -1
		}
		return 1
	})
	return out, true
}

// newWorld is a world with its policies alone.
func newWorld(objects Objects) *World {
	return &World{
		Policies: policy.NewSet(objects.PlacementPolicies, objects.ClusterPlacementPolicies),
		Counts: map[string]int{
			"PlacementPolicy": len(objects.PlacementPolicies), "ClusterPlacementPolicy": len(objects.ClusterPlacementPolicies),
			"PriceList": len(objects.PriceLists), "LatencyMap": len(objects.LatencyMaps),
		},
		Held: HeldIn(&objects), signed: &sync.Map{},
	}
}

// Next is the world of other objects, as NewWorld makes it, that shares with this one what has not changed: prices, round trips
// with all that is known of them, and the rules of combinations of policies of which none has changed. So a changed policy
// costs what it concerns, and whoever keeps something by prices, round trips or rules finds it by the same pointer. The classes
// of both are the same. Errors are those of NewWorld.
func (w *World) Next(objects Objects, now time.Time) (*World, error) {
	prices, pricesKnown := versions(objects.PriceLists)
	maps, mapsKnown := versions(objects.LatencyMaps)
	samePrices := pricesKnown && slices.Equal(prices, w.made.prices)
	sameMaps := mapsKnown && slices.Equal(maps, w.made.maps)
	if !samePrices && !sameMaps {
		next, err := NewWorld(objects, now)
		if err == nil {
			next.classes = w.classes
		}
		return next, err
	}
	next := newWorld(objects)
	next.classes, next.made = w.classes, madeFrom(objects)
	if samePrices {
		next.Prices, next.ListPrices, next.NegotiatedEgress, next.PriceProblems = w.Prices, w.ListPrices, w.NegotiatedEgress, w.PriceProblems
	} else if err := next.price(objects.PriceLists); err != nil {
		return nil, err
	}
	if !sameMaps || w.made.ages {
		if err := next.measure(objects.LatencyMaps, now); err != nil {
			return nil, err
		}
	}
	if sameMaps && (!w.made.ages || next.made.samples == w.made.samples) {
		next.RoundTrips, next.LatencyProblems, next.none, next.before = w.RoundTrips, w.LatencyProblems, w.none, w.signed
		next.made.samples = w.made.samples
	}
	return next, nil
}

// madeFrom notes what a world is made from.
func madeFrom(objects Objects) origin {
	var out origin
	out.prices, _ = versions(objects.PriceLists)
	out.maps, _ = versions(objects.LatencyMaps)
	out.ages = slices.ContainsFunc(objects.LatencyMaps, func(m v1alpha1.LatencyMap) bool { return m.Spec.MaxAge != nil })
	return out
}

// rulesOf are the rules of merged policies: those of the world before, where the same policies were merged there.
func (w *World) rulesOf(effective *policy.Effective) *rules.Rules {
	out := (*rules.Rules)(nil)
	if w.before != nil {
		// Whether a policy drains is said by a label, which no signature tells of.
		if known, ok := w.before.Load(effective.Signature); ok && known.(*rules.Rules).Drained == effective.Drained {
			out = known.(*rules.Rules)
		}
	}
	if out == nil {
		out = rules.NewRules(effective, w.RoundTrips)
	}
	w.signed.Store(effective.Signature, out)
	return out
}
