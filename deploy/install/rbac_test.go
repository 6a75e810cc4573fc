package install

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/kubernetes/plugin/pkg/auth/authorizer/rbac"
	"k8s.io/kubernetes/plugin/pkg/auth/authorizer/rbac/bootstrappolicy"
)

// rights are the rules that hold for a service account of tradewind-system, by namespace; "" is the whole cluster.
func rights(t *testing.T, account string) map[string][]rbacv1.PolicyRule {
	t.Helper()
	objects := installation(t)
	clusterRoles, roles := all[rbacv1.ClusterRole](t, objects, "ClusterRole"), all[rbacv1.Role](t, objects, "Role")
	for _, role := range bootstrappolicy.ClusterRoles() {
		clusterRoles[role.Name] = &role
	}
	for namespace, list := range bootstrappolicy.NamespaceRoles() {
		for _, role := range list {
			roles[namespace+"/"+role.Name] = &role
		}
	}
	is := func(subject rbacv1.Subject) bool {
		return subject.Kind == "ServiceAccount" && subject.Namespace == "tradewind-system" && subject.Name == account
	}
	out := map[string][]rbacv1.PolicyRule{}
	for name, binding := range all[rbacv1.ClusterRoleBinding](t, objects, "ClusterRoleBinding") {
		role := clusterRoles[binding.RoleRef.Name]
		if role == nil {
			t.Fatalf("ClusterRoleBinding %s: there is no ClusterRole %s", name, binding.RoleRef.Name)
		}
		if slices.ContainsFunc(binding.Subjects, is) {
			out[""] = append(out[""], role.Rules...)
		}
	}
	for name, binding := range all[rbacv1.RoleBinding](t, objects, "RoleBinding") {
		role := roles[binding.Namespace+"/"+binding.RoleRef.Name]
		if role == nil {
			t.Fatalf("RoleBinding %s: there is no Role %s", name, binding.RoleRef.Name)
		}
		if slices.ContainsFunc(binding.Subjects, is) {
			out[binding.Namespace] = append(out[binding.Namespace], role.Rules...)
		}
	}
	return out
}

// call is requests to the API server: verbs on resources of a group.
type call struct {
	verbs, group, resources, namespace, name string
}

func (c call) each(do func(authorizer.AttributesRecord)) {
	for _, verb := range strings.Fields(c.verbs) {
		for _, resource := range strings.Fields(c.resources) {
			resource, subresource, _ := strings.Cut(resource, "/")
			do(authorizer.AttributesRecord{
				User: &user.DefaultInfo{}, Verb: verb, APIGroup: c.group, Resource: resource, Subresource: subresource,
				Namespace: c.namespace, Name: c.name, ResourceRequest: true,
			})
		}
	}
}

func allowed(rights map[string][]rbacv1.PolicyRule, request authorizer.AttributesRecord) bool {
	if rbac.RulesAllow(request, rights[""]...) {
		return true
	}
	return request.Namespace != "" && rbac.RulesAllow(request, rights[request.Namespace]...)
}

const ours = "placementpolicies clusterplacementpolicies pricelists latencymaps"

const guards = "validatingadmissionpolicies validatingadmissionpolicybindings"

