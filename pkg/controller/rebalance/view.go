package rebalance

import (
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/component-helpers/storage/volume"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/moves"
	"tradewind.dev/tradewind/pkg/planning/rounds"
	"tradewind.dev/tradewind/pkg/rules/policy"
	"tradewind.dev/tradewind/pkg/workload"
)

// view is a round with the pods as they are now.
type view struct {
	*Controller
	round       *rounds.Round
	hold, pause string
	now         time.Time
	pods        [][]replica   // by workload
	all         []*corev1.Pod // that take room
	plans       []map[string]int
	worth       map[int]moves.Worth
	live        corev1.NodeList // the nodes as they are now
	landing     *landing
	drains      map[policy.Source]bool
	poolNames   map[string]int
	enginePools map[string]*engine.Pool
	named       map[workload.Key]int
	nodes       map[string]*corev1.Node
	machines    map[string]engine.Machine                         // by the name of the node
	volumes     map[types.NamespacedName]*corev1.PersistentVolume // by claim
}

// replica is a live pod of a workload.
type replica struct {
	*corev1.Pod
	claims []string
}

func (c *Controller) view(ctx context.Context, round *rounds.Round) (*view, error) {
	v := &view{
		Controller: c, round: round, now: c.Clock.Now(), drains: map[policy.Source]bool{}, poolNames: map[string]int{},
		enginePools: make(map[string]*engine.Pool, len(round.Result.Pools)), named: map[workload.Key]int{}, nodes: map[string]*corev1.Node{},
		machines: map[string]engine.Machine{}, volumes: map[types.NamespacedName]*corev1.PersistentVolume{},
	}
	v.hold, v.pause = c.Losses()
	if round.Plan.Stopped && v.hold == "" {
		v.hold = "the plan was not finished in time"
	}
	for i := range round.Result.Pools {
		name := round.Result.Pools[i].ID()
		v.poolNames[name], v.enginePools[name] = i, &round.Result.Snapshot.Pools[i]
		for k, node := range round.Result.Pools[i].Nodes {
			v.machines[node.Name] = engine.Machine{Pool: i, Node: k}
		}
	}
	for i := range round.Result.Workloads {
		name := round.Result.Workloads[i].AnyKind()
		if _, taken := v.named[name]; !taken {
			v.named[name] = i
		}
	}
	for _, node := range round.Input.Nodes {
		v.nodes[node.Name] = node
	}
	volumes := map[string]*corev1.PersistentVolume{}
	for _, pv := range round.Input.Volumes {
		volumes[pv.Name] = pv
	}
	for _, claim := range round.Input.Claims {
		if pv := volumes[claim.Spec.VolumeName]; pv != nil {
			v.volumes[types.NamespacedName{Namespace: claim.Namespace, Name: claim.Name}] = pv
		}
	}
	var drains v1alpha1.ClusterPlacementPolicyList
	if err := c.Client.List(ctx, &drains); err != nil {
		return nil, fmt.Errorf("read which places are drained: %w", err)
	}
	for i := range drains.Items {
		if drains.Items[i].Labels[v1alpha1.LabelDrain] == "true" {
			v.drains[policy.Source{Name: drains.Items[i].Name}] = true
		}
	}
	if err := v.readPods(ctx); err != nil {
		return nil, err
	}
	if err := c.Client.List(ctx, &v.live); err != nil {
		return nil, fmt.Errorf("read nodes: %w", err)
	}
	if c.appraised != round {
		appraiser, err := engine.NewAppraiser(round.Result.Snapshot, engine.Options{Objective: round.Plan.Objective})
		if err != nil {
			return nil, err
		}
		c.appraised, c.appraiser = round, appraiser
	}
	for i := range round.Plan.Placements {
		plan := map[string]int{}
		for _, d := range round.Plan.Placements[i].Decisions {
			plan[round.Result.Pools[d.Pool].ID()] += d.Replicas
		}
		v.plans = append(v.plans, plan)
	}
	v.value()
	return v, nil
}

