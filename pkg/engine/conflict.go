package engine

import (
	"fmt"
	"slices"
	"strings"

	"tradewind.dev/tradewind/pkg/printable"
)

// maxChecks is for how many sets of rules one conflict tries whether they leave a place. Finding a conflict of k among n rules
// takes about 2k·log₂(n/k) + 2k of them, so that it ends some only where very many rules together exclude each other.
const maxChecks = 2048

// maxNamed is how many rules of a conflict its message names.
const maxNamed = 8

// Unexplained is what a plan says of a conflict that is left to Solver.Conflict.
const Unexplained = "why is being worked out"

// Conflict says why replicas of the workload with this index have no place in the present plan; nil when all have one. expired
// is asked between steps, nil never ends the search: once it says true, the conflict is a true one, but not a smallest.
func (s *Solver) Conflict(i int, expired func() bool) *Conflict {
	if s.plan.Placements[i].Unplaced == 0 {
		return nil
	}
	out := s.conflict(int32(i), expired)
	out.Message += s.outOfUse(s.works[i])
	return out
}

// outOfUse names the pools that a workload could be on if they could be used now; empty where there are none.
func (s *Solver) outOfUse(w *work) string {
	if w.held != "" || w.bad || w.placed() >= w.n {
		return "" // it is for something else
	}
	var texts []string
	more := 0
	for _, i := range w.row.profile.allowed {
		pool := &s.m.snapshot.Pools[i]
		_, barred := w.bars(i)
		switch {
		case pool.Unavailable == "" || len(pool.Nodes) > 0 || barred || fits(s.m.pools[i].template, w.row.request.vector, 1) == 0:
		case len(texts) < maxNamed:
			texts = append(texts, pool.Name+" ("+pool.Unavailable+")")
		default:
			more++
		}
	}
	if len(texts) == 0 {
		return ""
	}
	text := "; not to be used now: " + strings.Join(texts, ", ")
	if more > 0 {
		text += " and " + printable.Number(more, "pool", "pools") + " more"
	}
	return text
}

// conflict finds a smallest set of rules that keep a workload's replicas from being placed.
func (s *Solver) conflict(i int32, expired func() bool) *Conflict {
	w := s.works[i]
	if w.bad || w.held != "" {
		return conflictOf(ConflictRule{RuleInput, w.held})
	}
	if w.placed() >= w.n { // all that may run have a place
		return conflictOf(ConflictRule{RuleQuota, s.m.snapshot.Workloads[i].RefusedBy})
	}
	was := s.lift(w)
	defer s.restore(w, was)
	c := s.newContradiction(i, expired)
	all := make([]int, len(c.suspects))
	for k := range all {
		all[k] = k
	}
	if c.possible(all) {
		if s.stopped {
			return &Conflict{Message: "a place was not looked for long enough: the deadline ended the search before"}
		}
		if w.crossed {
			return conflictOf(s.crossing(i))
		}
		return conflictOf(ConflictRule{RuleCapacity, "what other workloads leave free has no room for it"})
	}
	if !c.possible(nil) {
		return conflictOf(s.tooLarge(w))
	}
	found, smallest := c.smallest(all)
	rules := make([]ConflictRule, 0, len(found))
	for _, k := range found {
		rules = append(rules, c.suspects[k].ConflictRule)
	}
	if !smallest {
		message := fmt.Sprintf("some among these %d rules exclude each other, and which was not found in the time there is: %s", len(rules), named(rules))
		return &Conflict{Rules: rules, Message: message, Among: len(rules)}
	}
	return s.unmet(rules)
}

// unmet says that a workload's rules cannot all be met. Where that depends on where other workloads are, it says whether it is proven,
// or else how far a place was looked for.
func (s *Solver) unmet(rules []ConflictRule) *Conflict {
	out := conflictOf(rules...)
	others := func(r ConflictRule) bool { return r.Rule == RuleCapacity || r.Rule == RuleCall }
	if len(rules) == 1 || !slices.ContainsFunc(rules, others) {
		return out
	}
	const but = "without any one of them there would be a place: "
	switch {
	case s.all:
		out.Message = "of all plans none meets all of these for every workload; " + but + named(rules)
	case s.tried > 0:
		out.Message = fmt.Sprintf("no place was found that meets all of these, in %d changes of where workloads are; %s%s", s.tried, but, named(rules))
	default:
		out.Message = "no place was found that meets all of these with the other workloads where they are; " + but + named(rules)
	}
	return out
}

// conflictOf joins rules in a sentence.
func conflictOf(rules ...ConflictRule) *Conflict {
	message := rules[0].Message
	if len(rules) > 1 {
		message = "no place meets all of these, but without any one of them there would be one: " + named(rules)
	}
	return &Conflict{Rules: rules, Message: message}
}

