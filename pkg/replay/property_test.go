package replay

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/planning"
	"tradewind.dev/tradewind/pkg/replay/replaytest"
	"tradewind.dev/tradewind/pkg/state"
)

// planOf plans all workloads of a cluster, as simulate does.
func planOf(t fataler, lists *state.Lists) (*planning.Result, *engine.Plan) {
	t.Helper()
	result := build(t, lists)
	solver, _, err := result.Solver(engine.Options{}, false)
	if err != nil {
		t.Fatal(err)
	}
	plan := solver.Plan()
	if len(plan.Problems) > 0 {
		t.Fatalf("the test's own cluster: %s", plan.Problems[0])
	}
	return result, plan
}

type fataler interface {
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
}

func build(t fataler, lists *state.Lists) *planning.Result {
	t.Helper()
	world, err := state.NewWorld(lists.Objects, time.Unix(0, 0))
	if err != nil {
		t.Fatal(err)
	}
	in := planning.From(lists, world, location.DefaultOptions(), nil)
	for _, w := range lists.Workloads() {
		in.Workloads = append(in.Workloads, planning.Workload{Workload: w})
	}
	result, err := planning.Build(in)
	if err != nil {
		t.Fatal(err)
	}
	if len(result.Problems) > 0 {
		t.Fatalf("the test's own cluster: %s", result.Problems[0])
	}
	return result
}

// says is what an outcome refuses, in words.
func says(result *planning.Result, outcome *Outcome) string {
	var out []string
	for i := range outcome.Refused {
		r := &outcome.Refused[i]
		text := fmt.Sprintf("%d of %s on %s of pool %s:", r.Replicas, result.Workloads[r.Workload].Key, r.Node, result.Pools[r.Pool].Name)
		for k := range r.Filters {
			text += fmt.Sprintf(" %s: %s;", r.Filters[k].Plugin, r.Filters[k].String())
		}
		out = append(out, strings.TrimSuffix(text, ";"))
	}
	return strings.Join(out, "\n")
}

// holds replays a plan and fails where a replica is refused.
func holds(t fataler, lists *state.Lists, result *planning.Result, plan *engine.Plan) *Outcome {
	t.Helper()
	outcome, err := Run(&Input{Lists: lists, Result: result, Plan: plan})
	if err != nil {
		t.Fatal(err)
	}
	if len(outcome.Refused) > 0 {
		t.Fatalf("kube-scheduler refuses\n%s", says(result, outcome))
	}
	if outcome.Bound+outcome.Running != plan.Replicas {
		t.Fatalf("%d bound and %d running of %d", outcome.Bound, outcome.Running, plan.Replicas)
	}
	return outcome
}

// TestPlansHold plans random clusters with every kind of rule that plans keep, and lets kube-scheduler's own filters bind each replica
// where the plan has it: with nothing running, and again when all of it runs and nodes, taints or numbers of replicas have changed.
func TestPlansHold(t *testing.T) {
	kinds := replaytest.Planned()
	rapid.Check(t, func(rt *rapid.T) {
		choose := func(n int) int { return rapid.IntRange(0, n-1).Draw(rt, "choice") }
		lists := replaytest.Cluster(choose, replaytest.Size{Groups: 5, Nodes: 15, Workloads: 8, Replicas: 6, Grow: true}, kinds)
		result, plan := planOf(rt, lists)
		holds(rt, lists, result, plan)
		run(lists, result, plan)
		replaytest.Change(choose, lists)
		result, plan = planOf(rt, lists)
		holds(rt, lists, result, plan)
	})
}

// TestFollowedPlansHold plans random clusters in which some replicas run where the last decisions have them, others do not, and nodes, taints or
// numbers of replicas have changed since: what the plan before had is followed where kube-scheduler binds it only.
func TestFollowedPlansHold(t *testing.T) {
	kinds := replaytest.Planned()
	rapid.Check(t, func(rt *rapid.T) {
		choose := func(n int) int { return rapid.IntRange(0, n-1).Draw(rt, "choice") }
		lists := replaytest.Cluster(choose, replaytest.Size{Groups: 5, Nodes: 15, Workloads: 8, Replicas: 6, Grow: true}, kinds)
		result, plan := planOf(rt, lists)
		run(lists, result, plan)
		lists.Pods = slices.DeleteFunc(lists.Pods, func(*corev1.Pod) bool { return choose(3) == 0 })
		lists.Placements = decisions(result, plan)
		replaytest.Change(choose, lists)
		result, plan = planOf(rt, lists)
		holds(rt, lists, result, plan)
	})
}

