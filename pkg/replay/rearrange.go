package replay

import (
	"cmp"
	"fmt"
	"slices"

	"tradewind.dev/tradewind/pkg/kubefilters"
)

// Two rules on skew by different keys let replicas come in some orders only: those that came first can leave no domain to which the
// next may go, though a plan keeps both rules once all are there.

// triesPerReplica and fewestTries bound how often filters are asked for one workload's order.
const (
	triesPerReplica = 20
	fewestTries     = 1000
)

// rearrange looks for orders in which all replicas of workloads bind, where the order that was tried has left some, and binds them so. It
// returns what is left of the queue: all of a workload's where there is no such order, or where it searched as far as it may.
func rearrange(filters *kubefilters.Filters, left []attempt, tasks []*task, out *Outcome) ([]attempt, error) {
	done := map[int]bool{}
	for i := range left {
		w := left[i].workload
		if _, tried := done[w]; tried || !left[i].orders {
			continue
		}
		s := &ordering{filters: filters, seen: map[string]bool{}}
		for _, t := range tasks {
			if t.workload == w && len(t.pods) > 0 {
				s.tasks, s.tries = append(s.tasks, t), s.tries+triesPerReplica*len(t.pods)
			}
		}
		s.tries = max(s.tries, fewestTries)
		found, err := s.search()
		if err != nil {
			return nil, err
		}
		if done[w] = found; found {
			out.Ordered = append(out.Ordered, w)
			for _, t := range s.tasks {
				out.Bound, t.left, t.refused = out.Bound+t.left, 0, nil
			}
		}
	}
	return slices.DeleteFunc(slices.Clone(left), func(a attempt) bool { return done[a.workload] }), nil
}

// ordering is a search for an order: by depth, over how many replicas each task has, each such state once.
type ordering struct {
	filters *kubefilters.Filters
	tasks   []*task
	order   []attempt
	bound   []int // by task
	seen    map[string]bool
	tries   int
}

// search binds the replicas of all tasks in an order that it finds. Where it finds none they are where they were.
func (s *ordering) search() (bool, error) {
	s.bound = make([]int, len(s.tasks))
	var was []attempt
	for _, t := range s.tasks {
		for _, pod := range t.bound {
			was = append(was, attempt{t, pod})
		}
	}
	if err := s.forget(was); err != nil {
		return false, err
	}
	if found, err := s.next(); err != nil || !found {
		return false, cmp.Or(err, s.assume(was))
	}
	// What goes with a replica, as volumes, is given to it now only.
	if err := s.forget(s.order); err != nil {
		return false, err
	}
	for i := range s.order {
		refused, err := s.order[i].bind(s.filters)
		if err != nil {
			return false, err
		}
		if len(refused) > 0 {
			return false, cmp.Or(s.forget(s.order[:i]), s.assume(was))
		}
	}
	return true, nil
}

func (s *ordering) forget(of []attempt) error {
	for i := range of {
		if err := s.filters.Forget(of[i].pod); err != nil {
			return err
		}
	}
	return nil
}

func (s *ordering) assume(of []attempt) error {
	for i := range of {
		if err := s.filters.Assume(of[i].pod, of[i].node); err != nil {
			return err
		}
	}
	return nil
}

// next counts one more replica where its task has it, and then the others.
func (s *ordering) next() (bool, error) {
	var open []int
	for i, t := range s.tasks {
		if s.bound[i] < len(t.pods) {
			open = append(open, i)
		}
	}
	if len(open) == 0 {
		return true, nil
	}
	state := fmt.Sprint(s.bound)
	if s.seen[state] {
		return false, nil
	}
	s.seen[state] = true
	slices.SortStableFunc(open, func(a, b int) int { return cmp.Compare(s.share(a), s.share(b)) })
	for _, i := range open {
		if s.tries--; s.tries < 0 {
			return false, nil
		}
		if found, err := s.try(i); err != nil || found {
			return found, err
		}
	}
	return false, nil
}

// try counts the next replica of a task and then all others, or takes it back.
func (s *ordering) try(i int) (bool, error) {
	t := s.tasks[i]
	pod := t.pods[s.bound[i]]
	result, err := s.filters.CheckOn(pod, t.node)
	if err != nil || len(result.On(t.node)) > 0 {
		return false, err
	}
	if err := s.filters.Assume(pod, t.node); err != nil {
		return false, err
	}
	s.bound[i]++
	s.order = append(s.order, attempt{t, pod})
	found, err := s.next()
	if err != nil || found {
		return found, err
	}
	s.bound[i]--
	s.order = s.order[:len(s.order)-1]
	return false, s.filters.Forget(pod)
}

// share is how much of a task has come.
func (s *ordering) share(i int) float64 { return float64(s.bound[i]) / float64(len(s.tasks[i].pods)) }
