package check

import (
	"slices"
	"strings"
	"time"
)

// How the names of the programs begin, and what stands for etcd, the API server and the controller manager.
const (
	controllerBegin = "tradewind-controller"
	schedulerBegin  = "tradewind-scheduler"
	controlPlane    = "control-plane"
)

// longestPause is the longest time that Kubernetes' clients wait between two tries of a watch.
const longestPause = 30 * time.Second

// since is the time from which on programs whose names begin so may believe what was true: age before t, and further back
// over times in which no news came through to them.
func (s *story) since(begin string, t time.Time, age time.Duration) time.Time {
	from := t.Add(-age)
	for changed := true; changed; {
		changed = false
		for _, d := range s.deafness(begin) {
			if d.overlaps(from, t) && d.from.Add(-age).Before(from) {
				from, changed = d.from.Add(-age), true
			}
		}
	}
	return from
}

// deafness are the times in which a program of the name heard nothing. They go on while its requests are spoilt, since it
// cannot begin its watches anew, and as long again, since it waits ever longer between its tries.
func (s *story) deafness(begin string) []span {
	if out, known := s.deafTimes[begin]; known {
		return out
	}
	is := func(n int) bool { return n > 0 }
	var out []span
	names := map[string]bool{}
	for _, lines := range []map[string]*timeline[int]{s.deaf, s.mute} {
		for program := range lines {
			if strings.HasPrefix(program, begin) {
				names[program] = true
			}
		}
	}
	names[begin] = true // when nothing but the control plane was in trouble
	for program := range names {
		own := slices.Concat(spans(line(s.deaf, program), is), spans(line(s.deaf, controlPlane), is))
		for _, d := range own {
			for _, m := range spans(line(s.mute, program), is) {
				if !d.to.IsZero() && !m.from.After(d.to) && (m.to.IsZero() || m.to.After(d.to)) {
					d.to = m.to
				}
			}
			if !d.to.IsZero() {
				d.to = d.to.Add(min(d.to.Sub(d.from), longestPause))
			}
			out = append(out, d)
		}
	}
	s.deafTimes[begin] = out
	return out
}

// troubled says whether a program whose name begins so was in any trouble at some time.
func (s *story) troubled(begin string, from, to time.Time) bool {
	during := func(t span) bool { return t.overlaps(from, to) }
	if slices.ContainsFunc(s.deafness(begin), during) {
		return true
	}
	for program, l := range s.mute {
		if strings.HasPrefix(program, begin) && slices.ContainsFunc(spans(l, func(n int) bool { return n > 0 }), during) {
			return true
		}
	}
	return false
}
