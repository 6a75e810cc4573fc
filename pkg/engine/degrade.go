package engine

import (
	"errors"
	"runtime"
	"slices"
	"sync"
)

// Degraded is a plan of what is left after a loss.
type Degraded struct {
	*Solver
	// Snapshot is the one that was planned: that which was given, without the availability rules of Workloads; where it is planned what a
	// loss leaves, also without those of others that lack room either way.
	Snapshot *Snapshot
	// Workloads, by index, cannot survive another loss, and are placed all the same, or more of their replicas are.
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
		if !best.affordsAnother() {
			best.Plan().Stopped = true
			return best, nil
		}
		next, err := best.without(tried, options)
		if err != nil {
			return Degraded{}, err
		}
		if next.Plan().Stopped && next.Plan().Unplaced > best.Plan().Unplaced { // there was no time for it
			best.Plan().Stopped = true
			return best, nil
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
		switch {
		case len(helped) == len(tried):
		case options.brief: // the others lack room either way
			next.Workloads = slices.Sorted(slices.Values(slices.Concat(best.Workloads, helped)))
		default:
			if !best.affordsAnother() {
				best.Plan().Stopped = true
				return best, nil
			}
			if next, err = best.without(helped, options); err != nil {
				return Degraded{}, err
			}
		}
		best = next
	}
	return best, nil
}

// NewLossSolver plans what is left of a snapshot when some of its pools are lost while a plan is in force. What the loss does not concern
// stays where it is, as failover leaves it, and the search is a short one: it says what there is room for, and about what it costs. Where
// that leaves a few replicas without a place, which others might make room for, everything is planned anew. Why replicas have no place it
// does not say. Errors are those of Solve.
func NewLossSolver(snapshot *Snapshot, plan *Plan, lost func(pool int) bool, options Options) (Degraded, error) {
	left := *snapshot
	left.Pools, left.Workloads = slices.Clone(left.Pools), slices.Clone(left.Workloads)
	for i := range left.Pools {
		if lost(i) {
			left.Pools[i].Nodes, left.Pools[i].MinNodes, left.Pools[i].MaxNodes = nil, 0, 0
		}
	}
	part := left
	part.Workloads = slices.Clone(left.Workloads)
	for i, placement := range plan.Placements {
		w := &left.Workloads[i]
		w.Current, w.RunsOn = nil, nil
		hit := placement.Unplaced > 0 || w.PodRules != nil || len(w.Calls) > 0
		for k := range placement.Decisions {
			d := &placement.Decisions[k]
			if lost(d.Pool) {
				hit = true
				continue
			}
			w.Current = append(w.Current, PoolReplicas{d.Pool, d.Replicas})
			for _, n := range d.Nodes {
				w.RunsOn = append(w.RunsOn, PodsAt{d.Pool, n.Node, n.Replicas})
			}
		}
		if part.Workloads[i] = *w; !hit && w.Hold == "" {
			part.Workloads[i].Hold = "the loss does not concern it"
		}
	}
	options.brief, options.LateConflicts = true, true
	out, err := NewDegradedSolver(&part, options)
	if err != nil {
		return Degraded{}, err
	}
	if more := out.Plan().Unplaced - plan.Unplaced; more <= 0 || more > squeezeMost {
		return out, nil
	}
	if !out.affordsAnother() {
		out.Plan().Stopped = true
		return out, nil
	}
	all, err := NewDegradedSolver(&left, options)
	if err != nil || all.Plan().Unplaced < out.Plan().Unplaced {
		return all, err
	}
	return out, nil
}

// EachLoss plans several losses as NewLossSolver does, each by itself, as many at the same time as there are processors, and those first
// that take most. options are asked for when a loss begins to be planned, with the share of what is left to be done that it is; done is
// called with the number of each loss and what is left, for several at the same time. Errors are those of Solve.
func EachLoss(snapshot *Snapshot, plan *Plan, lost []func(pool int) bool, options func(share float64) Options, done func(k int, left Degraded)) error {
	atOnce := min(runtime.GOMAXPROCS(0), len(lost))
	errs := make([]error, len(lost))
	next := make(chan int)
	var running sync.WaitGroup
	order := byReplicas(plan, lost)
	for range atOnce {
		running.Go(func() {
			for at := range next {
				k, share := order[at], min(float64(atOnce)/float64(len(lost)-at+at%atOnce), 1)
				left, err := NewLossSolver(snapshot, plan, lost[k], options(share))
				if errs[k] = err; err == nil {
					done(k, left)
				}
			}
		})
	}
	for at := range order {
		next <- at
	}
	close(next)
	running.Wait()
	return errors.Join(errs...)
}

// byReplicas are the numbers of losses, those first that take most replicas of a plan.
func byReplicas(plan *Plan, lost []func(pool int) bool) []int {
	order, replicas := make([]int, len(lost)), make([]int, len(lost))
	for k := range lost {
		order[k] = k
		for pool := range plan.Pools {
			if lost[k](pool) {
				replicas[k] += plan.Pools[pool].Replicas
			}
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return replicas[b] - replicas[a] })
	return order
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
