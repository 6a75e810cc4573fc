package rebalance

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"tradewind.dev/tradewind/pkg/kubefilters"
	"tradewind.dev/tradewind/pkg/moves"
)

// landing is where replacements of replicas that are moved would come up, by kube-scheduler's own filters.
type landing struct {
	*kubefilters.Filters
	nodes map[string]bool // that are there
	err   error
}

// land are the filters over the cluster as it is, with places kept for replicas that wait for a node. They are made when a move
// depends on them alone. Nodes that an autoscaler could add do not count: a replica leaves only for room that is there.
func (v *view) land() *landing {
	if v.landing == nil {
		v.landing = &landing{nodes: map[string]bool{}}
		v.landing.err = v.ask()
	}
	return v.landing
}

// ask makes the filters. Nodes are those of now: one may have a taint that it did not have when the plan was made.
func (v *view) ask() error {
	in := v.round.Input
	objects := kubefilters.Objects{Pods: v.all, StorageClasses: in.Classes}
	for i := range v.live.Items {
		node := &v.live.Items[i]
		objects.Nodes = append(objects.Nodes, node)
		v.landing.nodes[node.Name] = true
	}
	objects.Claims, objects.Volumes = kubefilters.Settled(in.Claims, in.Volumes)
	for name, labels := range in.Namespaces {
		objects.Namespaces = append(objects.Namespaces, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}})
	}
	var err error
	if v.landing.Filters, err = kubefilters.New(objects); err != nil {
		return err
	}
	return v.keep()
}

// close ends the filters.
func (v *view) close() {
	if v.landing != nil && v.landing.Filters != nil {
		v.landing.Close()
	}
}

// keep keeps places for replicas that wait for a node, where the plan lacks them.
func (v *view) keep() error {
	for i := range v.pods {
		var waiting []*corev1.Pod
		for _, pod := range v.pods[i] {
			if pod.Spec.NodeName == "" {
				waiting = append(waiting, pod.Pod)
			}
		}
		if len(waiting) == 0 {
			continue
		}
		counts := v.counts(i)
		for _, d := range v.round.Plan.Placements[i].Decisions {
			pool := v.round.Result.Pools[d.Pool].ID()
			for range min(len(waiting), max(0, d.Replicas-counts[pool])) {
				if _, err := v.place(v.round.Result.Workloads[i].Anew(waiting[0]), pool); err != nil {
					return err
				}
				waiting = waiting[1:]
			}
		}
	}
	return nil
}

// place counts a pod on a node of a pool that the filters leave it, or says why there is none.
func (v *view) place(pod *corev1.Pod, pool string) (moves.Refusal, error) {
	at, ok := v.poolNames[pool]
	if !ok {
		return moves.Refusal{Reason: "there is no such pool"}, nil
	}
	info := &v.round.Result.Pools[at]
	if info.Unavailable != "" {
		return moves.Refusal{Reason: info.Unavailable}, nil
	}
	names := make([]string, 0, len(info.Nodes))
	for _, node := range info.Nodes {
		if v.landing.nodes[node.Name] {
			names = append(names, node.Name)
		}
	}
	if len(names) == 0 {
		return moves.Refusal{Reason: "it has no node", Full: true}, nil
	}
	result, err := v.landing.CheckOn(pod, names...)
	if err != nil {
		return moves.Refusal{}, err
	}
	for _, name := range names {
		if len(result.On(name)) == 0 {
			return moves.Refusal{}, v.landing.Assume(pod, name)
		}
	}
	reason, full := result.Summary(names...)
	return moves.Refusal{Reason: reason, Full: full}, nil
}

// room reserves places for the replicas of one workload.
func (v *view) room(i int) moves.Room { return room{v, i} }

type room struct {
	view     *view
	workload int
}

// Reserve implements moves.Room. What cannot be asked is a refusal.
func (r room) Reserve(replica *moves.Replica, pool string) moves.Refusal {
	refusal, err := r.reserve(replica, pool)
	if err != nil {
		return moves.Refusal{Reason: "kube-scheduler's filters cannot be asked: " + err.Error()}
	}
	return refusal
}

func (r room) reserve(replica *moves.Replica, pool string) (moves.Refusal, error) {
	v := r.view
	land := v.land()
	if land.err != nil {
		return moves.Refusal{}, land.err
	}
	var gone *corev1.Pod
	for _, pod := range v.pods[r.workload] {
		if string(pod.UID) == replica.ID {
			gone = pod.Pod
		}
	}
	if gone == nil {
		return moves.Refusal{}, fmt.Errorf("pod %s is not there any more", replica.Name)
	}
	if err := land.Forget(gone); err != nil {
		return moves.Refusal{}, err
	}
	refusal, err := v.place(v.round.Result.Workloads[r.workload].Anew(gone), pool)
	if err != nil || refusal.Reason != "" {
		if again := land.Assume(gone, gone.Spec.NodeName); err == nil {
			err = again
		}
	}
	return refusal, err
}
