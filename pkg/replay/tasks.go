package replay

import (
	"cmp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/kubefilters"
	"tradewind.dev/tradewind/pkg/planning"
	"tradewind.dev/tradewind/pkg/workload"
)

// task is the replicas of one workload that the plan has on one node.
type task struct {
	workload, pool int
	node           string
	added          bool
	// running are the pods that are there already; pods come in addition.
	running, pods []*corev1.Pod
	// bound are the pods that are bound so far.
	bound []*corev1.Pod
	// spare, of a workload's first task, are further replicas of which the plan does not say whether they are those without a place.
	spare []*corev1.Pod
	// domain is where its workload's rules on skew count the node.
	domain string
	// shares says that the replicas share a claim without a volume; different that each has claims of its own.
	shares, different bool
	// orders says that the replicas may bind in some orders only.
	orders bool
	// left are the pods that are not bound yet, refused why the first of them is not.
	left    int
	refused []kubefilters.Verdict
}

// tasks are those of the cluster, by workload. made are the replicas that other clusters have, by workload and name.
func (c *cluster) tasks(made map[at]bool) []*task {
	var out []*task
	for i, placement := range c.Plan.Placements {
		if !c.planned(i) {
			continue
		}
		var of []*task
		for k := range placement.Decisions {
			of = append(of, c.of(i, &placement.Decisions[k])...)
		}
		c.number(i, of, made)
		out = append(out, of...)
	}
	return out
}

// of are the tasks of a decision.
func (c *cluster) of(i int, d *engine.Decision) []*task {
	info := &c.Result.Pools[d.Pool]
	if info.Cluster != c.name {
		return nil
	}
	var out []*task
	for _, n := range d.Nodes {
		t := &task{workload: i, pool: d.Pool, left: n.Replicas}
		var node *corev1.Node
		if n.Node < len(info.Nodes) {
			node = info.Nodes[n.Node]
			running := c.running[at{i, node.Name}]
			t.running = running[:min(len(running), n.Replicas)]
			t.left -= len(t.running)
		} else {
			t.added, node = true, c.added[[2]int{d.Pool, n.Node - len(info.Nodes)}]
		}
		t.node, t.domain = node.Name, domain(&c.Result.Workloads[i], node)
		out = append(out, t)
	}
	return out
}

// domain is where a workload's rules on skew count a node: by the keys that they name, but for single nodes; else its zone.
func domain(w *planning.Workload, node *corev1.Node) string {
	text, found := "", false
	for i := range w.Template.Spec.TopologySpreadConstraints {
		key := w.Template.Spec.TopologySpreadConstraints[i].TopologyKey
		if key != corev1.LabelHostname {
			text, found = text+"/"+node.Labels[key], true
		}
	}
	if !found {
		return node.Labels[corev1.LabelTopologyZone]
	}
	return text
}

// number makes the pods of a workload's tasks: replicas that neither run nor are in another cluster.
func (c *cluster) number(i int, tasks []*task, made map[at]bool) {
	if len(tasks) == 0 {
		return
	}
	w := &c.Result.Workloads[i]
	shares, different, room := c.sharesClaim(w), len(w.ClaimTemplates) > 0, 0
	orders := len(w.Template.Spec.TopologySpreadConstraints) > 1
	for _, t := range tasks {
		t.shares, t.different, t.orders = shares, different, orders
		room += t.left
		for _, pod := range t.running {
			made[at{i, pod.Name}] = true
		}
	}
	var pods []*corev1.Pod
	for n := 0; n < w.Replicas && (different || len(pods) < room); n++ {
		if name := w.Replica(n); w.Kind != workload.StatefulSet && !different || !made[at{i, name}] {
			pods = append(pods, w.Made(n))
		}
	}
	for _, t := range tasks {
		t.pods, pods = pods[:t.left:t.left], pods[t.left:]
		for _, pod := range t.pods {
			made[at{i, pod.Name}] = !different
		}
	}
	tasks[0].spare = pods
}

// sharesClaim says whether all replicas of a workload have one claim that has no volume yet.
func (c *cluster) sharesClaim(w *planning.Workload) bool {
	return w.Replicas > 1 && slices.ContainsFunc(w.SharedClaims(), func(name string) bool {
		claim := c.claims[[2]string{w.Namespace, name}]
		return claim != nil && claim.Spec.VolumeName == ""
	})
}

// order is the order in which the scheduler comes to replicas: by priority, then by workload.
func order(filters *kubefilters.Filters, in *Input, tasks []*task, made map[at]bool) ([]attempt, error) {
	var out []attempt
	byWorkload := slices.Clone(tasks)
	slices.SortStableFunc(byWorkload, func(a, b *task) int {
		x, y := in.Result.Snapshot.Workloads[a.workload].Priority, in.Result.Snapshot.Workloads[b.workload].Priority
		return cmp.Or(cmp.Compare(y, x), cmp.Compare(a.workload, b.workload))
	})
	for len(byWorkload) > 0 {
		n := 1
		for n < len(byWorkload) && byWorkload[n].workload == byWorkload[0].workload {
			n++
		}
		of := byWorkload[:n:n]
		if of[0].different {
			if err := match(filters, of); err != nil {
				return nil, err
			}
			for _, t := range of {
				for _, pod := range t.pods {
					made[at{t.workload, pod.Name}] = true
				}
			}
		}
		out = append(out, evenly(of)...)
		byWorkload = byWorkload[n:]
	}
	return out, nil
}

// evenly is the replicas of a workload in an order in which at any time each domain, and in it each node, has about its share of
// those that have come: so rules on skew let them come.
func evenly(tasks []*task) []attempt {
	type share struct {
		attempt
		domain    string
		at        float64 // within the domain, then over all
		of, index int
	}
	var all []share
	for i, t := range tasks {
		for k, pod := range t.pods {
			all = append(all, share{attempt{t, pod}, t.domain, (float64(k) + 0.5) / float64(len(t.pods)), 0, i})
		}
	}
	slices.SortStableFunc(all, func(a, b share) int {
		return cmp.Or(strings.Compare(a.domain, b.domain), cmp.Compare(a.at, b.at), cmp.Compare(a.index, b.index))
	})
	for from := 0; from < len(all); {
		to := from
		for to < len(all) && all[to].domain == all[from].domain {
			to++
		}
		for k := from; k < to; k++ {
			all[k].at = (float64(k-from) + 0.5) / float64(to-from)
		}
		from = to
	}
	slices.SortStableFunc(all, func(a, b share) int { return cmp.Compare(a.at, b.at) })
	out := make([]attempt, 0, len(all))
	for i := range all {
		out = append(out, all[i].attempt)
	}
	return out
}
