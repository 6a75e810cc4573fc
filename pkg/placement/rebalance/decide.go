package rebalance

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

const (
	// DefaultMinSavingsPercent of the bill that a move must save where the policy does not say.
	DefaultMinSavingsPercent = 10
	// MinRatio is the least share of the bill saved ÷ share of the replicas disturbed: a replica that is moved saves at
	// least a tenth of what an average one costs.
	MinRatio = 0.1
	// drainMaxUnavailable is the budget of a drain where no policy has one: somebody waits for it.
	drainMaxUnavailable = "10%"
)

// Decide says which replicas to evict now. It takes note of where replacements landed, and reserves room; whoever evicts
// a replica tells Moved.
func (m *Memory) Decide(s *Situation, room Room) Decision {
	if s.Hold != "" {
		return Decision{Code: CodeHeld, Message: "nothing is moved: " + s.Hold}
	}
	m.settle(s)
	p := m.problem(s)
	if len(p.candidates) == 0 {
		if m.Pending() {
			return Decision{Active: true, Code: CodeWaiting, Message: p.waiting()}
		}
		return Decision{Code: CodeInPlace, Message: "no replica is to be moved"}
	}
	if s.Now.Before(m.until) {
		return Decision{
			Code: CodeBackoff, Again: m.until,
			Message: fmt.Sprintf("a replacement came up in pool %s, where it would be moved from again; the next try is at %s. Does the pool that the plan "+
				"wants refuse the pods (affinity, taints, quota)?", m.landed, m.until.UTC().Format(time.RFC3339)),
		}
	}
	return p.solve(room)
}

// problem is a situation seen through a memory.
type problem struct {
	*Situation
	memory  *Memory
	recent  []Past
	running map[string]int
	// away is how many replicas are not ready or not there, unplaced how many of them have no place yet.
	away, unplaced int
	// deficits are how many replicas pools lack.
	deficits   map[string]int
	candidates []*Replica
	// window
	open    bool
	opens   time.Time
	invalid error
	// refusals are why candidates stay, in the order in which they were found.
	refusals []Decision
}

func (m *Memory) problem(s *Situation) *problem {
	p := &problem{Situation: s, memory: m, recent: m.recent(s), running: count(s.Replicas, m.evicted), deficits: map[string]int{}}
	ready, placed := 0, 0
	for i := range s.Replicas {
		r := &s.Replicas[i]
		if m.evicted[r.ID] {
			continue
		}
		if r.Ready {
			ready++
		}
		if r.Pool != "" {
			placed++
		}
	}
	p.away, p.unplaced = max(0, s.Wanted-ready), max(0, s.Wanted-placed)
	for pool, planned := range s.Plan {
		if lacks := planned - p.running[pool]; lacks > 0 {
			p.deficits[pool] = lacks
		}
	}
	for _, pool := range slices.Sorted(maps.Keys(p.running)) {
		if surplus := p.running[pool] - s.Plan[pool]; surplus > 0 && pool != "" {
			p.candidates = append(p.candidates, p.inPool(pool, surplus)...)
		}
	}
	slices.SortStableFunc(p.candidates, func(a, b *Replica) int { return cmp.Compare(urgency(a), urgency(b)) })
	p.open = true
	if s.Policy != nil {
		p.open, p.opens, p.invalid = InWindow(s.Policy.Window, s.Now)
	}
	return p
}

// inPool chooses replicas to leave a pool: those that can, then those that are not ready, then by name.
func (p *problem) inPool(pool string, surplus int) []*Replica {
	var found []*Replica
	for i := range p.Replicas {
		if r := &p.Replicas[i]; r.Pool == pool && !p.memory.evicted[r.ID] {
			found = append(found, r)
		}
	}
	rank := func(r *Replica) int {
		switch {
		case r.Fixed != "":
			return 2
		case r.Ready:
			return 1
		}
		return 0
	}
	slices.SortFunc(found, func(a, b *Replica) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), strings.Compare(a.Name, b.Name))
	})
	return found[:surplus]
}

func urgency(r *Replica) int {
	switch {
	case r.Draining:
		return 0
	case r.Breaks != "":
		return 1
	}
	return 2
}

func (p *problem) waiting() string {
	if p.away == 0 {
		return "waits until every replica runs where the plan can count it"
	}
	return fmt.Sprintf("waits until %d of %d replicas are ready", p.away, p.Wanted)
}

