package planning

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/rules"
	"tradewind.dev/tradewind/pkg/state"
	"tradewind.dev/tradewind/pkg/workload"
)

const (
	// notSelected is why a workload that only others call stays where it is.
	notSelected = "no policy selects it"
	// ending is why one stays whose replicas, were they moved, would not come up anywhere.
	ending = "its namespace is being deleted"
)

// Selected is a workload that a policy selects: a Placement is kept for it.
type Selected struct {
	Workload
	// Rules are nil while the labels of the namespace are not known.
	Rules *rules.Rules
	// Doubt is why its replicas stay though they could be planned for: it is not known whether they are lost, or their namespace is being
	// deleted. Empty when neither is so.
	Doubt string
	// Running replicas by the name of their node.
	Running map[string]int
}

// From is the input of a plan of a cluster, without the workloads to plan for, which Select adds. Unavailable are the nodes
// that say so themselves, and the pools of which the condition Outage of their CloudPool does. known, if set, remembers what
// pods ask for and where nodes are from one input to the next.
func From(lists *state.Lists, world *state.World, options location.Options, known *Shapes) *Input {
	in := &Input{
		World: world, Location: options, Nodes: lists.Nodes, Pools: lists.CloudPools,
		Namespaces: make(map[string]labels.Set, len(lists.Namespaces)), Ending: map[string]bool{}, Pods: make([]Pod, 0, len(lists.Pods)),
		Claims: lists.Claims, Volumes: lists.Volumes, Classes: lists.StorageClasses, PriorityClasses: lists.PriorityClasses,
		CSINodes: lists.CSINodes, DaemonSets: lists.DaemonSets, RuntimeClasses: lists.RuntimeClasses,
		ResourceClaims: lists.ResourceClaims, ResourceClaimTemplates: lists.ResourceClaimTemplates, ResourceSlices: lists.ResourceSlices,
		DeviceClasses: lists.DeviceClasses,
		Placements:    lists.Placements,
		Quotas:        lists.Quotas, Unavailable: NodeUnavailable, PoolUnavailable: outages(lists.CloudPools), shapes: known,
	}
	for _, namespace := range lists.Namespaces {
		in.Namespaces[namespace.Name] = labels.Set(namespace.Labels)
		if namespace.DeletionTimestamp != nil {
			in.Ending[namespace.Name] = true
		}
	}
	owners := workload.OwnersOf(lists.ReplicaSets)
	for _, pod := range lists.Pods {
		if out, ok := known.Pod(pod, owners); ok {
			in.Pods = append(in.Pods, out)
		}
	}
	return in
}

// outages say of pools that are lost, or were and do not count again yet, what the controller wrote of them.
func outages(pools []*v1alpha1.CloudPool) func(pool *PoolInfo) string {
	type name struct{ cluster, pool string }
	out := map[name]string{}
	for _, pool := range pools {
		if said := meta.FindStatusCondition(pool.Status.Conditions, v1alpha1.ConditionOutage); said != nil && said.Status == metav1.ConditionTrue {
			out[name{pool.Spec.ClusterName, pool.Name}] = said.Message
		}
	}
	return func(pool *PoolInfo) string { return out[name{pool.Cluster, pool.Object()}] }
}

// Solver plans the snapshot. Where something is lost, or a pool must not be used, workloads run on what remains also where they
// could not survive another loss; these are returned, and the result's snapshot is then without that rule of theirs.
func (r *Result) Solver(options engine.Options, lost bool) (solver *engine.Solver, exposed []int, err error) {
	if !lost && !slices.ContainsFunc(r.Pools, func(pool PoolInfo) bool { return pool.Unavailable != "" }) {
		solver, err = engine.NewSolver(r.Snapshot, options)
		return solver, nil, err
	}
	degraded, err := engine.NewDegradedSolver(r.Snapshot, options)
	if err != nil {
		return nil, nil, err
	}
	r.Snapshot = degraded.Snapshot
	return degraded.Solver, degraded.Workloads, nil
}

