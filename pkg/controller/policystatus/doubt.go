package policystatus

import (
	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/kube/status"
	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/rules/policy"
	"tradewind.dev/tradewind/pkg/state/cluster"
)

// valuesOf are the values of location labels that the cluster's nodes have, and those that PriceLists price.
func valuesOf(state *cluster.State) location.Values {
	out := location.Values{}
	for i := range state.Nodes {
		out.Add(state.Nodes[i].Class.Labels)
	}
	state.Objects.PricedPlaces(out)
	return out
}

// doubtful adds to the condition Satisfiable which values of the policy may be slips: no known cloud has them, and no node.
func doubtful(of *status.Status, doubts []policy.Doubt, have location.Values) {
	var texts []string
	for i := range doubts {
		if text := doubts[i].Among(have); text != "" {
			texts = append(texts, doubts[i].Field+" "+text)
		}
	}
	if len(texts) == 0 {
		return
	}
	for i := range of.Conditions {
		if condition := &of.Conditions[i]; condition.Type == v1alpha1.ConditionSatisfiable {
			condition.Message = status.Clip(condition.Message+"; "+status.Join(texts, "; ", mostDoubts), status.MaxMessage)
		}
	}
}

// mostDoubts is how many doubts a condition names.
const mostDoubts = 3
