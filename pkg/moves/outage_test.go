package moves

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/rules"
	"tradewind.dev/tradewind/pkg/rules/policy"
)

// trade plays one workload on three clouds whose prices turn and that are lost and come back. What is lost is failed over at
// once; a cloud counts again when it has been back for the stabilization; each plan is the cheapest that the rules allow, and
// where none is, one that need not survive another loss.
type trade struct {
	*rapid.T
	m            Memory
	s            *Situation
	made         int
	prices       map[string]float64
	lost         map[string]bool
	counts       map[string]time.Time // when a cloud that was lost counts again
	away         map[string]int
	failedOver   map[string]time.Time // when replicas last left a cloud because it was lost
	failovers    map[string]int
	failbacks    map[string]int
	rules        *policy.Effective
	availability []policy.Availability
	moves        []Past
	strays       []time.Time
}

// TestOutages lets prices turn and clouds be lost and return at random, and checks what must hold whatever happens:
//   - without rebalance nothing moves but what a failover moved, and only back: no more often than it was driven away;
//   - nothing moves while a cloud is lost, or was and does not count again yet: after a failover the next move is the return;
//   - no cloud is both left and entered within the stabilization, so that in that time no replica moves twice, unless somebody put it back;
//   - a move for a rule breaks the rules less, and none of them more.
func TestOutages(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(2, 6).Draw(rt, "replicas")
		w := &trade{
			T: rt, prices: map[string]float64{}, lost: map[string]bool{}, counts: map[string]time.Time{}, away: map[string]int{},
			failedOver: map[string]time.Time{}, failovers: map[string]int{}, failbacks: map[string]int{}, rules: &policy.Effective{SpotMaxPercent: 100},
		}
		if rapid.Bool().Draw(rt, "survives") {
			w.availability = survives
		}
		if share := rapid.SampledFrom([]int{100, 75, 50}).Draw(rt, "share"); share < 100 {
			w.rules.Spread = []policy.Spread{{TopologyKey: v1alpha1.LabelCloud, MaxSharePercent: share}}
		}
		w.s = &Situation{Now: noon, Wanted: n, Stabilization: 10 * time.Minute, Return: true}
		if rapid.Bool().Draw(rt, "rebalances") {
			w.s.Policy = allow(int32(rapid.IntRange(0, 30).Draw(rt, "percent")), rapid.SampledFrom([]string{"1", "2", "100%"}).Draw(rt, "budget"))
		}
		for _, cloud := range w.clouds() {
			w.prices[cloud] = rapid.Float64Range(0.1, 4).Draw(rt, "price")
		}
		w.plan(t)
		w.start(n)
		for range rapid.IntRange(1, 60).Draw(rt, "steps") {
			w.change(t)
			w.plan(t)
			w.decide()
		}
	})
}

func (w *trade) clouds() []string { return []string{"aws", "azure", "gcp"} }

func (w *trade) usable(cloud string) bool { return !w.lost[cloud] && !w.s.Now.Before(w.counts[cloud]) }

// start makes replicas where the plan lacks them; those without a place are not made.
func (w *trade) start(replicas int) {
	running := count(w.s.Replicas, nil)
	for _, cloud := range w.clouds() {
		for ; replicas > 0 && running[cloud] < w.s.Plan[cloud]; replicas-- {
			w.add(cloud)
			running[cloud]++
		}
	}
}

func (w *trade) add(cloud string) {
	w.made++
	name := fmt.Sprintf("web-%03d", w.made)
	w.s.Replicas = append(w.s.Replicas, Replica{ID: name, Name: name, Pool: cloud, Ready: true, Created: w.s.Now})
}

