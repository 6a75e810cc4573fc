package engine_test

import (
	"slices"
	"testing"
	"time"

	"tradewind.dev/tradewind/internal/verify"
	"tradewind.dev/tradewind/pkg/engine"
)

func benchmarkPlan(b *testing.B, pools, workloads, calls int) {
	snapshot := production(b, pools, workloads, 0.6, calls)
	b.ReportAllocs()
	var plan *engine.Plan
	for b.Loop() {
		var err error
		if plan, err = engine.Solve(snapshot, engine.Options{}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(plan.GapPercent, "gap-percent")
	b.ReportMetric(float64(plan.Unplaced), "unplaced")
	b.ReportMetric(float64(plan.Replicas), "replicas")
	for _, v := range verify.Check(snapshot, plan, engine.Options{}) {
		b.Error(v)
	}
}

func BenchmarkPlan1kx50(b *testing.B)        { benchmarkPlan(b, 50, 1000, 0) }
func BenchmarkPlan10kx500(b *testing.B)      { benchmarkPlan(b, 500, 10000, 0) }
func BenchmarkPlan10kx500Calls(b *testing.B) { benchmarkPlan(b, 500, 10000, 1) }
func BenchmarkPlan100kx1000(b *testing.B)    { benchmarkPlan(b, 1000, 100000, 0) }

func BenchmarkUpdate10kx500(b *testing.B) {
	snapshot := production(b, 500, 10000, 0.6, 0)
	solver, err := engine.NewSolver(snapshot, engine.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	var times []time.Duration
	i := 0
	for b.Loop() {
		w := snapshot.Workloads[i*37%10000]
		w.Replicas += 1 - i%3
		w.Replicas = max(w.Replicas, 0)
		begin := time.Now()
		if _, err := solver.Update(i*37%10000, w); err != nil {
			b.Fatal(err)
		}
		times = append(times, time.Since(begin))
		i++
	}
	slices.Sort(times)
	b.ReportMetric(float64(times[len(times)*99/100].Microseconds())/1000, "p99-ms")
	b.ReportMetric(float64(times[len(times)/2].Microseconds())/1000, "p50-ms")
}
