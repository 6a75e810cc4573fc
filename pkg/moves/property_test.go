package moves

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// world plays a cluster: replicas that are evicted come up again, mostly where the plan lacks them, after some time.
type world struct {
	*rapid.T
	m        Memory
	s        *Situation
	made     int
	pools    []string
	left     map[string][]time.Time // for money, by pool
	entered  map[string][]time.Time
	replaced []pendingPod
}

type pendingPod struct {
	pool    string
	appears time.Time
	ready   time.Time
}

// TestSequences lets plans and prices change at random, schedulers disobey and replicas fail, and checks after every
// decision: never more away than the budget allows, nothing moved for money without a saving, outside the window or
// while paused, no pool both left and entered for money within the stabilization.
func TestSequences(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := &world{T: t, pools: []string{"a", "b", "c"}, left: map[string][]time.Time{}, entered: map[string][]time.Time{}}
		wanted := rapid.IntRange(1, 12).Draw(t, "wanted")
		w.s = &Situation{
			Now: noon, Wanted: wanted, Plan: map[string]int{"a": wanted}, Stabilization: 10 * time.Minute,
			Policy: allow(int32(rapid.IntRange(0, 30).Draw(t, "percent")), rapid.SampledFrom([]string{"1", "2", "25%", "100%"}).Draw(t, "budget")),
		}
		for range wanted {
			w.add("a", true)
		}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			w.change()
			w.decide()
		}
	})
}

func (w *world) add(pool string, ready bool) {
	w.made++
	name := fmt.Sprintf("web-%03d", w.made)
	w.s.Replicas = append(w.s.Replicas, Replica{ID: name, Name: name, Pool: pool, Ready: ready})
}

func (w *world) change() {
	s := w.s
	s.Now = s.Now.Add(time.Duration(rapid.IntRange(1, 300).Draw(w.T, "seconds")) * time.Second)
	var later []pendingPod
	for _, p := range w.replaced {
		if s.Now.Before(p.appears) {
			later = append(later, p)
			continue
		}
		w.add(p.pool, !s.Now.Before(p.ready))
	}
	w.replaced = later
	for i := range s.Replicas { // what was not ready is now, mostly
		s.Replicas[i].Ready = s.Replicas[i].Ready || rapid.IntRange(0, 2).Draw(w.T, "ready") > 0
	}
	if rapid.IntRange(0, 3).Draw(w.T, "what") == 0 {
		s.Plan = map[string]int{}
		for range s.Wanted {
			s.Plan[rapid.SampledFrom(w.pools).Draw(w.T, "planned")]++
		}
	}
	s.Worth = Worth{Known: rapid.IntRange(0, 9).Draw(w.T, "known") > 0, TotalUSD: 1, SavingsUSD: rapid.Float64Range(-0.2, 0.9).Draw(w.T, "saves")}
	s.Pause = rapid.SampledFrom([]string{"", "", "", "paused"}).Draw(w.T, "pause")
	s.Policy.Window = nil
	if rapid.IntRange(0, 4).Draw(w.T, "window") == 0 {
		s.Policy.Window = window("0 * * * *", 20*time.Minute)
	}
}

func (w *world) decide() {
	s := w.s
	ready := 0
	for i := range s.Replicas {
		if s.Replicas[i].Ready {
			ready++
		}
	}
	d := w.m.Decide(s, fill{})
	most, err := budget(s.Policy.MaxUnavailable, s.Wanted)
	if err != nil {
		w.Fatal(err)
	}
	if away := s.Wanted - ready + len(d.Moves); len(d.Moves) > 0 && away > most {
		w.Fatalf("%d of %d away, budget %d", away, s.Wanted, most)
	}
	open, _, err := inWindow(s.Policy.Window, s.Now)
	if err != nil {
		w.Fatal(err)
	}
	running := count(s.Replicas, nil)
	for i := range d.Moves {
		move := &d.Moves[i]
		switch {
		case !s.Worth.Known || s.Worth.SavingsUSD <= 0 || s.Pause != "" || !open:
			w.Fatalf("moved although %+v, paused %q, window open %v", s.Worth, s.Pause, open)
		case running[move.From] <= s.Plan[move.From] || running[move.To] >= s.Plan[move.To]:
			w.Fatalf("moved from %s to %s: %v run, the plan is %v", move.From, move.To, running, s.Plan)
		case w.within(w.entered[move.From]) || w.within(w.left[move.To]):
			w.Fatalf("moved from %s to %s and back within %s", move.From, move.To, s.Stabilization)
		}
		running[move.From]--
		running[move.To]++
	}
	for i := range d.Moves {
		w.m.Moved(s, &d.Moves[i])
		w.evict(&d.Moves[i])
	}
}

func (w *world) evict(move *Move) {
	w.left[move.From], w.entered[move.To] = append(w.left[move.From], w.s.Now), append(w.entered[move.To], w.s.Now)
	for i := range w.s.Replicas {
		if w.s.Replicas[i].ID == move.Replica.ID {
			w.s.Replicas = append(w.s.Replicas[:i:i], w.s.Replicas[i+1:]...)
			break
		}
	}
	pool := move.To
	if rapid.IntRange(0, 5).Draw(w.T, "disobeys") == 0 {
		pool = rapid.SampledFrom(w.pools).Draw(w.T, "lands")
	}
	appears := w.s.Now.Add(time.Duration(rapid.IntRange(0, 200).Draw(w.T, "appears")) * time.Second)
	w.replaced = append(w.replaced, pendingPod{pool, appears, appears.Add(time.Duration(rapid.IntRange(0, 200).Draw(w.T, "starts")) * time.Second)})
}

// within says whether any of the times is within the stabilization before the move that is checked. Moves of the same
// decision are not noted yet.
func (w *world) within(times []time.Time) bool {
	for _, at := range times {
		if w.s.Now.Sub(at) < w.s.Stabilization {
			return true
		}
	}
	return false
}

// TestSettles checks that without further changes every workload comes to rest in the plan, if the scheduler obeys.
func TestSettles(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		wanted := rapid.IntRange(1, 20).Draw(t, "wanted")
		s := dear(func(s *Situation) {
			s.Wanted, s.Replicas, s.Plan = wanted, nil, map[string]int{}
			s.Policy = allow(0, rapid.SampledFrom([]string{"1", "3", "40%"}).Draw(t, "budget"))
		})
		for range wanted {
			s.Plan[rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "planned")]++
			s.Replicas = append(s.Replicas, spread(rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "runs"), 1)...)
			last := &s.Replicas[len(s.Replicas)-1]
			last.ID = fmt.Sprintf("%s-%d", last.ID, len(s.Replicas))
			last.Name = last.ID
		}
		m, moved := &Memory{}, 0
		for range 10 * wanted {
			d := m.Decide(s, fill{})
			if d.Code == CodeInPlace {
				return
			}
			for i := range d.Moves {
				one := d
				one.Moves = d.Moves[i : i+1]
				carryOut(m, s, one, d.Moves[i].To, s.Now.Add(time.Second))
			}
			moved += len(d.Moves)
			if moved > wanted {
				t.Fatalf("%d moves of %d replicas", moved, wanted)
			}
			if len(d.Moves) == 0 {
				s.Now = s.Now.Add(time.Minute)
			}
		}
		t.Fatalf("not in place: %v run, the plan is %v", count(s.Replicas, nil), s.Plan)
	})
}