// solve pairs candidates with pools that lack replicas.
func (p *problem) solve(room Room) Decision {
	var out Decision
	lacking := 0
	for _, n := range p.deficits {
		lacking += n
	}
	lacking -= p.unplaced // these come up where the plan lacks them
	for _, r := range p.candidates {
		if lacking <= 0 && p.away == 0 {
			p.refuse(CodePaused, time.Time{}, "the plan has no other place for what is to be moved")
			break
		}
		if lacking <= 0 {
			p.refuse(CodeWaiting, time.Time{}, "%s", p.waiting())
			break
		}
		if move, ok := p.place(r, room, len(out.Moves)); ok {
			out.Moves = append(out.Moves, move)
			p.deficits[move.To]--
			lacking--
		}
	}
	if len(out.Moves) > 0 {
		out.Active, out.Code, out.Message = true, CodeMoving, p.moving(out.Moves)
		return out
	}
	for i := range p.refusals {
		if again := p.refusals[i].Again; !again.IsZero() && (out.Again.IsZero() || again.Before(out.Again)) {
			out.Again = again
		}
	}
	first := p.refusals[0]
	first.Again = out.Again
	first.Active = first.Code == CodeWaiting && p.memory.Pending()
	return first
}

func (p *problem) refuse(code Code, again time.Time, format string, args ...any) {
	p.refusals = append(p.refusals, Decision{Code: code, Again: again, Message: fmt.Sprintf(format, args...)})
}

// place finds a pool for a replica's replacement, or notes why there is none.
func (p *problem) place(r *Replica, room Room, moving int) (Move, bool) {
	if r.Fixed != "" {
		p.refuse(CodeFixed, time.Time{}, "replica %s stays: %s", r.Name, r.Fixed)
		return Move{}, false
	}
	targets := slices.SortedFunc(maps.Keys(p.deficits), func(a, b string) int {
		return cmp.Or(cmp.Compare(p.deficits[b], p.deficits[a]), strings.Compare(a, b))
	})
	for _, to := range targets {
		if p.deficits[to] <= 0 {
			continue
		}
		if r.Fits != nil && !r.Fits(to) {
			p.refuse(CodeFixed, time.Time{}, "replica %s stays: its volumes cannot follow to pool %s", r.Name, to)
			continue
		}
		reason, forMoney, ok := p.permit(r, to)
		if !ok || !p.withinBudget(reason, moving) || forMoney && !p.worthIt(r, to, reason == ReasonFailback) {
			continue
		}
		if !room.Reserve(to) {
			p.refuse(CodeNoRoom, time.Time{}, "pool %s has no room for a replica now: no node has what it requests free", to)
			continue
		}
		return Move{Replica: *r, From: r.Pool, To: to, Reason: reason}, true
	}
	return Move{}, false
}

// permit says whether a replica may be moved to a pool if there is nothing against it but what that brings, and why.
func (p *problem) permit(r *Replica, to string) (reason Reason, forMoney, ok bool) {
	if r.Draining && p.Drained {
		return ReasonDrain, false, true
	}
	returns := p.Return && p.Origin[to]
	switch {
	case p.Policy == nil && !returns && r.Breaks != "":
		p.refuse(CodeNotEnabled, time.Time{}, "the place of replica %s breaks a rule (%s), and no policy of the workload sets rebalance", r.Name, r.Breaks)
	case p.Policy == nil && !returns:
		p.refuse(CodeNotEnabled, time.Time{}, "no policy of the workload sets rebalance; status.savingsHourlyUSD is what following the plan would save")
	case p.invalid != nil:
		p.refuse(CodeInvalid, time.Time{}, "%v", p.invalid)
	case !p.open && !returns:
		p.refuse(CodeWindow, p.opens, "outside the window of the policy's rebalance; it opens at %s", p.opens.Format(time.RFC3339))
	case r.Breaks != "":
		return ReasonRebalance, false, true
	case p.Origin[to] && !p.Return:
		p.refuse(CodeStays, time.Time{}, "the plan would have replicas return to pool %s, but the policy's failover.failback is Never", to)
	case returns:
		return ReasonFailback, true, true
	default:
		return ReasonRebalance, true, true
	}
	return "", false, false
}

