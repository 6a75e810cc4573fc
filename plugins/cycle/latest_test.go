package cycle

import (
	"sync"
	"testing"

	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework"
)

// Whoever asks gets what was written into the state that they ask about, or nothing: also while other cycles write.
func TestLatestIsOfTheStateThatIsAskedAbout(t *testing.T) {
	var of latest[int]
	states := make([]fwk.CycleState, 8)
	for i := range states {
		states[i] = framework.NewCycleState()
	}
	if _, ok := of.of(states[0]); ok {
		t.Error("there is something before anything was written")
	}
	var all sync.WaitGroup
	for i, state := range states {
		all.Go(func() {
			for range 10000 {
				of.set(state, i)
				if value, ok := of.of(state); ok && value != i {
					t.Errorf("state %d has the value of %d", i, value)
				}
				if value, ok := of.of(states[(i+1)%len(states)]); ok && value != (i+1)%len(states) {
					t.Errorf("state %d has the value of %d", (i+1)%len(states), value)
				}
			}
		})
	}
	all.Wait()
	if _, ok := of.of(states[0].Clone()); ok {
		t.Error("a copy has what was written into the original")
	}
}

type number int

func (n number) Clone() fwk.StateData { return n }

// BenchmarkLatest is what one Filter call pays to find its cycle's data, beside what it pays the state itself.
func BenchmarkLatest(b *testing.B) {
	state := framework.NewCycleState()
	state.Write("tradewind.dev/pod", number(1))
	var of latest[number]
	of.set(state, 1)
	b.Run("latest", func(b *testing.B) {
		for b.Loop() {
			if _, ok := of.of(state); !ok {
				b.Fatal("not found")
			}
		}
	})
	b.Run("state", func(b *testing.B) {
		for b.Loop() {
			data, err := state.Read("tradewind.dev/pod")
			if _, ok := data.(number); err != nil || !ok {
				b.Fatal("not found")
			}
		}
	})
}
