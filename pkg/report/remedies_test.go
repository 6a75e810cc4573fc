package report

import (
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/kubefilters"
)

// TestRemediesNameWhatBars: where several policies have rules of one kind, the remedy named all of them; what opens a place is
// to change those that bar it, and all of those.
func TestRemediesNameWhatBars(t *testing.T) {
	located := func(cloud string) string {
		return "workloadSelector: {}\nlocations: {required: [{key: tradewind.dev/cloud, operator: In, values: [" + cloud + "]}]}"
	}
	residing := func(law string) string { return "workloadSelector: {}\nresidency: {jurisdictions: [" + law + "]}" }
	within := func(milliseconds, client string) string {
		return "workloadSelector: {}\nlatency: {clients: [{location: " + client + ", sharePercent: 100}], maxMilliseconds: " + milliseconds + "}"
	}
	for _, c := range []struct {
		name  string
		build func(c *cluster)
		want  []string
	}{
		{"each place by one policy", func(c *cluster) {
			c.nodes("ie", irelandOnDemand, 2).nodes("be", belgium, 1).nodes("nl", netherlands, 1).policy("shop", "a", located("aws")).policy("shop", "b", located("gcp")).
				policy("shop", "met", "workloadSelector: {}\nlocations: {required: [{key: tradewind.dev/cloud, operator: NotIn, values: [hetzner]}]}")
		}, []string{
			"add nodes in the required locations, or widen spec.locations.required of PlacementPolicy shop/b (opens 2 nodes)",
			"add nodes in the required locations, or widen spec.locations.required of PlacementPolicy shop/a (opens 1 node)",
		}},
		{"a place by two policies", func(c *cluster) {
			c.nodes("nl", netherlands, 1).policy("shop", "a", located("aws")).policy("shop", "b", located("gcp")).policy("shop", "met", located("azure"))
		}, []string{
			"add nodes in the required locations, or widen spec.locations.required of PlacementPolicy shop/a; and " +
				"add nodes in the required locations, or widen spec.locations.required of PlacementPolicy shop/b (opens 1 node)",
		}},
		{"latency by one of two", func(c *cluster) {
			c.nodes("ie", irelandOnDemand, 1).policy("shop", "near", within("60", "IE")).policy("shop", "far", within("20", "US"))
		}, []string{"add nodes nearer, or raise maxMilliseconds in spec.latency or spec.traffic of PlacementPolicy shop/far (opens 1 node)"}},
		{"a location and spot", func(c *cluster) {
			c.nodes("spot", irelandSpot, 1).policy("shop", "a", located("gcp")).policy("shop", "spot", "workloadSelector: {}\ncost: {spot: {maxPercent: 0}}")
		}, []string{
			"add nodes in the required locations, or widen spec.locations.required of PlacementPolicy shop/a; and change spec.cost.spot (maxPercent, " +
				"fallback) of PlacementPolicy shop/spot, or add nodes of the other capacity type (opens 1 node)",
		}},
		{"a spread of one of two", func(c *cluster) {
			c.nodes("ie", irelandOnDemand, 1).policy("shop", "a", "workloadSelector: {}\nresidency: {jurisdictions: [EU]}").
				policy("shop", "wide", "workloadSelector: {}\nspread: [{topologyKey: tradewind.dev/cloud, minDomains: 2}]").
				policy("shop", "wider", "workloadSelector: {}\nspread: [{topologyKey: tradewind.dev/cloud, minDomains: 1}]")
			c.deployment("shop", "api", "100m", "64Mi", "ie-1", "")
		}, []string{"add nodes in other domains, or raise spec.spread maxSharePercent or lower minDomains of PlacementPolicy shop/wide (opens 1 node)"}},
		{"a ceiling of one of two", func(c *cluster) {
			c.nodes("ie", irelandOnDemand, 1).policy("shop", "a", "workloadSelector: {}\nresidency: {jurisdictions: [EU]}").
				policy("shop", "low", "workloadSelector: {}\ncost: {maxHourlyUSD: \"0.0001\"}").
				policy("shop", "high", "workloadSelector: {}\ncost: {maxHourlyUSD: \"9\"}")
		}, []string{"raise spec.cost.maxHourlyUSD of PlacementPolicy shop/low (the other replicas cost $0.0000/h) (opens 1 node)"}},
		{"a volume by one of two", func(c *cluster) {
			c.nodes("us", virginia, 1).policy("shop", "eu", residing("EU")).policy("shop", "met", residing("US"))
			withVolume(c, "us-east-1a")
		}, []string{
			"move the pod's volume to an allowed place, or widen spec.residency of PlacementPolicy shop/eu; and add nodes in the allowed places, or widen " +
				"spec.residency of PlacementPolicy shop/eu (the nodes are in US) (opens 1 node)",
		}},
		{"a volume by two of three", func(c *cluster) {
			c.nodes("ie", irelandOnDemand, 1).policy("shop", "be", residing("BE")).policy("shop", "eu", residing("EU")).policy("shop", "de", residing("DE"))
			withVolume(c, "eu-west-1a")
		}, []string{"move the pod's volume to an allowed place, or widen spec.residency of PlacementPolicy shop/be and PlacementPolicy shop/de; and " +
			"add nodes in the allowed places, or widen spec.residency of PlacementPolicy shop/be (the nodes are in IE); and " +
			"add nodes in the allowed places, or widen spec.residency of PlacementPolicy shop/de (the nodes are in IE) (opens 1 node)"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			built := newCluster(t).deployment("shop", "web", "100m", "64Mi", "")
			c.build(built)
			if e := explained(t, built); !slices.Equal(e.Remedies, c.want) {
				t.Errorf("remedies\n%s\nwant\n%s", strings.Join(e.Remedies, "\n"), strings.Join(c.want, "\n"))
			}
		})
	}
}

