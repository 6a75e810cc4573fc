package moves

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"tradewind.dev/tradewind/pkg/rules/policy"
)

func TestDecide(t *testing.T) {
	for _, c := range []struct {
		name    string
		change  func(*Situation)
		room    fill
		moves   int
		code    Code
		message string
		again   time.Time
	}{
		{name: "within the budget", moves: 2, code: CodeMoving, message: "moves 2 from pool a to b; still to be moved: 8 of 10 replicas; the whole saves $1.0000 an hour"},
		{name: "a share", change: func(s *Situation) { s.Policy.MaxUnavailable = "35%" }, moves: 3, code: CodeMoving},
		{name: "a share of few replicas", change: func(s *Situation) { s.Policy.MaxUnavailable = "1%" }, moves: 1, code: CodeMoving},
		{name: "no budget given", change: func(s *Situation) { s.Policy.MaxUnavailable = "" }, moves: 1, code: CodeMoving},
		{name: "one after the other", change: func(s *Situation) { s.Serial = true }, moves: 1, code: CodeMoving},
		{name: "one is away", change: func(s *Situation) { s.Replicas[9].Ready = false }, moves: 1, code: CodeMoving},
		{name: "two are away", change: func(s *Situation) { s.Replicas = s.Replicas[:8] }, code: CodeWaiting, message: "waits for 2 of 10 replicas to be ready"},
		{name: "in place", change: func(s *Situation) { s.Plan = map[string]int{"a": 10} }, code: CodeInPlace},
		{name: "no policy", change: func(s *Situation) { s.Policy = nil }, code: CodeNotEnabled,
			message: "no policy of the workload sets rebalance; status.savingsHourlyUSD is what following the plan would save"},
		{name: "held", change: func(s *Situation) { s.Hold = "a rollout is in progress" }, code: CodeHeld, message: "nothing is moved: a rollout is in progress"},
		{name: "held, no policy", change: func(s *Situation) { s.Hold, s.Policy = "no node was heard of yet", nil }, code: CodeNotEnabled,
			message: "no policy of the workload sets rebalance; status.savingsHourlyUSD is what following the plan would save"},
		{name: "held, drained without a policy", change: func(s *Situation) { drained(s); s.Hold, s.Policy, s.Drained = "no node was heard of yet", nil, true }, code: CodeHeld,
			message: "nothing is moved: no node was heard of yet"},
		{name: "held, one may return", change: func(s *Situation) {
			s.Hold, s.Policy, s.Away = "no node was heard of yet", nil, []Away{{From: "b", Replicas: 1}}
		}, code: CodeHeld},
		{name: "paused", change: func(s *Situation) { s.Pause = "cloud aws is lost" }, code: CodePaused, message: "cloud aws is lost"},
		{name: "saves too little", change: func(s *Situation) { s.Worth.SavingsUSD, s.Worth.MoneyUSD = 0.1, 0.1 }, code: CodeTooLittle,
			message: "moving would save $0.1000 an hour, 5 % of the score; the policy asks for 10 %"},
		{name: "saves too little at prices that not everybody may see", change: func(s *Situation) { s.Worth.SavingsUSD, s.Worth.Confidential = 0.1, true },
			code: CodeTooLittle, message: "moving would save less than the 10 % of the score that the policy asks for"},
		{name: "saves little for the disturbance", change: func(s *Situation) { s.Policy, s.Worth.SavingsUSD = allow(1, "2"), 0.1 }, code: CodeTooLittle,
			message: "moving 10 of 10 replicas would save only 5 % of the score: not worth the disturbance"},
		{name: "saves little, disturbs less", change: func(s *Situation) {
			s.Policy, s.Worth.SavingsUSD, s.Plan = allow(1, "2"), 0.1, map[string]int{"a": 9, "b": 1}
		}, moves: 1, code: CodeMoving},
		{name: "saves nothing", change: func(s *Situation) { s.Policy, s.Worth.SavingsUSD = allow(0, "2"), 0 }, code: CodeTooLittle},
		{name: "a price is missing", change: func(s *Situation) { s.Worth.Known = false }, code: CodeUnpriced},
		{name: "no room", room: fill{"b": 0}, code: CodeNoRoom},
		{name: "room for one", room: fill{"b": 1}, moves: 1, code: CodeMoving},
		{name: "outside the window", change: func(s *Situation) { s.Policy.Window = window("0 2 * * *", 2*time.Hour) }, code: CodeWindow,
			message: "outside the window of the policy's rebalance; it opens at 2026-03-15T02:00:00Z", again: time.Date(2026, 3, 15, 2, 0, 0, 0, time.UTC)},
		{name: "inside the window", change: func(s *Situation) { s.Policy.Window = window("0 11 * * *", 2*time.Hour) }, moves: 2, code: CodeMoving},
		{name: "a window that never comes", change: func(s *Situation) { s.Policy.Window = window("0 2 31 2 *", time.Hour) }, code: CodeInvalid,
			message: `rebalance.window.schedule "0 2 31 2 *" never comes: correct its day or month`},
		{name: "a budget that cannot be read", change: func(s *Situation) { s.Policy.MaxUnavailable = "many" }, code: CodeInvalid},
		{name: "a replica that cannot be moved", change: func(s *Situation) {
			for i := range s.Replicas {
				s.Replicas[i].Fixed = "pods of Jobs are not moved"
			}
		}, code: CodeFixed, message: "replica web-00 stays: pods of Jobs are not moved"},
		{name: "volumes", change: func(s *Situation) {
			for i := range s.Replicas {
				s.Replicas[i].Fits = func(pool string) bool { return pool == "a" }
			}
		}, code: CodeFixed, message: "replica web-00 stays: its volumes cannot follow to pool b"},
		{name: "a broken rule saves nothing", change: func(s *Situation) {
			s.Worth.SavingsUSD = -1
			s.Replicas[3].Breaks = "outside residency EU"
			s.Plan = map[string]int{"a": 9, "b": 1}
		}, code: CodeTooLittle}, // the plan wants one away, and by name it is another
		{name: "all break a rule", change: func(s *Situation) { broken(s, "outside residency EU"); s.Worth = Worth{} }, moves: 2, code: CodeMoving},
		{name: "all break a rule, no policy", change: func(s *Situation) { broken(s, "outside residency EU"); s.Policy = nil }, code: CodeNotEnabled,
			message: "the place of replica web-00 breaks a rule (outside residency EU), and no policy of the workload sets rebalance"},
		{name: "drained, no policy", change: func(s *Situation) { drained(s); s.Policy, s.Drained, s.Worth = nil, true, Worth{} }, moves: 1, code: CodeMoving},
		{name: "drained while paused, outside the window", change: func(s *Situation) {
			drained(s)
			s.Drained, s.Pause, s.Policy.Window = true, "x", window("0 2 * * *", time.Hour)
		}, moves: 2, code: CodeMoving},
		{name: "back where they were", change: func(s *Situation) { away(s, 10); s.Policy = nil }, moves: 1, code: CodeMoving},
		{name: "back would cost more", change: func(s *Situation) { away(s, 10); s.Policy, s.Worth.SavingsUSD = nil, -1 }, code: CodeTooLittle},
		{name: "back to a pool of the same place", change: func(s *Situation) {
			away(s, 10)
			s.Policy, s.Away[0].From = nil, "gone"
		}, moves: 1, code: CodeMoving},
		{name: "still lost", change: func(s *Situation) { away(s, 10); s.Policy, s.Away[0].To = nil, nil }, code: CodeNotEnabled},
		{name: "not where they were", change: func(s *Situation) {
			away(s, 10)
			s.Policy, s.Away[0].From, s.Away[0].To = nil, "c", map[string]bool{"c": true}
		}, code: CodeNotEnabled},
		{name: "all that were away are back", change: func(s *Situation) { away(s, 0); s.Policy = nil }, code: CodeNotEnabled},
		{name: "never back", change: func(s *Situation) { away(s, 10); s.Return = false }, code: CodeStays},
		{name: "never back, and no policy", change: func(s *Situation) { away(s, 10); s.Return, s.Policy = false, nil }, code: CodeNotEnabled},
		{name: "a replica that was not moved by a failover breaks a rule, no policy", change: func(s *Situation) {
			away(s, 0)
			broken(s, "outside residency EU")
			s.Policy = nil
		}, code: CodeNotEnabled, message: "the place of replica web-00 breaks a rule (outside residency EU), and no policy"},
		{name: "back while another domain is lost", change: func(s *Situation) { away(s, 10); s.Policy, s.Pause = nil, "cloud gcp is lost" }, code: CodePaused},
		{name: "a broken rule while a domain is lost", change: func(s *Situation) {
			broken(s, "outside residency EU")
			s.Pause = "cloud gcp is lost"
		}, code: CodePaused},
		{name: "a broken rule while replicas have no place", change: func(s *Situation) {
			broken(s, "outside residency EU")
			s.Unplaced, s.Plan = 3, map[string]int{"b": 7}
		}, moves: 2, code: CodeMoving},
		{name: "under its ceiling again, and nothing less is invoiced", change: func(s *Situation) {
			s.Worth.SavingsUSD, s.Worth.MoneyUSD, s.Worth.CeilingPercent = 0, 0, 25
		}, moves: 2, code: CodeMoving},
		{name: "under its ceiling again, by less than a move must save", change: func(s *Situation) {
			s.Worth.SavingsUSD, s.Worth.MoneyUSD, s.Worth.CeilingPercent = 0, 0, 5
		}, code: CodeTooLittle, message: "following the plan saves nothing by itself"},
		{name: "money while replicas have no place", change: func(s *Situation) { s.Unplaced, s.Plan = 3, map[string]int{"b": 7} }, code: CodePaused,
			message: "3 replicas have no place in the plan"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := (&Memory{}).Decide(dear(c.change), c.room)
			if len(got.Moves) != c.moves || got.Code != c.code || !strings.HasPrefix(got.Message, c.message) || !got.Again.Equal(c.again) {
				t.Errorf("got %d moves, %s: %q, again at %s", len(got.Moves), got.Code, got.Message, got.Again)
			}
		})
	}
}

