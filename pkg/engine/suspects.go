package engine

import (
	"fmt"
	"math"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"tradewind.dev/tradewind/pkg/rules"
	"tradewind.dev/tradewind/pkg/rules/policy"
)

// suspect is a rule that may be in conflict with others.
type suspect struct {
	ConflictRule
	// allowed are the pools that the rule allows whatever runs where; nil for all.
	allowed poolSet
	// drop leaves the rule out of a trial in all else that it limits; nil for nothing.
	drop func(*trial)
}

// poolSet is a bit for each pool.
type poolSet []uint64

// and leaves the pools that are in another set too; nil is all.
func (p poolSet) and(other poolSet) {
	for k := range other {
		p[k] &= other[k]
	}
}

// poolsThat are those that a test allows; nil when that is all of them.
func (m *model) poolsThat(allow func(i int32) bool) poolSet {
	out, all := make(poolSet, (len(m.pools)+63)/64), true
	for i := range m.pools {
		if allow(int32(i)) {
			out[i/64] |= 1 << (i % 64)
		} else {
			all = false
		}
	}
	if all {
		return nil
	}
	return out
}

// classesThat are the pools of classes that a test allows, asked once a class; nil when that is all of them.
func (m *model) classesThat(allow func(class *rules.Class) bool) poolSet {
	known := map[*rules.Class]bool{}
	return m.poolsThat(func(i int32) bool {
		class := m.pools[i].class
		answer, ok := known[class]
		if !ok {
			answer = allow(class)
			known[class] = answer
		}
		return answer
	})
}

// distinct leaves out the rules that allow everything, and of those that allow the very same pools all but the last: no smallest
// set holds two of them.
func distinct(all []suspect) []suspect {
	last := map[string]int{}
	key := func(s *suspect) string { return fmt.Sprint(s.allowed) }
	for k := range all {
		if all[k].drop == nil {
			last[key(&all[k])] = k
		}
	}
	var out []suspect
	for k := range all {
		if s := &all[k]; s.drop != nil || s.allowed != nil && last[key(s)] == k {
			out = append(out, *s)
		}
	}
	return out
}

// trial is a workload with some of its rules left out.
type trial struct {
	allowed      poolSet
	rules        policy.Effective // as far as they limit how replicas are shared out
	availability []policy.Availability
	pins         bool
	bars         []ConflictRule
	far          map[int]bool // calls whose limits count
	others       bool         // the room that other workloads take is missing
	ports        bool         // host ports count
	pods         PodRules     // as far as they limit how replicas are shared out
	without      map[int]bool // rules of pods with others that are left out, by their numbers
}

func (s *Solver) newTrial(i int32) *trial {
	w := s.works[i]
	t := &trial{
		allowed: make(poolSet, (len(s.m.pools)+63)/64), rules: *w.row.profile.rules.Effective,
		availability: s.m.snapshot.Workloads[i].Availability, pins: true, bars: w.barredBy(), others: true, far: map[int]bool{},
		ports: true, without: map[int]bool{},
	}
	if own := s.m.snapshot.Workloads[i].PodRules; own != nil {
		t.pods = *own
	}
	for k := range t.allowed {
		t.allowed[k] = math.MaxUint64
	}
	t.rules.Latency = slices.Clone(t.rules.Latency)
	for k := range w.out {
		t.far[k] = true
	}
	return t
}

// suspects lists a workload's rules. The room that others take comes first, so that a conflict of rules alone is found.
func (s *Solver) suspects(i int32) []suspect {
	w, in := s.works[i], &s.m.snapshot.Workloads[i]
	var out []suspect
	add := func(rule Rule, message string, allowed poolSet, drop func(*trial)) {
		out = append(out, suspect{ConflictRule{rule, message}, allowed, drop})
	}
	add(RuleCapacity, "the room that other workloads take", nil, func(t *trial) { t.others = false })
	for k := range w.out {
		if e := &w.out[k]; e.limited() {
			add(RuleCall, s.callText(w, e), nil, func(t *trial) { delete(t.far, k) })
		}
	}
	s.volumeSuspects(w, in, add)
	if len(in.NodeSelector) > 0 {
		add(RuleNodeSelector, "node selector "+rules.SelectorText(in.NodeSelector), s.meeting(&Workload{NodeSelector: in.NodeSelector, Tolerations: tolerateAll}), nil)
	}
	if in.NodeAffinity != nil {
		add(RuleNodeAffinity, "node affinity", s.meeting(&Workload{NodeAffinity: in.NodeAffinity, Tolerations: tolerateAll}), nil)
	}
	if taints := s.taints(in); taints != "" {
		add(RuleTaint, "tolerates not "+taints, s.meeting(&Workload{Tolerations: in.Tolerations}), nil)
	}
	for _, a := range in.Availability {
		known := s.m.axes[s.m.lossAxis(a.Survive)].of
		add(RuleAvailability, s.availabilityText(i, a), s.m.poolsThat(func(i int32) bool { return known[i] >= 0 }), func(t *trial) {
			t.availability = without(t.availability, func(other policy.Availability) bool { return other == a })
		})
	}
	out = append(out, s.podSuspects(i)...)
	return append(out, s.policySuspects(i)...)
}