// TestOldPlan: with the controller down the remedy under Strict was to wait for a plan that nobody makes.
func TestOldPlan(t *testing.T) {
	for _, c := range []struct {
		name     string
		replicas int32
		policies []string
		want     string
	}{
		{"of now", 3, []string{"PlacementPolicy shop/p"}, ""},
		{"of an older version", 3, nil, ""},
		{"of more replicas", 4, nil, ""},
		{"of fewer replicas", 2, nil, "it is for 2 replicas, and 3 are wanted now"},
		{"of other policies", 3, []string{"PlacementPolicy shop/q"}, "it was made under PlacementPolicy shop/q, and in force for the pod are PlacementPolicy shop/p"},
	} {
		built := newCluster(t).nodes("ie", irelandOnDemand, 1).nodes("be", belgium, 1).deployment("shop", "web", "900m", "64Mi", "ie-1", "ie-1", "").
			policy("shop", "p", "workloadSelector: {}\nenforcement: Strict")
		built.lists.Placements = []*v1alpha1.Placement{{
			ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "deployment-web"},
			Spec:       v1alpha1.PlacementSpec{Workload: v1alpha1.PlacementWorkload{APIVersion: "apps/v1", Kind: "Deployment", Name: "web"}},
			Status: v1alpha1.PlacementStatus{Replicas: c.replicas, Policies: c.policies, Decisions: []v1alpha1.PlacementDecision{
				{Pool: "ie", Cloud: "aws", Region: "eu-west-1", Replicas: c.replicas},
			}},
		}}
		e := explained(t, built)
		if e.Plan == nil || e.Plan.Old != c.want {
			t.Errorf("%s: plan %+v, want it to be old as %q", c.name, e.Plan, c.want)
			continue
		}
		wait := "wait until Placement shop/deployment-web plans the replica there"
		if c.want != "" {
			wait = "Placement shop/deployment-web is old (" + c.want + "), so that nobody plans: see whether tradewind-controller runs"
		}
		remedied := slices.ContainsFunc(e.Remedies, func(r string) bool { return strings.HasPrefix(r, wait) && strings.Contains(r, "tradewind-controller") })
		var out strings.Builder
		if err := e.Text(&out); err != nil {
			t.Fatal(err)
		}
		if said := strings.Contains(out.String(), "The plan is old"); !remedied || said != (c.want != "") {
			t.Errorf("%s: remedies %q; %s", c.name, e.Remedies, out.String())
		}
	}
}

// TestFiltersOfTheProfile: pods of every scheduler were asked about with the filters of kube-scheduler's default profile.
func TestFiltersOfTheProfile(t *testing.T) {
	plugins, err := kubefilters.ReadProfiles([]byte(`
apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
profiles:
- schedulerName: lenient
  plugins:
    filter: {disabled: [{name: NodePorts}, {name: TradewindResidency}]}
    multiPoint: {enabled: [{name: TradewindResidency}, {name: TradewindCloud}]}
- schedulerName: near
  plugins: {multiPoint: {enabled: [{name: TradewindResidency}, {name: TradewindCloud}]}}
  pluginConfig:
  - name: NodeAffinity
    args: {addedAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [
      {matchExpressions: [{key: topology.kubernetes.io/zone, operator: In, values: [eu-west-1b]}]}]}}}
`))
	if err != nil {
		t.Fatal(err)
	}
	for scheduler, want := range map[string][]string{
		"":        {"outside residency DE", "outside location cloud gcp", "node(s) didn't have free ports for the requested pod ports"},
		"lenient": {"outside location cloud gcp"},
		"near": {
			"outside residency DE", "outside location cloud gcp", "node(s) didn't match scheduler-enforced node affinity",
			"node(s) didn't have free ports for the requested pod ports",
		},
	} {
		c := newCluster(t).nodes("ie", irelandOnDemand, 1).deployment("shop", "web", "100m", "64Mi", "ie-1").deployment("ops", "agent", "100m", "64Mi", "ie-1").
			policy("shop", "p", "workloadSelector: {}\nresidency: {jurisdictions: [DE]}\nlocations: {required: [{key: tradewind.dev/cloud, operator: In, values: [gcp]}]}")
		for _, pod := range c.lists.Pods {
			pod.Spec.Containers[0].Ports = []corev1.ContainerPort{{HostPort: 80}}
			pod.Spec.SchedulerName = scheduler
		}
		snapshot := c.snapshot()
		pod := snapshot.Pods[0] // its own node is one that it would not come to today
		e, err := Explain(snapshot, pod, ExplainOptions{Profiles: profiles, Plugins: plugins})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, obstacle := range e.NotToday {
			got = append(got, obstacle.Message)
		}
		if !slices.Equal(got, want) {
			t.Errorf("scheduler %q: %q, want %q", scheduler, got, want)
		}
	}
}
