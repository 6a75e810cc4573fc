package candidates

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	fwk "k8s.io/kube-scheduler/framework"

	"tradewind.dev/tradewind/pkg/state"
	"tradewind.dev/tradewind/plugins/cycle"
)

// place is nodes of a group that the pod may go to and that have the same points.
type place struct {
	group   *group
	members []int
	// cheapest and dearest are the members with room that cost the pod the least and the most; one node where all cost the same.
	// Rules and points hold for all in between that hold for both.
	cheapest, dearest *state.Node
	points            int64
}

// places are those that every rule allows and that have room. refused is how many nodes each rule excludes, counted once each.
func (p *Plugin) places(cycleState fwk.CycleState, pod *cycle.Pod, wanted *demand) (out []place, refused []int) {
	skipped, rules := cycleState.GetSkipFilterPlugins(), p.settings().rules
	refused = make([]int, len(rules))
	refuses := func(node *state.Node) int {
		return slices.IndexFunc(rules, func(rule cycle.Judge) bool {
			return !skipped.Has(rule.Plugin) && !rule.Allows(cycleState, pod, node)
		})
	}
	consider := func(at place) {
		if by := refuses(at.cheapest); by >= 0 {
			refused[by] += len(at.members)
			return
		}
		if wanted.tolerates(at.group.taints, corev1.TaintEffectNoSchedule, corev1.TaintEffectNoExecute) &&
			slices.ContainsFunc(at.members, func(member int) bool { return p.fits(wanted, member) }) {
			out = append(out, at)
		}
	}
	for i := range p.nodes.groups {
		of := &p.nodes.groups[i]
		at := place{group: of, members: of.members, cheapest: of.node, dearest: of.node}
		if !of.costsAlike(pod.Request) {
			p.priceRange(wanted, &at)
		}
		if at.cheapest == at.dearest || refuses(at.cheapest) == refuses(at.dearest) {
			consider(at)
			continue
		}
		for _, part := range p.split(wanted, at) {
			consider(part)
		}
	}
	return out, refused
}

// priceRange finds the cheapest and the dearest member with room of a place whose members cost the pod what their memory costs.
func (p *Plugin) priceRange(wanted *demand, at *place) {
	first := true
	for _, member := range at.members {
		if !p.fits(wanted, member) {
			continue
		}
		facts := p.nodes.rooms[member].facts
		if first || facts.Rates.PerByte < at.cheapest.Rates.PerByte {
			at.cheapest = facts
		}
		if first || facts.Rates.PerByte > at.dearest.Rates.PerByte {
			at.dearest = facts
		}
		first = false
	}
}

// split returns the members of a place with room by what they cost exactly.
func (p *Plugin) split(wanted *demand, at place) []place {
	var out []place
	known := map[float64]int{}
	for _, member := range at.members {
		if !p.fits(wanted, member) {
			continue
		}
		facts := p.nodes.rooms[member].facts
		part, ok := known[facts.Rates.PerByte]
		if !ok {
			part = len(out)
			known[facts.Rates.PerByte] = part
			out = append(out, place{group: at.group, cheapest: facts, dearest: facts})
		}
		out[part].members = append(out[part].members, member)
	}
	return out
}

// rank returns places sorted by their points, the most first.
func (p *Plugin) rank(cycleState fwk.CycleState, pod *cycle.Pod, wanted *demand, places []place) []place {
	p.Price(pod, func(yield func(*state.Node) bool) {
		for i := range places {
			at := &places[i]
			if !yield(at.cheapest) || at.dearest != at.cheapest && !yield(at.dearest) {
				return
			}
		}
	})
	points := func(node *state.Node) (sum int64) {
		for _, score := range p.settings().scores {
			sum += p.settings().weights[score.Plugin] * score.Points(cycleState, pod, node)
		}
		return sum
	}
	out := places[:0:0]
	for _, at := range places {
		at.points = points(at.cheapest)
		if at.dearest == at.cheapest || points(at.dearest) == at.points {
			out = append(out, at)
			continue
		}
		for _, part := range p.split(wanted, at) {
			part.points = points(part.cheapest)
			out = append(out, part)
		}
	}
	slices.SortStableFunc(out, func(a, b place) int { return int(b.points - a.points) })
	return out
}
