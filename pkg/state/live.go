package state

import (
	"sync/atomic"
	"time"

	"tradewind.dev/tradewind/pkg/location"
)

// Live is a Store that feeds keep true, with what only something that lives has: whether everything has been read, and who
// is told when another world is put in force. Follow feeds it from a cluster.
type Live struct {
	*Store
	ready    atomic.Bool
	onReady  listeners[struct{}]
	onChange listeners[WorldChange]
	// planning is until when plans of new workloads are to be expected, in nanoseconds of Unix time; 0 when none are.
	planning  atomic.Int64
	onNoPlans listeners[struct{}]
}

// WorldChange is another world that was put in force, and the one before.
type WorldChange struct{ Before, After *World }

// NewLive returns a store that knows nothing yet, and is not ready.
func NewLive(options location.Options, now time.Time) (*Live, error) {
	world, err := NewWorld(Objects{}, now)
	if err != nil {
		return nil, err
	}
	return &Live{Store: NewStore(world, options)}, nil
}

// Ready says whether everything has been read, so that decisions may be made. Once it is, it stays so.
func (l *Live) Ready() bool { return l.ready.Load() }

// SetReady says that everything has been read, and tells the listeners the first time.
func (l *Live) SetReady() {
	if !l.ready.Swap(true) {
		l.onReady.tell(struct{}{})
	}
}

// OnReady calls a function once, when everything has been read. Add listeners before feeds; they are not taken away.
func (l *Live) OnReady(listener func()) { l.onReady.add(func(struct{}) { listener() }) }

// OnChange calls a function after each change of the world. Listeners are not taken away.
func (l *Live) OnChange(listener func(WorldChange)) { l.onChange.add(listener) }

// PutInForce makes a world of the objects, puts it in force and tells the listeners. Errors mean a broken build.
func (l *Live) PutInForce(objects Objects, now time.Time) error {
	before := l.World()
	world, err := before.Next(objects, now)
	if err != nil {
		return err
	}
	l.SetWorld(world)
	l.onChange.tell(WorldChange{before, world})
	return nil
}

// ExpectPlans says until when plans of new workloads are to be expected that their pods had better wait for: as long as who makes them is
// known to be alive. The zero time says that none are, and tells the listeners where some were.
func (l *Live) ExpectPlans(until time.Time) {
	if !until.IsZero() {
		l.planning.Store(until.UnixNano())
	} else if l.planning.Swap(0) != 0 {
		l.onNoPlans.tell(struct{}{})
	}
}

// PlansExpected says whether plans of new workloads are to be expected now.
func (l *Live) PlansExpected(now time.Time) bool { return now.UnixNano() < l.planning.Load() }

// OnNoPlans calls a function when no plans of new workloads are to be expected any more. Listeners are not taken away.
func (l *Live) OnNoPlans(listener func()) { l.onNoPlans.add(func(struct{}) { listener() }) }
