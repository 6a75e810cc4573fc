package app

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/loss"
	"tradewind.dev/tradewind/pkg/report"
	"tradewind.dev/tradewind/pkg/state"
	"tradewind.dev/tradewind/pkg/workload"
)

// missing is replicas of a workload that were not back at the end of a drill.
type missing struct {
	Replicas int `json:"replicas"`
	// Reason reads behind the number of replicas: "without a node: 0/3 nodes are available: …".
	Reason string `json:"reason"`
	// Remedy is what to change; empty where the reason says it.
	Remedy string `json:"remedy,omitempty"`
}

// explain says of the workloads that are not back what their replicas wait for, as long as the place is lost.
func (d *drill) explain(ctx context.Context, cluster client.Client, o *drilled) error {
	if o.waiting() == 0 {
		return nil
	}
	flags := *d.flags
	flags.scheduling = true
	snapshot, err := flags.collect(ctx, d.env, cluster)
	if err != nil {
		return err
	}
	e := &drillExplainer{drilled: o, reader: cluster, placements: snapshot.Placements}
	if e.schedulers, err = readSchedulers(""); err != nil {
		return err
	}
	options, err := locationOptions(d.flags.cloudLabels)
	if err != nil {
		return err
	}
	lists := snapshot.Lists // what would help a pod to the lost nodes is no remedy
	lists.Nodes = slices.DeleteFunc(slices.Clone(lists.Nodes), func(node *corev1.Node) bool { return o.isLost(node.Name) })
	if e.rest, err = state.NewSnapshot(lists, options, snapshot.Time); err != nil {
		return err
	}
	pods := map[workload.Key][]*corev1.Pod{}
	for _, pod := range snapshot.Pods {
		if workload.Live(pod) {
			key := workload.Of(pod, snapshot.OwnerOf)
			pods[key] = append(pods[key], pod)
		}
	}
	for i := range o.Workloads {
		if w := &o.Workloads[i]; w.waiting() {
			w.Missing = e.missing(ctx, w, pods[w.key()])
		}
	}
	return nil
}

// drillExplainer knows the cluster as it is at the end of a drill.
type drillExplainer struct {
	*drilled
	reader     client.Reader
	schedulers *schedulers
	placements []*v1alpha1.Placement
	// rest is the cluster without the nodes that are lost.
	rest *state.Snapshot
}

// missing says what the replicas of a workload wait for; pods are those that it has.
func (e *drillExplainer) missing(ctx context.Context, w *drilledWorkload, pods []*corev1.Pod) []missing {
	var stay, wait, start []*corev1.Pod
	for _, pod := range pods {
		switch {
		case e.isLost(pod.Spec.NodeName):
			stay = append(stay, pod)
		case pod.Spec.NodeName == "":
			wait = append(wait, pod)
		case !workload.Ready(pod):
			start = append(start, pod)
		}
	}
	var out []missing
	if len(stay) > 0 {
		out = append(out, e.stays(w, len(stay)))
	}
	if len(wait) > 0 {
		out = append(out, e.waits(ctx, w, wait))
	}
	if len(start) > 0 {
		out = append(out, missing{
			Replicas: len(start), Reason: "not ready: " + notReady(start[0]),
			Remedy: fmt.Sprintf("kubectl describe pod %s -n %s says more", start[0].Name, start[0].Namespace),
		})
	}
	if n := w.Replicas - len(pods); n > 0 {
		out = append(out, missing{
			Replicas: n, Reason: "without a pod: " + w.Kind + " " + w.Name + " has not made it anew",
			Remedy: fmt.Sprintf("kubectl describe %s %s -n %s says why, of a Deployment also its ReplicaSets", strings.ToLower(w.Kind), w.Name, w.Namespace),
		})
	}
	return out
}

// stays says why replicas are in the lost place still.
func (e *drillExplainer) stays(w *drilledWorkload, n int) missing {
	out := missing{Replicas: n, Reason: "still in " + e.Lost + ": "}
	after := time.Duration(w.AfterSeconds * float64(time.Second))
	if e.lasted < after {
		out.Reason += fmt.Sprintf("failover.after of its policy is %s, and the drill lasted %s", after, e.lasted.Round(time.Second))
		out.Remedy = "give a --timeout above that"
		return out
	}
	if said := e.denied(w, v1alpha1.ConditionFailedOver); said != nil && said.Reason == loss.ReasonStays {
		out.Reason += said.Message
		return out
	}
	out.Reason += "tradewind-controller has not replaced them"
	out.Remedy = "see whether it runs (kubectl get pods -A -l app.kubernetes.io/name=tradewind-controller), and what it logs"
	return out
}

// denied is a condition of a workload's Placement that is false; nil where it is not.
func (e *drillExplainer) denied(w *drilledWorkload, kind string) *metav1.Condition {
	name := state.PlacementName(w.Kind, w.Name)
	for _, p := range e.placements {
		if p.Namespace == w.Namespace && p.Name == name {
			if said := meta.FindStatusCondition(p.Status.Conditions, kind); said != nil && said.Status == metav1.ConditionFalse {
				return said
			}
		}
	}
	return nil
}

// waits says why no node takes pods of a workload, of which one is asked about: they are alike.
func (e *drillExplainer) waits(ctx context.Context, w *drilledWorkload, pods []*corev1.Pod) missing {
	out := missing{Replicas: len(pods), Reason: "without a node: "}
	word := lastWord(ctx, e.reader, pods[0])
	if word == nil {
		out.Reason += "no scheduler has said why"
	} else {
		out.Reason += word.Message
	}
	explained, err := report.Explain(e.rest, pods[0], report.ExplainOptions{
		Profiles: e.schedulers.optimizeFor, Plugins: e.schedulers.plugins, Event: word,
	})
	if err != nil {
		out.Remedy = "it cannot be told: " + err.Error()
		return out
	}
	if said := e.denied(w, v1alpha1.ConditionPlanned); said != nil {
		out.Reason = strings.TrimSuffix(out.Reason, ".") + "; the plan says: " + said.Message
	}
	out.Remedy = strings.Join(explained.Remedies, "; or ")
	return out
}

// notReady says why a pod that has a node is not ready: what its first container waits for, or what the kubelet says.
func notReady(pod *corev1.Pod) string {
	for _, of := range [][]corev1.ContainerStatus{pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses} {
		for i := range of {
			if waits := of[i].State.Waiting; waits != nil && waits.Reason != "" {
				return strings.TrimSuffix("container "+of[i].Name+": "+waits.Reason+": "+waits.Message, ": ")
			}
		}
	}
	for i := range pod.Status.Conditions {
		if c := &pod.Status.Conditions[i]; c.Type == corev1.PodReady && c.Message != "" {
			return c.Message
		}
	}
	return "the kubelet of node " + pod.Spec.NodeName + " says nothing"
}
