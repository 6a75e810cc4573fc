package plugintest

import (
	"time"

	"k8s.io/utils/clock"
	clocktesting "k8s.io/utils/clock/testing"
)

// Clock is a clock that goes when it is told to. What is to be done later is done by who lets time pass.
type Clock struct {
	*clocktesting.FakeClock
	due []func()
}

var _ clock.WithDelayedExecution = &Clock{}

func newClock() *Clock { return &Clock{FakeClock: clocktesting.NewFakeClock(Now)} }

// AfterFunc implements clock.WithDelayedExecution. The clock of client-go does what is due under a lock that its other methods take.
func (c *Clock) AfterFunc(after time.Duration, do func()) clock.Timer {
	return c.FakeClock.AfterFunc(after, func() { c.due = append(c.due, do) })
}

// Pass lets time pass, and does what is due then.
func (c *Clock) Pass(time time.Duration) {
	c.Step(time)
	due := c.due
	c.due = nil
	for _, do := range due {
		do()
	}
}