// TestRules checks which moves a rule over all replicas is a reason for. Ten replicas run on aws; the plan is worth nothing
// by itself unless a case says so.
func TestRules(t *testing.T) {
	shares := &policy.Effective{SpotMaxPercent: 100, Spread: []policy.Spread{half}}
	ceiling := func(usd float64) *policy.Effective {
		return &policy.Effective{SpotMaxPercent: 100, HasMaxHourlyUSD: true, MaxHourlyUSD: usd}
	}
	for _, c := range []struct {
		name         string
		rules        *policy.Effective
		availability []policy.Availability
		now, plan    map[string]int
		change       func(*Situation)
		past         []Past
		moves        int
		reason       Reason
		code         Code
		message      string
	}{
		{name: "mends", rules: shares, now: at(7, 3, 0), plan: at(5, 5, 0), moves: 2, reason: ReasonRule, code: CodeMoving},
		{name: "mends, and the rest is for money", rules: shares, now: at(6, 4, 0), plan: at(3, 5, 2), moves: 1, reason: ReasonRule, code: CodeMoving},
		{name: "survives better", rules: nil, availability: survives, now: at(8, 2, 0), plan: at(5, 0, 5), moves: 2, reason: ReasonRule, code: CodeMoving},
		{name: "mends nothing", availability: survives, now: at(10, 0, 0), plan: at(0, 10, 0), code: CodeTooLittle},
		{name: "mends nothing, saves enough", availability: survives, now: at(10, 0, 0), plan: at(0, 10, 0), change: func(s *Situation) { s.Worth.SavingsUSD = 1 },
			moves: 2, reason: ReasonRebalance, code: CodeMoving},
		{name: "mends nothing, and was moved a minute ago", availability: survives, now: at(10, 0, 0), plan: at(0, 10, 0), code: CodeSettling,
			past: []Past{{Time: noon.Add(-time.Minute), From: "gcp", To: "aws", Reason: ReasonRebalance}}},
		{name: "mends what has just been moved", rules: shares, now: at(7, 3, 0), plan: at(5, 5, 0), code: CodeSettling,
			past: []Past{{Time: noon.Add(-time.Minute), From: "gcp", To: "aws", Reason: ReasonRebalance}}},
		{name: "a domain is lost", rules: shares, now: at(7, 3, 0), plan: at(5, 5, 0), change: func(s *Situation) { s.Pause = "cloud azure is lost" }, code: CodePaused},
		{name: "some have no place", rules: shares, now: at(7, 3, 0), plan: at(5, 4, 0), change: func(s *Situation) { s.Unplaced = 1 }, code: CodePaused},
		{name: "outside the window", rules: shares, now: at(7, 3, 0), plan: at(5, 5, 0), change: func(s *Situation) { s.Policy.Window = window("0 2 * * *", time.Hour) },
			code: CodeWindow},
		{name: "no policy", rules: shares, now: at(7, 3, 0), plan: at(5, 5, 0), change: func(s *Situation) { s.Policy = nil }, code: CodeNotEnabled,
			message: "the place of replica web-00 breaks a rule (7 replicas in cloud aws, at most 5), and no policy of the workload sets rebalance"},
		{name: "under the ceiling again", rules: ceiling(9), now: at(10, 0, 0), plan: at(9, 0, 1), change: func(s *Situation) { s.Worth.SavingsUSD, s.Worth.MoneyUSD = 0.1, -0.2 },
			code: CodeTooLittle, message: "moving would save -$0.2000 an hour (and $0.3000 of what is only valued), 5 % of the score; the policy asks for 10 %"},
		{name: "a ceiling that the scheduler would still keep", rules: ceiling(6), now: at(10, 0, 0), plan: at(0, 10, 0),
			change: func(s *Situation) { s.Worth.SavingsUSD = 1 }, code: CodeRefused,
			message: "replica web-00 stays: in pool gcp its replacement would be over the ceiling of $6/h"},
		{name: "back where they were, which costs, and mends", rules: shares, now: at(7, 3, 0), plan: at(5, 5, 0), change: func(s *Situation) {
			s.Policy, s.Worth.SavingsUSD, s.Return = nil, -1, true
			s.Away = []Away{{From: "gcp", Replicas: 2, To: map[string]bool{"gcp": true}}}
		}, moves: 1, reason: ReasonFailback, code: CodeMoving},
	} {
		t.Run(c.name, func(t *testing.T) {
			rules := c.rules
			if rules == nil {
				rules = &policy.Effective{SpotMaxPercent: 100}
			}
			s := dear(func(s *Situation) {
				s.Replicas, s.Plan = spread("aws", c.now["aws"], "gcp", c.now["gcp"], "azure", c.now["azure"]), c.plan
				s.Worth.SavingsUSD, s.Rules = 0, ruled(t, 10, rules, c.availability, 4, 2, 3)
			})
			if c.change != nil {
				c.change(s)
			}
			m := &Memory{}
			m.Recall(c.past)
			got := m.Decide(s, fill{})
			if len(got.Moves) != c.moves || got.Code != c.code || !strings.HasPrefix(got.Message, c.message) {
				t.Fatalf("got %d moves, %s: %q", len(got.Moves), got.Code, got.Message)
			}
			for i := range got.Moves {
				if got.Moves[i].Reason != c.reason || (got.Moves[i].Mends == "") == (c.reason != ReasonRebalance) {
					t.Errorf("move %d is %s, mends %q", i, got.Moves[i].Reason, got.Moves[i].Mends)
				}
			}
		})
	}
}

