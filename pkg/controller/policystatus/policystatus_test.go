package policystatus

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/kube/status"
	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/rules/policy"
	"tradewind.dev/tradewind/pkg/state"
	"tradewind.dev/tradewind/pkg/state/cluster"
	"tradewind.dev/tradewind/pkg/state/clustertest"
)

var schedulers = []string{"tradewind", "tradewind-cost", "tradewind-latency"}

// evaluatorOf is an evaluator whose scheduler has read everything.
func evaluatorOf(of *cluster.State) *evaluator {
	e := newEvaluator(schedulers)
	e.held = state.HeldIn(&of.Objects)
	return e
}

// evaluate returns the status of the PlacementPolicy shop/web, else of the ClusterPlacementPolicy web.
func evaluate(t *testing.T, state *cluster.State) (*status.Status, tally) {
	t.Helper()
	namespaced, clusterwide, summary := evaluatorOf(state).evaluate(state)
	if found, ok := namespaced[client.ObjectKey{Namespace: "shop", Name: "web"}]; ok {
		return found, summary
	}
	found, ok := clusterwide[client.ObjectKey{Name: "web"}]
	if !ok {
		t.Fatal("the policy has no status")
	}
	return found, summary
}

func TestStatus(t *testing.T) {
	const web = "workloadSelector: {matchLabels: {app: web}}\n"
	fleet := func() *clustertest.Cluster {
		return clustertest.New(t).AWS(30, "eu-west-1a", "m7i.large").AWSSpot(10, "us-east-1a", "m7i.large").Private(12, "lux-dc", "luxembourg", "LU").Unknown(8)
	}
	for _, c := range []struct {
		name          string
		cluster       *clustertest.Cluster
		pods, allowed int32
		inForce       string
		overridden    string
		satisfiable   string
		summary       tally
	}{
		{
			name:    "in force",
			cluster: fleet().Policy("shop", "web", web+"residency: {jurisdictions: [EU]}").Pods(3, "shop", "web", "tradewind").Pods(2, "other", "web", "tradewind").Pods(1, "shop", "db", "tradewind"),
			pods:    3, allowed: 42,
			inForce:     "True Enforced: the scheduler enforces it for 3 pods",
			satisfiable: "True NodesAllowed: 42 of 60 nodes: 10 outside residency EU, 8 without a known country (residency EU)",
			summary:     tally{inForce: 1},
		},
		{
			name:    "no pods, no rules",
			cluster: fleet().Policy("shop", "web", web), allowed: 60,
			inForce:     "True Enforced: the scheduler enforces it; no running or waiting pod matches its selector yet",
			satisfiable: "True NodesAllowed: 60 of 60 nodes",
			summary:     tally{inForce: 1},
		},
		{
			name:    "some pods under another scheduler",
			cluster: fleet().Policy("shop", "web", web).Pods(3, "shop", "web", "tradewind-cost").Pods(1, "shop", "web", "default-scheduler"),
			pods:    4, allowed: 60,
			inForce:     "True Enforced: the scheduler enforces it, but 1 of the 4 pods it selects has schedulerName default-scheduler, which does not know of it: set schedulerName: tradewind",
			satisfiable: "True NodesAllowed: 60 of 60 nodes",
			summary:     tally{inForce: 1},
		},
		{
			name:    "all pods under another scheduler",
			cluster: fleet().Policy("shop", "web", web).Pods(2, "shop", "web", "default-scheduler"),
			pods:    2, allowed: 60,
			inForce:     "True Enforced: the scheduler enforces it, but not for the 2 pods it selects, which have schedulerName default-scheduler: set schedulerName: tradewind",
			satisfiable: "True NodesAllowed: 60 of 60 nodes",
			summary:     tally{inForce: 1},
		},
		{
			name:    "unknown jurisdiction",
			cluster: fleet().Policy("shop", "web", web+"residency: {jurisdictions: [EU, Atlantis]}").Pods(3, "shop", "web", "tradewind"),
			pods:    3,
			inForce: `False Invalid: spec.residency.jurisdictions: index 1: "Atlantis" is no ISO 3166 country code and no jurisdiction group; the groups are ` +
				groups() + "; the pods it selects wait until it is corrected",
			satisfiable: "Unknown Invalid: no place satisfies a rule that cannot be read; see the condition InForce",
			summary:     tally{invalid: 1},
		},
		{
			name:    "unknown client",
			cluster: fleet().Policy("shop", "web", web+"latency: {clients: [{location: aws/nowhere-1, sharePercent: 100}], maxMilliseconds: 50}").Pods(1, "shop", "web", "tradewind"),
			pods:    1,
			inForce: `False Invalid: spec.latency.clients[0].location: aws has no region "nowhere-1"; ` +
				`the pods it selects wait until it is corrected`,
			satisfiable: "Unknown Invalid: no place satisfies a rule that cannot be read; see the condition InForce",
			summary:     tally{invalid: 1},
		},
		{
			name:    "no key of ours to spread over",
			cluster: fleet().Policy("shop", "web", web+"spread: [{topologyKey: rack, minDomains: 2}]").Pods(1, "shop", "web", "tradewind"),
			pods:    1, allowed: 60,
			inForce: `False Invalid: spec.spread[0].topologyKey: "rack" is no location label; use tradewind.dev/cloud, tradewind.dev/country, topology.kubernetes.io/region, ` +
				`topology.kubernetes.io/zone or kubernetes.io/hostname; the rest of the policy is enforced`,
			satisfiable: "True NodesAllowed: 60 of 60 nodes",
			summary:     tally{invalid: 1},
		},
		{
			name:        "nowhere",
			cluster:     fleet().Policy("shop", "web", web+"residency: {jurisdictions: [JP]}"),
			inForce:     "True Enforced: the scheduler enforces it; no running or waiting pod matches its selector yet",
			satisfiable: "False NoNodeAllowed: 0 of 60 nodes: 52 outside residency JP, 8 without a known country (residency JP)",
			summary:     tally{inForce: 1, unsatisfiable: 1},
		},
		{
			name:    "too far, and operated from elsewhere",
			cluster: fleet().Policy("shop", "web", web+"residency: {operatorJurisdictions: [EU]}\nlatency: {clients: [{location: JP, sharePercent: 100}], maxMilliseconds: 5}"),
			inForce: "True Enforced: the scheduler enforces it; no running or waiting pod matches its selector yet",
			satisfiable: "False NoNodeAllowed: 0 of 60 nodes: 40 operated from outside EU, 12 without a known round trip from JP (a LatencyMap can give it), " +
				"8 without a known operator (operator jurisdiction EU)",
			summary: tally{inForce: 1, unsatisfiable: 1},
		},
		{
			name:        "no nodes",
			cluster:     clustertest.New(t).Policy("shop", "web", web),
			inForce:     "True Enforced: the scheduler enforces it; no running or waiting pod matches its selector yet",
			satisfiable: "False NoNodes: the cluster has no nodes",
			summary:     tally{inForce: 1, unsatisfiable: 1},
		},
		{
			name:    "spot forbidden, price needed",
			cluster: fleet().Policy("shop", "web", web+"cost: {maxHourlyUSD: 40, spot: {maxPercent: 0}}"), allowed: 30,
			inForce: "True Enforced: the scheduler enforces it; no running or waiting pod matches its selector yet",
			satisfiable: "True NodesAllowed: 30 of 60 nodes: 18 on spot capacity, which the policy forbids, " +
				"12 without a known price (policy has a cost ceiling)",
			summary: tally{inForce: 1},
		},
		{
			name:    "only spot",
			cluster: fleet().Policy("shop", "web", web+"cost: {spot: {maxPercent: 100, fallback: Wait}}"), allowed: 18,
			inForce:     "True Enforced: the scheduler enforces it; no running or waiting pod matches its selector yet",
			satisfiable: "True NodesAllowed: 18 of 60 nodes: 42 not on spot capacity, which the policy waits for",
			summary:     tally{inForce: 1},
		},
		{
			name:    "a share of spot excludes no node",
			cluster: fleet().Policy("shop", "web", web+"cost: {spot: {maxPercent: 60, fallback: Wait}}"), allowed: 60,
			inForce:     "True Enforced: the scheduler enforces it; no running or waiting pod matches its selector yet",
			satisfiable: "True NodesAllowed: 60 of 60 nodes",
			summary:     tally{inForce: 1},
		},
		{
			name:    "too few clouds",
			cluster: fleet().Policy("shop", "web", web+"spread: [{topologyKey: tradewind.dev/cloud, minDomains: 3}]"), allowed: 52,
			inForce: "True Enforced: the scheduler enforces it; no running or waiting pod matches its selector yet",
			satisfiable: "True FewDomains: 52 of 60 nodes: 8 without a known cloud (policy spreads over it); " +
				"spec.spread wants 3 different values of cloud and the allowed nodes have 2 (aws, lux-dc): workloads of more than 2 replicas keep some waiting",
			summary: tally{inForce: 1},
		},
		{
			name:    "too few spot pools",
			cluster: fleet().Policy("shop", "web", web+"cost: {spot: {maxPercent: 100, maxPoolSharePercent: 40, fallback: Wait}}"), allowed: 18,
			inForce: "True Enforced: the scheduler enforces it; no running or waiting pod matches its selector yet",
			satisfiable: "True FewDomains: 18 of 60 nodes: 42 not on spot capacity, which the policy waits for; spec.cost.spot lets one spot pool hold " +
				"40% of the replicas and the allowed nodes are all in 2 spot pools (m7i.large in aws/us-east-1/us-east-1a, unknown type in unknown): " +
				"workloads of more than 2 replicas keep some waiting",
			summary: tally{inForce: 1},
		},
		{
			name:    "machines on demand beside few spot pools",
			cluster: fleet().Policy("shop", "web", web+"cost: {spot: {maxPercent: 100, maxPoolSharePercent: 40}}"), allowed: 60,
			inForce:     "True Enforced: the scheduler enforces it; no running or waiting pod matches its selector yet",
			satisfiable: "True NodesAllowed: 60 of 60 nodes",
			summary:     tally{inForce: 1},
		},
		{
			name:    "too few clouds for the share of each",
			cluster: fleet().Policy("shop", "web", web+"spread: [{topologyKey: tradewind.dev/cloud, minDomains: 2, maxSharePercent: 30}]"), allowed: 52,
			inForce: "True Enforced: the scheduler enforces it; no running or waiting pod matches its selector yet",
			satisfiable: "True FewDomains: 52 of 60 nodes: 8 without a known cloud (policy spreads over it); " +
				"spec.spread lets at most 30% of the replicas have one value of cloud and the allowed nodes have 2 (aws, lux-dc): of 100 replicas 40 keep waiting",
			summary: tally{inForce: 1},
		},
		{
			name:    "too few clouds to lose one",
			cluster: fleet().Policy("shop", "web", web+"availability: {survive: cloud, minReplicasPercent: 60}"), allowed: 60,
			inForce: "True Enforced: the scheduler enforces it; no running or waiting pod matches its selector yet",
			satisfiable: "True FewDomains: 60 of 60 nodes; spec.availability wants 60% of the replicas left without any one cloud and the allowed nodes " +
				"have 2 (aws, lux-dc): plans have no place for 20 of 100 replicas",
			summary: tally{inForce: 1},
		},
		{
			name:    "clouds enough to lose one",
			cluster: fleet().Policy("shop", "web", web+"availability: {survive: cloud, minReplicasPercent: 50}"), allowed: 60,
			inForce:     "True Enforced: the scheduler enforces it; no running or waiting pod matches its selector yet",
			satisfiable: "True NodesAllowed: 60 of 60 nodes",
			summary:     tally{inForce: 1},
		},
		{
			name: "too few clouds to lose one together",
			cluster: fleet().ClusterPolicy("aws-only", "workloadSelector: {}\nlocations: {required: [{key: tradewind.dev/cloud, operator: In, values: [aws]}]}").
				Policy("shop", "web", web+"availability: {survive: cloud, minReplicasPercent: 50}").Pods(2, "shop", "web", "tradewind"),
			pods: 2, allowed: 60,
			inForce: "True Enforced: the scheduler enforces it for 2 pods",
			satisfiable: "True FewDomains: 60 of 60 nodes; together with ClusterPlacementPolicy aws-only, spec.availability wants 50% of the replicas left " +
				"without any one cloud and the allowed nodes have 1 (aws): plans have no place for 50 of 100 replicas",
			summary: tally{inForce: 2},
		},
		{
			name: "overridden",
			cluster: fleet().ClusterPolicy("web", "workloadSelector: {}\noptimizeFor: Cost\nresidency: {jurisdictions: [EU]}").
				Policy("shop", "fast", web+"optimizeFor: Latency").Policy("shop", "faster", "workloadSelector: {}\noptimizeFor: Latency").
				Pods(3, "shop", "web", "tradewind").Pods(2, "shop", "db", "tradewind").Pods(5, "other", "db", "tradewind"),
			pods: 10, allowed: 42,
			inForce: "True Enforced: the scheduler enforces it for 10 pods",
			overridden: "True LowerPrecedence: spec.optimizeFor of PlacementPolicy shop/fast is used instead for 3 of 10 pods; " +
				"spec.optimizeFor of PlacementPolicy shop/faster is used instead for 2 of 10 pods " +
				"(a namespaced policy wins over the cluster's, then the older one); hard rules of both hold",
			satisfiable: "True NodesAllowed: 42 of 60 nodes: 10 outside residency EU, 8 without a known country (residency EU)",
			summary:     tally{inForce: 3},
		},
		{
			name: "exclusive",
			cluster: fleet().ClusterPolicy("eu-only", "workloadSelector: {}\nresidency: {jurisdictions: [EU]}").
				Policy("shop", "web", web+"residency: {jurisdictions: [US]}").Pods(1, "shop", "web", "tradewind"),
			pods: 1, allowed: 10,
			inForce: "True Enforced: the scheduler enforces it for 1 pod",
			satisfiable: "False NoNodeAllowedTogether: together with ClusterPlacementPolicy eu-only, 0 of 60 nodes: " +
				"42 outside residency US, 10 outside residency EU, 8 without a known country (residency US)",
			summary: tally{inForce: 2, unsatisfiable: 2},
		},
		{
			name: "too few clouds together",
			cluster: fleet().ClusterPolicy("aws-only", "workloadSelector: {}\nlocations: {required: [{key: tradewind.dev/cloud, operator: In, values: [aws]}]}").
				Policy("shop", "web", web+"spread: [{topologyKey: tradewind.dev/cloud, minDomains: 2}]").Pods(2, "shop", "web", "tradewind"),
			pods: 2, allowed: 52,
			inForce: "True Enforced: the scheduler enforces it for 2 pods",
			satisfiable: "True FewDomains: 52 of 60 nodes: 8 without a known cloud (policy spreads over it); together with ClusterPlacementPolicy aws-only, " +
				"spec.spread wants 2 different values of cloud and the allowed nodes have 1 (aws): workloads of more than 1 replica keep some waiting",
			summary: tally{inForce: 2},
		},
		{
			name: "clouds enough together",
			cluster: fleet().ClusterPolicy("known-only", "workloadSelector: {}\nresidency: {jurisdictions: [EU]}").
				Policy("shop", "web", web+"spread: [{topologyKey: tradewind.dev/cloud, minDomains: 2}]").Pods(2, "shop", "web", "tradewind"),
			pods: 2, allowed: 52,
			inForce:     "True Enforced: the scheduler enforces it for 2 pods",
			satisfiable: "True NodesAllowed: 52 of 60 nodes: 8 without a known cloud (policy spreads over it)",
			summary:     tally{inForce: 2},
		},
		{
			name: "too few spot pools together",
			cluster: fleet().ClusterPolicy("aws-only", "workloadSelector: {}\nlocations: {required: [{key: tradewind.dev/cloud, operator: In, values: [aws]}]}").
				Policy("shop", "web", web+"cost: {spot: {maxPercent: 100, maxPoolSharePercent: 50, fallback: Wait}}").Pods(2, "shop", "web", "tradewind"),
			pods: 2, allowed: 18,
			inForce: "True Enforced: the scheduler enforces it for 2 pods",
			satisfiable: "True FewDomains: 18 of 60 nodes: 42 not on spot capacity, which the policy waits for; together with ClusterPlacementPolicy aws-only, " +
				"spec.cost.spot lets one spot pool hold 50% of the replicas and the allowed nodes are all in 1 spot pool (m7i.large in aws/us-east-1/us-east-1a): " +
				"workloads of more than 1 replica keep some waiting",
			summary: tally{inForce: 2},
		},
		{
			name: "more than may count",
			cluster: func() *clustertest.Cluster {
				cluster := fleet().Policy("shop", "web", web+"residency: {jurisdictions: [EU]}").Pods(1, "shop", "web", "tradewind")
				for i := range policy.MaxPolicies {
					cluster.Policy("shop", fmt.Sprint("x", i), web+"residency: {jurisdictions: [EU]}")
				}
				return cluster
			}(),
			pods: 1, allowed: 42,
			inForce: "True Enforced: the scheduler enforces it for 1 pod",
			satisfiable: "False NoNodeAllowedTogether: together with PlacementPolicy shop/x0, PlacementPolicy shop/x1, PlacementPolicy shop/x2, " +
				"PlacementPolicy shop/x3, PlacementPolicy shop/x4, and 58 more, 0 of 60 nodes: 42 held back: 65 policies select the pod and at most 64 may: " +
				"join some of them, or narrow their workloadSelector, 10 outside residency EU, 8 without a known country (residency EU)",
			summary: tally{inForce: 65, unsatisfiable: 64},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, summary := evaluate(t, c.cluster.State())
			if got.Generation != 1 || got.UID == "" {
				t.Errorf("the status speaks of object %q, generation %d", got.UID, got.Generation)
			}
			if want := []int32{c.pods, c.allowed}; !slices.Equal(got.Counts, want) {
				t.Errorf("pods and allowed nodes are %v, want %v", got.Counts, want)
			}
			overridden := c.overridden
			if overridden == "" {
				overridden = "False NotOverridden: for the pods it selects, no other policy wins a preference that it sets"
			}
			for kind, want := range map[string]string{
				v1alpha1.ConditionInForce: c.inForce, v1alpha1.ConditionSatisfiable: c.satisfiable, v1alpha1.ConditionOverridden: overridden,
			} {
				if text := conditionText(got, kind); text != want {
					t.Errorf("%s is\n\t%s\nwant\n\t%s", kind, text, want)
				}
			}
			if summary != c.summary {
				t.Errorf("the summary is %+v, want %+v", summary, c.summary)
			}
		})
	}
}