// TestCalls checks that each program may do what it does, and not what it does not.
func TestCalls(t *testing.T) {
	for account, c := range map[string]struct{ does, doesNot []call }{
		"tradewind-controller": {
			does: []call{
				{"get list watch", "tradewind.dev", ours, "", ""},
				{"patch", "tradewind.dev", "placementpolicies/status", "shop", "web"},
				{"patch", "tradewind.dev", "clusterplacementpolicies/status pricelists/status latencymaps/status", "", "eu-only"},
				{"create get list watch patch delete", "tradewind.dev", "placements cloudpools", "shop", "deployment-web"},
				{"patch", "tradewind.dev", "placements/status cloudpools/status", "shop", "deployment-web"},
				{"list watch", "", "nodes pods namespaces persistentvolumes persistentvolumeclaims replicationcontrollers resourcequotas", "", ""},
				{"list watch", "scheduling.k8s.io", "priorityclasses", "", ""},
				{"list watch", "apps", "deployments replicasets statefulsets", "", ""},
				{"list watch", "batch", "jobs", "", ""},
				{"list watch", "storage.k8s.io", "storageclasses", "", ""},
				{"patch", "", "nodes", "", "a"},
				{"create", "", "pods/eviction", "shop", "web"},
				{"delete", "", "pods", "shop", "web"},
				{"list watch", "coordination.k8s.io", "leases", "kube-node-lease", ""},
				{"create patch", "events.k8s.io", "events", "shop", ""},
				{"create patch", "events.k8s.io", "events", "default", ""},
				{"create", "coordination.k8s.io", "leases", "tradewind-system", ""},
				{"get update", "coordination.k8s.io", "leases", "tradewind-system", "tradewind-controller"},
				{"get", "coordination.k8s.io", "leases", "tradewind-system", "tradewind-scheduler-policies"},
				{"create patch", "", "events", "tradewind-system", ""},
				{"create", "authentication.k8s.io", "tokenreviews", "", ""},
				{"create", "authorization.k8s.io", "subjectaccessreviews", "", ""},
				{"get", "admissionregistration.k8s.io", guards, "", "tradewind-node-locations"},
				{"get", "admissionregistration.k8s.io", guards, "", "tradewind-enforced-pods"},
				{"get", "admissionregistration.k8s.io", guards, "", "tradewind-enforced-bindings"},
				{"get", "admissionregistration.k8s.io", guards, "", "tradewind-awaited-policies"},
			},
			doesNot: []call{
				{"create update patch delete", "tradewind.dev", ours, "shop", "web"},
				{"update", "tradewind.dev", "placements cloudpools placements/status cloudpools/status", "shop", "deployment-web"},
				{"create update patch delete", "apps", "deployments replicasets statefulsets deployments/scale", "shop", "web"},
				{"create update patch delete", "batch", "jobs", "shop", "web"},
				{"create update patch delete", "", "persistentvolumes persistentvolumeclaims", "shop", "data"},
				{"create update patch delete", "", "resourcequotas", "shop", "small"},
				{"create update patch delete", "scheduling.k8s.io", "priorityclasses", "", "high"},
				{"create update delete", "", "nodes", "", "a"},
				{"patch update", "", "nodes/status", "", "a"},
				{"create update patch", "", "pods pods/binding pods/status", "shop", "web"},
				{"deletecollection", "", "pods", "shop", ""},
				{"get list watch", "", "secrets configmaps", "shop", "x"},
				{"update delete", "coordination.k8s.io", "leases", "tradewind-system", "tradewind-scheduler"},
				{"update patch delete", "coordination.k8s.io", "leases", "tradewind-system", "tradewind-scheduler-policies"},
				{"update", "coordination.k8s.io", "leases", "kube-node-lease", "a"},
				{"get", "admissionregistration.k8s.io", guards, "", "others"},
				{"list watch", "admissionregistration.k8s.io", guards, "", ""},
				{"create update patch delete", "admissionregistration.k8s.io", guards, "", "tradewind-node-locations"},
			},
		},
		"tradewind-scheduler": {
			does: []call{
				{"get list watch", "tradewind.dev", ours + " placements", "", ""},
				{"list watch", "", "nodes pods namespaces persistentvolumes persistentvolumeclaims replicationcontrollers services", "", ""},
				{"list watch", "apps", "replicasets statefulsets", "", ""},
				{"list watch", "batch", "jobs", "", ""},
				{"list watch", "policy", "poddisruptionbudgets", "", ""},
				{"list watch", "storage.k8s.io", "storageclasses csinodes csidrivers csistoragecapacities volumeattachments", "", ""},
				{"list watch", "resource.k8s.io", "resourceclaims resourceslices deviceclasses", "", ""},
				{"create", "", "pods/binding", "shop", "web"},
				{"patch", "", "pods/status", "shop", "web"},
				{"delete", "", "pods", "shop", "web"}, // preemption
				{"update", "", "persistentvolumes persistentvolumeclaims", "shop", "x"},
				{"create patch update", "events.k8s.io", "events", "shop", ""},
				{"create", "coordination.k8s.io", "leases", "tradewind-system", ""},
				{"get update", "coordination.k8s.io", "leases", "tradewind-system", "tradewind-scheduler"},
				{"patch", "coordination.k8s.io", "leases", "tradewind-system", "tradewind-scheduler-policies"},
				{"get", "coordination.k8s.io", "leases", "tradewind-system", "tradewind-controller"},
				{"get list watch", "", "configmaps", "kube-system", "extension-apiserver-authentication"},
				{"create", "authentication.k8s.io", "tokenreviews", "", ""},
				{"create", "authorization.k8s.io", "subjectaccessreviews", "", ""},
			},
			doesNot: []call{
				{"create update patch delete", "tradewind.dev", ours + " placements cloudpools", "shop", "web"},
				{"patch update", "tradewind.dev", "placementpolicies/status placements/status", "shop", "web"},
				{"create update patch delete", "", "nodes", "", "a"},
				{"get list watch", "", "secrets", "shop", "x"},
				{"update patch delete", "coordination.k8s.io", "leases", "tradewind-system", "tradewind-controller"},
			},
		},
	} {
		has := rights(t, account)
		for _, c := range c.does {
			c.each(func(request authorizer.AttributesRecord) {
				if !allowed(has, request) {
					t.Errorf("%s may not %s", account, describe(request))
				}
			})
		}
		for _, c := range c.doesNot {
			c.each(func(request authorizer.AttributesRecord) {
				if allowed(has, request) {
					t.Errorf("%s may %s", account, describe(request))
				}
			})
		}
	}
}

