package policystatus

import (
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/admission"
	"tradewind.dev/tradewind/pkg/kube/status"
	"tradewind.dev/tradewind/pkg/state/cluster"
)

// Reasons of the conditions about admission policies.
const (
	reasonGuarded               = "Guarded"
	reasonGuardNotInForce       = "GuardNotInForce"
	reasonGuardUnknown          = "GuardUnknown"
	reasonNamespacesEnforced    = "NamespacesEnforced"
	reasonEnforcementNotInForce = "EnforcementNotInForce"
)

// systemNamespaces hold what the cluster needs before the scheduler, so that nothing is enforced in them. Only
// administrators make pods there.
var systemNamespaces = []string{"kube-node-lease", "kube-public", "kube-system", "tradewind-system"}

// locationsGuarded says whether nodes are kept from changing what says where they are.
func locationsGuarded(verdict admission.Verdict) metav1.Condition {
	condition := metav1.Condition{Type: v1alpha1.ConditionLocationsGuarded, Status: metav1.ConditionTrue, Reason: reasonGuarded}
	problems := status.Join(verdict.Problems, "; ", most)
	switch {
	case !verdict.Known:
		condition.Status, condition.Reason = metav1.ConditionUnknown, reasonGuardUnknown
		condition.Message = "whether nodes are kept from changing what says where they are has not been found out"
		if problems != "" {
			condition.Message += ": " + problems + "; apply the roles of this release: kubectl apply -k deploy/install"
		}
	case len(verdict.Problems) > 0:
		condition.Status, condition.Reason = metav1.ConditionFalse, reasonGuardNotInForce
		condition.Message = "a node that was taken over may claim to be elsewhere: " + problems + "; kubectl apply -k deploy/install puts the guard in force"
	default:
		condition.Message = "nodes do not change what says where they are once they have registered"
	}
	condition.Message = status.Clip(condition.Message, status.MaxMessage)
	return condition
}

// admissionEnforced says whether pods that would go past the scheduler are refused in all namespaces of a policy.
func admissionEnforced(namespaces []string, state *cluster.State) metav1.Condition {
	condition := metav1.Condition{Type: v1alpha1.ConditionAdmissionEnforced, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonNamespacesNotEnforced}
	var open, asked []string
	for _, name := range namespaces {
		if state.Admission.Enforces(state.Namespaces[name]) {
			continue
		}
		open = append(open, name)
		if state.Namespaces[name][admission.LabelEnforce] == "true" {
			asked = append(asked, name)
		}
	}
	problems := status.Join(state.Admission.Enforcement.Problems, "; ", most)
	remedy := fmt.Sprintf("label it %s=true", admission.LabelEnforce)
	if len(open) > 1 {
		remedy = fmt.Sprintf("label them %s=true", admission.LabelEnforce)
	}
	if problems != "" {
		remedy = fmt.Sprintf("add deploy/install/components/enforce to the installation (%s) and %s", problems, remedy)
	}
	switch {
	case len(namespaces) == 0:
		condition.Status, condition.Reason = metav1.ConditionTrue, reasonNamespacesEnforced
		condition.Message = "the policy selects no namespace but those of the system"
	case len(open) == 0:
		condition.Status, condition.Reason = metav1.ConditionTrue, reasonNamespacesEnforced
		condition.Message = "pods that name another scheduler, or a node, are refused in the namespaces of the policy"
		if problems := state.Admission.Awaiting.Problems; len(problems) > 0 {
			condition.Message += "; some may be let in before the scheduler has read it: " + status.Join(problems, "; ", most) +
				"; add deploy/install/components/await-policies to the installation again"
		}
	case !state.Admission.Enforcement.Known:
		condition.Status, condition.Reason = metav1.ConditionUnknown, reasonGuardUnknown
		condition.Message = "whether pods that name another scheduler, or a node, are refused has not been found out"
		if problems != "" {
			condition.Message += ": " + problems
		}
	case len(open) == 1 && slices.Contains(systemNamespaces, open[0]):
		condition.Message = fmt.Sprintf("a pod that names another scheduler, or a node, goes past the policy in %s, where nothing is enforced; move the workload to another", names(open))
	case len(asked) > 0 && problems != "":
		condition.Reason = reasonEnforcementNotInForce
		condition.Message = fmt.Sprintf("%s: label %s=true asks for enforcement and there is none: %s; add deploy/install/components/enforce to the installation",
			names(asked), admission.LabelEnforce, problems)
	default:
		condition.Message = fmt.Sprintf("a pod that names another scheduler, or a node, goes past the policy in %s; to refuse such pods, %s", names(open), remedy)
	}
	condition.Message = status.Clip(condition.Message, status.MaxMessage)
	return condition
}

func names(namespaces []string) string {
	if len(namespaces) == 1 {
		return "namespace " + namespaces[0]
	}
	return fmt.Sprintf("%d namespaces (%s)", len(namespaces), status.Join(namespaces, ", ", most))
}

// selected are the names of the namespaces that a ClusterPlacementPolicy selects, without those of the system: all without
// a selector, none where it cannot be read.
func selected(selector *metav1.LabelSelector, namespaces map[string]labels.Set) []string {
	matches := labels.Everything()
	if selector != nil {
		var err error
		if matches, err = metav1.LabelSelectorAsSelector(selector); err != nil {
			return nil
		}
	}
	var out []string
	for name, set := range namespaces {
		if matches.Matches(set) && !slices.Contains(systemNamespaces, name) {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}
