package informers

import (
	"maps"
	"sync"

	"tradewind.dev/tradewind/pkg/workload"
)

// Scales are how many replicas the owners of pods want that have a scale subresource. They are not watched, since API servers cannot
// do that: who reads them sets them.
type Scales struct {
	mu        sync.Mutex
	scales    map[workload.Key]workload.Scale
	last      map[workload.Key]workload.Workload
	listeners []func()
}

func newScales() *Scales {
	return &Scales{scales: map[workload.Key]workload.Scale{}, last: map[workload.Key]workload.Workload{}}
}

// OnChange calls a function after a scale has changed. Add listeners before the objects are watched; they are not taken away.
func (s *Scales) OnChange(listener func()) { s.listeners = append(s.listeners, listener) }

// Set keeps what an owner's scale says. Listeners are told after that where it is another than it was.
func (s *Scales) Set(of workload.Key, scale workload.Scale) {
	s.mu.Lock()
	before, known := s.scales[of]
	s.scales[of] = scale
	s.mu.Unlock()
	if !known || before != scale {
		s.tell()
	}
}

// Remove forgets an owner. Listeners are told after that.
func (s *Scales) Remove(of workload.Key) {
	s.mu.Lock()
	_, known := s.scales[of]
	delete(s.scales, of)
	delete(s.last, of)
	s.mu.Unlock()
	if known {
		s.tell()
	}
}

func (s *Scales) tell() {
	for _, listener := range s.listeners {
		listener()
	}
}

// Get finds what an owner's scale says.
func (s *Scales) Get(of workload.Key) (scale workload.Scale, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	scale, ok = s.scales[of]
	return scale, ok
}

// All are the scales in a map of the caller's own.
func (s *Scales) All() map[workload.Key]workload.Scale {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.scales)
}

// declared are the workloads, as they were last, of owners that want replicas and have no pods at the moment: those of a lost cloud
// are gone before the next ones come.
func (s *Scales) declared(runs map[workload.Key]bool) []workload.Workload {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []workload.Workload
	for of, w := range s.last {
		if scale := s.scales[of]; !runs[of] && scale.Counted == "" && scale.Replicas > 0 {
			out = append(out, w)
		}
	}
	return out
}

// remember keeps the workloads as they are now.
func (s *Scales) remember(all []workload.Workload) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range all {
		if _, scales := s.scales[all[i].Key]; scales {
			s.last[all[i].Key] = all[i]
		}
	}
}