func broken(s *Situation, rule string) {
	for i := range s.Replicas {
		s.Replicas[i].Breaks = rule
	}
}

// away says that so many replicas were driven from pool b, and may go back.
func away(s *Situation, replicas int) {
	s.Away, s.Return = []Away{{From: "b", Replicas: replicas, To: map[string]bool{"b": true}}}, true
}

func drained(s *Situation) {
	broken(s, "cloud not a")
	for i := range s.Replicas {
		s.Replicas[i].Draining = true
	}
}

// TestChoice checks that replicas that break a rule or are not ready go first.
func TestChoice(t *testing.T) {
	s := dear(func(s *Situation) {
		s.Policy.MaxUnavailable = "4"
		s.Replicas[4].Ready = false
		s.Replicas[6].Fixed = "the annotation keeps it"
		s.Plan = map[string]int{"a": 7, "b": 3}
	})
	got := (&Memory{}).Decide(s, fill{})
	var names []string
	for _, move := range got.Moves {
		names = append(names, move.Replica.Name)
	}
	if text := strings.Join(names, " "); text != "web-04 web-00 web-01" {
		t.Errorf("moves %s", text)
	}
}

// carryOut evicts what was decided; replacements come up in a pool.
func carryOut(m *Memory, s *Situation, d Decision, pool string, at time.Time) {
	for i := range d.Moves {
		m.Moved(s, &d.Moves[i])
	}
	s.Now = at
	var rest []Replica
	for _, r := range s.Replicas {
		gone := false
		for i := range d.Moves {
			gone = gone || d.Moves[i].Replica.ID == r.ID
		}
		if !gone {
			rest = append(rest, r)
		}
	}
	for i := range d.Moves {
		id := d.Moves[i].Replica.ID + "'"
		rest = append(rest, Replica{ID: id, Name: id, Pool: pool, Ready: true})
	}
	s.Replicas = rest
}