func conditionText(of *status.Status, kind string) string {
	condition := meta.FindStatusCondition(of.Conditions, kind)
	if condition == nil {
		return ""
	}
	return fmt.Sprintf("%s %s: %s", condition.Status, condition.Reason, condition.Message)
}

func groups() string {
	var names []string
	for _, group := range location.Groups() {
		names = append(names, group.Name)
	}
	return strings.Join(names, ", ")
}

// TestAllowedNodes compares the number of allowed nodes with one counted node by node from a table written for the test.
func TestAllowedNodes(t *testing.T) {
	type kind struct {
		add               func(*clustertest.Cluster, int)
		cloud, country    string
		inEU, operatorsEU bool
	}
	kinds := []kind{
		{func(c *clustertest.Cluster, n int) { c.AWS(n, "eu-west-1a", "m7i.large") }, "aws", "IE", true, false},
		{func(c *clustertest.Cluster, n int) { c.AWS(n, "us-east-1a", "m7i.large") }, "aws", "US", false, false},
		{func(c *clustertest.Cluster, n int) { c.Private(n, "lux-dc", "luxembourg", "LU") }, "lux-dc", "LU", true, true},
		{func(c *clustertest.Cluster, n int) { c.Private(n, "zrh-dc", "zurich", "CH") }, "zrh-dc", "CH", false, false},
		{func(c *clustertest.Cluster, n int) { c.Unknown(n) }, "", "", false, false},
	}
	rapid.Check(t, func(r *rapid.T) {
		inEU := rapid.Bool().Draw(r, "EU")
		operatorsEU := rapid.Bool().Draw(r, "EU operators")
		notAWS := rapid.Bool().Draw(r, "not AWS")
		spec := "workloadSelector: {}\n"
		switch {
		case inEU && operatorsEU:
			spec += "residency: {jurisdictions: [EU], operatorJurisdictions: [EU]}\n"
		case inEU:
			spec += "residency: {jurisdictions: [EU]}\n"
		case operatorsEU:
			spec += "residency: {operatorJurisdictions: [EU]}\n"
		}
		if notAWS {
			spec += "locations: {required: [{key: tradewind.dev/cloud, operator: NotIn, values: [aws]}]}\n"
		}
		c := clustertest.New(t).Policy("shop", "web", spec)
		want, total := 0, 0
		for i, kind := range kinds {
			count := rapid.IntRange(0, 4).Draw(r, fmt.Sprint("nodes of kind ", i))
			kind.add(c, count)
			total += count
			if (!inEU || kind.inEU) && (!operatorsEU || kind.operatorsEU) && (!notAWS || kind.cloud != "aws" && kind.cloud != "") {
				want += count
			}
		}
		got, _ := evaluate(t, c.State())
		if got.Counts[1] != int32(want) {
			r.Fatalf("%d nodes allowed, want %d under\n%s", got.Counts[1], want, spec)
		}
		satisfiable := meta.FindStatusCondition(got.Conditions, v1alpha1.ConditionSatisfiable)
		if (satisfiable.Status == metav1.ConditionTrue) != (want > 0) || total > 0 && !strings.HasPrefix(satisfiable.Message, fmt.Sprintf("%d of ", want)) {
			r.Fatalf("%+v with %d of %d nodes allowed", satisfiable, want, total)
		}
	})
}

