package engine

import "slices"

// Degraded is a plan of what is left after a loss.
type Degraded struct {
	*Solver
	// Snapshot is the one that was planned: that which was given, without the availability rules of Workloads.
	Snapshot *Snapshot
	// Workloads, by index, cannot survive another loss, and are placed all the same.
	Workloads []int
}

// maxDegrade limits how often a plan is made anew: one workload that is placed may take the room of another.
const maxDegrade = 3

// NewDegradedSolver plans a snapshot of which part has been lost. To survive a loss means that the replicas run on what
// remains, also where that would not survive another loss: a workload of which replicas have no place is placed without its
// availability rule, if that places more of them. All other rules stay hard. Errors are those of Solve.
func NewDegradedSolver(snapshot *Snapshot, options Options) (Degraded, error) {
	solver, err := NewSolver(snapshot, options)
	if err != nil {
		return Degraded{}, err
	}
	best := Degraded{Solver: solver, Snapshot: snapshot}
	kept := map[int]bool{} // rules that no replica would be placed without
	for range maxDegrade {
		tried := unplacedUnderAvailability(best.Snapshot, best.Plan(), kept)
		if len(tried) == 0 {
			return best, nil
		}
		next, err := best.without(tried, options)
		if err != nil {
			return Degraded{}, err
		}
		helped := slices.DeleteFunc(slices.Clone(tried), func(i int) bool {
			return next.Plan().Placements[i].Unplaced >= best.Plan().Placements[i].Unplaced
		})
		for _, i := range tried {
			kept[i] = kept[i] || !slices.Contains(helped, i)
		}
		if len(helped) == 0 {
			return best, nil
		}
		if len(helped) < len(tried) {
			if next, err = best.without(helped, options); err != nil {
				return Degraded{}, err
			}
		}
		best = next
	}
	return best, nil
}

// without plans anew without the availability rules of some workloads.
func (d Degraded) without(workloads []int, options Options) (Degraded, error) {
	relaxed := *d.Snapshot
	relaxed.Workloads = slices.Clone(relaxed.Workloads)
	for _, i := range workloads {
		relaxed.Workloads[i].Availability = nil
	}
	solver, err := NewSolver(&relaxed, options)
	if err != nil {
		return Degraded{}, err
	}
	return Degraded{Solver: solver, Snapshot: &relaxed, Workloads: slices.Sorted(slices.Values(slices.Concat(d.Workloads, workloads)))}, nil
}

// unplacedUnderAvailability are the workloads that must survive a loss and of which replicas have no place.
func unplacedUnderAvailability(snapshot *Snapshot, plan *Plan, kept map[int]bool) []int {
	var out []int
	for i, p := range plan.Placements {
		if p.Unplaced > 0 && len(snapshot.Workloads[i].Availability) > 0 && p.Held == "" && !kept[i] {
			out = append(out, i)
		}
	}
	return out
}
