package engine

import (
	"fmt"
	"math"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"tradewind.dev/tradewind/pkg/placement"
	"tradewind.dev/tradewind/pkg/placement/policy"
)

// suspect is a rule that may be in conflict with others, and how a workload looks without it.
type suspect struct {
	ConflictRule
	drop func(*trial)
}

// trial is a workload with some of its rules left out.
type trial struct {
	workload Workload
	rules    policy.Effective
	pins     bool
	far      map[int]bool // calls whose limits count
	others   bool         // the room that other workloads take is missing
}

// conflict finds a smallest set of rules that keep a workload's replicas from being placed: it leaves one rule after the
// other out, and keeps those without which there would be a place (deletion filtering; Chinneck and Dravnieks, "Locating
// minimal infeasible constraint sets in linear programs", ORSA Journal on Computing 3(2), 1991).
func (s *Solver) conflict(i int32) *Conflict {
	w := s.works[i]
	if w.bad || w.held != "" {
		return conflictOf(ConflictRule{RuleInput, w.held})
	}
	was := s.lift(w)
	defer s.restore(w, was)
	suspects := s.suspects(i)
	left := make([]bool, len(suspects))
	feasible := func() bool {
		t := s.newTrial(i)
		for k := range suspects {
			if left[k] {
				suspects[k].drop(t)
			}
		}
		return s.try(i, t)
	}
	if feasible() {
		if w.dropped {
			return conflictOf(
				ConflictRule{RuleAvailability, s.survivalText(i)},
				ConflictRule{RuleCapacity, "what would remain has no room for the replicas that would be lost"},
			)
		}
		return conflictOf(ConflictRule{RuleCapacity, "what other workloads leave free has no room for it"})
	}
	for k := range suspects {
		left[k] = true
		if feasible() {
			left[k] = false
		}
	}
	var rules []ConflictRule
	for k := range suspects {
		if !left[k] {
			rules = append(rules, suspects[k].ConflictRule)
		}
	}
	if len(rules) == 0 {
		return conflictOf(s.tooLarge(w))
	}
	return conflictOf(rules...)
}

// conflictOf joins rules in a sentence.
func conflictOf(rules ...ConflictRule) *Conflict {
	texts := make([]string, 0, len(rules))
	for _, r := range rules {
		texts = append(texts, r.Message)
	}
	message := texts[0]
	if len(rules) > 1 {
		message = "no place meets all of these, but without any one of them there would be one: " + strings.Join(texts, "; ")
	}
	return &Conflict{Rules: rules, Message: message}
}

// tooLarge is the conflict of a workload that has no place even on empty nodes and without any rule.
func (s *Solver) tooLarge(w *work) ConflictRule {
	for p := range s.m.pools {
		if s.m.pools[p].holds(w.row.request.vector) {
			return ConflictRule{RuleCapacity, fmt.Sprintf("all nodes together, were they empty, do not hold %d replicas that request %s",
				w.n, s.requestText(w.row.request))}
		}
	}
	return ConflictRule{RuleSize, "no node is large enough for a replica that requests " + s.requestText(w.row.request)}
}

// requestText is a request in words.
func (s *Solver) requestText(r *request) string {
	const gibibyte = 1 << 30
	parts := []string{}
	add := func(v int64, text string) {
		if v > 0 {
			parts = append(parts, text)
		}
	}
	add(r.vector[dimCPU], fmt.Sprintf("%g CPUs", float64(r.vector[dimCPU])/1000))
	add(r.vector[dimMemory], fmt.Sprintf("%.3g GiB of memory", float64(r.vector[dimMemory])/gibibyte))
	add(r.vector[dimGPU], fmt.Sprintf("%d GPUs", r.vector[dimGPU]))
	for k, name := range s.m.extended {
		add(r.vector[dimExtended+k], fmt.Sprintf("%d %s", r.vector[dimExtended+k], name))
	}
	if len(parts) == 0 {
		return "nothing"
	}
	return strings.Join(parts, ", ")
}

// survivalText is all losses that a workload must survive, in words.
func (s *Solver) survivalText(i int32) string {
	var texts []string
	for _, a := range s.m.snapshot.Workloads[i].Availability {
		texts = append(texts, s.availabilityText(i, a))
	}
	return strings.Join(texts, ", ")
}

func (s *Solver) availabilityText(i int32, a Availability) string {
	return fmt.Sprintf("survives the loss of any one %s with %d%% of %d replicas left", a.Survive, a.MinReplicasPercent, s.works[i].n)
}

func (s *Solver) newTrial(i int32) *trial {
	w := s.works[i]
	t := &trial{workload: s.m.snapshot.Workloads[i], rules: *w.row.profile.rules.Effective, pins: true, others: true, far: map[int]bool{}}
	for k := range w.out {
		t.far[k] = true
	}
	return t
}

