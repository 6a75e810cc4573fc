package cloud_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"k8s.io/apimachinery/pkg/types"
	fwk "k8s.io/kube-scheduler/framework"

	"tradewind.dev/tradewind/plugins/cloud"
	"tradewind.dev/tradewind/plugins/plugintest"
)

const web = "workloadSelector: {matchLabels: {app: web}}\n"

func clouds(t *testing.T, policy string) *plugintest.Cluster {
	return plugintest.New(t).Policy("web", web+policy).Set(
		plugintest.AWS("aws-1", "eu-west-1a", "m5.large"), plugintest.AWS("aws-2", "eu-west-1b", "m5.large"),
		plugintest.Spot("spot", "eu-west-1a", "m5.large"), plugintest.GCP("gcp", "europe-west1-b", "n2-standard-2"),
		plugintest.Unknown("unknown"),
	)
}

func TestFilter(t *testing.T) {
	const onSpot = "on spot capacity, which the policy forbids"
	for _, tt := range []struct {
		name, policy string
		placed       map[string]string // pod → node
		want         map[string]string
	}{
		{name: "a required location", policy: "locations: {required: [{key: tradewind.dev/cloud, operator: In, values: [aws]}]}",
			want: map[string]string{
				"gcp": "outside location cloud aws", "unknown": "without a known cloud (policy wants cloud aws)",
			}},
		{name: "no spot capacity", policy: "cost: {spot: {maxPercent: 0}}", want: map[string]string{"spot": onSpot, "unknown": onSpot}},
		{name: "a spot pool with its share", policy: "cost: {spot: {maxPercent: 100, maxPoolSharePercent: 50}}", placed: map[string]string{"web-1": "spot"},
			want: map[string]string{"spot": "in the spot pool m5.large in aws/eu-west-1/eu-west-1a, which has its 50% of the replicas"}},
		{name: "spread over clouds, none placed", policy: "spread: [{topologyKey: tradewind.dev/cloud, minDomains: 2}]",
			want: map[string]string{"unknown": "without a known cloud (policy spreads over it)"}},
		{name: "spread over clouds, one placed", policy: "spread: [{topologyKey: tradewind.dev/cloud, minDomains: 2}]",
			placed: map[string]string{"web-1": "aws-1"},
			want: map[string]string{
				"aws-1": "in a cloud that has a replica (policy wants 2)", "aws-2": "in a cloud that has a replica (policy wants 2)",
				"spot": "in a cloud that has a replica (policy wants 2)", "unknown": "without a known cloud (policy spreads over it)",
			}},
		{name: "spread over nodes", policy: "spread: [{topologyKey: kubernetes.io/hostname, minDomains: 2}]",
			placed: map[string]string{"web-1": "aws-1"},
			want:   map[string]string{"aws-1": "in a node that has a replica (policy wants 2)"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := clouds(t, tt.policy)
			for pod, node := range tt.placed {
				c.Set(plugintest.Replica(pod, "web", node))
			}
			waiting := plugintest.Replica("web-9", "web", "")
			if got := c.Set(waiting).Cycle(waiting).Refused(); !maps.Equal(got, tt.want) {
				t.Errorf("refused %v, want %v", got, tt.want)
			}
		})
	}
}

// Preemption may help where a replica of the same workload is in the way, and never where the place is wrong.
func TestCodes(t *testing.T) {
	c := clouds(t, "locations: {required: [{key: tradewind.dev/cloud, operator: In, values: [aws]}]}\nspread: [{topologyKey: topology.kubernetes.io/zone, minDomains: 2}]")
	c.Set(plugintest.Replica("web-1", "web", "aws-1"))
	waiting := plugintest.Replica("web-9", "web", "")
	cycle := c.Set(waiting).Cycle(waiting)
	for node, want := range map[string]fwk.Code{
		"aws-1": fwk.Unschedulable, "aws-2": fwk.Success, "gcp": fwk.UnschedulableAndUnresolvable, "unknown": fwk.UnschedulableAndUnresolvable,
	} {
		if got := cycle.Filter(node).Code(); got != want {
			t.Errorf("%s: %s, want %s", node, got, want)
		}
	}
}

