package engine

import "slices"

// members are the workloads that a rule of pods selects. Of very many mostly few hold replicas, and these alone are looked at: live are
// those of them that ever held some, among the first seen ones of the solver's.
type members struct {
	all  []int32 // sorted
	live []int32
	seen int
}

// holding are the members that may hold replicas.
func (m *members) holding(s *Solver) []int32 {
	if len(m.all) < fewMembers {
		return m.all
	}
	for _, i := range s.seen[m.seen:] {
		if _, found := slices.BinarySearch(m.all, i); found {
			m.live = append(m.live, i)
		}
	}
	m.seen = len(s.seen)
	return m.live
}

// fewMembers are walked each time.
const fewMembers = 16

// see notes that a workload holds replicas, or that some of it run.
func (s *Solver) see(w *work) {
	if !w.seen {
		w.seen = true
		s.seen = append(s.seen, w.index)
	}
}
