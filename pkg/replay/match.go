package replay

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/names"

	"tradewind.dev/tradewind/pkg/kubefilters"
)

// ofVolumes are the filters that say where a pod's own volumes can be attached, whatever else runs there.
var ofVolumes = []string{names.VolumeBinding, names.VolumeZone}

// match gives the replicas of a workload, each with claims of its own, to the nodes where the plan has some of them, so that as many
// as can be are where their volumes are: a plan says how many there are on a node, and not which. Augmenting paths (Kuhn).
func match(filters *kubefilters.Filters, tasks []*task) error {
	m := matching{room: make([]int, len(tasks)), on: make([][]int, len(tasks))}
	nodes := make([]string, len(tasks))
	for i, t := range tasks {
		nodes[i], m.room[i] = t.node, len(t.pods)
		m.pods, t.pods = append(m.pods, t.pods...), nil
	}
	m.pods, tasks[0].spare = append(m.pods, tasks[0].spare...), nil
	free := true
	for _, pod := range m.pods {
		result, err := filters.CheckOn(pod, nodes...)
		if err != nil {
			return err
		}
		fits := make([]bool, len(nodes))
		for i, node := range nodes {
			fits[i] = !slices.ContainsFunc(result.On(node), func(v kubefilters.Verdict) bool { return slices.Contains(ofVolumes, v.Plugin) })
			free = free && fits[i]
		}
		m.fits = append(m.fits, fits)
	}
	var homeless []int
	for pod := range m.pods {
		if free || !m.place(pod, make([]bool, len(tasks))) {
			homeless = append(homeless, pod)
		}
	}
	for i := range tasks {
		for len(m.on[i]) < m.room[i] {
			m.on[i] = append(m.on[i], homeless[0])
			homeless = homeless[1:]
		}
		slices.Sort(m.on[i])
		for _, pod := range m.on[i] {
			tasks[i].pods = append(tasks[i].pods, m.pods[pod])
		}
	}
	return nil
}

// matching is pods and the tasks that they go to.
type matching struct {
	pods []*corev1.Pod
	fits [][]bool // by pod and task
	room []int    // by task
	on   [][]int  // by task
}

// place finds a task for a pod, if need be by sending others on. seen are the tasks that it has been tried for.
func (m *matching) place(pod int, seen []bool) bool {
	for i := range m.room {
		if seen[i] || !m.fits[pod][i] {
			continue
		}
		seen[i] = true
		if len(m.on[i]) < m.room[i] {
			m.on[i] = append(m.on[i], pod)
			return true
		}
		for k, other := range m.on[i] {
			if m.place(other, seen) {
				m.on[i][k] = pod
				return true
			}
		}
	}
	return false
}
