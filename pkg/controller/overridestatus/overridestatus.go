// Package overridestatus says of every PriceList and LatencyMap whether its figures are used in decisions, what is wrong
// with them, and whether they concern any node of the cluster.
package overridestatus

import (
	"context"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/kube/status"
	"tradewind.dev/tradewind/pkg/pricing"
	"tradewind.dev/tradewind/pkg/printable"
	"tradewind.dev/tradewind/pkg/state/cluster"
)

// Reasons of conditions.
const (
	reasonInForce  = "InForce"
	reasonInvalid  = "Invalid"
	reasonUsed     = "NodesConcerned"
	reasonNotUsed  = "NoNodeConcerned"
	reasonOutdone  = "OtherEntriesWin"
	reasonNoNodes  = "NoNodes"
	restIsInForce  = "the rest of it is used"
	nothingInForce = "nothing of it is used"
)

// most problems, entries or names that a message lists.
const most = 5

// Controller writes the statuses of PriceLists and LatencyMaps.
type Controller struct {
	priceLists  *status.Controller[v1alpha1.PriceList, *v1alpha1.PriceList]
	latencyMaps *status.Controller[v1alpha1.LatencyMap, *v1alpha1.LatencyMap]
}

// New returns the controller, registered with a manager.
func New(mgr manager.Manager) (*Controller, error) {
	priceLists, err := status.New(mgr, "pricelist-status",
		func(p *v1alpha1.PriceList) status.Fields { return status.FieldsOfOverride(&p.Status) })
	if err != nil {
		return nil, err
	}
	latencyMaps, err := status.New(mgr, "latencymap-status",
		func(m *v1alpha1.LatencyMap) status.Fields { return status.FieldsOfOverride(&m.Status) })
	if err != nil {
		return nil, err
	}
	return &Controller{priceLists: priceLists, latencyMaps: latencyMaps}, nil
}

// Observe implements cluster.Observer.
func (c *Controller) Observe(ctx context.Context, state *cluster.State) {
	c.priceLists.Set(ctx, priceLists(state))
	c.latencyMaps.Set(ctx, latencyMaps(state))
}

func priceLists(state *cluster.State) map[client.ObjectKey]*status.Status {
	problems := map[string][]string{}
	for _, problem := range state.World.PriceProblems {
		problems[problem.Object] = append(problems[problem.Object], problem.Field+": "+problem.Message)
	}
	out := make(map[client.ObjectKey]*status.Status, len(state.Objects.PriceLists))
	for i := range state.Objects.PriceLists {
		list := &state.Objects.PriceLists[i]
		entries := pricing.Entries(&list.Spec)
		force := inForce(problems["PriceList/"+list.Name], entries)
		if ahead := pricing.Ahead(&list.Spec, state.Time); ahead != "" {
			force.Message = status.Clip(force.Message+"; spec.date: "+ahead, status.MaxMessage)
		}
		out[client.ObjectKeyFromObject(list)] = &status.Status{
			UID: list.UID, Generation: list.Generation, Counts: []int32{int32(entries)},
			Conditions: []metav1.Condition{
				force,
				pricesUsed(list, state, len(problems["PriceList/"+list.Name]) == 0),
			},
		}
	}
	return out
}

func latencyMaps(state *cluster.State) map[client.ObjectKey]*status.Status {
	problems := map[string][]string{}
	for _, problem := range state.World.LatencyProblems {
		problems[problem.Object] = append(problems[problem.Object], problem.Field+": "+problem.Message)
	}
	out := make(map[client.ObjectKey]*status.Status, len(state.Objects.LatencyMaps))
	for i := range state.Objects.LatencyMaps {
		object := &state.Objects.LatencyMaps[i]
		entries := len(object.Spec.Samples)
		out[client.ObjectKeyFromObject(object)] = &status.Status{
			UID: object.UID, Generation: object.Generation, Counts: []int32{int32(entries)},
			Conditions: []metav1.Condition{
				inForce(problems["LatencyMap/"+object.Name], entries),
				samplesUsed(&object.Spec, state),
			},
		}
	}
	return out
}

// inForce says what is wrong with an object of so many entries.
func inForce(problems []string, entries int) metav1.Condition {
	if len(problems) == 0 {
		return metav1.Condition{
			Type: v1alpha1.ConditionInForce, Status: metav1.ConditionTrue, Reason: reasonInForce,
			Message: "its figures are used in place of the built-in ones",
		}
	}
	rest := restIsInForce
	if entries == 1 {
		rest = nothingInForce
	}
	return metav1.Condition{
		Type: v1alpha1.ConditionInForce, Status: metav1.ConditionFalse, Reason: reasonInvalid,
		Message: status.Clip(status.Join(problems, "; ", most)+"; "+rest, status.MaxMessage),
	}
}

// used says whether any node is concerned, and if not why.
func used(state *cluster.State, concerned int, why func() string) metav1.Condition {
	condition := metav1.Condition{Type: v1alpha1.ConditionUsed, Status: metav1.ConditionFalse}
	nodes := state.NodeCount()
	switch {
	case nodes == 0:
		condition.Reason, condition.Message = reasonNoNodes, "the cluster has no nodes"
	case concerned == 0:
		condition.Reason, condition.Message = reasonNotUsed, status.Clip(why(), status.MaxMessage)
	default:
		condition.Status, condition.Reason = metav1.ConditionTrue, reasonUsed
		condition.Message = "it concerns " + printable.Ratio(concerned, nodes, "node", "nodes")
	}
	return condition
}

// places lists where the cluster's nodes are, in an order that does not depend on which node was seen first.
func places(state *cluster.State) string {
	names := make([]string, 0, len(state.Nodes))
	for i := range state.Nodes {
		if key := state.Nodes[i].Class.RegionKey(); key != "" {
			names = append(names, key)
		}
	}
	slices.Sort(names)
	if len(names) < len(state.Nodes) {
		names = append(names, "places that are not known")
	}
	return distinct(names, ", ")
}

// inPlace reads as "in aws/eu-west-1" or "in any region of aws".
func inPlace(cloud, region string) string {
	if region == "" {
		return "in any region of " + cloud
	}
	return "in " + cloud + "/" + region
}

// distinct joins texts, each once.
func distinct(texts []string, separator string) string {
	seen := map[string]bool{}
	var out []string
	for _, text := range texts {
		if !seen[text] {
			seen[text] = true
			out = append(out, text)
		}
	}
	return status.Join(out, separator, most)
}
