package placement

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"reflect"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"tradewind.dev/tradewind/pkg/planning"
	"tradewind.dev/tradewind/pkg/state"
	"tradewind.dev/tradewind/pkg/workload"
)

const (
	// wholeInterval is how long after the first of them everything is planned at the latest where changed workloads were planned
	// one by one, so that what each of these plans misses does not add up.
	wholeInterval = time.Minute
	// maxDrift is by how much the gap of such a plan may be above that of the last whole one, in percentage points.
	maxDrift = 1.0
	// fewConcerned is how many workloads are planned one by one at most: these, or a share of all.
	fewConcerned, concernedShare = 16, 8
)

// kept is the last plan with all that it was made from, so that a change of some workloads plans these anew around all others.
type kept struct {
	draft    *draft
	solution *solution
	// all are the wanted Placements by key, at the position of the workload in all.
	all []*wanted
	at  map[client.ObjectKey]int
	// unavailable are the reasons why nodes must not be used, parallel to the input's nodes.
	unavailable []string
	// gap is that of the last plan of everything. updates is how many rounds planned a part since, the first of them at since.
	gap     float64
	updates int
	since   time.Time
}

// due is when everything is to be planned, since a part of it has been planned anew for long enough; zero where nothing has
// changed since everything was.
func (k *kept) due() time.Time {
	if k == nil || k.updates == 0 {
		return time.Time{}
	}
	return k.since.Add(wholeInterval)
}

// keep remembers a plan of everything to plan changes around. It does not where something is in doubt, a pool is lost, or workloads
// run without what their policies demand after a loss. Pools whose nodes are all cordoned are planned around as others are.
func (p *Planner) keep(d *draft, s *solution, all []*wanted) {
	if s == nil || d.doubtful || len(s.exposed) > 0 || p.lost(s.result) != "" {
		return
	}
	k := &kept{draft: d, solution: s, all: all, at: make(map[client.ObjectKey]int, len(all)), gap: s.plan.GapPercent}
	for i, w := range all {
		k.at[w.key] = i
	}
	for _, node := range d.input.Nodes {
		k.unavailable = append(k.unavailable, p.unavailable(node))
	}
	p.kept = k
}

// update plans what changes concern anew, and leaves all others where they are. Where everything has to be planned instead it
// says why, and has changed nothing that anybody sees: something that all plans rest on has changed, an update has no good
// answer, or it has been long since.
func (p *Planner) update(ctx context.Context, world *state.World, c changes, urgent bool) (why string, err error) {
	k := p.kept
	p.kept = nil // until all of it holds again
	switch {
	case k == nil:
		return "there is no plan that changes could be planned around", nil
	case c.everything != "":
		return c.everything, nil
	case c.room && !urgent:
		return "there is other room", nil
	}
	if why := p.fails(k, world); why != "" {
		return why, nil
	}
	began := p.clock.Now()
	input := *k.draft.input
	input.World, input.Workloads = world, nil
	concerned := map[workload.Key]bool{}
	pods, room := p.changedPods(k, c.pods, concerned)
	if c.room || room {
		if !urgent {
			return "there is other room", nil
		}
		p.touched.giveBack(c.pods)
		p.wake()
		clear(concerned)
	} else {
		input.Pods = pods
	}
	d := p.draft(input)
	switch same := k.compare(d, concerned); {
	case d.uncertain != "" || d.doubtful:
		return "something is in doubt", nil
	case !same:
		return "other workloads are planned, or selected", nil
	case len(concerned) > max(fewConcerned, len(k.all)/concernedShare):
		return fmt.Sprintf("it concerns %d of %d workloads", len(concerned), len(k.all)), nil
	case len(concerned) > 0 && !urgent && k.solution.plan.Unplaced > 0:
		return "whose turn it is where room is short is everybody's matter", nil
	}
	s, touched, revalued, ok := k.solution.update(d, concerned)
	if !ok {
		return "a workload selects other nodes, or asks for what no plan knew of", nil
	}
	if why := k.lacks(s, touched); why != "" {
		return why, nil
	}
	next := *k
	next.draft, next.solution = d, s
	if len(concerned) > 0 {
		p.metrics.updated(p.clock.Since(began))
		if next.updates++; next.updates == 1 {
			next.since = d.now
		}
	}
	left := p.left.take()
	var later map[client.ObjectKey]bool
	if !urgent {
		later = p.later.take()
	}
	var some []*wanted
	for i, w := range k.all {
		w.of = d.planned[w.of.Key]
		of, planned := s.result.Index(w.of.Key)
		again := planned && touched[of] || concerned[w.of.Key] || c.placements[w.key]
		if again || planned && revalued[of] {
			k.all[i] = p.want(d, s, w.of)
		}
		switch {
		case again || left[w.key] || later[w.key] || !urgent && planned && revalued[of]:
			some = append(some, k.all[i])
		case planned && revalued[of]:
			p.later.add(w.key)
			p.wake()
		}
	}
	for key := range c.placements {
		if _, known := k.at[key]; !known {
			p.signal() // it is nobody's: a plan of everything deletes it
		}
	}
	if s.plan.Unplaced > 0 && len(some) > 0 {
		p.signal() // there may be room for others now
	}
	if err = p.waits(func() error { return p.put(ctx, some, nil) }); err == nil {
		p.kept = &next
	}
	p.publish(ctx, d, s, k.all)
	return "", err
}

