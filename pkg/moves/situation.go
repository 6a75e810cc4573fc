package moves

import (
	"fmt"
	"math"
	"time"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/engine"
)

// Situation is all that a decision about one workload is made from. Pools are named as in the plan.
type Situation struct {
	Now time.Time
	// Wanted replicas, as their controller says.
	Wanted int
	// Replicas are the live pods: neither ending nor ended.
	Replicas []Replica
	// Plan is how many replicas the plan has in each pool.
	Plan map[string]int
	// Serial replicas move one at a time whatever the budget says (StatefulSet).
	Serial bool
	// Policy is what the workload's policies say; nil when no policy sets rebalance.
	Policy *v1alpha1.Rebalance
	// Drained says that a policy of "tradewind drain" is in force for the workload.
	Drained bool
	// Stabilization is how long a workload is left alone after its moves.
	Stabilization time.Duration
	// Hold, when not empty, says why nothing may be moved whatever it would bring: the plan is not to be relied on.
	Hold string
	// Pause, when not empty, says why nothing is moved now but for a drain: a domain is lost, or does not count again yet.
	Pause string
	// Unplaced replicas have no place in the plan: of the others only those are moved whose place a rule forbids.
	Unplaced int
	// Worth is what following the plan brings.
	Worth Worth
	// Rules judge places; nil when no policy selects the workload.
	Rules *Judge
	// Away are the replicas that a loss drove from pools. With Return as many may go back, without rebalance; without Return
	// nothing is moved there for money.
	Away   []Away
	Return bool
	// Circumstances say, in a form to be compared only, what decides in which of some pools a replacement comes up: the rules, the
	// workload, the prices and the nodes of the pools. Which other pods run there does not count: they come and go. Nil when
	// they are not known. They are asked for only after a replacement came up where it would be moved from again.
	Circumstances func(pools ...string) string
}

func (s *Situation) circumstances(pools ...string) string {
	if s.Circumstances == nil {
		return ""
	}
	return s.Circumstances(pools...)
}

// mayMove says whether anything lets replicas of the workload move. Of one that nothing does a hold says nothing new.
func (s *Situation) mayMove() bool { return s.Policy != nil || s.Drained || len(s.Away) > 0 }

// Away are replicas that a loss drove from a pool and that have not gone back yet.
type Away struct {
	From     string
	Replicas int
	// To are the pools that count as that place and can be used now; none while it is lost.
	To map[string]bool
}

// Replica is a live pod.
type Replica struct {
	// ID identifies the pod for its life, Name is for people.
	ID, Name string
	// Pool that it is on; empty while it has no node, or one that the plan does not know.
	Pool string
	// Emptied says that its machine becomes empty by the plan: of the replicas of a pool those leave first that it waits for.
	Emptied bool
	// Ready says whether it serves.
	Ready bool
	// Fixed, when not empty, says why it cannot be moved: it would not come back, or not by the plan.
	Fixed string
	// Created is when the pod was made.
	Created time.Time
	// Breaks, when not empty, is the rule about places that its place breaks; Draining says that it is that of a drain.
	Breaks   string
	Draining bool
	// Fits says whether its volumes can follow to a pool; nil when it has none that bind it.
	Fits func(pool string) bool
}

// Worth is what moving to the plan brings, in US dollars an hour. The price of moving is left out: it is in the plan already.
type Worth struct {
	// Known is false when a price that counts is assumed.
	Known bool
	// Partial is true while replicas are missing: what different numbers of replicas cost cannot be compared.
	Partial bool
	// TotalUSD of the replicas where they run (engine.Bill.Staying, with what they carry of the machines that are invoiced), and SavingsUSD
	// of it that the plan saves.
	TotalUSD, SavingsUSD float64
	// MoneyUSD is the part of SavingsUSD that is money: machines that become empty or, where shares are minimised, shares of machines;
	// and traffic. The rest is only valued.
	MoneyUSD float64
	// CeilingPercent is how much of its shares of machines the workload saves, in percent, where these are over its cost ceiling and are not
	// afterwards, and no more is invoiced then. 0 where shares are what is minimised: what brings them under a ceiling saves there.
	CeilingPercent float64
	// Emptied are the machines that become empty and are not invoiced then.
	Emptied []engine.Machine
	// Moved of the Replicas that the total is of are disturbed. The workload's own count where these are zero.
	Moved, Replicas int
	// Group are the workloads that move together, by index in the snapshot, and Around these and all whose calls cost something
	// else afterwards: the amounts rest on the prices of their places.
	Group, Around []int
	// Confidential amounts rest on prices that not everybody may see who may see what is said of the moves.
	Confidential bool
}

