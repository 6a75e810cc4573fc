package moves

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"tradewind.dev/tradewind/pkg/printable"
)

// permit says whether there is a reason to move a replica to a pool that outweighs what is against it.
//
// A drain is asked for by a person, and waits for nothing but the budget. All else is stopped by a pause, and leaves alone
// what was moved within the stabilization. A place that a rule forbids is left whatever that costs. A rule over all replicas
// is a reason for a move that breaks it less, and none of them more. Anything else, a cost ceiling too, is a matter of money: where whole
// machines are minimised, of the workload's shares of them if it is over its ceiling.
// Going back after a loss needs no rebalance, no window and no least saving, but it must save something, or mend a rule.
func (p *problem) permit(r *Replica, to string) (Move, bool) {
	move := Move{Replica: *r, From: r.Pool, To: to, Reason: ReasonRebalance, Mends: r.Breaks}
	if r.Draining && p.Drained {
		move.Reason = ReasonDrain
		return move, true
	}
	back := p.back(to)
	returns := back != nil && p.Return
	switch {
	case p.Policy == nil && !returns:
		p.refuse(CodeNotEnabled, time.Time{}, "%s", p.notEnabled(r))
	case p.invalid != nil:
		p.refuse(CodeInvalid, time.Time{}, "%v", p.invalid)
	case !p.open && !returns:
		p.refuse(CodeWindow, p.opens, "outside the window of the policy's rebalance; it opens at %s", p.opens.Format(time.RFC3339))
	case p.Pause != "":
		p.refuse(CodePaused, time.Time{}, "%s", p.Pause)
	case p.memory.misses(p.Situation, to) != "":
		p.refuse(CodeCameBack, time.Time{}, "a replacement that was to come up in pool %s came up in pool %s, where it would be moved from again; it stays "+
			"until prices, policies, the workload, or the nodes of these pools have changed. Does something refuse the pods in pool %s (a quota, a webhook)?",
			to, p.memory.misses(p.Situation, to), to)
	case !p.replaced(r).IsZero():
		until := p.replaced(r).Add(p.Stabilization)
		p.refuse(CodeSettling, until, "replica %s replaced one that was moved; moving it again waits until %s", r.Name, until.UTC().Format(time.RFC3339))
	case !p.memory.allowed(p.recent, r.Pool, to):
		until := p.recent[0].Time.Add(p.Stabilization)
		p.refuse(CodeSettling, until, "replicas were moved at %s; moving them again, from pool %s to %s, waits until %s",
			p.recent[0].Time.UTC().Format(time.RFC3339), r.Pool, to, until.UTC().Format(time.RFC3339))
	default:
		if returns {
			move.Reason, move.Returns = ReasonFailback, back.From
		}
		if r.Breaks == "" && !p.worthwhile(&move, back != nil) {
			return Move{}, false
		}
		if move.Mends != "" && !returns {
			move.Reason = ReasonRule
		}
		return move, true
	}
	return Move{}, false
}

// replaced is when the move was after which a replica was made, within the stabilization; zero when there was none. It goes by
// replicas, since pools get other names when their nodes change. Kubernetes writes the second in which a pod was made.
func (p *problem) replaced(r *Replica) time.Time {
	for i := range p.recent {
		if past := &p.recent[i]; !r.Created.Before(past.Time.Truncate(time.Second)) && !past.young[r.ID] {
			return past.Time
		}
	}
	return time.Time{}
}

// back is what may go back to a pool; nil when nothing may.
func (p *problem) back(to string) *Away {
	for i := range p.owed {
		if p.owed[i].To[to] && p.owed[i].Replicas > 0 {
			return &p.owed[i]
		}
	}
	return nil
}

func (p *problem) notEnabled(r *Replica) string {
	broken := r.Breaks
	if broken == "" && len(p.broken) > 0 {
		broken = p.broken[0].Message
	}
	if broken != "" {
		return fmt.Sprintf("the place of replica %s breaks a rule (%s), and no policy of the workload sets rebalance", r.Name, broken)
	}
	return "no policy of the workload sets rebalance; status.savingsHourlyUSD is what following the plan would save"
}

