package moves

import (
	"fmt"
	"slices"
	"time"
)

const (
	// firstBackoff is how long a workload waits at least after a replacement landed where it would be moved from again; the
	// wait doubles each time, up to lastBackoff.
	firstBackoff = time.Minute
	lastBackoff  = time.Hour
	// maxPast is how many moves are remembered of a workload.
	maxPast = 64
)

// Past is a replica that was moved.
type Past struct {
	Time time.Time
	// From and To are pools; To is empty where it is not known any more.
	From, To string
	Reason   Reason
	// young are the IDs of the replicas that were there already, and made in the same second: nothing else tells them from the
	// one that came for the moved one. It is not known of moves by another process.
	young map[string]bool
}

// Memory is what is remembered of one workload between decisions. The zero value is ready for use.
type Memory struct {
	past []Past // the newest first
	// wave are the pools that were to be left when the present series of moves began.
	wave map[string]bool
	// evicted are the replicas that were moved since the last look at where replacements landed, known the IDs of all
	// replicas that were there before.
	evicted map[string]bool
	known   map[string]bool
	// failures are replacements in a row that landed where they would be moved from again, the last one in the pool landed,
	// under these circumstances. Nothing is moved before until, nor, from the second one on, while the circumstances are the same.
	failures      int
	until         time.Time
	landed        string
	circumstances string
}

// Recall adds moves that were recorded earlier, by another process: the order does not matter.
func (m *Memory) Recall(past []Past) {
	m.past = append(m.past, past...)
	m.trim()
}

func (m *Memory) trim() {
	slices.SortStableFunc(m.past, func(a, b Past) int { return b.Time.Compare(a.Time) })
	m.past = m.past[:min(len(m.past), maxPast)]
}

// Moved takes note of a replica that was evicted.
func (m *Memory) Moved(s *Situation, move *Move) {
	if len(m.recent(s)) == 0 {
		m.wave = map[string]bool{}
		for pool, n := range count(s.Replicas, nil) {
			m.wave[pool] = n > s.Plan[pool]
		}
	}
	past := Past{Time: s.Now, From: move.From, To: move.To, Reason: move.Reason, young: map[string]bool{}}
	for i := range s.Replicas {
		if r := &s.Replicas[i]; !r.Created.Before(s.Now.Truncate(time.Second)) {
			past.young[r.ID] = true
		}
	}
	m.past = append(m.past, past)
	m.trim()
	if m.evicted == nil {
		m.evicted, m.known = map[string]bool{}, map[string]bool{}
	}
	m.evicted[move.Replica.ID] = true
	for i := range s.Replicas {
		m.known[s.Replicas[i].ID] = true
	}
}

// recent are the moves within the stabilization.
func (m *Memory) recent(s *Situation) []Past {
	for i := range m.past {
		if s.Now.Sub(m.past[i].Time) >= s.Stabilization {
			return m.past[:i]
		}
	}
	return m.past
}

// settle looks where replacements landed, once all are there and ready.
func (m *Memory) settle(s *Situation) {
	if len(m.evicted) == 0 {
		return
	}
	ready := 0
	for i := range s.Replicas {
		if m.evicted[s.Replicas[i].ID] {
			return // it is still there
		}
		if s.Replicas[i].Ready {
			ready++
		}
	}
	if ready < s.Wanted {
		return
	}
	running := count(s.Replicas, nil)
	wrong := ""
	for i := range s.Replicas {
		r := &s.Replicas[i]
		if !m.known[r.ID] && running[r.Pool] > s.Plan[r.Pool] && (wrong == "" || r.Pool < wrong) {
			wrong = r.Pool
		}
	}
	m.evicted, m.known = nil, nil
	if wrong == "" {
		m.failures, m.landed, m.until, m.circumstances = 0, "", time.Time{}, ""
		return
	}
	wait := lastBackoff
	if m.failures < 10 {
		wait = min(lastBackoff, firstBackoff<<m.failures)
	}
	m.failures++
	m.until, m.landed = s.Now.Add(wait), wrong
	if s.Circumstances != nil {
		m.circumstances = s.Circumstances()
	}
}

// futile says why moving replicas would only bring them back to where they are; again is when that may have changed, zero
// when time alone changes nothing.
func (m *Memory) futile(s *Situation) (why string, again time.Time) {
	if m.landed == "" {
		return "", time.Time{}
	}
	const what = "a replacement came up in pool %s, where it would be moved from again; the next try is %s. Does the pool that the plan " +
		"wants refuse the pods (affinity, taints, quota)?"
	if s.Now.Before(m.until) {
		return fmt.Sprintf(what, m.landed, "at "+m.until.UTC().Format(time.RFC3339)), m.until
	}
	// The first time it may be that the scheduler had not seen the plan yet.
	if m.failures > 1 && s.Circumstances != nil && s.Circumstances() == m.circumstances {
		return fmt.Sprintf(what, m.landed, "when the plan, the policies, or nodes or replicas there have changed"), time.Time{}
	}
	return "", time.Time{}
}

// Pending says whether replacements of replicas that were moved are still awaited.
func (m *Memory) Pending() bool { return len(m.evicted) > 0 }

// allowed says whether a move agrees with the latest ones: within the stabilization only what was to be left from the
// beginning is left, and no pool is both left and entered.
func (m *Memory) allowed(recent []Past, from, to string) bool {
	if len(recent) == 0 {
		return true
	}
	leaves := m.wave[from]
	for i := range recent {
		if recent[i].From == from {
			leaves = true
		}
		if recent[i].To == from || recent[i].From == to {
			return false
		}
	}
	return leaves
}

// count counts replicas by pool, those that are left out not; those without a pool under "".
func count(replicas []Replica, leaveOut map[string]bool) map[string]int {
	out := map[string]int{}
	for i := range replicas {
		if !leaveOut[replicas[i].ID] {
			out[replicas[i].Pool]++
		}
	}
	return out
}
