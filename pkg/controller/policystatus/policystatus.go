// Package policystatus says of every policy whether it is in force, how many pods it selects, how many nodes it allows
// and what is wrong with it.
package policystatus

import (
	"context"
	"sync"
	"sync/atomic"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/kube/status"
	"tradewind.dev/tradewind/pkg/planning/rounds"
	"tradewind.dev/tradewind/pkg/rules"
	"tradewind.dev/tradewind/pkg/rules/policy"
	"tradewind.dev/tradewind/pkg/state"
	"tradewind.dev/tradewind/pkg/state/cluster"
)

// Controller writes the statuses of PlacementPolicies and ClusterPlacementPolicies.
type Controller struct {
	evaluator  *evaluator
	namespaced *status.Controller[v1alpha1.PlacementPolicy, *v1alpha1.PlacementPolicy]
	cluster    *status.Controller[v1alpha1.ClusterPlacementPolicy, *v1alpha1.ClusterPlacementPolicy]
	tally      atomic.Pointer[tally] // of the last evaluation; nil before

	mu    sync.Mutex
	state *cluster.State // as last observed; nil before
}

// New returns the controller, registered with a manager. schedulers are the names under which pods ask for Tradewind's
// scheduler.
func New(mgr manager.Manager, schedulers []string) (*Controller, error) {
	namespaced, err := status.New(mgr, "placementpolicy-status",
		func(p *v1alpha1.PlacementPolicy) status.Fields { return status.FieldsOfPolicy(&p.Status) })
	if err != nil {
		return nil, err
	}
	clusterwide, err := status.New(mgr, "clusterplacementpolicy-status",
		func(p *v1alpha1.ClusterPlacementPolicy) status.Fields { return status.FieldsOfPolicy(&p.Status) })
	if err != nil {
		return nil, err
	}
	return &Controller{evaluator: newEvaluator(schedulers), namespaced: namespaced, cluster: clusterwide}, nil
}

// Observe implements cluster.Observer.
func (c *Controller) Observe(ctx context.Context, state *cluster.State) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.state = state
	c.write(ctx)
}

// Planned implements rounds.Listener: a plan knows which traffic its callees have agreed to.
func (c *Controller) Planned(ctx context.Context, round *rounds.Round) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.evaluator.traffic.set(round.Result.Unagreed) && c.state != nil {
		c.write(ctx)
	}
}

// SetHeld tells which policies the scheduler decides by, or the problem that keeps it from being known.
func (c *Controller) SetHeld(ctx context.Context, held state.Held, problem string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.evaluator.held, c.evaluator.heldProblem = held, problem
	if c.state != nil {
		c.write(ctx)
	}
}

// write says of all policies what the last state and plan have shown.
func (c *Controller) write(ctx context.Context) {
	state := c.state
	namespaced, clusterwide, counted := c.evaluator.evaluate(state)
	c.tally.Store(&counted)
	c.namespaced.Set(ctx, namespaced)
	c.cluster.Set(ctx, clusterwide)
}

// evaluator evaluates policies and keeps what does not change between two states.
type evaluator struct {
	schedulers map[string]bool
	// alone are the rules of each policy without the others.
	alone map[types.UID]*aloneRules
	world *state.World
	// traffic is what the last plan says of traffic to other namespaces.
	traffic traffic
	// held are the policies that the scheduler decides by; heldProblem is why that is not known, or empty.
	held        state.Held
	heldProblem string
}

// aloneRules are one policy's own rules.
type aloneRules struct {
	generation int64
	effective  *policy.Effective
	rules      *rules.Rules // in the evaluator's world
	// doubts are the values that it demands and that no known cloud has.
	doubts []policy.Doubt
}

func newEvaluator(schedulers []string) *evaluator {
	e := &evaluator{schedulers: map[string]bool{}, alone: map[types.UID]*aloneRules{}}
	for _, name := range schedulers {
		e.schedulers[name] = true
	}
	return e
}