// decisions are the Placements of a plan, as the controller writes them.
func decisions(result *planning.Result, plan *engine.Plan) []*v1alpha1.Placement {
	var out []*v1alpha1.Placement
	for i, placement := range plan.Placements {
		key := result.Workloads[i].Key
		object := &v1alpha1.Placement{ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: state.PlacementName(key.Kind, key.Name)}}
		object.Spec.Workload = v1alpha1.PlacementWorkload{Kind: key.Kind, Name: key.Name}
		for k := range placement.Decisions {
			pool := &result.Pools[placement.Decisions[k].Pool]
			object.Status.Decisions = append(object.Status.Decisions, v1alpha1.PlacementDecision{
				ClusterName: pool.Cluster, Pool: pool.Name, Replicas: int32(placement.Decisions[k].Replicas),
			})
		}
		out = append(out, object)
	}
	return out
}

// TestPlansHoldAfterNewLabels plans random clusters again in which everything runs where it was planned and nodes are in other racks since,
// which rules of pods count by: what comes binds beside what runs and stays.
func TestPlansHoldAfterNewLabels(t *testing.T) {
	kinds := slices.DeleteFunc(replaytest.Planned(), func(k replaytest.Kind) bool { return k.Name == "priority" })
	rapid.Check(t, func(rt *rapid.T) {
		choose := func(n int) int { return rapid.IntRange(0, n-1).Draw(rt, "choice") }
		lists := replaytest.Cluster(choose, replaytest.Size{Groups: 4, Nodes: 12, Workloads: 6, Replicas: 5, Grow: true}, kinds)
		result, plan := planOf(rt, lists)
		run(lists, result, plan)
		replaytest.Relabel(choose, lists)
		result, plan = planOf(rt, lists)
		holds(rt, lists, result, plan)
	})
}

// run lets the replicas of a plan run on the nodes that exist already, but for those with volumes of their own: which of these is where
// a plan does not say.
func run(lists *state.Lists, result *planning.Result, plan *engine.Plan) {
	for i, placement := range plan.Placements {
		w, n := &result.Workloads[i], 0
		if len(w.ClaimTemplates) > 0 {
			continue
		}
		for k := range placement.Decisions {
			d := &placement.Decisions[k]
			for _, on := range d.Nodes {
				for range on.Replicas {
					pod := w.Made(n)
					n++
					if on.Node < len(result.Pools[d.Pool].Nodes) {
						pod.Spec.NodeName = result.Pools[d.Pool].Nodes[on.Node].Name
						lists.Pods = append(lists.Pods, pod)
					}
				}
			}
		}
	}
}

// TestKindsAreDrawn holds the table of kinds: each is drawn, and by what it draws some plan that does not know it is refused, so that
// the property has something to find.
func TestKindsAreDrawn(t *testing.T) {
	names := map[string]bool{}
	for _, kind := range replaytest.Kinds {
		if names[kind.Name] {
			t.Errorf("kind %q is there twice", kind.Name)
		}
		names[kind.Name] = true
	}
	if planned := replaytest.Planned(); len(planned) == 0 || len(planned) > len(replaytest.Kinds) {
		t.Errorf("%d of %d kinds are planned", len(planned), len(replaytest.Kinds))
	}
	seen := map[string]bool{}
	rapid.Check(t, func(rt *rapid.T) {
		choose := func(n int) int { return rapid.IntRange(0, n-1).Draw(rt, "choice") }
		lists := replaytest.Cluster(choose, replaytest.Size{Groups: 3, Nodes: 6, Workloads: 6, Replicas: 6}, replaytest.Kinds)
		result := build(rt, lists)
		outcome, err := Run(&Input{Lists: lists, Result: result, Plan: heaped(result)})
		if err != nil {
			rt.Fatal(err)
		}
		for i := range outcome.Refused {
			for k := range outcome.Refused[i].Filters {
				seen[outcome.Refused[i].Filters[k].Plugin] = true
			}
		}
	})
	for _, filter := range []string{
		"NodeAffinity", "TaintToleration", "NodeResourcesFit", "NodePorts", "InterPodAffinity", "PodTopologySpread", "VolumeBinding",
	} {
		if !seen[filter] {
			t.Errorf("no random cluster has anything that %s refuses", filter)
		}
	}
}

// heaped is a plan of somebody who knows no rules: all replicas of a workload on one node, each on the next.
func heaped(result *planning.Result) *engine.Plan {
	plan := &engine.Plan{Pools: make([]engine.PoolUse, len(result.Pools))}
	var with []int // pools that have nodes
	for p := range result.Pools {
		if len(result.Pools[p].Nodes) > 0 {
			with = append(with, p)
		}
	}
	for i := range result.Workloads {
		placement := &engine.Placement{}
		if n := result.Workloads[i].Replicas; len(with) > 0 && n > 0 {
			pool := with[i%len(with)]
			placement.Decisions = []engine.Decision{{Pool: pool, Replicas: n, Nodes: []engine.NodeReplicas{{Node: i % len(result.Pools[pool].Nodes), Replicas: n}}}}
			plan.Replicas += n
		}
		plan.Placements = append(plan.Placements, placement)
	}
	return plan
}
