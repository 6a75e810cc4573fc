package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/test/testbed"
)

// Kubernetes reuses the outcome of one pod for the next one like it, where a node takes only one of them. It gives that up
// for pods that a plugin cannot tell apart, so each plugin of Tradewind has to.
func TestBatchingStaysOn(t *testing.T) {
	e := newEnvWithoutScheduler(t)
	e.stopShared()
	// Kubernetes' own default constraints over zones and hosts prevent batching; a scheduler without them does not.
	path := filepath.Join(t.TempDir(), "scheduler.yaml")
	config := fmt.Sprintf(`
apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
leaderElection: {leaderElect: false}
clientConnection: {kubeconfig: %q, qps: 500, burst: 1000}
profiles:
- schedulerName: tradewind
  plugins:
    multiPoint:
      enabled:
      - {name: TradewindCandidates}
      - {name: TradewindResidency}
      - {name: TradewindCloud}
      - {name: TradewindLatency}
      - {name: TradewindCost}
      - {name: TradewindPlacement, weight: 100}
  pluginConfig:
  - name: PodTopologySpread
    args: {defaultingType: List}
`, e.cluster.Kubeconfig(t, testbed.TradewindScheduler))
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	e.cluster.AddNodesYAML(t, `
pools:
- {name: aws, cloud: aws, region: eu-west-1, instanceType: m7i.large, count: 10}
- {name: azure, cloud: azure, region: westeurope, instanceType: Standard_D2s_v5, count: 10}
- {name: virginia, cloud: aws, region: us-east-1, instanceType: m7i.large, count: 5}
`)
	e.policy("web", `
residency: {jurisdictions: [EU]}
spread: [{topologyKey: tradewind.dev/cloud, minDomains: 2, maxSharePercent: 60}]
latency: {clients: [{location: DE, sharePercent: 100}], maxMilliseconds: 60}
cost: {maxHourlyUSD: "10", spot: {maxPercent: 50}}
`)
	e.deployment("web", 14, cpu("1500m")) // one to a node
	e.plan("web", 14, `[{cloud: aws, region: eu-west-1, replicas: 6}, {cloud: azure, region: westeurope, replicas: 8}]`)
	e.wait("14 pods to wait for a scheduler", func(ctx context.Context) error {
		pods, err := e.pods(ctx, "web")
		if err == nil && len(pods) != 14 {
			err = fmt.Errorf("%d pods", len(pods))
		}
		return err
	})
	e.sched = startScheduler(t, e.cluster, "batching-scheduler", "--config="+path)
	defer e.sched.program.Stop(t)
	got := e.spreadOf("web", 14)
	if got["aws"] != 6 || got["azure"] != 8 {
		t.Errorf("placed on %v, planned were 6 on aws and 8 on azure", got)
	}
	if used := e.sched.mustMetric(t, "scheduler_batch_attempts_total", `result="hint_used"`); used < 5 {
		t.Errorf("%v of 14 pods used what had been found for the one before; flushed: %v", used,
			e.sched.mustMetric(t, "scheduler_batch_cache_flushed_total"))
	}
}

// plan writes the Placement of a Deployment, as the controller would.
func (e *env) plan(deployment string, replicas int, decisions string) {
	e.Helper()
	name := "deployment-" + deployment
	e.cluster.ApplyYAML(e.T, fmt.Sprintf("{apiVersion: tradewind.dev/v1alpha1, kind: Placement, metadata: {namespace: %s, name: %s}, "+
		"spec: {workload: {apiVersion: apps/v1, kind: Deployment, name: %s}}}", e.ns, name, deployment))
	status, err := yaml.YAMLToJSON(fmt.Appendf(nil, "status: {replicas: %d, decisions: %s}", replicas, decisions))
	if err != nil {
		e.Fatal(err)
	}
	placements := e.objects.Resource(v1alpha1.GroupVersion.WithResource("placements")).Namespace(e.ns)
	if _, err := placements.Patch(e.Context(), name, types.MergePatchType, status, metav1.PatchOptions{}, "status"); err != nil {
		e.Fatal(err)
	}
}
