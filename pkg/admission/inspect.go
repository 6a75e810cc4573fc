package admission

import (
	"fmt"
	"slices"
	"strings"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"tradewind.dev/tradewind/pkg/location"
)

// Expectation is what must hold where an administrator may have changed the shipped policies.
type Expectation struct {
	shipped map[string]Pair
	// reads is what the nodes' locations are read from.
	reads location.Reads
	// schedulers are the profiles of tradewind-scheduler.
	schedulers []string
}

// NewExpectation returns what must hold of the policies that this release ships, where nodes are located with options and
// schedulers are the profiles of tradewind-scheduler.
func NewExpectation(options location.Options, schedulers []string) (*Expectation, error) {
	shipped, err := Shipped()
	if err != nil {
		return nil, fmt.Errorf("read the admission policies of this release: %w", err)
	}
	return &Expectation{shipped, options.Reads(), schedulers}, nil
}

// Inspect says which policies are in force, of those found in the cluster by name.
func (e *Expectation) Inspect(found map[string]Pair) State {
	state := State{Locations: Verdict{Known: true}, Enforcement: Verdict{Known: true}}
	lists := map[string]func([]string) string{
		"keys":      atLeast("label", e.reads.Labels),
		"prefixes":  atLeast("label prefix", e.reads.Prefixes),
		"narrowing": atLeast("label", e.reads.Narrowing),
	}
	state.Locations.Problems = e.problems(nodeLocations, found[nodeLocations], lists)
	if binding := found[nodeLocations].Binding; binding != nil && !unlimited(binding.Spec.MatchResources) {
		state.Locations.Problems = append(state.Locations.Problems, altered(nodeLocations, "spec.matchResources", "leaves requests out"))
	}
	lists = map[string]func([]string) string{"profiles": e.among}
	for _, name := range []string{enforcedPods, enforcedBindings} {
		state.Enforcement.Problems = append(state.Enforcement.Problems, e.problems(name, found[name], lists)...)
		binding := found[name].Binding
		if binding == nil {
			continue
		}
		match := binding.Spec.MatchResources
		if match != nil && match.NamespaceSelector != nil {
			state.Namespaces = append(state.Namespaces, *match.NamespaceSelector)
		}
		if !limitedByNamespace(match) {
			state.Enforcement.Problems = append(state.Enforcement.Problems, altered(name, "spec.matchResources", leavesMore))
		}
	}
	if awaiting := found[awaitedPolicies]; awaiting.Policy != nil || awaiting.Binding != nil {
		state.Awaiting = Verdict{Known: true, Problems: e.problems(awaitedPolicies, awaiting, nil)}
		if binding := awaiting.Binding; binding != nil && !limitedByNamespace(binding.Spec.MatchResources) {
			state.Awaiting.Problems = append(state.Awaiting.Problems, altered(awaitedPolicies, "spec.matchResources", leavesMore))
		}
	}
	return state
}

// leavesMore is what is wrong with a binding that is limited by more than namespaces.
const leavesMore = "leaves more out than namespaces"

// limitedByNamespace says whether a binding leaves out nothing but namespaces.
func limitedByNamespace(match *admissionv1.MatchResources) bool {
	if match == nil {
		return true
	}
	rest := match.DeepCopy()
	rest.NamespaceSelector = nil
	return unlimited(rest)
}

func atLeast(what string, wanted []string) func([]string) string {
	return func(there []string) string {
		if missing := lacking(wanted, there); len(missing) > 0 {
			return fmt.Sprintf("lacks %s %s", what, strings.Join(missing, ", "))
		}
		return ""
	}
}

func (e *Expectation) among(there []string) string {
	if foreign := lacking(there, e.schedulers); len(foreign) > 0 {
		return fmt.Sprintf("lets scheduler %s in, which the controller's --scheduler-names does not name", strings.Join(foreign, ", "))
	}
	return ""
}

// altered says how a binding is not as shipped.
func altered(name, field, how string) string {
	return fmt.Sprintf("ValidatingAdmissionPolicyBinding %s, %s: %s", name, field, how)
}