// named lists rules, the first ones in words.
func named(rules []ConflictRule) string {
	texts := make([]string, 0, maxNamed)
	for _, r := range rules[:min(len(rules), maxNamed)] {
		texts = append(texts, r.Message)
	}
	text := strings.Join(texts, "; ")
	if len(rules) > maxNamed {
		text += fmt.Sprintf("; and %d more", len(rules)-maxNamed)
	}
	return text
}

// contradiction looks for rules of one workload that exclude each other.
type contradiction struct {
	s        *Solver
	i        int32
	suspects []suspect
	expired  func() bool
	checks   int
	over     bool
	left     []bool // scratch: the suspects that are not kept
}

func (s *Solver) newContradiction(i int32, expired func() bool) *contradiction {
	c := &contradiction{s: s, i: i, suspects: distinct(s.suspects(i)), expired: expired}
	c.left = make([]bool, len(c.suspects))
	return c
}

// ended says that no further set of rules may be tried but those that the answer needs.
func (c *contradiction) ended() bool {
	if !c.over {
		c.over = c.checks >= maxChecks || c.expired != nil && c.expired()
	}
	return c.over
}

// smallest finds a smallest set of rules that leave no place, of some that do and that are needed for it. ok is false when the
// search ended before: then the set leaves no place, but a part of it may do so too.
func (c *contradiction) smallest(all []int) (found []int, ok bool) {
	order := slices.Clone(all)
	slices.Reverse(order) // the last ones are left out where others do
	found = c.divide(nil, order, false)
	slices.Sort(found)
	// Choosing places is a search, that may miss one for a set and find it for a larger one.
	for k := 0; k < len(found) && !c.ended(); {
		if less := slices.Delete(slices.Clone(found), k, k+1); c.possible(less) {
			k++
		} else {
			found = less
		}
	}
	return found, !c.over
}

// divide is QuickXplain: of rules that leave no place together with those kept, it finds a smallest set that does not either.
// changed says that something was kept that may do so alone. (Junker, "QUICKXPLAIN: Preferred explanations and relaxations for
// over-constrained problems", AAAI 2004.)
func (c *contradiction) divide(kept, rules []int, changed bool) []int {
	if changed && !c.ended() && !c.possible(kept) {
		return nil
	}
	if len(rules) == 1 || c.ended() {
		return rules
	}
	first, second := rules[:len(rules)/2], rules[len(rules)/2:]
	late := c.divide(slices.Concat(kept, first), second, true)
	early := c.divide(slices.Concat(kept, late), first, len(late) > 0)
	return slices.Concat(early, late)
}

// possible says whether all replicas have a place where only these rules hold.
func (c *contradiction) possible(kept []int) bool {
	c.checks++
	s, t := c.s, c.s.newTrial(c.i)
	for k := range c.left {
		c.left[k] = true
	}
	for _, k := range kept {
		c.left[k] = false
	}
	for k := range c.suspects {
		suspect := &c.suspects[k]
		switch {
		case !c.left[k]:
			t.allowed.and(suspect.allowed)
		case suspect.drop != nil:
			suspect.drop(t)
		}
	}
	s.checks++
	return s.try(c.i, t)
}

// try says whether all replicas of a trial have a place. The workload must be lifted.
func (s *Solver) try(i int32, t *trial) bool {
	w, base := s.works[i], s.works[i].row.profile
	p := &profile{
		id: -1, rules: base.rules, workload: base.workload,
		unmet: base.unmet, clientMilliseconds: base.clientMilliseconds, clientUSDPerByte: base.clientUSDPerByte,
	}
	for _, rule := range t.rules.Spread {
		p.spread = append(p.spread, s.m.spreadAxis(&rule))
	}
	for k := range s.m.pools {
		if t.allowed[k/64]&(1<<(k%64)) != 0 {
			p.allowed = append(p.allowed, int32(k))
		}
	}
	if len(p.allowed) == 0 {
		return w.n == 0
	}
	row := &row{rowKey: w.row.rowKey, profile: p, request: w.row.request}
	if !t.ports {
		row.request = w.row.request.portless(&s.m.ports)
	}
	s.m.fillRow(row, nil)
	in := &s.m.snapshot.Workloads[i]
	workload := &Workload{
		Replicas: in.Replicas, Availability: t.availability, Attachable: in.Attachable, Pins: in.Pins, PodRules: &t.pods,
	}
	a := ask{row: row, limits: s.m.newLimits(int(i), workload, p, &t.rules, row.request), n: w.n, room: s.room}
	a.beside = s.besideOf(w, t.without)
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
	if a.beside != nil && len(a.beside.one) > 0 {
		return s.allInOne(&a, w.n, t.pinsOf(w))
	}
	return s.chooser.placeAll(&a, w.n, t.pinsOf(w))
}
