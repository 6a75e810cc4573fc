package placement

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"hash"
	"hash/fnv"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/state"
)

// maxExplaining is how long the explanations of one round may take together: why replicas have no place, and why each pool holds
// none of a workload's. Each namespace that waits for some has an equal part of it, so that none can use up that of others.
const maxExplaining = 500 * time.Millisecond

// explanation is why a workload without a place for all its replicas is where it is, and what that was found from.
type explanation struct {
	inputs   inputs
	round    uint64
	conflict *engine.Conflict
	engine.Explanation
}

// inputs are equal where the explanations are.
type inputs struct {
	world          *state.World
	plan, workload uint64
}

// explanations remembers those of workloads without a place for all replicas. They are found after all plans have been written,
// each namespace's in turn, and anew only when what they were found from has changed. Only the planner's goroutine uses it.
type explanations struct {
	of    map[client.ObjectKey]*explanation
	round uint64
	took  time.Duration // in the last round
	// conflict asks the solver why replicas have no place.
	conflict func(s *engine.Solver, i int, expired func() bool) *engine.Conflict
}

func newExplanations() *explanations {
	return &explanations{of: map[client.ObjectKey]*explanation{}, conflict: (*engine.Solver).Conflict}
}

// unplaced is a workload of a solution that has no place for all replicas, until its explanation is found.
type unplaced struct {
	*wanted
	i      int // of the solution's workloads
	inputs inputs
}

// recall gives the workloads without a place the explanations that still hold, and returns the others, those first that have
// waited longest. Explanations of workloads that are not among them are forgotten.
func (e *explanations) recall(world *state.World, s *solution, d *draft, all []*wanted) []unplaced {
	e.round++
	kept := map[client.ObjectKey]*explanation{}
	var open []unplaced
	var plan uint64
	for _, w := range all {
		if w.unplaced < 0 {
			continue
		}
		if plan == 0 {
			plan = s.fingerprint()
		}
		next := unplaced{w, w.unplaced, inputs{world, plan, workloadPrint(&s.result.Snapshot.Workloads[w.unplaced])}}
		known := e.of[w.key]
		if known != nil && known.inputs == next.inputs {
			kept[w.key] = known
			w.explain(s, d, known)
			continue
		}
		if known != nil {
			kept[w.key] = &explanation{round: known.round} // without the world that it was found from
		}
		open = append(open, next)
	}
	e.of = kept
	waited := func(u *unplaced) uint64 {
		if known := e.of[u.key]; known != nil {
			return known.round
		}
		return 0
	}
	slices.SortStableFunc(open, func(a, b unplaced) int { return cmp.Compare(waited(&a), waited(&b)) })
	return open
}

// explain finds the explanations that are open and writes them. What is not found in the time there is, or when a pressing
// change comes, is left to the next round.
func (p *Planner) explain(ctx context.Context, d *draft, s *solution, open []unplaced) error {
	var namespaces []string
	of := map[string][]*unplaced{}
	for i := range open {
		namespace := open[i].key.Namespace
		if len(of[namespace]) == 0 {
			namespaces = append(namespaces, namespace)
		}
		of[namespace] = append(of[namespace], &open[i])
	}
	began := p.clock.Now()
	share := maxExplaining / time.Duration(max(len(namespaces), 1))
	for _, namespace := range namespaces {
		end := p.clock.Now().Add(share)
		expired := func() bool { return p.givesWay() || !p.clock.Now().Before(end) }
		for k, u := range of[namespace] {
			if ctx.Err() != nil || expired() {
				p.signal() // the next round explains the others
				break
			}
			found := &explanation{inputs: u.inputs, round: p.explanations.round, Explanation: s.solver.ExplainWithout(u.i, s.hidden(u.i))}
			found.conflict = p.explanations.conflict(s.solver, u.i, expired)
			if found.conflict.Among > 0 && (k > 0 || p.givesWay()) {
				p.signal() // it did not have all of its namespace's time; in the next round it does
				break
			}
			p.explanations.of[u.key] = found
			u.wanted.explain(s, d, found)
		}
	}
	p.explanations.took = p.clock.Since(began)
	var failures failures
	return p.waits(func() error {
		workqueue.ParallelizeUntil(ctx, writers, len(open), func(i int) {
			if w := open[i].wanted; w.last == nil || !equality.Semantic.DeepEqual(*w.last, w.status) || !p.hasMetadata(w) {
				failures.add(p.writeOne(ctx, w))
			}
		})
		return failures.err()
	})
}

// explain fills in why the workload has no place for all replicas.
func (w *wanted) explain(s *solution, d *draft, found *explanation) {
	placement := s.plan.Placements[w.unplaced]
	w.unplaced = -1
	w.news = w.news || w.last != nil && strings.HasSuffix(plannedMessage(w.last), noPlace+engine.Unexplained)
	w.status.Decisions = slices.Clone(w.status.Decisions) // what was written remembers them
	for k := range w.status.Decisions {
		w.status.Decisions[k].Reason = found.Reasons[k]
	}
	w.status.Rejected = rejected(s, slices.Clone(found.Rejected))
	w.conditions(placement, found.conflict.Message)
	w.stamp(d)
}

// fingerprint is equal for solutions of the same pools in which the same replicas are on the same nodes.
func (s *solution) fingerprint() uint64 {
	h := fnv.New64a()
	for i := range s.result.Snapshot.Pools {
		pool := &s.result.Snapshot.Pools[i]
		fmt.Fprint(h, pool.Cluster, pool.Name, pool.Class.ID, pool.Labels, pool.Taints, pool.Price, pool.Allocatable, pool.MaxNodes,
			pool.Daemons, pool.HostPorts, pool.Closed, pool.Unavailable)
		for k := range pool.Nodes {
			fmt.Fprint(h, pool.Nodes[k].Free, pool.Nodes[k].HostPorts)
		}
	}
	for i, placement := range s.plan.Placements {
		for k := range placement.Decisions {
			decision := &placement.Decisions[k]
			writeInts(h, i, decision.Pool)
			for _, node := range decision.Nodes {
				writeInts(h, node.Node, node.Replicas)
			}
		}
	}
	return max(h.Sum64(), 1)
}

func writeInts(h hash.Hash64, a, b int) {
	var buffer [16]byte
	binary.LittleEndian.PutUint64(buffer[:], uint64(a))
	binary.LittleEndian.PutUint64(buffer[8:], uint64(b))
	_, _ = h.Write(buffer[:]) // a hash never fails
}

// workloadPrint is equal for workloads alike, under the same rules.
func workloadPrint(w *engine.Workload) uint64 {
	h := fnv.New64a()
	fmt.Fprintf(h, "%p ", w.Rules)
	plain := *w
	plain.Rules, plain.NodeAffinity, plain.PodRules = nil, nil, nil // pointers, which are others each time
	fmt.Fprint(h, plain)
	if w.PodRules != nil {
		rules := *w.PodRules
		rules.Together = nil
		fmt.Fprint(h, rules)
		if w.PodRules.Together != nil {
			fmt.Fprint(h, *w.PodRules.Together)
		}
	}
	if w.NodeAffinity != nil {
		wire, err := w.NodeAffinity.Marshal()
		fmt.Fprintf(h, "%s %v", wire, err)
	}
	return h.Sum64()
}
