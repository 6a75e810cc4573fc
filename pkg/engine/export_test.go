package engine

import "fmt"

import "slices"

// MaxChecks is for how many sets of rules one conflict tries whether they leave a place.
const MaxChecks = maxChecks

// PlaceAtLeast sets for how many workloads a place is looked for whatever the deadline, and returns how to undo that.
func PlaceAtLeast(n int) (undo func()) {
	was := alwaysPlaced
	alwaysPlaced = n
	return func() { alwaysPlaced = was }
}

// Checks is for how many sets of rules the solver has tried whether they leave a place.
func (s *Solver) Checks() int { return s.checks }

// Accepts says whether the limits on how the replicas of a workload are shared out allow all of them where they are: one of any
// pool, taken away, could come back.
func (a *Appraiser) Accepts(workload int, decisions []Decision) bool {
	w, c := a.works[workload], newChooser(a.m)
	want := ask{row: w.row, limits: w.limits, n: w.n}
	var picks []pick
	for _, d := range decisions {
		picks = append(picks, pick{int32(d.Pool), int32(d.Replicas)})
	}
	for _, p := range picks {
		c.restore(&want, slices.Clone(picks))
		c.remove(p.pool, 1)
		if c.allowance(p.pool) < 1 {
			return false
		}
	}
	return true
}

// SqueezeAgain tries once more to place replicas that lack room, and says where all were before and are then.
func (s *Solver) SqueezeAgain() (before, after string) {
	before = fmt.Sprint(s.save())
	s.squeeze()
	return before, fmt.Sprint(s.save())
}
