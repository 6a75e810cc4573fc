package policystatus

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/kube/status"
	"tradewind.dev/tradewind/pkg/printable"
	"tradewind.dev/tradewind/pkg/rules"
	"tradewind.dev/tradewind/pkg/rules/policy"
	"tradewind.dev/tradewind/pkg/state/cluster"
)

// Reasons of conditions.
const (
	reasonEnforced       = "Enforced"
	reasonInvalid        = "Invalid"
	reasonOverridden     = "LowerPrecedence"
	reasonNotOverridden  = "NotOverridden"
	reasonNodesAllowed   = "NodesAllowed"
	reasonFewDomains     = "FewDomains"
	reasonNoNodeAllowed  = "NoNodeAllowed"
	reasonRulesExclusive = "NoNodeAllowedTogether"
	reasonNoNodes        = "NoNodes"
)

// most problems, reasons or names that a message lists.
const most = 5

// judge says what one policy's status should be. alone are its own rules, namespaces those that it selects; used may be nil.
func judge(source policy.Source, alone *rules.Rules, namespaces []string, used *use, state *cluster.State) *status.Status {
	if used == nil {
		used = &use{}
	}
	allowed, reasons := allowedNodes(alone, state.Nodes)
	out := &status.Status{
		Conditions: []metav1.Condition{
			inForce(state.World.Policies.Problems(source), alone, used),
			overridden(used),
			satisfiable(source, alone, used, state, allowed, reasons),
		},
		Counts: []int32{int32(used.pods), int32(allowed)},
	}
	if len(alone.Residency) > 0 || len(alone.Required) > 0 {
		out.Conditions = append(out.Conditions, locationsGuarded(state.Admission.Locations), admissionEnforced(namespaces, state))
	} else {
		out.Absent = []string{v1alpha1.ConditionLocationsGuarded, v1alpha1.ConditionAdmissionEnforced}
	}
	return out
}

func inForce(problems []policy.Problem, alone *rules.Rules, used *use) metav1.Condition {
	condition := metav1.Condition{Type: v1alpha1.ConditionInForce, Status: metav1.ConditionTrue, Reason: reasonEnforced}
	if len(problems) > 0 {
		condition.Status, condition.Reason = metav1.ConditionFalse, reasonInvalid
		condition.Message = status.Clip(invalid(problems, alone), status.MaxMessage)
		return condition
	}
	switch {
	case used.pods == 0:
		condition.Message = "the scheduler enforces it; no running or waiting pod matches its selector yet"
	case used.foreign == used.pods:
		condition.Message = fmt.Sprintf("the scheduler enforces it, but not for the %s it selects, which %s schedulerName %s: set schedulerName: tradewind",
			printable.Number(used.pods, "pod", "pods"), verb(used.pods), used.foreignExample)
	case used.foreign > 0:
		condition.Message = fmt.Sprintf("the scheduler enforces it, but %d of the %s it selects %s schedulerName %s, which does not know of it: set schedulerName: tradewind",
			used.foreign, printable.Number(used.pods, "pod", "pods"), verb(used.foreign), used.foreignExample)
	default:
		condition.Message = "the scheduler enforces it for " + printable.Number(used.pods, "pod", "pods")
	}
	return condition
}

func verb(count int) string {
	if count == 1 {
		return "has"
	}
	return "have"
}

// invalid says what is wrong with a policy, what to do about it, and what holds meanwhile.
func invalid(problems []policy.Problem, alone *rules.Rules) string {
	texts := make([]string, len(problems))
	explained := false
	for i, problem := range problems {
		texts[i] = problem.Field + ": " + problem.Message
		explained = explained || strings.Contains(problem.Message, "until it is corrected")
	}
	text := status.Join(texts, "; ", most)
	switch {
	case explained:
		return text
	case alone.Held() != "":
		return text + "; the pods it selects wait until it is corrected"
	default:
		return text + "; the rest of the policy is enforced"
	}
}

func overridden(used *use) metav1.Condition {
	condition := metav1.Condition{
		Type: v1alpha1.ConditionOverridden, Status: metav1.ConditionFalse, Reason: reasonNotOverridden,
		Message: "for the pods it selects, no other policy wins a preference that it sets",
	}
	if len(used.overridden) == 0 {
		return condition
	}
	condition.Status, condition.Reason = metav1.ConditionTrue, reasonOverridden
	overrides := make([]policy.Override, 0, len(used.overridden))
	for override := range used.overridden {
		overrides = append(overrides, override)
	}
	slices.SortFunc(overrides, func(a, b policy.Override) int {
		return cmp.Or(strings.Compare(a.Field, b.Field), used.overridden[b]-used.overridden[a], strings.Compare(a.Winner.String(), b.Winner.String()))
	})
	texts := make([]string, len(overrides))
	for i, override := range overrides {
		texts[i] = fmt.Sprintf("%s of %s is used instead for %d of %s",
			override.Field, override.Winner, used.overridden[override], printable.Number(used.pods, "pod", "pods"))
	}
	condition.Message = status.Clip(status.Join(texts, "; ", most)+
		" (a namespaced policy wins over the cluster's, then the older one); hard rules of both hold", status.MaxMessage)
	return condition
}

