package policystatus

import (
	"slices"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/admission"
	"tradewind.dev/tradewind/pkg/state/clustertest"
)

// TestSystemNamespaces: a policy of a namespace in which nothing can be enforced does not say that something is.
func TestSystemNamespaces(t *testing.T) {
	for _, name := range systemNamespaces {
		state := clustertest.New(t).State()
		state.Namespaces = map[string]labels.Set{name: {admission.LabelEnforce: "true", "kubernetes.io/metadata.name": name}}
		inForce := admission.Verdict{Known: true}
		state.Admission = admission.State{Locations: inForce, Enforcement: inForce, Namespaces: []metav1.LabelSelector{{
			MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "kubernetes.io/metadata.name", Operator: metav1.LabelSelectorOpNotIn, Values: systemNamespaces}},
		}}}
		if got := admissionEnforced([]string{name}, state); got.Status != metav1.ConditionFalse {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// TestGuards has what policies say of the admission policies that their rules rest on.
func TestGuards(t *testing.T) {
	const (
		residency = "workloadSelector: {}\nresidency: {jurisdictions: [EU]}\n"
		required  = "workloadSelector: {}\nlocations: {required: [{key: tradewind.dev/cloud, operator: In, values: [aws]}]}\n"
		euOnly    = residency + "namespaceSelector: {matchLabels: {team: eu}}\n"
		guarded   = "True Guarded: nodes do not change what says where they are once they have registered"
		enforced  = "True NamespacesEnforced: pods that name another scheduler, or a node, are refused in the namespaces of the policy"
	)
	inForce := admission.Verdict{Known: true}
	broken := admission.Verdict{Known: true, Problems: []string{"there is no ValidatingAdmissionPolicy x"}}
	labelled := func(more ...string) labels.Set {
		set := labels.Set{admission.LabelEnforce: "true"}
		for _, key := range more {
			set[key] = "eu"
		}
		return set
	}
	selectors := []metav1.LabelSelector{{MatchLabels: map[string]string{admission.LabelEnforce: "true"}}}
	for _, c := range []struct {
		name       string
		namespaced bool
		spec       string
		namespaces map[string]labels.Set
		state      admission.State
		locations  string // LocationsGuarded; empty when the policy must not have it
		admission  string // AdmissionEnforced
	}{
		{
			name: "all in force", namespaced: true, spec: residency, namespaces: map[string]labels.Set{"shop": labelled(), "other": nil},
			state:     admission.State{Locations: inForce, Enforcement: inForce, Namespaces: selectors},
			locations: guarded, admission: enforced,
		},
		{
			name: "required locations", namespaced: true, spec: required, namespaces: map[string]labels.Set{"shop": labelled()},
			state:     admission.State{Locations: inForce, Enforcement: inForce, Namespaces: selectors},
			locations: guarded, admission: enforced,
		},
		{
			name: "no rule on locations", namespaced: true, spec: "workloadSelector: {}\noptimizeFor: Cost\n", namespaces: map[string]labels.Set{"shop": nil},
			state: admission.State{Locations: broken, Enforcement: broken},
		},
		{
			name: "guard missing", namespaced: true, spec: residency, namespaces: map[string]labels.Set{"shop": labelled()},
			state: admission.State{Locations: broken, Enforcement: inForce, Namespaces: selectors},
			locations: "False GuardNotInForce: a node that was taken over may claim to be elsewhere: there is no ValidatingAdmissionPolicy x; " +
				"kubectl apply -k deploy/install puts the guard in force",
			admission: enforced,
		},
		{
			name: "nobody has looked", namespaced: true, spec: residency, namespaces: map[string]labels.Set{"shop": labelled()},
			locations: "Unknown GuardUnknown: whether nodes are kept from changing what says where they are has not been found out",
			admission: "Unknown GuardUnknown: whether pods that name another scheduler, or a node, are refused has not been found out",
		},
		{
			name: "nobody may look", namespaced: true, spec: residency, namespaces: map[string]labels.Set{"shop": nil},
			state: admission.State{Locations: admission.Verdict{Problems: []string{"forbidden"}}, Enforcement: admission.Verdict{Problems: []string{"forbidden"}}},
			locations: "Unknown GuardUnknown: whether nodes are kept from changing what says where they are has not been found out: forbidden; " +
				"apply the roles of this release: kubectl apply -k deploy/install",
			admission: "Unknown GuardUnknown: whether pods that name another scheduler, or a node, are refused has not been found out: forbidden",
		},
		{
			name: "namespace without the label", namespaced: true, spec: residency, namespaces: map[string]labels.Set{"shop": nil},
			state:     admission.State{Locations: inForce, Enforcement: inForce, Namespaces: selectors},
			locations: guarded,
			admission: "False NamespacesNotEnforced: a pod that names another scheduler, or a node, goes past the policy in namespace shop; " +
				"to refuse such pods, label it tradewind.dev/enforce=true",
		},
		{
			name: "neither label nor component", namespaced: true, spec: residency, namespaces: map[string]labels.Set{"shop": nil},
			state:     admission.State{Locations: inForce, Enforcement: broken},
			locations: guarded,
			admission: "False NamespacesNotEnforced: a pod that names another scheduler, or a node, goes past the policy in namespace shop; " +
				"to refuse such pods, add deploy/install/components/enforce to the installation (there is no ValidatingAdmissionPolicy x) and label it tradewind.dev/enforce=true",
		},
		{
			name: "label without the component", namespaced: true, spec: residency, namespaces: map[string]labels.Set{"shop": labelled()},
			state:     admission.State{Locations: inForce, Enforcement: broken},
			locations: guarded,
			admission: "False EnforcementNotInForce: namespace shop: label tradewind.dev/enforce=true asks for enforcement and there is none: " +
				"there is no ValidatingAdmissionPolicy x; add deploy/install/components/enforce to the installation",
		},
		{
			name: "guard-rail over some namespaces", spec: euOnly,
			namespaces: map[string]labels.Set{"shop": labelled("team"), "web": {"team": "eu"}, "bank": {"team": "eu"}, "us": nil, "kube-system": {"team": "eu"}},
			state:      admission.State{Locations: inForce, Enforcement: inForce, Namespaces: selectors},
			locations:  guarded,
			admission: "False NamespacesNotEnforced: a pod that names another scheduler, or a node, goes past the policy in 2 namespaces (bank, web); " +
				"to refuse such pods, label them tradewind.dev/enforce=true",
		},
		{
			name: "guard-rail over enforced namespaces", spec: euOnly,
			namespaces: map[string]labels.Set{"shop": labelled("team"), "us": nil, "kube-system": {"team": "eu"}},
			state:      admission.State{Locations: inForce, Enforcement: inForce, Namespaces: selectors},
			locations:  guarded, admission: enforced,
		},
		{
			name: "guard-rail that pods do not wait for", spec: euOnly,
			namespaces: map[string]labels.Set{"shop": labelled("team")},
			state:      admission.State{Locations: inForce, Enforcement: inForce, Namespaces: selectors, Awaiting: admission.Verdict{Known: true, Problems: []string{"it is altered"}}},
			locations:  guarded, admission: enforced + "; some may be let in before the scheduler has read it: it is altered; " +
				"add deploy/install/components/await-policies to the installation again",
		},
		{
			name: "guard-rail over nothing", spec: euOnly, namespaces: map[string]labels.Set{"us": nil, "kube-system": {"team": "eu"}},
			state:     admission.State{Locations: inForce, Enforcement: inForce, Namespaces: selectors},
			locations: guarded, admission: "True NamespacesEnforced: the policy selects no namespace but those of the system",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			built := clustertest.New(t).AWS(1, "eu-west-1a", "m7i.large")
			if c.namespaced {
				built.Policy("shop", "web", c.spec)
			} else {
				built.ClusterPolicy("web", c.spec)
			}
			state := built.State()
			state.Namespaces, state.Admission = c.namespaces, c.state
			got, _ := evaluate(t, state)
			if text := conditionText(got, v1alpha1.ConditionLocationsGuarded); text != c.locations {
				t.Errorf("LocationsGuarded is\n\t%s\nwant\n\t%s", text, c.locations)
			}
			if text := conditionText(got, v1alpha1.ConditionAdmissionEnforced); text != c.admission {
				t.Errorf("AdmissionEnforced is\n\t%s\nwant\n\t%s", text, c.admission)
			}
			if absent := slices.Contains(got.Absent, v1alpha1.ConditionLocationsGuarded) && slices.Contains(got.Absent, v1alpha1.ConditionAdmissionEnforced); absent != (c.locations == "") {
				t.Errorf("absent are %v", got.Absent)
			}
		})
	}
}
