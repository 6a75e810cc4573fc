package candidates

import (
	"testing"
	"time"
)

// The next node may be a pod's when the pod before got one, no other came in between, and there are more that are not
// too old; after a mistake it takes many cycles to believe so again.
func TestTheNextNodeMayBeAPods(t *testing.T) {
	type step struct {
		cycle, given int64
		want         bool
	}
	for _, tt := range []struct {
		name  string
		left  int
		age   time.Duration
		steps []step
	}{
		{"the last pod got one", 5, 0, []step{{1, 0, false}, {2, 1, true}, {3, 2, true}}},
		{"the last pod got none", 5, 0, []step{{1, 0, false}, {2, 0, false}, {3, 1, true}}},
		{"a pod in between", 5, 0, []step{{1, 0, false}, {3, 1, false}, {4, 2, true}}},
		{"none is left", 2, 0, []step{{1, 0, false}, {2, 1, true}, {3, 2, false}}},
		{"they are too old", 5, batchAge, []step{{1, 0, false}, {2, 1, false}}},
		{"after a mistake", 5, 0, []step{
			{1, 0, false}, {2, 1, true}, {3, 1, false}, {4, 2, false}, {102, 2, false}, {103, 3, true},
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			scored := time.Now()
			b := batch{left: tt.left, scored: scored}
			for _, step := range tt.steps {
				if got := b.begin(step.cycle, step.given, scored.Add(tt.age)); got != step.want {
					t.Errorf("cycle %d, after %d got the next: %t, want %t", step.cycle, step.given, got, step.want)
				}
				b.foreseen = step.want
			}
		})
	}
}