// Percent of the total that is saved: 0 where nothing is, since what moving would cost besides is no share of what the replicas cost now (a
// workload that leaves its callers behind pays for traffic many times that); and at most 100, also where a machine becomes empty that
// others, whose part of its price is in no total, have begun to leave.
func (w *Worth) Percent() float64 {
	if w.TotalUSD <= 0 {
		return 0
	}
	return min(max(w.SavingsUSD/w.TotalUSD, 0), 1) * 100
}

// String is what is saved in money, and what of what is only valued: "$0.0123 an hour (and $0.0040 of what is only valued)".
func (w *Worth) String() string {
	text := dollars(w.MoneyUSD) + " an hour"
	if valued := w.SavingsUSD - w.MoneyUSD; math.Abs(valued) >= 5e-5 {
		text += " (and " + dollars(valued) + " of what is only valued)"
	}
	return text
}

// dollars writes an amount to a hundredth of a cent.
func dollars(usd float64) string {
	text := fmt.Sprintf("$%.4f", math.Abs(usd))
	if usd <= -5e-5 {
		return "-" + text
	}
	return text
}

// Room reserves places for replacements.
type Room interface {
	// Reserve takes a place for the replacement of a replica in a pool, on a node that exists, as if the replica were gone. When
	// there is none it says why kube-scheduler would place none there.
	Reserve(replica *Replica, pool string) Refusal
}

// Refusal is why kube-scheduler would place no replacement in a pool. The zero value refuses nothing.
type Refusal struct {
	// Reason is that of each node, in Kubernetes' words, with their numbers.
	Reason string
	// Full says that it would once other pods have gone from a node.
	Full bool
}

// Reason is why a replica is moved, as status.moved says it.
type Reason string

// The reasons of moves.
const (
	ReasonRebalance Reason = "Rebalance" // it saves money
	ReasonRule      Reason = "Rule"      // it mends a broken rule
	ReasonDrain     Reason = "Drain"
	ReasonFailback  Reason = "Failback"
)

// Move is a replica to be evicted so that its replacement starts in another pool.
type Move struct {
	Replica  Replica
	From, To string
	Reason   Reason
	// Mends, when not empty, is the rule that is broken less afterwards.
	Mends string
	// Returns is the Away.From of a failback.
	Returns string
}

// Decision is what to do about a workload now.
type Decision struct {
	Moves []Move
	// Active says that replicas are being moved; Code and Message say what is done, or why nothing is.
	Active  bool
	Code    Code
	Message string
	// Again is when to decide anew even if nothing changes; zero when that is not needed.
	Again time.Time
}

// Code is a decision in one word.
type Code string

// The codes of decisions.
const (
	CodeInPlace    Code = "InPlace"    // nothing to be moved
	CodeMoving     Code = "Moving"     // replicas are evicted now
	CodeWaiting    Code = "Waiting"    // for replacements to be ready
	CodeHeld       Code = "Held"       // the plan is not to be relied on
	CodeNotEnabled Code = "NotEnabled" // no policy sets rebalance
	CodeTooLittle  Code = "SavesTooLittle"
	CodeUnpriced   Code = "PriceNotKnown"
	CodeWindow     Code = "OutsideWindow"
	CodeSettling   Code = "Stabilizing" // moved recently
	CodeCameBack   Code = "CameBack"    // a replacement came up where it would be moved from again
	CodeRefused    Code = "RuleRefuses" // the scheduler would refuse the replacement
	CodeNoRoom     Code = "NoRoom"
	CodeFixed      Code = "CannotMove"
	CodePaused     Code = "Paused"
	CodeStays      Code = "FailbackNever"
	CodeInvalid    Code = "Invalid"   // the policy's figures cannot be read
	CodeProtected  Code = "Protected" // a PodDisruptionBudget refuses
)
