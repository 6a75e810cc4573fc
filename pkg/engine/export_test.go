package engine

// MaxChecks is for how many sets of rules one conflict tries whether they leave a place.
const MaxChecks = maxChecks

// Checks is for how many sets of rules the solver has tried whether they leave a place.
func (s *Solver) Checks() int { return s.checks }
