package report

import (
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/state"
)

// explained explains the last pod of a test cluster.
func explained(t *testing.T, c *cluster) *Explanation {
	t.Helper()
	snapshot := c.snapshot()
	e, err := Explain(snapshot, snapshot.Pods[len(snapshot.Pods)-1], ExplainOptions{Profiles: profiles})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// spec adds YAML to the spec of the pods of an app.
func (c *cluster) spec(app, text string) *cluster {
	c.t.Helper()
	for _, pod := range c.lists.Pods {
		if pod.Labels["app"] == app {
			if err := yaml.UnmarshalStrict([]byte(text), &pod.Spec); err != nil {
				c.t.Fatalf("the test's own YAML: %v\n%s", err, text)
			}
		}
	}
	return c
}

const oneAHost = `
affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [
  {labelSelector: {matchLabels: {app: web}}, topologyKey: kubernetes.io/hostname}]}}`

// TestRulesOfPods checks that rules which look at other pods exclude nodes. They did not: explain said that nodes could take
// a pod which the scheduler refused there, and noted that such rules were not counted.
func TestRulesOfPods(t *testing.T) {
	base := func() *cluster {
		return newCluster(t).nodes("ie", irelandOnDemand, 1).deployment("shop", "web", "100m", "64Mi", "ie-1", "")
	}
	for _, c := range []struct {
		name    string
		cluster *cluster
		rule    Rule
		want    string
		remedy  string
	}{
		{"anti-affinity", base().spec("web", oneAHost), RulePodAffinity, "node(s) didn't match pod anti-affinity rules", "prefer it instead"},
		{"affinity", base().spec("web", strings.ReplaceAll(strings.ReplaceAll(oneAHost, "podAntiAffinity", "podAffinity"), "app: web", "app: db")),
			RulePodAffinity, "node(s) didn't match pod affinity rules", "place the pods first"},
		{"topology spread", base().nodes("be", belgium, 1).spec("web", `
topologySpreadConstraints: [{maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: DoNotSchedule,
  labelSelector: {matchLabels: {app: web}}}]
nodeSelector: {topology.kubernetes.io/region: eu-west-1}`).spec("web", "topologySpreadConstraints: [{minDomains: 2}]"),
			RuleTopologySpread, "node(s) didn't match pod topology spread constraints", "raise maxSkew"},
		{"no such claim", base().spec("web", "volumes: [{name: data, persistentVolumeClaim: {claimName: data}}]"), RuleVolume,
			`persistentvolumeclaim "data" not found`, "create it"},
		{"device", base().spec("web", `
resourceClaims: [{name: gpu, resourceClaimName: gpu}]`), RuleDevices, `could not find ResourceClaim "shop/gpu"`, "no scheduler looks at the pod before"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := explained(t, c.cluster)
			i := slices.IndexFunc(e.Excluded, func(g ExcludedGroup) bool { return g.Rule == c.rule })
			if i < 0 || e.Excluded[i].Message != c.want || len(e.Feasible) > 0 {
				t.Fatalf("excluded %+v, feasible %+v; want %s %q", e.Excluded, e.Feasible, c.rule, c.want)
			}
			if !slices.ContainsFunc(e.Remedies, func(remedy string) bool { return strings.Contains(remedy, c.remedy) }) {
				t.Errorf("remedies %q do not say %q", e.Remedies, c.remedy)
			}
		})
	}
}

// TestUnreadableIsNoRefusal checks that claims which may not be listed do not read as claims that are not there.
func TestUnreadableIsNoRefusal(t *testing.T) {
	snapshot := newCluster(t).nodes("ie", irelandOnDemand, 1).deployment("shop", "web", "100m", "64Mi", "").
		spec("web", "volumes: [{name: data, persistentVolumeClaim: {claimName: data}}]").snapshot()
	snapshot.Gaps = []state.Gap{{Resource: "persistentvolumeclaims"}, {Resource: "csinodes.storage.k8s.io"}}
	e, err := Explain(snapshot, snapshot.Pods[0], ExplainOptions{Profiles: profiles})
	if err != nil {
		t.Fatal(err)
	}
	if len(e.Excluded) > 0 {
		t.Errorf("excluded %+v", e.Excluded)
	}
	want := "Kubernetes' rules of the kind volume are not counted here: persistentvolumeclaims, csinodes.storage.k8s.io may not be listed"
	if !slices.Contains(e.Notes, want) {
		t.Errorf("notes %q, want %q", e.Notes, want)
	}
}

