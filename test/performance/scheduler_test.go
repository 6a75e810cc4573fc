package performance

import (
	"testing"

	"k8s.io/kubernetes/test/utils/ktesting"
	"sigs.k8s.io/yaml"

	"tradewind.dev/tradewind/deploy"
)

// BenchmarkScheduler compares the profile tradewind, as it is shipped, with Kubernetes' default profile: the same nodes,
// the same pods of ReplicaSets, the same policies in the API server.
func BenchmarkScheduler(b *testing.B) {
	byDefault := &scenario{
		name: "scheduler", profile: defaultProfile, pods: *podCount, workloads: 20, kind: replicaSets, cpu: "500m", memory: "1Gi",
		after: checkAllPlaced,
	}
	tradewind := *byDefault
	tradewind.profile, tradewind.config = tradewindProfile, deploy.SchedulerConfig
	timed := false
	tradewind.after = func(tCtx ktesting.TContext, r *run) error {
		if err := checkPolicies(tCtx, r); err != nil || timed {
			return err
		}
		timed = true
		return measurePlugins(tCtx, r)
	}
	compare(b, *roundCount, byDefault, &tradewind)
}

// BenchmarkJobs is BenchmarkScheduler with the pods of Jobs, to which no profile applies Kubernetes' default topology
// spread constraints. The default profile never does less for a pod, so Tradewind's share of the work is never larger.
func BenchmarkJobs(b *testing.B) {
	byDefault := &scenario{
		name: "jobs", profile: defaultProfile, pods: *podCount / 2, workloads: 20, kind: jobs, cpu: "500m", memory: "1Gi",
		after: checkAllPlaced,
	}
	tradewind := *byDefault
	tradewind.profile, tradewind.config, tradewind.after = tradewindProfile, deploy.SchedulerConfig, checkPolicies
	compare(b, 1, byDefault, &tradewind)
}

// BenchmarkBatching shows that Tradewind's plugins leave opportunistic batching on: with pods that the default profile
// batches (one fills a node, and there are no default topology spread constraints), the profile tradewind batches too.
func BenchmarkBatching(b *testing.B) {
	byDefault := &scenario{
		name: "batching", profile: defaultProfile, pods: *podCount / 5, workloads: 2, kind: jobs, cpu: "2500m", memory: "4Gi",
		after: checkAllPlaced,
	}
	tradewind := *byDefault
	tradewind.profile, tradewind.after = tradewindProfile, checkPolicies
	byDefault.config = withoutDefaultConstraints(b, []byte("apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\n"+
		"profiles: [{schedulerName: default-scheduler}]\n"))
	tradewind.config = withoutDefaultConstraints(b, deploy.SchedulerConfig)
	for profile, runs := range compare(b, 1, byDefault, &tradewind) {
		for _, r := range runs {
			used := r.batching.used.Load()
			report("batching_hint_used_"+profileFigure[profile], float64(used), "pods")
			report("batching_hint_not_used_"+profileFigure[profile], float64(r.batching.notUsed.Load()), "pods")
			report("batching_no_hint_"+profileFigure[profile], float64(r.batching.none.Load()), "pods")
			if used == 0 {
				b.Errorf("profile %s batched no pod: scheduler_batch_attempts_total{result=\"hint_used\"} is 0", profile)
			}
		}
	}
}

// withoutDefaultConstraints turns off PodTopologySpread's default constraints, with which pods cannot be batched.
func withoutDefaultConstraints(b *testing.B, config []byte) []byte {
	var parsed map[string]any
	if err := yaml.Unmarshal(config, &parsed); err != nil {
		b.Fatalf("scheduler configuration: %v", err)
	}
	for _, profile := range parsed["profiles"].([]any) {
		profile := profile.(map[string]any)
		arguments, _ := profile["pluginConfig"].([]any)
		profile["pluginConfig"] = append(arguments, map[string]any{
			"name": "PodTopologySpread", "args": map[string]any{"defaultingType": "List"},
		})
	}
	text, err := yaml.Marshal(parsed)
	if err != nil {
		b.Fatal(err)
	}
	return text
}
