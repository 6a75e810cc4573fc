package engine

import (
	"fmt"
	"math"
	"slices"

	"tradewind.dev/tradewind/pkg/rules"
	"tradewind.dev/tradewind/pkg/rules/policy"
)

// limitKey tells apart workloads with other limits on how their replicas are shared out.
type limitKey struct {
	profile, replicas int
	// survive is, for each kind of domain, the percentage that must survive its loss plus one; 0 for none.
	survive [len(survivable)]int
	request int    // plus one; 0 where it makes no difference
	aim     int    // the most in one spot pool plus one; 0 for no aim
	volumes string // what volumes hold; empty where they hold nothing
	pods    string // rules of pods beside each other; see ownRules
	wishes  string // preferred spreads; see wishes
}

// limits are the rules on how the replicas of one workload are shared out over pools. All are upper bounds on a set of
// replicas, so that a part of a placement that keeps them keeps them too.
type limits struct {
	n    int32
	caps []domainCap
	mins []domainMin
	// skews, and the levels at which they can be kept; axes are those that replicas are counted on.
	skews  []domainSkew
	levels []level
	axes   []int
	// spot and onDemand are the most replicas on spot capacity and not on it.
	spot, onDemand int32
	// perNode is the most replicas on a node; hosts is how many nodes must hold one.
	perNode, hosts int32
	// levelled is perNode without the topology spread constraint that Solver.level sees to, ruled without any rule of pods.
	levelled, ruled int32
	// apart says that its own replicas keep apart from each other on nodes.
	apart   bool
	aim     int32   // the most in one spot pool that no rule sets; 0 for none
	ceiling float64 // of compute, US dollars an hour; positive infinity when there is none
	covered []*policy.Latency
	// apartness is no limit but a price: domains of which few replicas should be in one. even are those that some allowed pool can have.
	apartness, even []evenness
	// hostFree is how many replicas may be on a node before they prefer to be on others; 0 for any number.
	hostFree int32
	// free is true when only n limits. crossing is true when the cheapest first is not always best within the domains, across
	// when it is not where a limit that looks across them binds.
	free, crossing, across bool
	// tree are the caps and mins under which the cheapest first is best; the bound is computed with these.
	tree struct {
		caps []domainCap
		mins []domainMin
		spot bool
	}
}

// domainCap is the most replicas in any one domain of an axis.
type domainCap struct {
	axis int
	max  int32
	rule Rule
	key  string // the spread's topology key, or the kind of loss
	skew int32  // that it comes from; 0 for none
	open bool   // it says nothing of pools without a domain; others hold no replica
}

// domainMin is how many replicas the domains of an axis must hold: no more than extras replicas may be beyond the first base
// ones of their domain.
type domainMin struct {
	axis   int
	base   int32
	extras int32
	need   int32 // domains
	rule   Rule
	key    string
	skew   int32 // that it comes from; 0 for none
}

// beyond is how many of the replicas of a domain are beyond its first base ones.
func (d *domainMin) beyond(replicas int32) int32 { return max(replicas-d.base, 0) }

func (m *model) limitsOf(i int, w *Workload, p *profile, r *request) *limits {
	key := limitKey{profile: p.id, replicas: w.Replicas, pods: ownRules(i, w.PodRules), wishes: wishes(w)}
	for _, a := range w.Availability {
		if k := slices.Index(survivable[:], a.Survive); k >= 0 {
			key.survive[k] = max(key.survive[k], a.MinReplicasPercent+1)
		}
	}
	if most := m.spotAim(w, p); most > 0 {
		key.aim = most + 1
	}
	for i := range p.rules.Spread {
		if p.rules.Spread[i].MaxSkew > 0 {
			key.request = r.id + 1
		}
	}
	if held := w.held(); len(held) > 0 && (len(w.Availability)+len(p.rules.Spread) > 0 || p.rules.SpotPoolMaxPercent > 0) {
		key.volumes += fmt.Sprint(m.mostConfined(w, m.spotAxis()), " ")
		for _, a := range w.Availability {
			key.volumes += fmt.Sprint(m.mostConfined(w, m.lossAxis(a.Survive)), " ")
		}
		for k := range p.rules.Spread {
			if axis := p.spread[k]; axis >= 0 {
				key.volumes += fmt.Sprint(m.mostConfined(w, axis), "/", m.beyondConfined(w, axis), " ")
			}
		}
	}
	if w.PodRules != nil && len(w.PodRules.Spread) > 0 {
		key.request = r.id + 1
	}
	if hostFree(w) > 0 {
		key.request = r.id + 1
	}
	if known, ok := m.limits[key]; ok {
		return known
	}
	l := m.newLimits(i, w, p, p.rules.Effective, r)
	m.limits[key] = l
	return l
}