// evaluate says what the statuses of all policies should be.
func (e *evaluator) evaluate(state *cluster.State) (namespaced, clusterwide map[client.ObjectKey]*status.Status, counted tally) {
	uses := e.uses(state)
	kept := make(map[types.UID]*aloneRules, len(e.alone))
	sameWorld := e.world == state.World
	e.world = state.World
	have := valuesOf(state)
	one := func(meta *metav1.ObjectMeta, spec *v1alpha1.PolicySpec, known *v1alpha1.PolicyStatus, namespace string, namespaces []string,
		compile func() *policy.Effective) *status.Status {
		alone, ok := e.alone[meta.UID]
		if !ok || alone.generation != meta.Generation {
			alone = &aloneRules{generation: meta.Generation, effective: compile(), doubts: policy.Doubts(spec, state.World.Prices.Catalog())}
		}
		if alone.rules == nil || !sameWorld {
			alone.rules = rules.NewRules(alone.effective, state.World.RoundTrips)
		}
		kept[meta.UID] = alone
		source := policy.Source{Namespace: namespace, Name: meta.Name}
		out := judge(source, alone.rules, namespaces, uses[source], state)
		doubtful(out, alone.doubts, have)
		e.readBy(meta, out)
		if condition, ok := e.traffic.judge(source, alone.rules, known.Conditions); ok {
			out.Conditions = append(out.Conditions, condition)
		}
		out.UID, out.Generation = meta.UID, meta.Generation
		counted.add(out)
		return out
	}
	namespaced = make(map[client.ObjectKey]*status.Status, len(state.Objects.PlacementPolicies))
	for _, object := range state.Objects.PlacementPolicies {
		namespaced[client.ObjectKeyFromObject(object)] = one(&object.ObjectMeta, &object.Spec, &object.Status, object.Namespace, []string{object.Namespace}, func() *policy.Effective {
			copied := *object
			copied.Spec.WorkloadSelector = metav1.LabelSelector{}
			return policy.NewSet([]*v1alpha1.PlacementPolicy{&copied}, nil).For(object.Namespace, nil, nil)
		})
	}
	clusterwide = make(map[client.ObjectKey]*status.Status, len(state.Objects.ClusterPlacementPolicies))
	for _, object := range state.Objects.ClusterPlacementPolicies {
		in := selected(object.Spec.NamespaceSelector, state.Namespaces)
		clusterwide[client.ObjectKeyFromObject(object)] = one(&object.ObjectMeta, &object.Spec.PolicySpec, &object.Status, "", in, func() *policy.Effective {
			copied := *object
			copied.Spec.WorkloadSelector, copied.Spec.NamespaceSelector = metav1.LabelSelector{}, nil
			return policy.NewSet(nil, []*v1alpha1.ClusterPlacementPolicy{&copied}).For("", nil, nil)
		})
	}
	e.alone = kept
	return namespaced, clusterwide, counted
}

// use is how a policy is used by the pods of the cluster.
type use struct {
	pods int
	// foreign pods are placed by another scheduler, which does not know of the policy.
	foreign        int
	foreignExample string
	// overridden are the pods for which another policy wins a soft field.
	overridden map[policy.Override]int
	// together are the merged rules of pods that the policy selects and that leave no node, though every rule of the policy
	// alone may leave some.
	together *rules.Rules
	// merged are the rules of pods that the policy selects, with how many nodes they leave, where these are any.
	merged map[*rules.Rules]int
}

// uses counts the pods of every policy that selects any.
func (e *evaluator) uses(state *cluster.State) map[policy.Source]*use {
	uses := map[policy.Source]*use{}
	left := map[*rules.Rules]int{}
	for i := range state.Pods {
		group := &state.Pods[i]
		if _, known := left[group.Rules]; !known {
			left[group.Rules], _ = allowedNodes(group.Rules, state.Nodes)
		}
		for _, source := range group.Rules.Sources {
			u := uses[source]
			if u == nil {
				u = &use{merged: map[*rules.Rules]int{}}
				uses[source] = u
			}
			u.pods += group.Count
			if !e.schedulers[group.Scheduler] {
				u.foreign += group.Count
				if u.foreignExample == "" || group.Scheduler < u.foreignExample {
					u.foreignExample = group.Scheduler
				}
			}
			switch allowed := left[group.Rules]; {
			case allowed > 0:
				u.merged[group.Rules] = allowed
			case u.together == nil || group.Rules.Signature < u.together.Signature:
				u.together = group.Rules
			}
		}
		for _, override := range group.Rules.Overrides {
			u := uses[override.Loser]
			if u.overridden == nil {
				u.overridden = map[policy.Override]int{}
			}
			u.overridden[override] += group.Count
		}
	}
	return uses
}

// allowedNodes counts the nodes that meet the rules that are about a node alone, and why the others do not.
func allowedNodes(rules *rules.Rules, nodes []cluster.NodeGroup) (allowed int, reasons map[string]int) {
	reasons = map[string]int{}
	for i := range nodes {
		if reason := nodeReason(rules, &nodes[i]); reason != "" {
			reasons[reason] += nodes[i].Count
		} else {
			allowed += nodes[i].Count
		}
	}
	return allowed, reasons
}

// nodeReason is why no replica may ever be on such a node, or empty.
func nodeReason(rules *rules.Rules, node *cluster.NodeGroup) string {
	_, reason := rules.Excluded(node.Class, node.PriceKnown)
	return reason
}