// TestEvaluatorFollows checks that what the evaluator keeps between two states does not outlive an edit, a replacement or
// a change of the world.
func TestEvaluatorFollows(t *testing.T) {
	e := newEvaluator(schedulers)
	key := client.ObjectKey{Namespace: "shop", Name: "web"}
	state := clustertest.New(t).AWS(2, "eu-west-1a", "m7i.large").Policy("shop", "web", "workloadSelector: {}\nresidency: {jurisdictions: [EU]}").State()
	allowed := func(want int32, when string) {
		t.Helper()
		got, _, _ := e.evaluate(state)
		if got[key].Counts[1] != want {
			t.Errorf("%s: %d nodes allowed, want %d", when, got[key].Counts[1], want)
		}
	}
	allowed(2, "at first")
	allowed(2, "again")
	edited := clustertest.New(t).AWS(2, "eu-west-1a", "m7i.large").Policy("shop", "web", "workloadSelector: {}\nresidency: {jurisdictions: [US]}").State()
	edited.Objects.PlacementPolicies[0].Generation = 2
	state = edited
	allowed(0, "after an edit")
	replaced := clustertest.New(t).AWS(2, "eu-west-1a", "m7i.large").Policy("shop", "web", "workloadSelector: {}\nresidency: {jurisdictions: [EU]}").State()
	replaced.Objects.PlacementPolicies[0].UID = "another"
	state = replaced
	allowed(2, "after a replacement")
	state = clustertest.New(t).State()
	if got, _, _ := e.evaluate(state); len(got) != 0 || len(e.alone) != 0 {
		t.Errorf("after the deletion %d statuses and %d rules are kept", len(got), len(e.alone))
	}
}

// BenchmarkEvaluate evaluates 5,000 policies of one namespace over 1,000 nodes and 10,000 pods, as after a change of a node.
func BenchmarkEvaluate(b *testing.B) {
	c := clustertest.New(b)
	for i := range 5000 {
		c.Policy("shop", fmt.Sprint("p", i), fmt.Sprintf("workloadSelector: {matchLabels: {app: a%d}}\nresidency: {jurisdictions: [EU]}\n"+
			"latency: {clients: [{location: DE, sharePercent: 100}], maxMilliseconds: 50}", i))
	}
	for _, zone := range []string{"eu-west-1a", "eu-west-1b", "eu-central-1a", "us-east-1a", "us-west-2a"} {
		c.AWS(100, zone, "m7i.large").AWSSpot(100, zone, "m7i.large")
	}
	for i := range 1000 {
		c.Pods(10, "shop", fmt.Sprint("a", i), "tradewind")
	}
	state := c.State()
	e := newEvaluator(schedulers)
	b.ReportAllocs()
	for b.Loop() {
		e.evaluate(state)
	}
}
