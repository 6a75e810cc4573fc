package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/loss"
	"tradewind.dev/tradewind/pkg/printable"
	"tradewind.dev/tradewind/pkg/report"
	"tradewind.dev/tradewind/pkg/rules"
	"tradewind.dev/tradewind/pkg/state"
	"tradewind.dev/tradewind/pkg/workload"
)

// drillInterval is how often a drill looks at the pods.
const drillInterval = 500 * time.Millisecond

// drilled is what a drill measured.
type drilled struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Lost       string `json:"lost"`
	Nodes      int    `json:"nodes"`
	// Workloads with replicas in the place.
	Workloads []drilledWorkload `json:"workloads"`
	// EndingPods run in the place too, in namespaces that are being deleted: they go, and nothing is made in their place.
	EndingPods int `json:"endingPods,omitempty"`

	place  *place
	owners workload.Owners
	// lasted is how long the place was lost.
	lasted time.Duration
}

// isLost says whether a node is one of those that are lost; "" is none.
func (o *drilled) isLost(node string) bool {
	_, in := o.place.nodes[node]
	return in
}

// drilledWorkload is a workload with replicas in the place.
type drilledWorkload struct {
	Kind      string `json:"kind"`
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	// Replicas that it wants, LostReplicas of them in the place when the drill began.
	Replicas     int `json:"replicas"`
	LostReplicas int `json:"lostReplicas"`
	// Failover says whether its policy replaces them; AfterSeconds is the policy's failover.after.
	Failover     bool    `json:"failover"`
	AfterSeconds float64 `json:"afterSeconds,omitempty"`
	// RecoverySeconds until all replicas were ready elsewhere; absent when they were not.
	RecoverySeconds *float64 `json:"recoverySeconds,omitempty"`
	InTime          bool     `json:"inTime"`
	// Ready replicas elsewhere at the end.
	Ready int `json:"readyReplicas"`
	// Reason why replicas were not replaced.
	Reason string `json:"reason,omitempty"`
	// Missing are the replicas that were not back at the end, by why.
	Missing []missing `json:"missing,omitempty"`

	allowed time.Duration
}

func (w *drilledWorkload) key() workload.Key {
	return workload.Key{Kind: w.Kind, Namespace: w.Namespace, Name: w.Name}
}

// waiting says whether replicas of it are to be replaced that are not back yet.
func (w *drilledWorkload) waiting() bool { return w.Failover && w.RecoverySeconds == nil }

func newDrilled(d *drill, p *place, snapshot *state.Snapshot, now *livePlan) *drilled {
	out := &drilled{
		APIVersion: v1alpha1.GroupVersion.String(), Kind: "Drill", Lost: d.lose, Nodes: len(p.nodes), Workloads: []drilledWorkload{},
		place: p, owners: snapshot.OwnerOf,
	}
	there := map[workload.Key]int{}
	for _, pod := range snapshot.Pods {
		switch {
		case !out.isLost(pod.Spec.NodeName) || !workload.Live(pod):
		case !now.input.Ending[pod.Namespace]:
			there[workload.Of(pod, out.owners)]++
		case workload.RoleOf(pod) != workload.OfNode:
			out.EndingPods++
		}
	}
	ruled := make(map[workload.Key]*rules.Rules, len(now.result.Workloads))
	for i := range now.result.Workloads {
		ruled[now.result.Workloads[i].Key] = now.result.Snapshot.Workloads[i].Rules
	}
	for _, w := range snapshot.Workloads() {
		rules, ours := ruled[w.Key], slices.Contains(d.schedulers, w.Template.Spec.SchedulerName)
		if there[w.Key] == 0 || rules == nil && !ours {
			continue
		}
		row := drilledWorkload{Kind: w.Kind, Namespace: w.Namespace, Name: w.Name, Replicas: w.Replicas, LostReplicas: there[w.Key]}
		switch {
		case !ours:
			row.Reason = "another scheduler places it"
		case rules == nil || rules.Failover == nil:
			row.Reason = "no policy of it sets failover"
		case w.Kind == workload.Job:
			row.Reason = "Jobs are left to Kubernetes"
		default:
			row.Failover, row.AfterSeconds, row.allowed = true, loss.After(rules.Failover).Seconds(), allowance(rules.Failover)
		}
		out.Workloads = append(out.Workloads, row)
	}
	return out
}

// lost is how many replicas are to be replaced, replaced of how many workloads.
func (o *drilled) lost() int {
	n := 0
	for i := range o.Workloads {
		if o.Workloads[i].Failover {
			n += o.Workloads[i].LostReplicas
		}
	}
	return n
}

func (o *drilled) replaced() int {
	n := 0
	for i := range o.Workloads {
		if o.Workloads[i].Failover {
			n++
		}
	}
	return n
}

// waiting is how many of them are not back yet.
func (o *drilled) waiting() int {
	n := 0
	for i := range o.Workloads {
		if o.Workloads[i].waiting() {
			n++
		}
	}
	return n
}

// late is how many workloads were not back in time.
func (o *drilled) late() int {
	n := 0
	for i := range o.Workloads {
		if o.Workloads[i].Failover && !o.Workloads[i].InTime {
			n++
		}
	}
	return n
}

