package plugins_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/component-base/metrics/legacyregistry"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/plugins/plugintest"
)

// counted are the scheduler's counters and the counts of its histograms that hold these words, by name and labels.
func counted(t *testing.T, words string) map[string]float64 {
	t.Helper()
	families, err := legacyregistry.DefaultGatherer.Gather()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]float64{}
	for _, family := range families {
		if !strings.HasPrefix(family.GetName(), words) {
			continue
		}
		for _, metric := range family.GetMetric() {
			var labels []string
			for _, label := range metric.GetLabel() {
				labels = append(labels, label.GetName()+"="+label.GetValue())
			}
			slices.Sort(labels)
			out[family.GetName()+" "+strings.Join(labels, " ")] = metric.GetCounter().GetValue() + float64(metric.GetHistogram().GetSampleCount())
		}
	}
	return out
}

// Once a pod is bound, each plugin counts its part of where the pod went, once.
func TestBoundPodsAreCounted(t *testing.T) {
	const (
		placed   = "tradewind_placed_pods_total capacity_type="
		price    = "tradewind_placed_pod_hourly_usd cloud="
		trip     = "tradewind_placed_pod_expected_round_trip_milliseconds cloud="
		unmet    = "tradewind_placed_pods_unmet_preference_total cloud="
		followed = "tradewind_placed_pods_by_plan_total plan="
		profile  = " profile=tradewind"
	)
	placement := &v1alpha1.Placement{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "deployment-web"}}
	placement.Spec.Workload.Kind, placement.Spec.Workload.Name, placement.Status.Replicas = "Deployment", "web", 1
	placement.Status.Decisions = []v1alpha1.PlacementDecision{{Cloud: "gcp", Region: "europe-west1", Replicas: 1}}
	for _, tt := range []struct {
		app, node string
		want      []string
	}{
		{"web", "aws", []string{
			placed + "on-demand cloud=aws" + profile + " region=eu-west-1", price + "aws" + profile, trip + "aws" + profile,
			unmet + "aws" + profile, followed + "deviated" + profile,
		}},
		{"web", "gcp", []string{
			placed + "on-demand cloud=gcp" + profile + " region=europe-west1", price + "gcp" + profile, trip + "gcp" + profile, followed + "followed" + profile,
		}},
		{"web", "somewhere", []string{
			placed + "unknown cloud=unknown" + profile + " region=unknown", unmet + "unknown" + profile, followed + "deviated" + profile,
		}},
		{"db", "aws", []string{placed + "on-demand cloud=aws" + profile + " region=eu-west-1", price + "aws" + profile, followed + "no_plan" + profile}},
		{"db", "gone", []string{followed + "no_plan" + profile}},
	} {
		t.Run(tt.app+" on "+tt.node, func(t *testing.T) {
			c := plugintest.New(t).
				PriceList("ours", "instances: [{cloud: aws, instanceType: m5.large, hourlyUSD: \"0.1\"}, {cloud: gcp, instanceType: n2-standard-2, hourlyUSD: \"0.1\"}]").
				LatencyMap("ours", "samples: [{from: DE, to: aws/eu-west-1, milliseconds: \"25\"}, {from: DE, to: gcp/europe-west1, milliseconds: \"15\"}]").
				Policy("web", selects("web", "latency: {clients: [{location: DE, sharePercent: 100}]}\n"+
					"locations: {preferred: [{key: tradewind.dev/cloud, operator: In, values: [gcp], weight: 10}]}")).
				Set(plugintest.AWS("aws", "eu-west-1a", "m5.large"), plugintest.GCP("gcp", "europe-west1-b", "n2-standard-2"),
					plugintest.Unknown("somewhere"), placement)
			pod := plugintest.Replica(tt.app+"-1", tt.app, "")
			cycle := c.Set(pod).Cycle(pod)
			cycle.Scores()
			before := counted(t, "tradewind_placed_pod")
			cycle.Bound(tt.node)
			more := counted(t, "tradewind_placed_pod")
			for name, value := range more {
				if more[name] = value - before[name]; more[name] == 0 {
					delete(more, name)
				}
			}
			want := map[string]float64{}
			for _, name := range tt.want {
				want[name] = 1
			}
			if !maps.Equal(more, want) {
				t.Errorf("counted %v, want %v", more, want)
			}
		})
	}
}