// Select replaces the workloads to plan for by those of all that a policy selects, and those that these call, which stay where
// they are. All others take room. doubts are the nodes of which it is not known whether they are lost, with the reason: what
// runs there keeps its plan, and so does what is in a namespace that is being deleted. It returns those that a policy selects.
func (in *Input) Select(all []workload.Workload, doubts map[string]string) map[workload.Key]*Selected {
	out := map[workload.Key]*Selected{}
	called := map[workload.Key]bool{}
	for i := range all {
		next := in.judge(&all[i])
		if next == nil {
			continue
		}
		out[next.Key] = next
		if next.Rules == nil {
			continue
		}
		for k := range next.Rules.Traffic {
			called[state.CalleeKey(next.Namespace, &next.Rules.Traffic[k])] = true
		}
		for k := range next.Rules.TrafficLimits {
			called[state.CalleeKey(next.Namespace, &next.Rules.TrafficLimits[k])] = true
		}
	}
	for i := range in.Pods {
		pod := &in.Pods[i]
		of, ok := out[pod.Workload]
		if !ok {
			continue
		}
		of.Running[pod.Node]++
		if why := doubts[pod.Node]; why != "" && (of.Doubt == "" || why < of.Doubt) { // the same one each time
			of.Doubt = why
		}
	}
	in.Workloads = nil
	for i := range all {
		if of := out[all[i].Key]; of != nil {
			next := of.Workload
			if next.Hold == "" {
				next.Hold = of.Doubt
			}
			in.Workloads = append(in.Workloads, next)
		} else if called[all[i].AnyKind()] {
			in.Workloads = append(in.Workloads, Workload{Workload: all[i], Hold: notSelected})
		}
	}
	return out
}

// judge is the workload with the rules that are in force for it; nil when no policy selects it.
func (in *Input) judge(w *workload.Workload) *Selected {
	out := &Selected{Workload: Workload{Workload: *w}, Running: map[string]int{}}
	if in.Ending[w.Namespace] {
		out.Doubt = ending
	}
	set, known := in.Namespaces[w.Namespace]
	if !known && in.World.Policies.SelectsNamespaces() {
		out.Hold = fmt.Sprintf("the labels of namespace %s are not read yet", w.Namespace)
		return out
	}
	if out.Rules = in.World.Rules(w.Namespace, set, w.Template.Labels); len(out.Rules.Sources) == 0 {
		return nil
	}
	out.Hold = invalid(in.World, out.Rules)
	return out
}

// invalid says what is wrong with the policies of a workload such that no place satisfies them; empty when nothing is.
func invalid(world *state.World, rules *rules.Rules) string {
	held := rules.Held()
	if held == "" || rules.Excess != "" {
		return held
	}
	for _, source := range rules.Sources {
		for _, problem := range world.Policies.Problems(source) {
			return fmt.Sprintf("%s: %s: %s", source, problem.Field, problem.Message)
		}
	}
	return held + "; see its conditions"
}

// Shapes remember what pods request, and where and what nodes are, since reading it takes longer than planning with it. The zero
// value is ready for use, and safe for concurrent use; nil remembers nothing.
type Shapes struct {
	byUID  sync.Map // of pods
	places atomic.Pointer[places]
}

type shape struct {
	generation int64 // of the pod: resizing it raises it
	request    engine.Resources
	claims     []string
	// antiAffinity and hostPorts are what rules of pods look at.
	antiAffinity []corev1.PodAffinityTerm
	hostPorts    []engine.HostPort
}

func (s *Shapes) of(pod *corev1.Pod) *shape {
	if s != nil {
		if known, ok := s.byUID.Load(pod.UID); ok && known.(*shape).generation == pod.Generation {
			return known.(*shape)
		}
	}
	out := &shape{
		generation: pod.Generation, request: Request(&pod.Spec), claims: workload.Claims(pod),
		antiAffinity: workload.AntiAffinity(&pod.Spec), hostPorts: HostPorts(&pod.Spec),
	}
	if s != nil {
		s.byUID.Store(pod.UID, out)
	}
	return out
}

// Forget drops what is remembered of a pod that is gone.
func (s *Shapes) Forget(pod *corev1.Pod) { s.byUID.Delete(pod.UID) }
