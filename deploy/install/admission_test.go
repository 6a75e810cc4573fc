package install

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"

	"tradewind.dev/tradewind/deploy"
	"tradewind.dev/tradewind/pkg/admission"
	"tradewind.dev/tradewind/pkg/location"
)

// overlay builds an overlay of the installation with components of it.
func overlay(t *testing.T, text string) []object {
	t.Helper()
	folder := t.TempDir()
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	// kustomize reads other kustomizations by relative path only.
	installation := strings.Repeat("../", strings.Count(folder, "/")) + strings.TrimPrefix(here, "/")
	text = strings.ReplaceAll(text, "INSTALL", installation)
	if err := os.WriteFile(folder+"/kustomization.yaml", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return build(t, filesys.MakeFsOnDisk(), folder)
}

// stringList is the value of a variable of an admission policy that lists strings.
func stringList(t *testing.T, policy *admissionv1.ValidatingAdmissionPolicy, name string) []string {
	t.Helper()
	for _, variable := range policy.Spec.Variables {
		if variable.Name != name {
			continue
		}
		// YAML's lists of quoted strings are CEL's.
		var values []string
		if err := yaml.UnmarshalStrict([]byte(variable.Expression), &values); err != nil {
			t.Fatalf("variable %s: %v", name, err)
		}
		slices.Sort(values)
		return values
	}
	t.Fatalf("policy %s has no variable %s", policy.Name, name)
	return nil
}

// TestNodeGuardCoversWhatIsRead checks that nodes are kept from changing all that their location is read from, and nothing
// else.
func TestNodeGuardCoversWhatIsRead(t *testing.T) {
	policy := all[admissionv1.ValidatingAdmissionPolicy](t, installation(t), "ValidatingAdmissionPolicy")["tradewind-node-locations"]
	if policy == nil {
		t.Fatal("the installation has no policy tradewind-node-locations")
	}
	reads := location.DefaultOptions().Reads()
	for variable, want := range map[string][]string{"keys": reads.Labels, "prefixes": reads.Prefixes, "narrowing": reads.Narrowing} {
		if got := stringList(t, policy, variable); !slices.Equal(got, want) {
			t.Errorf("variable %s of node-guard.yaml lists\n\t%s\npkg/location reads\n\t%s", variable, strings.Join(got, " "), strings.Join(want, " "))
		}
	}
	for _, annotation := range reads.Annotations {
		if !slices.ContainsFunc(policy.Spec.Variables, func(v admissionv1.Variable) bool { return v.Expression == "'"+annotation+"'" }) {
			t.Errorf("node-guard.yaml does not name the annotation %s", annotation)
		}
	}
}

// TestAwaitPolicies checks that the component adds one policy that denies where the label of a namespace asks for it, and that it
// lets every pod in where there is no ClusterPlacementPolicy.
func TestAwaitPolicies(t *testing.T) {
	objects := overlay(t, "resources: [INSTALL]\ncomponents: [INSTALL/components/enforce, INSTALL/components/await-policies]\n")
	const name = "tradewind-awaited-policies"
	policy := all[admissionv1.ValidatingAdmissionPolicy](t, objects, "ValidatingAdmissionPolicy")[name]
	binding := all[admissionv1.ValidatingAdmissionPolicyBinding](t, objects, "ValidatingAdmissionPolicyBinding")[name]
	if policy == nil || binding == nil || binding.Spec.PolicyName != name || *policy.Spec.FailurePolicy != admissionv1.Fail ||
		!slices.Equal(binding.Spec.ValidationActions, []admissionv1.ValidationAction{admissionv1.Deny}) ||
		binding.Spec.MatchResources.NamespaceSelector.MatchLabels[admission.LabelEnforce] != "true" {
		t.Fatalf("policy %+v with binding %+v", policy, binding)
	}
	if ref := binding.Spec.ParamRef; ref.Selector == nil || ref.ParameterNotFoundAction == nil || *ref.ParameterNotFoundAction != admissionv1.AllowAction {
		t.Errorf("parameters %+v", ref)
	}
}

// TestEnforcement checks that the components add policies that deny, let in the profiles of the scheduler and no other, and
// that what the controller looks for is what is installed.
func TestEnforcement(t *testing.T) {
	plain := all[admissionv1.ValidatingAdmissionPolicy](t, installation(t), "ValidatingAdmissionPolicy")
	objects := overlay(t, "resources: [INSTALL]\ncomponents: [INSTALL/components/enforce, INSTALL/components/await-policies]\n")
	policies := all[admissionv1.ValidatingAdmissionPolicy](t, objects, "ValidatingAdmissionPolicy")
	bindings := all[admissionv1.ValidatingAdmissionPolicyBinding](t, objects, "ValidatingAdmissionPolicyBinding")
	for name, policy := range policies {
		binding := bindings[name]
		if binding == nil || binding.Spec.PolicyName != name || !slices.Equal(binding.Spec.ValidationActions, []admissionv1.ValidationAction{admissionv1.Deny}) {
			t.Errorf("the binding of policy %s is %+v", name, binding)
			continue
		}
		if policy.Spec.FailurePolicy == nil || *policy.Spec.FailurePolicy != admissionv1.Fail {
			t.Errorf("policy %s lets through what it cannot check", name)
		}
		if _, always := plain[name]; always {
			continue
		}
		if match := binding.Spec.MatchResources; match == nil || match.NamespaceSelector == nil || match.NamespaceSelector.MatchLabels[admission.LabelEnforce] != "true" {
			t.Errorf("policy %s of the component holds without the label of a namespace: %+v", name, match)
		}
	}
	for _, name := range admission.Names() {
		if policies[name] == nil {
			t.Errorf("the controller looks for policy %s, which is not installed", name)
		}
	}
	if len(policies) != len(plain)+3 {
		t.Errorf("the components add %d policies to %v, want 3", len(policies)-len(plain), slices.Sorted(maps.Keys(plain)))
	}
	var config struct {
		Profiles []struct {
			SchedulerName string `json:"schedulerName"`
		} `json:"profiles"`
	}
	if err := yaml.Unmarshal(deploy.SchedulerConfig, &config); err != nil {
		t.Fatal(err)
	}
	var profiles []string
	for _, profile := range config.Profiles {
		profiles = append(profiles, profile.SchedulerName)
	}
	slices.Sort(profiles)
	if got := stringList(t, policies["tradewind-enforced-pods"], "profiles"); !slices.Equal(got, profiles) {
		t.Errorf("tradewind-enforced-pods lets in %q, the scheduler's profiles are %q", got, profiles)
	}
}