// suspects lists a workload's rules. The room that others take comes first, so that a conflict of rules alone is found.
func (s *Solver) suspects(i int32) []suspect {
	w, in := s.works[i], &s.m.snapshot.Workloads[i]
	rules := w.row.profile.rules
	var out []suspect
	add := func(rule Rule, message string, drop func(*trial)) {
		out = append(out, suspect{ConflictRule{rule, message}, drop})
	}
	add(RuleCapacity, "the room that other workloads take", func(t *trial) { t.others = false })
	for k := range w.out {
		if limit := w.out[k].most; !math.IsInf(limit, 1) {
			callee := &s.m.snapshot.Workloads[w.out[k].to]
			add(RuleCall, fmt.Sprintf("at most %g ms to %s/%s", limit, callee.Namespace, callee.Name), func(t *trial) { delete(t.far, k) })
		}
	}
	if len(w.pins) > 0 {
		add(RuleVolume, "volumes that hold replicas in place", func(t *trial) { t.pins = false })
	}
	if len(in.NodeSelector) > 0 {
		add(RuleNodeSelector, "node selector "+selectorText(in.NodeSelector), func(t *trial) { t.workload.NodeSelector = nil })
	}
	if in.NodeAffinity != nil {
		add(RuleNodeAffinity, "node affinity", func(t *trial) { t.workload.NodeAffinity = nil })
	}
	if taints := s.taints(in); taints != "" {
		add(RuleTaint, "tolerates not "+taints, func(t *trial) {
			t.workload.Tolerations = []corev1.Toleration{{Operator: corev1.TolerationOpExists}}
		})
	}
	for _, a := range in.Availability {
		add(RuleAvailability, s.availabilityText(i, a), func(t *trial) {
			t.workload.Availability = without(t.workload.Availability, func(other Availability) bool { return other == a })
		})
	}
	for k := range rules.Residency {
		rule := rules.Residency[k]
		add(RuleResidency, residencyText(&rule), func(t *trial) {
			t.rules.Residency = without(t.rules.Residency, func(r policy.Residency) bool { return r.Source == rule.Source })
		})
	}
	for k := range rules.Required {
		rule := rules.Required[k]
		add(RuleLocation, rule.Text+from(rule.Source), func(t *trial) {
			t.rules.Required = without(t.rules.Required, func(r policy.LocationRequirement) bool {
				return r.Source == rule.Source && r.Text == rule.Text
			})
		})
	}
	for k := range rules.Spread {
		rule := rules.Spread[k]
		add(RuleSpread, spreadText(&rule), func(t *trial) {
			t.rules.Spread = without(t.rules.Spread, func(r policy.Spread) bool { return r.TopologyKey == rule.TopologyKey })
		})
	}
	for k := range rules.Latency {
		rule := rules.Latency[k]
		add(RuleLatency, fmt.Sprintf("at most %g ms from 95%% of the clients%s", rule.MaxMilliseconds, from(rule.Source)), func(t *trial) {
			t.rules.Latency = without(t.rules.Latency, func(r policy.Latency) bool { return r.Source == rule.Source })
		})
	}
	if rules.SpotMaxPercent < 100 || rules.SpotFallback != "" {
		add(RuleSpot, fmt.Sprintf("at most %d%% of the replicas on spot capacity", rules.SpotMaxPercent), func(t *trial) {
			t.rules.SpotMaxPercent, t.rules.SpotFallback = 100, ""
		})
	}
	if rules.HasMaxHourlyUSD {
		add(RuleCost, fmt.Sprintf("at most $%g/h", rules.MaxHourlyUSD), func(t *trial) { t.rules.HasMaxHourlyUSD = false })
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

func from(source policy.Source) string {
	if source.Name == "" {
		return ""
	}
	return " (" + source.String() + ")"
}

func residencyText(rule *policy.Residency) string {
	var parts []string
	if rule.LimitsCountries || rule.Broken {
		parts = append(parts, "residency "+rule.Jurisdictions)
	}
	if rule.LimitsOperatorCountries {
		parts = append(parts, "operated from "+rule.Operators)
	}
	return strings.Join(parts, ", ") + from(rule.Source)
}

func spreadText(rule *policy.Spread) string {
	word := policy.LocationKeys[rule.TopologyKey]
	if rule.TopologyKey == corev1.LabelHostname {
		word = "node"
	}
	var parts []string
	if rule.MinDomains > 0 {
		parts = append(parts, fmt.Sprintf("on at least %d of %s", rule.MinDomains, word))
	}
	if rule.MaxSharePercent < 100 {
		parts = append(parts, fmt.Sprintf("at most %d%% of the replicas on one %s", rule.MaxSharePercent, word))
	}
	if rule.MaxSkew > 0 {
		parts = append(parts, fmt.Sprintf("no %s with over %d replicas more than another", word, rule.MaxSkew))
	}
	return strings.Join(parts, ", ")
}

// taints lists the taints that a workload does not tolerate, the three first ones.
func (s *Solver) taints(w *Workload) string {
	var names []string
	for i := range s.m.snapshot.Pools {
		taint, ok := untolerated(s.m.snapshot.Pools[i].Taints, w.Tolerations)
		if ok && !strings.Contains(strings.Join(names, ", "), taint) && len(names) < 3 {
			names = append(names, taint)
		}
	}
	return strings.Join(names, ", ")
}

// try says whether all replicas of a trial have a place. The workload must be lifted.
func (s *Solver) try(i int32, t *trial) bool {
	w := s.works[i]
	t.workload.Rules = placement.NewRules(&t.rules, s.m.snapshot.RoundTrips)
	profile := s.m.newProfile(&t.workload, t.workload.Rules)
	row := &row{rowKey: w.row.rowKey, profile: profile, request: w.row.request}
	s.m.fillRow(row, nil)
	a := ask{row: row, limits: s.m.newLimits(&t.workload, profile, row.request), n: w.n, room: s.room}
	if !t.others {
		if s.empty == nil {
			s.empty = newRoom(s.m)
		}
		a.room = s.empty
	}
	own := w.out
	w.out = nil
	for k := range own {
		if t.far[k] {
			w.out = append(w.out, own[k])
		}
	}
	s.outgoing(w, &a)
	w.out = own
	a.atPlace = nil
	if t.pins && len(w.pins) > 0 {
		return s.chooser.pinned(&a, w.n, w.pins) == w.n
	}
	return s.chooser.best(&a) == w.n
}
