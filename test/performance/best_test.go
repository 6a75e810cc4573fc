package performance

import (
	"context"
	"fmt"
	"math"
	"sync"

	corev1 "k8s.io/api/core/v1"
	apiruntime "k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/test/utils/ktesting"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/latency"
	"tradewind.dev/tradewind/pkg/rules"
	"tradewind.dev/tradewind/pkg/state"
	"tradewind.dev/tradewind/pkg/workload"
	"tradewind.dev/tradewind/plugins/cost"
)

// order is a plugin that remembers in which order pods were placed: what was best for a pod depends on those before it.
type order struct {
	mu   sync.Mutex
	pods []types.UID
}

// Name implements fwk.Plugin.
func (*order) Name() string { return "Order" }

// Reserve implements fwk.ReservePlugin.
func (o *order) Reserve(_ context.Context, _ fwk.CycleState, pod *corev1.Pod, _ string) *fwk.Status {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.pods = append(o.pods, pod.UID)
	return nil
}

// Unreserve implements fwk.ReservePlugin: a pod that is placed again counts where it came to be placed last.
func (*order) Unreserve(context.Context, fwk.CycleState, *corev1.Pod, string) {}

func (o *order) factory(context.Context, apiruntime.Object, fwk.Handle) (fwk.Plugin, error) {
	return o, nil
}

// rounding is how far apart, as a share of the widest criterion's span, two nodes with the same points may be: half a point of
// each of two criteria, on each node.
const rounding = 0.02

// standing is a cluster as pods are placed again, one by one, as they were.
type standing struct {
	live    *state.Live
	nodes   map[string]*state.Node
	classes map[*rules.Class][]string // names of the nodes
	left    map[string]corev1.ResourceList
	views   map[workload.Key]*rules.View
}

// bestNodePercent reads the pods and nodes back and says how many pods are on a node whose bill no other node beat that every
// rule allowed and that had room, in percent.
func bestNodePercent(tCtx ktesting.TContext, r *run) (float64, error) {
	pods, nodes, err := placements(tCtx)
	if err != nil {
		return 0, err
	}
	byUID := map[types.UID]*corev1.Pod{}
	for i := range pods {
		byUID[pods[i].UID] = &pods[i]
	}
	s := &standing{
		live: r.plugins[cost.Name].(*cost.Plugin).Live, nodes: map[string]*state.Node{}, classes: map[*rules.Class][]string{},
		left: map[string]corev1.ResourceList{}, views: map[workload.Key]*rules.View{},
	}
	for name, object := range nodes {
		node := s.live.Node(object)
		s.nodes[name], s.left[name] = node, object.Status.Allocatable.DeepCopy()
		s.classes[node.Class] = append(s.classes[node.Class], name)
	}
	r.order.mu.Lock()
	defer r.order.mu.Unlock()
	last := map[types.UID]int{}
	for i, uid := range r.order.pods {
		last[uid] = i
	}
	best, counted := 0, 0
	for i, uid := range r.order.pods {
		pod, known := byUID[uid]
		if !known || last[uid] != i {
			continue
		}
		beaten, err := s.place(pod)
		if err != nil {
			return 0, err
		}
		if counted++; !beaten {
			best++
		}
	}
	if counted != len(pods) {
		return 0, fmt.Errorf("%d of %d pods were seen to be placed", counted, len(pods))
	}
	return 100 * float64(best) / float64(counted), nil
}

// place puts a pod where it was put, and says whether a node that could have had it was better.
func (s *standing) place(pod *corev1.Pod) (beaten bool, err error) {
	ruled, ok := s.live.Rules(pod)
	chosen := s.nodes[pod.Spec.NodeName]
	if !ok || chosen == nil {
		return false, fmt.Errorf("pod %s/%s: no rules, or no node %q", pod.Namespace, pod.Name, pod.Spec.NodeName)
	}
	revision := workload.Revision(pod)
	view, request := s.views[revision], state.Request(pod)
	if view == nil {
		view = &rules.View{Desired: s.live.Revision(revision).Desired}
	}
	location, limits := rules.NewLocationLimits(ruled, view), rules.NewLatencyLimits(ruled, view, nil)
	var buffer [8]latency.RoundTrip
	type bill struct{ compute, trips float64 }
	least, most := bill{math.Inf(1), math.Inf(1)}, bill{math.Inf(-1), math.Inf(-1)}
	cheapest, ours := math.Inf(1), 0.0
	for class, names := range s.classes {
		node := s.nodes[names[0]] // of one machine type, so that all of the class cost the same
		usd, priced := node.HourlyUSD(request)
		trips := ruled.Trips(class, view, nil, v1alpha1.OptimizeForBalanced, buffer[:])
		if !priced || !trips.Known {
			return false, fmt.Errorf("node %s has no price or no round trip", node.Name)
		}
		if class == chosen.Class {
			ours = usd + trips.USD
		}
		if ruled.Static(class).Residency != "" || location.Reason(class) != "" || limits.Reason(class) != "" ||
			rules.CeilingReason(ruled.Effective, view, usd, priced) != "" || !s.anyRoom(names, pod) {
			continue
		}
		least = bill{min(least.compute, usd), min(least.trips, trips.USD)}
		most = bill{max(most.compute, usd), max(most.trips, trips.USD)}
		cheapest = min(cheapest, usd+trips.USD)
	}
	span := max(most.compute-least.compute, most.trips-least.trips)
	usd, _ := chosen.HourlyUSD(request)
	s.views[revision] = view.With(chosen.Class, 1, usd, 0)
	for name, quantity := range pod.Spec.Containers[0].Resources.Requests {
		left := s.left[chosen.Name][name]
		left.Sub(quantity)
		s.left[chosen.Name][name] = left
	}
	return ours > cheapest+rounding*span, nil
}

func (s *standing) anyRoom(names []string, pod *corev1.Pod) bool {
	for _, name := range names {
		room := true
		for resource, quantity := range pod.Spec.Containers[0].Resources.Requests {
			left := s.left[name][resource]
			room = room && left.Cmp(quantity) >= 0
		}
		if room {
			return true
		}
	}
	return false
}
