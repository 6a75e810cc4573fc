// Command engine-bench measures the placement engine on real prices, round-trip times and requests: one line a figure, "BENCH
// name value unit". Every plan that it times is recomputed by package verify; a violation ends it with status 1.
package main

import (
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"tradewind.dev/tradewind/internal/verify"
	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/engine/enginetest"
)

// share of the capacity that the workloads ask for.
const share = 0.6

func main() {
	only := flag.String("only", "", "measure only figures whose name contains this")
	flag.Parse()
	if err := run(*only); err != nil {
		fmt.Fprintln(os.Stderr, "engine-bench:", err)
		os.Exit(1)
	}
}

func run(only string) error {
	for _, group := range []struct {
		figures string
		measure func() error
	}{
		{"engine_plan_10k_x_500_seconds engine_gap_percent", plan10k},
		{"engine_gap_with_calls_percent engine_plan_with_calls_seconds", withCalls},
		{"engine_incremental_p50_ms engine_incremental_p99_ms", incremental},
		{"engine_replay_left_out engine_replay_refused", replayed},
		{"engine_invoice_gap_percent engine_invoice_gap_worst_percent engine_invoice_below_first_fit_percent engine_invoice_below_one_by_one_percent", invoice},
		{"engine_exact_gap_median_percent engine_exact_gap_worst_percent", exact},
		{"simulate_5000_replicas_seconds simulate_5000_replicas_with_losses_seconds", manyReplicas},
		{"engine_losses_ratio", lossesRatio},
		{"engine_deadline_overrun_percent engine_deadline_below_floor_overrun_percent engine_deadline_unlooked_percent engine_deadline_half_gap_percent", deadlines},
		{"engine_calls_exact_gap_median_percent engine_calls_exact_gap_worst_percent engine_calls_left_out engine_replan_moves", exactCalls},
		{"engine_plan_100k_x_1000_seconds engine_peak_mib engine_growth_exponent", growth},
	} {
		if !strings.Contains(group.figures, only) {
			continue
		}
		if err := group.measure(); err != nil {
			return fmt.Errorf("%s: %w", group.figures, err)
		}
	}
	return nil
}

func report(name string, value float64, unit string) {
	fmt.Printf("BENCH %s %.4g %s\n", name, value, unit)
}

// timed plans a snapshot and checks the plan.
func timed(size enginetest.Size) (*engine.Plan, time.Duration, error) {
	snapshot, err := enginetest.Production(size)
	if err != nil {
		return nil, 0, err
	}
	begin, busy := time.Now(), processor()
	plan, err := engine.Solve(snapshot, engine.Options{})
	took := time.Since(begin)
	busy = processor() - busy
	if err != nil {
		return nil, 0, err
	}
	fmt.Fprintf(os.Stderr, "%d workloads x %d pools, %d calls each: %.3f s (%.3f s of processor), %d replicas, %d unplaced, gap %.3f %%\n", size.Workloads,
		size.Pools, size.Calls, took.Seconds(), busy.Seconds(), plan.Replicas, plan.Unplaced, plan.GapPercent)
	return plan, took, sound(snapshot, plan, engine.Options{})
}

// processor is the time that the process has had on processors: unlike the time on the wall it does not count what others do.
func processor() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// sound recomputes a plan.
func sound(snapshot *engine.Snapshot, plan *engine.Plan, options engine.Options) error {
	var all []error
	for _, v := range verify.Check(snapshot, plan, options) {
		all = append(all, errors.New(v.String()))
	}
	return errors.Join(all...)
}

// plan10k takes the middle of three runs.
func plan10k() error {
	var times []float64
	gap := 0.0
	for range 3 {
		plan, took, err := timed(enginetest.Size{Pools: 500, Workloads: 10_000, Share: share})
		if err != nil {
			return err
		}
		times, gap = append(times, took.Seconds()), plan.GapPercent
	}
	slices.Sort(times)
	report("engine_plan_10k_x_500_seconds", times[1], "s")
	report("engine_gap_percent", gap, "%")
	return nil
}

func withCalls() error {
	plan, took, err := timed(enginetest.Size{Pools: 500, Workloads: 10_000, Calls: 1, Share: share})
	if err != nil {
		return err
	}
	report("engine_gap_with_calls_percent", plan.GapPercent, "%")
	report("engine_plan_with_calls_seconds", took.Seconds(), "s")
	return nil
}

// incremental changes one workload of 10,000 at a time: its replicas, its request, or its policy.
func incremental() error {
	const workloads, updates = 10_000, 3000
	snapshot, err := enginetest.Production(enginetest.Size{Pools: 500, Workloads: workloads, Share: share})
	if err != nil {
		return err
	}
	solver, err := engine.NewSolver(snapshot, engine.Options{})
	if err != nil {
		return err
	}
	times := make([]float64, 0, updates)
	for k := range updates {
		i := k * 37 % workloads
		w := solver.Snapshot().Workloads[i]
		switch other := snapshot.Workloads[(i*7+k)%workloads]; k % 4 {
		case 0:
			w.Replicas++
		case 1:
			w.Replicas = max(w.Replicas-1, 0)
		case 2:
			w.Request = other.Request
		default:
			w.Rules, w.Availability, w.Replicas = other.Rules, other.Availability, other.Replicas
		}
		begin := time.Now()
		plan, err := solver.Update(i, w)
		times = append(times, float64(time.Since(begin).Microseconds())/1000)
		if err != nil {
			return err
		}
		if k%500 == 499 {
			if err := sound(solver.Snapshot(), plan, engine.Options{}); err != nil {
				return err
			}
		}
	}
	slices.Sort(times)
	report("engine_incremental_p50_ms", times[len(times)/2], "ms")
	report("engine_incremental_p99_ms", times[len(times)*99/100], "ms")
	return nil
}

// growth fits time = a × (workloads × pools)^exponent by least squares of the logarithms.
func growth() error {
	var x, y []float64
	for _, size := range []enginetest.Size{
		{Pools: 100, Workloads: 2_000}, {Pools: 200, Workloads: 5_000}, {Pools: 500, Workloads: 10_000}, {Pools: 500, Workloads: 30_000},
		{Pools: 1000, Workloads: 100_000},
	} {
		size.Share = share
		_, took, err := timed(size)
		if err != nil {
			return err
		}
		x = append(x, math.Log(float64(size.Pools)*float64(size.Workloads)))
		y = append(y, math.Log(took.Seconds()))
		if size.Workloads == 100_000 {
			report("engine_plan_100k_x_1000_seconds", took.Seconds(), "s")
			report("engine_peak_mib", peakMiB(), "MiB")
		}
	}
	report("engine_growth_exponent", slope(x, y), "")
	return nil
}

func slope(x, y []float64) float64 {
	n, sx, sy, sxx, sxy := float64(len(x)), 0.0, 0.0, 0.0, 0.0
	for i := range x {
		sx, sy, sxx, sxy = sx+x[i], sy+y[i], sxx+x[i]*x[i], sxy+x[i]*y[i]
	}
	return (n*sxy - sx*sy) / (n*sxx - sx*sx)
}

// peakMiB is the most memory that the process has held so far, as Linux counts it.
func peakMiB() float64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return math.NaN()
	}
	for _, line := range strings.Split(string(status), "\n") {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 64)
			if err == nil {
				return kib / 1024
			}
		}
	}
	return math.NaN()
}