// AddPod and RemovePod change what the filter says in their own copy of the cycle's state, and nothing else.
func TestPreemptionsChanges(t *testing.T) {
	c := clouds(t, "spread: [{topologyKey: topology.kubernetes.io/zone, minDomains: 2}]")
	placed, other := plugintest.Replica("web-1", "web", "aws-1"), plugintest.Replica("db-1", "db", "aws-1")
	waiting := plugintest.Replica("web-9", "web", "")
	cycle := c.Set(placed, other, waiting).Cycle(waiting)
	tried := cycle.Clone()
	refuses := func(in *plugintest.Cycle, node string) bool { return !in.Filter(node).IsSuccess() }
	if !refuses(cycle, "aws-1") || !refuses(tried, "aws-1") {
		t.Fatal("the zone has a replica")
	}
	if status := tried.Remove(other, "aws-1"); !status.IsSuccess() || !refuses(tried, "aws-1") {
		t.Errorf("another workload's pod goes: status %v, refused %t", status, refuses(tried, "aws-1"))
	}
	if status := tried.Remove(placed, "aws-1"); !status.IsSuccess() || refuses(tried, "aws-1") {
		t.Errorf("the replica goes: status %v, refused %t", status, refuses(tried, "aws-1"))
	}
	if !refuses(cycle, "aws-1") {
		t.Error("what was tried changed the cycle")
	}
	if status := tried.Add(placed, "aws-1"); !status.IsSuccess() || !refuses(tried, "aws-1") {
		t.Errorf("the replica comes back: status %v, refused %t", status, refuses(tried, "aws-1"))
	}
	if status := tried.Add(plugintest.Replica("web-2", "web", "aws-2"), "aws-2"); !status.IsSuccess() || refuses(tried, "aws-1") {
		t.Errorf("a replica in the other zone is nominated: status %v, refused %t", status, refuses(tried, "aws-1"))
	}
	if again := cycle.Clone(); !refuses(again, "aws-1") {
		t.Error("a later copy has what was tried before")
	}
}

func TestSkips(t *testing.T) {
	c := clouds(t, "optimizeFor: Cost")
	waiting := plugintest.Replica("web-9", "web", "")
	cycle := c.Set(waiting).Cycle(waiting)
	if !cycle.State.GetSkipFilterPlugins().Has(cloud.Name) {
		t.Error("a pod without rules on locations is filtered")
	}
	if scores := cycle.Scores()["aws-1"]; scores[cloud.Name] != 0 {
		t.Errorf("a pod without preferences gets %d points for them", scores[cloud.Name])
	}
}

func TestScore(t *testing.T) {
	c := clouds(t, "locations: {preferred: [{key: tradewind.dev/cloud, operator: In, values: [gcp], weight: 100}]}")
	waiting := plugintest.Replica("web-9", "web", "")
	scores := c.Set(waiting).Cycle(waiting).Scores()
	if gcp, aws := scores["gcp"][cloud.Name], scores["aws-1"][cloud.Name]; gcp <= aws {
		t.Errorf("the preferred cloud gets %d points, another %d", gcp, aws)
	}
}

func TestNodesWakePods(t *testing.T) {
	c := clouds(t, "spread: [{topologyKey: tradewind.dev/cloud, minDomains: 2}]").Set(plugintest.Replica("web-1", "web", "aws-1"))
	waiting := plugintest.Replica("web-9", "web", "")
	c.Set(waiting)
	aws, gcp := plugintest.AWS("new", "eu-west-1a", "m5.large"), plugintest.GCP("new", "europe-west1-b", "n2-standard-2")
	for _, tt := range []struct {
		name          string
		before, after any
		want          bool
	}{
		{"a node in the other cloud", nil, gcp, true},
		{"a node in the same cloud", nil, aws, false},
		{"a node comes to the other cloud", aws, gcp, true},
		{"a node in the other cloud changes", gcp, gcp.DeepCopy(), false},
		{"a node goes", gcp, nil, false},
	} {
		event := fwk.ClusterEvent{Resource: fwk.Node, ActionType: fwk.Add | fwk.UpdateNodeLabel | fwk.Delete}
		if got := c.Hints(event, waiting, tt.before, tt.after)[cloud.Name]; got != tt.want {
			t.Errorf("%s: wakes %t, want %t", tt.name, got, tt.want)
		}
	}
}

