package cost_test

import (
	"maps"
	"testing"

	fwk "k8s.io/kube-scheduler/framework"

	"tradewind.dev/tradewind/plugins/cost"
	"tradewind.dev/tradewind/plugins/plugintest"
)

// A replica asks for a quarter of a node; prices are such that it costs a cent on cheap and two on dear an hour.
const (
	prices = "instances:\n- {cloud: aws, instanceType: cheap, hourlyUSD: \"0.04\"}\n- {cloud: aws, instanceType: dear, hourlyUSD: \"0.08\"}"
	web    = "workloadSelector: {matchLabels: {app: web}}\n"
)

func cluster(t *testing.T, policy string) *plugintest.Cluster {
	return plugintest.New(t).PriceList("ours", prices).Policy("web", web+policy).Set(
		plugintest.AWS("cheap", "eu-west-1a", "cheap"), plugintest.AWS("dear", "eu-west-1a", "dear"), plugintest.Private("unpriced", "lux-1", "LU"))
}

func TestCeiling(t *testing.T) {
	const unpriced = "without a known price (policy has a cost ceiling)"
	waiting := plugintest.Replica("web-9", "web", "")
	for _, tt := range []struct {
		name, ceiling string
		placed        map[string]string // pod → node
		want          map[string]string
	}{
		{name: "room for one anywhere", ceiling: "0.02", want: map[string]string{"unpriced": unpriced}},
		{name: "room for one cheap", ceiling: "0.015", want: map[string]string{"unpriced": unpriced, "dear": "over the ceiling of $0.015/h"}},
		{name: "room for a second", ceiling: "0.02", placed: map[string]string{"web-1": "cheap"},
			want: map[string]string{"unpriced": unpriced, "dear": "over the ceiling of $0.02/h"}},
		{name: "no room", ceiling: "0.02", placed: map[string]string{"web-1": "cheap", "web-2": "cheap"},
			want: map[string]string{"unpriced": unpriced, "cheap": "over the ceiling of $0.02/h", "dear": "over the ceiling of $0.02/h"}},
		{name: "others' replicas do not count", ceiling: "0.02", placed: map[string]string{"db-1": "cheap", "db-2": "cheap"},
			want: map[string]string{"unpriced": unpriced}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := cluster(t, "cost: {maxHourlyUSD: \""+tt.ceiling+"\"}").Set(waiting)
			for pod, node := range tt.placed {
				c.Set(plugintest.Replica(pod, pod[:len(pod)-2], node))
			}
			cycle := c.Cycle(waiting)
			if got := cycle.Refused(); !maps.Equal(got, tt.want) {
				t.Errorf("refused %v, want %v", got, tt.want)
			}
			for node := range tt.want {
				if code := cycle.Filter(node).Code(); code != fwk.UnschedulableAndUnresolvable {
					t.Errorf("%s: %s: replicas of a workload do not preempt each other", node, code)
				}
			}
		})
	}
}

func TestPreemptionsChanges(t *testing.T) {
	placed, waiting := plugintest.Replica("web-1", "web", "dear"), plugintest.Replica("web-9", "web", "")
	cycle := cluster(t, "cost: {maxHourlyUSD: \"0.02\"}").Set(placed, waiting).Cycle(waiting)
	if cycle.Filter("cheap").IsSuccess() {
		t.Fatal("the ceiling has room")
	}
	tried := cycle.Clone()
	if status := tried.Remove(placed, "dear"); !status.IsSuccess() || !tried.Filter("cheap").IsSuccess() {
		t.Errorf("without the replica: %v", tried.Filter("cheap").Reasons())
	}
	if status := tried.Add(placed, "dear"); !status.IsSuccess() || tried.Filter("cheap").IsSuccess() || cycle.Filter("cheap").IsSuccess() {
		t.Error("the replica counts again, and did all the while in the cycle itself")
	}
}

func TestScore(t *testing.T) {
	waiting := plugintest.Replica("web-9", "web", "")
	c := cluster(t, "optimizeFor: Cost").Set(waiting, plugintest.AWS("between", "eu-west-1a", "m5.large"))
	c.PriceList("more", "instances: [{cloud: aws, instanceType: m5.large, hourlyUSD: \"0.06\"}]")
	scores := c.Cycle(waiting).Scores()
	points := func(node string) int64 { return scores[node][cost.Name] / 20 }
	if points("cheap") != 100 || points("between") != 50 || points("dear") != 0 || points("unpriced") != 0 {
		t.Errorf("points %d, %d, %d and %d without a price; want 100, 50, 0 and 0", points("cheap"), points("between"), points("dear"), points("unpriced"))
	}
}

// Where all nodes cost the same there is nothing to score, and where there is no ceiling nothing to filter.
func TestSkips(t *testing.T) {
	waiting := plugintest.Replica("web-9", "web", "")
	c := plugintest.New(t).PriceList("ours", prices).Set(waiting, plugintest.AWS("a", "eu-west-1a", "cheap"), plugintest.AWS("b", "eu-west-1b", "cheap"))
	cycle := c.Cycle(waiting)
	if !cycle.State.GetSkipFilterPlugins().Has(cost.Name) {
		t.Error("a pod without a ceiling is filtered")
	}
	cycle.Scores()
	if !cycle.State.GetSkipScorePlugins().Has(cost.Name) {
		t.Error("nodes of one price are scored")
	}
}

func TestWakesPods(t *testing.T) {
	c := cluster(t, "cost: {maxHourlyUSD: \"0.02\"}").Set(plugintest.Replica("web-1", "web", "cheap"))
	waiting := plugintest.Replica("web-9", "web", "")
	node, gone := fwk.ClusterEvent{Resource: fwk.Node, ActionType: fwk.Add}, fwk.ClusterEvent{Resource: fwk.Pod, ActionType: fwk.Delete}
	for _, tt := range []struct {
		name          string
		event         fwk.ClusterEvent
		before, after any
		want          bool
	}{
		{"a node that it can pay for", node, nil, plugintest.AWS("new", "eu-west-1a", "cheap"), true},
		{"a node that it cannot pay for", node, nil, plugintest.AWS("new", "eu-west-1a", "dear"), false},
		{"a node without a price", node, nil, plugintest.Unknown("new"), false},
		{"a replica that goes", gone, plugintest.Replica("web-1", "web", "cheap"), nil, true},
		{"another workload's", gone, plugintest.Replica("db-1", "db", "cheap"), nil, false},
	} {
		if got := c.Hints(tt.event, waiting, tt.before, tt.after)[cost.Name]; got != tt.want {
			t.Errorf("%s: wakes %t, want %t", tt.name, got, tt.want)
		}
	}
}
