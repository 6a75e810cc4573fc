package replay

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/kubefilters"
	"tradewind.dev/tradewind/pkg/planning"
	"tradewind.dev/tradewind/pkg/state"
)

// Input is a plan and the objects that it was made from. None of them is changed.
type Input struct {
	Lists  *state.Lists
	Result *planning.Result
	Plan   *engine.Plan
	// Gone, if set, says of nodes that they are there no more, as where a loss is simulated.
	Gone func(*corev1.Node) bool
}

// Outcome is what became of the replicas that have a place in a plan, but for those of workloads that are kept as they run.
type Outcome struct {
	// Running replicas stay on their node, Bound are those that the filters let bind.
	Running, Bound int
	// Refused are the others, by workload, pool and node.
	Refused []Refusal
	// Ordered are the workloads, by their index in the result, whose replicas bind in some orders only: of these the first that was tried
	// left some without a place, and one that was searched for did not.
	Ordered []int
	// Open are workloads of which replicas have no place in the plan, and of which the filters would let one more bind when all others
	// have: it may be left out for a policy, which the filters know nothing of.
	Open []Opening
}

// Opening is a node that a replica without a place could bind to.
type Opening struct {
	// Workload is an index in the result.
	Workload int
	Node     string
}

// Refusal is replicas of one workload that the filters refuse on the node where the plan has them.
type Refusal struct {
	// Workload and Pool are indexes in the result; Node is empty for a node that is to be added.
	Workload, Pool int
	Node           string
	Replicas       int
	// Filters are all that refuse the first of them, in the scheduler's order.
	Filters []kubefilters.Verdict
}

// RefusedReplicas is how many replicas are refused.
func (o *Outcome) RefusedReplicas() int {
	n := 0
	for i := range o.Refused {
		n += o.Refused[i].Replicas
	}
	return n
}

// Run replays a plan, each cluster by itself. Errors mean a broken build, or two running pods with one UID.
func Run(in *Input) (*Outcome, error) {
	clusters := map[string]bool{}
	for i, placement := range in.Plan.Placements {
		for k := range placement.Decisions {
			if in.planned(i) {
				clusters[in.Result.Pools[placement.Decisions[k].Pool].Cluster] = true
			}
		}
	}
	out, made := &Outcome{}, map[at]bool{}
	for _, name := range slices.Sorted(maps.Keys(clusters)) {
		if err := in.replay(name, made, out); err != nil {
			if name != "" {
				err = fmt.Errorf("cluster %s: %w", name, err)
			}
			return nil, err
		}
	}
	slices.SortStableFunc(out.Refused, func(a, b Refusal) int {
		return cmp.Or(cmp.Compare(a.Workload, b.Workload), cmp.Compare(a.Pool, b.Pool))
	})
	slices.Sort(out.Ordered)
	out.Ordered = slices.Compact(out.Ordered)
	return out, nil
}

// planned says whether a workload's places are the plan's: those that are held stay as they run.
func (in *Input) planned(workload int) bool { return in.Plan.Placements[workload].Held == "" }

// replay replays one cluster's part. made are the replicas that other clusters have, by workload and name.
func (in *Input) replay(name string, made map[at]bool, out *Outcome) error {
	c := in.cluster(name)
	tasks := c.tasks(made)
	filters, err := c.filters(tasks)
	if err != nil {
		return err
	}
	defer filters.Close()
	for _, t := range tasks {
		for _, pod := range t.running {
			if err := filters.Assume(pod, t.node); err != nil {
				return err
			}
		}
		out.Running += len(t.running)
	}
	queue, err := order(filters, in, tasks, made)
	if err != nil {
		return err
	}
	if err := bind(filters, queue, tasks, out); err != nil {
		return err
	}
	if err := c.openings(filters, tasks, out); err != nil {
		return err
	}
	for _, t := range tasks {
		if len(t.refused) > 0 {
			node := t.node
			if t.added {
				node = ""
			}
			out.Refused = append(out.Refused, Refusal{Workload: t.workload, Pool: t.pool, Node: node, Replicas: t.left, Filters: t.refused})
		}
	}
	return nil
}

// openings finds nodes for replicas without a place.
func (c *cluster) openings(filters *kubefilters.Filters, tasks []*task, out *Outcome) error {
	spare := map[int]*corev1.Pod{}
	for _, t := range tasks {
		if len(t.spare) > 0 {
			spare[t.workload] = t.spare[0]
		} else if w := &c.Result.Workloads[t.workload]; spare[t.workload] == nil && len(w.ClaimTemplates) == 0 && len(w.Template.Spec.ResourceClaims) == 0 {
			spare[t.workload] = w.Made(w.Replicas)
		}
	}
	for i, placement := range c.Plan.Placements {
		w := &c.Result.Workloads[i]
		if placement.Unplaced == 0 || !c.planned(i) {
			continue
		}
		pod := spare[i]
		if pod == nil {
			if len(placement.Decisions) > 0 || len(w.ClaimTemplates)+len(w.Template.Spec.ResourceClaims) > 0 {
				continue
			}
			pod = w.Made(0)
		}
		result, err := filters.Check(pod)
		if err != nil {
			return err
		}
		if len(result.Queue)+len(result.Pod) > 0 {
			continue
		}
		for _, node := range c.nodes {
			if len(result.Nodes[node.Name]) == 0 {
				out.Open = append(out.Open, Opening{i, node.Name})
				break
			}
		}
	}
	return nil
}

// bind binds one after the other what the filters let bind, and comes back to the others as long as that binds any: a replica may
// have to wait for those that it must be near, or for those of its own that even out a spread. When none of them binds it looks once
// for another order.
func bind(filters *kubefilters.Filters, queue []attempt, tasks []*task, out *Outcome) error {
	rearranged := false
	for len(queue) > 0 {
		var left []attempt
		tried := map[*task]bool{}
		for _, a := range queue {
			if tried[a.task] && !a.task.different {
				left = append(left, a) // one like it has just been refused there
				continue
			}
			refused, err := a.bind(filters)
			if err != nil {
				return err
			}
			if len(refused) > 0 {
				if !tried[a.task] {
					a.task.refused = refused
				}
				tried[a.task] = true
				left = append(left, a)
				continue
			}
			out.Bound++
			a.task.bound = append(a.task.bound, a.pod)
			if a.task.left--; a.task.left == 0 {
				a.task.refused = nil
			}
		}
		if len(left) == len(queue) {
			if rearranged {
				return nil
			}
			rearranged = true
			var err error
			if left, err = rearrange(filters, left, tasks, out); err != nil {
				return err
			}
		}
		queue = left
	}
	return nil
}

// attempt is a replica that is to bind where its task has it.
type attempt struct {
	*task
	pod *corev1.Pod
}

// bind asks the filters about the replica, and counts it where they let it be. A claim that several replicas share, and that has no
// volume yet, is not given one with the first: where the volume will be the filters cannot know.
func (a *attempt) bind(filters *kubefilters.Filters) ([]kubefilters.Verdict, error) {
	if !a.shares {
		return filters.Bind(a.pod, a.node)
	}
	result, err := filters.CheckOn(a.pod, a.node)
	if err != nil {
		return nil, err
	}
	if refused := result.On(a.node); len(refused) > 0 {
		return refused, nil
	}
	return nil, filters.Assume(a.pod, a.node)
}