// TestSeries checks that a series of moves goes on although what is left of it would not be worth a new one, and that it
// is not undone at once.
func TestSeries(t *testing.T) {
	m, s := &Memory{}, dear(func(s *Situation) { s.Policy.MaxUnavailable = "5" })
	d := m.Decide(s, fill{})
	if len(d.Moves) != 5 {
		t.Fatalf("%d moves", len(d.Moves))
	}
	if again := m.Decide(s, fill{}); len(again.Moves) != 5 {
		t.Fatal("a decision that is not carried out changes the next")
	}
	carryOut(m, s, d, "b", noon.Add(time.Minute))
	s.Worth.SavingsUSD = 0.15 // under the policy's 10 %
	s.Worth.TotalUSD = 1.6
	d = m.Decide(s, fill{})
	if len(d.Moves) != 5 {
		t.Fatalf("the series stops: %s", d.Message)
	}
	carryOut(m, s, d, "b", noon.Add(2*time.Minute))
	if d = m.Decide(s, fill{}); d.Code != CodeInPlace {
		t.Fatalf("%s: %s", d.Code, d.Message)
	}
	s.Plan, s.Worth = map[string]int{"a": 10}, Worth{Known: true, TotalUSD: 2, SavingsUSD: 1}
	d = m.Decide(s, fill{})
	if want := noon.Add(11 * time.Minute); d.Code != CodeSettling || !d.Again.Equal(want) {
		t.Fatalf("%s again at %s: %s", d.Code, d.Again, d.Message)
	}
	s.Now = d.Again
	if d = m.Decide(s, fill{}); len(d.Moves) != 5 {
		t.Fatalf("after the stabilization: %s: %s", d.Code, d.Message)
	}
}

