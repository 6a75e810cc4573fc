package loop

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/utils/clock"
)

const settle = 200 * time.Millisecond

// bench is a loop in a bubble with a time of its own. Times are since its beginning.
type bench struct {
	*Loop
	began  time.Time
	worked []time.Duration
}

func (b *bench) now() time.Duration { return time.Since(b.began) }

func (b *bench) time(at time.Duration) time.Time { return b.began.Add(at) }

// at lets something happen at a time.
func (b *bench) at(when time.Duration, happens func()) {
	time.Sleep(when - b.now())
	synctest.Wait()
	happens()
}

func TestRun(t *testing.T) {
	const ms, second = time.Millisecond, time.Second
	for _, c := range []struct {
		name   string
		settle time.Duration
		rush   time.Duration
		// work is what is done; it may take time.
		work func(b *bench) Next
		// script is what happens, until the context ends.
		script func(b *bench)
		want   []time.Duration
	}{
		{
			name: "at once, and then only after changes", settle: settle,
			script: func(b *bench) { b.at(10*second, func() {}) },
			want:   []time.Duration{0},
		},
		{
			name: "changes that come together are one", settle: settle,
			script: func(b *bench) {
				b.at(second, b.Changed)
				b.at(second+50*ms, b.Changed)
				b.at(second+150*ms, b.Changed)
				b.at(5*second, func() {})
			},
			want: []time.Duration{0, 1200 * ms},
		},
		{
			name:   "nothing settles where it need not",
			script: func(b *bench) { b.at(second, b.Changed); b.at(2*second, func() {}) },
			want:   []time.Duration{0, second},
		},
		{
			name: "a pressing change does not wait, nor does what waits with it", settle: settle,
			script: func(b *bench) {
				b.at(second, b.Press)
				b.at(2*second, b.Changed)
				b.at(2*second+100*ms, b.Press)
				b.at(5*second, func() {})
			},
			want: []time.Duration{0, second, 2100 * ms},
		},
		{
			name: "a change during the work is done after it", settle: settle,
			work:   func(*bench) Next { time.Sleep(second); return Next{} },
			script: func(b *bench) { b.at(500*ms, b.Changed); b.at(10*second, func() {}) },
			want:   []time.Duration{0, 1200 * ms},
		},
		{
			name: "it is due though nothing changes", settle: settle,
			work:   func(b *bench) Next { return Next{At: b.time(b.now() + 3*second)} },
			script: func(b *bench) { b.at(7*second, func() {}) },
			want:   []time.Duration{0, 3 * second, 6 * second},
		},
		{
			name: "a change comes before what is due", settle: settle,
			work:   func(b *bench) Next { return Next{At: b.time(b.now() + 3*second)} },
			script: func(b *bench) { b.at(second, b.Changed); b.at(4*second, func() {}) },
			want:   []time.Duration{0, 1200 * ms},
		},
		{
			name: "what is due does not wait for a change to settle", settle: settle,
			work:   func(b *bench) Next { return Next{At: b.time(b.now() + second)} },
			script: func(b *bench) { b.at(900*ms, b.Changed); b.at(1500*ms, func() {}) },
			want:   []time.Duration{0, second},
		},
		{
			name: "it rests after changes, and not when pressed", settle: settle,
			work: func(b *bench) Next { return Next{NotBefore: b.time(b.now() + 5*second)} },
			script: func(b *bench) {
				b.at(second, b.Changed)
				b.at(6*second, b.Changed)
				b.at(7*second, b.Press)
				b.at(9*second, func() {})
			},
			want: []time.Duration{0, 5 * second, 7 * second},
		},
		{
			name: "pressing changes that come together are one, and rest too where they are to", settle: settle, rush: 10 * ms,
			work: func(b *bench) Next { return Next{PressedNotBefore: b.time(b.now() + second)} },
			script: func(b *bench) {
				b.at(2*second, b.Press)
				b.at(2*second+5*ms, b.Press)
				b.at(2*second+110*ms, b.Changed)
				b.at(2*second+120*ms, b.Press)
				b.at(5*second, func() {})
			},
			want: []time.Duration{0, 2010 * ms, 3010 * ms},
		},
		{
			name: "what is due in the past is done at once", settle: settle,
			work: func(b *bench) Next {
				if len(b.worked) < 3 {
					return Next{At: b.began.Add(-time.Hour)}
				}
				return Next{}
			},
			script: func(b *bench) { b.at(second, func() {}) },
			want:   []time.Duration{0, 0, 0},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := &bench{Loop: New(clock.RealClock{}, c.settle, c.rush), began: time.Now()}
				ctx, cancel := context.WithCancel(t.Context())
				done := make(chan struct{})
				go func() {
					defer close(done)
					b.Run(ctx, func(context.Context) Next {
						b.worked = append(b.worked, b.now())
						if c.work == nil {
							return Next{}
						}
						return c.work(b)
					})
				}()
				c.script(b)
				cancel()
				<-done
				if !slices.Equal(b.worked, c.want) {
					t.Errorf("worked at %v, want %v", b.worked, c.want)
				}
			})
		})
	}
}

func TestEvery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 35*time.Second)
		defer cancel()
		began := time.Now()
		var worked []time.Duration
		Every(ctx, clock.RealClock{}, 10*time.Second, func(context.Context) { worked = append(worked, time.Since(began)) })
		want := []time.Duration{10 * time.Second, 20 * time.Second, 30 * time.Second}
		if !slices.Equal(worked, want) {
			t.Errorf("worked at %v, want %v", worked, want)
		}
	})
}