func satisfiable(source policy.Source, alone *rules.Rules, used *use, state *cluster.State, allowed int, reasons map[string]int) metav1.Condition {
	condition := metav1.Condition{Type: v1alpha1.ConditionSatisfiable, Status: metav1.ConditionTrue, Reason: reasonNodesAllowed}
	nodes := state.NodeCount()
	switch {
	case alone.Held() != "":
		condition.Status, condition.Reason = metav1.ConditionUnknown, reasonInvalid
		condition.Message = "no place satisfies a rule that cannot be read; see the condition InForce"
		return condition
	case nodes == 0:
		condition.Status, condition.Reason, condition.Message = metav1.ConditionFalse, reasonNoNodes, "the cluster has no nodes"
		return condition
	case allowed == 0:
		condition.Status, condition.Reason = metav1.ConditionFalse, reasonNoNodeAllowed
	case used.together != nil:
		condition.Status, condition.Reason = metav1.ConditionFalse, reasonRulesExclusive
		_, reasons = allowedNodes(used.together, state.Nodes)
		condition.Message = fmt.Sprintf("together with %s, 0 of %s: %s", others(source, used.together), printable.Number(nodes, "node", "nodes"), status.Counts(reasons, most))
		return condition
	}
	condition.Message = fmt.Sprintf("%d of %s", allowed, printable.Number(nodes, "node", "nodes"))
	if len(reasons) > 0 {
		condition.Message += ": " + status.Counts(reasons, most)
	}
	if allowed == 0 {
		return condition
	}
	if few := cmp.Or(tooFew(alone, alone, state.Nodes), tooFewTogether(source, alone, used, state.Nodes, allowed)); few != "" {
		condition.Reason = reasonFewDomains
		condition.Message += "; " + few
	}
	return condition
}

// others names the policies that a policy's pods are under, too.
func others(source policy.Source, rules *rules.Rules) string {
	var names []string
	for _, other := range rules.Sources {
		if other != source {
			names = append(names, other.String())
		}
	}
	return status.Join(names, ", ", most)
}

// manyReplicas are so many that what a share is rounded by hardly matters.
const manyReplicas = 100

// tooFew says when the nodes that some rules leave are in too few domains, or spot pools, for what a policy's own rules want, so that some
// replicas wait; empty when they are not.
func tooFew(own, left *rules.Rules, nodes []cluster.NodeGroup) string {
	return cmp.Or(fewDomains(own, left, nodes), fewSpotPools(own, left, nodes), fewToLose(own, left, nodes))
}

// tooFewTogether is tooFew of the nodes that the policy leaves together with others that select the same pods; allowed are those that it
// leaves by itself.
func tooFewTogether(source policy.Source, own *rules.Rules, used *use, nodes []cluster.NodeGroup, allowed int) string {
	if len(own.Spread)+len(own.Availability) == 0 && own.SpotPoolMaxPercent == 0 {
		return ""
	}
	var merged []*rules.Rules
	for together, left := range used.merged {
		if left < allowed { // as many are the same: no rule allows what one of its parts does not
			merged = append(merged, together)
		}
	}
	slices.SortFunc(merged, func(a, b *rules.Rules) int { return strings.Compare(a.Signature, b.Signature) })
	for _, together := range merged {
		if few := tooFew(own, together, nodes); few != "" {
			return "together with " + others(source, together) + ", " + few
		}
	}
	return ""
}

// fewDomains is tooFew for the policy's spread.
func fewDomains(own, left *rules.Rules, nodes []cluster.NodeGroup) string {
	for i := range own.Spread {
		rule := &own.Spread[i]
		word, known := policy.LocationKeys[rule.TopologyKey]
		if !known {
			continue // nodes are counted by hostname, of which there are enough or not
		}
		domains := map[string]bool{}
		for k := range nodes {
			if nodeReason(left, &nodes[k]) == "" {
				domains[nodes[k].Class.Labels[rule.TopologyKey]] = true
			}
		}
		names := slices.Sorted(maps.Keys(domains))
		there := fmt.Sprintf("the allowed nodes have %d (%s)", len(names), status.Join(names, ", ", most))
		if least := rules.LeastDomains(rule, manyReplicas); len(names) < least {
			return fmt.Sprintf("spec.spread wants %d different values of %s and %s: workloads of more than %s keep some waiting",
				least, word, there, printable.Number(len(names), "replica", "replicas"))
		}
		if held := rules.MostInDomains(rule, manyReplicas, len(names)); held < manyReplicas {
			return fmt.Sprintf("spec.spread lets at most %d%% of the replicas have one value of %s and %s: of %d replicas %d keep waiting",
				rule.MaxSharePercent, word, there, manyReplicas, manyReplicas-held)
		}
	}
	return ""
}

// fewSpotPools is tooFew for the share that one spot pool may hold.
func fewSpotPools(own, left *rules.Rules, nodes []cluster.NodeGroup) string {
	if own.SpotPoolMaxPercent == 0 {
		return ""
	}
	pools := map[string]bool{}
	for i := range nodes {
		if nodeReason(left, &nodes[i]) != "" {
			continue
		}
		pool, spot := nodes[i].Class.SpotPool()
		if !spot {
			return ""
		}
		pools[pool.String()] = true
	}
	if len(pools)*own.SpotPoolMaxPercent >= 100 {
		return ""
	}
	return fmt.Sprintf("spec.cost.spot lets one spot pool hold %d%% of the replicas and the allowed nodes are all in %s (%s): workloads of more than %s keep some waiting",
		own.SpotPoolMaxPercent, printable.Number(len(pools), "spot pool", "spot pools"), status.Join(slices.Sorted(maps.Keys(pools)), ", ", most),
		printable.Number(len(pools), "replica", "replicas"))
}