// A replica that is placed or goes wakes those that wait only where it lets them go somewhere. Each did, in all revisions: of a
// thousand that waited all were tried again for each that was placed.
func TestReplicasWakePods(t *testing.T) {
	const (
		halves = "spread: [{topologyKey: tradewind.dev/cloud, maxSharePercent: 50}]"
		byNode = "spread: [{topologyKey: kubernetes.io/hostname, maxSharePercent: 1}]"
	)
	for _, tt := range []struct {
		name, policy string
		wanted       int32
		placed       []string // their nodes
		event        string   // the node of a replica that is placed or goes
		goes         bool
		want         bool
	}{
		{"one goes from the cloud that has its share", halves, 2, []string{"aws-1", "gcp"}, "aws-1", true, true},
		{"one goes from a cloud that keeps more than its share", halves, 2, []string{"aws-1", "aws-2", "spot", "gcp"}, "aws-1", true, false},
		{"one goes from where there was room anyway", halves, 8, []string{"aws-1", "gcp"}, "aws-1", true, false},
		{"one is placed", halves, 4, []string{"aws-1", "aws-2"}, "gcp", false, false},
		{"one is placed beyond those that are wanted, so that the shares are of more", halves, 1, []string{"aws-1", "gcp"}, "gcp", false, true},
		{"one goes from the only cloud that has one", "spread: [{topologyKey: tradewind.dev/cloud, minDomains: 2}]", 2, []string{"aws-1"}, "aws-1", true, true},
		{"one is placed in the cloud that has one", "spread: [{topologyKey: tradewind.dev/cloud, minDomains: 2}]", 3, []string{"aws-1"}, "aws-2", false, false},
		{"one goes from spot capacity", "cost: {spot: {maxPercent: 50}}", 2, []string{"spot", "aws-1"}, "spot", true, true},
		{"one goes from elsewhere", "cost: {spot: {maxPercent: 50}}", 2, []string{"spot", "aws-1"}, "aws-1", true, false},
		{"one goes from a node", byNode, 3, []string{"aws-1", "aws-2"}, "aws-1", true, true},
		{"one is placed on a node", byNode, 3, []string{"aws-1"}, "aws-2", false, false},
		{"one is placed, which may make another the emptiest", "spread: [{topologyKey: tradewind.dev/cloud, maxSkew: 1}]", 3, []string{"aws-1"}, "gcp", false, true},
		{"no rule is about replicas", "locations: {required: [{key: tradewind.dev/cloud, operator: In, values: [gcp]}]}", 2, []string{"gcp"}, "gcp", true, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := clouds(t, tt.policy).Set(plugintest.Revision("web", tt.wanted))
			waiting := plugintest.Replica("web-9", "web", "")
			c.Set(waiting)
			for i, node := range tt.placed {
				c.Set(plugintest.Replica(fmt.Sprint("web-", i), "web", node))
			}
			other := plugintest.Replica("web-8", "web", tt.event)
			event, before, after := fwk.ClusterEvent{Resource: fwk.Pod, ActionType: fwk.Add}, any(nil), any(other)
			if tt.goes {
				other.Name, other.UID = fmt.Sprint("web-", slices.Index(tt.placed, tt.event)), types.UID(fmt.Sprint("web-", slices.Index(tt.placed, tt.event)))
				event.ActionType, before, after = fwk.Delete, other, nil
			}
			heard := []bool{false}
			if !tt.goes {
				heard = append(heard, true) // what the state has heard of a replica that is placed makes no difference
			}
			for _, heard := range heard {
				if heard {
					c.Set(other)
				}
				if got := c.Hints(event, waiting, before, after)[cloud.Name]; got != tt.want {
					t.Errorf("wakes %t, want %t; the state has heard of it: %t", got, tt.want, heard)
				}
			}
		})
	}
	c := clouds(t, halves)
	waiting := plugintest.Replica("web-9", "web", "")
	if c.Set(waiting).Hints(fwk.ClusterEvent{Resource: fwk.Pod, ActionType: fwk.Delete}, waiting, plugintest.Replica("db-1", "db", "aws-1"), nil)[cloud.Name] {
		t.Error("another workload's replica goes, and wakes it")
	}
}

// With a skew any node that comes or goes may change which domain is the emptiest.
func TestSkewsWakePods(t *testing.T) {
	c := clouds(t, "spread: [{topologyKey: tradewind.dev/cloud, maxSkew: 1}]")
	waiting := plugintest.Replica("web-9", "web", "")
	event := fwk.ClusterEvent{Resource: fwk.Node, ActionType: fwk.Delete}
	if !c.Hints(event, waiting, plugintest.AWS("aws-1", "eu-west-1a", "m5.large"), nil)[cloud.Name] {
		t.Error("a node that goes does not wake a pod with a skew")
	}
}
