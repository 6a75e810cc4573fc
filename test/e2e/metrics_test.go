package e2e

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestMetrics(t *testing.T) {
	e := newEnv(t)
	e.cluster.AddNodesYAML(t, racks+"- {name: virginia, cloud: aws, region: us-east-1, instanceType: m7i.large}\n")
	e.rackPrices("0.8", "8")
	e.apply(`
apiVersion: tradewind.dev/v1alpha1
kind: LatencyMap
metadata: {name: measured}
spec: {samples: [{from: a-dc/one, to: DE, milliseconds: 7}, {from: b-dc/one, to: DE, milliseconds: 9}]}
`)
	e.policy("web", `
residency: {jurisdictions: [EU]}
latency: {clients: [{location: DE, sharePercent: 100}]}
locations: {preferred: [{weight: 1, key: tradewind.dev/cloud, operator: In, values: [b-dc]}]}
`)
	type figure struct {
		name   string
		labels []string
		want   float64 // how much it grows by three replicas on rack a, each an eighth of it
	}
	figures := []figure{
		{"tradewind_placed_pods_total", []string{`profile="tradewind-cost"`, `cloud="a-dc"`, `region="one"`, `capacity_type="on-demand"`}, 3},
		{"tradewind_placed_pods_total", []string{`profile="tradewind-cost"`}, 3},
		{"tradewind_placed_pod_hourly_usd_count", []string{`profile="tradewind-cost"`, `cloud="a-dc"`}, 3},
		{"tradewind_placed_pod_hourly_usd_sum", []string{`profile="tradewind-cost"`, `cloud="a-dc"`}, 0.3},
		{"tradewind_placed_pod_expected_round_trip_milliseconds_count", []string{`profile="tradewind-cost"`, `cloud="a-dc"`}, 3},
		{"tradewind_placed_pod_expected_round_trip_milliseconds_sum", []string{`profile="tradewind-cost"`, `cloud="a-dc"`}, 21},
		{"tradewind_placed_pods_unmet_preference_total", []string{`profile="tradewind-cost"`, `cloud="a-dc"`}, 3},
		// Virginia, once for each of the three: what the batch found for one replica may serve the next.
		{"tradewind_rejected_nodes_total", []string{`plugin="TradewindResidency"`, `profile="tradewind-cost"`}, 3},
		{"tradewind_rejected_nodes_total", []string{`plugin="TradewindCost"`, `profile="tradewind-cost"`}, 0},
	}
	before := make([]float64, len(figures))
	for i, f := range figures {
		before[i] = e.sched.mustMetric(t, f.name, f.labels...)
	}
	e.deployment("web", 3, cpu("1"), profile(cheapest))
	if got := e.spreadOf("web", 3); got["a"] != 3 {
		t.Fatalf("on %v, want all on the cheaper rack", got)
	}
	e.wait("the figures of the three replicas", func(ctx context.Context) error {
		for i, f := range figures {
			now, err := e.sched.metric(ctx, f.name, f.labels...)
			if err != nil {
				return err
			}
			if got := now - before[i]; math.Abs(got-f.want) > 1e-9 {
				return fmt.Errorf("%s%v grew by %v, want %v", f.name, f.labels, got, f.want)
			}
		}
		return nil
	})
	if got := e.sched.mustMetric(t, "tradewind_objects_in_force", `kind="PlacementPolicy"`); got < 1 {
		t.Errorf("%v policies in force", got)
	}
}

// Who has the role for it, and nobody else, reads the metrics.
func TestMetricsNeedTheRole(t *testing.T) {
	e := newEnv(t)
	as := func(user string) error {
		reader := *e.sched
		reader.client = clientFor(clientCertificates(t, e.cluster.ConfigFor(t, user)))
		_, err := reader.get(t.Context(), "/metrics")
		return err
	}
	if err := as("stranger"); err == nil || !strings.Contains(err.Error(), "403") {
		t.Errorf("a stranger reads the metrics: %v", err)
	}
	e.apply(`
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: e2e-prometheus}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: tradewind-metrics-reader}
subjects: [{kind: User, apiGroup: rbac.authorization.k8s.io, name: prometheus}]
`)
	e.wait("prometheus to read the metrics", func(context.Context) error { return as("prometheus") })
}

func TestEveryProfile(t *testing.T) {
	e := newEnv(t)
	// The cheap node is far from the clients, the near one dear: what decides is the profile, or the policy's own word.
	e.cluster.AddNodesYAML(t, `
pools:
- {name: cheap-and-far, cloud: a-dc, region: one, country: LU, instanceType: rack, cpu: 8, memory: 64Gi}
- {name: dear-and-near, cloud: b-dc, region: one, country: LU, instanceType: rack, cpu: 8, memory: 64Gi}
`)
	e.rackPrices("1", "1.2")
	e.apply(`
apiVersion: tradewind.dev/v1alpha1
kind: LatencyMap
metadata: {name: measured}
spec: {samples: [{from: a-dc/one, to: DE, milliseconds: 40}, {from: b-dc/one, to: DE, milliseconds: 5}]}
`)
	e.policy("web", "latency: {clients: [{location: DE, sharePercent: 100}], requestsPerSecond: 1}")
	e.policy("own-word", "latency: {clients: [{location: DE, sharePercent: 100}], requestsPerSecond: 1}\noptimizeFor: Latency")
	for i, tt := range []struct{ policy, profile, want string }{
		{"web", cheapest, "cheap-and-far"},
		{"web", fastest, "dear-and-near"},
		// A core costs 2.5 cents more on the near rack; a request a second is 3600 an hour, of which 35 ms cost 1.26 cents.
		{"web", balanced, "cheap-and-far"},
		{"own-word", cheapest, "dear-and-near"},
	} {
		name := fmt.Sprintf("pod-%d", i)
		e.pod(name, label("app", tt.policy), cpu("1"), profile(tt.profile))
		if got := e.placed(name); got != tt.want {
			t.Errorf("policy %s, profile %s: %s, want %s", tt.policy, tt.profile, got, tt.want)
		}
	}
	e.pod("not-ours", profile("somebody-else"))
	e.settled()
	pod, err := e.client.CoreV1().Pods(e.ns).Get(t.Context(), "not-ours", metav1.GetOptions{})
	if err != nil || pod.Spec.NodeName != "" {
		t.Errorf("a pod of another scheduler: on %q, %v", pod.Spec.NodeName, err)
	}
}
