package engine

import (
	"cmp"
	"slices"
)

// While replicas are on their way to where a plan has them, plans are made anew all the time. Each search finds what is nearly the best, and not
// the same each time, so that what several workloads do together would be begun and never ended. So the plan before is followed on where
// another one is not clearly cheaper.

// followedShare is by which share of what a plan costs another has to be cheaper.
const followedShare = 0.01

// preferPlanned improves the plan that was before step by step, and follows it where the one that was found is not clearly cheaper, places no
// more and has no more room for what would be lost.
func (s *Solver) preferPlanned() {
	if s.cells() > incumbentCells || !s.leavesPlan() {
		return
	}
	before := s.standing()
	s.liftAll()
	for i, w := range s.works {
		if w.held != "" {
			s.restore(w, before.allocs[i])
		}
	}
	s.asPlanned()
	s.reserve = nil
	s.improveStrictly()
	good := !slices.ContainsFunc(s.works, func(w *work) bool { return !s.keepsRules(w) })
	if good {
		s.settleAll()
		now, was := s.plan, before.plan
		order := cmp.Or(cmp.Compare(now.Unplaced, was.Unplaced), cmp.Compare(now.Unrecovered(), was.Unrecovered()))
		good = order < 0 || order == 0 && before.usd >= s.minimised()*(1-followedShare) && !s.fewerOf(s.save(), before.allocs)
	}
	if !good {
		s.stand(before)
	}
}

// leavesPlan says whether the plan that was found has replicas elsewhere than the one before.
func (s *Solver) leavesPlan() bool {
	for i, w := range s.works {
		if len(s.m.snapshot.Workloads[i].Planned) == 0 || w.held != "" {
			continue
		}
		for _, at := range s.plannedStays(w) {
			if w.replicasOn(at.pool) < min(at.n, w.n) {
				return true
			}
		}
	}
	return false
}

// plannedStays is where the plan before had the replicas of a workload, as if they were there.
func (s *Solver) plannedStays(w *work) []stay {
	var out []stay
	for _, at := range s.m.snapshot.Workloads[w.index].Planned {
		if at.Pool < 0 || at.Pool >= len(s.m.pools) || at.Replicas < 1 {
			continue
		}
		n := int32(min(at.Replicas, maxReplicas))
		if k := slices.IndexFunc(out, func(known stay) bool { return known.pool == int32(at.Pool) }); k >= 0 {
			out[k].n += n
			continue
		}
		out = append(out, stay{pool: int32(at.Pool), n: n})
	}
	return out
}

// asPlanned places everything where the plan before had it: first what runs there already, on its nodes, then the others, and at last the
// workloads of which nothing was planned.
func (s *Solver) asPlanned() {
	for _, known := range []bool{true, false} {
		for _, i := range s.order {
			w := s.works[i]
			if w.held != "" || w.n == 0 || len(s.m.snapshot.Workloads[i].Planned) > 0 != known {
				continue
			}
			s.putWhere(w, s.plannedStays(w), !known)
		}
	}
}

// improveStrictly improves the present plan step by step, and changes nothing that does not make it better: much can be exchanged that costs
// the same.
func (s *Solver) improveStrictly() {
	s.vain = nil
	s.mendPodRules()
	if s.lacksRoom() {
		s.squeeze()
	}
	s.secure()
	s.attempt(func() {
		s.improve()
		if !s.expired() {
			s.searchAll()
		}
		s.mendPodRules()
	})
	if !s.m.invoices() || s.expired() {
		return
	}
	s.attempt(func() {
		c := s.newConsolidator()
		c.strict = true
		c.settleIn()
		c.sweep()
		c.shake()
	})
	if !s.expired() {
		s.consolidateSecured()
	}
}
