// Package loop repeats work: after changes, when it is due, or from time to time. Every part of the program that works by
// itself, and not object by object as a reconciler, has one.
package loop

import (
	"context"
	"time"

	"k8s.io/utils/clock"
)

// Loop does work at once and after changes. Changes come from any goroutine, Run from one. Changes while the work is done
// are one change after it.
type Loop struct {
	clock        clock.Clock
	settle, rush time.Duration
	// changed signals a change that may wait for others, pressing one that may not.
	changed, pressing chan struct{}
}

// Next says when work is done again. The zero value is after the next change.
type Next struct {
	// At is when it is done though nothing changes; the zero time is never.
	At time.Time
	// NotBefore is the earliest time at which it is done after a change that is not pressing, PressedNotBefore after one that
	// is, so that work that takes long leaves the processor to others.
	NotBefore, PressedNotBefore time.Time
}

// New returns a loop. A change waits for settle, and a pressing one for rush, so that others that come with it are part of the
// same work.
func New(clock clock.Clock, settle, rush time.Duration) *Loop {
	return &Loop{clock: clock, settle: settle, rush: rush, changed: make(chan struct{}, 1), pressing: make(chan struct{}, 1)}
}

// Changed asks for work once what has changed has settled.
func (l *Loop) Changed() { signal(l.changed) }

// Press asks for work as soon as what has changed has rushed in.
func (l *Loop) Press() { signal(l.pressing) }

// Run works until the context ends.
func (l *Loop) Run(ctx context.Context, work func(context.Context) Next) {
	for ctx.Err() == nil {
		take(l.changed) // what was signalled until now the work sees
		take(l.pressing)
		l.wait(ctx, work(ctx))
	}
}

// wait returns when work is to be done again.
func (l *Loop) wait(ctx context.Context, next Next) {
	var due <-chan time.Time
	if !next.At.IsZero() {
		due = l.clock.After(next.At.Sub(l.clock.Now()))
	}
	pressed := false
	select {
	case <-ctx.Done():
		return
	case <-due:
		return
	case <-l.pressing:
		pressed = true
	case <-l.changed:
	}
	if !pressed {
		select {
		case <-ctx.Done():
			return
		case <-due:
			return
		case <-l.pressing:
		case <-l.later(l.settle, next.NotBefore):
			return
		}
	}
	select {
	case <-ctx.Done():
	case <-due:
	case <-l.later(l.rush, next.PressedNotBefore):
	}
}

// later tells when some time has passed, but not before another.
func (l *Loop) later(in time.Duration, notBefore time.Time) <-chan time.Time {
	return l.clock.After(max(in, notBefore.Sub(l.clock.Now())))
}

// Every does work each interval until the context ends, the first time after one.
func Every(ctx context.Context, clock clock.Clock, interval time.Duration, work func(context.Context)) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-clock.After(interval):
			if ctx.Err() == nil {
				work(ctx)
			}
		}
	}
}

func signal(to chan struct{}) {
	select {
	case to <- struct{}{}:
	default:
	}
}

func take(from chan struct{}) {
	select {
	case <-from:
	default:
	}
}
