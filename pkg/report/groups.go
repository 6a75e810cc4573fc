package report

import (
	"cmp"
	"slices"
	"strings"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/location"
)

// groupExcluded counts nodes by the first reason against them, the most frequent first, as the scheduler's event does.
func groupExcluded(verdicts []*verdict) []ExcludedGroup {
	byMessage := map[string]*ExcludedGroup{}
	places := map[string]map[string]int{}
	for _, v := range verdicts {
		first := v.obstacles[0]
		key := first.Message
		group := byMessage[key]
		if group == nil {
			group = &ExcludedGroup{Obstacle: Obstacle{Rule: first.Rule, Message: first.Message, Plugin: first.Plugin}}
			byMessage[key] = group
			places[key] = map[string]int{}
		}
		for _, taint := range first.Taints {
			if !slices.Contains(group.Taints, taint) {
				group.Taints = append(group.Taints, taint)
			}
		}
		group.Nodes++
		if len(v.obstacles) == 1 {
			group.Only++
		}
		places[key][placeOf(location.DomainRegion, &v.node.Class.Location)]++
	}
	out := make([]ExcludedGroup, 0, len(byMessage))
	for key, group := range byMessage {
		for place, nodes := range places[key] {
			group.Places = append(group.Places, PlaceCount{Place: place, Nodes: nodes})
		}
		slices.SortFunc(group.Places, func(a, b PlaceCount) int {
			return cmp.Or(b.Nodes-a.Nodes, strings.Compare(a.Place, b.Place))
		})
		out = append(out, *group)
	}
	slices.SortFunc(out, func(a, b ExcludedGroup) int {
		return cmp.Or(b.Nodes-a.Nodes, strings.Compare(a.Message, b.Message))
	})
	return out
}

type feasibleKey struct {
	cloud, region, country, instanceType string
	capacityType                         v1alpha1.CapacityType
}

// groupFeasible groups nodes by cloud, region, instance type and capacity type, the cheapest first, those whose bill is not
// known last, and compares each group's cheapest node with own; with the best of all when there is none.
func groupFeasible(verdicts []*verdict, own *verdict) []FeasibleGroup {
	type group struct {
		key   feasibleKey
		best  *verdict
		nodes int
	}
	byKey := map[feasibleKey]*group{}
	for _, v := range verdicts {
		at := v.node.Class
		key := feasibleKey{at.Cloud, at.Region, at.Country, at.InstanceType, at.CapacityType}
		g := byKey[key]
		if g == nil {
			g = &group{key: key, best: v}
			byKey[key] = g
		}
		g.nodes++
		if cheaper(v, g.best) < 0 {
			g.best = v
		}
	}
	groups := make([]*group, 0, len(byKey))
	for _, g := range byKey {
		groups = append(groups, g)
	}
	slices.SortFunc(groups, func(a, b *group) int { return cheaper(a.best, b.best) })
	if own == nil && len(groups) > 0 {
		own = groups[0].best
	}
	out := make([]FeasibleGroup, 0, len(groups))
	for _, g := range groups {
		row := FeasibleGroup{
			Cloud: g.key.cloud, Region: g.key.region, Country: g.key.country, InstanceType: g.key.instanceType,
			CapacityType: g.key.capacityType, Nodes: g.nodes, Example: g.best.node.Name,
		}
		total, known := g.best.total()
		if known {
			row.HourlyUSD = &total
		}
		ownTotal, ownKnown := own.total()
		row.MoreHourlyUSD = difference(total, known, ownTotal, ownKnown)
		row.MoreComputeUSD = difference(g.best.compute, g.best.computeKnown, own.compute, own.computeKnown)
		ms, known := g.best.clientsMilliseconds()
		ownMs, ownKnown := own.clientsMilliseconds()
		row.MoreClientsMilliseconds = difference(ms, known, ownMs, ownKnown)
		ms, known = g.best.callsMilliseconds()
		ownMs, ownKnown = own.callsMilliseconds()
		row.MoreCallsMilliseconds = difference(ms, known, ownMs, ownKnown)
		out = append(out, row)
	}
	return out
}

// difference is a - b, nil when either is not known.
func difference(a float64, aKnown bool, b float64, bKnown bool) *float64 {
	if !aKnown || !bKnown {
		return nil
	}
	d := a - b
	return &d
}

// cheaper orders nodes by their bill, an unknown one last, then by name.
func cheaper(a, b *verdict) int {
	usdA, knownA := a.total()
	usdB, knownB := b.total()
	if knownA != knownB {
		if knownA {
			return -1
		}
		return 1
	}
	if !knownA {
		usdA, usdB = 0, 0
	}
	return cmp.Or(cmp.Compare(usdA, usdB), strings.Compare(a.node.Name, b.node.Name))
}
