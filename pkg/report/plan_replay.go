package report

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"tradewind.dev/tradewind/pkg/planning"
	"tradewind.dev/tradewind/pkg/replay"
)

// PlanReplay is what kube-scheduler's own filters say of a plan's replicas where the plan has them.
type PlanReplay struct {
	// Running replicas stay on the node where they run, so that the scheduler is not asked; Bound it would bind, Refused it would not.
	Running int `json:"running"`
	Bound   int `json:"bound"`
	Refused int `json:"refused"`
	// Refusals say which replicas are refused where, and by what.
	Refusals []PlanRefusal `json:"refusals"`
	// Ordered are workloads whose replicas bind where the plan has them in some orders only, so that kube-scheduler may leave some waiting.
	Ordered []PlanOrdered `json:"ordered,omitempty"`
}

// PlanOrdered is a workload whose replicas bind in some orders only.
type PlanOrdered struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	Kind      string `json:"kind"`
}

// PlanRefusal is replicas of a workload that are refused on a node.
type PlanRefusal struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	Kind      string `json:"kind"`
	Cluster   string `json:"cluster"`
	Pool      string `json:"pool"`
	// Node is empty for one that is to be added.
	Node     string `json:"node"`
	Replicas int    `json:"replicas"`
	// Filters refuse the first of the replicas.
	Filters []PlanFilter `json:"filters"`
}

// PlanFilter is a filter of kube-scheduler that refuses a replica on a node.
type PlanFilter struct {
	// Filter is the plugin's name in kube-scheduler's configuration; empty where several together leave no node.
	Filter string `json:"filter"`
	// Reason is in Kubernetes' own words.
	Reason string `json:"reason"`
}

// NewPlanReplay makes an outcome ready to be printed.
func NewPlanReplay(result *planning.Result, outcome *replay.Outcome) *PlanReplay {
	out := &PlanReplay{
		Running: outcome.Running, Bound: outcome.Bound, Refused: outcome.RefusedReplicas(), Refusals: make([]PlanRefusal, 0, len(outcome.Refused)),
	}
	for i := range outcome.Refused {
		r := &outcome.Refused[i]
		of, at := &result.Workloads[r.Workload], &result.Pools[r.Pool]
		row := PlanRefusal{
			Namespace: of.Namespace, Name: of.Name, Kind: of.Kind, Cluster: at.Cluster, Pool: at.Name, Node: r.Node, Replicas: r.Replicas,
		}
		for k := range r.Filters {
			row.Filters = append(row.Filters, PlanFilter{r.Filters[k].Plugin, r.Filters[k].String()})
		}
		out.Refusals = append(out.Refusals, row)
	}
	for _, i := range outcome.Ordered {
		of := &result.Workloads[i]
		out.Ordered = append(out.Ordered, PlanOrdered{of.Namespace, of.Name, of.Kind})
	}
	return out
}

// words are the filters and their reasons in one line.
func (r *PlanRefusal) words() string {
	var out []string
	for i := range r.Filters {
		out = append(out, strings.TrimPrefix(r.Filters[i].Filter+": ", ": ")+r.Filters[i].Reason)
	}
	return strings.Join(out, "; ")
}

// Lines say what is refused, one line a workload and node.
func (r *PlanReplay) Lines() []string {
	var out []string
	for i := range r.Refusals {
		at := &r.Refusals[i]
		out = append(out, fmt.Sprintf("kube-scheduler would refuse %s of %s %s/%s on %s of pool %s: %s", count(at.Replicas, "replica"), at.Kind, at.Namespace,
			at.Name, cmp.Or(at.Node, "a new node"), placeName(at.Cluster, at.Pool), at.words()))
	}
	return out
}

// replayed is what kube-scheduler would bind, and what not.
func (p *Plan) replayed(out *strings.Builder) {
	r := p.Replay
	if r == nil {
		return
	}
	out.WriteString("\n")
	text := fmt.Sprintf("kube-scheduler would bind %s where the plan has them", count(r.Bound, "replica"))
	if r.Running > 0 {
		text += fmt.Sprintf("; %d stay where they run", r.Running)
	}
	if r.Refused > 0 {
		text += fmt.Sprintf("; %d it would refuse", r.Refused)
	}
	paragraph(out, "Replayed ", text+".")
	for _, o := range r.Ordered {
		paragraph(out, "Note ", fmt.Sprintf("replicas of %s %s/%s bind there in some orders only, since it is spread by several keys: where some "+
			"wait later, delete those that run and let them come again, or drop a key.", o.Kind, o.Namespace, o.Name))
	}
	if len(r.Refusals) == 0 {
		return
	}
	out.WriteString("\n")
	t := newTable(0, "REFUSED", ">REPLICAS", "POOL", "NODE", "FILTER AND REASON")
	for i := range r.Refusals {
		at := &r.Refusals[i]
		name := PlanPlacement{Namespace: at.Namespace, Name: at.Name, Kind: at.Kind}
		t.add(name.workloadName(), strconv.Itoa(at.Replicas), placeName(at.Cluster, at.Pool), cmp.Or(at.Node, "to be added"), at.words())
	}
	out.WriteString(t.String())
}
