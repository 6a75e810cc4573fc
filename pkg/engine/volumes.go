package engine

import (
	"fmt"
	"slices"
	"strings"

	"tradewind.dev/tradewind/pkg/rules"
)

// maxVolumesNamed is how many volumes a message names.
const maxVolumesNamed = 3

// volumesText is volumes in words, the first ones of many: "claim data-db-0, claim data-db-1 and 4 more".
func volumesText(names []string) string {
	if len(names) == 0 {
		return "its volumes"
	}
	text := strings.Join(names[:min(len(names), maxVolumesNamed)], ", ")
	if more := len(names) - maxVolumesNamed; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// volumesElsewhere says of a pool that volumes cannot be attached to its nodes.
func volumesElsewhere(names []string) string {
	return "where " + volumesText(names) + " cannot be attached"
}

// barred is the rule that keeps pinned replicas from every pool; ok is false where none does.
func (p *Pin) barred() (rule ConflictRule, ok bool) {
	rule = p.Barred
	if rule.Rule == "" {
		rule.Rule = RuleVolume
	}
	return rule, rule.Message != ""
}

// held is what volumes hold of a workload: its pins, and the other replicas where the volumes of all can be attached.
func (w *Workload) held() []Pin {
	if w.Attachable == nil {
		return w.Pins
	}
	left := w.Replicas
	for k := range w.Pins {
		left -= max(w.Pins[k].Replicas, 0)
	}
	if left <= 0 {
		return w.Pins
	}
	return append(slices.Clone(w.Pins), Pin{Replicas: left, Pools: w.Attachable, Volumes: w.Volumes})
}

// confined is how many replicas volumes hold in each domain of an axis, such that they can be in no other.
func (m *model) confined(w *Workload, axis int) map[int32]int32 {
	var out map[int32]int32
	of, held := m.axes[axis].of, w.held()
	for k := range held {
		if domain := domainOf(of, held[k].Pools); domain >= 0 {
			if out == nil {
				out = map[int32]int32{}
			}
			out[domain] += int32(min(max(held[k].Replicas, 0), maxReplicas))
		}
	}
	return out
}

// domainOf is the only domain that pools are in; -1 where they are in several, or in none that is known.
func domainOf(of []int32, pools []int) int32 {
	domain := int32(-1)
	for _, i := range pools {
		if i < 0 || i >= len(of) {
			continue
		}
		if of[i] < 0 || domain >= 0 && domain != of[i] {
			return -1
		}
		domain = of[i]
	}
	return domain
}

// mostConfined is the largest number of replicas that volumes hold in one domain of an axis. No limit on how many a domain may hold is
// lower: volumes make such a rule impossible, and nobody loses the place for it.
func (m *model) mostConfined(w *Workload, axis int) int32 {
	most := int32(0)
	for _, n := range m.confined(w, axis) {
		most = max(most, n)
	}
	return most
}

// beyondConfined is how many of the replicas that volumes hold in the domains of an axis are beyond the first of their domain.
func (m *model) beyondConfined(w *Workload, axis int) int32 {
	beyond := int32(0)
	for _, n := range m.confined(w, axis) {
		beyond += n - 1
	}
	return beyond
}

// stuck is how many of the replicas of a workload in a domain cannot leave it with their volumes: no plan lets these survive its loss.
// Volumes hold them there alone, so whatever has no place, these are those that are there.
func (s *Solver) stuck(i int32, l loss) int32 {
	return min(s.m.confined(&s.m.snapshot.Workloads[i], int(l.axis))[l.domain], s.lost(s.works[i], l))
}

// unkept are the rules of a workload that its volumes make impossible, with the volumes named, and those of pods that do not hold where
// it runs. Its replicas are placed all the same.
func (s *Solver) unkept(i int32) []ConflictRule {
	w, out := &s.m.snapshot.Workloads[i], s.keptFrom(s.works[i])
	if len(w.Pins) == 0 && w.Attachable == nil || s.works[i].held != "" {
		return out
	}
	for k := range w.Pins {
		if rule := w.Pins[k].Unkept; rule.Message != "" && !slices.Contains(out, rule) {
			out = append(out, rule)
		}
	}
	for _, a := range w.Availability {
		axis := s.m.lossAxis(a.Survive)
		if names := s.m.confining(w, axis); names != nil {
			text := "%s: %s hold replicas in one %s each, which cannot be replaced elsewhere when it is lost"
			out = append(out, ConflictRule{RuleAvailability, fmt.Sprintf(text, s.availabilityText(i, a), volumesText(names), a.Survive)})
		}
	}
	ruled := s.works[i].row.profile
	for k := range ruled.rules.Spread {
		rule := &ruled.rules.Spread[k]
		axis := ruled.spread[k]
		if axis < 0 {
			continue
		}
		if most := s.m.mostConfined(w, axis); most > int32(rules.MostInDomain(rule, w.Replicas)) ||
			s.m.beyondConfined(w, axis) > int32(w.Replicas-rules.LeastDomains(rule, w.Replicas)) {
			text := spreadText(rule) + ": " + volumesText(s.m.confining(w, axis)) + " hold replicas where they are"
			out = append(out, ConflictRule{RuleSpread, text})
		}
	}
	if percent := ruled.rules.SpotPoolMaxPercent; percent > 0 {
		axis := s.m.spotAxis()
		if s.m.mostConfined(w, axis) > int32(rules.MostInSpotPool(ruled.rules.Effective, w.Replicas)) {
			text := spotPoolText(percent) + ": " + volumesText(s.m.confining(w, axis)) + " hold replicas where they are"
			out = append(out, ConflictRule{RuleSpot, text})
		}
	}
	return out
}

// confining names the volumes that hold replicas in one domain of an axis.
func (m *model) confining(w *Workload, axis int) []string {
	var out []string
	of, held := m.axes[axis].of, w.held()
	for k := range held {
		if domainOf(of, held[k].Pools) < 0 {
			continue
		}
		for _, name := range held[k].Volumes {
			if !slices.Contains(out, name) {
				out = append(out, name)
			}
		}
	}
	return out
}

// volumeSuspects adds what volumes demand: of each pool, of pinned replicas, and of those that they keep from every pool.
func (s *Solver) volumeSuspects(w *work, in *Workload, add func(rule Rule, message string, allowed poolSet, drop func(*trial))) {
	var holding []string
	pinned := false
	for k := range w.pins {
		if _, ok := w.pins[k].barred(); ok {
			continue
		}
		pinned = true
		for _, name := range w.pins[k].Volumes {
			if !slices.Contains(holding, name) {
				holding = append(holding, name)
			}
		}
	}
	if pinned {
		add(RuleVolume, "held in place by "+volumesText(holding), nil, func(t *trial) { t.pins = false })
	}
	for _, rule := range w.barredBy() {
		add(rule.Rule, rule.Message, nil, func(t *trial) { t.bars = without(t.bars, func(other ConflictRule) bool { return other == rule }) })
	}
	if in.Attachable != nil {
		add(RuleVolume, "held in place by "+volumesText(in.Volumes), s.m.poolsThat(func(i int32) bool {
			_, found := slices.BinarySearch(in.Attachable, int(i))
			return found
		}), nil)
	}
}

// barredBy are the rules that keep pinned replicas from every pool, each once.
func (w *work) barredBy() []ConflictRule {
	var out []ConflictRule
	for k := range w.pins {
		if rule, ok := w.pins[k].barred(); ok && !slices.Contains(out, rule) {
			out = append(out, rule)
		}
	}
	return out
}

// pinsOf are the pins of a workload that count in a trial.
func (t *trial) pinsOf(w *work) []pin {
	var out []pin
	for k := range w.pins {
		if rule, ok := w.pins[k].barred(); ok && slices.Contains(t.bars, rule) || !ok && t.pins {
			out = append(out, w.pins[k])
		}
	}
	return out
}

// bars is what keeps all replicas of a workload off a pool where volumes hold each of them; ok is false where nothing does.
func (w *work) bars(i int32) (rule ConflictRule, ok bool) {
	held := int32(0)
	var names []string
	for k := range w.pins {
		if held += w.pins[k].n; w.pins[k].only[i] {
			return ConflictRule{}, false
		}
		if bar, barred := w.pins[k].barred(); barred {
			rule = bar
			continue
		}
		names = append(names, w.pins[k].Volumes...)
	}
	if held < w.n || held == 0 {
		return ConflictRule{}, false
	}
	if rule.Message == "" {
		rule = ConflictRule{RuleVolume, volumesElsewhere(names)}
	}
	return rule, true
}
