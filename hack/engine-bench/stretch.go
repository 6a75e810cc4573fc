package main

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"
)

// stretches is a clock that knows for how long nobody looked at it, and who did then: an overrun of a deadline is such a stretch, or
// what comes after the last look.
type stretches struct {
	last    time.Time
	longest []stretch
}

// stretch is a time in which nobody looked at the clock, since the begin of a plan, and the functions of the engine that looked at its end.
type stretch struct {
	took, at time.Duration
	by       string
}

// mostStretches are kept, the longest first.
const mostStretches = 6

func newStretches() *stretches { return &stretches{last: time.Now()} }

// clock is now, as seen from a plan that began at begun. It is asked by one at a time.
func (s *stretches) clock(begun time.Time) func() time.Time {
	return func() time.Time {
		now := time.Now()
		s.note(now, begun, callers)
		return now
	}
}

// end notes that the plan is there.
func (s *stretches) end(begun time.Time) { s.note(time.Now(), begun, func() string { return "end" }) }

func (s *stretches) note(now, begun time.Time, by func() string) {
	took := now.Sub(s.last)
	s.last = now
	if len(s.longest) == mostStretches && took <= s.longest[mostStretches-1].took {
		return
	}
	s.longest = append(s.longest, stretch{took, now.Sub(begun), by()})
	slices.SortStableFunc(s.longest, func(a, b stretch) int { return int(b.took - a.took) })
	s.longest = s.longest[:min(len(s.longest), mostStretches)]
}

func (s *stretches) String() string {
	var out []string
	for _, one := range s.longest {
		out = append(out, fmt.Sprintf("%.1f ms until %.1f ms (%s)", one.took.Seconds()*1000, one.at.Seconds()*1000, one.by))
	}
	return strings.Join(out, "; ")
}

// callers are the functions of the engine that are running, the innermost first.
func callers() string {
	pcs := make([]uintptr, 24)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(1, pcs)])
	var out []string
	for len(out) < 8 {
		frame, more := frames.Next()
		if name, of := strings.CutPrefix(frame.Function, "tradewind.dev/tradewind/pkg/engine."); of {
			out = append(out, fmt.Sprintf("%s:%d", strings.TrimPrefix(strings.TrimPrefix(name, "(*Solver)."), "(*Options)."), frame.Line))
		}
		if !more {
			break
		}
	}
	return strings.Join(out, " < ")
}
