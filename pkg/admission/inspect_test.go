package admission

import (
	"slices"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/utils/ptr"
	"pgregory.net/rapid"

	"tradewind.dev/tradewind/pkg/location"
)

var schedulers = []string{"tradewind", "tradewind-cost", "tradewind-latency"}

// expected is what the installation holds, with further cloud labels.
func expected(t *testing.T, cloudLabels ...string) *Expectation {
	t.Helper()
	shipped, err := Shipped()
	if err != nil {
		t.Fatal(err)
	}
	options := location.DefaultOptions()
	options.CloudLabels = append(options.CloudLabels, cloudLabels...)
	return &Expectation{shipped: shipped, reads: options.Reads(), schedulers: schedulers}
}

// installed are the shipped policies as an API server gives them back, with its defaults.
func installed(t *testing.T) map[string]Pair {
	t.Helper()
	shipped, err := Shipped()
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range shipped {
		match := one.Policy.Spec.MatchConstraints
		match.MatchPolicy = ptr.To(admissionv1.Equivalent)
		match.NamespaceSelector, match.ObjectSelector = &metav1.LabelSelector{}, &metav1.LabelSelector{}
		for i := range match.ResourceRules {
			match.ResourceRules[i].Scope = ptr.To(admissionv1.AllScopes)
		}
		if binding := one.Binding.Spec.MatchResources; binding != nil {
			binding.MatchPolicy, binding.ObjectSelector = ptr.To(admissionv1.Equivalent), &metav1.LabelSelector{}
		}
	}
	return shipped
}

func TestInForceAsShipped(t *testing.T) {
	state := expected(t).Inspect(installed(t))
	if !state.Locations.InForce() || !state.Enforcement.InForce() {
		t.Fatalf("locations %q, enforcement %q", state.Locations.Problems, state.Enforcement.Problems)
	}
	for _, c := range []struct {
		labels labels.Set
		want   bool
	}{
		{nil, false},
		{labels.Set{LabelEnforce: "true", "kubernetes.io/metadata.name": "shop"}, true},
		{labels.Set{LabelEnforce: "false"}, false},
		{labels.Set{LabelEnforce: "true", "kubernetes.io/metadata.name": "kube-system"}, false},
		{labels.Set{LabelEnforce: "true", "kubernetes.io/metadata.name": "tradewind-system"}, false},
	} {
		if got := state.Enforces(c.labels); got != c.want {
			t.Errorf("enforced in a namespace with labels %v: %v", c.labels, got)
		}
	}
}