// fails says why what all plans rest on is not as it was; empty when it is.
func (p *Planner) fails(k *kept, world *state.World) string {
	before := k.draft.input.World
	if world.Prices != before.Prices || world.ListPrices != before.ListPrices || world.RoundTrips != before.RoundTrips {
		return "prices or round trips changed"
	}
	if due := k.due(); !due.IsZero() && !p.clock.Now().Before(due) {
		return "changes were planned one by one for long enough"
	}
	if p.options.Availability != nil {
		if doubts := p.options.Availability.Doubts(); doubts.All != "" || len(doubts.Nodes) > 0 {
			return "something is in doubt"
		}
	}
	if why := p.lost(k.solution.result); why != "" {
		return why
	}
	for i, node := range k.draft.input.Nodes {
		if why := p.unavailable(node); why != k.unavailable[i] {
			return "node " + node.Name + " " + cmp.Or(why, "can be used again")
		}
	}
	return ""
}

// lost says which pool must not be used, and why, by what is known beside what its nodes say; empty where none is.
func (p *Planner) lost(result *planning.Result) string {
	if p.options.Availability == nil {
		return ""
	}
	for i := range result.Pools {
		if why := p.options.Availability.PoolUnavailable(&result.Pools[i]); why != "" {
			return "pool " + result.Pools[i].Name + ": " + why
		}
	}
	return ""
}

// changedPods are the pods of the input as they are now. It notes whose replicas changed, and says whether pods changed that are
// no replicas of planned workloads: then there is other room.
func (p *Planner) changedPods(k *kept, keys map[client.ObjectKey]bool, concerned map[workload.Key]bool) (pods []planning.Pod, room bool) {
	if len(keys) == 0 {
		return k.draft.input.Pods, false
	}
	before := make(map[client.ObjectKey]*planning.Pod, len(keys))
	pods = make([]planning.Pod, 0, len(k.draft.input.Pods)+len(keys))
	for i := range k.draft.input.Pods {
		pod := &k.draft.input.Pods[i]
		if key := (client.ObjectKey{Namespace: pod.Namespace, Name: pod.Name}); keys[key] {
			before[key] = pod
		} else {
			pods = append(pods, *pod)
		}
	}
	for key := range keys {
		was, now := before[key], p.runningPod(key)
		if now != nil {
			pods = append(pods, *now)
		}
		if was != nil && now != nil && reflect.DeepEqual(was, now) {
			continue
		}
		for _, pod := range []*planning.Pod{was, now} {
			if pod == nil {
				continue
			}
			if _, planned := k.solution.result.Index(pod.Workload); !planned {
				room = true
			}
			concerned[pod.Workload] = true
		}
	}
	return pods, room
}

// runningPod is what a plan looks at of a pod; nil when it takes no room.
func (p *Planner) runningPod(key client.ObjectKey) *planning.Pod {
	pod, ok := p.objects.Pods.Get(key.Namespace, key.Name)
	if !ok {
		return nil
	}
	out, ok := p.shapes.Pod(pod, p.objects.OwnerOf)
	if !ok {
		return nil
	}
	return &out
}

// compare notes the workloads that are others in a draft than they were, or under other rules. It returns false where other
// workloads are planned, or selected, than were.
func (k *kept) compare(d *draft, concerned map[workload.Key]bool) bool {
	before := k.draft
	if len(d.input.Workloads) != len(before.input.Workloads) || len(d.planned) != len(before.planned) {
		return false
	}
	for i := range d.input.Workloads {
		was, now := &before.input.Workloads[i], &d.input.Workloads[i]
		if was.Key != now.Key {
			return false
		}
		if !reflect.DeepEqual(was, now) {
			concerned[now.Key] = true
		}
		planned := d.planned[now.Key]
		if (planned == nil) != (before.planned[now.Key] == nil) {
			return false
		}
		if planned != nil && planned.Rules != before.planned[now.Key].Rules {
			concerned[now.Key] = true
		}
	}
	return true
}

// update is the solution for an input in which the concerned workloads are others. touched are, by index, those whose part of the
// plan, or of what it costs now, is another, and revalued those whose moves bring something else. The solver of s is the new solution's
// afterwards, whether or not it is taken.
func (s *solution) update(d *draft, concerned map[workload.Key]bool) (next *solution, touched, revalued map[int]bool, ok bool) {
	result, changed, ok := s.result.Rebuild(d.input, concerned)
	if !ok {
		return nil, nil, nil, false
	}
	out := &solution{result: result, solver: s.solver, world: d.input.World}
	for _, i := range changed {
		if _, err := s.solver.Update(i, result.Snapshot.Workloads[i]); err != nil {
			return nil, nil, nil, false
		}
	}
	out.take(d)
	touched, revalued = map[int]bool{}, map[int]bool{}
	for i, placement := range out.plan.Placements {
		touched[i] = placement != s.plan.Placements[i] || out.present[i] != s.present[i]
		revalued[i] = !sameWorth(out, s, i)
	}
	return out, touched, revalued, true
}

// lacks says why a plan of which some workloads were planned around all others is not good enough; empty when it is: these have a
// place for all replicas, and it is not much further from the optimum than the last plan of everything was.
func (k *kept) lacks(s *solution, touched map[int]bool) string {
	for i := range touched {
		if placement := s.plan.Placements[i]; touched[i] && placement.Unplaced > 0 && placement.Held == "" {
			return "workload " + s.result.Workloads[i].String() + " has no place for all replicas around the others"
		}
	}
	if s.plan.Stopped || math.IsInf(s.plan.GapPercent, 1) || s.plan.GapPercent > k.gap+maxDrift {
		return fmt.Sprintf("the gap would be %.2f %% after %.2f %%", s.plan.GapPercent, k.gap)
	}
	return ""
}