// TestCameBack lets replacements come up where they would be moved from again. The workload once waited for a minute, and twice as
// long the next time, so that the same healthy replica was evicted three times within minutes: it is moved again when something
// that decides where it comes up has changed, and not by time, nor by another plan.
func TestCameBack(t *testing.T) {
	versions := map[string]int{}
	m, s := &Memory{}, dear(func(s *Situation) {
		s.Circumstances = func(pools ...string) string {
			text := ""
			for _, pool := range pools {
				text += pool + strconv.Itoa(versions[pool])
			}
			return text
		}
	})
	evicted := 0
	comesBack := func() {
		t.Helper()
		d := m.Decide(s, fill{})
		if len(d.Moves) != 2 {
			t.Fatalf("%s: %s", d.Code, d.Message)
		}
		carryOut(m, s, d, "a", s.Now.Add(time.Second))
		evicted += len(d.Moves)
	}
	stays := func() {
		t.Helper()
		for range 5 {
			if d := m.Decide(s, fill{}); d.Code != CodeCameBack || len(d.Moves) > 0 || !d.Again.IsZero() {
				t.Fatalf("%s with %d moves again at %s: %s", d.Code, len(d.Moves), d.Again, d.Message)
			}
			s.Now = s.Now.Add(24 * time.Hour)
		}
	}
	comesBack()
	stays()
	s.Plan = map[string]int{"b": 9, "a": 1} // of no other pool
	versions["c"]++
	stays()
	for _, pool := range []string{"b", "a"} { // where it was to come up, and where it did
		versions[pool]++
		comesBack()
		stays()
	}
	s.Plan = map[string]int{"b": 5, "c": 5}
	d := m.Decide(s, fill{"c": 1})
	if len(d.Moves) != 1 || d.Moves[0].To != "c" {
		t.Fatalf("to another pool: %+v", d)
	}
	carryOut(m, s, d, "c", s.Now.Add(time.Second))
	s.Now = s.Now.Add(time.Hour)
	if d = m.Decide(s, fill{"c": 0}); len(d.Moves) > 0 {
		t.Errorf("after one that came up where it was to: %+v", d)
	}
	versions["b"]++
	d = m.Decide(s, fill{"c": 0})
	carryOut(m, s, d, "b", s.Now.Add(time.Second))
	if d = m.Decide(s, fill{"c": 0}); d.Code == CodeCameBack || len(d.Moves) == 0 {
		t.Errorf("after it has worked: %s: %s", d.Code, d.Message)
	}
}

