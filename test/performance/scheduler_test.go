package performance

import (
	"testing"

	"k8s.io/kubernetes/test/utils/ktesting"

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
	tradewind.profile, tradewind.config = tradewindProfile, edited(b, deploy.SchedulerConfig, remembersOrder)
	timed := false
	tradewind.after = func(tCtx ktesting.TContext, r *run) error {
		if err := checkPolicies(tCtx, r); err != nil || timed {
			return err
		}
		timed = true
		if err := reportBest(tCtx, r, "scheduler_best_node_percent"); err != nil {
			return err
		}
		return measurePlugins(tCtx, r)
	}
	runs := compare(b, *roundCount, byDefault, &tradewind)
	if *onlyProfile != "" {
		return
	}
	compareAtOneRate(b, byDefault, &tradewind, runs[defaultProfile])
	sampled := tradewind
	sampled.name, sampled.pods = "sampled", *podCount/5
	sampled.config = edited(b, deploy.SchedulerConfig, looksAtASample, remembersOrder)
	sampled.after = func(tCtx ktesting.TContext, r *run) error {
		return reportBest(tCtx, r, "scheduler_best_node_percent_sampled")
	}
	sampled.measure(b)
}

// compareAtOneRate compares both profiles with as many pods a second as the default profile can place with ease: who places more pods
// in a second also leaves more garbage, of API server, etcd's client and the pods' making, in the same process.
func compareAtOneRate(b *testing.B, byDefault, tradewind *scenario, before []*run) {
	const share = 0.75 // of what the default profile placed
	throughputs := make([]float64, len(before))
	for i, r := range before {
		throughputs[i] = r.throughput
	}
	slow, ours := *byDefault, *tradewind
	slow.name, slow.pods, slow.rate = "one_rate", *podCount/2, share*median(throughputs)
	ours.name, ours.pods, ours.rate, ours.after = slow.name, slow.pods, slow.rate, checkPolicies
	compare(b, 1, &slow, &ours)
}

func reportBest(tCtx ktesting.TContext, r *run, figure string) error {
	percent, err := bestNodePercent(tCtx, r)
	if err == nil {
		report(figure, percent, "percent")
	}
	return err
}

// pairs is how often the shorter benchmarks measure each profile, in turn: one run says little on a machine that does other things too.
const pairs = 3

// BenchmarkJobs is BenchmarkScheduler with the pods of Jobs, to which no profile applies Kubernetes' default topology
// spread constraints. The default profile never does less for a pod, so Tradewind's share of the work is never larger.
func BenchmarkJobs(b *testing.B) {
	byDefault := &scenario{
		name: "jobs", profile: defaultProfile, pods: *podCount, workloads: 20, kind: jobs, cpu: "500m", memory: "1Gi",
		after: checkAllPlaced,
	}
	tradewind := *byDefault
	tradewind.profile, tradewind.config, tradewind.after = tradewindProfile, deploy.SchedulerConfig, checkPolicies
	compare(b, pairs, byDefault, &tradewind)
}

// BenchmarkBatching shows that Tradewind's plugins leave opportunistic batching on: with pods that the default profile
// batches (one fills a node, and there are no default topology spread constraints), the profile tradewind batches too.
func BenchmarkBatching(b *testing.B) {
	byDefault := &scenario{
		name: "batching", profile: defaultProfile, pods: *podCount * 3 / 10, workloads: 2, kind: jobs, cpu: "2500m", memory: "4Gi",
		after: checkAllPlaced,
	}
	tradewind := *byDefault
	tradewind.profile, tradewind.after = tradewindProfile, checkPolicies
	byDefault.config = edited(b, []byte("apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\n"+
		"profiles: [{schedulerName: default-scheduler}]\n"), withoutDefaultConstraints)
	tradewind.config = edited(b, deploy.SchedulerConfig, withoutDefaultConstraints)
	for profile, runs := range compare(b, pairs, byDefault, &tradewind) {
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
