package candidates

import (
	"context"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	fwk "k8s.io/kube-scheduler/framework"

	"tradewind.dev/tradewind/plugins/cycle"
)

const (
	// enough nodes that are all equally good: kube-scheduler itself looks for no more in a cluster of any size.
	enough = 100
	// maxTries is on how many nodes all filters are run before all nodes are looked at instead, side by side.
	maxTries = 300
)

// choose returns the names of the nodes worth looking at; nil for all. state is one in which all PreFilter plugins ran;
// others is what they leave.
//
// The places that the rules allow and that have room are ranked by the points of Tradewind's plugins. Of those with the most
// of which a node passes all filters it returns the nodes, with those of places that are behind by no more than what the pod
// itself prefers may be worth.
func (p *Plugin) choose(ctx context.Context, state fwk.CycleState, pod *cycle.Pod, object *corev1.Pod, infos []fwk.NodeInfo,
	others *fwk.PreFilterResult) sets.Set[string] {
	p.mu.Lock()
	defer p.mu.Unlock()
	var among sets.Set[string]
	if !others.AllNodes() {
		among = others.NodeNames
	}
	p.nodes.refresh(p.Live.Store, infos)
	wanted := newDemand(object, among)
	places, refused := p.places(state, pod, wanted)
	places = p.rank(state, pod, wanted, places)
	reach := p.reach(wanted, places)
	tries := maxTries
	for len(places) > 0 {
		behind := slices.IndexFunc(places, func(at place) bool { return at.points < places[0].points })
		if behind < 0 {
			behind = len(places)
		}
		best, total := p.some(wanted, places[:behind])
		for _, at := range best {
			if tries--; tries < 0 {
				return nil
			}
			if !p.Handle.RunFilterPluginsWithNominatedPods(ctx, state, object, infos[at]).IsSuccess() {
				continue
			}
			for i, rule := range p.settings().rules {
				rule.Rejected.Add(float64(refused[i]))
			}
			if reach > 0 {
				return p.within(wanted, places, reach)
			}
			pod.Alike = true
			return p.names(best)
		}
		if len(best) < total {
			return nil
		}
		places = places[behind:]
	}
	return nil
}

// some returns the nodes of places that are equally good, or enough of them, and how many there are. Of more than enough it
// takes those with the most room and those with the least, one half each, for whether pods are to be spread or packed is
// Kubernetes' to say. Where many have the same room it takes some of each place.
func (p *Plugin) some(wanted *demand, places []place) (some []int, total int) {
	byFree := &p.byFree
	for i := range byFree {
		byFree[i] = byFree[i][:0]
	}
	for i := range places {
		for _, member := range places[i].members {
			if p.fits(wanted, member) {
				free := p.nodes.rooms[member].free
				byFree[free] = append(byFree[free], member)
				total++
			}
		}
	}
	left := *byFree
	half := total
	if total > enough {
		half = enough / 2
	}
	some = make([]int, 0, min(total, enough))
	for free := len(left) - 1; free >= 0 && len(some) < half; free-- {
		taken := spread(left[free], half-len(some))
		some, left[free] = append(some, taken...), left[free][len(taken):]
	}
	for free := 0; free < len(left) && len(some) < min(total, enough); free++ {
		some = append(some, spread(left[free], enough-len(some))...)
	}
	return some, total
}

// spread moves up to count of the members to the front, at even distances from one another, and returns them.
func spread(members []int, count int) []int {
	if len(members) <= count {
		return members
	}
	for i := range count {
		from := i * len(members) / count
		members[i], members[from] = members[from], members[i]
	}
	return members[:count]
}

// within returns the nodes of the places that are behind the first by no more than reach.
func (p *Plugin) within(wanted *demand, places []place, reach int64) sets.Set[string] {
	var out []int
	for i := range places {
		if places[i].points < places[0].points-reach {
			break
		}
		for _, member := range places[i].members {
			if p.fits(wanted, member) {
				out = append(out, member)
			}
		}
	}
	return p.names(out)
}

func (p *Plugin) fits(wanted *demand, member int) bool {
	return wanted.fits(&p.nodes.rooms[member], p.nodes.infos[member])
}

func (p *Plugin) names(members []int) sets.Set[string] {
	out := make(sets.Set[string], len(members))
	for _, member := range members {
		out.Insert(p.nodes.rooms[member].object.Name)
	}
	return out
}