// change lets time pass, and turns a price, loses a cloud, has one back, or has somebody delete a replica that comes up anywhere.
func (w *trade) change(t *testing.T) {
	w.s.Now = w.s.Now.Add(time.Duration(rapid.IntRange(1, 400).Draw(w.T, "seconds")) * time.Second)
	cloud := rapid.SampledFrom(w.clouds()).Draw(w.T, "cloud")
	switch rapid.SampledFrom([]string{"price", "price", "price", "loss", "return", "return", "stray", "nothing"}).Draw(w.T, "event") {
	case "price":
		w.prices[cloud] = rapid.Float64Range(0.1, 4).Draw(w.T, "price")
	case "stray":
		if w.usable(cloud) && len(w.s.Replicas) > 0 {
			w.s.Replicas = slices.Clone(w.s.Replicas[1:])
			w.add(cloud)
			w.strays = append(w.strays, w.s.Now)
		}
	case "loss":
		if w.lost[cloud] || len(w.lost) == 2 {
			return
		}
		w.lost[cloud] = true
		before := len(w.s.Replicas)
		w.s.Replicas = slices.DeleteFunc(w.s.Replicas, func(r Replica) bool { return r.Pool == cloud })
		if gone := before - len(w.s.Replicas); gone > 0 {
			w.away[cloud] += gone
			w.failovers[cloud] += gone
			w.failedOver[cloud] = w.s.Now
		}
		w.plan(t)
		w.start(w.s.Wanted - len(w.s.Replicas))
	case "return":
		if w.lost[cloud] {
			delete(w.lost, cloud)
			w.counts[cloud] = w.s.Now.Add(w.s.Stabilization)
		}
	}
}

// plan makes the cheapest plan that the rules allow, with fewest moves, and says what it is worth.
func (w *trade) plan(t *testing.T) {
	s := w.s
	judge := ruled(t, s.Wanted, w.rules, w.availability, 1, 1, 1)
	best, placed := w.cheapest(judge, s.Wanted)
	if best == nil { // what is left after a loss need not survive another one
		judge = ruled(t, s.Wanted, w.rules, nil, 1, 1, 1)
		for placed = s.Wanted; best == nil; placed-- {
			best, _ = w.cheapest(judge, placed)
		}
		placed++
	}
	running := count(s.Replicas, nil)
	bill, then, all := 0.0, 0.0, 0
	for _, cloud := range w.clouds() {
		bill, then, all = bill+w.prices[cloud]*float64(running[cloud]), then+w.prices[cloud]*float64(best[cloud]), all+running[cloud]
	}
	s.Plan, s.Unplaced, s.Rules = best, s.Wanted-placed, judge
	s.Worth = Worth{Known: true, TotalUSD: bill, SavingsUSD: bill - then, Partial: all != placed}
	s.Pause, s.Away = "", nil
	for _, cloud := range w.clouds() {
		if !w.usable(cloud) {
			s.Pause = cloud + " does not count"
		}
		if w.away[cloud] > 0 && w.returned() {
			delete(w.away, cloud)
		}
		if w.away[cloud] > 0 {
			s.Away = append(s.Away, Away{From: cloud, Replicas: w.away[cloud], To: map[string]bool{cloud: w.usable(cloud)}})
		}
	}
}

// returned says whether all clouds that replicas are away from count again, and have what the plan wants there.
func (w *trade) returned() bool {
	running := count(w.s.Replicas, nil)
	for cloud := range w.away {
		if !w.usable(cloud) || running[cloud] < w.s.Plan[cloud] {
			return false
		}
	}
	return true
}

// cheapest tries every way to place a number of replicas on the clouds that can be used.
func (w *trade) cheapest(judge *Judge, replicas int) (best map[string]int, placed int) {
	running, least := count(w.s.Replicas, nil), math.Inf(1)
	for aws := range replicas + 1 {
		for gcp := range replicas + 1 - aws {
			plan, usd := at(aws, gcp, replicas-aws-gcp), 0.0
			for _, cloud := range w.clouds() {
				if plan[cloud] > 0 && !w.usable(cloud) {
					usd = math.Inf(1)
				}
				usd += w.prices[cloud]*float64(plan[cloud]) + 0.001*float64(max(0, plan[cloud]-running[cloud]))
			}
			if usd < least && w.allowed(judge, plan, replicas) {
				best, least = plan, usd
			}
		}
	}
	return best, replicas
}