// TestAltered has what people do to policies, and whether that is told. Problems are of node locations, else of enforcement.
func TestAltered(t *testing.T) {
	variable := func(of *admissionv1.ValidatingAdmissionPolicy, name string) *admissionv1.Variable {
		for i := range of.Spec.Variables {
			if of.Spec.Variables[i].Name == name {
				return &of.Spec.Variables[i]
			}
		}
		t.Fatalf("no variable %s", name)
		return nil
	}
	for _, c := range []struct {
		name, policy string
		alter        func(*Pair)
		cloudLabel   string
		want         string // part of the one problem; empty for none
	}{
		{"policy deleted", nodeLocations, func(p *Pair) { p.Policy = nil }, "", "there is no ValidatingAdmissionPolicy tradewind-node-locations"},
		{"binding deleted", nodeLocations, func(p *Pair) { p.Binding = nil }, "", "there is no ValidatingAdmissionPolicyBinding tradewind-node-locations"},
		{"binding warns only", nodeLocations, func(p *Pair) {
			p.Binding.Spec.ValidationActions = []admissionv1.ValidationAction{admissionv1.Warn, admissionv1.Audit}
		}, "", "spec.validationActions: does not hold Deny"},
		{"binding audits too", nodeLocations, func(p *Pair) {
			p.Binding.Spec.ValidationActions = []admissionv1.ValidationAction{admissionv1.Deny, admissionv1.Audit}
		}, "", ""},
		{"binding of another policy", nodeLocations, func(p *Pair) { p.Binding.Spec.PolicyName = "other" }, "", `spec.policyName: is "other"`},
		{"binding limited by labels of nodes", nodeLocations, func(p *Pair) {
			p.Binding.Spec.MatchResources = &admissionv1.MatchResources{ObjectSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"a": "b"}}}
		}, "", "spec.matchResources: leaves requests out"},
		{"binding with parameters", nodeLocations, func(p *Pair) { p.Binding.Spec.ParamRef = &admissionv1.ParamRef{Name: "x"} }, "", "spec.paramRef"},
		{"errors ignored", nodeLocations, func(p *Pair) { p.Policy.Spec.FailurePolicy = ptr.To(admissionv1.Ignore) }, "", "spec.failurePolicy: is Ignore"},
		{"status left out", nodeLocations, func(p *Pair) { p.Policy.Spec.MatchConstraints.ResourceRules[0].Resources = []string{"nodes"} }, "", "spec.matchConstraints"},
		{"nodes excluded", nodeLocations, func(p *Pair) {
			p.Policy.Spec.MatchConstraints.ExcludeResourceRules = p.Policy.Spec.MatchConstraints.ResourceRules
		}, "", "spec.matchConstraints"},
		{"one node excepted", nodeLocations, func(p *Pair) {
			p.Policy.Spec.MatchConditions = append(p.Policy.Spec.MatchConditions, admissionv1.MatchCondition{Name: "x", Expression: "request.name != 'a'"})
		}, "", "spec.matchConditions: not as shipped"},
		{"a validation deleted", nodeLocations, func(p *Pair) { p.Policy.Spec.Validations = p.Policy.Spec.Validations[1:] }, "", "spec.validations: lacks the shipped"},
		{"a validation weakened", nodeLocations, func(p *Pair) { p.Policy.Spec.Validations[0].Expression += " || true" }, "", "spec.validations: lacks the shipped"},
		{"a validation more", nodeLocations, func(p *Pair) {
			p.Policy.Spec.Validations = append(p.Policy.Spec.Validations, admissionv1.Validation{Expression: "false"})
		}, "", ""},
		{"a variable weakened", nodeLocations, func(p *Pair) { variable(p.Policy, "changed").Expression = "[]" }, "", "spec.variables[changed]: not as shipped"},
		{"a variable deleted", nodeLocations, func(p *Pair) {
			p.Policy.Spec.Variables = slices.DeleteFunc(p.Policy.Spec.Variables, func(v admissionv1.Variable) bool { return v.Name == "added" })
		}, "", "spec.variables[added]: is missing"},
		{"a label left out", nodeLocations, func(p *Pair) {
			v := variable(p.Policy, "keys")
			v.Expression = strings.Replace(v.Expression, "'topology.kubernetes.io/region',", "", 1)
		}, "", "spec.variables[keys]: lacks label topology.kubernetes.io/region"},
		{"a label more", nodeLocations, func(p *Pair) {
			v := variable(p.Policy, "keys")
			v.Expression = strings.Replace(v.Expression, "[", "['example.com/cloud', ", 1)
		}, "example.com/cloud=ovh", ""},
		{"labels by an expression", nodeLocations, func(p *Pair) { variable(p.Policy, "keys").Expression += ".filter(key, false)" }, "", "spec.variables[keys]: is no list of strings"},
		{"a cloud label of one's own", nodeLocations, func(*Pair) {}, "example.com/cloud", "spec.variables[keys]: lacks label example.com/cloud"},
		{"a cloud label's prefix", nodeLocations, func(*Pair) {}, "nodes.example.com/*=ovh", "spec.variables[prefixes]: lacks label prefix nodes.example.com/"},
		{"policy of pods deleted", enforcedPods, func(p *Pair) { p.Policy = nil }, "", "there is no ValidatingAdmissionPolicy tradewind-enforced-pods"},
		{"another scheduler let in", enforcedPods, func(p *Pair) {
			variable(p.Policy, "profiles").Expression = "['tradewind', 'default-scheduler']"
		}, "", "spec.variables[profiles]: lets scheduler default-scheduler in"},
		{"fewer profiles", enforcedPods, func(p *Pair) { variable(p.Policy, "profiles").Expression = "['tradewind']" }, "", ""},
		{"pods left out by label", enforcedPods, func(p *Pair) {
			p.Binding.Spec.MatchResources.ObjectSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"a": "b"}}
		}, "", "leaves more out than namespaces"},
		{"another label of namespaces", enforcedPods, func(p *Pair) {
			p.Binding.Spec.MatchResources.NamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"team": "eu"}}
		}, "", ""},
		{"another scheduler may bind", enforcedBindings, func(p *Pair) { p.Policy.Spec.MatchConditions[0].Expression = "false" }, "", "spec.matchConditions: not as shipped"},
		{"bindings only warned of", enforcedBindings, func(p *Pair) { p.Binding.Spec.ValidationActions = []admissionv1.ValidationAction{admissionv1.Warn} }, "", "does not hold Deny"},
	} {
		t.Run(c.name, func(t *testing.T) {
			found := installed(t)
			one := found[c.policy]
			c.alter(&one)
			found[c.policy] = one
			var options []string
			if c.cloudLabel != "" {
				options = append(options, c.cloudLabel)
			}
			state := expected(t, options...).Inspect(found)
			concerned, other := state.Locations, state.Enforcement
			if c.policy != nodeLocations {
				concerned, other = other, concerned
			}
			if !other.InForce() {
				t.Errorf("the other verdict has problems %q", other.Problems)
			}
			switch {
			case c.want == "" && !concerned.InForce():
				t.Errorf("problems %q", concerned.Problems)
			case c.want != "" && (concerned.InForce() || len(concerned.Problems) != 1 || !strings.Contains(concerned.Problems[0], c.want)):
				t.Errorf("problems %q, want one that says %q", concerned.Problems, c.want)
			}
		})
	}
}

