package placement

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/planning/rounds"
)

// TestDoubts checks that what is not known leaves decisions as they are, and that plans are made anew as soon as it is.
func TestDoubts(t *testing.T) {
	silent := map[string]string{"a1": "node a1 is not ready", "a2": "node a2 is not ready"}
	for _, c := range []struct {
		name         string
		doubts       rounds.Doubts
		web, other   string // where they are planned
		message      string
		otherPlanned bool
	}{
		{name: "nothing", web: "gcp", other: "gcp", otherPlanned: true},
		{name: "everything", doubts: rounds.Doubts{All: "no node renews its lease since noon"}, web: "aws", other: "aws", message: "no node renews its lease since noon; the last plan stays"},
		{name: "its nodes", doubts: rounds.Doubts{Nodes: silent}, web: "aws", other: "gcp", message: "node a1 is not ready; the last plan stays", otherPlanned: true},
		{name: "other nodes", doubts: rounds.Doubts{Nodes: map[string]string{"g1": "node g1 is not ready"}}, web: "gcp", other: "gcp", otherPlanned: true},
	} {
		b := newBench(t)
		b.nodes(aws("a1", "eu-west-1"), aws("a2", "eu-west-1"), gcp("g1"))
		for _, name := range []string{"web", "other"} {
			b.policy(name, "locations: {preferred: [{weight: 100, key: tradewind.dev/cloud, operator: In, values: [aws]}]}")
			b.deployment(name, 2, "100m")
		}
		b.pods("web", "a1", "100m", 1)
		b.pods("web", "a2", "100m", 1)
		b.mustPlan()
		before := decided(b.get("web"))
		if before["aws"] != 2 {
			t.Fatalf("at first it is planned on %v", before)
		}
		for _, name := range []string{"a1", "a2"} {
			node := aws(name, "eu-west-1")
			node.Status.Conditions[0].Status = corev1.ConditionUnknown
			b.nodes(node)
		}
		b.options.Availability = lost{doubts: c.doubts}
		b.mustPlan()
		if web, other := decided(b.get("web")), decided(b.get("other")); web[c.web] != 2 || other[c.other] != 2 {
			t.Errorf("%s: web is planned on %v, the other on %v", c.name, web, other)
		}
		if got := conditionText(b.get("web"), v1alpha1.ConditionPlanned); c.message != "" && got != "Unknown Uncertain: "+c.message {
			t.Errorf("%s: Planned is %s", c.name, got)
		}
		if got := meta.IsStatusConditionTrue(b.get("other").Status.Conditions, v1alpha1.ConditionPlanned); got != c.otherPlanned {
			t.Errorf("%s: the other is planned: %v", c.name, got)
		}
		b.options.Availability = lost{}
		b.nodes(aws("a1", "eu-west-1"), aws("a2", "eu-west-1"))
		b.mustPlan()
		if web := decided(b.get("web")); web["aws"] != 2 || !meta.IsStatusConditionTrue(b.get("web").Status.Conditions, v1alpha1.ConditionPlanned) {
			t.Errorf("%s: when the nodes are back it is planned on %v", c.name, web)
		}
	}
}

// TestEndingNamespaces: replicas of a namespace that is being deleted were planned elsewhere, and evicted though nothing can be made in
// their place.
func TestEndingNamespaces(t *testing.T) {
	b := newBench(t)
	b.nodes(aws("a1", "eu-west-1"), gcp("g1"))
	b.policy("web", onlyAWS)
	b.deployment("web", 2, "100m")
	b.pods("web", "a1", "100m", 2)
	b.mustPlan()
	b.endNamespace("shop")
	b.policy("web", "locations: {required: [{key: tradewind.dev/cloud, operator: In, values: [gcp]}]}")
	b.mustPlan()
	web := b.get("web")
	if got := decided(web); got["aws"] != 2 {
		t.Errorf("it is planned on %v", got)
	}
	if got, want := conditionText(web, v1alpha1.ConditionPlanned), "Unknown Uncertain: its namespace is being deleted; the last plan stays"; got != want {
		t.Errorf("Planned is %s, want %s", got, want)
	}
}
