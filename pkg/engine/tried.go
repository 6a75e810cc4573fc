package engine

import "slices"

// vain is what improve tried in vain, and where everything was then, so that a large plan is not tried again where nothing has changed.
type vain struct {
	tried  []bool // by workload
	allocs [][]alloc
}

// triedInVain are the workloads that improve tried in vain before, in a large plan, which are where they were, as is all that they call
// and that calls them. Others may have made room since: that is worth its time in small plans.
func (s *Solver) triedInVain() []bool {
	tried := make([]bool, len(s.works))
	if s.vain == nil {
		return tried
	}
	moved := make([]bool, len(s.works))
	for i, w := range s.works {
		moved[i] = !slices.Equal(w.allocs, s.vain.allocs[i])
	}
	for i, w := range s.works {
		tried[i] = s.vain.tried[i] && !moved[i]
		s.neighbours(w, func(other int32, _ *edge) { tried[i] = tried[i] && !moved[other] })
	}
	return tried
}

// rememberVain remembers what was tried in vain.
func (s *Solver) rememberVain(tried []bool) {
	if s.calls && len(s.works) > many {
		s.vain = &vain{tried, s.save()}
	}
}