// measure loses the nodes and returns when all replicas are ready elsewhere, the time is over, or the context has ended.
func (d *drill) measure(ctx context.Context, cluster client.Client, o *drilled, names []string) error {
	patience := d.timeout
	for i := range o.Workloads {
		if d.timeout == 0 {
			patience = max(patience, o.Workloads[i].allowed+drillPatience)
		}
	}
	if o.replaced() == 0 {
		return errors.New(o.nothing())
	}
	progress := d.env.startProgress()
	defer progress.close()
	progress.say("taking %s for lost", nodes(len(names)))
	begun := d.env.now()
	// The controller ends the drill itself when this command should not be able to.
	if err := d.taint(ctx, cluster, names, begun.Add(patience+restoreTime)); err != nil {
		return err
	}
	for {
		if err := o.look(ctx, cluster, d.env.now().Sub(begun)); err != nil && ctx.Err() == nil {
			return explainConnection(err)
		}
		waiting := o.waiting()
		o.lasted = d.env.now().Sub(begun)
		if waiting == 0 || o.lasted > patience {
			return nil
		}
		progress.say("%s is lost for %.0f s; back: %s", o.Lost, o.lasted.Seconds(), printable.Ratio(o.replaced()-waiting, o.replaced(), "workload", "workloads"))
		select {
		case <-ctx.Done():
			return errors.New("interrupted")
		case <-time.After(drillInterval):
		}
	}
}

// nothing says why there is nothing to measure.
func (o *drilled) nothing() string {
	if len(o.Workloads) == 0 {
		return "nothing that Tradewind places" + o.ending() + " runs in " + o.Lost + ": there is nothing to measure"
	}
	return fmt.Sprintf("no policy of the %s in %s sets failover: none would be replaced; add failover: {after: 30s} to a policy that selects what is to be replaced",
		workloads(len(o.Workloads)), o.Lost)
}

// ending is what what is counted must not be in, where something is.
func (o *drilled) ending() string {
	if o.EndingPods == 0 {
		return ""
	}
	return " outside of namespaces that are being deleted"
}

// look notes which workloads have all their replicas ready elsewhere.
func (o *drilled) look(ctx context.Context, cluster client.Client, gone time.Duration) error {
	var pods corev1.PodList
	if err := cluster.List(ctx, &pods); err != nil {
		return fmt.Errorf("list pods: %w", err)
	}
	ready := map[workload.Key]int{}
	for i := range pods.Items {
		pod := &pods.Items[i]
		if !o.isLost(pod.Spec.NodeName) && workload.Live(pod) && workload.Ready(pod) {
			ready[workload.Of(pod, o.owners)]++
		}
	}
	for i := range o.Workloads {
		w := &o.Workloads[i]
		w.Ready = ready[w.key()]
		if w.waiting() && w.Ready >= w.Replicas {
			gone := gone.Round(10 * time.Millisecond)
			seconds := gone.Seconds()
			w.RecoverySeconds, w.InTime = &seconds, gone <= w.allowed
		}
	}
	return nil
}

// tenths are seconds for people, rounded up: what is too late by less must not read as in time.
func tenths(seconds float64) string {
	return fmt.Sprintf("%.1f s", math.Ceil(math.Round(seconds*100)/10)/10)
}

// Text writes a table of the workloads.
func (o *drilled) Text(w io.Writer) error {
	var rows [][]string
	for i := range o.Workloads {
		workload := &o.Workloads[i]
		row := []string{
			workload.Namespace + "/" + workload.Name, workload.Kind, fmt.Sprint(workload.Replicas), fmt.Sprint(workload.LostReplicas), "-", "-", workload.Reason,
		}
		if workload.Failover {
			row[4], row[5], row[6] = fmt.Sprintf("%.0f s", workload.allowed.Seconds()), "not back", fmt.Sprintf("%d of %d are ready", workload.Ready, workload.Replicas)
			if workload.RecoverySeconds != nil {
				row[5], row[6] = tenths(*workload.RecoverySeconds), "in time"
				if !workload.InTime {
					row[6] = "too late"
				}
			}
		}
		rows = append(rows, row)
	}
	var out strings.Builder
	fmt.Fprintf(&out, "DRILL: %s lost, %s; %s back in time; everything was put back\n\n", o.Lost, nodes(o.Nodes),
		printable.Ratio(o.replaced()-o.late(), o.replaced(), "workload", "workloads"))
	out.WriteString(report.Table([]string{"WORKLOAD", "KIND", ">REPLICAS", ">LOST", ">ALLOWED", ">BACK AFTER", "VERDICT"}, rows))
	out.WriteString(endingText(o.EndingPods))
	for i := range o.Workloads {
		w := &o.Workloads[i]
		for k, m := range w.Missing {
			if k == 0 {
				fmt.Fprintf(&out, "\n%s is not back:\n", w.key())
			}
			fmt.Fprintf(&out, "  %s %s\n", printable.Ratio(m.Replicas, w.Replicas, "replica", "replicas"), printable.Line(m.Reason))
			if m.Remedy != "" {
				fmt.Fprintf(&out, "    Remedy: %s\n", printable.Line(m.Remedy))
			}
		}
	}
	_, err := io.WriteString(w, out.String())
	return err
}
