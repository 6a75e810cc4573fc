package app

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/printable"
	"tradewind.dev/tradewind/pkg/report"
	"tradewind.dev/tradewind/pkg/state"
	"tradewind.dev/tradewind/pkg/workload"
)

// drained is what a drain moves, or has moved.
type drained struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Place      string `json:"place"`
	Policy     string `json:"policy"`
	DryRun     bool   `json:"dryRun,omitempty"`
	// Workloads with replicas in the place.
	Workloads []drainedWorkload `json:"workloads"`
	// OtherPods run in the place and are not moved, by why.
	OtherPods map[string]int `json:"otherPods,omitempty"`
	// EndingPods run in the place too, in namespaces that are being deleted: they go, and nothing is made in their place.
	EndingPods int `json:"endingPods,omitempty"`
	// InvoiceUSD is what clouds charge before, and with the place empty, for the machines in use by the workloads that Tradewind
	// places and for traffic; ValuedUSD what is valued besides; HourlyUSD what plans minimise. In US dollars an hour, the price of
	// moving apart.
	BeforeInvoiceUSD float64 `json:"beforeInvoiceUSD"`
	AfterInvoiceUSD  float64 `json:"afterInvoiceUSD"`
	BeforeValuedUSD  float64 `json:"beforeValuedUSD"`
	AfterValuedUSD   float64 `json:"afterValuedUSD"`
	BeforeHourlyUSD  float64 `json:"beforeHourlyUSD"`
	AfterHourlyUSD   float64 `json:"afterHourlyUSD"`

	policy *v1alpha1.ClusterPlacementPolicy
	place  *place
	owners workload.Owners
	broken []string
	// ending are the namespaces that are being deleted.
	ending map[string]bool
	// unplanned are workloads with replicas in the place that no plan is made for, such as those of kinds that are not known: they stay.
	unplanned map[workload.Key]bool
}

// drainedWorkload is a workload with replicas in the place.
type drainedWorkload struct {
	Kind      string `json:"kind"`
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	// Replicas of it in the place when the drain began, Left now, Homeless of them have no other place.
	Replicas int `json:"replicas"`
	Left     int `json:"left"`
	Homeless int `json:"homeless,omitempty"`
	// To are the pools that the plan has replicas more in.
	To     []drainedTo `json:"to,omitempty"`
	Reason string      `json:"reason,omitempty"`
}

func (w *drainedWorkload) key() workload.Key {
	return workload.Key{Kind: w.Kind, Namespace: w.Namespace, Name: w.Name}
}

type drainedTo struct {
	Pool     string `json:"pool"`
	Replicas int    `json:"replicas"`
}

func newDrained(d *drain, p *place, policy *v1alpha1.ClusterPlacementPolicy, snapshot *state.Snapshot, now, then *livePlan) (*drained, error) {
	out := &drained{
		APIVersion: v1alpha1.GroupVersion.String(), Kind: "Drain", Place: d.place.text, Policy: policy.Name, DryRun: d.dryRun,
		Workloads: []drainedWorkload{}, OtherPods: map[string]int{}, policy: policy, place: p, owners: snapshot.OwnerOf, ending: then.input.Ending,
	}
	asItRuns := *then.input
	asItRuns.Pods = now.input.Pods
	before, err := staying(&asItRuns)
	if err != nil {
		return nil, err
	}
	after := then.plan.Bill.WithoutMoves()
	out.BeforeInvoiceUSD, out.BeforeValuedUSD, out.BeforeHourlyUSD = before.Invoice(), before.Valued(), then.plan.Objective.Total(&before)
	out.AfterInvoiceUSD, out.AfterValuedUSD, out.AfterHourlyUSD = after.Invoice(), after.Valued(), then.plan.Objective.Total(&after)
	there := out.count(d, snapshot.Pods)
	out.findUnplanned(there, then)
	for i := range then.result.Workloads {
		key := then.result.Workloads[i].Key
		if there[key] == 0 {
			continue
		}
		w := drainedWorkload{Kind: key.Kind, Namespace: key.Namespace, Name: key.Name, Replicas: there[key], Left: there[key]}
		placement := then.plan.Placements[i]
		running := map[int]int{}
		for _, r := range then.result.Snapshot.Workloads[i].Current {
			running[r.Pool] += r.Replicas
		}
		if placement.Held != "" && then.result.Snapshot.Workloads[i].Rules != nil { // it keeps its plan, and nothing is moved
			w.Homeless, w.Reason = there[key], placement.Held
			out.broken = append(out.broken, key.String()+" stays: "+placement.Held)
			out.Workloads = append(out.Workloads, w)
			continue
		}
		w.To = goesTo(then, now, key, &placement.Decisions, running, there[key]-max(placement.Unplaced-unplaced(now, key), 0))
		slices.SortFunc(w.To, func(a, b drainedTo) int {
			return cmp.Or(cmp.Compare(b.Replicas, a.Replicas), strings.Compare(a.Pool, b.Pool))
		})
		if homeless := placement.Unplaced - unplaced(now, key); homeless > 0 {
			w.Homeless = homeless
			if placement.Conflict != nil {
				w.Reason = placement.Conflict.Message
			}
			out.broken = append(out.broken, fmt.Sprintf("%s: no other place for %s: %s", key,
				printable.Ratio(homeless, then.result.Snapshot.Workloads[i].Replicas, "replica", "replicas"), w.Reason))
		}
		out.Workloads = append(out.Workloads, w)
	}
	return out, nil
}