// readPods sorts the live pods to their workloads, those without a node too: a replica that waits is one that is away.
func (v *view) readPods(ctx context.Context) error {
	var list corev1.PodList
	if err := v.Client.List(ctx, &list); err != nil {
		return fmt.Errorf("read pods: %w", err)
	}
	index := map[workload.Key]int{}
	for i := range v.round.Result.Workloads {
		index[v.round.Result.Workloads[i].Key] = i
	}
	v.pods = make([][]replica, len(v.round.Result.Workloads))
	for i := range list.Items {
		pod := &list.Items[i]
		if !workload.Ended(pod) {
			v.all = append(v.all, pod)
		}
		if !workload.Live(pod) {
			continue
		}
		if at, ok := index[workload.Of(pod, v.round.Owners)]; ok {
			v.pods[at] = append(v.pods[at], replica{pod, workload.Claims(pod)})
		}
	}
	return nil
}

// poolOf is the pool of a node as the round has it; empty when it has none.
func (v *view) poolOf(node string) string {
	if i, ok := v.round.Result.PoolOf[node]; ok {
		return v.round.Result.Pools[i].ID()
	}
	return ""
}

func (v *view) counts(i int) map[string]int {
	out := map[string]int{}
	for _, pod := range v.pods[i] {
		if name := v.poolOf(pod.Spec.NodeName); name != "" {
			out[name]++
		}
	}
	return out
}

// surplus says whether a workload has replicas where the plan has fewer.
func (v *view) surplus(i int) bool {
	for pool, n := range v.counts(i) {
		if n > v.plans[i][pool] {
			return true
		}
	}
	return false
}

// concerns says whether there is anything to decide, or to say, about a workload.
func (v *view) concerns(i int) bool {
	rules := v.round.Result.Snapshot.Workloads[i].Rules
	if rules == nil {
		return false // no policy selects it: there is no Placement of it either
	}
	if v.surplus(i) {
		return true
	}
	key := v.round.Result.Workloads[i].Key
	if memory := v.memories[key]; memory != nil && memory.Pending() {
		return true
	}
	return rules.Rebalance != nil
}

// value says what moving the workloads brings, as their Placements do. It is kept for as long as the round is the latest.
func (v *view) value() {
	if v.valued == v.round {
		v.worth = v.worths
		return
	}
	mayMove := func(i int) bool {
		away, _ := v.away(i)
		return moves.MayMove(v.round.Result.Snapshot.Workloads[i].Rules, len(away) > 0)
	}
	v.worth = moves.Worths(v.appraiser, v.round.Plan, mayMove)
	confidential := v.round.Result.Confidential(v.round.Input.World.NegotiatedEgress)
	for i, worth := range v.worth {
		worth.Confidential = confidential
		v.worth[i] = worth
	}
	v.valued, v.worths = v.round, v.worth
}

// away are the replicas of a workload that a loss drove away and that have not gone back, and whether they do by themselves.
func (v *view) away(i int) (away []moves.Away, returns bool) {
	rules := v.round.Result.Snapshot.Workloads[i].Rules
	if rules == nil || rules.Failover == nil {
		return nil, false
	}
	for _, left := range v.Ledger.Away(v.round.Result.Workloads[i].Key) {
		away = append(away, moves.Away{From: left.Pool, Replicas: int(left.Replicas), To: v.round.Origin(left.Pool)})
	}
	return away, rules.Failover.Failback != "Never"
}

// fits says whether the volumes of a pod can follow it to a pool; nil when it has none that bind it.
func (v *view) fits(pod *replica) func(string) bool {
	var bound []*corev1.PersistentVolume
	for _, name := range pod.claims {
		if pv := v.volumes[types.NamespacedName{Namespace: pod.Namespace, Name: name}]; pv != nil && pv.Spec.NodeAffinity != nil {
			bound = append(bound, pv)
		}
	}
	if len(bound) == 0 {
		return nil
	}
	return func(pool string) bool {
		at, ok := v.poolNames[pool]
		return ok && slices.ContainsFunc(v.round.Result.Pools[at].Nodes, func(node *corev1.Node) bool {
			return !slices.ContainsFunc(bound, func(pv *corev1.PersistentVolume) bool {
				return volume.CheckNodeAffinity(pv, node.Labels) != nil
			})
		})
	}
}
