package state

import (
	"slices"
	"sync"
	"sync/atomic"
)

// listeners are told of changes of one kind. Who tells takes no lock.
type listeners[T any] struct {
	adding sync.Mutex
	all    atomic.Pointer[[]func(T)]
}

func (l *listeners[T]) add(listener func(T)) {
	l.adding.Lock()
	defer l.adding.Unlock()
	var all []func(T)
	if before := l.all.Load(); before != nil {
		all = slices.Clone(*before)
	}
	all = append(all, listener)
	l.all.Store(&all)
}

func (l *listeners[T]) tell(of T) {
	if all := l.all.Load(); all != nil {
		for _, listener := range *all {
			listener(of)
		}
	}
}