// worthIt says whether a move brings enough money, and is not undone or an undoing.
func (p *problem) worthIt(r *Replica, to string, returns bool) bool {
	if p.Pause != "" {
		p.refuse(CodePaused, time.Time{}, "%s", p.Pause)
		return false
	}
	if !p.memory.allowed(p.recent, r.Pool, to) {
		until := p.recent[0].Time.Add(p.Stabilization)
		p.refuse(CodeSettling, until, "replicas were moved at %s; moving them again, from pool %s to %s, waits until %s",
			p.recent[0].Time.UTC().Format(time.RFC3339), r.Pool, to, until.UTC().Format(time.RFC3339))
		return false
	}
	worth := p.Worth
	if worth.Partial {
		p.refuse(CodeWaiting, time.Time{}, "%s", p.waiting())
		return false
	}
	if !worth.Known {
		p.refuse(CodeUnpriced, time.Time{}, "what moving would save is not known: a node's price is missing; give it in a PriceList")
		return false
	}
	least := 0.0
	if p.Policy != nil && !returns && len(p.recent) == 0 { // a series of moves that has begun is completed
		least = DefaultMinSavingsPercent
		if p.Policy.MinSavingsPercent != nil {
			least = float64(*p.Policy.MinSavingsPercent)
		}
	}
	percent, ratio := worth.shares(len(p.candidates), p.Wanted)
	switch {
	case worth.SavingsUSD <= 0:
		p.refuse(CodeTooLittle, time.Time{}, "following the plan saves nothing by itself")
		return false
	case percent < least && worth.Confidential:
		p.refuse(CodeTooLittle, time.Time{}, "moving would save less than the %g %% of the bill that the policy asks for", least)
		return false
	case percent < least:
		p.refuse(CodeTooLittle, time.Time{}, "moving would save $%.4g an hour, %.3g %% of the bill; the policy asks for %g %%", worth.SavingsUSD, percent, least)
		return false
	case ratio < MinRatio && !returns && worth.Confidential:
		p.refuse(CodeTooLittle, time.Time{}, "moving %d of %d replicas would save too little of the bill: not worth the disturbance",
			len(p.candidates), p.Wanted)
		return false
	case ratio < MinRatio && !returns:
		p.refuse(CodeTooLittle, time.Time{}, "moving %d of %d replicas would save only %.3g %% of the bill: not worth the disturbance",
			len(p.candidates), p.Wanted, percent)
		return false
	}
	return true
}

// shares are the percentage of the bill that is saved, and that share ÷ the share of the replicas that is disturbed.
func (w *Worth) shares(moved, replicas int) (percent, ratio float64) {
	if w.Moved > 0 && w.Replicas > 0 {
		moved, replicas = w.Moved, w.Replicas
	}
	if w.BillUSD <= 0 || moved == 0 || replicas == 0 {
		return 0, 0
	}
	share := w.SavingsUSD / w.BillUSD
	return share * 100, share / (float64(moved) / float64(replicas))
}

// withinBudget says whether one more replica may go while others are away and moving.
func (p *problem) withinBudget(reason Reason, moving int) bool {
	text := DefaultMaxUnavailable
	switch {
	case p.Policy != nil && p.Policy.MaxUnavailable != "":
		text = p.Policy.MaxUnavailable
	case reason == ReasonDrain:
		text = drainMaxUnavailable
	}
	budget, err := Budget(text, p.Wanted)
	if err != nil {
		p.refuse(CodeInvalid, time.Time{}, "%v", err)
		return false
	}
	if p.Serial {
		budget = 1
	}
	if p.away+moving >= budget {
		p.refuse(CodeWaiting, time.Time{}, "%s", p.waiting())
		return false
	}
	return true
}

// moving describes moves.
func (p *problem) moving(moves []Move) string {
	type way struct{ from, to string }
	counts := map[way]int{}
	var order []way
	for i := range moves {
		w := way{moves[i].From, moves[i].To}
		if counts[w] == 0 {
			order = append(order, w)
		}
		counts[w]++
	}
	texts := make([]string, 0, len(order))
	for _, w := range order {
		texts = append(texts, fmt.Sprintf("%d from pool %s to %s", counts[w], w.from, w.to))
	}
	text := fmt.Sprintf("moves %s; %d of %d replicas are still to be moved", strings.Join(texts, ", "), len(p.candidates)-len(moves), p.Wanted)
	if p.Worth.Known && p.Worth.SavingsUSD > 0 && !p.Worth.Confidential {
		text += fmt.Sprintf("; the whole saves $%.4g an hour", p.Worth.SavingsUSD)
	}
	return text
}
