package moves

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"tradewind.dev/tradewind/pkg/printable"
	"tradewind.dev/tradewind/pkg/rules"
)

const (
	// DefaultMinSavingsPercent of the score that a move must save where the policy does not say.
	DefaultMinSavingsPercent = 10
	// MinRatio is the least share of the score saved ÷ share of the replicas disturbed: a replica that is moved saves at
	// least a tenth of what an average one costs.
	MinRatio = 0.1
	// drainMaxUnavailable is the budget of a drain where no policy has one: somebody waits for it.
	drainMaxUnavailable = "10%"
)

// Decide says which replicas to evict now. It takes note of where replacements landed, and reserves room; whoever evicts
// a replica tells Moved.
func (m *Memory) Decide(s *Situation, room Room) Decision {
	if s.Hold != "" && (s.mayMove() || m.Pending()) {
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
	// broken are the rules over all replicas that they break where they are.
	broken []rules.Breach
	// owed are the replicas that may still go back to where a loss drove them from.
	owed []Away
	// window
	open    bool
	opens   time.Time
	invalid error
	// refusals are why candidates stay, in the order in which they were found.
	refusals []Decision
}

func (m *Memory) problem(s *Situation) *problem {
	p := &problem{
		Situation: s, memory: m, recent: m.recent(s), running: count(s.Replicas, m.evicted), deficits: map[string]int{}, owed: slices.Clone(s.Away),
	}
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
	p.broken = s.Rules.Breaches(p.running)
	p.sort()
	p.open = true
	if s.Policy != nil {
		p.open, p.opens, p.invalid = inWindow(s.Policy.Window, s.Now)
	}
	return p
}

// sort puts candidates first that are drained, then those whose place breaks a rule, then those of which a move mends one.
func (p *problem) sort() {
	mends := map[string]bool{}
	if len(p.broken) > 0 {
		for _, r := range p.candidates {
			if _, known := mends[r.Pool]; known {
				continue
			}
			mends[r.Pool] = false
			for to := range p.deficits {
				mends[r.Pool] = mends[r.Pool] || p.mends(r.Pool, to) != ""
			}
		}
	}
	urgency := func(r *Replica) int {
		switch {
		case r.Draining:
			return 0
		case r.Breaks != "":
			return 1
		case mends[r.Pool]:
			return 2
		}
		return 3
	}
	slices.SortStableFunc(p.candidates, func(a, b *Replica) int { return cmp.Or(cmp.Compare(urgency(a), urgency(b)), p.younger(a, b)) })
}

// younger compares the ages of replicas while some are away from a place that was lost: the youngest replaced them.
func (p *problem) younger(a, b *Replica) int {
	if len(p.Away) == 0 {
		return 0
	}
	return b.Created.Compare(a.Created)
}

// mends is the rule over all replicas that is broken less after a move; empty when there is none, when another one is broken
// more, or when the plan that the move is part of breaks them as much as the places where the replicas are.
func (p *problem) mends(from, to string) string {
	if len(p.broken) == 0 || mended(p.broken, p.Rules.Breaches(p.Plan)) == nil {
		return ""
	}
	after := maps.Clone(p.running)
	after[from]--
	after[to]++
	if rule := mended(p.broken, p.Rules.Breaches(after)); rule != nil {
		return rule.Message
	}
	return ""
}

// moved takes a move into account for those that follow.
func (p *problem) moved(move *Move) {
	p.deficits[move.To]--
	p.running[move.From]--
	p.running[move.To]++
	p.broken = p.Rules.Breaches(p.running)
	for i := range p.owed {
		if p.owed[i].From == move.Returns {
			p.owed[i].Replicas--
		}
	}
}

// inPool chooses replicas to leave a pool: those that can, and of these those on machines that become empty first, then those that are not
// ready, then by name; while replicas are away from a place that was lost, the younger ones first.
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
			return 3
		case r.Emptied:
			return 0
		case r.Ready:
			return 2
		}
		return 1
	}
	slices.SortFunc(found, func(a, b *Replica) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), p.younger(a, b), strings.Compare(a.Name, b.Name))
	})
	return found[:surplus]
}

func (p *problem) waiting() string {
	if p.away == 0 {
		return "waits until every replica runs where the plan can count it"
	}
	return fmt.Sprintf("waits for %s to be ready", printable.Ratio(p.away, p.Wanted, "replica", "replicas"))
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
			p.moved(&move)
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
		move, ok := p.permit(r, to)
		if !ok || !p.withinBudget(move.Reason, moving) || !p.accepted(r, to) {
			continue
		}
		switch refusal := room.Reserve(r, to); {
		case refusal.Reason == "":
			return move, true
		case refusal.Full:
			p.refuse(CodeNoRoom, time.Time{}, "pool %s has no room for replica %s now: %s", to, r.Name, refusal.Reason)
		default:
			p.refuse(CodeRefused, time.Time{}, "replica %s stays: kube-scheduler would place its replacement on no node of pool %s: %s", r.Name, to, refusal.Reason)
		}
	}
	return Move{}, false
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
	text := fmt.Sprintf("moves %s; still to be moved: %s", strings.Join(texts, ", "),
		printable.Ratio(len(p.candidates)-len(moves), p.Wanted, "replica", "replicas"))
	if p.Worth.Known && p.Worth.SavingsUSD > 0 && !p.Worth.Confidential {
		text += "; the whole saves " + p.Worth.String()
	}
	return text
}