// goesTo is where so many replicas go that leave the place: pools in which the plan without it has more than run there, and than the plan
// with it has; further ones are for replicas that wait.
func goesTo(then, now *livePlan, key workload.Key, decisions *[]engine.Decision, running map[int]int, leaving int) []drainedTo {
	wanted := map[string]int{}
	for i := range now.result.Workloads {
		if now.result.Workloads[i].Key == key {
			for _, d := range now.plan.Placements[i].Decisions {
				wanted[now.result.Pools[d.Pool].Name] = d.Replicas
			}
		}
	}
	var out []drainedTo
	for _, d := range *decisions {
		name := then.result.Pools[d.Pool].Name
		if more := min(d.Replicas-max(running[d.Pool], wanted[name]), leaving); more > 0 {
			out = append(out, drainedTo{name, more})
			leaving -= more
		}
	}
	for _, d := range *decisions { // where replicas that wait were to go before
		name := then.result.Pools[d.Pool].Name
		if more := min(min(d.Replicas, wanted[name])-running[d.Pool], leaving); more > 0 {
			out = append(out, drainedTo{name, more})
			leaving -= more
		}
	}
	return out
}

// findUnplanned counts the replicas in the place that no plan is made for under the pods that stay.
func (o *drained) findUnplanned(there map[workload.Key]int, then *livePlan) {
	o.unplanned = map[workload.Key]bool{}
	planned := map[workload.Key]bool{}
	for i := range then.result.Workloads {
		planned[then.result.Workloads[i].Key] = true
	}
	for key := range there {
		if !planned[key] {
			o.unplanned[key] = true
		}
	}
	o.leaveOut(there)
}

// leaveOut counts what is not planned under the pods that stay.
func (o *drained) leaveOut(there map[workload.Key]int) {
	for key, n := range there {
		if o.unplanned[key] {
			o.OtherPods["of "+key.String()+", which is not planned"] += n
			delete(there, key)
		}
	}
}

// endingText says how many pods go with their namespaces; empty for none.
func endingText(pods int) string {
	if pods == 0 {
		return ""
	}
	return fmt.Sprintf("\n%s.\n", printable.Number(pods, "pod goes with its namespace, which is being deleted",
		"pods go with their namespaces, which are being deleted"))
}

// unplaced is how many replicas of a workload have no place in a plan.
func unplaced(p *livePlan, key workload.Key) int {
	for i := range p.result.Workloads {
		if p.result.Workloads[i].Key == key {
			return p.plan.Placements[i].Unplaced
		}
	}
	return 0
}