// TestUnreadableNamespaces checks that affinity to pods of namespaces by label is not judged when namespaces may not be listed,
// and that other affinity is.
func TestUnreadableNamespaces(t *testing.T) {
	byLabel := strings.ReplaceAll(oneAHost, "topologyKey", "namespaceSelector: {matchLabels: {team: a}}, topologyKey")
	for spec, excluded := range map[string]int{byLabel: 0, oneAHost: 1} {
		snapshot := newCluster(t).nodes("ie", irelandOnDemand, 1).deployment("shop", "web", "100m", "64Mi", "ie-1", "").
			spec("web", spec).snapshot()
		snapshot.Gaps = []state.Gap{{Resource: "namespaces"}}
		e, err := Explain(snapshot, snapshot.Pods[1], ExplainOptions{Profiles: profiles})
		if err != nil {
			t.Fatal(err)
		}
		said := slices.ContainsFunc(e.Notes, func(note string) bool { return strings.Contains(note, "of the kind pod-affinity are not counted") })
		if len(e.Excluded) != excluded || said != (excluded == 0) {
			t.Errorf("%s: excluded %+v, notes %q", spec, e.Excluded, e.Notes)
		}
	}
}

// TestTaintsAreNamed checks that a group of nodes says which taints Kubernetes' words mean.
func TestTaintsAreNamed(t *testing.T) {
	c := newCluster(t).nodes("ie", irelandOnDemand, 2).deployment("shop", "web", "1", "1Gi", "")
	for i, value := range []string{"db", "ml"} {
		c.lists.Nodes[i].Spec.Taints = []corev1.Taint{{Key: "team", Value: value, Effect: corev1.TaintEffectNoSchedule}}
	}
	e := explained(t, c)
	if want := []string{"team=db:NoSchedule", "team=ml:NoSchedule"}; len(e.Excluded) != 1 || !slices.Equal(e.Excluded[0].Taints, want) {
		t.Errorf("excluded %+v, want one group with %v", e.Excluded, want)
	}
}

// TestPlan checks what is said of the plan of a waiting pod, and that under Strict it excludes what the scheduler excludes.
func TestPlan(t *testing.T) {
	build := func(enforcement string) *cluster {
		c := newCluster(t).nodes("ie", irelandOnDemand, 2).nodes("be", belgium, 1).deployment("shop", "web", "100m", "64Mi", "ie-1", "ie-2", "").
			spec("web", oneAHost).policy("shop", "p", "workloadSelector: {}\nenforcement: "+enforcement)
		c.lists.Placements = []*v1alpha1.Placement{{
			ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "deployment-web"},
			Spec:       v1alpha1.PlacementSpec{Workload: v1alpha1.PlacementWorkload{APIVersion: "apps/v1", Kind: "Deployment", Name: "web"}},
			Status: v1alpha1.PlacementStatus{Replicas: 3, Unplaced: 1, Decisions: []v1alpha1.PlacementDecision{
				{Pool: "ie", Cloud: "aws", Region: "eu-west-1", Zone: "eu-west-1a", InstanceType: "m6i.large", CapacityType: v1alpha1.CapacityOnDemand, Replicas: 3},
			}, Conditions: []metav1.Condition{{Type: v1alpha1.ConditionPlanned, Status: metav1.ConditionFalse, Message: "1 of 3 replicas has no place"}}},
		}}
		return c
	}
	strict := explained(t, build("Strict"))
	want := PlannedPlace{
		Cloud: "aws", Region: "eu-west-1", Zone: "eu-west-1a", InstanceType: "m6i.large", CapacityType: v1alpha1.CapacityOnDemand,
		Planned: 3, Others: 2, Room: 1, Nodes: 2, Fit: 0,
	}
	if p := strict.Plan; p == nil || p.Placement != "shop/deployment-web" || p.Enforcement != v1alpha1.EnforcementStrict || p.InPlan != nil ||
		p.Replicas != 3 || p.Unplaced != 1 || p.Problem != "1 of 3 replicas has no place" || len(p.Places) != 1 || p.Places[0] != want {
		t.Errorf("plan %+v, want %+v", p, want)
	}
	counts := map[string]int{}
	for _, group := range strict.Excluded {
		counts[group.Message] = group.Nodes
	}
	if counts["outside the plan of Placement shop/deployment-web"] != 1 || counts["node(s) didn't match pod anti-affinity rules"] != 2 || len(counts) != 2 {
		t.Errorf("excluded %v", counts)
	}
	for _, remedy := range []string{"set enforcement: Preferred in PlacementPolicy shop/p (opens 1 node)", "prefer it instead of requiring it (opens 2 nodes)"} {
		if !slices.ContainsFunc(strict.Remedies, func(r string) bool { return strings.Contains(r, remedy) }) {
			t.Errorf("remedies %q do not say %q", strict.Remedies, remedy)
		}
	}
	golden(t, "explain-strict.txt", strict.Text)

	preferred := build("Preferred")
	e := explained(t, preferred)
	if len(e.Feasible) != 1 || e.Plan.Enforcement != v1alpha1.EnforcementPreferred {
		t.Errorf("under Preferred: feasible %+v, plan %+v", e.Feasible, e.Plan)
	}
	preferred.pod("web-3").Spec.NodeName = "be-1"
	if e = explained(t, preferred); e.Plan.InPlan == nil || *e.Plan.InPlan {
		t.Errorf("a pod outside its plan: %+v", e.Plan)
	}
	golden(t, "explain-outside-plan.txt", e.Text)
}