// TestEnforcesNowhereWithoutPolicies: whatever the labels of a namespace, nothing is enforced while a policy has a problem.
func TestEnforcesNowhereWithoutPolicies(t *testing.T) {
	e := expected(t)
	rapid.Check(t, func(r *rapid.T) {
		found := installed(t)
		for _, name := range []string{enforcedPods, enforcedBindings} {
			one := found[name]
			if rapid.Bool().Draw(r, "no policy") {
				one.Policy = nil
			}
			if rapid.Bool().Draw(r, "no binding") {
				one.Binding = nil
			}
			found[name] = one
		}
		state := e.Inspect(found)
		missing := slices.ContainsFunc([]string{enforcedPods, enforcedBindings}, func(name string) bool {
			return found[name].Policy == nil || found[name].Binding == nil
		})
		if got := state.Enforces(labels.Set{LabelEnforce: "true"}); got == missing {
			r.Fatalf("enforced %v with problems %q", got, state.Enforcement.Problems)
		}
	})
}

// TestAwaiting: the policy that has pods wait for others was not looked at. It need not be installed; where it is, it is as shipped or
// what is wrong with it is named.
func TestAwaiting(t *testing.T) {
	for _, c := range []struct {
		name  string
		alter func(found map[string]Pair)
		known bool
		want  string // part of the one problem; empty for none
	}{
		{"as shipped", func(map[string]Pair) {}, true, ""},
		{"not installed", func(found map[string]Pair) { delete(found, awaitedPolicies) }, false, ""},
		{"the binding deleted", func(found map[string]Pair) { found[awaitedPolicies] = Pair{Policy: found[awaitedPolicies].Policy} }, true,
			"there is no ValidatingAdmissionPolicyBinding tradewind-awaited-policies"},
		{"for some policies only", func(found map[string]Pair) {
			found[awaitedPolicies].Binding.Spec.ParamRef.Selector.MatchLabels = map[string]string{"a": "b"}
		}, true, "spec.paramRef: not as shipped"},
		{"without policies", func(found map[string]Pair) { found[awaitedPolicies].Binding.Spec.ParamRef = nil }, true, "spec.paramRef: not as shipped"},
		{"of another kind", func(found map[string]Pair) { found[awaitedPolicies].Policy.Spec.ParamKind.Kind = "ConfigMap" }, true, "spec.paramKind: not as shipped"},
		{"of none", func(found map[string]Pair) { found[awaitedPolicies].Policy.Spec.ParamKind = nil }, true, "spec.paramKind: not as shipped"},
		{"for other namespaces", func(found map[string]Pair) {
			found[awaitedPolicies].Binding.Spec.MatchResources.NamespaceSelector.MatchLabels = map[string]string{"team": "a"}
		}, true, ""},
		{"for some pods only", func(found map[string]Pair) {
			found[awaitedPolicies].Binding.Spec.MatchResources.ObjectSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"a": "b"}}
		}, true, "leaves more out than namespaces"},
	} {
		found := installed(t)
		c.alter(found)
		state := expected(t).Inspect(found)
		problems := state.Awaiting.Problems
		if state.Awaiting.Known != c.known || (len(problems) > 0) != (c.want != "") || c.want != "" && (len(problems) != 1 || !strings.Contains(problems[0], c.want)) {
			t.Errorf("%s: known %t, %q", c.name, state.Awaiting.Known, problems)
		}
		if !state.Locations.InForce() || !state.Enforcement.InForce() {
			t.Errorf("%s: locations %q, enforcement %q", c.name, state.Locations.Problems, state.Enforcement.Problems)
		}
	}
}
