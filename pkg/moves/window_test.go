package moves

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestBudget(t *testing.T) {
	for _, c := range []struct {
		text     string
		replicas int
		want     int
		wrong    bool
	}{
		{"", 10, 1, false}, {"3", 10, 3, false}, {"30%", 10, 3, false}, {"39%", 10, 3, false}, {"1%", 10, 1, false}, {"100%", 3, 3, false},
		{"10%", 0, 1, false}, {"0", 10, 0, true}, {"-1", 10, 0, true}, {"101%", 10, 0, true}, {"%", 10, 0, true}, {"ten", 10, 0, true},
	} {
		got, err := budget(c.text, c.replicas)
		if got != c.want || (err != nil) != c.wrong {
			t.Errorf("budget(%q, %d) = %d, %v", c.text, c.replicas, got, err)
		}
	}
}

func FuzzBudget(f *testing.F) {
	for _, text := range []string{"", "1", "10%", "0%", "999999999999999999999", "1%%", "٣"} {
		f.Add(text, 10)
	}
	f.Fuzz(func(t *testing.T, text string, replicas int) {
		replicas %= 1 << 20
		if got, err := budget(text, replicas); err == nil && got < 1 {
			t.Errorf("budget(%q, %d) = %d", text, replicas, got)
		}
	})
}

// TestWindow compares with a search minute by minute for a start that is still open.
func TestWindow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		hour, minute := rapid.IntRange(0, 23).Draw(t, "hour"), rapid.IntRange(0, 59).Draw(t, "minute")
		duration := time.Duration(rapid.IntRange(1, 30*60).Draw(t, "minutes")) * time.Minute
		now := noon.Add(time.Duration(rapid.IntRange(0, 3*24*60).Draw(t, "now")) * time.Minute)
		schedule := time.Date(2026, 1, 1, hour, minute, 0, 0, time.UTC).Format("4 15") + " * * *"
		starts := func(at time.Time) bool { return at.Hour() == hour && at.Minute() == minute }
		want := false
		for at := now; now.Sub(at) < duration; at = at.Add(-time.Minute) {
			want = want || starts(at)
		}
		open, next, err := inWindow(window(schedule, duration), now)
		if err != nil || open != want {
			t.Fatalf("%q for %s at %s: %v, %v", schedule, duration, now, open, err)
		}
		if !open && (!next.After(now) || !starts(next) || next.Sub(now) > 24*time.Hour) {
			t.Fatalf("%q opens at %s", schedule, next)
		}
	})
}

func FuzzWindow(f *testing.F) {
	for _, schedule := range []string{"0 2 * * *", "*/5 * * * mon-fri", "", "0 0 31 2 *", "@every 1s", "TZ=Asia/Tokyo 0 2 * * *", "99 * * * *"} {
		f.Add(schedule, int64(time.Hour))
	}
	f.Fuzz(func(t *testing.T, schedule string, duration int64) {
		open, next, err := inWindow(window(schedule, time.Duration(duration)%(200*time.Hour)), noon)
		if err == nil && !open && !next.After(noon) {
			t.Errorf("%q opens next at %s, now it is %s", schedule, next, noon)
		}
	})
}