// count counts the pods in the place: those that are moved by workload, those that go with their namespace, the others by why they stay.
func (o *drained) count(d *drain, pods []*corev1.Pod) map[workload.Key]int {
	out := map[workload.Key]int{}
	o.OtherPods, o.EndingPods = map[string]int{}, 0
	for _, pod := range pods {
		if _, in := o.place.nodes[pod.Spec.NodeName]; !in || !workload.Live(pod) {
			continue
		}
		if o.ending[pod.Namespace] && workload.RoleOf(pod) != workload.OfNode {
			o.EndingPods++
			continue
		}
		if why := d.stays(pod); why != "" {
			o.OtherPods[why]++
			continue
		}
		out[workload.Of(pod, o.owners)]++
	}
	return out
}

// stays says why a pod is not moved; empty when it is.
func (d *drain) stays(pod *corev1.Pod) string {
	switch role := workload.RoleOf(pod); {
	case role == workload.Alone:
		return "without a controller"
	case role == workload.OfNode:
		return "of their node"
	case role == workload.OfJob:
		return "of Jobs"
	case !slices.Contains(d.schedulers, pod.Spec.SchedulerName):
		return "of other schedulers"
	}
	if key := workload.KeptBy(pod); key != "" {
		return "kept by the annotation " + key
	}
	return ""
}

// refusal says which replicas have no other place.
func (o *drained) refusal() error {
	if len(o.broken) == 0 {
		return nil
	}
	return errors.New("the rest of the cluster cannot hold what runs in " + o.Place + ":\n  " + strings.Join(o.broken, "\n  ") +
		"\nadd room or change the policies named, or drain what can be moved with --force")
}

// left is how many replicas are still in the place.
func (o *drained) left() int {
	left := 0
	for i := range o.Workloads {
		left += o.Workloads[i].Left
	}
	return left
}

// homeless is how many of the replicas in the place have no other.
func (o *drained) homeless() int {
	n := 0
	for i := range o.Workloads {
		n += min(o.Workloads[i].Homeless, o.Workloads[i].Replicas)
	}
	return n
}

// Text writes a table of the workloads, and what changes in the invoice.
func (o *drained) Text(w io.Writer) error {
	var rows [][]string
	all := 0
	for i := range o.Workloads {
		workload := &o.Workloads[i]
		all += workload.Replicas
		var to []string
		for _, t := range workload.To {
			to = append(to, fmt.Sprintf("%d %s", t.Replicas, t.Pool))
		}
		if workload.Homeless > 0 {
			to = append(to, fmt.Sprintf("%d nowhere: %s", workload.Homeless, workload.Reason))
		}
		rows = append(rows, []string{
			workload.Namespace + "/" + workload.Name, workload.Kind, fmt.Sprint(workload.Replicas), fmt.Sprint(workload.Left), strings.Join(to, ", "),
		})
	}
	var out strings.Builder
	verb, moved := "moved", all-o.left()
	if o.DryRun {
		verb, moved = "would move", all-o.homeless()
	}
	fmt.Fprintf(&out, "DRAIN %s: %s of %s %s, %s there\n", o.Place, printable.Ratio(moved, all, "replica", "replicas"), workloads(len(o.Workloads)), verb,
		printable.Number(o.left(), "is", "are"))
	if len(rows) > 0 {
		out.WriteString("\n" + report.Table([]string{"WORKLOAD", "KIND", ">REPLICAS", ">LEFT", "TO"}, rows))
	}
	var others []string
	for why, n := range o.OtherPods {
		others = append(others, fmt.Sprintf("%d %s", n, why))
	}
	slices.Sort(others)
	if len(others) > 0 {
		fmt.Fprintf(&out, "\nOther pods stay: %s.\n", strings.Join(others, ", "))
	}
	out.WriteString(endingText(o.EndingPods))
	fmt.Fprintf(&out, "\nClouds invoice $%s an hour for the machines in use and their traffic; with the place empty it would be $%s.\n",
		report.Dollars(o.BeforeInvoiceUSD), report.Dollars(o.AfterInvoiceUSD))
	if o.BeforeValuedUSD != 0 || o.AfterValuedUSD != 0 {
		fmt.Fprintf(&out, "What is only valued (latency, interruption, preferences) goes from $%s to $%s.\n",
			report.Dollars(o.BeforeValuedUSD), report.Dollars(o.AfterValuedUSD))
	}
	_, err := io.WriteString(w, out.String())
	return err
}