// tolerateAll leaves taints out.
var tolerateAll = []corev1.Toleration{{Operator: corev1.TolerationOpExists}}

// meeting are the pools that meet the demands of a workload's pods; nil when that is all of them.
func (s *Solver) meeting(w *Workload) poolSet {
	demands := demandsOf(w)
	return s.m.poolsThat(func(i int32) bool {
		kind, _ := demands.Excluded(s.m.pools[i].node)
		return kind == ""
	})
}

// policySuspects lists the rules of a workload's policies.
func (s *Solver) policySuspects(i int32) []suspect {
	ruled := s.works[i].row.profile.rules
	var out []suspect
	add := func(rule Rule, message string, allowed poolSet, drop func(*trial)) {
		out = append(out, suspect{ConflictRule{rule, message}, allowed, drop})
	}
	for k := range ruled.Residency {
		rule := &ruled.Residency[k]
		alone := &policy.Effective{Residency: ruled.Residency[k : k+1]}
		add(RuleResidency, residencyText(rule), s.m.classesThat(func(class *rules.Class) bool {
			return rules.ResidencyReason(alone, class.Location) == ""
		}), nil)
	}
	for k := range ruled.Required {
		rule := &ruled.Required[k]
		add(RuleLocation, rule.Text+from(rule.From())+rule.Hint(), s.m.classesThat(func(class *rules.Class) bool {
			return rules.MeetsLocation(rule, class)
		}), nil)
	}
	for k := range ruled.Spread {
		rule := &ruled.Spread[k]
		var known poolSet
		if axis := s.works[i].row.profile.spread[k]; axis >= 0 {
			of := s.m.axes[axis].of
			known = s.m.poolsThat(func(i int32) bool { return of[i] >= 0 })
		}
		add(RuleSpread, spreadText(rule), known, func(t *trial) {
			t.rules.Spread = without(t.rules.Spread, func(r policy.Spread) bool { return r.TopologyKey == rule.TopologyKey })
		})
	}
	for k := range ruled.Latency {
		rule := &ruled.Latency[k]
		measured := ""
		if rule.Measured {
			measured = " by measured round trips"
		}
		add(RuleLatency, fmt.Sprintf("at most %g ms%s from 95%% of the clients%s", rule.MaxMilliseconds, measured, from(rule.From())),
			s.m.classesThat(func(class *rules.Class) bool { return ruled.Static(class).Covered[k] != 0 }),
			func(t *trial) { t.rules.Latency[k] = policy.Latency{} }) // a limit without clients is met everywhere
	}
	if ruled.SpotMaxPercent < 100 || ruled.SpotFallback != "" {
		var firm poolSet
		if ruled.SpotMaxPercent == 0 {
			firm = s.m.poolsThat(func(i int32) bool { return !s.m.pools[i].spot })
		}
		add(RuleSpot, fmt.Sprintf("at most %d%% of the replicas on spot capacity", ruled.SpotMaxPercent), firm, func(t *trial) {
			t.rules.SpotMaxPercent, t.rules.SpotFallback = 100, ""
		})
	}
	if ruled.SpotPoolMaxPercent > 0 {
		add(RuleSpot, spotPoolText(ruled.SpotPoolMaxPercent), nil, func(t *trial) { t.rules.SpotPoolMaxPercent = 0 })
	}
	if ruled.HasMaxHourlyUSD {
		add(RuleCost, fmt.Sprintf("at most $%g/h", ruled.MaxHourlyUSD), s.m.poolsThat(func(i int32) bool { return s.m.pools[i].priced }),
			func(t *trial) { t.rules.HasMaxHourlyUSD = false })
	}
	return out
}

func without[T any](list []T, drop func(T) bool) []T {
	var out []T
	for _, v := range list {
		if !drop(v) {
			out = append(out, v)
		}
	}
	return out
}
