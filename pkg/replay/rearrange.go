package replay

import (
	"cmp"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"tradewind.dev/tradewind/pkg/kubefilters"
)

// Two rules on skew by different keys let replicas come in some orders only: those that came first can leave no domain to which the
// next may go, though a plan keeps both rules once all are there.

// triesPerReplica and fewestTries bound how often filters are asked for one workload's order.
const (
	triesPerReplica = 20
	fewestTries     = 1000
)

// rearrange looks for an order in which all replicas of a workload bind, where the order that was tried has left some. It returns
// what is left of the queue: all of it where there is none, or where it searched as far as it may.
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
	bound   []int
	seen    map[string]bool
	tries   int
}

// search binds the replicas of all tasks in an order that it finds. Where it finds none they are bound as they were.
func (s *ordering) search() (bool, error) {
	s.bound = make([]int, len(s.tasks))
	for _, t := range s.tasks {
		for _, pod := range t.bound {
			if err := s.filters.Forget(pod); err != nil {
				return false, err
			}
		}
	}
	found, err := s.next()
	if err != nil || found {
		return found, err
	}
	for _, t := range s.tasks {
		for _, pod := range t.bound {
			if err := s.filters.Assume(pod, t.node); err != nil {
				return false, err
			}
		}
	}
	return false, nil
}

// next binds one more replica, and then the others.
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
		t := s.tasks[i]
		bound, err := s.bind(i, t.pods[s.bound[i]], t.node)
		if err != nil || bound {
			return bound, err
		}
	}
	return false, nil
}

// bind binds a replica and then all others, or takes it back.
func (s *ordering) bind(i int, pod *corev1.Pod, node string) (bool, error) {
	refused, err := s.filters.Bind(pod, node)
	if err != nil || len(refused) > 0 {
		return false, err
	}
	s.bound[i]++
	found, err := s.next()
	if err != nil || found {
		return found, err
	}
	s.bound[i]--
	return false, s.filters.Forget(pod)
}

// share is how much of a task has come.
func (s *ordering) share(i int) float64 { return float64(s.bound[i]) / float64(len(s.tasks[i].pods)) }
