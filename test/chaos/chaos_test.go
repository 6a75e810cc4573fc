// Package chaos breaks a cluster that Tradewind runs in, and checks what Tradewind does. See docs/chaos.md.
package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"tradewind.dev/tradewind/test/chaos/check"
	"tradewind.dev/tradewind/test/chaos/faults"
	"tradewind.dev/tradewind/test/chaos/history"
)

// settings are what the environment says.
type settings struct {
	seed     uint64
	duration time.Duration
	times    times
}

// readSettings reads SEED, DURATION (seconds) and TIMES (short or kubernetes).
func readSettings() (settings, error) {
	s := settings{seed: rand.Uint64N(1_000_000), duration: 3 * time.Minute}
	if text := os.Getenv("SEED"); text != "" {
		seed, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return s, fmt.Errorf("SEED=%q: want a whole number that is not negative", text)
		}
		s.seed = seed
	}
	if text := os.Getenv("DURATION"); text != "" {
		seconds, err := strconv.Atoi(text)
		if err != nil || seconds < 1 {
			return s, fmt.Errorf("DURATION=%q: want a number of seconds, at least 1", text)
		}
		s.duration = time.Duration(seconds) * time.Second
	}
	var err error
	s.times, err = timesOf(os.Getenv("TIMES"))
	return s, err
}

func TestChaos(t *testing.T) {
	s, err := readSettings()
	if err != nil {
		t.Fatal(err)
	}
	again := fmt.Sprintf("make chaos SEED=%d DURATION=%d TIMES=%s", s.seed, int(s.duration.Seconds()), s.times.name)
	fmt.Printf("chaos: seed %d; the same faults again: %s\n", s.seed, again)
	artifacts := os.Getenv("ARTIFACTS")
	if artifacts != "" {
		if err := os.MkdirAll(artifacts, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	folder, err := os.MkdirTemp(artifacts, "tradewind-chaos-*")
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, s.times, folder)
	finished := false
	t.Cleanup(func() {
		if !t.Failed() && finished {
			_ = os.RemoveAll(folder)
			return
		}
		w.keepLogs()
		fmt.Printf("chaos: the history and the logs of this run are in %s\n", folder)
	})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go w.keep(ctx)
	go w.progress(ctx)

	w.tell("%d nodes and %d workloads; waiting until all are ready", len(w.order), len(w.loads))
	w.quiet(ctx)
	w.measure(ctx)
	made, told := 0, map[string]bool{}
	result := w.judge(told, s.seed)
	sequence := faults.NewSequence(s.seed, w.scene, s.times.faults)
	for end := time.Now().Add(s.duration); time.Now().Before(end); {
		burst := sequence.Burst()
		w.tell("%d faults, from %s", len(burst), burst[0])
		n := w.burst(ctx, burst)
		made += n
		w.tell("%d were made; quiet", n)
		w.quiet(ctx)
		w.measure(ctx)
		w.readLogs(ctx)
		result = w.judge(told, s.seed)
	}
	w.tell("%d binds, %d moves by Tradewind", result.Binds, result.Moves)
	bench("chaos_faults", made)
	bench("chaos_violations", len(result.Violations))
	bench("chaos_residency_violations", result.Count(check.RuleResidency))
	bench("chaos_binds", result.Binds)
	finished = true
	if len(result.Violations) > 0 {
		t.Errorf("%d violations; the same faults again: %s", len(result.Violations), again)
	}
}

func bench(name string, count int) { fmt.Printf("BENCH %s %d count\n", name, count) }

// judge checks the history and prints what was not told before.
func (w *world) judge(told map[string]bool, seed uint64) check.Result {
	result := check.Check(w.record.Events())
	for _, v := range result.Violations {
		if key := v.String(); !told[key] {
			told[key] = true
			fmt.Printf("VIOLATION seed=%d %6.1fs %s\n", seed, v.Time.Sub(w.began).Seconds(), v)
		}
	}
	return result
}

// progress prints where the run is, every ten seconds.
func (w *world) progress(ctx context.Context) {
	for sleepUntil(ctx, time.Now().Add(10*time.Second)) {
		begun, ended, binds := 0, 0, map[string]bool{}
		for _, e := range w.record.Events() {
			switch {
			case e.Fault != nil && e.Fault.Ended:
				ended++
			case e.Fault != nil && e.Fault.Problem == "":
				begun++
			case e.Pod != nil && e.Pod.Node != "":
				binds[e.Pod.UID] = true
			}
		}
		alive := 0
		w.mu.Lock()
		for _, m := range w.machines {
			if m.truth.State == history.Alive {
				alive++
			}
		}
		w.mu.Unlock()
		waiting, missing := w.waiting(ctx)
		text := ""
		if len(waiting) > 0 {
			text = ", such as " + waiting[len(waiting)-1]
		}
		w.tell("%d faults so far, %d binds; %d of %d machines live; %d missing%s", begun, len(binds), alive, len(w.order),
			min(missing, 9999), text)
	}
}

// TestSettings checks what is refused.
func TestSettings(t *testing.T) {
	for _, c := range []struct{ name, value string }{{"SEED", "x"}, {"SEED", "-1"}, {"DURATION", "0"}, {"DURATION", "3m"}, {"TIMES", "long"}} {
		t.Run(c.name, func(t *testing.T) {
			for _, name := range []string{"SEED", "DURATION", "TIMES"} {
				t.Setenv(name, "")
			}
			t.Setenv(c.name, c.value)
			if _, err := readSettings(); err == nil {
				t.Errorf("%s=%s is taken", c.name, c.value)
			}
		})
	}
}
