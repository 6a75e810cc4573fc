package check

import (
	"sort"
	"time"
)

// timeline is a value as it changed.
type timeline[T any] struct {
	at     []time.Time
	values []T
}

func (l *timeline[T]) add(at time.Time, value T) {
	l.at, l.values = append(l.at, at), append(l.values, value)
}

// before is how many changes there were up to a time.
func (l *timeline[T]) before(t time.Time) int {
	return sort.Search(len(l.at), func(i int) bool { return l.at[i].After(t) })
}

// during are the values that held at some time from one time to another; the one that held before all when it began later.
func (l *timeline[T]) during(from, to time.Time) []T {
	if l == nil || len(l.values) == 0 || to.Before(from) {
		return nil
	}
	first, end := max(0, l.before(from)-1), max(1, l.before(to))
	return l.values[first:end]
}

// last is the value at a time.
func (l *timeline[T]) last(t time.Time) (value T, ok bool) {
	if l == nil || l.before(t) == 0 {
		return value, false
	}
	return l.values[l.before(t)-1], true
}

// span is a time from one event to another; to is zero while it lasts.
type span struct{ from, to time.Time }

func (s span) overlaps(from, to time.Time) bool {
	return s.from.Before(to) && (s.to.IsZero() || s.to.After(from))
}

// covers says whether the span holds over a whole time.
func (s span) covers(from, to time.Time) bool {
	return !s.from.After(from) && (s.to.IsZero() || !s.to.Before(to))
}

// spans are the times in which a condition held in a timeline.
func spans[T any](l *timeline[T], holds func(T) bool) []span {
	var out []span
	open := false
	for i, value := range l.values {
		switch is := holds(value); {
		case is && !open:
			out = append(out, span{from: l.at[i]})
			open = true
		case !is && open:
			out[len(out)-1].to = l.at[i]
			open = false
		}
	}
	return out
}
