package latency_test

import (
	"maps"
	"testing"

	fwk "k8s.io/kube-scheduler/framework"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/plugins/latency"
	"tradewind.dev/tradewind/plugins/plugintest"
)

const (
	// trips are those of clients in Germany, and between the places.
	trips = "samples:\n" +
		"- {from: DE, to: aws/eu-central-1, milliseconds: \"5\"}\n- {from: DE, to: aws/eu-west-1, milliseconds: \"25\"}\n" +
		"- {from: DE, to: aws/us-east-1, milliseconds: \"90\"}\n" +
		"- {from: aws/eu-west-1, to: aws/eu-central-1, milliseconds: \"22\"}\n- {from: aws/us-east-1, to: aws/eu-central-1, milliseconds: \"88\"}"
	web   = "workloadSelector: {matchLabels: {app: web}}\n"
	near  = web + "latency: {clients: [{location: DE, sharePercent: 100}], maxMilliseconds: 50}"
	calls = web + "traffic: [{to: {name: db}, maxMilliseconds: 50}]"
	// measured demands measured figures of the same calls.
	measured = web + "traffic: [{to: {name: db}, maxMilliseconds: 50, figures: Measured}]"
)

func cluster(t *testing.T, policy string) *plugintest.Cluster {
	return plugintest.New(t).LatencyMap("measured", trips).Policy("web", policy).Set(
		plugintest.AWS("frankfurt", "eu-central-1a", "m5.large"), plugintest.AWS("ireland", "eu-west-1a", "m5.large"),
		plugintest.AWS("virginia", "us-east-1a", "m5.large"), plugintest.Unknown("unknown"))
}

func TestFilter(t *testing.T) {
	waiting := plugintest.Replica("web-9", "web", "")
	for _, tt := range []struct {
		name, policy string
		placed       map[string]string // pod → node
		want         map[string]string
	}{
		{name: "clients", policy: near, want: map[string]string{
			"virginia": "over 50 ms from DE", "unknown": "without a known round trip from DE (a LatencyMap can give it)",
		}},
		{name: "a callee", policy: calls, placed: map[string]string{"db-1": "frankfurt"}, want: map[string]string{
			"virginia": "over 50 ms from db", "unknown": "without a known round trip to db (a LatencyMap can give it)",
		}},
		{name: "a callee's nearest replica", policy: calls, placed: map[string]string{"db-1": "frankfurt", "db-2": "virginia"}, want: map[string]string{
			"unknown": "without a known round trip to db (a LatencyMap can give it)",
		}},
		{name: "a callee that is nowhere", policy: calls},
		{name: "an estimate", policy: calls, placed: map[string]string{"db-1": "paris"}, want: map[string]string{
			"virginia": "over 50 ms from db", "unknown": "without a known round trip to db (a LatencyMap can give it)",
		}},
		{name: "measured figures of it", policy: measured, placed: map[string]string{"db-1": "paris"}, want: map[string]string{
			"virginia":  "over 50 ms from db",
			"frankfurt": "without a measured round trip from aws/eu-central-1 to db in scaleway/fr-par (a LatencyMap can give it)",
			"ireland":   "without a measured round trip from aws/eu-west-1 to db in scaleway/fr-par (a LatencyMap can give it)",
			"unknown":   "without a known round trip to db (a LatencyMap can give it)",
		}},
		{name: "measured figures of another replica", policy: measured, placed: map[string]string{"db-1": "paris", "db-2": "frankfurt"}, want: map[string]string{
			"virginia": "over 50 ms from db", "unknown": "without a known round trip to db (a LatencyMap can give it)",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := cluster(t, tt.policy).Set(waiting)
			if tt.placed["db-1"] == "paris" { // whose round trips to AWS are estimates
				c.Set(plugintest.Labelled(plugintest.Private("paris", "fr-par", "FR"), map[string]string{v1alpha1.LabelCloud: "scaleway"}))
			}
			for pod, node := range tt.placed {
				c.Set(plugintest.Replica(pod, "db", node))
			}
			cycle := c.Cycle(waiting)
			if got := cycle.Refused(); !maps.Equal(got, tt.want) {
				t.Errorf("refused %v, want %v", got, tt.want)
			}
			for node := range tt.want {
				if code := cycle.Filter(node).Code(); code != fwk.UnschedulableAndUnresolvable {
					t.Errorf("%s: %s: preemption brings no node nearer", node, code)
				}
			}
		})
	}
}