// worthwhile says whether a move from a place that no rule forbids mends a rule over all replicas, or saves enough money.
func (p *problem) worthwhile(move *Move, back bool) bool {
	if p.Unplaced > 0 {
		p.refuse(CodePaused, time.Time{}, "%s no place in the plan: only what a rule forbids to be where it is moves meanwhile",
			printable.Number(p.Unplaced, "replica has", "replicas have"))
		return false
	}
	if move.Mends = p.mends(move.From, move.To); move.Mends != "" {
		return true
	}
	if back && !p.Return {
		p.refuse(CodeStays, time.Time{}, "the plan would have replicas return to pool %s, but the policy's failover.failback is Never", move.To)
		return false
	}
	return p.worthIt(move.Reason == ReasonFailback)
}

// begun says whether replicas were moved for money within the stabilization.
func (p *problem) begun() bool {
	return slices.ContainsFunc(p.recent, func(past Past) bool { return past.Reason == ReasonRebalance })
}

// worthIt says whether a move brings enough money.
func (p *problem) worthIt(returns bool) bool {
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
	if p.Policy != nil && !returns && !p.begun() { // a series of moves for money that has begun is completed
		least = DefaultMinSavingsPercent
		if p.Policy.MinSavingsPercent != nil {
			least = float64(*p.Policy.MinSavingsPercent)
		}
	}
	percent, ratio := worth.shares(len(p.candidates), p.Wanted)
	if over := worth.CeilingPercent; over > 0 && over >= least && over/100 >= MinRatio*float64(len(p.candidates))/float64(max(p.Wanted, 1)) {
		return true
	}
	switch {
	case worth.SavingsUSD <= 0:
		p.refuse(CodeTooLittle, time.Time{}, "following the plan saves nothing by itself")
		return false
	case percent < least && worth.Confidential:
		p.refuse(CodeTooLittle, time.Time{}, "moving would save less than the %g %% of the score that the policy asks for", least)
		return false
	case percent < least:
		p.refuse(CodeTooLittle, time.Time{}, "moving would save %s, %.3g %% of the score; the policy asks for %g %%", &worth, percent, least)
		return false
	case ratio < MinRatio && !returns && worth.Confidential:
		p.refuse(CodeTooLittle, time.Time{}, "moving %s would save too little of the score: not worth the disturbance",
			printable.Ratio(len(p.candidates), p.Wanted, "replica", "replicas"))
		return false
	case ratio < MinRatio && !returns:
		p.refuse(CodeTooLittle, time.Time{}, "moving %s would save only %.3g %% of the score: not worth the disturbance",
			printable.Ratio(len(p.candidates), p.Wanted, "replica", "replicas"), percent)
		return false
	}
	return true
}

// shares are the percentage of the score that is saved, and that share ÷ the share of the replicas that is disturbed.
func (w *Worth) shares(moved, replicas int) (percent, ratio float64) {
	if w.Moved > 0 && w.Replicas > 0 {
		moved, replicas = w.Moved, w.Replicas
	}
	percent = w.Percent()
	if moved == 0 || replicas == 0 {
		return 0, 0
	}
	return percent, percent / 100 / (float64(moved) / float64(replicas))
}

// accepted says whether the scheduler would place the replacement: else a replica would go, and none would come.
func (p *problem) accepted(r *Replica, to string) bool {
	others := maps.Clone(p.running)
	others[r.Pool]--
	if rule := p.Rules.Refuses(to, others); rule != "" {
		p.refuse(CodeRefused, time.Time{}, "replica %s stays: in pool %s its replacement would be %s", r.Name, to, rule)
		return false
	}
	return true
}

// withinBudget says whether one more replica may go while others are away and moving.
func (p *problem) withinBudget(reason Reason, moving int) bool {
	text := defaultMaxUnavailable
	switch {
	case p.Policy != nil && p.Policy.MaxUnavailable != "":
		text = p.Policy.MaxUnavailable
	case reason == ReasonDrain:
		text = drainMaxUnavailable
	}
	most, err := budget(text, p.Wanted)
	if err != nil {
		p.refuse(CodeInvalid, time.Time{}, "%v", err)
		return false
	}
	if p.Serial {
		most = 1
	}
	if p.away+moving >= most {
		p.refuse(CodeWaiting, time.Time{}, "%s", p.waiting())
		return false
	}
	return true
}