// TestFiltersRefuse checks that a replica stays whose replacement kube-scheduler would refuse, and others go.
func TestFiltersRefuse(t *testing.T) {
	const words = "2 node(s) didn't match pod anti-affinity rules"
	d := (&Memory{}).Decide(dear(nil), refuses{"web-00": words, "web-01": words})
	if len(d.Moves) != 2 || d.Moves[0].Replica.Name != "web-02" {
		t.Errorf("%+v", d)
	}
	d = (&Memory{}).Decide(dear(func(s *Situation) { s.Replicas, s.Wanted, s.Plan = s.Replicas[:2], 2, map[string]int{"b": 2} }),
		refuses{"web-00": words, "web-01": words})
	if want := "replica web-00 stays: kube-scheduler would place its replacement on no node of pool b: " + words; d.Code != CodeRefused || d.Message != want {
		t.Errorf("%s: %s", d.Code, d.Message)
	}
}

// TestRecall checks that moves of another process count.
func TestRecall(t *testing.T) {
	m := &Memory{}
	m.Recall([]Past{{Time: noon.Add(-time.Hour), From: "x"}, {Time: noon.Add(-time.Minute), From: "b"}})
	if d := m.Decide(dear(nil), fill{}); d.Code != CodeSettling {
		t.Errorf("%s: %s", d.Code, d.Message)
	}
	m = &Memory{}
	m.Recall([]Past{{Time: noon.Add(-time.Minute), From: "a"}})
	if d := m.Decide(dear(nil), fill{}); len(d.Moves) != 2 {
		t.Errorf("the same series: %s: %s", d.Code, d.Message)
	}
	// A series that began for another reason than money must save enough by itself.
	for _, c := range []struct {
		reason Reason
		moves  int
	}{{ReasonRebalance, 2}, {ReasonRule, 0}, {ReasonFailback, 0}, {"Failover", 0}} {
		m = &Memory{}
		m.Recall([]Past{{Time: noon.Add(-time.Minute), From: "a", Reason: c.reason}})
		if d := m.Decide(dear(func(s *Situation) { s.Policy, s.Worth.SavingsUSD = allow(20, "2"), 0.3 }), fill{}); len(d.Moves) != c.moves {
			t.Errorf("after %s: %s: %s", c.reason, d.Code, d.Message)
		}
	}
}

