package engine

// Where few workloads call each other the search by chance is begun anew with other random numbers, as long as fewer than mostTried changes were
// tried in all, and one of so many passes in a row as vainPasses has found anything better: a plan that one search ends in another one misses.
// It is counted in work, and not in time, so that one snapshot has one plan.
const (
	mostTried  = 1_200_000
	vainPasses = 3
)

// annealOften searches by chance from the present plan on, several times where that is worth its time.
func (s *Solver) annealOften(relax *relaxer) {
	calling := 0
	for _, app := range s.applications() {
		calling += len(app)
	}
	often := s.calls && calling <= triesOfAll/triesOfOne && !s.m.options.brief
	begun, vain := s.tried, 0
	for s.pass = 0; ; s.pass++ {
		before, tried := s.score(), s.tried
		s.attempt(func() {
			s.anneal(relax)
			s.mendPodRules()
		})
		if vain++; s.score().better(before) {
			vain = 0
		}
		last := s.tried - tried
		if !often || vain == vainPasses || last == 0 || s.tried-begun+last > mostTried || s.expired() {
			break
		}
	}
	s.pass = 0
}