// allowed says whether no rule is broken, also where some of the wanted replicas have no place.
func (w *trade) allowed(judge *Judge, plan map[string]int, replicas int) bool {
	if replicas == w.s.Wanted {
		return len(judge.Breaches(plan)) == 0
	}
	limit := w.s.Wanted
	for i := range w.rules.Spread {
		limit = max(1, w.s.Wanted*w.rules.Spread[i].MaxSharePercent/100)
	}
	return max(plan["aws"], plan["gcp"], plan["azure"]) <= limit
}

func (w *trade) decide() {
	s := w.s
	d := w.m.Decide(s, fill{})
	running := count(s.Replicas, nil)
	for i := range d.Moves {
		move := &d.Moves[i]
		before := s.Rules.Breaches(running)
		running[move.From]--
		running[move.To]++
		after := s.Rules.Breaches(running)
		switch {
		case s.Pause != "":
			w.Fatalf("moved from %s to %s while %s", move.From, move.To, s.Pause)
		case s.Policy == nil && move.Reason != ReasonFailback:
			w.Fatalf("moved for %s without rebalance", move.Reason)
		case move.Reason == ReasonFailback && move.To != move.Returns:
			w.Fatalf("what %s lost went to %s", move.Returns, move.To)
		case move.Reason == ReasonRule && (total(after) >= total(before) || !noneMore(before, after)):
			w.Fatalf("moved from %s to %s for a rule: before %s, afterwards %s", move.From, move.To, says(before), says(after))
		case move.Reason == ReasonRebalance && s.Worth.SavingsUSD <= 0:
			w.Fatalf("moved for money, and %+v", s.Worth)
		case move.Reason == ReasonFailback && s.Now.Sub(w.failedOver[move.To]) < s.Stabilization:
			w.Fatalf("%s was lost at %s and is entered at %s", move.To, w.failedOver[move.To], s.Now)
		}
		if move.Reason == ReasonFailback {
			w.away[move.Returns]--
			if w.failbacks[move.Returns]++; w.failbacks[move.Returns] > w.failovers[move.Returns] {
				w.Fatalf("%d replicas left %s, and %d came back", w.failovers[move.Returns], move.Returns, w.failbacks[move.Returns])
			}
		}
		w.moves = append(w.moves, Past{Time: s.Now, From: move.From, To: move.To, Reason: move.Reason})
	}
	w.steady()
	for i := range d.Moves {
		move := &d.Moves[i]
		w.m.Moved(s, move)
		s.Replicas = slices.DeleteFunc(slices.Clone(s.Replicas), func(r Replica) bool { return r.ID == move.Replica.ID })
		w.add(move.To)
	}
}

// steady checks the moves within the stabilization: no cloud is both left and entered, and no more replicas
// moved than there are, those that somebody put elsewhere meanwhile apart.
func (w *trade) steady() {
	left, entered, n := map[string]bool{}, map[string]bool{}, 0
	for _, at := range w.strays {
		if w.s.Now.Sub(at) < w.s.Stabilization {
			n--
		}
	}
	for _, move := range w.moves {
		if w.s.Now.Sub(move.Time) < w.s.Stabilization {
			left[move.From], entered[move.To] = true, true
			n++
		}
	}
	for cloud := range left {
		if entered[cloud] {
			w.Fatalf("%s is left and entered within %s: %+v", cloud, w.s.Stabilization, w.moves)
		}
	}
	if n > w.s.Wanted {
		w.Fatalf("%d moves of %d replicas within %s: %+v", n, w.s.Wanted, w.s.Stabilization, w.moves)
	}
}

func total(breaches []rules.Breach) int {
	n := 0
	for i := range breaches {
		n += breaches[i].Replicas
	}
	return n
}

// noneMore says whether no rule is broken more than before.
func noneMore(before, after []rules.Breach) bool {
	was := map[string]int{}
	for i := range before {
		was[string(before[i].Kind)+before[i].Key] = before[i].Replicas
	}
	return !slices.ContainsFunc(after, func(b rules.Breach) bool { return b.Replicas > was[string(b.Kind)+b.Key] })
}