// Clients on both sides of an ocean need a replica on each. Which side the last replica must go to depends on what preemption leaves of
// the others.
func TestPreemptionsChanges(t *testing.T) {
	both := web + "latency: {clients: [{location: DE, sharePercent: 50}, {location: US, sharePercent: 50}], maxMilliseconds: 50}"
	placed, waiting := plugintest.Replica("web-1", "web", "frankfurt"), plugintest.Replica("web-9", "web", "")
	cycle := cluster(t, both).LatencyMap("measured", trips+"\n"+
		"- {from: US, to: aws/us-east-1, milliseconds: \"20\"}\n- {from: US, to: aws/eu-central-1, milliseconds: \"95\"}\n"+
		"- {from: US, to: aws/eu-west-1, milliseconds: \"80\"}").
		Set(plugintest.Revision("web", 2), placed, waiting).Cycle(waiting)
	europe, america := func(of *plugintest.Cycle) bool { return of.Filter("ireland").IsSuccess() },
		func(of *plugintest.Cycle) bool { return of.Filter("virginia").IsSuccess() }
	if europe(cycle) || !america(cycle) {
		t.Fatalf("with one replica in Europe the other belongs in America: refused %v", cycle.Refused())
	}
	tried := cycle.Clone()
	if status := tried.Remove(placed, "frankfurt"); !status.IsSuccess() || !europe(tried) || !america(tried) {
		t.Errorf("without the replica: %v, refused %v", status, tried.Refused())
	}
	if status := tried.Add(plugintest.Replica("web-2", "web", "virginia"), "virginia"); !status.IsSuccess() || !europe(tried) || america(tried) {
		t.Errorf("with one in America instead: %v, refused %v", status, tried.Refused())
	}
	if europe(cycle) || !america(cycle) {
		t.Error("what was tried changed the cycle")
	}
}

func TestSkipsAndScores(t *testing.T) {
	c := cluster(t, web+"latency: {clients: [{location: DE, sharePercent: 100}], requestsPerSecond: 1000}\noptimizeFor: Latency")
	waiting := plugintest.Replica("web-9", "web", "")
	cycle := c.Set(waiting).Cycle(waiting)
	if !cycle.State.GetSkipFilterPlugins().Has(latency.Name) {
		t.Error("a pod without limits is filtered")
	}
	scores := cycle.Scores()
	points := func(node string) int64 { return scores[node][latency.Name] / 20 }
	// 5, 25 and 90 milliseconds: 100, 77 and none; the compute price is no part of these points.
	if points("frankfurt") != 100 || points("ireland") < 74 || points("ireland") > 78 || points("virginia") > 1 || points("unknown") > 1 {
		t.Errorf("points %v", scores)
	}
	other := plugintest.Replica("db-9", "db", "")
	cycle = c.Set(other).Cycle(other)
	cycle.Scores()
	if !cycle.State.GetSkipScorePlugins().Has(latency.Name) {
		t.Error("a pod whose round trips nobody asks about is scored by them")
	}
}

func TestWakesPods(t *testing.T) {
	node := fwk.ClusterEvent{Resource: fwk.Node, ActionType: fwk.Add}
	placed, gone := fwk.ClusterEvent{Resource: fwk.Pod, ActionType: fwk.Add}, fwk.ClusterEvent{Resource: fwk.Pod, ActionType: fwk.Delete}
	waiting, callee := plugintest.Replica("web-9", "web", ""), plugintest.Replica("db-1", "db", "frankfurt")
	for _, tt := range []struct {
		name, policy  string
		event         fwk.ClusterEvent
		before, after any
		want          bool
	}{
		{"a node within the limit", near, node, nil, plugintest.AWS("new", "eu-west-1a", "m5.large"), true},
		{"a node beyond it", near, node, nil, plugintest.AWS("new", "us-east-1a", "m5.large"), false},
		{"a replica of its own", near, placed, nil, plugintest.Replica("web-1", "web", "ireland"), true},
		{"a pod that it does not call", near, placed, nil, callee, false},
		{"a replica that it calls is placed", calls, placed, nil, callee, true},
		{"a replica that it calls goes", calls, gone, callee, nil, true},
		{"another pod goes", calls, gone, plugintest.Replica("cache-1", "cache", "frankfurt"), nil, false},
	} {
		if got := cluster(t, tt.policy).Hints(tt.event, waiting, tt.before, tt.after)[latency.Name]; got != tt.want {
			t.Errorf("%s: wakes %t, want %t", tt.name, got, tt.want)
		}
	}
}