// problems says why a policy with its binding is not in force as shipped. lists are the variables that may hold other
// values than the shipped, with what must hold of them.
func (e *Expectation) problems(name string, found Pair, lists map[string]func([]string) string) []string {
	var problems []string
	if found.Policy == nil {
		problems = append(problems, fmt.Sprintf("there is no ValidatingAdmissionPolicy %s", name))
	} else {
		for _, difference := range differences(&e.shipped[name].Policy.Spec, &found.Policy.Spec, lists) {
			problems = append(problems, fmt.Sprintf("ValidatingAdmissionPolicy %s, %s", name, difference))
		}
	}
	if found.Binding == nil {
		return append(problems, fmt.Sprintf("there is no ValidatingAdmissionPolicyBinding %s", name))
	}
	spec := &found.Binding.Spec
	if spec.PolicyName != name {
		problems = append(problems, altered(name, "spec.policyName", fmt.Sprintf("is %q", spec.PolicyName)))
	}
	if !slices.Contains(spec.ValidationActions, admissionv1.Deny) {
		problems = append(problems, altered(name, "spec.validationActions", "does not hold Deny"))
	}
	switch shipped := e.shipped[name].Binding.Spec.ParamRef; {
	case shipped == nil && spec.ParamRef != nil:
		problems = append(problems, altered(name, "spec.paramRef", "is set, and the policy has no parameters"))
	case !equality.Semantic.DeepEqual(shipped, spec.ParamRef):
		problems = append(problems, altered(name, "spec.paramRef", "not as shipped"))
	}
	return problems
}

// differences says where a policy is weaker than the shipped one, field by field. Further rules, variables and validations
// only refuse more.
func differences(shipped, found *admissionv1.ValidatingAdmissionPolicySpec, lists map[string]func([]string) string) []string {
	var out []string
	differ := func(field, format string, args ...any) {
		out = append(out, field+": "+fmt.Sprintf(format, args...))
	}
	if found.FailurePolicy != nil && *found.FailurePolicy != admissionv1.Fail {
		differ("spec.failurePolicy", "is %s, so that what cannot be checked is let through", *found.FailurePolicy)
	}
	switch {
	case shipped.ParamKind == nil && found.ParamKind != nil:
		differ("spec.paramKind", "is set")
	case !equality.Semantic.DeepEqual(shipped.ParamKind, found.ParamKind):
		differ("spec.paramKind", "not as shipped")
	}
	if !coversRules(shipped.MatchConstraints, found.MatchConstraints) {
		differ("spec.matchConstraints", "leaves requests out that the shipped policy checks")
	}
	if !slices.Equal(shipped.MatchConditions, found.MatchConditions) {
		differ("spec.matchConditions", "not as shipped")
	}
	for i := range shipped.Variables {
		name := shipped.Variables[i].Name
		at := slices.IndexFunc(found.Variables, func(v admissionv1.Variable) bool { return v.Name == name })
		field := fmt.Sprintf("spec.variables[%s]", name)
		switch check := lists[name]; {
		case at < 0:
			differ(field, "is missing")
		case check != nil:
			if values, ok := list(found.Variables[at].Expression); !ok {
				differ(field, "is no list of strings")
			} else if problem := check(values); problem != "" {
				differ(field, "%s", problem)
			}
		case found.Variables[at].Expression != shipped.Variables[i].Expression:
			differ(field, "not as shipped")
		}
	}
	for i := range shipped.Validations {
		if !slices.ContainsFunc(found.Validations, func(v admissionv1.Validation) bool { return v.Expression == shipped.Validations[i].Expression }) {
			differ("spec.validations", "lacks the shipped %q", shipped.Validations[i].Message)
		}
	}
	return out
}

// coversRules says whether every request that the shipped constraints match is matched.
func coversRules(shipped, found *admissionv1.MatchResources) bool {
	if found == nil {
		return false
	}
	bare := found.DeepCopy()
	bare.ResourceRules = nil
	if !unlimited(bare) || found.MatchPolicy != nil && *found.MatchPolicy != admissionv1.Equivalent {
		return false
	}
	for i := range shipped.ResourceRules {
		if !slices.ContainsFunc(found.ResourceRules, func(rule admissionv1.NamedRuleWithOperations) bool {
			if rule.Scope != nil && *rule.Scope == admissionv1.AllScopes {
				rule.Scope = nil // the API server's default
			}
			return equality.Semantic.DeepEqual(rule, shipped.ResourceRules[i])
		}) {
			return false
		}
	}
	return true
}

// unlimited says whether a match leaves nothing out.
func unlimited(match *admissionv1.MatchResources) bool {
	return match == nil || len(match.ResourceRules) == 0 && len(match.ExcludeResourceRules) == 0 && all(match.NamespaceSelector) && all(match.ObjectSelector)
}

func all(selector *metav1.LabelSelector) bool {
	return selector == nil || len(selector.MatchLabels) == 0 && len(selector.MatchExpressions) == 0
}