func describe(r authorizer.AttributesRecord) string {
	return fmt.Sprintf("%s %s/%s %s in %q, named %q", r.Verb, r.APIGroup, r.Resource, r.Subresource, r.Namespace, r.Name)
}

// TestNoWildcards checks that no role says "*", so that each right is one that somebody thought of.
func TestNoWildcards(t *testing.T) {
	objects := installation(t)
	rules := map[string][]rbacv1.PolicyRule{}
	for name, role := range all[rbacv1.ClusterRole](t, objects, "ClusterRole") {
		rules["ClusterRole "+name] = role.Rules
	}
	for name, role := range all[rbacv1.Role](t, objects, "Role") {
		rules["Role "+name] = role.Rules
	}
	for name, list := range rules {
		for _, rule := range list {
			for _, words := range [][]string{rule.Verbs, rule.APIGroups, rule.Resources, rule.ResourceNames, rule.NonResourceURLs} {
				for _, word := range words {
					if strings.Contains(word, "*") {
						t.Errorf("%s has the wildcard %q: %+v", name, word, rule)
					}
				}
			}
		}
	}
}

// TestUsers checks what people may do by Kubernetes' own roles view, edit and admin.
func TestUsers(t *testing.T) {
	roles := all[rbacv1.ClusterRole](t, installation(t), "ClusterRole")
	aggregated := func(to string) []rbacv1.PolicyRule {
		var rules []rbacv1.PolicyRule
		for name := range maps.Keys(roles) {
			if roles[name].Labels["rbac.authorization.k8s.io/aggregate-to-"+to] == "true" {
				rules = append(rules, roles[name].Rules...)
			}
		}
		return rules
	}
	for _, c := range []struct {
		role, verbs string
		want        bool
	}{
		{"view", "get list watch", true},
		{"view", "create update patch delete", false},
		{"edit", "get list watch create update patch delete", true},
		{"admin", "get list watch create update patch delete", true},
	} {
		call{c.verbs, "tradewind.dev", "placementpolicies", "shop", "web"}.each(func(request authorizer.AttributesRecord) {
			if got := rbac.RulesAllow(request, aggregated(c.role)...); got != c.want {
				t.Errorf("%s: may %s: %v, want %v", c.role, describe(request), got, c.want)
			}
		})
		call{"create update patch delete", "tradewind.dev", "placementpolicies/status clusterplacementpolicies pricelists latencymaps placements placements/status cloudpools", "", "x"}.each(func(request authorizer.AttributesRecord) {
			if rbac.RulesAllow(request, aggregated(c.role)...) {
				t.Errorf("%s may %s", c.role, describe(request))
			}
		})
	}
}

// TestReporter checks that those who are bound to tradewind-reporter may read all that the command line reads, and write
// nothing.
func TestReporter(t *testing.T) {
	role := all[rbacv1.ClusterRole](t, installation(t), "ClusterRole")["tradewind-reporter"]
	if role == nil {
		t.Fatal("there is no ClusterRole tradewind-reporter")
	}
	for _, c := range []call{
		{"list", "", "nodes pods namespaces replicationcontrollers persistentvolumes persistentvolumeclaims events resourcequotas", "", ""},
		{"list", "apps", "daemonsets deployments replicasets statefulsets", "", ""},
		{"list", "scheduling.k8s.io", "priorityclasses", "", ""},
		{"list", "batch", "jobs", "", ""},
		{"list", "storage.k8s.io", "storageclasses", "", ""},
		{"list", "tradewind.dev", ours + " placements cloudpools", "", ""},
	} {
		c.each(func(request authorizer.AttributesRecord) {
			if !rbac.RulesAllow(request, role.Rules...) {
				t.Errorf("may not %s", describe(request))
			}
		})
	}
	for _, rule := range role.Rules {
		for _, verb := range rule.Verbs {
			if !slices.Contains([]string{"get", "list", "watch"}, verb) {
				t.Errorf("may %s %v", verb, rule.Resources)
			}
		}
	}
}