// TestReplacementsStay lets a replacement come up in another pool than the one that it was moved to, and the plan turn twice: the
// replacement is not moved again within the stabilization, also by a controller that was restarted.
func TestReplacementsStay(t *testing.T) {
	for _, restarted := range []bool{false, true} {
		m := &Memory{}
		decide := func(after time.Duration, plan map[string]int, replicas ...Replica) []string {
			s := dear(func(s *Situation) {
				s.Now, s.Wanted, s.Replicas, s.Plan, s.Policy = noon.Add(after), 2, replicas, plan, allow(10, "1")
			})
			var names []string
			for _, move := range m.Decide(s, fill{}).Moves {
				names = append(names, move.Replica.Name)
				m.Moved(s, &move)
			}
			return names
		}
		before := spread("a", 1, "b", 1)
		if got := decide(0, map[string]int{"c": 2}, before...); len(got) != 1 || got[0] != "web-00" {
			t.Fatalf("at first %v moves", got)
		}
		came := Replica{ID: "new", Name: "new", Pool: "b", Ready: true, Created: noon}
		if got := decide(time.Minute, map[string]int{"b": 2}, before[1], came); len(got) > 0 {
			t.Errorf("in place %v moves", got)
		}
		if restarted {
			m = &Memory{}
			m.Recall([]Past{{Time: noon, From: "a"}, {Time: noon.Add(-time.Minute), From: "b"}})
		}
		if got := decide(5*time.Minute, map[string]int{"c": 1, "b": 1}, came, before[1]); slices.Contains(got, "new") {
			t.Errorf("restarted %v: %v moves", restarted, got)
		}
	}
}

// TestMadeInTheSecondOfTheMove lets a price turn in the second in which the replicas were made: those that were there when others
// were moved are no replacements, and follow once the replacements are ready.
func TestMadeInTheSecondOfTheMove(t *testing.T) {
	m := &Memory{}
	replicas := spread("a", 4)
	for i := range replicas {
		replicas[i].Created = noon
	}
	for round, made := range []time.Duration{300 * time.Millisecond, 900 * time.Millisecond} {
		s := dear(func(s *Situation) {
			s.Now, s.Wanted, s.Replicas, s.Plan, s.Policy = noon.Add(made), 4, replicas, map[string]int{"b": 4}, allow(10, "2")
		})
		found := m.Decide(s, fill{})
		if len(found.Moves) != 2 {
			t.Fatalf("round %d: %d moves: %s: %s", round, len(found.Moves), found.Code, found.Message)
		}
		for i := range found.Moves {
			move := &found.Moves[i]
			m.Moved(s, move)
			replicas = slices.DeleteFunc(slices.Clone(replicas), func(r Replica) bool { return r.ID == move.Replica.ID })
			name := fmt.Sprintf("new-%d-%d", round, i)
			replicas = append(replicas, Replica{ID: name, Name: name, Pool: "b", Ready: true, Created: noon})
		}
	}
}