// newLimits makes the limits of rules, which may be others than those that say which pools the profile allows, for the workload
// with index i.
func (m *model) newLimits(i int, w *Workload, p *profile, effective *policy.Effective, r *request) *limits {
	n := int32(w.Replicas)
	l := &limits{n: n, perNode: max(n, 1), ceiling: math.Inf(1)}
	for k := range effective.Spread {
		spread := &effective.Spread[k]
		limit, need := int32(rules.MostInDomain(spread, w.Replicas)), int32(rules.LeastDomains(spread, w.Replicas))
		if p.spread[k] < 0 {
			l.perNode, l.hosts = min(l.perNode, limit), max(l.hosts, need)
			if spread.MaxSkew > 0 { // any node without a replica is the emptiest domain
				l.perNode = min(l.perNode, int32(min(rules.MostBeside(spread, 0), maxReplicas)))
			}
			continue
		}
		if spread.MaxSkew > 0 {
			m.addSkew(l, p, r.vector, p.spread[k], int32(min(spread.MaxSkew, maxReplicas)))
		}
		if limit = max(limit, m.mostConfined(w, p.spread[k])); limit < n {
			l.addCap(domainCap{axis: p.spread[k], max: limit, rule: RuleSpread, key: spread.TopologyKey})
		}
		if need > 1 {
			extras := max(n-need, m.beyondConfined(w, p.spread[k]))
			l.mins = append(l.mins, domainMin{
				axis: p.spread[k], base: 1, extras: extras, need: need, rule: RuleSpread, key: spread.TopologyKey,
			})
		}
	}
	for _, a := range w.Availability {
		axis := m.lossAxis(a.Survive)
		if limit := max(int32(rules.MostLost(a.MinReplicasPercent, w.Replicas)), m.mostConfined(w, axis)); limit < n {
			l.addCap(domainCap{axis: axis, max: limit, rule: RuleAvailability, key: string(a.Survive)})
		}
	}
	l.spot, l.onDemand = int32(rules.MostOnSpot(effective, w.Replicas)), int32(rules.MostOffSpot(effective, w.Replicas))
	if limit := int32(rules.MostInSpotPool(effective, w.Replicas)); limit < n {
		axis := m.spotAxis()
		l.addCap(domainCap{axis: axis, max: max(limit, m.mostConfined(w, axis)), rule: RuleSpot, key: spotPools, open: true})
	}
	if most := int32(m.spotAim(w, p)); most > 0 && most < min(n, l.spot) {
		axis := m.spotAxis()
		l.aim = max(most, m.mostConfined(w, axis))
		l.addCap(domainCap{axis: axis, max: l.aim, rule: RuleSpot, key: spotPools, open: true})
	}
	if effective.HasMaxHourlyUSD {
		l.ceiling = effective.MaxHourlyUSD
	}
	for i := range effective.Latency {
		l.covered = append(l.covered, &effective.Latency[i])
	}
	l.levelled, l.ruled = l.perNode, l.perNode
	m.addPodLimits(l, i, w.PodRules, p, r.vector)
	l.raise(m)
	for _, c := range l.caps {
		l.count(c.axis)
	}
	for _, need := range l.mins {
		l.count(need.axis)
	}
	for k := range l.skews {
		l.count(l.skews[k].axis)
	}
	l.apartness, l.hostFree = m.evennessOf(w, r), hostFree(w)
	l.even = m.weighed(l.apartness, p)
	for k := range l.even {
		l.count(l.even[k].axis)
	}
	m.nest(l, p)
	return l
}

// count adds an axis to those that replicas are counted on.
func (l *limits) count(axis int) {
	if !slices.Contains(l.axes, axis) {
		l.axes = append(l.axes, axis)
	}
}

// addCap keeps the lower of two caps on one axis.
func (l *limits) addCap(c domainCap) {
	for i := range l.caps {
		if l.caps[i].axis == c.axis {
			open := c.open && l.caps[i].open
			if c.max < l.caps[i].max {
				l.caps[i] = c
			}
			l.caps[i].open = open
			return
		}
	}
	l.caps = append(l.caps, c)
}

// nest finds a part of the limits whose domains lie within each other. For these alone the cheapest first is best (the
// sets of replicas that keep them are the independent sets of a matroid).
func (m *model) nest(l *limits, p *profile) {
	for _, c := range l.caps {
		fits := m.everywhere(p, c.axis)
		for _, other := range l.tree.caps {
			fits = fits && (m.within(p, c.axis, other.axis) || m.within(p, other.axis, c.axis))
		}
		if fits {
			l.tree.caps = append(l.tree.caps, c)
		}
	}
	for _, need := range l.mins {
		fits := len(l.tree.mins) == 0 && m.everywhere(p, need.axis)
		for _, c := range l.tree.caps {
			fits = fits && m.within(p, c.axis, need.axis)
		}
		if fits {
			l.tree.mins = append(l.tree.mins, need)
		}
	}
	limitsSpot := l.spot < l.n || l.onDemand < l.n
	l.tree.spot = limitsSpot && len(l.caps) == 0 && len(l.mins) == 0
	l.free = !limitsSpot && len(l.caps) == 0 && len(l.mins) == 0 && math.IsInf(l.ceiling, 1) && len(l.covered) == 0
	l.across = limitsSpot && !l.tree.spot || !math.IsInf(l.ceiling, 1) || len(l.covered) > 0
	l.crossing = len(l.tree.caps) < len(l.caps) || len(l.tree.mins) < len(l.mins)
	if len(l.skews) > 0 {
		l.free, l.crossing = false, l.crossing || len(l.caps) > 1 || len(l.mins) > 1
	}
}

// everywhere says that all allowed pools are in a domain of an axis.
func (m *model) everywhere(p *profile, axis int) bool {
	of := m.axes[axis].of
	return !slices.ContainsFunc(p.allowed, func(i int32) bool { return of[i] < 0 })
}

// within says that every domain of one axis lies in one domain of another, among the allowed pools.
func (m *model) within(p *profile, inner, outer int) bool {
	if inner == outer {
		return true
	}
	in, out := m.axes[inner].of, m.axes[outer].of
	holder := make([]int32, len(m.axes[inner].names))
	for i := range holder {
		holder[i] = -1
	}
	for _, i := range p.allowed {
		if in[i] < 0 || out[i] < 0 {
			continue
		}
		if known := holder[in[i]]; known >= 0 && known != out[i] {
			return false
		}
		holder[in[i]] = out[i]
	}
	return true
}

// uncovered is rules.Uncovered as replicas are counted here.
func uncovered(limit *policy.Latency, covered uint64) int32 {
	return int32(rules.Uncovered(limit, covered))
}
