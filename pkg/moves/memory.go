package moves

import (
	"slices"
	"time"
)

// maxPast is how many moves are remembered of a workload.
const maxPast = 64

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
	// sent are the pools that these replicas were moved to, with their numbers.
	sent map[string]int
	// missed are the pools that replacements were to come up in and did not.
	missed map[string]miss
}

// miss is a replacement that came up where it would be moved from again.
type miss struct {
	landed        string // the pool where it came up
	circumstances string // of both pools when it did
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
		m.evicted, m.known, m.sent = map[string]bool{}, map[string]bool{}, map[string]int{}
	}
	m.evicted[move.Replica.ID] = true
	m.sent[move.To]++
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
	running, arrived := count(s.Replicas, nil), count(s.Replicas, m.known)
	landed := ""
	for pool := range arrived {
		if running[pool] > s.Plan[pool] && (landed == "" || pool < landed) {
			landed = pool
		}
	}
	for to, n := range m.sent {
		if landed == "" || arrived[to] >= n {
			delete(m.missed, to)
			continue
		}
		if m.missed == nil {
			m.missed = map[string]miss{}
		}
		m.missed[to] = miss{landed, s.circumstances(landed, to)}
	}
	m.evicted, m.known, m.sent = nil, nil, nil
}

// misses is where the latest replacement came up that was to come up in a pool, if it would be moved from there again and nothing
// has changed since that decides where it comes up; empty otherwise. Time alone changes nothing.
func (m *Memory) misses(s *Situation, to string) (landed string) {
	if known, ok := m.missed[to]; ok && s.circumstances(known.landed, to) == known.circumstances {
		return known.landed
	}
	return ""
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
