package candidates_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/component-base/metrics/legacyregistry"
	extender "k8s.io/kube-scheduler/extender/v1"
	"k8s.io/kubernetes/pkg/scheduler"
	"k8s.io/kubernetes/pkg/scheduler/apis/config"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/names"
)

// Where something beside the filters may refuse a node, or preempts on what they say of those that are left, all nodes are looked at.
func TestNothingIsNarrowedThatOthersDecideOn(t *testing.T) {
	preemptionFirst := profiles(t)[0]
	preemptionFirst.Plugins.PostFilter.Enabled = append([]config.Plugin{{Name: names.DefaultPreemption}},
		preemptionFirst.Plugins.PostFilter.Enabled...)
	for _, tt := range []struct {
		name      string
		options   []scheduler.Option
		want      string
		evaluated int
	}{
		{"as shipped", nil, "cheapest", 1},
		{"an extender", []scheduler.Option{scheduler.WithExtenders(refusing(t, "cheapest"))}, "second", 3},
		{"preemption is asked first", []scheduler.Option{scheduler.WithProfiles(preemptionFirst)}, "cheapest", 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newCluster(t, tt.options...)
			c.node(awsNode("cheapest", "eu-west-1a", "m5.large"), awsNode("second", "eu-west-1a", "m5.xlarge"), awsNode("dear", "eu-west-1a", "m5.8xlarge"))
			c.policy("optimizeFor: Cost")
			if got, evaluated, err := c.schedule(c.pod("100m"), shipped); got != tt.want || evaluated != tt.evaluated {
				t.Errorf("placed on %q (%v) after a look at %d nodes, want %q after %d", got, err, evaluated, tt.want, tt.evaluated)
			}
		})
	}
}

// refusing is an extender of the scheduler that refuses one node.
func refusing(t *testing.T, refused string) config.Extender {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, request *http.Request) {
		var asked extender.ExtenderArgs
		if err := json.NewDecoder(request.Body).Decode(&asked); err != nil {
			t.Error(err)
			return
		}
		accepted := slices.DeleteFunc(slices.Clone(*asked.NodeNames), func(name string) bool { return name == refused })
		if err := json.NewEncoder(out).Encode(extender.ExtenderFilterResult{
			NodeNames: &accepted, FailedNodes: extender.FailedNodesMap{refused: "refused by the extender"},
		}); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(server.Close)
	return config.Extender{
		URLPrefix: server.URL, FilterVerb: "filter", Weight: 1, NodeCacheCapable: true, HTTPTimeout: metav1.Duration{Duration: time.Minute},
	}
}

// The metrics tell how many nodes were chosen, none where all are looked at, and which rule excluded how many of the others, once each.
func TestMetrics(t *testing.T) {
	const measured = "measured"
	profile := profiles(t)[0]
	profile.SchedulerName = measured
	c := newCluster(t, scheduler.WithProfiles(profile))
	c.node(awsNode("here", "eu-west-1a", "m5.large"), awsNode("there-0", "us-east-1a", "m5.large"), awsNode("there-1", "us-east-1a", "m5.large"))
	c.policy("residency: {jurisdictions: [EU]}")
	for _, step := range []struct {
		name, cpu, node       string
		rejected, pods, nodes float64
	}{
		{"one of three is chosen", "100m", "here", 2, 1, 1},
		{"none fits, so all are looked at", "100", "", 4, 2, 1},
		{"another one", "100m", "here", 6, 3, 2},
	} {
		if got, _, err := c.schedule(c.pod(step.cpu), measured); got != step.node {
			t.Fatalf("%s: placed on %q (%v)", step.name, got, err)
		}
		rejected, _ := metric(t, "tradewind_rejected_nodes_total", map[string]string{"profile": measured, "plugin": "TradewindResidency"})
		nodes, pods := metric(t, "tradewind_candidate_nodes", map[string]string{"profile": measured})
		if rejected != step.rejected || pods != step.pods || nodes != step.nodes {
			t.Errorf("%s: %g nodes rejected, for %g pods %g chosen; want %g, %g and %g", step.name, rejected, pods, nodes, step.rejected, step.pods, step.nodes)
		}
	}
}

// metric is a counter's value, or a histogram's sum, and of how many values.
func metric(t *testing.T, name string, labels map[string]string) (sum, count float64) {
	t.Helper()
	families, err := legacyregistry.DefaultGatherer.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
		for _, one := range family.GetMetric() {
			alike := 0
			for _, label := range one.GetLabel() {
				if labels[label.GetName()] == label.GetValue() {
					alike++
				}
			}
			if alike != len(labels) {
				continue
			}
			if histogram := one.GetHistogram(); histogram != nil {
				return histogram.GetSampleSum(), float64(histogram.GetSampleCount())
			}
			return one.GetCounter().GetValue(), 1
		}
	}
	return 0, 0
}
